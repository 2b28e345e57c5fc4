"""Whatever is changed on the way, missing, late or somebody else's is refused in AWS's words."""

import hashlib
from base64 import b64encode
from dataclasses import replace

import pytest
from signing_oracle import KEY, KEYS, NOW, Key, signed, verify

from strongroom.errors import (
    IncompleteSignature,
    InvalidSignature,
    MissingAuthenticationToken,
    UnrecognizedClient,
)
from strongroom.sigv4.moment import of
from strongroom.sigv4.verify import MISMATCH, Verifier

GOOD = signed()
AUTHORIZATION = GOOD.headers[b"authorization"]
HASHED = b64encode(hashlib.sha256(AUTHORIZATION).digest()).decode()


@pytest.fixture(params=["fresh", "warm"])
def verifier(request):
    """A verifier that has seen nothing, and one that has just seen the good request."""
    made = Verifier()
    if request.param == "warm":
        verify(made, GOOD)
        verify(made, GOOD)
    return made


def refusal(verifier, sent, fault=InvalidSignature, **how):
    with pytest.raises(fault) as caught:
        verify(verifier, sent, **how)
    return caught.value.message


def test_the_good_request_is_taken(verifier):
    found, scope = verify(verifier, GOOD)
    assert found is KEY
    assert scope == ("AKIDEXAMPLE", "20261123", "us-east-1", "kms")


# Something was changed.


def test_the_sentence_of_a_mismatch_is_amazons_and_tells_nothing_of_ours(verifier):
    assert refusal(verifier, replace(GOOD, body=b"[]")) == (
        "The request signature we calculated does not match the signature you provided. Check "
        "your AWS Secret Access Key and signing method. Consult the service documentation for "
        "details."
    )


@pytest.mark.parametrize("at", range(1, 65))
def test_no_digit_of_the_signature_may_change(verifier, at):
    digit = AUTHORIZATION[-at : len(AUTHORIZATION) - at + 1]
    other = b"1" if digit == b"0" else b"0"
    changed = AUTHORIZATION[:-at] + other + AUTHORIZATION[len(AUTHORIZATION) - at + 1 :]
    assert refusal(verifier, GOOD.having(authorization=changed)) == MISMATCH


def test_capital_digits_are_another_signature(verifier):
    changed = AUTHORIZATION[:-64] + AUTHORIZATION[-64:].upper()
    assert refusal(verifier, GOOD.having(authorization=changed)) == MISMATCH


@pytest.mark.parametrize("cut", [1, 2, 32, 63])
def test_a_shortened_signature_is_another_signature(verifier, cut):
    assert refusal(verifier, GOOD.having(authorization=AUTHORIZATION[:-cut])) == MISMATCH


@pytest.mark.parametrize(
    "change",
    [
        {"host": b"localhost:4598"},
        {"content_type": b"application/x-amz-json-1.0"},
        {"x_amz_target": b"TrentService.Decrypt"},
        {"x_amz_target": b""},
        {"x_amz_target": None},
        {"host": None},
        {"x_amz_date": b"20261123T193606Z"},
    ],
    ids=str,
)
def test_no_signed_header_may_change_or_be_lost(verifier, change):
    assert refusal(verifier, GOOD.having(**change)) == MISMATCH


@pytest.mark.parametrize(
    "change",
    [
        {"method": b"PUT"},
        {"method": b"post"},
        {"target": b"/a"},
        {"target": b"/?a=b"},
        {"body": b"{} "},
        {"body": b""},
    ],
    ids=str,
)
def test_method_path_query_and_body_may_not_change(verifier, change):
    assert refusal(verifier, replace(GOOD, **change)) == MISMATCH


@pytest.mark.parametrize("target", ["/?a=1&b=2", "/some/path?x=y"])
def test_nor_may_another_path_or_query(target):
    sent = signed(target=target)
    verify(Verifier(), sent)
    for other in (b"/", b"/?a=1", b"/?a=1&b=3", b"/?A=1&b=2", b"/some/path", b"/some/Path?x=y"):
        assert refusal(Verifier(), replace(sent, target=other)) == MISMATCH


# Something was added that nobody signed.


@pytest.mark.parametrize("name", ["x_amz_target", "x_amz_meta_a", "x_amz_content_sha256"])
def test_an_amazon_header_must_be_signed(verifier, name):
    # No target was signed here, so adding one would choose the operation.
    sent = signed(headers={"Content-Type": "application/x-amz-json-1.1"})
    verify(verifier, sent)
    added = sent.having(**{name: b"TrentService.DisableKey"})
    assert refusal(verifier, added) == (
        f"'{name.replace('_', '-')}' must be a 'SignedHeader' in the AWS Authorization."
    )


def test_a_content_type_must_be_signed_unless_it_is_the_forms(verifier):
    sent = signed(headers={}, body=b"Action=GetCallerIdentity&Version=2011-06-15", service="sts")
    form = sent.having(content_type=b"application/x-www-form-urlencoded")
    for _ in range(2):  # the second time it is remembered, and must not widen what is allowed
        verify(verifier, form, service="sts")
        message = refusal(verifier, sent.having(content_type=b"application/json"), service="sts")
        assert message == "'content-type' must be a 'SignedHeader' in the AWS Authorization."


def test_beside_a_target_a_content_type_says_nothing_and_need_not_be_signed(verifier):
    sent = signed(headers={"X-Amz-Target": "TrentService.ListKeys"})
    for content_type in (b"application/x-amz-json-1.1", b"application/cbor", b"x"):
        verify(verifier, sent.having(content_type=content_type))
    lost = replace(
        sent.having(content_type=b"x"),
        headers={name: value for name, value in sent.headers.items() if name != b"x-amz-target"}
        | {b"content-type": b"x"},
    )
    assert refusal(verifier, lost)


def test_what_clients_add_unsigned_is_let_pass(verifier):
    verify(verifier, GOOD.having(amz_sdk_invocation_id=b"1", x_amzn_trace_id=b"Root=1"))


def test_the_host_must_be_signed(verifier):
    sent = GOOD.authorized(b"content-type;host;", b"content-type;")
    assert refusal(verifier, sent) == (
        "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
    )


# The body's hash, sent along.


def test_a_body_hash_sent_along_must_be_the_bodys(verifier):
    right = hashlib.sha256(b"{}").hexdigest()
    named = {"X-Amz-Target": "TrentService.Encrypt", "Content-Type": "application/x-amz-json-1.1"}
    sent = signed(headers={**named, "X-Amz-Content-SHA256": right})
    verify(verifier, sent)
    verify(verifier, sent)
    assert refusal(verifier, replace(sent, body=b"[]")) == MISMATCH


@pytest.mark.parametrize("said", ["UNSIGNED-PAYLOAD", "0" * 64, ""])
def test_an_unsigned_or_other_body_is_refused(verifier, said):
    named = {"X-Amz-Target": "TrentService.Encrypt", "Content-Type": "application/x-amz-json-1.1"}
    sent = signed(headers={**named, "X-Amz-Content-SHA256": said})
    assert refusal(verifier, sent) == MISMATCH


def test_a_wrong_hash_is_refused_even_when_the_real_one_was_signed(verifier):
    # Signed honestly over the body; the header, which is signed too, says something else.
    sent = honest_with_header(b"x-amz-content-sha256", b"UNSIGNED-PAYLOAD")
    assert refusal(verifier, sent) == MISMATCH


def honest_with_header(name, value):
    """GOOD with one more signed header, signed by hand over the real body's hash."""
    import hmac

    from strongroom.sigv4 import canonical
    from strongroom.sigv4.signing import signing_key

    sent = GOOD.having(**{name.decode().replace("-", "_"): value})
    names = (b"content-type", b"host", *sorted([b"x-amz-date", b"x-amz-target", name]))
    values = tuple(sent.headers[one] for one in names)
    request = canonical.beginning(b"POST", b"/", canonical.template(names), values)
    request += hashlib.sha256(sent.body).hexdigest().encode()
    to_sign = "\n".join(
        (
            "AWS4-HMAC-SHA256",
            of(NOW).basic,
            "20261123/us-east-1/kms/aws4_request",
            hashlib.sha256(request).hexdigest(),
        )
    )
    key = signing_key(KEY.secret, "20261123", "us-east-1", "kms")
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    value = (
        b"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261123/us-east-1/kms/aws4_request, "
        b"SignedHeaders=%b, Signature=%b" % (b";".join(names), signature.encode())
    )
    return sent.having(authorization=value)


# The scope.


def test_each_fault_of_the_scope_is_named_and_all_of_them_together(verifier):
    wrong = GOOD.authorized(
        b"/20261123/us-east-1/kms/aws4_request", b"/20261122/US_east/s3/aws5_request"
    )
    assert refusal(verifier, wrong) == (
        "Credential should be scoped to a valid region, not 'US_east'. "
        "Credential should be scoped to correct service: 'kms'. "
        "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws5_request'. "
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
        "'20261122' != '20261123', from '20261123T193605Z'."
    )


@pytest.mark.parametrize("region", [b"", b"-a", b"a-", b"a b", b"US-EAST-1", b"a" * 65, b"\xff"])
def test_a_region_is_a_name_that_could_be_one(verifier, region):
    sent = GOOD.authorized(b"/us-east-1/", b"/" + region + b"/")
    assert refusal(verifier, sent).startswith("Credential should be scoped to a valid region, not")


def test_another_service_is_another_scope(verifier):
    assert refusal(verifier, GOOD, service="sts") == (
        "Credential should be scoped to correct service: 'sts'."
    )


def test_yesterdays_scope_is_not_todays():
    midnight = of(NOW).at - 19 * 3600 - 36 * 60 - 5
    late = signed(at=midnight - 1)
    verify(Verifier(), late, now=midnight + 60)
    moved = late.having(x_amz_date=of(midnight).basic.encode())
    assert "Date in Credential scope" in refusal(Verifier(), moved, now=midnight + 60)


@pytest.mark.parametrize(
    "credential", [b"AKIDEXAMPLE", b"a/b/c/d", b"AKIDEXAMPLE/20261123/us-east-1/kms/aws4_request/x"]
)
def test_a_credential_has_five_parts(verifier, credential):
    sent = GOOD.authorized(b"AKIDEXAMPLE/20261123/us-east-1/kms/aws4_request", credential)
    assert refusal(verifier, sent, IncompleteSignature) == (
        "Credential must have exactly 5 slash-delimited elements, e.g. "
        f"keyid/date/region/service/term, got '{credential.decode()}'"
    )


# The date.


@pytest.mark.parametrize("late", [-300, -299, 0, 299, 300])
def test_five_minutes_either_way_are_taken(verifier, late):
    verify(verifier, GOOD, now=NOW + late)


def test_a_second_more_is_not(verifier):
    assert refusal(verifier, GOOD, now=NOW + 301) == (
        "Signature expired: 20261123T193605Z is now earlier than 20261123T193606Z "
        "(20261123T194106Z - 5 min.)"
    )
    assert refusal(verifier, GOOD, now=NOW - 301) == (
        "Signature not yet current: 20261123T193605Z is still later than 20261123T193604Z "
        "(20261123T193104Z + 5 min.)"
    )


@pytest.mark.parametrize("part", [0.25, 0.999])
def test_nor_is_a_part_of_a_second(verifier, part):
    refusal(verifier, GOOD, now=NOW + 300 + part)
    refusal(verifier, GOOD, now=NOW - 300 - part)


@pytest.mark.parametrize(
    "said",
    [
        b"201",
        b"2026-11-23T19:36:05Z",
        b"20261323T193605Z",
        b"20260230T000000Z",
        b"20261123T193660Z",
        b"20261123T193605",
        b"20261123T193605z",
        b"20261123T193605Z,20261123T193605Z",
        b"Mon, 31 Nov 2026 19:36:05 GMT",
        b"Mon, 23 Xyz 2026 19:36:05 GMT",
    ],
)
def test_a_date_must_be_one(verifier, said):
    assert refusal(verifier, GOOD.having(x_amz_date=said), IncompleteSignature) == (
        f"Date must be in ISO-8601 'basic format'. Got '{said.decode()}'. "
        "See http://en.wikipedia.org/wiki/ISO_8601"
    )


def test_an_empty_date_does_not_borrow_another_requests(verifier):
    dated = signed(headers={"Date": "to be replaced"})
    assert b"x-amz-date" not in dated.headers
    verify(verifier, dated)
    # Had the date been kept under the empty name, this stale request would take it.
    sent = dated.having(date=None)
    refusal(verifier, sent, IncompleteSignature)
    refusal(verifier, sent.having(x_amz_date=b""), IncompleteSignature)


def test_http_dates_are_read_as_botocore_and_browsers_write_them(verifier):
    sent = signed(headers={"Date": "to be replaced"})
    assert sent.headers[b"date"] == b"Mon, 23 Nov 2026 19:36:05 -0000"
    verify(verifier, sent)
    refusal(verifier, sent, now=NOW + 301)
    # Date is signed here, so another spelling of the same moment is another request.
    refusal(verifier, sent.having(date=b"Mon, 23 Nov 2026 19:36:05 GMT"))


# The header itself.


def test_no_authorization_is_no_token(verifier):
    message = refusal(verifier, GOOD.having(authorization=None), MissingAuthenticationToken)
    assert message == "Missing Authentication Token"


@pytest.mark.parametrize("value", [b"", b"Basic dGVzdDp0ZXN0", b"Bearer x", b"aws4-hmac-sha256 x"])
def test_another_scheme_is_no_token_either(verifier, value):
    refusal(verifier, GOOD.having(authorization=value), MissingAuthenticationToken)


def test_another_algorithm_is_named(verifier):
    sent = GOOD.authorized(b"AWS4-HMAC-SHA256", b"AWS4-ECDSA-P256-SHA256")
    assert refusal(verifier, sent, IncompleteSignature) == (
        "Unsupported AWS 'algorithm': 'AWS4-ECDSA-P256-SHA256'."
    )


def test_everything_missing_is_told_at_once(verifier):
    value = b"AWS4-HMAC-SHA256 Foo=Bar"
    sent = GOOD.having(authorization=value, x_amz_date=None)
    hashed = b64encode(hashlib.sha256(value).digest()).decode()
    assert refusal(verifier, sent, IncompleteSignature) == (
        "Authorization header requires 'Credential' parameter. "
        "Authorization header requires 'Signature' parameter. "
        "Authorization header requires 'SignedHeaders' parameter. "
        "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. "
        f"(Hashed with SHA-256 and encoded with Base64) Authorization={hashed}"
    )


def test_a_missing_date_alone_is_told_too(verifier):
    assert refusal(verifier, GOOD.having(x_amz_date=None), IncompleteSignature) == (
        "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. "
        f"(Hashed with SHA-256 and encoded with Base64) Authorization={HASHED}"
    )


def test_a_parameter_without_a_value_is_not_shown_again(verifier):
    value = b"AWS4-HMAC-SHA256 my-secret-by-mistake"
    message = refusal(verifier, GOOD.having(authorization=value), IncompleteSignature)
    assert message == (
        "Invalid key=value pair (missing equal-sign) in Authorization header (hashed with SHA-256 "
        f"and encoded with Base64): '{b64encode(hashlib.sha256(value).digest()).decode()}'."
    )


def test_a_parameter_twice_is_refused(verifier):
    for twice in (b"Signature=0", b"Credential=a/b/c/d/e", b"SignedHeaders=host"):
        sent = GOOD.having(authorization=AUTHORIZATION + b", " + twice)
        assert "twice" in refusal(verifier, sent, IncompleteSignature)


def test_two_authorization_headers_are_refused(verifier):
    # The listener joins them by a comma.
    sent = GOOD.having(authorization=AUTHORIZATION + b"," + AUTHORIZATION)
    refusal(verifier, sent, IncompleteSignature)


def test_the_parameters_may_come_in_any_order_and_spacing(verifier):
    start, signature = AUTHORIZATION.rsplit(b", ", 1)
    algorithm, rest = start.split(b" ", 1)
    for value in (
        algorithm + b" " + signature + b"," + rest.replace(b", ", b","),
        algorithm + b"  " + rest.replace(b", ", b" , ") + b",\t" + signature + b" ",
    ):
        verify(verifier, GOOD.having(authorization=value))
        changed = value.replace(b"Signature=", b"Signature=0")
        assert refusal(verifier, GOOD.having(authorization=changed)) == MISMATCH
        wrong = replace(GOOD.having(authorization=value), body=b"[]")
        assert refusal(verifier, wrong) == MISMATCH


def test_signed_names_are_read_in_any_order_and_case(verifier):
    verify(verifier, GOOD.authorized(b"content-type;host", b"Host;Content-Type"))


@pytest.mark.parametrize("names", [b"%b" * 9, b"host;" + b";".join(b"h%d" % n for n in range(200))])
def test_strange_lists_of_names_are_refused(verifier, names):
    sent = GOOD.authorized(b"content-type;host;x-amz-date;x-amz-target", names)
    refusal(verifier, sent, (InvalidSignature, IncompleteSignature))


def test_a_very_long_header_is_refused_before_it_is_read(verifier):
    sent = GOOD.having(authorization=AUTHORIZATION + b", X=" + b"y" * 9000)
    assert "send at most 8192" in refusal(verifier, sent, IncompleteSignature)


# The key.


def test_an_unknown_key_is_not_recognized(verifier):
    message = refusal(verifier, GOOD, UnrecognizedClient, keys={})
    assert message == "The security token included in the request is invalid."


@pytest.mark.parametrize("key_id", [b"", b"a b", b"a\xff", b"k" * 129])
def test_nor_is_one_that_cannot_be(verifier, key_id):
    sent = GOOD.authorized(b"Credential=AKIDEXAMPLE", b"Credential=" + key_id)
    refusal(verifier, sent, UnrecognizedClient)


def test_another_keys_secret_does_not_sign_for_this_one(verifier):
    refusal(verifier, GOOD, keys={"AKIDEXAMPLE": Key("AKIDEXAMPLE", "another")})


def test_a_session_token_with_a_key_that_has_none_is_not_recognized(verifier):
    sent = signed(token="FwoGZXIvYXdzEXAMPLE")
    assert b"x-amz-security-token" in sent.headers
    refusal(verifier, sent, UnrecognizedClient)
    refusal(verifier, sent, UnrecognizedClient)


def test_what_the_lookup_raises_passes_through(verifier):
    class NotLoaded(BaseException):
        pass

    def lookup(key_id, _token):
        raise NotLoaded(key_id)

    with pytest.raises(NotLoaded, match="AKIDEXAMPLE"):
        verifier.verify(b"POST", b"/", GOOD.headers, b"{}", service="kms", now=NOW, lookup=lookup)
    assert verify(verifier, GOOD, keys=KEYS)[0] is KEY


# Line breaks, which the listener refuses, change nothing if they come this far.


@pytest.mark.parametrize("name", ["host", "content_type", "x_amz_target"])
def test_a_line_break_in_a_value_is_not_a_new_line_of_the_request(verifier, name):
    value = GOOD.headers[name.replace("_", "-").encode()]
    refusal(verifier, GOOD.having(**{name: value + b"\nx-amz-meta:1"}))
