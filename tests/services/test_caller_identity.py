import pytest
from answers import members
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.httpsession import URLLib3Session


@pytest.mark.parametrize(
    ("access_key_id", "account"), [("test", "000000000000"), ("111122223333", "111122223333")]
)
def test_who_am_i(endpoint, region, access_key_id, account):
    answer = endpoint.client("sts", region, access_key_id).get_caller_identity()
    assert {"UserId", "Account", "Arn"} == members(answer)
    assert (answer["UserId"], answer["Account"]) == (account, account)
    assert answer["Arn"] == f"arn:aws:iam::{account}:root"


def by_get(endpoint, query, *, key="test"):
    """A GET of the query protocol, signed in its header, as curl sends one."""
    request = AWSRequest("GET", f"{endpoint.url}/?{query}")
    SigV4Auth(Credentials(key, "test"), "sts", "us-east-1").add_auth(request)
    session = URLLib3Session()
    try:
        answer = session.send(request.prepare())
    finally:
        session.close()
    return answer.status_code, answer.headers["content-type"], answer.text


ACTION = "Action=GetCallerIdentity&Version=2011-06-15"


def test_who_am_i_by_get(endpoint):
    status, content_type, text = by_get(endpoint, ACTION)
    assert (status, content_type) == (200, "text/xml")
    assert "<Arn>arn:aws:iam::000000000000:root</Arn>" in text


@pytest.mark.parametrize(
    ("query", "key", "status", "code"),
    [
        (ACTION, "nobody", 403, "InvalidClientTokenId"),
        ("Action=Nonsense&Version=2011-06-15", "test", 400, "InvalidAction"),
        ("Action=GetCallerIdentity&Action=x&Version=2011-06-15", "test", 400, "MalformedInput"),
        ("Action=", "test", 400, "MissingAction"),
    ],
)
def test_a_get_that_is_refused_is_told_in_xml(endpoint, query, key, status, code):
    seen, content_type, text = by_get(endpoint, query, key=key)
    assert (seen, content_type) == (status, "text/xml")
    assert f"<Code>{code}</Code>" in text


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
