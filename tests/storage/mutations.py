"""Every way in which the books can be changed, by chance: each function is one transaction's work.

It finds in the books what it can be done to, and answers False where there is nothing of the kind.
"""

from dataclasses import replace
from functools import partial

from keeping import ELSEWHERE, HERE, NOW, call_from

from strongroom.keys.alias import Alias
from strongroom.keys.credential import Credential
from strongroom.keys.grant import Grant
from strongroom.keys.hierarchy import new_material
from strongroom.keys.imports import Import
from strongroom.keys.rotation import RotationType, Schedule
from strongroom.keys.specs import Manager, Origin
from strongroom.keys.states import KeyState
from strongroom.keys.usage import LastUsage
from strongroom.policy.entities import (
    AccessKey,
    Group,
    ManagedPolicy,
    PolicyVersion,
    Provider,
    Role,
    RoleDeletion,
    User,
)
from strongroom.policy.organization import (
    Creation,
    Invitation,
    InvitationState,
    Member,
    Organization,
    OrganizationPolicy,
    PolicyType,
    Unit,
)
from strongroom.services.kms.managed import fresh_id, new_key
from strongroom.storage import schema
from strongroom.storage.things import COUNTED

ACCOUNT, REGION = HERE
MUTATIONS = {}
"""By name, in an order in which each finds something to be done to."""


def mutation(function):
    MUTATIONS[function.__name__] = function
    return function


def word(chance):
    return f"{chance.randrange(36**6):06}"


# Accounts


@mutation
def add_account(books, chance):
    account = f"{chance.randrange(10**12):012}"
    books.add_account(account, word(chance), NOW)
    books.add_credential(Credential(f"AKIA{word(chance)}", word(chance), account), NOW)


@mutation
def add_access_key(books, chance):
    books.add_access_key(AccessKey(f"AKIA{word(chance)}", ACCOUNT, "", True, NOW), word(chance))


def access_key(books, chance):
    return one_of(books.access_keys(ACCOUNT, ""), chance)


def one_of(found, chance):
    return chance.choice(sorted(found, key=repr)) if found else None


@mutation
def set_access_key(books, chance):
    if (key := access_key(books, chance)) is None:
        return False
    return books.set_access_key(key, active=not key.active)


@mutation
def put_account_alias(books, chance):
    books.put_account_alias(ACCOUNT, f"alias-{word(chance)}")


# Keys


def add_key(books, chance, *, origin=Origin.AWS_KMS, multi_region=False):
    key_id = fresh_id(multi_region=multi_region)
    books.add_key(
        new_key(
            call_from(HERE),
            key_id,
            new_material(key_id) if origin is Origin.AWS_KMS else None,
            manager=Manager.CUSTOMER,
            description=word(chance),
            policy="{}",
            origin=origin,
            multi_region=multi_region,
        )
    )


MUTATIONS["add_key"] = add_key
MUTATIONS["add_multi_region_key"] = partial(add_key, multi_region=True)
MUTATIONS["add_external_key"] = partial(add_key, origin=Origin.EXTERNAL)


def a_key(books, chance, condition=lambda _: True):
    keys = (books.key(*HERE, key_id) for key_id in books.key_ids(*HERE, "", 100))
    return one_of([key for key in keys if condition(key)], chance)


@mutation
def change_key(books, chance):
    if (key := a_key(books, chance, lambda key: key.state is not KeyState.PENDING_IMPORT)) is None:
        return False
    at = NOW + chance.randrange(10**6)
    change = (
        {"description": word(chance) * chance.randrange(1, 1000)},
        {"policy": f'{{"Id": "{word(chance)}"}}'},
        {"state": KeyState.DISABLED},
        {"state": KeyState.ENABLED, "deletion_date": None, "deletion_window_days": None},
        {"state": KeyState.PENDING_DELETION, "deletion_date": at, "deletion_window_days": 7},
        {"rotation": Schedule(365, at)},
    )
    return books.change_key(key, **chance.choice(change))


@mutation
def rotate(books, chance):
    key = a_key(books, chance, lambda key: key.origin is Origin.AWS_KMS and not key.multi_region)
    if key is None:
        return False
    material = new_material(key.id)
    kind = RotationType.ON_DEMAND
    books.add_material(key, material, len(books.generations(key)), NOW, kind)
    return books.change_key(key, current_id=material.id)


@mutation
def add_replica(books, chance):
    key = a_key(books, chance, lambda key: key.regions is not None and len(key.regions.all) == 1)
    if key is None:
        return False
    region = ELSEWHERE[1]
    arn = key.arn.replace(REGION, region)
    return books.add_replica(key, key.but(region=region, arn=arn, version=1))


@mutation
def put_primary(books, chance):
    key = a_key(books, chance, lambda key: key.regions is not None and len(key.regions.all) == 2)
    if key is None:
        return False
    members = sorted(books.everywhere(key), key=lambda member: member.is_replica)
    return books.put_primary(*members)


@mutation
def import_material(books, chance):
    key = a_key(books, chance, lambda key: key.origin is Origin.EXTERNAL)
    if key is None or any(each.pending for each in key.imports):
        return False
    material = new_material(key.id)
    pending = bool(key.imports)
    books.add_secret(key, material.id, material.secret, len(key.imports), NOW, None)
    expires = chance.choice((None, NOW + 1))
    known = {"present": True, "pending": pending, "valid_to": expires, "description": word(chance)}
    books.put_import(key, Import(material_id=material.id, **known))
    if not key.imports:
        books.change_key(key, current_id=material.id, state=KeyState.ENABLED)
    return True


def an_import(books, chance, condition):
    """A key and something about its imported material, or twice None."""
    key = a_key(books, chance, lambda key: any(map(condition, key.imports)))
    found = [] if key is None else [each for each in key.imports if condition(each)]
    return key, one_of(found, chance)


@mutation
def delete_imported(books, chance):
    key, known = an_import(books, chance, lambda each: each.present)
    if key is None:
        return False
    books.put_secret(key, known.material_id, b"")
    return books.put_import(key, replace(known, present=False))


@mutation
def forget_material(books, chance):
    import_material(books, chance)
    key, known = an_import(books, chance, lambda each: each.pending)
    if key is None:
        return False
    return books.forget_material(key, known.material_id)


@mutation
def rotate_to_imported(books, chance):
    import_material(books, chance)
    key, known = an_import(books, chance, lambda each: each.pending and each.present)
    if key is None:
        return False
    books.rotated_to(key, known.material_id, NOW)
    books.put_import(key, replace(known, pending=False))
    return books.change_key(key, current_id=known.material_id)


@mutation
def put_alias(books, chance):
    if (key := a_key(books, chance)) is None:
        return False
    name = f"alias/{chance.randrange(6)}"
    return books.put_alias(Alias(*HERE, name, key.id, NOW, NOW))


@mutation
def add_grant(books, chance):
    if (key := a_key(books, chance)) is None:
        return False
    root = f"arn:aws:iam::{ACCOUNT}:root"
    return books.add_grant(
        Grant(
            id=chance.randbytes(32).hex(),
            account=ACCOUNT,
            region=REGION,
            key_id=key.id,
            name=word(chance),
            grantee=root,
            grantee_id=root,
            retiring="",
            retiring_id="",
            operations=("Decrypt",),
            equals=None,
            subset=None,
            source_arn="",
            issuing_account=ACCOUNT,
            issuer=root,
            created=NOW,
            parent="",
        )
    )


@mutation
def put_tags(books, chance):
    if (key := a_key(books, chance)) is None:
        return False
    return books.put_tags(key, {word(chance): word(chance) for _ in range(chance.randrange(4))})


@mutation
def put_usages(books, chance):
    if (key := a_key(books, chance)) is None:
        return False
    at = NOW + chance.randrange(10**6)
    usage = LastUsage("Decrypt", at, word(chance), word(chance))
    return books.put_usages({(key.account, key.region, key.id): usage})


@mutation
def renew_domain(books, chance):
    if (home := one_of(books.homes(), chance)) is None:
        return False
    return books.renew_domain(*home)


@mutation
def settle_domain(books, chance):
    """After what is under the older key was written again."""
    renew_domain(books, chance)
    for home in books.homes():
        for table in COUNTED:
            if table is not schema.domains and ("region" in table.c or not home[1]):
                books.sign_again(table, *home, (), 10_000)
        books.settle_domain(*home)


# IAM


@mutation
def put_entities(books, chance):
    """One more of each, or what there is anew."""
    name = f"{chance.randrange(3)}"
    for kind in (User, Group, Role, ManagedPolicy):
        if books.named(kind, ACCOUNT, name) is None:
            entity = kind(ACCOUNT, name, "aws", "/", f"{kind.prefix}{word(chance)}", NOW)
            if kind is ManagedPolicy:
                books.add_version(entity, PolicyVersion(1, "{}", NOW))
        else:
            entity = replace(books.named(kind, ACCOUNT, name), path=f"/{word(chance)}/")
        books.put_entity(entity)


def an_entity(books, chance, *kinds):
    kind = chance.choice(kinds)
    return one_of(books.entities(kind, ACCOUNT), chance)


OWNERS = User, Group, Role


@mutation
def put_iam_tags(books, chance):
    if (owner := an_entity(books, chance, *OWNERS)) is None:
        return False
    return books.put_iam_tags(ACCOUNT, owner.id, {word(chance): word(chance)})


@mutation
def add_member(books, chance):
    group, user = an_entity(books, chance, Group), an_entity(books, chance, User)
    if group is None or user is None:
        return False
    return books.add_member(group, user)


@mutation
def add_version(books, chance):
    if (policy := an_entity(books, chance, ManagedPolicy)) is None:
        return False
    number = policy.last_version + 1
    books.add_version(policy, PolicyVersion(number, word(chance), NOW))
    return books.put_entity(replace(policy, last_version=number, default_version=number))


@mutation
def attach(books, chance):
    owner, policy = an_entity(books, chance, *OWNERS), an_entity(books, chance, ManagedPolicy)
    if owner is None or policy is None:
        return False
    return books.attach(owner, policy)


@mutation
def put_inline_policy(books, chance):
    if (owner := an_entity(books, chance, *OWNERS)) is None:
        return False
    return books.put_inline_policy(owner, f"{chance.randrange(3)}", word(chance))


@mutation
def put_provider(books, chance):
    url = f"{chance.randrange(3)}.example"
    books.put_provider(Provider(ACCOUNT, url, "aws", (word(chance),), ("f" * 40,), NOW))


@mutation
def add_role_deletion(books, chance):
    books.add_role_deletion(RoleDeletion(ACCOUNT, word(chance), "kms", word(chance), NOW, ""))


# Organizations

ORGANIZATION = Organization(ACCOUNT, "o-one", "aws", "r-one", True, " ".join(PolicyType), NOW)


@mutation
def put_organization(books, chance):
    books.put_organization(replace(ORGANIZATION, created=NOW + chance.randrange(10**6)))
    books.put_unit(Unit(ACCOUNT, ORGANIZATION.root, "", "Root"))
    books.put_member(Member(ACCOUNT, ACCOUNT, ORGANIZATION.root, "manager", "", True, NOW))


def unit_id(chance):
    return f"ou-{chance.randrange(4)}"


def member(chance):
    number = f"{chance.randrange(4):012}"
    return Member(ACCOUNT, number, unit_id(chance), word(chance), f"{number}@example", True, NOW)


@mutation
def put_unit(books, chance):
    books.put_unit(Unit(ACCOUNT, unit_id(chance), ORGANIZATION.root, word(chance)))


@mutation
def put_member(books, chance):
    books.put_member(member(chance))


@mutation
def put_organization_policy(books, chance):
    number = chance.randrange(4)
    kind = list(PolicyType)[number % 2]
    books.put_organization_policy(
        OrganizationPolicy(ACCOUNT, f"p-{number}", kind, word(chance), "", "{}")
    )


def a_policy(books, chance):
    kinds = list(PolicyType)
    found = [each for kind in kinds for each in books.organization_policies(ORGANIZATION, kind)]
    return one_of(found, chance)


@mutation
def attach_to(books, chance):
    if (policy := a_policy(books, chance)) is None:
        return False
    targets = {ORGANIZATION.root, *(f"ou-{number}" for number in range(4))}
    there = set(books.targets(ORGANIZATION, policy))
    return books.attach_to(ORGANIZATION, sorted(targets - there), policy)


@mutation
def put_invitation(books, chance):
    at = NOW + chance.randrange(10)
    invitation = Invitation(
        ACCOUNT, f"h-{word(chance)}", word(chance), "", InvitationState.OPEN, at, at, 0.0
    )
    books.put_invitation(invitation)


@mutation
def put_creation(books, chance):
    at = NOW + chance.randrange(10)
    books.put_creation(Creation(ACCOUNT, f"car-{word(chance)}", word(chance), "", "", at))


@mutation
def put_organization_tags(books, chance):
    books.put_organization_tags(ORGANIZATION, unit_id(chance), {word(chance): word(chance)})


# Taking away


@mutation
def forget_invitations(books, chance):
    books.forget_invitations(NOW + chance.randrange(1, 11))


@mutation
def forget_creations(books, chance):
    books.forget_creations(ORGANIZATION, NOW + chance.randrange(1, 11))


@mutation
def detach_from(books, chance):
    if (policy := a_policy(books, chance)) is None:
        return False
    return books.detach_from(ORGANIZATION, policy)


@mutation
def delete_organization_policy(books, chance):
    if (policy := a_policy(books, chance)) is None:
        return False
    books.detach_from(ORGANIZATION, policy)
    return books.delete_organization_policy(policy)


@mutation
def delete_member(books, chance):
    books.delete_member(member(chance))


@mutation
def delete_unit(books, chance):
    if (unit := one_of(books.units_under(ORGANIZATION, ORGANIZATION.root), chance)) is None:
        return False
    return books.delete_unit(unit)


@mutation
def delete_organization(books, chance):
    books.delete_organization(ORGANIZATION)


@mutation
def delete_provider(books, chance):
    if (provider := one_of(books.providers(ACCOUNT), chance)) is None:
        return False
    return books.delete_provider(provider)


@mutation
def delete_inline_policy(books, chance):
    for owner in books.entities(chance.choice(OWNERS), ACCOUNT):
        for name in books.inline_policies(owner):
            books.delete_inline_policy(owner, name)


@mutation
def detach(books, chance):
    for policy in books.entities(ManagedPolicy, ACCOUNT):
        for owner in books.owners_of(ACCOUNT, policy.arn):
            books.detach(owner, policy)


@mutation
def delete_version(books, chance):
    if (policy := an_entity(books, chance, ManagedPolicy)) is None:
        return False
    for version in books.versions(policy):
        if version.number != policy.default_version:
            books.delete_version(policy, version.number)
    return True


@mutation
def remove_member(books, chance):
    for group in books.entities(Group, ACCOUNT):
        for user in books.members_of(group):
            books.remove_member(group, user)


@mutation
def delete_entities(books, chance):
    """With all that hangs on them."""
    detach(books, chance)
    remove_member(books, chance)
    for kind in (User, Group, Role, ManagedPolicy):
        if (entity := an_entity(books, chance, kind)) is not None:
            books.put_iam_tags(ACCOUNT, entity.id, {})
            books.delete_entity(entity)


@mutation
def remove_grant(books, chance):
    if (key := a_key(books, chance)) is None:
        return False
    for grant in books.grants_of(key, None, "", 10):
        books.remove_grant(grant)
    return True


@mutation
def delete_alias(books, chance):
    if (alias := one_of(books.aliases(*HERE, None, "", 100), chance)) is None:
        return False
    return books.delete_alias(alias)


@mutation
def delete_account_alias(books, chance):
    books.delete_account_alias(ACCOUNT)


@mutation
def delete_access_key(books, chance):
    if (key := access_key(books, chance)) is None:
        return False
    return books.delete_access_key(key)


@mutation
def delete_key(books, chance):
    if (key := a_key(books, chance)) is None:
        return False
    for each in books.everywhere(key):
        books.delete_key(each)
    return True
