"""Refusals in AWS's words.  Those marked R in the KMS facts are to the letter."""

import json
from typing import Annotated

import pytest
from msgspec import Meta

from strongroom.errors import Serialization, Validation
from strongroom.wire import json11, validation
from strongroom.wire.shape import Shape
from strongroom.wire.shapes import kms

MIB = 2**20


def refused(operation, document, fault):
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    with pytest.raises(fault) as caught:
        json11.decoder(kms.OPERATIONS[operation].input)(body)
    return caught.value.message


ONE = "1 validation error detected: "
HMACS = "HMAC_SHA_224, HMAC_SHA_256, HMAC_SHA_384, HMAC_SHA_512"

CONSTRAINTS = [
    (
        "a missing member",
        "DescribeKey",
        {},
        ONE + "Value null at 'keyId' failed to satisfy constraint: Member must not be null",
    ),
    (
        "a null member",
        "DescribeKey",
        {"KeyId": None},
        ONE + "Value null at 'keyId' failed to satisfy constraint: Member must not be null",
    ),
    (
        "a number too small",
        "GenerateRandom",
        {"NumberOfBytes": 0},
        ONE + "Value '0' at 'numberOfBytes' failed to satisfy constraint: "
        "Member must have value greater than or equal to 1",
    ),
    (
        "a number too large",
        "GenerateRandom",
        {"NumberOfBytes": 1025},
        ONE + "Value '1025' at 'numberOfBytes' failed to satisfy constraint: "
        "Member must have value less than or equal to 1024",
    ),
    (
        "a blob too long, not echoed",
        "Encrypt",
        {"KeyId": "a", "Plaintext": "QUFB" * 1366},
        ONE + "Value at 'plaintext' failed to satisfy constraint: "
        "Member must have length less than or equal to 4096",
    ),
    (
        "an empty blob",
        "Encrypt",
        {"KeyId": "a", "Plaintext": ""},
        ONE + "Value at 'plaintext' failed to satisfy constraint: "
        "Member must have length greater than or equal to 1",
    ),
    (
        "a value outside a set",
        "GenerateMac",
        {"KeyId": "a", "Message": "aGk=", "MacAlgorithm": "INVALID"},
        ONE + "Value 'INVALID' at 'macAlgorithm' failed to satisfy constraint: "
        f"Member must satisfy enum value set: [{HMACS}]",
    ),
    (
        "a pattern",
        "DeleteAlias",
        {"AliasName": "alias/a b"},
        ONE + "Value 'alias/a b' at 'aliasName' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$",
    ),
    (
        "a line end after what would match",
        "DeleteAlias",
        {"AliasName": "alias/a\n"},
        ONE + "Value 'alias/a\n' at 'aliasName' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$",
    ),
    (
        "a member of an item",
        "TagResource",
        {"KeyId": "a", "Tags": [{"TagKey": "k" * 129, "TagValue": "v"}]},
        ONE + f"Value '{'k' * 129}' at 'tags.1.member.tagKey' failed to satisfy constraint: "
        "Member must have length less than or equal to 128",
    ),
    (
        "a missing member of the second item",
        "TagResource",
        {"KeyId": "a", "Tags": [{"TagKey": "k", "TagValue": "v"}, {"TagKey": "k"}]},
        ONE + "Value null at 'tags.2.member.tagValue' failed to satisfy constraint: "
        "Member must not be null",
    ),
    (
        "an item that is null",
        "TagResource",
        {"KeyId": "a", "Tags": [None]},
        ONE + "Value null at 'tags.1.member' failed to satisfy constraint: Member must not be null",
    ),
    (
        "scalars in a list",
        "UntagResource",
        {"KeyId": "a", "TagKeys": ["ok", "", None]},
        ONE + "Value '[ok, , null]' at 'tagKeys' failed to satisfy constraint: "
        "Member must satisfy constraint: [Member must have length less than or equal to 128, "
        "Member must have length greater than or equal to 1, Member must not be null]",
    ),
    (
        "a list too long, of what may not be shown",
        "DescribeKey",
        {"KeyId": "a", "GrantTokens": ["token"] * 11},
        ONE + "Value at 'grantTokens' failed to satisfy constraint: "
        "Member must have length less than or equal to 10",
    ),
    (
        "a list too short",
        "ListKeys",
        {"ResourceOwners": []},
        ONE + "Value '[]' at 'resourceOwners' failed to satisfy constraint: "
        "Member must have length greater than or equal to 1",
    ),
    (
        "a null in a map",
        "Encrypt",
        {"KeyId": "a", "Plaintext": "aGk=", "EncryptionContext": {"a": None, "b": "c"}},
        ONE + "Value '{a=null, b=c}' at 'encryptionContext' failed to satisfy constraint: "
        "Map value must satisfy constraint: [Member must not be null]",
    ),
    (
        "a password, not echoed",
        "CreateCustomKeyStore",
        {"CustomKeyStoreName": "x", "KeyStorePassword": "hunter"},
        ONE + "Value at 'keyStorePassword' failed to satisfy constraint: "
        "Member must have length greater than or equal to 7",
    ),
    (
        "a member of a structure",
        "CreateGrant",
        {"KeyId": "a", "Operations": [], "Constraints": {"SourceArn": "arn"}},
        "2 validation errors detected: "
        "Value 'arn' at 'constraints.sourceArn' failed to satisfy constraint: "
        "Member must have length greater than or equal to 20; "
        "Value 'arn' at 'constraints.sourceArn' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: "
        "^arn:aws[a-z0-9-]*:[a-z0-9-]+:[a-z0-9-]*:[0-9]{12}:.+$",
    ),
    (
        "two members",
        "CreateAlias",
        {"AliasName": "?"},
        "2 validation errors detected: "
        "Value '?' at 'aliasName' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$; "
        "Value null at 'targetKeyId' failed to satisfy constraint: Member must not be null",
    ),
]


@pytest.mark.parametrize(
    ("operation", "document", "message"),
    [case[1:] for case in CONSTRAINTS],
    ids=[case[0] for case in CONSTRAINTS],
)
def test_constraints(operation, document, message):
    assert refused(operation, document, Validation) == message


LIST = "Start of list found where not expected"
MAP = "Start of structure or map found where not expected."


def java(name, wanted):
    return f"class java.lang.{name} can not be converted to {wanted}"


TYPES = [
    ("DescribeKey", {"KeyId": True}, java("Boolean", "an String")),
    ("DescribeKey", {"KeyId": 23}, java("Short", "an String")),
    ("DescribeKey", {"KeyId": -2147483648}, java("Integer", "an String")),
    ("DescribeKey", {"KeyId": 2147483648}, java("Long", "an String")),
    ("DescribeKey", {"KeyId": 34.56}, java("Double", "an String")),
    ("DescribeKey", {"KeyId": []}, LIST),
    ("DescribeKey", {"KeyId": {}}, MAP),
    ("ListKeys", {"Limit": "23"}, java("String", "an Integer")),
    ("ListKeys", {"Limit": True}, java("Boolean", "an Integer")),
    ("ListKeys", {"Limit": 30.0}, java("Double", "an Integer")),
    ("ListKeys", {"Limit": 2**31}, java("Long", "an Integer")),
    ("CreateKey", {"MultiRegion": "true"}, java("String", "an Boolean")),
    ("CreateKey", {"MultiRegion": 1}, java("Short", "an Boolean")),
    ("CreateKey", {"KeySpec": 1}, java("Short", "an String")),
    ("Encrypt", {"Plaintext": 1}, java("Short", "a Blob")),
    ("ImportKeyMaterial", {"ValidTo": "x"}, java("String", "milliseconds since epoch")),
    ("ImportKeyMaterial", {"ValidTo": True}, java("Boolean", "milliseconds since epoch")),
    ("TagResource", {"Tags": "x"}, "Expected list or null"),
    ("TagResource", {"Tags": {}}, MAP),
    ("TagResource", {"Tags": ["x"]}, "Expected null"),
    ("UntagResource", {"TagKeys": [1]}, java("Short", "an String")),
    ("Encrypt", {"EncryptionContext": 1}, "Expected map or null"),
    ("Encrypt", {"EncryptionContext": []}, LIST),
    ("Encrypt", {"EncryptionContext": {"a": 1}}, java("Short", "an String")),
    ("CreateGrant", {"Constraints": 1}, "Expected null"),
    ("CreateGrant", {"Constraints": []}, LIST),
]


@pytest.mark.parametrize(("operation", "document", "message"), TYPES)
def test_types(operation, document, message):
    """A wrong type is all that is told, however much else is missing."""
    assert refused(operation, document, Serialization) == message


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("hello", "Base64 encoded length is expected a multiple of 4 bytes but found: 5"),
        ("aGk", "Base64 encoded length is expected a multiple of 4 bytes but found: 3"),
        ("-_-_", "Invalid Base64 character"),
        ("aG\nk", "Invalid Base64 character"),
        ("aGk=aGk=", "Invalid Base64 character"),
        ("a===", "Invalid Base64 character"),
        ("aGé=", "Invalid Base64 character"),
    ],
)
def test_text_that_is_no_base64_is_refused_and_not_echoed(text, reason):
    message = refused("Encrypt", {"KeyId": "a", "Plaintext": text}, Serialization)
    assert message == f"Value at 'plaintext' can not be converted to a Blob: {reason}"


@pytest.mark.parametrize("at", [1e300, -1e300, 253402300800, -62135596801])
def test_a_time_that_no_calendar_has_is_refused(at):
    document = {"KeyId": "a", "ImportToken": "aGk=", "EncryptedKeyMaterial": "aGk=", "ValidTo": at}
    assert "years 1 to 9999" in refused("ImportKeyMaterial", document, Serialization)


def test_ten_violations_are_told_and_no_more():
    tags = [{"TagKey": "", "TagValue": ""}] * 1000
    message = refused("TagResource", {"KeyId": "a", "Tags": tags}, Validation)
    assert message.startswith("10 validation errors detected: ")
    assert message.count("failed to satisfy") == 10


@pytest.mark.parametrize(
    ("operation", "document"),
    [
        ("UntagResource", {"KeyId": "a", "TagKeys": ["k"] * 20_000 + [""]}),
        ("TagResource", {"KeyId": "a", "Tags": [{"TagKey": "k", "TagValue": ""}] * 9_000 + [{}]}),
    ],
)
def test_a_refusal_looks_at_so_many_values_and_no_more(operation, document):
    assert refused(operation, document, Serialization) == validation.TOO_MANY


@pytest.mark.parametrize(
    ("operation", "document"),
    [
        ("DescribeKey", {"KeyId": "k" * MIB}),
        ("DeleteAlias", {"AliasName": "?" * MIB}),
        ("UntagResource", {"KeyId": "a", "TagKeys": ["k" * MIB]}),
        ("TagResource", {"KeyId": "a", "Tags": [{"TagKey": "k" * MIB, "TagValue": "v" * MIB}]}),
        ("Encrypt", {"KeyId": "a", "Plaintext": "aGk=", "EncryptionContext": {"k" * MIB: None}}),
        ("DescribeKey", {"KeyId": ["k" * MIB]}),
    ],
)
def test_messages_are_bounded(operation, document):
    message = refused(operation, document, (Validation, Serialization))
    assert len(message) < 12_000


class Odd(Shape, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What other services have: keys with limits, lists in maps, numbers in lists."""

    Filters: dict[Annotated[str, Meta(max_length=2)], list[str]] | None = None
    Numbers: list[Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]] | None = None
    Longs: list[Annotated[int, Meta(ge=-(2**63), le=9, extra={"long": True})]] | None = None


ODD = [
    (
        {"Filters": {"abc": []}},
        "Value at 'filters' failed to satisfy constraint: Map keys must satisfy constraint: "
        "[Member must have length less than or equal to 2, Member must not be null]",
    ),
    (
        {"Filters": {"a": None}},
        "Value null at 'filters.a.member' failed to satisfy constraint: Member must not be null",
    ),
    (
        {"Filters": {"a": ["x", None]}},
        "Value '[x, null]' at 'filters.a.member' failed to satisfy constraint: "
        "Member must satisfy constraint: [Member must not be null]",
    ),
    (
        {"Numbers": [None]},  # the bounds of the type are no constraint of the model's
        "Value '[null]' at 'numbers' failed to satisfy constraint: "
        "Member must satisfy constraint: [Member must not be null]",
    ),
    (
        {"Longs": [2**40]},
        "Value '[1099511627776]' at 'longs' failed to satisfy constraint: Member must satisfy "
        "constraint: [Member must have value less than or equal to 9, Member must not be null]",
    ),
]


@pytest.mark.parametrize(("document", "message"), ODD)
def test_constraints_that_kms_has_not(document, message):
    with pytest.raises(Validation) as caught:
        json11.decoder(Odd)(json.dumps(document).encode())
    assert caught.value.message == ONE + message


def test_a_document_with_nothing_wrong_is_unreadable_all_the_same():
    """What the walk cannot explain is still refused, never a success and never our error."""
    fault = validation.refusal({"KeyId": "a"}, kms.DescribeKeyRequest, blobs=str)
    assert (type(fault), fault.message) == (Serialization, validation.UNREADABLE)
