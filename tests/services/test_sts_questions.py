"""GetAccessKeyInfo and DecodeAuthorizationMessage."""

import base64
import contextlib
import json

import pytest
from answers import one, refused, violated
from hypothesis import given
from hypothesis import strategies as st

from strongroom.keys.session import account_of, new_key_id

NEVER = "AKIAIOSFODNN7EXAMPLE"


@pytest.fixture
def sts(endpoint, account):
    return endpoint.client("sts", "us-east-1", account)


@contextlib.contextmanager
def as_user(endpoint, iam, *actions):
    """STS as a user that may do these actions."""
    iam.create_user(UserName="u")
    if actions:
        allow = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
        iam.put_user_policy(UserName="u", PolicyName="p", PolicyDocument=document)
    key = iam.create_access_key(UserName="u")["AccessKey"]
    client = endpoint.client_of(key, "sts", "us-east-1")
    try:
        yield client
    finally:
        client.close()


def not_allowed(account, action):
    return refused(
        "AccessDenied",
        f"User: arn:aws:iam::{account}:user/u is not authorized to perform: sts:{action} on resource: "
        f"* because no identity-based policy allows the sts:{action} action",
        403,
    )


# Access keys


def test_a_long_term_key_active_or_not_whoever_asks(endpoint, iam, sts, account):
    iam.create_user(UserName="owner")
    key = iam.create_access_key(UserName="owner")["AccessKey"]["AccessKeyId"]
    stranger = endpoint.client("sts", "us-east-1", "999999999999")
    for asking in (sts, stranger):
        assert asking.get_access_key_info(AccessKeyId=key)["Account"] == account
    iam.update_access_key(UserName="owner", AccessKeyId=key, Status="Inactive")
    assert sts.get_access_key_info(AccessKeyId=key)["Account"] == account
    iam.delete_access_key(UserName="owner", AccessKeyId=key)
    with refused("ValidationError", f"The access key {key} is not known"):
        sts.get_access_key_info(AccessKeyId=key)


def test_a_session_s_key(endpoint, iam, sts, account):
    iam.create_user(UserName="known")  # so that the account is here
    key = sts.get_session_token()["Credentials"]["AccessKeyId"]
    assert (len(key), key[:4]) == (20, "ASIA")
    stranger = endpoint.client("sts", "us-east-1", "999999999999")
    assert stranger.get_access_key_info(AccessKeyId=key)["Account"] == account
    # As others read the account from AWS's.
    bits = int.from_bytes(base64.b32decode(key[4:])[:6], "big")
    assert f"{(bits & 0x7FFFFFFFFF80) >> 7:012}" == account


@pytest.mark.parametrize(
    "key",
    [
        NEVER,
        "ASIA" + "A" * 15 + "1",
        "ASIA" + "A" * 17,
        "ASIA" + "7" * 16,  # a number of more than twelve digits
        pytest.param(new_key_id("777777777777"), id="of an account that is not here"),
        pytest.param("asia" + new_key_id("000000000000")[4:].lower(), id="in lower case"),
        "0" * 16,
    ],
)
def test_keys_that_are_not_known(sts, key):
    with refused("ValidationError", f"The access key {key} is not known"):
        sts.get_access_key_info(AccessKeyId=key)


def test_what_is_no_key_id(sts):
    with refused(
        "ValidationError",
        violated(
            one("'a-b-c-d-e-f-g-h-i'", "accessKeyId", "satisfy regular expression pattern: [\\w]*")
        ),
    ):
        sts.get_access_key_info(AccessKeyId="a-b-c-d-e-f-g-h-i")


def test_who_may_ask_for_a_key(endpoint, iam, account):
    with as_user(endpoint, iam) as user, not_allowed(account, "GetAccessKeyInfo"):
        user.get_access_key_info(AccessKeyId=NEVER)


def test_who_is_allowed_to_ask_for_a_key(endpoint, iam, account):
    with as_user(endpoint, iam, "sts:GetAccessKeyInfo") as user:
        own = iam.list_access_keys(UserName="u")["AccessKeyMetadata"][0]["AccessKeyId"]
        assert user.get_access_key_info(AccessKeyId=own)["Account"] == account


@given(st.integers(0, 10**12 - 1))
def test_an_id_names_its_account_and_is_new(number):
    account = f"{number:012}"
    one_id, other_id = new_key_id(account), new_key_id(account)
    assert account_of(one_id) == account_of(other_id) == account
    assert one_id != other_id


@given(st.text(max_size=24) | st.text("ABC234567", min_size=16, max_size=16).map("ASIA".__add__))
def test_any_text_is_an_account_s_or_nobody_s(text):
    account = account_of(text)
    assert account is None or (len(account) == 12 and account.isdigit())


# Encoded denials


@pytest.mark.parametrize("message", ["x", "rHU-pVHMSckD0OAc5l3r9-gKN1XZ", "e30=", "x" * 10_240])
def test_nothing_here_encodes_a_denial(sts, message):
    with refused("InvalidAuthorizationMessageException", "Message is not valid"):
        sts.decode_authorization_message(EncodedMessage=message)


def test_who_may_decode(endpoint, iam, account):
    with as_user(endpoint, iam) as user, not_allowed(account, "DecodeAuthorizationMessage"):
        user.decode_authorization_message(EncodedMessage="x")


def test_a_message_that_is_too_large(sts):
    with pytest.raises(sts.exceptions.ClientError, match="less than or equal to 10240"):
        sts.decode_authorization_message(EncodedMessage="x" * 10_241)
