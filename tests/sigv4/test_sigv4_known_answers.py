"""Signatures made by Amazon, by botocore and by Node's crypto are ours."""

import json
import re
from pathlib import Path

import pytest
from signing_oracle import Key

from strongroom.errors import InvalidSignature
from strongroom.sigv4.moment import read
from strongroom.sigv4.verify import Verifier

VECTORS = Path(__file__).parents[2] / "vectors" / "sigv4"
AWS = json.loads((VECTORS / "aws.json").read_text())
REQUESTS = json.loads((VECTORS / "requests.json").read_text())
SIGNED = {by: json.loads((VECTORS / f"{by}.json").read_text()) for by in ("botocore", "node")}


@pytest.mark.parametrize("case", AWS["cases"], ids=lambda case: case["name"])
def test_amazons_own_cases_verify(case):
    headers = {}
    for name, value in case["headers"]:
        key = name.lower().encode()
        headers[key] = headers[key] + b"," + value.encode() if key in headers else value.encode()
    headers[b"authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={AWS['key_id']}/20150830/{AWS['region']}/{AWS['service']}"
        f"/aws4_request, SignedHeaders={case['signed']}, Signature={case['signature']}"
    ).encode()
    key = Key(AWS["key_id"], AWS["secret"])
    now = read(b"20150830T123600Z").at
    found, scope = Verifier().verify(
        case["method"].encode(),
        case["target"].encode(),
        headers,
        b"",
        service="service",
        now=now,
        lookup=lambda key_id, _token: {key.key_id: key}.get(key_id),
    )
    assert found is key
    assert scope == ("AKIDEXAMPLE", "20150830", "us-east-1", "service")


def test_two_strangers_agree():
    assert SIGNED["botocore"] == SIGNED["node"]
    assert SIGNED["node"].keys() == {case["name"] for case in REQUESTS["cases"]}


@pytest.mark.parametrize("by", SIGNED)
@pytest.mark.parametrize("case", REQUESTS["cases"], ids=lambda case: case["name"])
def test_what_others_signed_verifies(case, by):
    verify_vector(case, SIGNED[by][case["name"]])


@pytest.mark.parametrize("case", REQUESTS["cases"], ids=lambda case: case["name"])
def test_and_with_one_digit_changed_does_not(case):
    authorization = SIGNED["node"][case["name"]]
    digit = re.search("Signature=(.)", authorization)[1]
    other = "1" if digit == "0" else "0"
    with pytest.raises(InvalidSignature):
        verify_vector(case, authorization.replace(f"Signature={digit}", f"Signature={other}"))


def verify_vector(case, authorization):
    key = Key(REQUESTS["key_id"], REQUESTS["secret"])
    headers = {name.lower().encode(): value.encode() for name, value in case["headers"].items()}
    date = REQUESTS["date"].encode()
    headers |= {b"x-amz-date": date, b"authorization": authorization.encode()}
    found, scope = Verifier().verify(
        case["method"].encode(),
        case["target"].encode(),
        headers,
        case["body"].encode(),
        service=case["service"],
        now=read(date).at,
        lookup=lambda key_id, _token: {key.key_id: key}.get(key_id),
    )
    assert found is key
    assert scope.region == case["region"]
