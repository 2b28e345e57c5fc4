"""What AWS documents of keys, as plain values: states, materials, Regions, time.

A key is one `Shared` and as many `Member`s as there are Regions that it is in.  A member is called by its ARN; a
replica that is gone and made again has the ARN it had.

Source: KMS Developer Guide, "Key states", "Deleting KMS keys", "Rotating KMS keys", "Importing key material",
"Multi-Region keys"; KMS API Reference.
"""

from dataclasses import dataclass, field

from machine.grant_model import Grants
from machine.kinds import SHOWN_AS, Kind

MINUTE, HOUR, DAY = 60, 3_600, 86_400

GONE = "NotFoundException"
DISABLED = "DisabledException"
WRONG_STATE = "KMSInvalidStateException"
BEHIND = "AccessDeniedException"
NOISE = "InvalidCiphertextException"
INCORRECT_KEY = "IncorrectKeyException"
WRONG_USE = "InvalidKeyUsageException"
UNSUPPORTED = "UnsupportedOperationException"
INVALID = "ValidationException"
EXISTS = "AlreadyExistsException"
LIMIT = "LimitExceededException"
CONFLICT = "ConflictException"
BAD_TOKEN = "InvalidImportTokenException"
OLD_TOKEN = "ExpiredImportTokenException"
BAD_MATERIAL = "IncorrectKeyMaterialException"
BAD_SIGNATURE = "KMSInvalidSignatureException"
BAD_MAC = "KMSInvalidMacException"
NO_GRANT = "InvalidGrantIdException"
NO_GRANT_TOKEN = "InvalidGrantTokenException"

MOST_ON_DEMAND = 25
QUIET = 20 * MINUTE  # no rotation on demand this close before an automatic one


@dataclass(eq=False)
class Material:
    """One material of a key, wherever that is; `secret` is the same for the same bytes."""

    id: str | None  # told of symmetric keys alone
    secret: object
    how: str | None = None  # it was rotated to
    pending: bool = False  # no rotation has made it current yet


@dataclass(eq=False)
class Shared:
    """What all members of a key have in common."""

    id: str
    kind: Kind
    origin: str
    multi: bool
    primary: str  # its Region
    materials: list[Material] = field(default_factory=list)
    rotates: tuple[int, float] | None = None  # every so many days, and next at
    on_demand: int = 0
    public: bytes | None = None  # once it was seen

    @property
    def external(self):
        return self.origin == "EXTERNAL"

    @property
    def needed(self):
        """What a member cannot be used without."""
        return [each for each in self.materials if not each.pending]

    @property
    def current(self):
        return self.needed[-1] if self.needed else None

    @property
    def pending(self):
        return next((each for each in self.materials if each.pending), None)

    def like(self, secret):
        return next((each for each in self.materials if each.secret == secret), None)


@dataclass(eq=False)
class Member:
    shared: Shared
    region: str
    description: str
    state: str
    tags: dict[str, str]
    dies: float | None = None
    window: int | None = None  # days, while it waits for its deletion
    held: dict[Material, float | None] = field(default_factory=dict)
    """Imported material that is here, and when it expires."""

    @property
    def arn(self):
        return arn(self.region, self.shared.id)

    @property
    def is_primary(self):
        return self.shared.multi and self.region == self.shared.primary

    @property
    def is_replica(self):
        return self.shared.multi and self.region != self.shared.primary

    @property
    def complete(self):
        needed = self.shared.needed
        if not self.shared.external:
            return True
        return bool(needed) and all(each in self.held for each in needed)

    @property
    def expires(self):
        """When the first of what it needs expires."""
        times = [self.held[each] for each in self.shared.needed if each in self.held]
        return min((time for time in times if time is not None), default=None)


def arn(region, key_id):
    return f"arn:aws:kms:{region}:000000000000:key/{key_id}"


def region_of(arn_):
    return arn_.split(":")[3]


def id_of(arn_):
    return arn_.rpartition("/")[2]


@dataclass
class Model:
    now: float
    members: dict[str, Member] = field(default_factory=dict)  # by ARN
    aliases: dict[tuple[str, str], str] = field(default_factory=dict)  # Region and name, to an ARN
    grants: Grants = field(default_factory=Grants)

    def of(self, shared):
        return [each for each in self.members.values() if each.shared is shared]

    def replicas(self, shared):
        return [each for each in self.of(shared) if each.is_replica]

    def all_keys(self):
        return list({id(each.shared): each.shared for each in self.members.values()}.values())

    def primary(self, shared):
        return self.members[arn(shared.primary, shared.id)]

    # Refusals

    def refusals(self, arn_, *states):
        """What a key refuses that may be in `states` only."""
        member = self.members.get(arn_)
        if member is None:
            return {GONE}
        if member.state in states:
            return set()
        return {DISABLED} if member.state == "Disabled" else {WRONG_STATE}

    def unusable(self, arn_):
        return self.refusals(arn_, "Enabled")

    def unchangeable(self, arn_):
        """By tags, descriptions, aliases: those that are being deleted."""
        return self.refusals(arn_, "Enabled", "Disabled", "PendingImport")

    def unsupported(self, arn_, suits):
        """Operations that are not for such a key say so before they look at its state."""
        member = self.members.get(arn_)
        if member is None:
            return {GONE}
        return set() if suits(member) else {UNSUPPORTED}

    # Changes

    def back(self, member):
        """From deletion."""
        member.state = "Disabled" if member.complete else "PendingImport"
        member.dies = member.window = None

    def doom(self, member, days):
        waits = member.is_primary and self.replicas(member.shared)
        member.state = "PendingReplicaDeletion" if waits else "PendingDeletion"
        member.window = days
        member.dies = None if waits else self.now + days * DAY

    def take_in(self, member, material, until):
        """Material was imported; the first that comes is current, others wait for a rotation."""
        if material not in member.shared.materials:
            material.pending = bool(member.shared.materials)
            member.shared.materials.append(material)
        member.held[material] = until
        if member.state == "PendingImport" and member.complete:
            member.state = "Enabled"

    def take_away(self, member, material):
        """Of the primary, what waits for a rotation is gone everywhere, and forgotten."""
        if material.pending and not member.is_replica:
            member.shared.materials.remove(material)
            for each in self.of(member.shared):
                each.held.pop(material, None)
            return
        member.held.pop(material, None)
        if not material.pending and member.state in ("Enabled", "Disabled"):
            member.state = "PendingImport"

    def waits_everywhere(self, shared):
        """Whether there is a material to rotate to, in every Region."""
        return shared.pending is not None and all(
            shared.pending in each.held for each in self.of(shared)
        )

    def pass_time(self, seconds):
        """What is gone, and the keys that rotate, by ARNs."""
        self.now += seconds
        dead = [
            each.arn
            for each in self.members.values()
            if each.state == "PendingDeletion" and each.dies <= self.now
        ]
        for each in dead:
            self._delete(each)
        for member in self.members.values():
            for material, until in list(member.held.items()):
                if until is not None and until <= self.now:
                    self.take_away(member, material)
        turned = [
            self.primary(shared)
            for shared in self.all_keys()
            if shared.rotates is not None and shared.rotates[1] <= self.now
        ]
        turned = [each.arn for each in turned if each.state == "Enabled"]
        for each in turned:
            shared = self.members[each].shared
            period, due = shared.rotates
            on_time = due + period * DAY
            shared.rotates = period, on_time if on_time > self.now else self.now + period * DAY
        return dead, turned

    def _delete(self, arn_):
        shared = self.members.pop(arn_).shared
        self.aliases = {name: target for name, target in self.aliases.items() if target != arn_}
        self.grants.forget_key(arn_)
        primary = self.members.get(arn(shared.primary, shared.id))
        waits = primary is not None and primary.state == "PendingReplicaDeletion"
        if waits and not self.replicas(shared):
            primary.state = "PendingDeletion"
            primary.dies = self.now + primary.window * DAY

    # What is shown

    def shown(self, member):
        """DescribeKey's members; None for what must not be there."""
        shared = member.shared
        kind = shared.kind
        waits = member.state == "PendingReplicaDeletion"
        holds = shared.external and member.complete
        expires = member.expires if holds else None
        model = "KEY_MATERIAL_DOES_NOT_EXPIRE" if expires is None else "KEY_MATERIAL_EXPIRES"
        symmetric = kind.symmetric and shared.current is not None
        return {
            "KeyId": shared.id,
            "Arn": member.arn,
            "Description": member.description,
            "KeyState": member.state,
            "Enabled": member.state == "Enabled",
            "KeySpec": kind.spec,
            "CustomerMasterKeySpec": kind.spec,
            "KeyUsage": kind.usage,
            "KeyManager": "CUSTOMER",
            "Origin": shared.origin,
            **dict.fromkeys(SHOWN_AS.values()),
            SHOWN_AS[kind.use]: kind.algorithms,
            "CurrentKeyMaterialId": shared.current.id if symmetric else None,
            "ExpirationModel": model if holds else None,
            "ValidTo": expires,
            "DeletionDate": member.dies,
            "PendingDeletionWindowInDays": member.window if waits else None,
            "MultiRegion": shared.multi,
            "MultiRegionConfiguration": self._configuration(member) if shared.multi else None,
        }

    def _configuration(self, member):
        replicas = sorted(each.region for each in self.replicas(member.shared))
        return {
            "MultiRegionKeyType": "PRIMARY" if member.is_primary else "REPLICA",
            "PrimaryKey": _related(member.shared.primary, member.shared.id),
            "ReplicaKeys": [_related(region, member.shared.id) for region in replicas],
        }

    def listed(self, member):
        """ListKeyRotations' entries with all material."""
        shared = member.shared
        found = []
        for material in shared.materials:
            entry = {"KeyId": shared.id, "KeyMaterialId": material.id}
            if material.pending:
                everywhere = self.waits_everywhere(shared)
                state = "PENDING_ROTATION"
                if not everywhere:
                    state = "PENDING_MULTI_REGION_IMPORT_AND_ROTATION"
            else:
                state = "CURRENT" if material is shared.current else "NON_CURRENT"
            entry["KeyMaterialState"] = state
            entry["RotationType"] = material.how
            here = material in member.held
            until = member.held.get(material)
            expires = "KEY_MATERIAL_DOES_NOT_EXPIRE" if until is None else "KEY_MATERIAL_EXPIRES"
            imported = "IMPORTED" if here else "PENDING_IMPORT"
            entry["ImportState"] = imported if shared.external else None
            entry["ExpirationModel"] = expires if here else None
            entry["ValidTo"] = until
            found.append(entry)
        return found


def _related(region, key_id):
    return {"Arn": arn(region, key_id), "Region": region}
