"""Organizations at work, end to end: what their policies let accounts do, and their condition keys."""

import pytest
from answers import HIDDEN, OF_CIPHERTEXT, refused
from organization_tree import (
    FULL,
    RCP,
    SCP,
    Clients,
    Tree,
    allow,
    deny,
    deny_all,
    digits,
    document,
)


@pytest.fixture
def clients(endpoint, region):
    made = Clients(endpoint, region)
    yield made
    made.close()


@pytest.fixture
def tree(clients):
    return Tree(clients)


class Owner:
    """An account with a key and something sealed under it."""

    def __init__(self, clients, account, policy=None):
        self.id, self.root = account, f"arn:aws:iam::{account}:root"
        self.kms = clients.of("kms", account)
        more = {} if policy is None else {"Policy": document(*policy)}
        self.key = self.kms.create_key(**more)["KeyMetadata"]["Arn"]
        self.blob = self.kms.encrypt(KeyId=self.key, Plaintext=b"x")["CiphertextBlob"]

    def decrypt(self, kms=None):
        return (kms or self.kms).decrypt(CiphertextBlob=self.blob)["Plaintext"]


def owns(account):
    return allow("kms:*", Principal={"AWS": f"arn:aws:iam::{account}:root"})


def by_scp(caller, action, on, *, explicit=True):
    why = (
        "with an explicit deny in a service control policy"
        if explicit
        else f"because no service control policy allows the {action} action"
    )
    return refused(
        "AccessDeniedException",
        f"User: {caller} is not authorized to perform: {action} on {on} {why}",
    )


def user_of(clients, account, *statements):
    """A new user's credentials."""
    iam = clients.of("iam", account)
    iam.create_user(UserName="alice")
    iam.put_user_policy(
        UserName="alice", PolicyName="own", PolicyDocument=document(*statements or [allow()])
    )
    return iam.create_access_key(UserName="alice")["AccessKey"]


# Service control policies


def test_a_deny_at_a_unit_stops_root_users_and_users_below_and_the_manager_never(clients, tree):
    unit = tree.unit("workloads")
    inner = tree.unit("prod", unit)
    below, deeper, beside = tree.join(unit=unit), tree.join(unit=inner), tree.join()
    owners = {each: Owner(clients, each) for each in (below, deeper, beside, tree.manager)}
    alice = clients.by("kms", user_of(clients, below))
    assert owners[below].decrypt(alice) == b"x"

    policy = tree.policy(deny("kms:Decrypt"))
    tree.attach(policy, unit)
    for account in (below, deeper):
        owner = owners[account]
        with by_scp(owner.root, "kms:Decrypt", f"resource: {owner.key}"):
            owner.kms.decrypt(CiphertextBlob=owner.blob, KeyId=owner.key)
        owner.kms.encrypt(KeyId=owner.key, Plaintext=b"y")
    with by_scp(
        f"arn:aws:iam::{below}:user/alice", "kms:Decrypt", f"resource: {owners[below].key}"
    ):
        alice.decrypt(CiphertextBlob=owners[below].blob, KeyId=owners[below].key)
    assert owners[beside].decrypt() == b"x"

    tree.attach(policy, tree.root)  # above everybody, and above the manager
    with by_scp(owners[beside].root, "kms:Decrypt", f"resource: {owners[beside].key}"):
        owners[beside].kms.decrypt(CiphertextBlob=owners[beside].blob, KeyId=owners[beside].key)
    assert owners[tree.manager].decrypt() == b"x"


def test_without_the_key_named_the_ciphertexts_key_is_not_told(clients, tree):
    account = tree.join()
    owner = Owner(clients, account)
    tree.attach(tree.policy(deny("kms:Decrypt")), account)
    with by_scp(owner.root, "kms:Decrypt", f"{OF_CIPHERTEXT}"):
        owner.decrypt()


def test_every_level_must_allow(clients, tree):
    outer = tree.unit("outer")
    inner = tree.unit("inner", outer)
    account = tree.join(unit=inner)
    owner = Owner(clients, account)
    only = tree.policy(allow("kms:Decrypt"))
    for level in (tree.root, outer, inner, account):
        tree.attach(only, level)
        owner.kms.encrypt(KeyId=owner.key, Plaintext=b"y")  # FullAWSAccess is there still
        tree.detach(FULL, level)
        assert owner.decrypt() == b"x"
        with by_scp(owner.root, "kms:Encrypt", f"resource: {owner.key}", explicit=False):
            owner.kms.encrypt(KeyId=owner.key, Plaintext=b"y")
        tree.attach(FULL, level)
        tree.detach(only, level)
    owner.kms.encrypt(KeyId=owner.key, Plaintext=b"y")


def test_to_move_out_lifts_it_and_to_move_in_brings_it(clients, tree):
    locked, open_ = tree.unit("locked"), tree.unit("open")
    account = tree.join(unit=locked)
    owner = Owner(clients, account)
    tree.attach(tree.policy(deny("kms:Decrypt")), locked)
    for _ in range(2):
        with by_scp(owner.root, "kms:Decrypt", OF_CIPHERTEXT):
            owner.decrypt()
        tree.move(account, open_, locked)
        assert owner.decrypt() == b"x"
        tree.move(account, locked, open_)
    tree.ask.remove_account_from_organization(AccountId=account)
    assert owner.decrypt() == b"x"


def test_to_change_a_policy_or_its_type_holds_at_once(clients, tree):
    account = tree.join()
    owner = Owner(clients, account)
    policy = tree.policy(deny("kms:Decrypt"))
    tree.attach(policy, tree.root)
    with by_scp(owner.root, "kms:Decrypt", OF_CIPHERTEXT):
        owner.decrypt()
    tree.ask.update_policy(PolicyId=policy, Content=document(deny("kms:Sign")))
    assert owner.decrypt() == b"x"
    tree.ask.update_policy(PolicyId=policy, Content=document(deny("kms:D*")))
    with by_scp(owner.root, "kms:Decrypt", OF_CIPHERTEXT):
        owner.decrypt()
    tree.ask.disable_policy_type(RootId=tree.root, PolicyType=SCP)
    assert owner.decrypt() == b"x"
    tree.ask.enable_policy_type(RootId=tree.root, PolicyType=SCP)
    assert owner.decrypt() == b"x"  # what was attached is not attached any more


def test_it_binds_every_service(clients, tree):
    account = tree.join()
    root = f"arn:aws:iam::{account}:root"
    user = user_of(clients, account)
    iam, sts = clients.of("iam", account), clients.by("sts", user)
    tree.attach(
        tree.policy(deny(["iam:ListUsers", "sts:GetFederationToken", "organizations:Leave*"])),
        account,
    )
    why = "with an explicit deny in a service control policy"
    start = f"User: {root} is not authorized to perform:"
    with refused(
        "AccessDenied",
        f"{start} iam:ListUsers on resource: arn:aws:iam::{account}:user/ {why}",
        403,
    ):
        iam.list_users()
    alice = f"arn:aws:iam::{account}:user/alice"
    with refused(
        "AccessDenied",
        f"User: {alice} is not authorized to perform: sts:GetFederationToken on resource: {alice} "
        f"{why}",
        403,
    ):
        sts.get_federation_token(Name="fed")
    with refused(
        "AccessDeniedException", f"{start} organizations:LeaveOrganization on resource: * {why}"
    ):
        clients.of("organizations", account).leave_organization()
    assert sts.get_caller_identity()["Account"] == account  # which nothing can deny


def test_it_binds_sessions_of_roles(clients, tree):
    account = tree.join()
    owner = Owner(clients, account)
    iam, sts = clients.of("iam", account), clients.by("sts", user_of(clients, account))
    trust = {"Effect": "Allow", "Principal": {"AWS": owner.root}, "Action": "sts:AssumeRole"}
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=document(trust))
    iam.put_role_policy(RoleName="r", PolicyName="own", PolicyDocument=document(allow()))
    role = f"arn:aws:iam::{account}:role/r"
    session = sts.assume_role(RoleArn=role, RoleSessionName="session")["Credentials"]
    kms = clients.by("kms", session)
    assert owner.decrypt(kms) == b"x"
    exempt = {"ArnNotLike": {"aws:PrincipalArn": role}}
    policy = tree.policy(deny("kms:Decrypt", Condition=exempt))
    tree.attach(policy, account)
    assert owner.decrypt(kms) == b"x"
    with by_scp(owner.root, "kms:Decrypt", OF_CIPHERTEXT):
        owner.decrypt()
    tree.ask.update_policy(PolicyId=policy, Content=document(deny("kms:Decrypt")))
    arn = f"arn:aws:sts::{account}:assumed-role/r/session"
    with by_scp(arn, "kms:Decrypt", OF_CIPHERTEXT):
        owner.decrypt(kms)


def test_it_does_not_bind_strangers_nor_say_that_anybody_may(clients, tree):
    """A member's key used from outside; and an Allow of the organization's gives nothing."""
    account, stranger = tree.join(), digits()
    tree.attach(tree.policy(deny("kms:Decrypt")), tree.root)
    owner = Owner(
        clients,
        account,
        [owns(account), allow("kms:Decrypt", Principal={"AWS": f"arn:aws:iam::{stranger}:root"})],
    )
    assert owner.decrypt(clients.of("kms", stranger)) == b"x"
    bob = clients.by("kms", user_of(clients, tree.join(), allow("iam:*")))
    with pytest.raises(bob.exceptions.ClientError, match="no identity-based policy allows"):
        bob.create_key()


def test_a_grant_does_not_help_against_it(clients, tree):
    account = tree.join()
    owner = Owner(clients, account)
    alice = clients.by("kms", user_of(clients, account, allow("iam:*")))
    owner.kms.create_grant(
        KeyId=owner.key,
        GranteePrincipal=f"arn:aws:iam::{account}:user/alice",
        Operations=["Decrypt"],
    )
    assert owner.decrypt(alice) == b"x"
    tree.attach(tree.policy(deny("kms:Decrypt")), account)
    with by_scp(f"arn:aws:iam::{account}:user/alice", "kms:Decrypt", OF_CIPHERTEXT):
        owner.decrypt(alice)


# Resource control policies


def test_a_resource_control_policy_keeps_strangers_from_a_members_keys(clients, tree):
    unit = tree.unit("workloads")
    account, colleague, stranger = tree.join(unit=unit), tree.join(), digits()
    shared = [
        owns(account),
        *(
            allow("kms:Decrypt", Principal={"AWS": f"arn:aws:iam::{each}:root"})
            for each in (colleague, stranger)
        ),
    ]
    owner = Owner(clients, account, shared)
    theirs = {each: clients.of("kms", each) for each in (colleague, stranger)}
    for kms in theirs.values():
        assert owner.decrypt(kms) == b"x"
    perimeter = {"StringNotEqualsIfExists": {"aws:PrincipalOrgID": tree.id}}
    policy = tree.policy(deny_all("kms:*", Condition=perimeter), kind=RCP)
    tree.attach(policy, unit)
    with refused(
        "AccessDeniedException",
        f"User: arn:aws:iam::{stranger}:root is not authorized to perform: kms:Decrypt on "
        f"{OF_CIPHERTEXT} {HIDDEN}",
    ):
        owner.decrypt(theirs[stranger])
    assert owner.decrypt(theirs[colleague]) == b"x"
    assert owner.decrypt() == b"x"
    # Whoever leaves the organization is a stranger.
    tree.ask.remove_account_from_organization(AccountId=colleague)
    with refused(
        "AccessDeniedException",
        f"User: arn:aws:iam::{colleague}:root is not authorized to perform: kms:Decrypt on "
        f"{OF_CIPHERTEXT} {HIDDEN}",
    ):
        owner.decrypt(theirs[colleague])
    tree.detach(policy, unit)
    for kms in theirs.values():
        assert owner.decrypt(kms) == b"x"


def test_within_the_account_the_layer_is_named(clients, tree):
    account = tree.join()
    owner = Owner(clients, account)
    tree.attach(tree.policy(deny_all("kms:Decrypt"), kind=RCP), account)
    with refused(
        "AccessDeniedException",
        f"User: {owner.root} is not authorized to perform: kms:Decrypt on resource: {owner.key} "
        "with an explicit deny in a resource control policy",
    ):
        owner.kms.decrypt(CiphertextBlob=owner.blob, KeyId=owner.key)


def test_it_does_not_hold_for_the_managers_keys_nor_for_retiring_grants(clients, tree):
    account = tree.join()
    owner, manager = Owner(clients, account), Owner(clients, tree.manager)
    grant = owner.kms.create_grant(
        KeyId=owner.key,
        GranteePrincipal=owner.root,
        RetiringPrincipal=owner.root,
        Operations=["Decrypt"],
    )
    tree.attach(tree.policy(deny_all(["kms:Decrypt", "kms:RetireGrant"]), kind=RCP), tree.root)
    assert manager.decrypt() == b"x"
    with pytest.raises(owner.kms.exceptions.ClientError, match="resource control policy"):
        owner.decrypt()
    owner.kms.retire_grant(GrantToken=grant["GrantToken"])


def test_it_does_not_hold_for_the_keys_that_aws_manages(clients, tree):
    account = tree.join()
    owner = Owner(clients, account)
    managed = owner.kms.describe_key(KeyId="alias/aws/s3")["KeyMetadata"]["Arn"]
    tree.attach(tree.policy(deny_all("kms:*"), kind=RCP), tree.root)
    for ask in (owner.kms.describe_key, owner.kms.get_key_policy, owner.kms.list_grants):
        ask(KeyId=managed)
        with pytest.raises(owner.kms.exceptions.ClientError, match="resource control policy"):
            ask(KeyId=owner.key)


def test_it_holds_for_roles(clients, tree):
    account, stranger = tree.join(), digits()
    role = f"arn:aws:iam::{account}:role/open"
    trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    iam = clients.of("iam", account)
    iam.create_role(RoleName="open", AssumeRolePolicyDocument=document(trust))
    inside = clients.by("sts", user_of(clients, account))
    outside = clients.by("sts", user_of(clients, stranger))
    for sts in (inside, outside):
        sts.assume_role(RoleArn=role, RoleSessionName="session")
    perimeter = {
        "StringNotEqualsIfExists": {"aws:PrincipalOrgID": tree.id},
        "StringEquals": {"aws:ResourceOrgID": tree.id, "aws:ResourceAccount": account},
        "ForAllValues:StringLike": {"aws:ResourceOrgPaths": f"{tree.id}/{tree.root}/"},
    }
    policy = tree.policy(deny_all("sts:AssumeRole", Condition=perimeter), kind=RCP)
    tree.attach(policy, account)
    inside.assume_role(RoleArn=role, RoleSessionName="session")
    with refused(
        "AccessDenied",
        f"User: arn:aws:iam::{stranger}:user/alice is not authorized to perform: sts:AssumeRole "
        f"on resource: {role}",
        403,
    ):
        outside.assume_role(RoleArn=role, RoleSessionName="session")
    tree.ask.update_policy(PolicyId=policy, Content=document(deny_all("sts:AssumeRole")))
    with refused(
        "AccessDenied",
        f"User: arn:aws:iam::{account}:user/alice is not authorized to perform: sts:AssumeRole on "
        f"resource: {role} with an explicit deny in a resource control policy",
        403,
    ):
        inside.assume_role(RoleArn=role, RoleSessionName="session")


# Condition keys


def test_a_key_policy_lets_exactly_the_members_in(clients, tree):
    owner = Owner(
        clients,
        account := digits(),
        [
            owns(account),
            allow(
                "kms:Decrypt",
                Principal={"AWS": "*"},
                Condition={"StringEquals": {"aws:PrincipalOrgID": tree.id}},
            ),
        ],
    )
    member, other, nobody = tree.join(), Tree(clients).manager, digits()
    for account in (member, tree.manager):
        assert owner.decrypt(clients.of("kms", account)) == b"x"
    for account in (other, nobody):
        kms = clients.of("kms", account)
        with pytest.raises(kms.exceptions.ClientError, match="is not authorized"):
            owner.decrypt(kms)
    late = clients.of("kms", nobody)
    tree.join(nobody)
    assert owner.decrypt(late) == b"x"
    clients.of("organizations", nobody).leave_organization()
    with pytest.raises(late.exceptions.ClientError, match="is not authorized"):
        owner.decrypt(late)


def test_paths_lead_to_the_account_from_the_root_down(clients, tree):
    outer = tree.unit("outer")
    inner = tree.unit("inner", outer)
    of = {"outer": tree.join(unit=outer), "inner": tree.join(unit=inner), "root": tree.join()}
    start = f"{tree.id}/{tree.root}/"
    for pattern, let_in in (
        (f"{start}*", {"outer", "inner", "root"}),
        (start, {"root"}),
        (f"{start}{outer}/*", {"outer", "inner"}),
        (f"{start}{outer}/", {"outer"}),
        (f"{start}{outer}/ou-*", {"inner"}),
        (f"{start}{outer}/{inner}/", {"inner"}),
        (f"{start}{inner}/*", set()),
    ):
        condition = {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": [pattern]}}
        owner = Owner(
            clients,
            account := digits(),
            [owns(account), allow("kms:Decrypt", Principal={"AWS": "*"}, Condition=condition)],
        )
        may = set()
        for name, each in of.items():
            kms = clients.of("kms", each)
            try:
                owner.decrypt(kms)
                may.add(name)
            except kms.exceptions.ClientError as caught:
                assert "is not authorized" in str(caught)
        assert may == let_in, pattern


def test_the_keys_of_resources(clients, tree):
    """A user who may use the keys of her organization, of one unit of it, and no other's."""
    unit = tree.unit("workloads")
    here, there, manager = tree.join(), tree.join(unit=unit), tree.manager
    for condition, may_use in (
        ({"StringEquals": {"aws:ResourceOrgID": tree.id}}, {here, there, manager}),
        ({"StringEquals": {"aws:ResourceOrgID": "${aws:PrincipalOrgID}"}}, {here, there, manager}),
        (
            {"ForAnyValue:StringLike": {"aws:ResourceOrgPaths": f"{tree.id}/*/{unit}/*"}},
            {there},
        ),
    ):
        nobody = digits()
        user = tree.join()
        alice = clients.by("kms", user_of(clients, user, allow("kms:Decrypt", Condition=condition)))
        may = set()
        for account in (here, there, manager, nobody):
            owner = Owner(
                clients,
                account,
                [owns(account), allow("kms:Decrypt", Principal={"AWS": user})],
            )
            try:
                owner.decrypt(alice)
                may.add(account)
            except alice.exceptions.ClientError as caught:
                assert "no identity-based policy allows" in str(caught)
        assert may == may_use


# Two workers, and deaths


def test_what_one_worker_changes_holds_at_the_other_at_once(clients, tree):
    """As many connections as make sure that both workers are asked."""
    account = tree.join()
    owner = Owner(clients, account)
    asking = [clients.of("kms", account) for _ in range(12)]
    policy = tree.policy(deny("kms:Decrypt"))
    for _ in range(5):
        tree.attach(policy, account)
        for kms in asking:
            with by_scp(owner.root, "kms:Decrypt", OF_CIPHERTEXT):
                owner.decrypt(kms)
        tree.detach(policy, account)
        for kms in asking:
            assert owner.decrypt(kms) == b"x"
