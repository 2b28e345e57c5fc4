"""Who may do what, asked of what is kept: what `strongroom explain` and `who-can` look up.

Nothing decides here.  Principals, keys, roles and grants are read in one transaction and put
together as the services put them together for a request; what a request would bring besides is
supposed (`Supposed`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec

from strongroom.arn import Arn, partition_of, root_user
from strongroom.backings.software import SoftwareBacking
from strongroom.errors import Fault, SetupError
from strongroom.keys.alias import PREFIX as ALIAS
from strongroom.keys.credential import Credential
from strongroom.keys.grant import Grant
from strongroom.keys.key import Key
from strongroom.keys.session import Session
from strongroom.main.principals import of_identity, within
from strongroom.policy import grants as policy_grants
from strongroom.policy.caller import OUTSIDE, Caller, Kind, Named
from strongroom.policy.compiled import Policy, Use, compile_policy
from strongroom.policy.entities import Role, User
from strongroom.policy.identity import Identity
from strongroom.policy.layers import Layers, Question
from strongroom.policy.variables import Context
from strongroom.services import principal
from strongroom.services.call import Call
from strongroom.services.circumstances import Circumstances, OfOwn
from strongroom.services.kms import access
from strongroom.services.kms.circumstances import OfKey
from strongroom.services.kms.world import KmsBooks
from strongroom.services.principal import Principal
from strongroom.services.sts import content
from strongroom.services.sts.access import OfRole, trust_policy
from strongroom.storage.books import Books
from strongroom.wire.shapes.sts import PolicyDescriptorType

_PAGE = 1_000  # grants read at a time
_OF_REQUESTS = frozenset(
    (
        "aws:currenttime",
        "aws:epochtime",
        "aws:referer",
        "aws:securetransport",
        "aws:sourceip",
        "aws:useragent",
    )
)
_FIXED = (
    "aws:principalarn",
    "aws:principalaccount",
    "aws:principaltype",
    "aws:username",
    "aws:principalorg",
    "aws:resource",
    "kms:calleraccount",
    "kms:customermaster",
    "kms:key",
    "kms:multiregion",
    "kms:resourcealiases",
)  # beginnings of keys that no request changes


def follows(name: str, resource: str) -> bool:
    """Whether a condition key's value follows from who asks and for what, whatever the request has.

    A request that is about no key may bring what a key would have: CreateKey does.
    """
    if name.startswith("aws:principaltag/"):
        return True
    of_keys = name.startswith("kms:") and name != "kms:calleraccount"
    return name.startswith(_FIXED) and (not of_keys or ":key/" in resource)


class NoSuchThing(SetupError):
    """What was asked about is not kept here."""


class Supposed(Mapping[str, "str | tuple[str, ...]"]):
    """The circumstances of a request that nobody has made: what was given, and what follows from
    who and what it is about; of the rest it has nothing.
    """

    def __init__(self, known: Circumstances, given: Context) -> None:
        self._known = known
        self._given = given
        self._of_role = known.call.who.caller.kind is Kind.SESSION

    def get(self, name: str, default: object = None) -> object:  # type: ignore[override]
        if name in self._given:
            return self._given[name]
        return default if name in _OF_REQUESTS else (self._known.get(name) or default)

    def settled(self, name: str) -> bool:
        """Whether no request by this principal could have it otherwise."""
        if name in self._given:
            return True
        if name.startswith("aws:principaltag/"):
            return not self._of_role  # a session brings tags of its own
        return name.startswith(_FIXED) or name in (
            "",
            "aws:requestedregion",
            "aws:principalisawsservice",
        )

    def __getitem__(self, name: str) -> "str | tuple[str, ...]":
        value = self.get(name)
        if value is None:
            raise KeyError(name)
        return value  # type: ignore[return-value]

    def __iter__(self) -> Iterator[str]:
        return iter({*self._given, *self._known})

    def __len__(self) -> int:
        return len({*self._given, *self._known})


@dataclass(frozen=True, slots=True)
class Asked:
    question: Question
    layers: Layers
    supposed: Supposed


class Authority:
    """Reads of one transaction."""

    def __init__(self, books: Books, now: float) -> None:
        self._books = books
        self._now = now
        self._kms = KmsBooks(books, SoftwareBacking(), access.Decisions(books.standing))

    # Whom and what a question names

    def principal(self, text: str) -> Principal:
        """Of an account's digits, or the ARN of a root user, user, role or role's session.

        NoSuchThing for what is not here; of another installation's account nothing is known but
        its ARN, and its own policies are supposed to allow everything.
        """
        try:
            caller = Caller.of_arn(text)
        except ValueError as fault:
            raise NoSuchThing(
                f"{fault}; give the ARN of a user, a role, a session of a role or a root user"
            ) from None
        if caller.kind is Kind.ROOT:
            return self._within(principal.root(caller.arn.split(":")[1], caller.account))
        if caller.kind is Kind.WEB_IDENTITY:
            return Principal(caller, context={"aws:principalisawsservice": "false"})
        if caller.kind is Kind.SERVICE or not self._books.account_known(caller.account):
            return self.stranger(caller)
        if caller.kind is Kind.FEDERATED:
            raise NoSuchThing(
                f"`{text}` does not tell whose session it is and which policies it brought; give the "
                "id of a request that it made, or the ARN of the user who asked for it"
            )
        arn = Arn.parse(text)
        kind, _, rest = arn.resource.partition("/")
        found: Identity | None = None
        match kind:
            case "user":
                found = self._books.identity(caller.account, "user", rest.rpartition("/")[2])
            case "role":
                found = self._books.identity(caller.account, "role", rest.rpartition("/")[2])
            case "assumed-role":
                found = self._books.identity(caller.account, "role", rest.partition("/")[0])
        if found is None or (kind in ("user", "role") and found.arn != text):
            raise NoSuchThing(
                f"there is no `{text}`; `aws iam list-{kind}s` tells which there are"
                if kind in ("user", "role")
                else f"there is no role for `{text}`"
            )
        return self.of_identity(found, rest.partition("/")[2] if kind == "assumed-role" else "")

    def of_session(self, session: Session, own: str | None, managed: Sequence[str]) -> Principal:
        """A session that was, with its policies: its `own`, and those of `managed` policies' ARNs as
        they are now.  NoSuchThing if what it was a session of is gone.
        """
        found = self._books.identity_by_id(session.account, session.of)
        if found is None:
            raise NoSuchThing("whoever the session was of is not there any more")
        try:
            arns = [PolicyDescriptorType(arn=arn) for arn in managed]
            policies = content.policies(self._books, session.account, own, arns)
        except Fault as fault:
            raise NoSuchThing(f"the session's policies cannot be had: {fault.message}") from None
        credential = Credential(
            "",
            "",
            found.account,
            found.unique_id,
            msgspec.structs.replace(session, policies=policies),
        )
        return self._within(of_identity(credential, found))

    def of_identity(self, identity: Identity, session: str = "") -> Principal:
        """A user, or a role: one session of it, or if that has no name, any."""
        return self._within(self._of_identity(identity, session))

    def stranger(self, caller: Caller) -> Principal:
        """Whose own policies are not here: they are supposed to allow everything."""
        return self._within(_stranger(caller))

    def _within(self, who: Principal) -> Principal:
        return within(who, self._books.standing(who.account))

    def _of_identity(self, identity: Identity, session: str) -> Principal:
        if identity.kind == "user":
            return of_identity(Credential("", "", identity.account, identity.unique_id), identity)
        made = of_identity(
            Credential(
                "",
                "",
                identity.account,
                identity.unique_id,
                Session(
                    kind="role",
                    account=identity.account,
                    of=identity.unique_id,
                    name=session,
                    secret="",
                    issued=self._now,
                    expires=self._now,
                ),
            ),
            identity,
        )
        if session:
            return made
        names: dict[str, Named] = {
            name: named for name, named in made.caller.names.items() if named is Named.LIMITED
        }
        return replace(made, caller=replace(made.caller, arn=identity.arn, names=names))

    def key(self, text: str, region: str = "") -> Key:
        """Of a key's id or ARN, an alias's name or ARN; NoSuchThing if it is not exactly one."""
        resource, account = text, ""
        if text.startswith("arn:"):
            try:
                arn = Arn.parse(text)
            except ValueError as fault:
                raise NoSuchThing(str(fault)) from None
            region, account, resource = arn.region, arn.account, arn.resource
        name = resource.removeprefix("key/")
        by_alias = name.startswith(ALIAS)
        places = self._books.places_of_alias(name) if by_alias else self._books.places(name)
        found = []
        for place in places:
            if account in ("", place[0]) and region in ("", place[1]):
                alias = self._books.alias(*place, name) if by_alias else None
                key = self._books.key(*place, name if alias is None else alias.target)
                found += [] if key is None else [key]
        if not found:
            where = f" in {region}" if region else ""
            raise NoSuchThing(f"there is no key `{text}`{where}; give its ARN, its id or its alias")
        if len(found) > 1:
            listed = ", ".join(key.arn for key in found)
            raise NoSuchThing(f"`{text}` is several keys; give the ARN of one: {listed}")
        return found[0]

    def role(self, arn: str) -> Identity:
        try:
            parsed = Arn.parse(arn)
        except ValueError as fault:
            raise NoSuchThing(str(fault)) from None
        found = self._books.identity(parsed.account, "role", parsed.resource.rpartition("/")[2])
        if found is None or found.arn != arn:
            raise NoSuchThing(f"there is no role `{arn}`")
        return found

    # Questions

    def of_key(self, who: Principal, action: str, key: Key, given: Context) -> Asked:
        """May `who` do `action` (`Decrypt`) to a key?  Of its grants, those that mean `who`."""
        grants = access.grants_to(self._books, who, key)
        standing = self._books.standing(key.account)
        question, layers = access.asked(who, action, key, standing, grants)
        known = OfKey(self._kms, self._call(who, key.region), key, lambda: given)
        return Asked(question, layers, Supposed(known, given))

    def of_retirement(self, who: Principal, key: Key, given: Context) -> Asked:
        """May `who` retire some grant of a key?  Its policy is not asked, only the grants."""
        question = Question(who.caller, "kms:RetireGrant", key.arn, key.account)
        caller = who.caller
        means = {*caller.names, root_user(partition_of(key.region), caller.account)}
        grants = [
            policy_grants.Grant(grant.id, name, frozenset({"kms:retiregrant"}))
            for grant in self.grants(key)
            for name in grant.retirers
            if name in means
        ]
        known = OfKey(self._kms, self._call(who, key.region), key, lambda: given)
        return Asked(question, who.layers(grants=grants), Supposed(known, given))

    def of_role(self, who: Principal, action: str, role: Identity, given: Context) -> Asked:
        """May `who` have a session of a role (`sts:AssumeRole`, ...)?"""
        question = Question(who.caller, action, role.arn, role.account)
        standing = self._books.standing(role.account)
        known = OfRole(self._call(who, ""), role, standing, lambda: given)
        layers = who.layers(trust_policy(role), rcps=standing.rcps)
        return Asked(question, layers, Supposed(known, given))

    def of_rest(self, who: Principal, action: str, resource: str, given: Context) -> Asked:
        """May `who` do what only its own policies decide?"""
        question = Question(who.caller, action, resource, who.account)
        call = self._call(who, "")
        known = (
            OfKey(self._kms, call, None, lambda: given)
            if action.lower().startswith("kms:")
            else OfOwn(call, lambda: given)
        )
        return Asked(question, who.layers(), Supposed(known, given))

    def _call(self, who: Principal, region: str) -> Call:
        return Call(who, region, self._now)

    # Everybody

    def accounts(self) -> list[str]:
        return self._books.accounts_known()

    def root(self, account: str) -> Principal:
        return self._within(principal.root("aws", account))

    def identities(self, account: str) -> Iterator[Identity]:
        """The users of an account, and its roles."""
        for kind in (User, Role):
            for entity in self._books.entities(kind, account):
                found = self._books.identity_by_id(account, entity.id)
                if found is not None:
                    yield found

    def known(self, account: str) -> bool:
        return self._books.account_known(account)

    def grants(self, key: Key) -> Iterator[Grant]:
        after = ""
        while page := self._books.grants_of(key, None, after, _PAGE):
            yield from page
            after = page[-1].id


def _stranger(caller: Caller) -> Principal:
    if caller.kind in OUTSIDE:
        return Principal(caller, context={"aws:principalisawsservice": "true"})
    return Principal(
        caller,
        identity=(_SUPPOSED,),
        context={"aws:principalarn": caller.arn, "aws:principalaccount": caller.account}
        if caller.account
        else {},
    )


_SUPPOSED: Policy = compile_policy(
    '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}',
    Use.IDENTITY,
    "the policies of its own account, which is not kept here and is supposed to allow it",
)
