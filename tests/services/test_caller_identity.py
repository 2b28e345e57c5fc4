import pytest
from answers import members


@pytest.mark.parametrize(
    ("access_key_id", "account"), [("test", "000000000000"), ("111122223333", "111122223333")]
)
def test_who_am_i(endpoint, region, access_key_id, account):
    answer = endpoint.client("sts", region, access_key_id).get_caller_identity()
    assert {"UserId", "Account", "Arn"} == members(answer)
    assert (answer["UserId"], answer["Account"]) == (account, account)
    assert answer["Arn"] == f"arn:aws:iam::{account}:root"


@pytest.mark.parametrize("access_key_id", ["nobody", "12345678901", "1234567890123", "AKIAEXAMPLE"])
def test_who_is_nobody(endpoint, region, access_key_id):
    sts = endpoint.client("sts", region, access_key_id)
    with pytest.raises(sts.exceptions.ClientError) as caught:
        sts.get_caller_identity()
    assert caught.value.response["Error"]["Code"] == "InvalidClientTokenId"
    kms = endpoint.client("kms", region, access_key_id)
    with pytest.raises(kms.exceptions.ClientError) as caught:
        kms.list_keys()
    error = caught.value.response["Error"]
    assert error["Code"] == "UnrecognizedClientException"
    assert error["Message"] == "The security token included in the request is invalid."
