"""What a verifier remembers changes how fast it answers, never what it answers."""

import random

import pytest
from signing_oracle import KEY_ID, KEYS, NOW, SECRET, Key, signed, verify

from strongroom.errors import Fault, InvalidSignature, UnrecognizedClient
from strongroom.sigv4.moment import of
from strongroom.sigv4.verify import Verifier


def held(verifier):
    return len(verifier._signers), len(verifier._stamps)


def test_a_changed_secret_ends_what_the_old_one_signed():
    verifier = Verifier()
    old, new = {KEY_ID: Key(KEY_ID, "old")}, {KEY_ID: Key(KEY_ID, "new")}
    by_old, by_new = signed(secret="old"), signed(secret="new")
    for _ in range(2):
        for _ in range(2):
            verify(verifier, by_old, keys=old)
        for _ in range(2):
            with pytest.raises(InvalidSignature):
                verify(verifier, by_old, keys=new)
            verify(verifier, by_new, keys=new)
        with pytest.raises(InvalidSignature):
            verify(verifier, by_new, keys=old)


def test_an_equal_secret_in_another_object_still_signs():
    verifier = Verifier()
    for _ in range(3):
        keys = {KEY_ID: Key(KEY_ID, "".join(list(SECRET)))}
        assert verify(verifier, signed(), keys=keys)[0] is keys[KEY_ID]


def test_a_deleted_key_is_unknown_at_once():
    verifier = Verifier()
    verify(verifier, signed())
    with pytest.raises(UnrecognizedClient):
        verify(verifier, signed(), keys={})


def test_nothing_is_remembered_of_what_was_refused():
    verifier = Verifier()
    good = signed()
    for sent, keys in ((good.having(host=b"other"), KEYS), (good, {}), (signed(token="t"), KEYS)):
        with pytest.raises(Fault):
            verify(verifier, sent, keys=keys)
    assert held(verifier) == (0, 0)
    verify(verifier, good)
    assert held(verifier) == (1, 1)
    (signer,) = verifier._signers.values()
    before = dict(signer.begun)
    with pytest.raises(InvalidSignature):
        verify(verifier, good.having(x_amz_target=b"TrentService.Decrypt"))
    assert signer.begun == before


def test_the_memory_is_bounded():
    verifier = Verifier(max_cached_keys=4)
    keys = {f"AKID{n}": Key(f"AKID{n}", SECRET) for n in range(20)}
    for key_id in keys:
        verify(verifier, signed(key_id=key_id), keys=keys)
    assert held(verifier)[0] == 4
    for second in range(1100):
        at = NOW + second
        verify(verifier, signed(at=at), now=at)
    assert held(verifier)[1] == 1024
    for n in range(300):
        extra = {f"x-extra-{n}-{m}".encode(): b"" for m in range(2)}
        sent = signed()
        verify(verifier, sent.having(**{name.decode(): b"" for name in extra}))
    for n in range(100):
        verify(verifier, signed(headers={"X-Amz-Target": f"TrentService.{n}"}))
    assert all(len(signer.begun) <= 64 for signer in verifier._signers.values())
    assert all(len(signer.harmless) <= 300 for signer in verifier._signers.values())


def test_a_warm_verifier_answers_as_a_fresh_one():
    """Four thousand requests in random order, a third of them wrong somewhere, put to both."""
    dice = random.Random(20261123)
    keys = {name: Key(name, "secret of " + name) for name in ("A", "B", "C")}
    warm = Verifier(max_cached_keys=5)
    pool = [
        signed(
            headers={"X-Amz-Target": f"TrentService.{op}", "Content-Type": kind},
            key_id=name,
            secret=keys[name].secret,
            region=region,
            at=NOW + shift,
            body=b"{}" * size,
        )
        for name in keys
        for op in ("Encrypt", "Decrypt")
        for kind in ("application/x-amz-json-1.1", "application/cbor")
        for region in ("us-east-1", "eu-west-1")
        for shift in (0, 290)
        for size in (0, 1)
    ]
    outcomes = set()
    for _ in range(4000):
        sent = dice.choice(pool)
        match dice.randrange(9):
            case 0:
                sent = sent.having(x_amz_target=b"TrentService.Encrypt")
            case 1:
                sent = sent.having(x_amz_date=of(NOW + dice.choice([0, 1, 290])).basic.encode())
            case 2:
                sent = sent.having(authorization=dice.choice(pool).headers[b"authorization"])
        now = NOW + dice.choice([0, 15, 200, 299, 301])
        outcome = answer(warm, sent, now, keys)
        assert outcome == answer(Verifier(), sent, now, keys)
        outcomes.add(outcome)
    assert len(outcomes) == 8  # six keys by Region, a mismatch and a skew


def answer(verifier, sent, now, keys):
    try:
        return verify(verifier, sent, now=now, keys=keys)
    except Fault as fault:
        return type(fault), fault.message


def test_what_is_remembered_is_bounded_in_bytes_too():
    """Whoever has a key chooses the headers' names and values, and the beginning of the header."""
    verifier = Verifier()
    sent = signed(headers={"X-Large": "v" * 3_000})
    names = {f"x_{at}_{'n' * 20_000}": b"v" for at in range(5)}
    for _ in range(2):
        verify(verifier, sent.having(**names, x_short=b"v"))
    (signer,) = verifier._signers.values()
    assert max(map(len, signer.harmless)) < 64
    assert b"x-short" in signer.harmless
    assert signer.begun == {}
    many = {f"X-{at:03}-{'n' * 12}": "v" for at in range(90)}
    long = signed(headers=many)
    for _ in range(2):
        verify(verifier, long)
    assert len(verifier._signers) == 1
