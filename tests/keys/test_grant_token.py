"""Grant tokens, against answers that other code made."""

import json
import shutil
import string
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.errors import InvalidGrantToken
from strongroom.keys import grant_token
from strongroom.keys.derive import derive
from strongroom.keys.hierarchy import Domain, new_domain, open_domain
from strongroom.keys.sealing import names, seal
from strongroom.storage.rootkey import new_root_key

FOLDER = Path(__file__).parents[2] / "vectors" / "grants"
VECTORS = json.loads((FOLDER / "vectors.json").read_text())
ROOT = new_root_key()
ACCOUNT, REGION, GRANT_ID = "111122223333", "eu-west-1", "0f" * 32


def fresh(account=ACCOUNT, region=REGION):
    return open_domain(ROOT, account, region, new_domain(ROOT, account, region))


DOMAIN = fresh()
TOKEN = grant_token.mint(DOMAIN, GRANT_ID)


@pytest.mark.parametrize("v", VECTORS["tokens"], ids=lambda v: v["name"])
def test_the_tokens_are_the_known_ones(v):
    secret = bytes.fromhex(v["domain_secret"])
    sealed = seal(ROOT, secret, names("domain", v["account"], REGION))
    domain = open_domain(ROOT, v["account"], REGION, sealed)
    random = bytes.fromhex(v["random"])
    assert v["token"] == grant_token.mint_with(random, domain, v["grant_id"])
    token = grant_token.parse(v["token"])
    assert (v["account"], v["grant_id"]) == (token.account, token.grant_id)
    token.require(domain)


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js, which made the vectors")
def test_the_vectors_are_what_other_code_makes():
    made = subprocess.run(["node", FOLDER / "make.mjs"], capture_output=True, check=True).stdout
    assert json.loads(made) == VECTORS


@pytest.mark.parametrize("at", range(len(TOKEN)))
def test_no_character_may_change(at):
    for other in set(string.ascii_letters + string.digits + "-_+/=") - {TOKEN[at]}:
        with pytest.raises(InvalidGrantToken):
            grant_token.parse(TOKEN[:at] + other + TOKEN[at + 1 :]).require(DOMAIN)


@pytest.mark.parametrize("length", range(len(TOKEN)))
def test_no_character_may_be_missing(length):
    with pytest.raises(InvalidGrantToken):
        grant_token.parse(TOKEN[:length])


@pytest.mark.parametrize("more", ["A", "AA", "AAAA", "=", "==", " ", "\n", "é"])
def test_no_character_may_follow(more):
    with pytest.raises(InvalidGrantToken):
        grant_token.parse(TOKEN + more)


@given(st.text(max_size=200))
def test_garbage_is_no_token(text):
    with pytest.raises(InvalidGrantToken):
        grant_token.parse(text)


@pytest.mark.parametrize(
    "domain",
    [fresh(), fresh(region="eu-west-2"), fresh("000000000000"), None],
    ids=["another key", "another Region", "another account", "none"],
)
def test_a_token_is_genuine_in_its_domain_only(domain):
    token = grant_token.parse(TOKEN)
    token.require(DOMAIN)
    with pytest.raises(InvalidGrantToken):
        token.require(domain)


def test_the_token_key_makes_nothing_else_genuine():
    secret = b"s" * 32
    domain = open_domain(
        ROOT, ACCOUNT, REGION, seal(ROOT, secret, names("domain", ACCOUNT, REGION))
    )
    mac_key = derive(secret, b"strongroom/v1/domain-mac", b"")
    confused = Domain(ACCOUNT, REGION, b"", mac_key, mac_key)
    assert domain.token_mac(b"x") != confused.token_mac(b"x")


def test_every_token_is_another():
    assert len({grant_token.mint(DOMAIN, GRANT_ID) for _ in range(1_000)}) == 1_000
