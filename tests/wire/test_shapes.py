"""The generated shapes are what the models say now, and say it in Python's words."""

import re
import subprocess
import sys
import unicodedata

import msgspec
import pytest

from strongroom.wire.model import members
from strongroom.wire.shape import MARKS, Nothing
from strongroom.wire.shapes import iam, kms, organizations, sts


@pytest.mark.parametrize("service", ["iam", "kms", "organizations", "sts"])
def test_what_is_committed_is_what_the_models_make(wire, service):
    committed = wire.root / "src/strongroom/wire/shapes" / f"{service}.py"
    assert committed.read_text() == wire.generator.render(service), "run `make shapes`"


@pytest.mark.parametrize(
    ("service", "module", "count"),
    [("iam", iam, 180), ("kms", kms, 56), ("organizations", organizations, 63), ("sts", sts, 11)],
)
def test_every_operation_has_the_models_members(wire, service, module, count):
    model = wire.botocore_model(service)
    assert set(module.OPERATIONS) == set(model.operation_names)
    assert len(module.OPERATIONS) == count
    for name, (takes, gives) in module.OPERATIONS.items():
        operation = model.operation_model(name)
        for struct, shape in ((takes, operation.input_shape), (gives, operation.output_shape)):
            if shape is None:
                assert struct in (None, Nothing)
                continue
            assert [each.name for each in members(struct)] == list(shape.members)
            assert {each.name for each in members(struct) if each.required} == set(
                shape.required_members
            )


def test_services_are_addressed_as_their_models_say():
    assert kms.SERVICE == ("kms", "TrentService", "2014-11-01", "")
    xmlns = "https://sts.amazonaws.com/doc/2011-06-15/"
    assert ("sts", "", "2011-06-15", xmlns) == sts.SERVICE
    xmlns = "https://iam.amazonaws.com/doc/2010-05-08/"
    assert ("iam", "", "2010-05-08", xmlns) == iam.SERVICE
    prefix = "AWSOrganizationsV20161128"
    assert ("organizations", prefix, "2016-11-28", "") == organizations.SERVICE


def test_requests_are_constrained_and_answers_are_not():
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"KeyId": ""}, kms.DescribeKeyRequest)
    answer = msgspec.convert(
        {"KeyMetadata": {"KeyId": "", "KeySpec": "x"}}, kms.DescribeKeyResponse
    )
    assert answer.KeyMetadata.KeySpec == "x"


def test_sm2_is_not_offered():
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"KeySpec": "SM2"}, kms.CreateKeyRequest)


def test_a_shape_never_shows_its_values():
    rq = kms.EncryptRequest(KeyId="alias/x", Plaintext=b"secret")
    assert repr(rq) == f"{rq}" == "EncryptRequest(KeyId, Plaintext)"
    assert rq.__rich_repr__() == []
    assert repr(kms.KeyMetadata(KeyId="id")) == "KeyMetadata(KeyId)"


def test_marks_are_known():
    """A mark that nothing reads would be a constraint that nothing keeps."""
    found = set()
    for type_ in vars(kms).values():
        for meta in getattr(type_, "__metadata__", ()):
            found |= set(meta.extra or ())
    assert {"pattern", "sensitive"} <= found <= MARKS


def test_a_correction_that_corrects_nothing_is_refused(wire, monkeypatch, tmp_path):
    (tmp_path / "overlays").mkdir()
    overlay = '{"corrections": [{"shape": "KeySpec", "without": ["NO_SUCH"], "reason": ""}]}'
    (tmp_path / "overlays" / "kms.json").write_text(overlay)
    monkeypatch.setattr(wire.generator, "_WIRE", tmp_path)
    with pytest.raises(SystemExit, match="remove the correction"):
        wire.generator.render("kms")


@pytest.mark.parametrize(
    ("service", "why"), [("s3", "renames a member"), ("acm", "contains itself")]
)
def test_a_model_that_structs_cannot_hold_is_refused(wire, service, why):
    with pytest.raises(SystemExit, match=why):
        wire.generator.render(service)


PATTERNS = [
    (
        "[0-9]{12}",
        "123456789012",
        ["1234567890123", "x123456789012", "123456789012\n", "\uff11" * 12],
    ),
    ("^[a-z]+$", "abc", ["abc\n", "\nabc", "ABC"]),
    (r"[\w]+", "a_1", ["é", "", "a b"]),
    (r"a|b", "b", ["ab", "xb"]),
    (r"^(/x)$|^(/y)$", "/y", ["/x/y", "z/y"]),
    (r"[\u0009\u000A\u000D\u0020-\u00FF]+", "a\tÿ", ["Ā", "\x00"]),
    (r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*", "Grüße 1\u2003Ⅷ", ["a!", "a\n", "a\t"]),
]


@pytest.mark.parametrize(("java", "good", "bad"), PATTERNS, ids=[case[0] for case in PATTERNS])
def test_a_pattern_matches_the_whole_as_in_java(wire, java, good, bad):
    ours = re.compile(wire.generator.matching(java))
    assert ours.search(good)
    assert not [text for text in bad if ours.search(text)]


def test_javas_letters_and_numbers_are_ours(wire):
    r"""\p{L}\p{Z}\p{N}_ against the Unicode database, every character there is."""
    ours = re.compile(wire.generator.matching(r"[\p{L}\p{Z}\p{N}_]"))
    for code in range(sys.maxunicode + 1):
        char = chr(code)
        theirs = char == "_" or unicodedata.category(char)[0] in "LZN"
        assert bool(ours.search(char)) is theirs, f"U+{code:04X}"


@pytest.mark.parametrize("java", [r"\p{Lu}", r"\uD800\uDC00-\uDBFF\uDFFF", "[a-z&&[^x]]", "(?s).*"])
def test_a_pattern_beyond_us_is_refused(wire, java):
    with pytest.raises(SystemExit, match="cannot translate"):
        wire.generator.matching(java)


def test_serving_needs_no_botocore():
    rooms = "json11 cbor query markup faults protocol redaction validation shapes.iam shapes.kms shapes.sts"
    program = "; ".join(f"import strongroom.wire.{room}" for room in rooms.split())
    program += "; import sys; assert not [m for m in sys.modules if m.startswith('botocore')]"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)
