"""Where an issuer's keys are, and when they are asked for."""

import asyncio
import json
import threading
import time

import pytest
from tests.issuer import Issuer, jwk, published

from strongroom.errors import (
    IDPCommunicationError,
    InvalidIdentityToken,
    NotReady,
    SetupError,
)
from strongroom.issuers import jwks, key_sets
from strongroom.issuers.discovery import discovered
from strongroom.issuers.fetch import Unreachable
from strongroom.issuers.jwks import Unusable
from strongroom.issuers.key_sets import KeySets
from strongroom.issuers.sources import Source, sources

ISSUER = Issuer("https://issuer.example")
OWN, OTHER = "111111111111", "222222222222"


class Clock:
    def __init__(self):
        self.now = 1_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def publisher():
    with published() as running:
        running.pages["/"] = 200, ISSUER.key_set
        yield running


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def said():
    return []


@pytest.fixture
def sets(publisher, clock, said):
    places = {ISSUER.url: Source(url=f"{publisher.url}/")}
    made = KeySets(places, lambda *words: said.append(words), clock)
    yield made
    made.close()


async def one(sets, account, issuer, key_id="RS256"):
    """The keys, fetched if they have to be, as by one request."""
    try:
        return sets.keys(account, issuer, key_id)
    except NotReady as missing:
        await missing.prepare()
        return sets.keys(account, issuer, key_id)


def asked(sets, issuer=ISSUER.url, key_id="RS256", times=1):
    """The keys as by so many requests at once."""

    async def all_of_them():
        return await asyncio.gather(*(one(sets, OWN, issuer, key_id) for _ in range(times)))

    return asyncio.run(all_of_them())[0]


def test_one_issuer_is_asked_by_one_request_at_a_time(sets, publisher):
    publisher.slow = 0.2
    assert len(asked(sets, times=20)) == 6
    assert publisher.asked == ["/"]


def test_a_set_is_good_for_an_hour(sets, publisher, clock):
    asked(sets)
    clock.now += 3_599
    asked(sets)
    assert len(publisher.asked) == 1
    clock.now += 1
    asked(sets)
    assert len(publisher.asked) == 2


def test_an_unknown_key_is_asked_for_and_not_too_often(sets, publisher, clock):
    asked(sets)
    publisher.pages["/"] = 200, Issuer("", [jwk("RS256", "new")]).key_set
    for _ in range(5):
        asked(sets, key_id="new")
        asked(sets, key_id="made up")
    assert len(publisher.asked) == 1
    clock.now += 10
    assert [key["kid"] for key in asked(sets, key_id="new")] == ["new"]
    assert len(publisher.asked) == 2
    clock.now += 9
    asked(sets, key_id="made up")
    assert len(publisher.asked) == 2


def test_keys_that_are_known_outlive_an_issuer_that_is_away_but_not_for_ever(
    sets, publisher, clock, said
):
    asked(sets)
    publisher.pages["/"] = 500, b""
    clock.now += 100
    assert len(asked(sets, key_id="unknown")) == 6
    clock.now += 3_500
    with pytest.raises(IDPCommunicationError):
        asked(sets)
    assert len(publisher.asked) == 3
    assert said == [(ISSUER.url, "it answers with status 500")]  # once


def test_a_failure_is_remembered_for_a_while(sets, publisher, clock, said):
    publisher.pages["/"] = 200, b"{}"
    for _ in range(5):
        with pytest.raises(InvalidIdentityToken):
            asked(sets)
    assert len(publisher.asked) == 1
    publisher.pages["/"] = 200, ISSUER.key_set
    clock.now += 10
    asked(sets)
    publisher.pages["/"] = 200, b"[]"
    clock.now += 3_600
    with pytest.raises(InvalidIdentityToken):
        asked(sets)
    assert len(said) == 2


@pytest.mark.parametrize(
    "issuer", ["https://.", "https://a..b", f"https://{'a' * 64}.example", "https://a\n"]
)
def test_an_issuer_whose_name_cannot_be_looked_up(sets, said, clock, issuer):
    """Providers that are kept may have such a name; the fetch fails as any other, once."""
    for _ in range(2):
        with pytest.raises(InvalidIdentityToken):
            asked(sets, issuer)
    assert len(said) == 1


def test_whatever_goes_wrong_is_a_failure_with_its_pause(sets, publisher, said, monkeypatch):
    tried = []

    def broken(_text):
        tried.append(1)
        raise KeyError("a mistake of ours")

    monkeypatch.setattr("strongroom.issuers.jwks.keys_of", broken)
    for _ in range(2):
        with pytest.raises(InvalidIdentityToken):
            asked(sets)
    assert (len(tried), said) == (1, [(ISSUER.url, "KeyError")])


def test_no_more_issuers_are_held_than_there_is_room_for(sets, said):
    for number in range(300):
        with pytest.raises(InvalidIdentityToken):
            asked(sets, f"https://127.0.0.{number % 256}/{number}")
    assert len(sets._held) <= 256
    assert len(sets._said) <= 256


# How many at once


class Stalled:
    """In the place of the network: whoever is asked says nothing until they are let go."""

    def __init__(self):
        self.asked = []
        self.let_go = threading.Event()

    def get(self, url, **_bounds):
        self.asked.append(url)
        assert self.let_go.wait(30)
        raise Unreachable("at last")


@pytest.fixture
def stalled(monkeypatch):
    """Issuers that nobody knows yet stall; those that the operator has named do not."""
    made = Stalled()
    named = key_sets.get

    def get(url, **bounds):
        return (named if url.startswith("http://127.0.0.1") else made.get)(url, **bounds)

    monkeypatch.setattr(key_sets, "get", get)
    yield made
    made.let_go.set()


async def outcomes(sets, account, issuers):
    return await asyncio.gather(
        *(one(sets, account, issuer) for issuer in issuers), return_exceptions=True
    )


def strangers(number, name="stalled"):
    return [f"https://{name}{each}.example" for each in range(number)]


def test_what_stalls_is_its_own_account_s_affair(sets, stalled):
    """It has a few threads; what is beyond them is refused at once, and is not remembered."""

    async def scene():
        waiting = asyncio.ensure_future(outcomes(sets, OTHER, strangers(20)))
        await asyncio.sleep(0.1)
        assert len(stalled.asked) == 4
        again = await asyncio.wait_for(outcomes(sets, OTHER, strangers(3, "more")), 1)
        assert [type(each) for each in again] == [IDPCommunicationError] * 3
        # Another account is asked for, for the very issuers that were refused too.
        theirs = asyncio.ensure_future(outcomes(sets, OWN, strangers(3, "more")))
        await asyncio.sleep(0.1)
        assert len(stalled.asked) == 7
        assert len(await asyncio.wait_for(one(sets, OTHER, ISSUER.url), 1)) == 6
        stalled.let_go.set()
        return await waiting + await theirs

    assert {type(each) for each in asyncio.run(scene())} == {IDPCommunicationError}


def test_when_all_slots_are_taken_those_who_answered_before_have_theirs(
    sets, stalled, publisher, clock
):
    async def scene():
        waiting = [
            asyncio.ensure_future(outcomes(sets, str(account), strangers(4, f"a{account}x")))
            for account in range(5)
        ]
        await asyncio.sleep(0.1)
        assert len(stalled.asked) == 16
        assert len(await asyncio.wait_for(one(sets, OWN, ISSUER.url), 1)) == 6
        with pytest.raises(IDPCommunicationError):
            await asyncio.wait_for(one(sets, OWN, "https://new.example"), 1)
        stalled.let_go.set()
        await asyncio.gather(*waiting)
        with pytest.raises(IDPCommunicationError):  # it has its turn now
            await one(sets, OWN, "https://new.example")
        assert len(stalled.asked) == 17

    asyncio.run(scene())


def test_a_thread_that_is_stuck_is_counted_when_nobody_waits_any_more(sets, stalled, monkeypatch):
    """A name server that does not answer cannot be hurried."""
    monkeypatch.setattr(key_sets, "SECONDS", 0.1)

    async def scene():
        await outcomes(sets, OTHER, strangers(4))
        for _ in range(3):
            await outcomes(sets, OTHER, strangers(4, "more"))
        assert len(stalled.asked) == 4
        stalled.let_go.set()
        await asyncio.sleep(0.1)
        await outcomes(sets, OTHER, strangers(4, "more"))
        assert len(stalled.asked) == 8

    asyncio.run(scene())


def test_an_issuer_that_answered_before_leaves_the_slots_of_strangers(
    sets, stalled, monkeypatch, clock
):
    document = json.dumps({"issuer": "https://a.example", "jwks_uri": "https://a.example/k"})

    def get(url, **_bounds):
        return document.encode() if url.endswith("configuration") else ISSUER.key_set

    async def scene():
        with monkeypatch.context() as answering:
            answering.setattr(key_sets, "get", get)
            await one(sets, OWN, "https://a.example")
        clock.now += 3_600
        waiting = asyncio.ensure_future(outcomes(sets, OWN, strangers(4)))
        await asyncio.sleep(0.1)
        with monkeypatch.context() as answering:
            answering.setattr(key_sets, "get", get)
            assert len(await one(sets, OWN, "https://a.example")) == 6
        stalled.let_go.set()
        await waiting

    asyncio.run(scene())


def test_both_questions_to_an_issuer_have_one_deadline(sets, monkeypatch):
    given = []

    def get(url, *, seconds, **_bounds):
        given.append(seconds)
        time.sleep(0.05)
        return json.dumps(
            {"issuer": "https://a.example", "jwks_uri": "https://a.example/k"}
        ).encode()

    monkeypatch.setattr(key_sets, "get", get)
    with pytest.raises(InvalidIdentityToken):
        asked(sets, "https://a.example")
    assert 4.9 < given[0] <= 5
    assert given[1] <= given[0] - 0.05


# By the issuer's own word


def configuration(**changed):
    whole = {"issuer": ISSUER.url, "jwks_uri": "https://keys.example/keys"} | changed
    return json.dumps(whole).encode()


def test_discovery():
    pages = {
        f"{ISSUER.url}/.well-known/openid-configuration": configuration(),
        "https://keys.example/keys": ISSUER.key_set,
    }
    assert discovered(ISSUER.url, pages.__getitem__) == ISSUER.key_set


def test_an_issuer_with_a_path():
    issuer = "https://issuer.example/a/"
    pages = {
        "https://issuer.example/a/.well-known/openid-configuration": configuration(issuer=issuer),
        "https://keys.example/keys": b"keys",
    }
    assert discovered(issuer, pages.__getitem__) == b"keys"


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"[]",
        b"{}",
        b"[" * 100_000,
        configuration(issuer="https://other.example"),
        configuration(issuer=ISSUER.url + "/"),
        configuration(jwks_uri=1),
        *(
            configuration(jwks_uri=uri)
            for uri in (
                "http://keys.example/",
                "https://keys.example:8443/",
                "https://a@keys.example/",
                "https://keys.example/\r\nX: y",
                "https://[::1]/",
                "file:///etc/passwd",
                "//keys.example/",
                "https:///keys",
                "https://keys.example/#x",
                "",
            )
        ),
    ],
)
def test_configurations_that_lead_nowhere(document):
    first = f"{ISSUER.url}/.well-known/openid-configuration"
    with pytest.raises(Unusable):
        discovered(ISSUER.url, {first: document}.__getitem__)


@pytest.mark.parametrize(
    "issuer", ["https://issuer.example:8443", "http://issuer.example", "https://a b", "issuer"]
)
def test_issuers_that_are_not_asked(issuer):
    with pytest.raises(Unusable):
        discovered(issuer, {}.__getitem__)


@pytest.mark.parametrize(
    "text",
    [
        b"", b"{}", b"[]", b'{"keys":{}}', b'{"keys":[1]}', b"[" * 200_000,
        b'{"keys":[' + b",".join([b"{}"] * 201) + b"]}",
        b'{"keys":[]}' + b" " * 300_000,
    ],
)  # fmt: skip
def test_what_is_no_key_set(text):
    with pytest.raises(Unusable):
        jwks.keys_of(text)


# As the operator says


def test_settings(tmp_path):
    file = tmp_path / "keys.json"
    file.write_bytes(ISSUER.key_set)
    assert sources(
        [
            f"https://a.example={file}",
            "https://b.example/c=https://keys.example/?x=y",
            "https://d.example=http://localhost:8080/keys",
            "https://e.example=http://[::1]/keys",
        ]
    ) == {
        "https://a.example": Source(file=file),
        "https://b.example/c": Source(url="https://keys.example/?x=y"),
        "https://d.example": Source(url="http://localhost:8080/keys"),
        "https://e.example": Source(url="http://[::1]/keys"),
    }


@pytest.mark.parametrize(
    ("setting", "why"),
    [
        ("https://a.example", "does not say where"),
        ("https://a.example=", "does not say where"),
        ("a.example=keys.json", "does not say where"),
        ("http://a.example=keys.json", "does not say where"),
        ("https://a.example=no-such-file.json", "cannot be read"),
        ("https://a.example=pyproject.toml", "not a JSON Web Key Set"),
        ("https://a.example=http://keys.example/", "not safe"),
        ("https://a.example=http://10.0.0.1/", "not safe"),
        ("https://a.example=ftp://keys.example/", "not a URL that can be used"),
        ("https://a.example=https:///keys", "not a URL that can be used"),
        ("https://a.example=https://a:b@keys.example/", "not a URL that can be used"),
        ("https://a.example=https://keys.example:x/", "not a URL"),
    ],
)
def test_settings_that_cannot_be_used(setting, why):
    with pytest.raises(SetupError, match=why):
        sources([setting])


def test_an_issuer_has_one_place(tmp_path):
    with pytest.raises(SetupError, match="given twice"):
        sources(["https://a.example=https://b.example/"] * 2)
