"""The query protocol, spoken with botocore's own serializer and parser, and at its edges."""

from typing import Annotated
from urllib.parse import urlencode

import msgspec
import pytest
from botocore.parsers import QueryParser
from botocore.serialize import create_serializer
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from msgspec import Meta

from strongroom.errors import Fault, Serialization, Validation
from strongroom.wire import faults, markup, query
from strongroom.wire.moments import cloudtrail, from_iso8601, iso8601, of_cloudtrail
from strongroom.wire.protocol import Protocol
from strongroom.wire.shape import Shape, Timestamp
from strongroom.wire.shapes import sts

SERVICES = ["sts", "iam"]
SETTINGS = settings(
    max_examples=80,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


@pytest.mark.parametrize("service", SERVICES)
@SETTINGS
@given(data=st.data())
def test_botocores_requests_are_read(wire, service, data):
    model, shapes = wire.botocore_model(service), wire.made(service)
    name = data.draw(st.sampled_from(sorted(shapes.OPERATIONS)))
    struct = shapes.OPERATIONS[name].input
    asked = data.draw(wire.documents(struct))
    assume(without_empties(asked) == asked)
    serializer = create_serializer("query", include_validation=False)
    sent = serializer.serialize_to_request(asked, model.operation_model(name))

    form = query.parse(urlencode(sent["body"]).encode())
    assert (form.action, form.version) == (name, shapes.SERVICE.version)
    read = query.decoder(struct)(form.parameters)
    assert msgspec.to_builtins(read, builtin_types=(bytes,)) == asked


@pytest.mark.parametrize("service", SERVICES)
@SETTINGS
@given(data=st.data())
def test_botocore_reads_our_answers(wire, service, data):
    model, shapes = wire.botocore_model(service), wire.made(service)
    name = data.draw(
        st.sampled_from(sorted(name for name, (_, gives) in shapes.OPERATIONS.items() if gives))
    )
    struct = shapes.OPERATIONS[name].output
    told = data.draw(wire.documents(struct))
    answer = msgspec.convert(told, struct, builtin_types=(bytes,))
    body = markup.answer(name, answer, shapes.SERVICE.xmlns, "id")
    parsed = QueryParser(timestamp_parser=from_iso8601).parse(
        {"body": body, "headers": {}, "status_code": 200},
        model.operation_model(name).output_shape,
    )
    assert parsed.pop("ResponseMetadata")["RequestId"] == "id"
    assert parsed == speakable(told)


def without_empties(value):
    """A structure without members has no parameters, so it is not sent at all."""
    match value:
        case dict():
            found = {key: without_empties(item) for key, item in value.items()}
            return {key: item for key, item in found.items() if item != {}}
        case list():
            return [item for item in map(without_empties, value) if item != {}]
    return value


def speakable(value):
    """What XML cannot say comes back as the replacement character."""
    match value:
        case str():
            return "".join(
                c if c in "\t\n\r" or "\x20" <= c <= "\ufffd" or c > "\uffff" else "\ufffd"
                for c in value
            )
        case dict():
            return {speakable(key): speakable(item) for key, item in value.items()}
        case list():
            return [speakable(item) for item in value]
    return value


def test_get_caller_identity_to_the_letter():
    answer = sts.GetCallerIdentityResponse(
        UserId="000000000000", Account="000000000000", Arn="arn:aws:iam::000000000000:root"
    )
    assert markup.answer("GetCallerIdentity", answer, sts.SERVICE.xmlns, "id") == (
        b'<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
        b"<GetCallerIdentityResult><UserId>000000000000</UserId><Account>000000000000</Account>"
        b"<Arn>arn:aws:iam::000000000000:root</Arn></GetCallerIdentityResult>"
        b"<ResponseMetadata><RequestId>id</RequestId></ResponseMetadata>"
        b"</GetCallerIdentityResponse>"
    )


def test_an_operation_without_output_has_no_result():
    body = markup.answer("DeleteUser", None, "urn:x", "id")
    assert body == (
        b'<DeleteUserResponse xmlns="urn:x"><ResponseMetadata><RequestId>id</RequestId>'
        b"</ResponseMetadata></DeleteUserResponse>"
    )


def test_markup_in_a_value_stays_text():
    answer = sts.GetCallerIdentityResponse(Arn='</Arn><x a="1">&amp;\r\n\x00\x1b\ud800\uffff]]>')
    body = markup.answer("GetCallerIdentity", answer, sts.SERVICE.xmlns, "</RequestId>")
    assert body.count(b"</Arn>") == body.count(b"</RequestId>") == 1
    assert (
        b"&lt;/Arn&gt;&lt;x a=&quot;1&quot;&gt;&amp;amp;&#xD;\n\xef\xbf\xbd\xef\xbf\xbd"
        b"\xef\xbf\xbd\xef\xbf\xbd]]&gt;</Arn>"
    ) in body


class Pair(Shape, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    A: str | None = None


class Flat(Shape, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What IAM and STS do not have, and the protocol has."""

    L: Annotated[list[str], Meta(extra={"flattened": True})] | None = None
    M: Annotated[dict[str, int], Meta(extra={"flattened": True})] | None = None
    N: dict[str, list[Pair]] | None = None
    T: Timestamp | None = None
    B: bytes | None = None
    Y: bool | None = None
    F: float | None = None


FLAT = Flat(
    L=["a", "b"], M={"x": 1}, N={"k": [Pair(A="1"), Pair(A="2")]}, T=1.5, B=b"hi", Y=True, F=0.5
)


def test_flattened_lists_and_maps_are_read():
    form = query.parse(
        b"Action=X&L.2=b&L.1=a&M.1.key=x&M.1.value=1&N.entry.1.key=k&N.entry.1.value.member.1.A=1"
        b"&N.entry.1.value.member.2.A=2&T=1970-01-01T00%3A00%3A01.5Z&B=aGk%3D&Y=true&F=.5"
    )
    assert query.decoder(Flat)(form.parameters) == FLAT


def test_flattened_lists_and_maps_are_written():
    assert markup.structure(FLAT) == (
        "<L>a</L><L>b</L><M><key>x</key><value>1</value></M>"
        "<N><entry><key>k</key><value><member><A>1</A></member><member><A>2</A></member></value>"
        "</entry></N><T>1970-01-01T00:00:01.500Z</T><B>aGk=</B><Y>true</Y><F>0.5</F>"
    )


def test_the_numbers_of_a_list_order_it_and_gaps_close():
    assert query.decoder(Flat)({"L.10": "c", "L.9": "b", "L.2": "a"}).L == ["a", "b", "c"]


ARN = "arn:aws:iam::aws:policy/ReadOnlyAccess"


@pytest.mark.parametrize(
    "name",
    [
        "PolicyArns.member.0.arn",
        "PolicyArns.member.01.arn",
        "PolicyArns.member.-1.arn",
        "PolicyArns.member.9999999999.arn",
        "PolicyArns.member.x.arn",
        "PolicyArns.member.\u0661.arn",
        "PolicyArns.member..arn",
        "PolicyArns.member.arn",
        "PolicyArns.member",
        "PolicyArns.1.arn",
        "PolicyArns.Member.1.arn",
        "PolicyArns.arn",
        "PolicyArns",
    ],
)
@pytest.mark.parametrize("beside", [{}, {"PolicyArns.member.1.arn": ARN}])
def test_a_list_whose_items_are_not_numbered_is_malformed(name, beside):
    """A session of which a policy was lost could do more than was meant."""
    with pytest.raises(Serialization, match="the items of `PolicyArns` are not numbered"):
        query.decoder(sts.AssumeRoleRequest)(ROLE | beside | {name: ARN})


@pytest.mark.parametrize("name", ["L.0", "L.member.1", "M.0.key", "M.entry.1.key", "N.1.key"])
def test_flattened_ones_too(name):
    with pytest.raises(Serialization, match="are not numbered"):
        query.decoder(Flat)({name: "x"})


def test_a_value_that_is_a_list_is_malformed():
    for name in ("Policy.1", "Policy.member.1"):
        with pytest.raises(Serialization, match="`Policy` is not of its type"):
            query.decoder(sts.AssumeRoleRequest)(ROLE | {name: "{}"})


def test_an_empty_parameter_is_an_empty_list():
    assert query.decoder(sts.AssumeRoleRequest)(ROLE | {"Tags": ""}).Tags == []


ROLE = {"RoleArn": "arn:aws:iam::000000000000:role/r", "RoleSessionName": "me"}

MALFORMED = {
    "no pair": b"Action",
    "half an escape": b"Action=X&A=%4",
    "an escape that is none": b"Action=X&A=%zz",
    "invalid UTF-8": b"Action=X&A=%ff",
    "invalid bytes": b"Action=X&A=\xff",
    "a surrogate": b"Action=X&A=%ed%a0%80",
    "a name that comes twice": b"Action=X&A=1&A=2",
    "two actions": b"Action=X&Action=Y",
    "too many parameters": b"Action=X" + b"".join(b"&a%d=1" % n for n in range(5000)),
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_malformed_forms(body):
    with pytest.raises(Serialization, match="the form of the request is malformed"):
        query.parse(body)


def test_plus_is_a_space_and_utf8_is_read():
    form = query.parse("Action=X&A=a+b%2B&B=é&C=%C3%A9".encode())
    assert form.parameters == {"A": "a b+", "B": "é", "C": "é"}


@pytest.mark.parametrize("body", [b"", b"Version=2011-06-15", b"Action="])
def test_an_action_must_be_named(body):
    with pytest.raises(query.MissingAction):
        query.parse(body)


def test_an_unknown_action_is_named_with_its_version():
    unknown = query.unknown(query.parse(b"Action=Foo&Version=2011-06-15"))
    assert unknown.message == "Could not find operation Foo for version 2011-06-15"
    unknown = query.unknown(query.parse(b"Action=Foo"))
    assert unknown.message == "Could not find operation Foo for version NO_VERSION_SPECIFIED"
    assert len(query.unknown(query.parse(b"Action=" + b"x" * 9999)).message) < 250


@pytest.mark.parametrize(
    "parameters",
    [
        {"DurationSeconds": "abc"},
        {"DurationSeconds": "900.0"},
        {"DurationSeconds": ""},
        {"DurationSeconds": "\u0669"},  # a digit, and not ours
        {"DurationSeconds": "9" * 30},
    ],
)
def test_a_parameter_of_the_wrong_type_is_malformed(parameters):
    with pytest.raises(Serialization, match="`DurationSeconds` is not of its type"):
        query.decoder(sts.AssumeRoleRequest)(ROLE | parameters)


@pytest.mark.parametrize(
    "parameters",
    [
        {"T": "2011-07-15"},
        {"T": "1310770113"},
        {"T": "2011-02-30T00:00:00Z"},
        {"B": "hi"},
        {"Y": "1"},
        {"F": "nan"},
        {"F": "1e999"},
        {"F": "x"},
        {"M.1.key": "a"},
        {"M.1.value": "1"},
        {"M.1.key": "a", "M.1.value": "1", "M.2.key": "a", "M.2.value": "2"},
        {".".join("a" * 17): "1"},
    ],
)
def test_forms_that_are_no_request(parameters):
    with pytest.raises(Serialization):
        query.decoder(Flat)(parameters)


def test_limits_are_told_as_everywhere():
    with pytest.raises(Validation) as caught:
        query.decoder(sts.AssumeRoleRequest)(
            {"RoleArn": ROLE["RoleArn"], "Tags.member.1.Key": "", "DurationSeconds": "1"}
        )
    assert caught.value.message == (
        "5 validation errors detected: "
        "Value null at 'roleSessionName' failed to satisfy constraint: Member must not be null; "
        "Value '1' at 'durationSeconds' failed to satisfy constraint: "
        "Member must have value greater than or equal to 900; "
        "Value '' at 'tags.1.member.key' failed to satisfy constraint: "
        "Member must have length greater than or equal to 1; "
        "Value '' at 'tags.1.member.key' failed to satisfy constraint: "
        r"Member must satisfy regular expression pattern: [\p{L}\p{Z}\p{N}_.:/=+\-@]+; "
        "Value null at 'tags.1.member.value' failed to satisfy constraint: Member must not be null"
    )


@settings(max_examples=500, deadline=None, database=None)
@given(st.binary(max_size=80) | st.text("ActionTags.member=&%1+", max_size=80).map(str.encode))
def test_any_bytes_give_a_request_or_a_fault(noise):
    for body in (noise, b"Action=AssumeRole&" + noise, b"Action=AssumeRole&Tags.member." + noise):
        try:
            query.decoder(sts.AssumeRoleRequest)(query.parse(body).parameters)
        except Fault:
            continue


def test_botocore_reads_our_errors(wire):
    refusal = faults.answer(Protocol.QUERY, Validation("<why>"), "id", xmlns=sts.SERVICE.xmlns)
    parsed = QueryParser().parse(
        {"body": refusal.body, "headers": {}, "status_code": refusal.status},
        wire.botocore_model("sts").operation_model("GetCallerIdentity").output_shape,
    )
    assert parsed["Error"] == {"Type": "Sender", "Code": "ValidationError", "Message": "<why>"}
    assert parsed["ResponseMetadata"]["RequestId"] == "id"


MOMENTS = [
    (0, "1970-01-01T00:00:00Z", "Jan 1, 1970, 12:00:00 AM"),
    (1660171107, "2022-08-10T22:38:27Z", "Aug 10, 2022, 10:38:27 PM"),
    (1709210096.789, "2024-02-29T12:34:56.789Z", "Feb 29, 2024, 12:34:56 PM"),
    (-62135596800, "0001-01-01T00:00:00Z", "Jan 1, 1, 12:00:00 AM"),
    (253402300799, "9999-12-31T23:59:59Z", "Dec 31, 9999, 11:59:59 PM"),
]


@pytest.mark.parametrize(("at", "iso", "trail"), MOMENTS)
def test_moments(at, iso, trail):
    assert iso8601(at) == iso
    assert from_iso8601(iso) == pytest.approx(at)
    assert cloudtrail(at) == trail
    assert of_cloudtrail(trail) == int(at // 1)
    assert from_iso8601("2022-08-11T00:38:27+02:00") == 1660171107
