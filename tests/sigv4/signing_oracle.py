"""botocore as the signer: requests as a real client sends them, header names as the listener gives them."""

import calendar
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from unittest import mock

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
KEY_ID = "AKIDEXAMPLE"
NOW = float(calendar.timegm((2026, 11, 23, 19, 36, 5)))


@dataclass(frozen=True, slots=True)
class Key:
    key_id: str
    secret: str


KEY = Key(KEY_ID, SECRET)
KEYS = {KEY_ID: KEY}


@dataclass(frozen=True, slots=True)
class Sent:
    method: bytes
    target: bytes
    headers: dict[bytes, bytes]
    body: bytes

    def having(self, **headers):
        """The same request with headers set, or taken away where the value is None."""
        changed = dict(self.headers)
        for name, value in headers.items():
            key = name.replace("_", "-").encode()
            if value is None:
                del changed[key]
            else:
                changed[key] = value
        return replace(self, headers=changed)

    def authorized(self, old: bytes, new: bytes):
        """The same request with something in its Authorization header replaced."""
        before = self.headers[b"authorization"]
        assert old in before
        return self.having(authorization=before.replace(old, new))


def signed(
    method="POST",
    target="/",
    headers=None,
    body=b"{}",
    *,
    service="kms",
    region="us-east-1",
    at=NOW,
    secret=SECRET,
    key_id=KEY_ID,
    token=None,
):
    """What arrives when botocore signs and sends this."""
    if headers is None:
        headers = {
            "X-Amz-Target": "TrentService.Encrypt",
            "Content-Type": "application/x-amz-json-1.1",
        }
    headers = {"Host": "localhost:4599", **headers}
    request = AWSRequest(method, "http://localhost:4599" + target, headers=headers, data=body)
    signer = SigV4Auth(Credentials(key_id, secret, token), service, region)
    now = datetime.fromtimestamp(at, UTC)
    with mock.patch("botocore.auth.get_current_datetime", return_value=now):
        signer.add_auth(request)
    arrived = {
        name.lower().encode(): value.strip().encode() for name, value in request.headers.items()
    }
    # What every client adds without signing it.
    arrived[b"user-agent"] = b"Boto3/1.44.5"
    arrived[b"amz-sdk-request"] = b"attempt=1"
    return Sent(method.encode(), target.encode(), arrived, body)


def verify(verifier, sent, *, now=NOW, service="kms", keys=KEYS):
    return verifier.verify(
        sent.method,
        sent.target,
        sent.headers,
        sent.body,
        service=service,
        now=now,
        lookup=lambda key_id, token: None if token else keys.get(key_id),
    )
