"""What has a say on an account, against the same thing said plainly, whatever was done to the tree."""

from hypothesis import given, settings
from hypothesis import strategies as st
from keeping import NOW

from strongroom.policy.organization import (
    ALONE,
    Member,
    Organization,
    OrganizationPolicy,
    PolicyType,
    Unit,
)
from strongroom.storage.database import Database
from strongroom.storage.migrations import migrate
from strongroom.storage.page import Page
from strongroom.storage.rootkey import new_root_key
from strongroom.storage.store import Store

MANAGER = "000000000000"
ACCOUNTS = ("111111111111", "222222222222")
PLACES = ("r-root", "ou-a", "ou-b", "ou-c")
ABOVE = {"ou-a": "r-root", "ou-b": "ou-a", "ou-c": "r-root"}
POLICIES = {
    "p-one": PolicyType.SCP,
    "p-two": PolicyType.SCP,
    "p-three": PolicyType.RCP,
}
TARGETS = (*PLACES, *ACCOUNTS, MANAGER)

STEPS = st.one_of(
    st.tuples(st.just("put"), st.sampled_from(ACCOUNTS), st.sampled_from(PLACES)),
    st.tuples(st.just("leave"), st.sampled_from(ACCOUNTS)),
    st.tuples(st.just("attach"), st.sampled_from(TARGETS), st.sampled_from([*POLICIES])),
    st.tuples(st.just("detach"), st.sampled_from(TARGETS), st.sampled_from([*POLICIES])),
    st.tuples(st.just("types"), st.sets(st.sampled_from(PolicyType))),
)


class Plainly:
    """Who is where, and what is attached to what."""

    def __init__(self):
        self.where = {MANAGER: "r-root"}
        self.attached = set()
        self.types = set()

    def chain(self, account):
        place = self.where[account]
        found = [account]
        while place:
            found.append(place)
            place = ABOVE.get(place)
        return found[::-1]

    def levels(self, account, kind):
        if account == MANAGER or kind not in self.types:
            return ()
        return tuple(
            tuple(
                policy
                for policy in sorted(POLICIES)
                if POLICIES[policy] is kind and (each, policy) in self.attached
            )
            for each in self.chain(account)
        )


def document_of(policy):
    return f'{{"Statement": [], "Id": "{policy}"}}'


@settings(max_examples=40, deadline=None)
@given(steps=st.lists(STEPS, max_size=12))
def test_an_account_is_bound_by_what_is_attached_from_the_root_down_to_it(tmp_path_factory, steps):
    folder = tmp_path_factory.mktemp("kept")
    database = Database(folder / "kept.db")
    migrate(database)
    store = Store(database, new_root_key(), Page.blank())
    plainly = Plainly()
    organization = Organization(MANAGER, "o-one", "aws", "r-root", True, "", NOW)
    kept = {
        name: OrganizationPolicy(MANAGER, name, kind, name, "", document_of(name))
        for name, kind in POLICIES.items()
    }
    with store.writing() as books:
        books.put_organization(organization)
        for place in PLACES:
            books.put_unit(Unit(MANAGER, place, ABOVE.get(place, ""), place))
        books.put_member(Member(MANAGER, MANAGER, "r-root", "", "", True, NOW))
        for policy in kept.values():
            books.put_organization_policy(policy)
    for step in steps:
        with store.writing() as books:
            _do(books, organization, kept, plainly, step)
    with store.reading() as books:
        for account in (MANAGER, *ACCOUNTS):
            standing = books.standing(account)
            if account not in plainly.where:
                assert standing is ALONE
                continue
            places = plainly.chain(account)[:-1]
            assert standing.path == "".join(f"{each}/" for each in ("o-one", *places))
            for kind, found in ((PolicyType.SCP, standing.scps), (PolicyType.RCP, standing.rcps)):
                named = tuple(tuple(policy.name for policy in level) for level in found)
                assert named == plainly.levels(account, kind)
    store.close()


def _do(books, organization, kept, plainly, step):
    match step:
        case "put", account, place:
            books.put_member(Member(MANAGER, account, place, "", "", True, NOW))
            plainly.where[account] = place
        case "leave", account:
            member = books.member(account)
            assert (member is None) is (account not in plainly.where)
            if member is not None:
                books.delete_member(member)
                del plainly.where[account]
                plainly.attached = {each for each in plainly.attached if each[0] != account}
        case "attach", target, policy:
            if (target, policy) not in plainly.attached and (
                target in PLACES or target in plainly.where
            ):
                books.attach_to(organization, [target], kept[policy])
                plainly.attached.add((target, policy))
        case "detach", target, policy:
            books.detach_from(organization, kept[policy], target)
            plainly.attached.discard((target, policy))
        case "types", types:
            changed = Organization(
                MANAGER, "o-one", "aws", "r-root", True, " ".join(sorted(types)), NOW
            )
            books.put_organization(changed)
            plainly.types = types
