"""Things to keep, for tests of keeping them."""

import secrets
from dataclasses import replace

from strongroom.keys.alias import Alias
from strongroom.keys.grant import Grant
from strongroom.keys.specs import Manager
from strongroom.policy.entities import (
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
from strongroom.services.call import Call
from strongroom.services.kms.managed import fresh_id, new_key
from strongroom.services.principal import root

NOW = 1_800_000_000.0
HERE = ("000000000000", "test-1")
ELSEWHERE = ("000000000000", "test-2")
STRANGER = ("111122223333", "test-1")


def call_from(place):
    account, region = place
    return Call(root("aws", account), region, NOW)


def keep_key(store, backing, place=HERE, **change):
    key_id = fresh_id()
    key = new_key(
        call_from(place),
        key_id,
        backing.generate(key_id),
        manager=Manager.CUSTOMER,
        description="",
        policy="{}",
    )
    key = key.but(**change)
    with store.writing() as books:
        books.add_key(key)
    return key


def keep_grant(store, key, **change):
    root = f"arn:aws:iam::{key.account}:root"
    grant = Grant(
        id=secrets.token_hex(32),
        account=key.account,
        region=key.region,
        key_id=key.id,
        name="",
        grantee=root,
        grantee_id=change.get("grantee", root),
        retiring="",
        retiring_id=change.get("retiring", ""),
        operations=("Decrypt", "DescribeKey"),
        equals=None,
        subset=None,
        source_arn="",
        issuing_account=key.account,
        issuer=root,
        created=NOW,
        parent="",
    )
    grant = replace(grant, **change)
    with store.writing() as books:
        books.add_grant(grant)
    return grant


def keep_alias(store, key, name="alias/a"):
    alias = Alias(key.account, key.region, name, key.id, NOW, NOW)
    with store.writing() as books:
        books.put_alias(alias)
    return alias


def keep_identities(store, account, name="one"):
    """One of everything that IAM keeps, each with all that can hang on it; the user and the role."""
    named = (account, name, "aws", "/path/")
    user = User(*named, f"AIDA{name}", NOW, boundary=f"arn:aws:iam::{account}:policy/path/{name}")
    group = Group(*named, f"AGPA{name}", NOW)
    role = Role(
        *named, f"AROA{name}", NOW, trust="{}", principals='{"a": "b"}', boundary=user.boundary
    )
    policy = ManagedPolicy(*named, f"ANPA{name}", NOW, "described", NOW)
    provider = Provider(account, f"{name}.example", "aws", ("client",), ("f" * 40,), NOW)
    with store.writing() as books:
        for entity in (user, group, role, policy):
            books.put_entity(entity)
            books.put_iam_tags(account, entity.id, {"x": "1"})
        books.add_version(policy, PolicyVersion(1, "the managed one", NOW))
        books.add_member(group, user)
        for owner in (user, group, role):
            books.attach(owner, policy)
            books.put_inline_policy(owner, "inline", f"the inline one of the {owner.noun}")
        books.put_provider(provider)
        books.add_role_deletion(
            RoleDeletion(account, f"task-{name}", "kms", f"Linked{name}", NOW, f"used by {name}")
        )
        books.put_account_alias(account, f"alias-{account}")
    return user, role


def keep_organization(store, account, name="one"):
    """An organization that has one of everything, with a member `name` in a unit."""
    root, unit = f"r-{name}", f"ou-{name}"
    organization = Organization(account, f"o-{name}", "aws", root, True, " ".join(PolicyType), NOW)
    policies = [
        OrganizationPolicy(account, f"p-{name}{at}", kind, name, "described", "{}")
        for at, kind in enumerate(PolicyType)
    ]
    with store.writing() as books:
        books.put_organization(organization)
        books.put_unit(Unit(account, root, "", "Root"))
        books.put_unit(Unit(account, unit, root, name))
        books.put_member(Member(account, account, root, "manager", "", True, NOW))
        books.put_member(Member(account, name, unit, name, f"{name}@example.com", False, NOW))
        for policy in policies:
            books.put_organization_policy(policy)
            books.attach_to(organization, [root, unit, name], policy)
        state = InvitationState.OPEN
        books.put_invitation(Invitation(account, f"h-{name}", name, "n", state, NOW, NOW, 0.0))
        books.put_creation(Creation(account, f"car-{name}", name, name, "", NOW))
        books.put_organization_tags(organization, unit, {"x": "1"})
    return organization
