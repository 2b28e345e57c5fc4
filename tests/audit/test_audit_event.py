"""Records are CloudTrail's, in valid JSON on one line, whatever a caller sends."""

import json
import re
import uuid

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.audit.event import Event, Kind, Recorder, anonymous, internal, quoted, read
from strongroom.audit.identifiers import identifiers
from strongroom.services.principal import root

ENCRYPT = Kind("kms.amazonaws.com", "Encrypt", True)
ALICE = root("aws", "111122223333", "AKIAIOSFODNN7EXAMPLE").identity_json
PLAIN = {
    "at": 1795462565.9,
    "region": "us-east-1",
    "source_ip": "192.0.2.7",
    "user_agent": b"Boto3/1.44.5",
    "request_id": "8f0d8a6e-29a3-4b43-9d3c-000000000001",
    "event_id": "8f0d8a6e-29a3-4b43-9d3c-000000000002",
    "account": "111122223333",
}
ORDER = [
    *("eventVersion", "userIdentity", "eventTime", "eventSource", "eventName", "awsRegion"),
    *("sourceIPAddress", "userAgent", "errorCode", "errorMessage", "requestParameters"),
    *("responseElements", "additionalEventData", "requestID", "eventID", "readOnly", "resources"),
    *("eventType", "managementEvent", "recipientAccountId", "eventCategory"),
    *("serviceEventDetails", "tlsDetails"),
]


def record(kind=ENCRYPT, identity=ALICE, **changes):
    return Recorder().record(kind, identity, **{**PLAIN, **changes})


def test_an_encrypt_event_member_by_member():
    line = record(
        request=b'{"keyId":"alias/x","encryptionAlgorithm":"SYMMETRIC_DEFAULT"}',
        additional=b'{"keyMaterialId":"00"}',
        resources=b'[{"accountId":"111122223333","type":"AWS::KMS::Key","ARN":"arn:aws:kms:::key/1"}]',
        tls=("TLSv1.3", "TLS_AES_256_GCM_SHA384"),
        host=b"kms.example:4599",
    )
    assert json.loads(line) == {
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "Root",
            "principalId": "111122223333",
            "arn": "arn:aws:iam::111122223333:root",
            "accountId": "111122223333",
            "accessKeyId": "AKIAIOSFODNN7EXAMPLE",
        },
        "eventTime": "2026-11-23T19:36:05Z",
        "eventSource": "kms.amazonaws.com",
        "eventName": "Encrypt",
        "awsRegion": "us-east-1",
        "sourceIPAddress": "192.0.2.7",
        "userAgent": "Boto3/1.44.5",
        "requestParameters": {"keyId": "alias/x", "encryptionAlgorithm": "SYMMETRIC_DEFAULT"},
        "responseElements": None,
        "additionalEventData": {"keyMaterialId": "00"},
        "requestID": PLAIN["request_id"],
        "eventID": PLAIN["event_id"],
        "readOnly": True,
        "resources": [
            {
                "accountId": "111122223333",
                "type": "AWS::KMS::Key",
                "ARN": "arn:aws:kms:::key/1",
            }
        ],
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": "111122223333",
        "eventCategory": "Management",
        "tlsDetails": {
            "tlsVersion": "TLSv1.3",
            "cipherSuite": "TLS_AES_256_GCM_SHA384",
            "clientProvidedHostHeader": "kms.example:4599",
        },
    }


FRAGMENT = st.sampled_from([b"", b'{"a":1}', b'[{"ARN":"x"}]'])
ASCII = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=20)


@given(
    st.builds(Kind, ASCII, ASCII, st.booleans(), event_type=ASCII),
    st.sampled_from([ALICE, anonymous(), anonymous("AKIA"), internal("111122223333")]),
    st.fixed_dictionaries(
        {
            "at": st.floats(0, 4e9),
            "region": ASCII,
            "source_ip": ASCII,
            "user_agent": st.just(b"") | ASCII.map(str.encode),
            "account": st.sampled_from(["", "111122223333"]),
            "additional": FRAGMENT,
            "resources": FRAGMENT,
        },
        optional={
            "request": FRAGMENT.filter(bool),
            "response": FRAGMENT.filter(bool),
            "error": st.tuples(ASCII, st.just("") | ASCII),
            "tls": st.tuples(ASCII, ASCII),
            "host": ASCII.map(str.encode),
            "service_details": FRAGMENT,
        },
    ),
)
@settings(max_examples=200, deadline=None)
def test_the_quick_writer_writes_what_the_struct_encodes(kind, identity, how):
    line = record(kind, identity, **how)
    event = read(line)
    assert msgspec.json.encode(event) == line
    members = list(json.loads(line))
    assert members == [name for name in ORDER if name in members]
    assert Event.__struct_fields__ == tuple(ORDER)


HOSTILE = st.one_of(
    st.binary(max_size=3000),
    st.text(max_size=1500).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.sampled_from([b'"}\n{"seal":', b"\\", b"\x00\x1b[2J\x7f\xc2\x9b\xe2\x80\xae", b'\\"' * 700]),
)


@given(HOSTILE, HOSTILE, HOSTILE, HOSTILE)
@settings(max_examples=400, deadline=None)
def test_no_caller_breaks_a_record(agent, host, region, message):
    line = record(
        user_agent=agent,
        tls=("TLSv1.3", "X"),
        host=host,
        region=region.decode("utf-8", "surrogateescape"),
        error=("Validation", message.decode("utf-8", "surrogateescape")),
    )
    assert re.fullmatch(rb"[\x20-\x7e]*", line)  # one line, and safe on a terminal
    event = json.loads(line)
    assert list(event) == [name for name in ORDER if name in event]
    assert read(line).eventName == "Encrypt"
    if agent:
        shown = event["userAgent"]
        assert len(shown.encode("utf-8")) <= 3 * 1024  # a wrong byte is shown as three
        if len(agent) <= 1024:
            assert shown == agent.decode("utf-8", "replace")


def test_a_long_user_agent_is_cut_between_characters():
    event = json.loads(record(user_agent=("a" + "ü" * 2000).encode()))
    assert event["userAgent"] == "a" + "ü" * 511
    assert json.loads(record(user_agent=b"a" * 1024))["userAgent"] == "a" * 1024
    assert json.loads(record(user_agent=b"a" * 1025))["userAgent"] == "a" * 1024


def test_delete_and_the_c1_controls_are_escaped():
    assert quoted("\x7f\x9b\u202e") == b'"\\u007f\\u009b\\u202e"'


@pytest.mark.parametrize(
    ("member", "argument", "limit"),
    [
        ("requestParameters", "request", 100 << 10),
        ("responseElements", "response", 100 << 10),
        ("additionalEventData", "additional", 28 << 10),
        ("serviceEventDetails", "service_details", 100 << 10),
    ],
)
def test_large_members_are_replaced_by_their_size(member, argument, limit):
    fits, does_not = (b'"' + b"x" * (limit - 2 + more) + b'"' for more in (0, 1))
    assert json.loads(record(**{argument: fits}))[member] == "x" * (limit - 2)
    assert json.loads(record(**{argument: does_not}))[member] == {
        "omitted": True,
        "originalSize": limit + 1,
        "reason": "maximum field size exceeded",
    }


def test_an_error_has_code_and_message_and_an_empty_message_is_left_out():
    event = json.loads(record(error=("AccessDenied", "User: x is not authorized")))
    assert event["errorCode"] == "AccessDenied"
    assert event["errorMessage"] == "User: x is not authorized"
    assert "errorMessage" not in json.loads(record(error=("InvalidCiphertextException", "")))
    assert "errorCode" not in json.loads(record())


def test_somebody_unknown_is_nobodys_account():
    event = json.loads(record(identity=anonymous("AKIA\x00claimed"), account=""))
    assert event["userIdentity"] == {
        "type": "AWSAccount",
        "principalId": "",
        "accountId": "ANONYMOUS_PRINCIPAL",
        "accessKeyId": "AKIA\x00claimed",
    }
    assert "recipientAccountId" not in event


def test_the_time_moves_on_in_one_recorder():
    recorder = Recorder()
    times = [
        json.loads(recorder.record(ENCRYPT, ALICE, **{**PLAIN, "at": at}))["eventTime"]
        for at in (0.0, 0.9, 1.0, 0.5)
    ]
    assert times == [f"1970-01-01T00:00:0{second}Z" for second in (0, 0, 1, 0)]


def test_a_recorder_does_not_grow():
    recorder = Recorder()
    for n in range(5000):
        recorder.record(
            ENCRYPT,
            ALICE,
            **{**PLAIN, "user_agent": b"agent %d" % n, "tls": ("a", "b"), "host": b"%d" % n},
        )
    assert len(recorder._frames) <= 1024
    assert len(recorder._tls) <= 1024


def test_one_recorder_does_not_confuse_callers():
    recorder = Recorder()
    bob = root("aws", "444455556666", "AKIAI44QH8DHBEXAMPLE").identity_json
    for changes in (
        {},
        {"region": "eu-west-1"},
        {"source_ip": "192.0.2.8"},
        {"user_agent": b""},
        {"account": "444455556666"},
    ):
        for identity in (ALICE, bob):
            for kind in (ENCRYPT, Kind("kms.amazonaws.com", "Decrypt", True)):
                asked = {**PLAIN, **changes}
                assert recorder.record(kind, identity, **asked) == record(kind, identity, **asked)


def test_identifiers_are_uuids_and_never_the_same():
    made = identifiers()
    seen = {next(made) for _ in range(2000)}
    assert len(seen) == 2000
    for text in seen:
        parsed = uuid.UUID(text)
        assert str(parsed) == text
        assert parsed.version == 4
        assert parsed.variant == uuid.RFC_4122
