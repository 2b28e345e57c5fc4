import re
import time

import pytest
from answers import members, refused
from botocore.exceptions import ClientError
from clockwork import everything_kept, folder_of
from iam_answers import no_such, not_allowed, over, pages


@pytest.fixture
def alice(iam):
    return iam.create_user(UserName="alice")["User"]


def test_a_key_comes_and_goes(iam, alice):
    made = iam.create_access_key(UserName="alice")["AccessKey"]
    assert set(made) == {"UserName", "AccessKeyId", "Status", "SecretAccessKey", "CreateDate"}
    assert re.fullmatch("AKIA[A-Z2-7]{16}", made["AccessKeyId"])
    assert re.fullmatch("[A-Za-z0-9+/]{40}", made["SecretAccessKey"])
    assert (made["UserName"], made["Status"]) == ("alice", "Active")
    assert abs(made["CreateDate"].timestamp() - time.time()) < 60
    (listed,) = iam.list_access_keys(UserName="alice")["AccessKeyMetadata"]
    assert listed == {name: made[name] for name in made if name != "SecretAccessKey"}
    at = {"UserName": "alice", "AccessKeyId": made["AccessKeyId"]}
    for status in ("Inactive", "Active"):
        assert members(iam.update_access_key(Status=status, **at)) == set()
        (listed,) = iam.list_access_keys(UserName="alice")["AccessKeyMetadata"]
        assert listed["Status"] == status
    with refused("InvalidInput", "The status of an access key is Active or Inactive."):
        iam.update_access_key(Status="Expired", **at)
    assert members(iam.delete_access_key(**at)) == set()
    assert iam.list_access_keys(UserName="alice")["AccessKeyMetadata"] == []


def test_two_and_no_more(iam, alice):
    keys = {iam.create_access_key(UserName="alice")["AccessKey"]["AccessKeyId"] for _ in range(2)}
    with over("Cannot exceed quota for AccessKeysPerUser: 2"):
        iam.create_access_key(UserName="alice")
    found, sizes = pages(iam, "list_access_keys", "AccessKeyMetadata", 1, UserName="alice")
    assert {key["AccessKeyId"] for key in found} == keys
    assert sizes == [1, 1]


def test_a_key_is_its_users_alone(iam, alice, endpoint):
    iam.create_user(UserName="bob")
    key_id = iam.create_access_key(UserName="alice")["AccessKey"]["AccessKeyId"]
    other = endpoint.client("iam", "us-east-1", "999999999999")
    for client, whose in ((iam, {"UserName": "bob"}), (iam, {}), (other, {})):
        with no_such(f"The Access Key with id {key_id} cannot be found."):
            client.update_access_key(AccessKeyId=key_id, Status="Inactive", **whose)
        with no_such(f"The Access Key with id {key_id} cannot be found."):
            client.delete_access_key(AccessKeyId=key_id, **whose)


@pytest.mark.parametrize("operation", ["create_access_key", "list_access_keys"])
def test_nobody_has_no_keys(iam, operation):
    with no_such("The user with name nobody cannot be found."):
        getattr(iam, operation)(UserName="nobody")


def test_last_used_is_as_of_a_key_never_used(iam, alice, account):
    key_id = iam.create_access_key(UserName="alice")["AccessKey"]["AccessKeyId"]
    answer = iam.get_access_key_last_used(AccessKeyId=key_id)
    assert answer["UserName"] == "alice"
    assert answer["AccessKeyLastUsed"] == {"ServiceName": "N/A", "Region": "N/A"}
    never = "AKIAAAAAAAAAAAAAAAAA"
    with not_allowed(account, "GetAccessKeyLastUsed", f"access key {never}"):
        iam.get_access_key_last_used(AccessKeyId=never)


def whoami(endpoint, key):
    client = endpoint.client("sts", "us-east-1", key["AccessKeyId"])
    client._request_signer._credentials.secret_key = key["SecretAccessKey"]
    return client.get_caller_identity()["Arn"]


def test_the_root_users_own_key_signs_until_it_is_put_away(iam, endpoint, account):
    key = iam.create_access_key()["AccessKey"]
    root = f"arn:aws:iam::{account}:root"
    assert whoami(endpoint, key) == root
    assert iam.get_account_summary()["SummaryMap"]["AccountAccessKeysPresent"] == 1
    iam.update_access_key(AccessKeyId=key["AccessKeyId"], Status="Inactive")
    with pytest.raises(ClientError, match="InvalidClientTokenId"):
        whoami(endpoint, key)
    iam.update_access_key(AccessKeyId=key["AccessKeyId"], Status="Active")
    assert whoami(endpoint, key) == root
    iam.delete_access_key(AccessKeyId=key["AccessKeyId"])
    with pytest.raises(ClientError, match="InvalidClientTokenId"):
        whoami(endpoint, key)


def test_a_users_key_signs_for_her(iam, alice, endpoint):
    key = iam.create_access_key(UserName="alice")["AccessKey"]
    assert whoami(endpoint, key).endswith(":user/alice")


def test_a_secret_is_answered_once_and_kept_sealed(iam, alice, endpoint):
    made = iam.create_access_key(UserName="alice")["AccessKey"]
    kept = everything_kept(folder_of(endpoint))
    assert made["AccessKeyId"].encode() in kept
    assert made["SecretAccessKey"].encode() not in kept
    for path in (folder_of(endpoint) / "audit").glob("*.jsonl"):
        assert made["SecretAccessKey"].encode() not in path.read_bytes()
