"""`strongroom dev --seed FILE`: keys, users and roles that are there from the first request on.

The file is YAML, or JSON if its name ends so; `docs/seeds.md` describes it.  What it says is done by the
operations of AWS's own APIs, as the root user of each account would ask for it, so their rules hold and
their refusals are told.  Of its own it has what AWS lets nobody choose: key ids, key material, access keys.

All of it is done, or nothing.
"""

import json
import time
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import msgspec

from strongroom.arn import partition_of
from strongroom.backings.software import SoftwareBacking
from strongroom.errors import Fault, SetupError
from strongroom.keys import private
from strongroom.keys.encoding import der_of_pem
from strongroom.keys.envelope import Material
from strongroom.keys.hierarchy import material_id, new_material
from strongroom.keys.private import Private
from strongroom.keys.rotation import RotationType
from strongroom.keys.specs import SYMMETRIC_DEFAULT
from strongroom.policy.entities import AccessKey, User
from strongroom.services import iam, kms
from strongroom.services.call import Call
from strongroom.services.iam.world import Iam
from strongroom.services.kms import lifecycle, rotation
from strongroom.services.kms.access import Decisions
from strongroom.services.kms.identifiers import is_key_id
from strongroom.services.kms.world import KmsBooks
from strongroom.services.operation import Operation
from strongroom.services.principal import root
from strongroom.storage.books import Books
from strongroom.storage.store import Store
from strongroom.wire.shape import OperationShapes
from strongroom.wire.shapes import iam as iam_shapes
from strongroom.wire.shapes import kms as kms_shapes

_MOST_BYTES = 16 * 1024 * 1024  # of a file
_MOST_POLICY = 128 * 1024  # characters; YAML's aliases make exabytes of a few lines
_NOT_YAML = (AttributeError, LookupError)  # of PyYAML, for `!!bool x`, `!!int ''` and the like
Account = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{12}\Z")]
Region = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9-]{1,32}\Z")]
Document = str | dict[str, Any]
"""A policy: its text, or what that says."""


class _Entry(msgspec.Struct, forbid_unknown_fields=True, rename="pascal", kw_only=True):
    """Names are those of CloudFormation's resources, where it has them."""


class Tag(_Entry, kw_only=True):
    key: str
    value: str


class SeededKey(_Entry, kw_only=True):
    key_id: str
    key_material: str | list[str] = []  # of several, the last one is current
    account: Account | None = None
    region: Region | None = None
    key_spec: str = SYMMETRIC_DEFAULT
    key_usage: str | None = None
    description: str = ""
    key_policy: Document | None = None
    tags: list[Tag] = []
    aliases: list[str] = []
    enabled: bool = True
    enable_key_rotation: bool = False
    rotation_period_in_days: int | None = None
    replica_regions: list[str] = []

    def __repr__(self) -> str:
        return f"SeededKey({self.key_id})"


class InlinePolicy(_Entry, kw_only=True):
    policy_name: str
    policy_document: Document


class SeededAccessKey(_Entry, kw_only=True):
    access_key_id: str
    secret_access_key: str

    def __repr__(self) -> str:
        return f"SeededAccessKey({self.access_key_id})"


class _Principal(_Entry, kw_only=True):
    account: Account | None = None
    path: str = "/"
    policies: list[InlinePolicy] = []
    managed_policy_arns: list[str] = []
    permissions_boundary: str | None = None
    tags: list[Tag] = []


class SeededUser(_Principal, kw_only=True):
    user_name: str
    access_keys: list[SeededAccessKey] = []


class SeededRole(_Principal, kw_only=True):
    role_name: str
    assume_role_policy_document: Document


class Seed(_Entry, kw_only=True):
    account: Account = "000000000000"
    region: Region = "us-east-1"
    users: list[SeededUser] = []
    roles: list[SeededRole] = []
    keys: list[SeededKey] = []


def read(file: Path) -> Seed:
    """What the file says; SetupError with what is wrong in it."""
    try:
        with file.open("rb") as opened:
            content = opened.read(_MOST_BYTES + 1)
    except OSError as failure:
        raise SetupError(f"the seed `{file}` cannot be read: {failure.strerror}") from None
    if len(content) > _MOST_BYTES:
        raise SetupError(f"the seed `{file}` is larger than {_MOST_BYTES >> 20} MiB")
    decode: Callable[..., Seed] = (
        msgspec.json.decode if file.suffix == ".json" else msgspec.yaml.decode
    )
    try:
        return decode(content, type=Seed)
    except msgspec.ValidationError as wrong:
        hint = "; quote what is to be text" if "Expected `str`, got" in str(wrong) else ""
        raise SetupError(f"the seed `{file}` is not one: {wrong}{hint}") from None
    except _NOT_YAML:
        raise SetupError(f"the seed `{file}` cannot be read: a value is not of its tag") from None
    except (msgspec.DecodeError, ValueError) as wrong:
        said = " ".join(str(wrong).split())
        raise SetupError(f"the seed `{file}` cannot be read: {said}") from None


def sow(store: Store, file: Path, seed: Seed) -> None:
    """Do what a seed says; SetupError, with nothing done, if one of its entries is refused."""
    with store.writing() as books:
        sowing = _Sowing(books, file, seed)
        for user in seed.users:
            with sowing.about(f"the user {user.user_name}"):
                sowing.user(user)
        for role in seed.roles:
            with sowing.about(f"the role {role.role_name}"):
                sowing.role(role)
        for key in seed.keys:
            with sowing.about(f"the key {key.key_id}"):
                sowing.key(key)


class _Refused(Exception):
    """An entry cannot be as it is written; the message says why."""


class _Sowing:
    def __init__(self, books: Books, file: Path, seed: Seed) -> None:
        self._books = books
        self._file = file
        self._seed = seed
        self._now = time.time()
        self._iam = Iam(books)
        self._kms = KmsBooks(books, SoftwareBacking(), Decisions(books.standing))

    @contextmanager
    def about(self, entry: str) -> Iterator[None]:
        try:
            yield
        except Fault as fault:
            said = f"{fault.code}: {fault.message}" if fault.message else fault.code
            raise SetupError(f"in the seed `{self._file}`, {entry}: {said}") from None
        except (_Refused, msgspec.ValidationError) as why:
            raise SetupError(f"in the seed `{self._file}`, {entry}: {why}") from None

    def user(self, of: SeededUser) -> None:
        account = of.account or self._seed.account
        self._principal(account, "User", of.user_name, of)
        user = self._books.named(User, account, of.user_name)
        if user is None:
            raise LookupError(of.user_name)
        for key in of.access_keys:
            if not (16 <= len(key.access_key_id) <= 128 and key.access_key_id.isalnum()):
                raise _Refused("an AccessKeyId has 16 to 128 letters and digits")
            if not key.secret_access_key:
                raise _Refused("a SecretAccessKey is empty")
            if self._books.access_key(key.access_key_id) is not None:
                raise _Refused(f"the access key {key.access_key_id} is somebody's already")
            made = AccessKey(key.access_key_id, account, user.id, True, self._now)
            self._books.add_access_key(made, key.secret_access_key)

    def role(self, of: SeededRole) -> None:
        trust = _text(of.assume_role_policy_document)
        account = of.account or self._seed.account
        self._principal(account, "Role", of.role_name, of, AssumeRolePolicyDocument=trust)

    def _principal(
        self, account: str, kind: str, name: str, of: _Principal, **members: Any
    ) -> None:
        def ask(operation: str, **more: Any) -> None:
            named = {f"{kind}Name": name, **more}
            self._ask(iam.OPERATIONS, iam_shapes.OPERATIONS, self._iam, operation, account, named)

        if of.permissions_boundary is not None:
            members["PermissionsBoundary"] = of.permissions_boundary
        tags = [{"Key": tag.key, "Value": tag.value} for tag in of.tags]
        ask(f"Create{kind}", Path=of.path, Tags=tags, **members)
        for policy in of.policies:
            document = _text(policy.policy_document)
            ask(f"Put{kind}Policy", PolicyName=policy.policy_name, PolicyDocument=document)
        for arn in of.managed_policy_arns:
            ask(f"Attach{kind}Policy", PolicyArn=arn)

    def key(self, of: SeededKey) -> None:
        account, region = of.account or self._seed.account, of.region or self._seed.region

        def ask(operation: str, **members: Any) -> None:
            known = kms.OPERATIONS, kms_shapes.OPERATIONS, self._kms
            self._ask(*known, operation, account, members, region)

        if not is_key_id(of.key_id):
            raise _Refused("a KeyId is a UUID in lower case, or mrk- and 32 hexadecimal digits")
        if self._books.owner(region, of.key_id) is not None:
            raise _Refused("there is one already")
        multi_region = of.key_id.startswith("mrk-")
        if of.replica_regions and not multi_region:
            raise _Refused("only a key whose KeyId begins with mrk- has replicas")
        creation = {
            "KeySpec": of.key_spec,
            "KeyUsage": of.key_usage,
            "Description": of.description,
            "Policy": None if of.key_policy is None else _text(of.key_policy),
            "Tags": [{"TagKey": tag.key, "TagValue": tag.value} for tag in of.tags],
            "MultiRegion": multi_region,
        }
        asked = msgspec.convert(creation, kms_shapes.CreateKeyRequest)
        materials = [of.key_material] if isinstance(of.key_material, str) else of.key_material
        if len(materials) > 1 and of.key_spec != SYMMETRIC_DEFAULT:
            raise _Refused("only a symmetric key has more than one KeyMaterial")
        made: list[Material | Private] = []

        def born() -> lifecycle.Born:
            made.extend(_material(of.key_id, of.key_spec, each) for each in materials)
            if len({each.id for each in made}) < len(made):
                raise _Refused("the same KeyMaterial is there twice")
            return of.key_id, made[0] if made else _fresh(of.key_id, of.key_spec)

        key = lifecycle.create(self._kms, self._call(account, region), asked, born)
        for each in made[1:]:
            if isinstance(each, Material):
                automatic = RotationType.AUTOMATIC
                key = rotation.rotate_to(self._books, key, each, self._now, automatic)
        for alias in of.aliases:
            ask("CreateAlias", AliasName=alias, TargetKeyId=of.key_id)
        if of.enable_key_rotation:
            days = of.rotation_period_in_days
            ask("EnableKeyRotation", KeyId=of.key_id, RotationPeriodInDays=days)
        elif of.rotation_period_in_days is not None:
            raise _Refused("RotationPeriodInDays is of keys with EnableKeyRotation")
        for other in of.replica_regions:
            policy = creation["Policy"]
            ask("ReplicateKey", KeyId=of.key_id, ReplicaRegion=other, Policy=policy)
        if not of.enabled:
            ask("DisableKey", KeyId=of.key_id)

    def _ask(
        self,
        operations: Mapping[str, Operation],
        shapes: Mapping[str, OperationShapes],
        world: Iam | KmsBooks,
        operation: str,
        account: str,
        members: Mapping[str, Any],
        region: str = "",
    ) -> None:
        """Have an operation done for the root user of an account."""
        asked = msgspec.convert(members, shapes[operation].input)
        call = self._call(account, region or self._seed.region)
        operations[operation].handler(world, call, asked)

    def _call(self, account: str, region: str) -> Call:
        return Call(root(partition_of(region), account), region, self._now)


def _text(document: Document) -> str:
    """YAML takes 2012-10-17 for a date, unless it is quoted."""
    if isinstance(document, str):
        return document
    text = ""
    try:
        for part in json.JSONEncoder(default=date.isoformat).iterencode(document):
            text += part
            if len(text) > _MOST_POLICY:
                raise _Refused(f"a policy has more than {_MOST_POLICY:,} characters")
    except (TypeError, ValueError, RecursionError):
        raise _Refused("a policy has what JSON has not") from None
    return text


def _fresh(key_id: str, spec: str) -> Material | Private:
    if spec == SYMMETRIC_DEFAULT:
        return new_material(key_id)
    return _of_secret(key_id, spec, private.fresh(spec))


def _material(key_id: str, spec: str, text: str) -> Material | Private:
    """Of base64, or of a private key in PEM."""
    try:
        text = text.strip()
        is_pem = text.startswith("-----BEGIN ") and text.endswith("-----")
        secret = der_of_pem(text.encode()) if is_pem else b64decode(text, validate=True)
        if spec in private.IMPORTABLE:
            secret = private.imported(spec, secret)
        return _of_secret(key_id, spec, secret)
    except ValueError:  # NotAKey, what is not base64, a seed of another length
        raise _Refused(f"its KeyMaterial is not that of a key of {spec}") from None


def _of_secret(key_id: str, spec: str, secret: bytes) -> Material | Private:
    named = material_id(key_id, secret)
    if spec == SYMMETRIC_DEFAULT:
        return Material(named, secret)
    return Private.of(named, spec, secret)
