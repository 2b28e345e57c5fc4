"""What keys make, and that it opens for ever after exactly when it should: in every Region that the key is in, while
it is enabled and its material here; and never again when it is gone."""

from dataclasses import dataclass, replace

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, multiple, rule
from tests.flipping import flipped

from machine import kinds
from machine.base import Base, anything, keys, one_of
from machine.grant_model import OWNER
from machine.kinds import AGREE, KEM, MAC, RSA, SEAL, SIGN, Kind
from machine.lifecycle import names
from machine.model import (
    BAD_MAC,
    BAD_SIGNATURE,
    BEHIND,
    GONE,
    INCORRECT_KEY,
    INVALID,
    NOISE,
    WRONG_USE,
    Material,
    arn,
    region_of,
)

contexts = st.dictionaries(
    st.sampled_from(["k", "l", "kl"]), st.sampled_from(["", "v", "lv"]), max_size=2
)
plaintexts = st.binary(min_size=1, max_size=40)

MAKES = {
    SEAL: ("Encrypt", "Decrypt"),
    RSA: ("Encrypt", "Decrypt"),
    SIGN: ("Sign", "Verify"),
    MAC: ("GenerateMac", "VerifyMac"),
    AGREE: ("DeriveSharedSecret", "DeriveSharedSecret"),
    KEM: ("Encapsulate", "Decapsulate"),
}
BAD = {RSA: NOISE, SIGN: BAD_SIGNATURE, MAC: BAD_MAC, KEM: NOISE}
"""What is said of what another key has made."""


@dataclass(frozen=True, eq=False)
class Made:
    """What was made with a key, as it is asked about."""

    key: str  # id
    kind: Kind
    material: Material
    request: dict
    answer: dict

    @property
    def operation(self):
        return MAKES[self.kind.use][1]

    @property
    def part(self):
        """The member whose bytes are what was made."""
        return {
            SEAL: "CiphertextBlob",
            RSA: "CiphertextBlob",
            SIGN: "Signature",
            MAC: "Mac",
            AGREE: "PublicKey",
            KEM: "SharedSecretCiphertextBlob",
        }[self.kind.use]

    def spoiled(self):
        """The request with a bit of it changed."""
        blob = self.request[self.part]
        return self.request | {self.part: flipped(blob)}


def usable(member):
    return member.state == "Enabled"


class Using(Base):
    """How each kind of key is used."""

    def __init__(self, world):
        super().__init__(world)
        self.all_made = []

    def make(self, form, key, at, message, context, who=OWNER, expected=None, **more):
        """Something made with the key that `form` means; or nothing, if that is refused."""
        member = self.model.members.get(key)
        if member is None:
            self.ask("Encrypt", expected or {GONE}, region_of(key), who, KeyId=form, Plaintext=b"x")
            return multiple()
        kind = member.shared.kind
        request = self._asked(kind, at, message, context)
        operation = MAKES[kind.use][0]
        expected = self.model.unusable(key) if expected is None else expected
        region = region_of(key)
        answer = self.ask(operation, expected, region, who, KeyId=form, **request, **more)
        if answer is None:
            return multiple()
        assert answer["KeyId"] == key
        made = self._kept(member.shared, request, answer)
        if kind.use == AGREE:
            self._agreement_is_right(key, answer["SharedSecret"])
        self.all_made.append(made)
        return made

    def _asked(self, kind, at, message, context):
        algorithm = one_of(kind.algorithms, at)
        match kind.use:
            case "seal":
                return {"Plaintext": message, "EncryptionContext": context}
            case "rsa":
                return {"Plaintext": message, "EncryptionAlgorithm": algorithm}
            case "sign":
                text = {"Message": message, "MessageType": "RAW"}
                if "_PH_" in algorithm:
                    text = {"Message": message.ljust(64, b"x"), "MessageType": "DIGEST"}
                return {**text, "SigningAlgorithm": algorithm}
            case "mac":
                return {"Message": message, "MacAlgorithm": algorithm}
            case "agree":
                return {"PublicKey": kinds.peer(kind.spec)[1], "KeyAgreementAlgorithm": algorithm}
        return {"EncapsulationAlgorithm": algorithm}

    def _kept(self, shared, request, answer):
        kind = shared.kind
        asked, told = dict(request), {}
        match kind.use:
            case "seal":
                told = {"Plaintext": asked.pop("Plaintext"), "KeyMaterialId": shared.current.id}
                asked["CiphertextBlob"] = answer["CiphertextBlob"]
            case "rsa":
                told = {"Plaintext": asked.pop("Plaintext")}
                asked["CiphertextBlob"] = answer["CiphertextBlob"]
            case "sign":
                told = {"SignatureValid": True}
                asked["Signature"] = answer["Signature"]
            case "mac":
                told = {"MacValid": True}
                asked["Mac"] = answer["Mac"]
            case "agree":
                told = {"SharedSecret": answer["SharedSecret"]}
            case "kem":
                told = {"SharedSecret": answer["SharedSecret"]}
                asked["SharedSecretCiphertextBlob"] = answer["SharedSecretCiphertextBlob"]
        return Made(shared.id, kind, shared.current, asked, told)

    def _agreement_is_right(self, key, secret):
        spec = self.model.members[key].shared.kind.spec
        assert kinds.agreed(spec, self.public_key(key)) == secret

    def public_key(self, key):
        """It never changes, and is the same in all Regions."""
        member = self.model.members.get(key)
        expected = self.model.unsupported(key, lambda member: member.shared.kind.public)
        answer = self.ask_of(key, "GetPublicKey", expected or self.model.unusable(key))
        if answer is None:
            return None
        shared = member.shared
        shared.public = shared.public or answer["PublicKey"]
        assert shared.public == answer["PublicKey"]
        assert answer["KeySpec"] == shared.kind.spec
        return shared.public

    # Opening

    def open(self, made, key, *, named):
        """It opens with the key in a Region, or is refused as it should be."""
        names_it = named or made.kind.use != SEAL
        expected = self.model.unusable(key)
        if expected == {GONE} and made.kind.use == SEAL:
            expected = {BEHIND, GONE} if named else {BEHIND}  # which of the two is asked for first?
        form = {"KeyId": key} if names_it else {}
        answer = self.ask(made.operation, expected, region_of(key), **form, **made.request)
        if answer is not None:
            assert answer["KeyId"] == key
            assert made.answer.items() <= answer.items()

    def sweep(self, made):
        """Everywhere: where the key is, and where it is not."""
        for region in self.regions:
            self.open(made, arn(region, made.key), named=False)

    def look_closely(self, key):
        super().look_closely(key)
        mine = [made for made in self.all_made if arn(region_of(key), made.key) == key]
        for made in mine[:3] + mine[3:][-5:]:
            self.open(made, key, named=False)

    def look_at_the_end(self):
        super().look_at_the_end()
        for made in self.all_made:
            self.sweep(made)


class Uses(Using):
    made = Bundle("made")

    @rule(target=made, key=keys, at=anything, message=plaintexts, context=contexts)
    def use(self, key, at, message, context):
        key = self.aim(key, usable)
        return self.make(key, key, at, message, context)

    @rule(target=made, at=anything, message=plaintexts, name=names)
    def use_by_alias(self, at, message, name):
        region = one_of(self.regions, at)
        key = self.model.aliases.get((region, name), arn(region, "of-nothing"))
        return self.make(name, key, at, message, {})

    @rule(target=made, key=keys, context=contexts)
    def data_key(self, key, context):
        key = self.aim(key, lambda member: usable(member) and member.shared.kind.symmetric)
        member = self.model.members.get(key)
        expected = self.model.unusable(key)
        if not expected and not member.shared.kind.symmetric:
            expected = {WRONG_USE}
        asked = {"KeySpec": "AES_256", "EncryptionContext": context}
        answer = self.ask_of(key, "GenerateDataKey", expected, **asked)
        if answer is None:
            return multiple()
        assert answer["KeyMaterialId"] == member.shared.current.id
        made = self._kept(member.shared, {**answer, "EncryptionContext": context}, answer)
        request = {name: made.request[name] for name in ("CiphertextBlob", "EncryptionContext")}
        made = replace(made, request=request)
        self.all_made.append(made)
        return made

    @rule(made=made, at=anything, named=st.booleans())
    def open_it(self, made, at, named):
        self.open(made, arn(one_of(self.regions, at), made.key), named=named)

    @rule(made=made, at=anything, context=contexts)
    def open_it_spoiled(self, made, at, context):
        key = arn(one_of(self.regions, at), made.key)
        use = made.kind.use
        request = made.spoiled()
        if use == SEAL and at % 2:
            request = made.request | {"EncryptionContext": context}
            if context == made.request["EncryptionContext"]:
                return
        expected = self.model.unusable(key)
        if expected == {GONE} and use == SEAL:
            expected = {BEHIND}
        if use == KEM and not expected:  # of which nobody is told that it is wrong
            answer = self.ask(made.operation, (), region_of(key), KeyId=key, **request)
            assert answer["SharedSecret"] != made.answer["SharedSecret"]
            return
        bad = {INVALID} if use == AGREE else {BAD.get(use, NOISE)}
        form = {} if use == SEAL else {"KeyId": key}
        self.ask(made.operation, expected or bad, region_of(key), **form, **request)

    @rule(made=made, key=keys)
    def open_it_with_another(self, made, key):
        """Which opens it if it was given the same material from outside, and is of the same use."""
        key = self.aim(key, usable)
        use = made.kind.use
        own = arn(region_of(key), made.key)
        if own == key:
            return
        if use == SEAL:
            expected = {INCORRECT_KEY} if key in self.model.members else {GONE}
            if own not in self.model.members:
                expected = {BEHIND} | (expected & {GONE})
            self.ask(made.operation, expected, region_of(key), KeyId=key, **made.request)
            return
        expected = self.model.unusable(key)
        if expected:
            self.ask(made.operation, expected, region_of(key), KeyId=key, **made.request)
            return
        shared = self.model.members[key].shared
        same_use = shared.kind.usage == made.kind.usage
        algorithm = next(value for name, value in made.request.items() if "Algorithm" in name)
        if not same_use or algorithm not in shared.kind.algorithms:
            expected = {WRONG_USE}
        elif shared.current.secret != made.material.secret:
            if use == AGREE and shared.kind.spec == made.kind.spec:
                answer = self.ask(made.operation, (), region_of(key), KeyId=key, **made.request)
                self._agreement_is_right(key, answer["SharedSecret"])
                assert answer["SharedSecret"] != made.answer["SharedSecret"]
                return
            if use == KEM and shared.kind.spec == made.kind.spec:
                answer = self.ask(made.operation, (), region_of(key), KeyId=key, **made.request)
                assert answer["SharedSecret"] != made.answer["SharedSecret"]
                return
            expected = {INVALID} if use == AGREE else {BAD[use]}
        self.ask(made.operation, expected, region_of(key), KeyId=key, **made.request)

    @rule(target=made, made=made, key=keys, at=anything, context=contexts)
    def re_encrypt(self, made, key, at, context):
        key = self.aim(key, usable)
        if made.kind.use not in (SEAL, RSA):
            return multiple()
        source = arn(region_of(key), made.key)
        asked, expected = {"CiphertextBlob": made.request["CiphertextBlob"]}, set()
        if made.kind.use == SEAL:
            asked["SourceEncryptionContext"] = made.request["EncryptionContext"]
        else:
            algorithm = made.request["EncryptionAlgorithm"]
            asked |= {"SourceKeyId": source, "SourceEncryptionAlgorithm": algorithm}
        absent = self.model.unusable(source)
        expected = {BEHIND} if absent == {GONE} and made.kind.use == SEAL else absent
        expected = expected | self.model.unusable(key)
        member = self.model.members.get(key)
        kind = member and member.shared.kind
        if kind is not None and kind.use == RSA:
            asked["DestinationEncryptionAlgorithm"] = one_of(kind.algorithms, at)
        elif kind is not None and kind.use == SEAL:
            asked["DestinationEncryptionContext"] = context
        if not expected and kind.use not in (SEAL, RSA):
            expected = {WRONG_USE}
        answer = self.ask("ReEncrypt", expected, region_of(key), DestinationKeyId=key, **asked)
        if answer is None:
            return multiple()
        assert (answer["SourceKeyId"], answer["KeyId"]) == (source, key)
        assert answer.get("SourceKeyMaterialId") == made.answer.get("KeyMaterialId")
        current = member.shared.current
        assert answer.get("DestinationKeyMaterialId") == current.id
        plaintext = {"Plaintext": made.answer["Plaintext"]}
        if kind.use == SEAL:
            asked = {**plaintext, "EncryptionContext": context}
        else:
            asked = {**plaintext, "EncryptionAlgorithm": asked["DestinationEncryptionAlgorithm"]}
        again = self._kept(member.shared, asked, answer)
        self.all_made.append(again)
        return again

    # What a key is not for

    @rule(key=keys, operation=st.sampled_from([*MAKES, "GetPublicKey"]))
    def misuse(self, key, operation):
        key = self.aim(key)
        if operation == "GetPublicKey":
            self.public_key(key)
            return
        kind = Kind(
            {SIGN: "ECC_NIST_P256", MAC: "HMAC_256", AGREE: "ECC_NIST_P256"}.get(operation, ""),
            operation,
        )
        request = self._asked(kind, 0, b"m", {})
        member = self.model.members.get(key)
        own = member and member.shared.kind
        if own is not None and own.usage == kind.usage:
            return
        expected = self.model.unusable(key) or {WRONG_USE}
        self.ask_of(key, MAKES[operation][0], expected, **request)
