"""Import tokens: for one key and one day."""

import pytest
from tests.flipping import flipped

from strongroom.errors import ExpiredImportToken, InvalidImportToken
from strongroom.keys import import_token, private
from strongroom.keys.hierarchy import new_domain, open_domain
from strongroom.storage.rootkey import new_root_key

NOW = 1_800_000_000.0
KEY, OTHER = "1234abcd-12ab-34cd-56ef-1234567890ab", "mrk-1234abcd12ab34cd56ef1234567890ab"
ROOT = new_root_key()


def domain(region="test-1", account="000000000000"):
    return open_domain(ROOT, account, region, new_domain(ROOT, account, region))


HERE = domain()
SECRET = private.fresh("RSA_2048")
TOKEN = import_token.seal(HERE, KEY, "RSAES_OAEP_SHA_256", NOW + import_token.GOOD_FOR, SECRET)


def test_what_is_in_it():
    found = import_token.unseal(HERE, KEY, TOKEN, NOW)
    assert (found.algorithm, found.until) == ("RSAES_OAEP_SHA_256", NOW + 86_400)
    assert SECRET not in repr(found).encode()
    assert len(TOKEN) < 6144
    inside = HERE.unseal("import-token", KEY, TOKEN)
    assert inside == (
        b"\x01" + (1_800_086_400).to_bytes(8, "big") + b"\x12" + b"RSAES_OAEP_SHA_256" + SECRET
    )


def test_it_is_good_for_a_day():
    import_token.unseal(HERE, KEY, TOKEN, NOW + 86_400)
    with pytest.raises(ExpiredImportToken):
        import_token.unseal(HERE, KEY, TOKEN, NOW + 86_401)


@pytest.mark.parametrize(
    "ask",
    [
        lambda: import_token.unseal(HERE, OTHER, TOKEN, NOW),
        lambda: import_token.unseal(None, KEY, TOKEN, NOW),
        lambda: import_token.unseal(domain(), KEY, TOKEN, NOW),
        lambda: import_token.unseal(domain("test-2"), KEY, TOKEN, NOW),
        lambda: import_token.unseal(domain(account="111122223333"), KEY, TOKEN, NOW),
        lambda: import_token.unseal(HERE, KEY, TOKEN[:-1], NOW),
        lambda: import_token.unseal(HERE, KEY, b"x", NOW),
        lambda: import_token.unseal(HERE, KEY, HERE.seal("material", KEY, b"\x01" * 99), NOW),
    ],
)
def test_of_nothing_else(ask):
    with pytest.raises(InvalidImportToken):
        ask()


def test_no_byte_of_it_may_change():
    for at in range(0, len(TOKEN), 7):
        altered = flipped(TOKEN, at)
        with pytest.raises(InvalidImportToken):
            import_token.unseal(HERE, KEY, altered, NOW)
