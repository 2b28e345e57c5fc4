"""Material from outside: brought, refused, expired, deleted, brought again; several of a symmetric key."""

from dataclasses import dataclass

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, multiple, precondition, rule
from tests.flipping import flipped
from wrapped import wrap

from machine import kinds
from machine.base import Base, anything, keys, one_of
from machine.kinds import MATERIALS
from machine.model import (
    BAD_MATERIAL,
    BAD_TOKEN,
    DAY,
    GONE,
    HOUR,
    INVALID,
    MINUTE,
    NOISE,
    OLD_TOKEN,
    WRONG_STATE,
    Material,
)

TYPES = (None, "NEW_KEY_MATERIAL", "EXISTING_KEY_MATERIAL")
LASTS, EXPIRES = "KEY_MATERIAL_DOES_NOT_EXPIRE", "KEY_MATERIAL_EXPIRES"


@dataclass(frozen=True)
class Parameters:
    """A wrapping key and its token, with what they were given for."""

    key: str
    algorithm: str
    public: bytes
    token: bytes
    until: float


def importing(member):
    return member.shared.external and member.window is None


class Imports(Base):
    tokens = Bundle("tokens")

    def born(self, member, at):
        """Most keys get material, so that more can happen to them."""
        if member.shared.external and at % 5:
            numbers = [material.secret[-1] for material in member.shared.materials]
            for number in numbers or [at % MATERIALS]:
                self.bring(member.arn, number, None, None if at % 3 else 40)
        super().born(member, at)

    # Parameters

    @rule(target=tokens, key=keys, fits=st.sampled_from([True, True, True, False]))
    def get_parameters(self, key, fits):
        key = self.aim(key, importing)
        return self._parameters(key, fits=fits) or multiple()

    def _parameters(self, key, *, fits=True):
        expected = self._external(key) or self.model.unchangeable(key)
        member = self.model.members.get(key)
        good, bad = member.shared.kind.wrapping if member else ("RSAES_OAEP_SHA_256", None)
        if not fits and bad is not None and not expected:
            expected = {INVALID}
        algorithm = good if fits or bad is None else bad
        asked = {"WrappingAlgorithm": algorithm, "WrappingKeySpec": "RSA_2048"}
        answer = self.ask_of(key, "GetParametersForImport", expected, **asked)
        if answer is None:
            return None
        assert answer["KeyId"] == key
        assert self.near(answer["ParametersValidTo"], self.model.now + DAY)
        until = self.model.now + DAY
        return Parameters(key, algorithm, answer["PublicKey"], answer["ImportToken"], until)

    def _external(self, key):
        return self.model.unsupported(key, lambda member: member.shared.external)

    # Material comes

    @rule(
        key=keys,
        number=st.integers(0, MATERIALS - 1),
        kind=st.sampled_from(TYPES),
        days=st.sampled_from([None, None, 1, 3, 40, 365]),
    )
    def bring(self, key, number, kind, days):
        key = self.aim(key, importing)
        given = self._parameters(key)
        if given is not None:
            self._import(given, key, number, kind, days)

    @rule(key=keys, days=st.none() | st.integers(1, 365))
    def bring_back(self, key, days):
        """All that is missing."""
        key = self.aim(key, lambda member: importing(member) and not member.complete)
        member = self.model.members.get(key)
        if member is None or not member.shared.external or self.model.unchangeable(key):
            return
        for material in list(member.shared.materials):
            if material not in member.held:
                given = self._parameters(key)
                self._import(given, key, material.secret[-1], None, days)
                assert material in member.held
        assert (member.state == "PendingImport") == (not member.shared.needed)

    @rule(
        given=tokens,
        other=st.none() | keys,
        number=st.integers(0, MATERIALS - 1),
        kind=st.sampled_from(TYPES),
        wrong=st.sampled_from([None, None, "token", "blob", "size", "id"]),
    )
    def bring_late(self, given, other, number, kind, wrong):
        """With parameters of some time ago, perhaps of another key, perhaps used before."""
        key = given.key if other is None else self.aim(other, importing)
        self._import(given, key, number, kind, None, wrong)

    def _import(self, given, key, number, kind, days, wrong=None):
        member = self.model.members.get(key)
        spec = member.shared.kind.spec if member else "SYMMETRIC_DEFAULT"
        secret = spec, number
        symmetric = spec == "SYMMETRIC_DEFAULT"
        kind = kind if symmetric else None
        known = member.shared.like(secret) if member else None
        until = None if days is None else self.model.now + days * DAY
        bytes_ = kinds.unfit(spec) if wrong == "size" else kinds.material(spec, number)
        blob, token = wrap(self._fitting(given, bytes_), given.public, bytes_), given.token
        if wrong == "token":
            token = flipped(token)
        if wrong == "blob":
            blob = flipped(blob)
        more = {"ExpirationModel": LASTS} if until is None else {"ValidTo": until}
        if kind is not None:
            more["ImportType"] = kind
        if wrong == "id" and symmetric:
            more["KeyMaterialId"] = "0" * 64
        expected = self._external(key) or self.model.unchangeable(key)
        expected = (
            expected
            or self._told_of_token(given, key, wrong)
            or self._told(member, secret, kind, wrong)
        )
        asked = {"ImportToken": token, "EncryptedKeyMaterial": blob, **more}
        answer = self.ask_of(key, "ImportKeyMaterial", expected, **asked)
        if answer is None:
            return
        assert answer["KeyId"] == key
        identifier = answer.get("KeyMaterialId")
        assert (identifier is not None) == symmetric
        if known is None:
            assert not symmetric or identifier not in [m.id for m in member.shared.materials]
            known = Material(identifier, secret)
        assert known.id == identifier
        self.model.take_in(member, known, until)

    @staticmethod
    def _fitting(given, material):
        """What is too long for OAEP never comes under it, or goes wrapped otherwise."""
        too_long = given.algorithm.startswith("RSAES") and len(material) > 190
        return "RSA_AES_KEY_WRAP_SHA_256" if too_long else given.algorithm

    def _told_of_token(self, given, key, wrong):
        if wrong == "token" or given.key != key:
            return {BAD_TOKEN} | ({OLD_TOKEN} if given.until < self.model.now else set())
        if given.until < self.model.now:
            return {OLD_TOKEN}
        return {NOISE} if wrong == "blob" else set()

    def _told(self, member, secret, kind, wrong):
        """Of the material itself."""
        shared = member.shared
        known = shared.like(secret)
        new = kind == "NEW_KEY_MATERIAL" or (kind is None and not shared.materials)
        if wrong == "size":
            return {BAD_MATERIAL}
        if wrong == "id" and shared.kind.symmetric:
            return {INVALID} if new else {BAD_MATERIAL}
        if not new or not shared.kind.symmetric:
            fits = known is not None or (not shared.materials and kind is None)
            return set() if fits else {BAD_MATERIAL}
        expected = set()
        if shared.pending is not None and shared.pending is not known:
            expected.add(WRONG_STATE)
        if known is not None and not known.pending:
            expected.add(BAD_MATERIAL)
        if known is None and member.is_replica:
            expected.add(BAD_MATERIAL)
        return expected

    # Material goes

    @rule(key=keys, at=st.none() | anything)
    def take_away(self, key, at):
        key = self.aim(key, lambda member: member.held)
        member = self.model.members.get(key)
        expected, more, material = self._external(key), {}, None
        if member is not None:
            shared = member.shared
            material = shared.current
            if at is not None and shared.kind.symmetric:
                if shared.materials and at % 8:
                    material = shared.materials[at % len(shared.materials)]
                    more = {"KeyMaterialId": material.id}
                else:
                    more = {"KeyMaterialId": "0" * 64}
                    expected = expected or {GONE}
        answer = self.ask_of(key, "DeleteImportedKeyMaterial", expected, **more)
        if answer is None:
            return
        assert answer["KeyId"] == key
        if material is not None:
            assert answer.get("KeyMaterialId") == material.id
            self.model.take_away(member, material)

    @rule(hours=st.sampled_from([1, 23, 24]))
    def wait_hours(self, hours):
        """As long as import parameters are good for, or not."""
        self.wait(hours * HOUR + MINUTE)

    @precondition(lambda self: self._expiring())
    @rule(at=anything)
    def wait_for_expiry(self, at):
        until, key = one_of(self._expiring(), at)
        if until - HOUR > self.model.now:
            self.wait(until - HOUR - self.model.now)
        if until > self.model.now:
            self.wait(until - self.model.now)
        self.look_closely(key)

    def _expiring(self):
        return [
            (until, member.arn)
            for member in self.model.members.values()
            for until in member.held.values()
            if until is not None
        ]
