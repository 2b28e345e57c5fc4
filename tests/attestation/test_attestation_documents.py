"""Which attestation documents are believed: AWS's own, those of a root that is given, and no others."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import cbor2
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from enclaves import (
    REGISTERS,
    SIGNS_CERTIFICATES,
    SIGNS_DOCUMENTS,
    Enclave,
    Hypervisor,
    issue,
)
from hypothesis import given
from hypothesis import strategies as st

from strongroom.attestation.document import read
from strongroom.attestation.trust import Roots
from strongroom.errors import Validation

AWS = (Path(__file__).parents[2] / "vectors" / "attestation" / "nitro-enclave.cose").read_bytes()
WHEN = 1_663_263_808.848  # says AWS's document
ENCLAVE = Enclave()
HYPERVISOR = Hypervisor()
DOCUMENT = HYPERVISOR.document(ENCLAVE.public_key)


def now():
    return datetime.now(UTC).timestamp()


def refused(document, at=None, roots=None):
    """Why it is not believed."""
    roots = roots or Roots(HYPERVISOR.pem)
    with pytest.raises(Validation) as caught:
        roots.attested("", document, now() if at is None else at)
    start, end = "The attestation document is not valid: ", "."
    assert caught.value.message.startswith(start)
    return caught.value.message.removeprefix(start).removesuffix(end)


UNTRUSTED = "its certificates do not lead to a trusted root, or are expired"
CHANGED = "its signature does not match"
STRANGE = "its content is not that of an attestation document"


def test_a_document_of_aws():
    """All of it is right but its key, which is of X25519: that is looked at last."""
    assert refused(AWS, WHEN, Roots()) == "its public key cannot be read"
    said = read(AWS).payload
    assert said.module_id == "i-0697c9729fa547b20-enc0183422ede9a5dc8"
    assert said.timestamp == WHEN * 1000
    assert sorted(said.registers) == list(range(16))
    assert said.registers[0].hex().startswith("ea4212ee889ba1b4")


@pytest.mark.parametrize("hours", [-1, 4, 24 * 365])
def test_aws_certificates_are_valid_for_three_hours(hours):
    roots = Roots()
    assert refused(AWS, WHEN, roots) != UNTRUSTED
    assert refused(AWS, WHEN + hours * 3600, roots) == UNTRUSTED, "though the chain is remembered"


def test_a_document_of_aws_under_another_root_and_another_under_aws():
    assert refused(AWS, WHEN) == UNTRUSTED
    assert refused(DOCUMENT, roots=Roots()) == UNTRUSTED


@given(st.integers(0, len(AWS) - 1), st.integers(1, 255))
def test_a_document_of_aws_that_was_altered(at, by):
    altered = bytearray(AWS)
    altered[at] ^= by
    assert refused(bytes(altered), WHEN, Roots()) != "its public key cannot be read"


@pytest.mark.parametrize("tag", [b"", b"\xd2"])
def test_what_a_believed_document_says(tag):
    said = Roots(HYPERVISOR.pem).attested("", tag + DOCUMENT, now())
    assert said.module_id == "i-1234567890abcdef0-enc1234567890abcdef"
    assert said.is_enclave
    assert said.registers == REGISTERS
    assert said.key.public_numbers() == ENCLAVE.key.public_key().public_numbers()


def test_a_document_of_nitrotpm():
    document = HYPERVISOR.payload(ENCLAVE.public_key, nitrotpm_pcrs={4: b"\x04" * 48})
    del document["pcrs"]
    said = Roots(HYPERVISOR.pem).attested("", HYPERVISOR.sign(cbor2.dumps(document)), now())
    assert (said.is_enclave, said.registers) == (False, {4: b"\x04" * 48})


def test_two_documents_of_one_enclave_are_two_answers():
    roots = Roots(HYPERVISOR.pem)
    other = Enclave()
    for enclave in (ENCLAVE, other, ENCLAVE):
        said = roots.attested("", HYPERVISOR.document(enclave.public_key), now())
        assert said.key.public_numbers() == enclave.key.public_key().public_numbers()


def test_who_has_only_a_trusted_chain_signs_nothing():
    """The certificates of another's document are there to be copied."""
    roots = Roots(HYPERVISOR.pem)
    roots.attested("", DOCUMENT, now())
    payload = cbor2.dumps(HYPERVISOR.payload(ENCLAVE.public_key))
    forged = HYPERVISOR.sign(payload, by=ec.generate_private_key(ec.SECP384R1()))
    assert refused(forged, roots=roots) == CHANGED


@pytest.mark.filterwarnings("ignore:Parsed a serial number which wasn't positive")
@given(st.integers(0, len(DOCUMENT) - 1), st.integers(1, 255))
def test_whatever_is_altered_is_refused(at, by):
    altered = bytearray(DOCUMENT)
    altered[at] ^= by
    assert refused(bytes(altered))


@given(st.binary(max_size=200))
def test_what_is_none_at_all(junk):
    assert refused(junk)


@pytest.mark.parametrize(
    "junk",
    [
        b"",
        b"\x80",
        b"\x84\x40\xa0\x40",
        b"\x9f" * 12_000,
        b"\x81" * 12_000,
        b"\x9a\xff\xff\xff\xff",
        b"\xd2" * 100,
        cbor2.dumps([bytes.fromhex("a1013822"), {}, b"\x81" * 12_000, bytes(96)]),
        cbor2.dumps([bytes.fromhex("a1013822"), {}, cbor2.dumps([1]), bytes(96)]),
        cbor2.dumps([bytes.fromhex("a1013822"), {}, DOCUMENT, bytes(96), b""]),
    ],
    ids=range(10),
)
def test_malformed_documents(junk):
    assert refused(junk) in (
        "it is not CBOR",
        "it is not a COSE_Sign1 structure",
        STRANGE,
    )


def test_a_document_of_more_than_12_kib():
    most = 12 * 1024
    assert refused(b"x" * most) == "it is not CBOR"
    assert refused(b"x" * (most + 1)) == "it is too large"


def test_the_longest_of_documents_is_not_too_large():
    """What the specification lets one hold, but for certificates: AWS's have some 700 bytes."""
    whole = HYPERVISOR.document(
        ENCLAVE.public_key,
        pcrs={at: bytes(64) for at in range(32)},
        user_data=b"u" * 1024,
        nonce=b"n" * 1024,
    )
    assert Roots(HYPERVISOR.pem).attested("", whole, now())


def test_what_stands_beside_the_signed_is_bounded_too():
    """Of tags, a reader would make big numbers, dates and regular expressions."""
    protected, _, payload, signature = cbor2.loads(DOCUMENT)
    beside = {1: cbor2.CBORTag(35, "(a+)+b")}
    assert refused(cbor2.dumps([protected, beside, payload, signature])) == "it is not CBOR"
    assert refused(DOCUMENT + b"\0") == "it is not CBOR"
    for many, why in ((400, None), (600, "it is not CBOR")):
        whole = cbor2.dumps([protected, {0: [0] * many}, payload, signature])
        assert why is None or refused(whole) == why
        assert why or Roots(HYPERVISOR.pem).attested("", whole, now())


@pytest.mark.parametrize(
    "change",
    [
        {"module_id": ""},
        {"module_id": b"i-1"},
        {"digest": "SHA256"},
        {"timestamp": 0},
        {"timestamp": "now"},
        {"pcrs": {}},
        {"pcrs": {32: b"\0" * 48}},
        {"pcrs": {-1: b"\0" * 48}},
        {"pcrs": {"0": b"\0" * 48}},
        {"pcrs": {0: b"\0" * 47}},
        {"pcrs": {0: "0" * 48}},
        {"pcrs": None},
        {"nitrotpm_pcrs": {0: b"\0" * 48}},
        {"certificate": b""},
        {"certificate": None},
        {"cabundle": []},
        {"cabundle": [b""]},
        {"cabundle": [b"x" * 1025]},
        {"public_key": b"x" * 1025},
        {"nonce": b"x" * 1025},
    ],
    ids=lambda change: f"{change}"[:40],
)
def test_content_that_the_specification_forbids(change):
    payload = HYPERVISOR.payload(ENCLAVE.public_key) | change
    assert refused(HYPERVISOR.sign(cbor2.dumps(payload))) == STRANGE


@pytest.mark.parametrize("name", ["module_id", "digest", "timestamp", "pcrs", "certificate"])
def test_content_that_is_missing(name):
    payload = HYPERVISOR.payload(ENCLAVE.public_key)
    del payload[name]
    assert refused(HYPERVISOR.sign(cbor2.dumps(payload))) == STRANGE


@pytest.mark.parametrize("name", ["certificate", "cabundle"])
def test_a_certificate_of_a_version_that_there_is_not(name):
    before, after = HYPERVISOR.signer.der.split(bytes.fromhex("a003020102"), 1)
    fifth = before + bytes.fromhex("a003020104") + after
    document = HYPERVISOR.document(
        ENCLAVE.public_key, **{name: fifth if name == "certificate" else [fifth]}
    )
    assert refused(document) == "it has a certificate that cannot be read"


def spki(key):
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def odd(n, e):
    """The SPKI of an RSA key as nobody makes one."""

    def framed(tag, content):
        size = len(content)
        head = bytes((size,)) if size < 0x80 else b"\x82" + size.to_bytes(2)
        return bytes((tag,)) + head + content

    numbers = b"".join(framed(2, each.to_bytes(each.bit_length() // 8 + 1)) for each in (n, e))
    algorithm = bytes.fromhex("300d06092a864886f70d0101010500")
    return framed(0x30, algorithm + framed(3, b"\0" + framed(0x30, numbers)))


N = 2**2047 + 1
UNFIT_KEY = "nothing can be encrypted under its public key"
WRONG_KEY = "its public key is not RSA of 2048, 3072 or 4096 bits"


@pytest.mark.parametrize(
    ("public_key", "why"),
    [
        (None, "it has no public key to encrypt the answer under"),
        (b"", "it has no public key to encrypt the answer under"),
        (b"x", "its public key cannot be read"),
        (spki(ec.generate_private_key(ec.SECP256R1())), WRONG_KEY),
        (spki(rsa.generate_private_key(65537, 1024)), WRONG_KEY),
        (odd(N - 1, 65537), UNFIT_KEY),
        (odd(N, 2**64 + 1), UNFIT_KEY),
    ],
    ids=["none", "empty", "junk", "curve", "1024 bits", "even", "long exponent"],
)
def test_keys_that_an_answer_cannot_be_for(public_key, why):
    assert refused(HYPERVISOR.document(public_key)) == why


def test_other_algorithms_than_es384():
    payload = cbor2.dumps(HYPERVISOR.payload(ENCLAVE.public_key))
    said = "it is not signed by ECDSA with SHA-384"
    es256 = HYPERVISOR.sign(payload, protected=cbor2.dumps({1: -7}))
    more = HYPERVISOR.sign(payload, protected=cbor2.dumps({1: -35, 4: b"kid"}))
    assert (refused(es256), refused(more)) == (said, said)
    assert refused(HYPERVISOR.sign(payload, hash_=hashes.SHA256())) == CHANGED
    short = HYPERVISOR.sign(payload, by=ec.generate_private_key(ec.SECP256R1()))
    assert refused(short) == said


def signed_by(signer, *issuers):
    """A document by somebody else's certificate."""
    made = HYPERVISOR.payload(
        ENCLAVE.public_key, certificate=signer.der, cabundle=[each.der for each in issuers]
    )
    return HYPERVISOR.sign(cbor2.dumps(made), by=signer.key)


def test_chains_that_lead_nowhere():
    root, regional, zonal = HYPERVISOR.root, HYPERVISOR.regional, HYPERVISOR.zonal
    by_zone = issue("i-2-enc2", zonal, is_ca=False)
    assert Roots(HYPERVISOR.pem).attested("", signed_by(by_zone, root, regional, zonal), now())
    own = issue("tests.nitro-enclaves")
    for document in (
        signed_by(own, own),  # its own root
        signed_by(issue("enclave", own, is_ca=False), own),
        signed_by(by_zone, root, zonal),  # an issuer is missing
        signed_by(by_zone, root),
        signed_by(issue("deeper", by_zone, is_ca=False), root, regional, zonal, by_zone),
        signed_by(
            issue("too deep", sub := issue("sub", zonal), is_ca=False), root, regional, zonal, sub
        ),
    ):
        assert refused(document) == UNTRUSTED


def test_certificates_that_may_not_sign_documents():
    chain = HYPERVISOR.root, HYPERVISOR.regional, HYPERVISOR.zonal
    both = SIGNS_DOCUMENTS | SIGNS_CERTIFICATES
    issuer = issue("issuer", HYPERVISOR.zonal, uses=both)
    other_use = issue("use", HYPERVISOR.zonal, is_ca=False, uses={"key_agreement": True})
    weak = issue(
        "curve", HYPERVISOR.zonal, is_ca=False, key=ec.generate_private_key(ec.SECP256R1())
    )
    assert refused(signed_by(issuer, *chain)) == UNTRUSTED
    assert refused(signed_by(other_use, *chain)) == UNTRUSTED
    made = HYPERVISOR.payload(ENCLAVE.public_key, certificate=weak.der)
    assert refused(HYPERVISOR.sign(cbor2.dumps(made))) == "its certificate's key is not of P-384"


@pytest.mark.parametrize("of", ["signer", "issuer"])
@pytest.mark.parametrize(
    ("part", "other"),
    [
        (b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x42"),  # the version
        (b"\x06\x05\x2b\x81\x04\x00\x22", b"\x06\x05\x2b\x81\x04\x00\x7f"),  # the curve
        (b"\x55\x1d\x13", b"\x55\x1d\x0f"),  # basic constraints: key usage, twice
        (b"\x17\x0d", b"\x17\x0c"),  # a date
        (b"\x30", b"\x31"),
    ],
    ids=["version", "curve", "extension", "date", "sequence"],
)
def test_certificates_that_are_none(of, part, other):
    root, regional, zonal = (each.der for each in CHAIN)
    strange = (HYPERVISOR.signer.der if of == "signer" else zonal).replace(part, other, 1)
    made = {"certificate": strange} if of == "signer" else {"cabundle": [root, regional, strange]}
    payload = HYPERVISOR.payload(ENCLAVE.public_key) | made
    assert refused(HYPERVISOR.sign(cbor2.dumps(payload))) in (
        "it has a certificate that cannot be read",
        UNTRUSTED,
    )


CHAIN = HYPERVISOR.root, HYPERVISOR.regional, HYPERVISOR.zonal


def test_an_issuer_that_may_not_issue():
    chain = HYPERVISOR.root, HYPERVISOR.regional
    sly = issue("sly", HYPERVISOR.regional, depth=0, uses={"digital_signature": True})
    assert refused(signed_by(issue("e", sly, is_ca=False), *chain, sly)) == UNTRUSTED


def test_expired_certificates():
    chain = HYPERVISOR.root, HYPERVISOR.regional, HYPERVISOR.zonal
    long_ago = datetime.now(UTC) - timedelta(days=9)
    old = issue("old", HYPERVISOR.zonal, is_ca=False, since=long_ago)
    to_come = issue("new", HYPERVISOR.zonal, is_ca=False, since=datetime.now(UTC) + timedelta(1))
    assert refused(signed_by(old, *chain)) == UNTRUSTED
    assert refused(signed_by(to_come, *chain)) == UNTRUSTED


def test_issuers_of_one_name_are_not_searched():
    """Eight that could all have signed each other are sixteen million paths."""
    key = ec.generate_private_key(ec.SECP384R1())
    same = [issue("maze", key=key) for _ in range(8)]
    enclave = issue("enclave", same[0], is_ca=False)
    assert refused(signed_by(enclave, *same)) == "two of its issuers have one name"


def test_too_many_issuers():
    assert refused(signed_by(HYPERVISOR.signer, *[HYPERVISOR.root] * 9)) == STRANGE
