"""ID tokens and the keys that verify them, without a server."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.issuer import Issuer, jwk

from strongroom.errors import ExpiredIdentityToken, InvalidIdentityToken
from strongroom.services.sts import web_token

ISSUER = Issuer("https://issuer.example")
TOKEN = ISSUER.token()
NOW = (
    time.time()
)  # at which it is good, however long other tests take; later ones are good when made


def verified(text, keys=ISSUER.keys):
    token = web_token.read(text)
    web_token.require_current(token.claims, max(NOW, token.claims.iat))
    web_token.verify(token, keys)
    return token


@given(st.integers(0, len(TOKEN) - 1), st.characters(codec="ascii"))
def test_no_character_may_change(at, character):
    altered = TOKEN[:at] + character + TOKEN[at + 1 :]
    if altered == TOKEN:
        return
    try:
        token = verified(altered)
    except (InvalidIdentityToken, ExpiredIdentityToken):  # the latter where its `exp` was hit
        return
    # The last character of the signature has bits that mean nothing; what was signed is as it was.
    assert at == len(TOKEN) - 1
    assert token.claims == verified(TOKEN).claims


@given(st.text(st.characters(codec="ascii"), max_size=60))
def test_nothing_but_a_refusal_comes_of_what_is_no_token(text):
    with pytest.raises(InvalidIdentityToken):
        web_token.read(text)


@pytest.mark.parametrize("length", range(0, len(TOKEN), 7))
def test_no_part_may_be_missing(length):
    with pytest.raises(InvalidIdentityToken):
        verified(TOKEN[:length])


def without(key, *names):
    return {name: value for name, value in key.items() if name not in names}


@pytest.mark.parametrize(
    "keys",
    [
        [without(jwk("RS256"), "use", "alg")],
        [jwk("RS256") | {"key_ops": ["verify"]}],
        [jwk("RS256", "other"), jwk("RS256")],
        [{"kty": "oct", "k": "AAAA", "kid": "RS256"}, jwk("RS256")],
    ],
)
def test_keys_that_verify(keys):
    verified(TOKEN, keys)


@pytest.mark.parametrize(
    "keys",
    [
        [],
        [jwk("RS256", "other")],
        [without(jwk("RS256"), "kid")],
        [jwk("RS256") | {"use": "enc"}],
        [jwk("RS256") | {"alg": "RS384"}],
        [jwk("RS256") | {"key_ops": ["sign"]}],
        [jwk("RS256") | {"key_ops": "verify"}],
        [jwk("RS256") | {"kty": "oct"}],
        [jwk("RS256") | {"kid": 1}],
        [jwk("ES256", "RS256")],
    ],
)
def test_keys_that_do_not_fit(keys):
    with pytest.raises(InvalidIdentityToken, match="Couldn't retrieve verification key"):
        verified(TOKEN, keys)


@pytest.mark.parametrize(
    "broken", [{"n": ""}, {"n": 1}, {"n": None}, {"e": "AA"}, {"n": "AQAB"}, {"e": "!"}]
)
def test_keys_that_are_none(broken):
    with pytest.raises(InvalidIdentityToken, match="signature of the token"):
        verified(TOKEN, [jwk("RS256") | broken])


def test_the_curve_is_the_algorithms():
    with pytest.raises(InvalidIdentityToken, match="Couldn't retrieve verification key"):
        verified(ISSUER.token("ES256"), [without(jwk("ES384", "ES256"), "alg")])


def test_a_token_that_names_no_key_needs_one_key_alone_that_fits():
    nameless = ISSUER.token(header={"kid": None})
    verified(nameless)
    verified(nameless, [jwk("RS256", "any"), jwk("ES256")])
    with pytest.raises(InvalidIdentityToken, match="Couldn't retrieve verification key"):
        verified(nameless, [jwk("RS256", "one"), jwk("RS256", "two")])
