"""Whatever botocore signs verifies, and whatever is made up raises a Fault and nothing else."""

from dataclasses import replace
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from signing_oracle import KEY, NOW, Sent, signed, verify

from strongroom.errors import Fault, InvalidSignature
from strongroom.sigv4.verify import Verifier

TOKEN = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.", min_size=1)
# A header's value in HTTP: no control characters; botocore folds what Unicode calls white space.
VALUE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=60).map(str.strip)
UNICODE = st.text(st.characters(min_codepoint=0xA1, max_codepoint=0x2FFF), max_size=8).map(
    lambda text: "".join(text.split())
)
SEGMENT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8).map(
    lambda text: quote(text, safe="~!$&'()*+,;=:@")
)
NAME = st.text(st.characters(exclude_categories=["Cs"]), max_size=8).map(
    lambda text: quote(text, safe="~")
)
HEADERS = st.dictionaries(
    TOKEN.map(lambda name: "X-Amz-" + name[:20]), VALUE | UNICODE, max_size=6
).filter(lambda headers: len({name.lower() for name in headers}) == len(headers))


@st.composite
def requests(draw):
    path = "/" + "/".join(draw(st.lists(SEGMENT | st.sampled_from(["", ".", ".."]), max_size=5)))
    pairs = draw(st.lists(st.tuples(NAME, NAME | st.none()), max_size=5))
    query = "&".join(name if value is None else f"{name}={value}" for name, value in pairs)
    headers = draw(HEADERS)
    kept = {n: v for n, v in headers.items() if n.lower() not in _READ}
    if draw(st.booleans()):
        kept["Content-Type"] = draw(VALUE)
    return signed(
        draw(st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH"])),
        path + ("?" + query if query else ""),
        kept,
        draw(st.binary(max_size=200)),
        service=draw(st.sampled_from(["kms", "sts", "cloudhsm"])),
        region=draw(st.from_regex(r"[a-z]{2}-[a-z]{3,9}-[1-9]", fullmatch=True)),
    )


_READ = {"x-amz-date", "x-amz-content-sha256", "x-amz-security-token"}


def service_of(sent):
    return sent.headers[b"authorization"].split(b"/")[3].decode()


@given(requests())
@settings(max_examples=150, deadline=None)
def test_whatever_botocore_signs_verifies_twice(sent):
    verifier = Verifier()
    for _ in range(2):
        found, scope = verify(verifier, sent, service=service_of(sent))
        assert found is KEY
        assert scope.service == service_of(sent)


@given(requests(), st.data())
@settings(max_examples=100, deadline=None)
def test_and_with_anything_signed_changed_it_does_not(sent, data):
    verifier = Verifier()
    verify(verifier, sent, service=service_of(sent))
    names = sent.headers[b"authorization"].split(b"SignedHeaders=")[1].split(b",")[0].split(b";")
    name = data.draw(st.sampled_from(names))
    altered = [
        replace(sent, headers={**sent.headers, name: sent.headers[name] + b"x"}),
        replace(sent, headers={n: v for n, v in sent.headers.items() if n != name}),
        replace(sent, body=sent.body + b"x"),
        replace(sent, method=sent.method + b"X"),
        replace(sent, target=sent.target.replace(b"?", b"/x?") + b"x"),
    ]
    for one in altered:
        with pytest.raises(Fault):
            verify(verifier, one, service=service_of(sent))


@given(st.lists(st.tuples(SEGMENT.filter(bool), SEGMENT), min_size=1, max_size=4))
@settings(max_examples=60, deadline=None)
def test_a_space_may_come_as_a_plus_as_browsers_send_it(pairs):
    spaced = [(name + " ", value) for name, value in pairs]
    query = "&".join(
        f"{quote(name, safe='~%')}={quote(value, safe='~%')}" for name, value in spaced
    )
    query = query.replace("+", "%2B")
    sent = signed("GET", "/?" + query, {})
    try:
        verify(Verifier(), sent)
    except InvalidSignature:
        return  # botocore signs these bytes as they stand; only well-encoded ones are comparable
    verify(Verifier(), replace(sent, target=sent.target.replace(b"%20", b"+")))


GARBAGE = st.one_of(
    st.binary(max_size=300),
    st.builds(
        b"AWS4-HMAC-SHA256 %b%b%b%b%b".__mod__,
        st.tuples(
            *[
                st.sampled_from(
                    [
                        b"Credential=AKIDEXAMPLE/20261123/us-east-1/kms/aws4_request",
                        b"Credential=\xff/\x00/../kms/aws4_request",
                        b"Credential=////",
                        b"SignedHeaders=host;x-amz-date",
                        b"SignedHeaders=;;%s%b;host",
                        b"SignedHeaders=",
                        b"Signature=" + b"0" * 64,
                        b"Signature=" + b"\xff" * 64,
                        b"Signature=",
                        b",",
                        b", ",
                        b"=",
                        b" ",
                        b"\t",
                        b"",
                    ]
                )
            ]
            * 5
        ),
    ),
)


@given(
    GARBAGE,
    st.binary(max_size=20) | st.sampled_from([b"20261123T193605Z", b""]),
    st.dictionaries(st.binary(max_size=12), st.binary(max_size=20), max_size=4),
    st.binary(max_size=20),
    st.binary(max_size=40),
)
@settings(max_examples=500, deadline=None)
def test_garbage_raises_a_fault_and_nothing_else(authorization, date, headers, method, target):
    sent = Sent(
        method,
        target,
        {**headers, b"host": b"h", b"x-amz-date": date, b"authorization": authorization},
        b"",
    )
    with pytest.raises(Fault) as caught:
        verify(Verifier(), sent, now=NOW)
    assert caught.value.message.isprintable()
