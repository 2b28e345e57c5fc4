"""What conditions see of a request, end to end: keys that every service fills, and tags."""

import contextlib
import secrets

import pytest
from botocore.exceptions import ClientError
from organization_tree import Clients, Tree, allow, deny, digits, document


@pytest.fixture
def clients(endpoint, region):
    with contextlib.closing(Clients(endpoint, region)) as made:
        yield made


class Account:
    """An account of its own, and users of it."""

    def __init__(self, clients, number):
        self.id, self.clients = number, clients
        self.iam = clients.of("iam", number)
        self.kms = clients.of("kms", number)

    def user(self, *statements):
        """A new user's credentials."""
        name = f"u{secrets.token_hex(6)}"
        self.iam.create_user(UserName=name)
        self.iam.put_user_policy(
            UserName=name, PolicyName="own", PolicyDocument=document(*statements)
        )
        return self.iam.create_access_key(UserName=name)["AccessKey"]

    def asks(self, service, *statements):
        """A client of a new user's."""
        return self.clients.by(service, self.user(*statements))


@pytest.fixture
def own(clients):
    return Account(clients, digits())


@pytest.fixture
def key(own):
    return own.kms.create_key()["KeyMetadata"]["Arn"]


@contextlib.contextmanager
def denied():
    with pytest.raises(ClientError) as caught:
        yield
    error = caught.value.response["Error"]
    assert error["Code"] in ("AccessDeniedException", "AccessDenied"), error


def tags(*pairs):
    return [{"TagKey": key, "TagValue": value} for key, value in pairs]


def when(key, value, operator="StringEquals"):
    return {"Condition": {operator: {key: value}}}


# Tags


TWICE = [("Project", "evil"), ("project", "ok")]
BY_REQUEST = when("aws:RequestTag/Project", "ok")


@pytest.mark.parametrize("pairs", [TWICE, TWICE[::-1]])
def test_request_tags_that_differ_by_case_alone_are_allowed_nothing(own, key, pairs):
    kms = own.asks("kms", allow(["kms:CreateKey", "kms:TagResource"], **BY_REQUEST))
    kms.create_key(Tags=tags(("pROJECT", "ok")))
    kms.tag_resource(KeyId=key, Tags=tags(("Project", "ok"), ("other", "evil")))
    for refused_pairs in (pairs, [("Project", "evil")]):
        with denied():
            kms.create_key(Tags=tags(*refused_pairs))
        with denied():
            kms.tag_resource(KeyId=key, Tags=tags(*refused_pairs))


@pytest.mark.parametrize("pairs", [TWICE, TWICE[::-1]])
def test_request_tags_that_differ_by_case_alone_escape_no_deny(own, key, pairs):
    for statement in (
        deny("kms:*", **when("aws:RequestTag/Project", "evil")),
        deny("kms:*", **when("aws:RequestTag/Project", "ok", "StringNotEquals")),
    ):
        kms = own.asks("kms", allow("kms:*"), statement)
        kms.create_key(Tags=tags(("Project", "ok")))
        with denied():
            kms.create_key(Tags=tags(*pairs))
        with denied():
            kms.tag_resource(KeyId=key, Tags=tags(*pairs))


def test_tags_of_a_key_that_differ_by_case_alone_allow_nothing(own, key):
    condition = when("aws:ResourceTag/Project", "ok")
    kms = own.asks("kms", allow("kms:Encrypt", **condition))
    barred = own.asks("kms", allow("kms:*"), deny("kms:Encrypt", **condition))
    own.kms.tag_resource(KeyId=key, Tags=tags(("project", "ok")))
    kms.encrypt(KeyId=key, Plaintext=b"x")
    with denied():
        barred.encrypt(KeyId=key, Plaintext=b"x")
    own.kms.tag_resource(KeyId=key, Tags=tags(("Project", "evil")))
    with denied():
        kms.encrypt(KeyId=key, Plaintext=b"x")
    with denied():
        barred.encrypt(KeyId=key, Plaintext=b"x")
    own.kms.untag_resource(KeyId=key, TagKeys=["project"])
    barred.encrypt(KeyId=key, Plaintext=b"x")


def test_tags_of_organizations_that_differ_by_case_alone(clients):
    tree = Tree(clients, enabled=())
    unit = tree.unit("unit")
    manager = Account(clients, tree.manager)
    ask = manager.asks("organizations", allow("organizations:TagResource", **BY_REQUEST))
    ask.tag_resource(ResourceId=unit, Tags=[{"Key": "Project", "Value": "ok"}])
    with denied():
        ask.tag_resource(
            ResourceId=unit, Tags=[{"Key": name, "Value": value} for name, value in TWICE]
        )


def test_tags_of_a_policy_that_differ_by_case_alone(own):
    both = [{"Key": name, "Value": value} for name, value in TWICE]
    everything = document(allow("*"))
    iam = own.asks("iam", allow("iam:CreatePolicy", **BY_REQUEST))
    iam.create_policy(PolicyName="one", PolicyDocument=everything, Tags=both[1:])
    with denied():
        iam.create_policy(PolicyName="two", PolicyDocument=everything, Tags=both)
    made = own.iam.create_policy(PolicyName="two", PolicyDocument=everything, Tags=both[1:])
    arn = made["Policy"]["Arn"]
    for prefix in ("aws", "iam"):
        iam = own.asks("iam", allow("iam:GetPolicy", **when(f"{prefix}:ResourceTag/Project", "ok")))
        iam.get_policy(PolicyArn=arn)
        own.iam.tag_policy(PolicyArn=arn, Tags=both[:1])
        with denied():
            iam.get_policy(PolicyArn=arn)
        own.iam.untag_policy(PolicyArn=arn, TagKeys=["Project"])


def test_a_new_key_has_the_tags_that_it_is_asked_for_with(own):
    kms = own.asks(
        "kms",
        allow(["kms:CreateKey", "kms:TagResource"], **when("aws:ResourceTag/Project", "ok")),
    )
    kms.create_key(Tags=tags(("project", "ok")))
    for refused_tags in ([], tags(("project", "evil")), tags(*TWICE)):
        with denied():
            kms.create_key(Tags=refused_tags)


# What KMS's operations fill


@pytest.mark.parametrize(
    ("condition_key", "value", "others"),
    [
        ("kms:KeySpec", "SYMMETRIC_DEFAULT", None),
        ("kms:CustomerMasterKeySpec", "SYMMETRIC_DEFAULT", None),
        ("kms:KeyUsage", "ENCRYPT_DECRYPT", None),
        ("kms:CustomerMasterKeyUsage", "ENCRYPT_DECRYPT", None),
        ("kms:KeyOrigin", "AWS_KMS", None),
        ("kms:MultiRegion", "false", {"MultiRegion": True}),
    ],
)
def test_what_create_key_does_not_say_has_its_default(own, condition_key, value, others):
    own.asks("kms", allow("kms:CreateKey", **when(condition_key, value))).create_key()
    other = own.asks("kms", allow("kms:CreateKey", **when(condition_key, value, "StringNotEquals")))
    with denied():
        other.create_key()
    absent = own.asks("kms", allow("kms:CreateKey", **when(condition_key, "true", "Null")))
    with denied():
        absent.create_key()
    if others is not None:
        other.create_key(**others)


def test_a_key_of_one_region_has_no_multi_region_type(own):
    kms = own.asks(
        "kms", allow("kms:CreateKey", **when("kms:MultiRegionKeyType", "PRIMARY", "StringEquals"))
    )
    with denied():
        kms.create_key()
    kms.create_key(MultiRegion=True)


def test_the_bypass_of_the_lockout_check_is_absent_unless_it_is_asked_for(own, key):
    bypass = "kms:BypassPolicyLockoutSafetyCheck"
    written = own.kms.get_key_policy(KeyId=key)["Policy"]
    kinds = {
        "absent": when(bypass, "true", "Null"),
        "false": when(bypass, "false", "Bool"),
        "true": when(bypass, "true", "Bool"),
    }
    for kind, condition in kinds.items():
        kms = own.asks("kms", allow(["kms:CreateKey", "kms:PutKeyPolicy"], **condition))
        for sent, members in (
            ("absent", {}),
            ("false", {"BypassPolicyLockoutSafetyCheck": False}),
            ("true", {"BypassPolicyLockoutSafetyCheck": True}),
        ):
            if kind != "false":  # who may do no more than that would be locked out
                with contextlib.nullcontext() if sent == kind else denied():
                    kms.put_key_policy(KeyId=key, Policy=written, **members)
            with contextlib.nullcontext() if sent == kind else denied():
                kms.create_key(**members)


def test_re_encryption_is_decided_twice(own, key):
    """Each half has the context and the alias of its own key."""
    new = own.kms.create_key()["KeyMetadata"]["Arn"]
    own.kms.create_alias(AliasName="alias/old", TargetKeyId=key)
    own.kms.create_alias(AliasName="alias/new", TargetKeyId=new)
    blob = own.kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"v": "1"})
    asked = {
        "CiphertextBlob": blob["CiphertextBlob"],
        "SourceKeyId": "alias/old",
        "SourceEncryptionContext": {"v": "1"},
        "DestinationKeyId": "alias/new",
        "DestinationEncryptionContext": {"v": "2"},
    }

    def half(action, resource, alias, value):
        equal = {"kms:RequestAlias": alias, "kms:EncryptionContext:v": value}
        return allow(f"kms:{action}", resource, Condition={"StringEquals": equal})

    right = {"From": (key, "alias/old", "1"), "To": (new, "alias/new", "2")}

    def client(**changed):
        halves = right | changed
        return own.asks("kms", *(half(f"ReEncrypt{to}", *halves[to]) for to in ("From", "To")))

    client().re_encrypt(**asked)
    for wrong in (
        {"From": (new, "alias/old", "1")},
        {"From": (key, "alias/new", "1")},
        {"From": (key, "alias/old", "2")},
        {"To": (key, "alias/new", "2")},
        {"To": (new, "alias/old", "2")},
        {"To": (new, "alias/new", "1")},
    ):
        with denied():
            client(**wrong).re_encrypt(**asked)
    for missing in right:
        (other,) = set(right) - {missing}
        with denied():
            own.asks("kms", half(f"ReEncrypt{other}", *right[other])).re_encrypt(**asked)


# The account and the organization of what a request is about


def of_own_account(kms, iam, sts, key):
    """Requests about the caller's account, and about what is in it."""
    kms.create_key()
    kms.list_keys()
    kms.list_aliases()
    kms.generate_random(NumberOfBytes=1)
    kms.create_alias(AliasName="alias/a", TargetKeyId=key)
    kms.update_alias(AliasName="alias/a", TargetKeyId=key)
    kms.delete_alias(AliasName="alias/a")
    iam.list_users()
    iam.create_group(GroupName="g")
    iam.get_policy(PolicyArn="arn:aws:iam::aws:policy/IAMFullAccess")
    sts.get_federation_token(Name="fred")


@pytest.mark.parametrize("member", [False, True])
def test_a_perimeter_lets_everything_of_the_own_account_pass(clients, member):
    own = Account(clients, digits())
    perimeter = {"aws:ResourceAccount": own.id}
    if member:
        tree = Tree(clients, enabled=())
        tree.join(own.id)
        perimeter["aws:ResourceOrgID"] = tree.id
    key = own.kms.create_key()["KeyMetadata"]["Arn"]
    for name, inside in perimeter.items():
        outside = deny("*", **when(name, inside, "StringNotEquals"))
        credentials = own.user(allow("*"), outside)
        of_own_account(*(clients.by(each, credentials) for each in ("kms", "iam", "sts")), key)
        own.iam.delete_group(GroupName="g")


def test_a_perimeter_keeps_the_own_account_out_that_it_does_not_name(own, key):
    for outside in (
        deny("*", **when("aws:ResourceAccount", "111122223333", "StringNotEquals")),
        deny("*", **when("aws:ResourceAccount", own.id)),
        deny("*", **when("aws:ResourceOrgID", "o-aaaaaaaaaa", "StringNotEquals")),
        deny(
            "*",
            **when("aws:ResourceOrgPaths", "o-aaaaaaaaaa/*", "ForAllValues:StringLike"),
        ),
    ):
        credentials = own.user(allow("*"), outside)
        kms, iam, sts = (own.clients.by(each, credentials) for each in ("kms", "iam", "sts"))
        for ask in (
            kms.create_key,
            kms.list_keys,
            lambda kms=kms: kms.generate_random(NumberOfBytes=1),
            lambda kms=kms: kms.create_alias(AliasName="alias/a", TargetKeyId=key),
            iam.list_users,
            lambda sts=sts: sts.get_federation_token(Name="fred"),
        ):
            with denied():
                ask()


def test_a_perimeter_about_an_organization(clients):
    tree = Tree(clients, enabled=())
    manager = Account(clients, tree.manager)
    for name, inside in (("aws:ResourceAccount", tree.manager), ("aws:ResourceOrgID", tree.id)):
        for value, passes in ((inside, True), ("another", False)):
            ask = manager.asks(
                "organizations", allow("*"), deny("*", **when(name, value, "StringNotEquals"))
            )
            for call in (ask.list_roots, lambda ask=ask: ask.list_parents(ChildId=tree.manager)):
                with contextlib.nullcontext() if passes else denied():
                    call()


# Headers


def sending(client, name, value):
    """The client, with a header of every request set to something else."""

    def set_header(request, **_):
        request.headers.pop(name, None)
        request.headers[name] = value

    client.meta.events.register("before-send", set_header)
    return client


@pytest.mark.parametrize(
    ("condition_key", "header"), [("aws:Referer", "Referer"), ("aws:UserAgent", "User-Agent")]
)
def test_headers_that_conditions_ask_for(own, key, condition_key, header):
    condition = when(condition_key, "https://example.com/*", "StringLike")
    credentials = own.user(
        allow(["kms:Encrypt", "kms:ListKeys", "iam:ListUsers", "sts:GetAccessKeyInfo"], **condition)
    )
    account = credentials["AccessKeyId"]
    for sent, passes in (("https://example.com/a", True), ("https://example.org/", False)):
        kms, iam, sts = (
            sending(own.clients.by(each, credentials), header, sent)
            for each in ("kms", "iam", "sts")
        )
        for ask in (
            lambda kms=kms: kms.encrypt(KeyId=key, Plaintext=b"x"),
            kms.list_keys,
            iam.list_users,
            lambda sts=sts: sts.get_access_key_info(AccessKeyId=account),
        ):
            with contextlib.nullcontext() if passes else denied():
                ask()


def test_a_header_that_was_not_sent_is_no_condition_key(own):
    kms = own.asks("kms", allow("kms:ListKeys", **when("aws:Referer", "true", "Null")))
    kms.list_keys()
    empty = own.asks("kms", allow("kms:ListKeys", **when("aws:Referer", "")))
    with denied():
        empty.list_keys()
    sending(empty, "Referer", "").list_keys()
    sending(kms, "Referer", "x")
    with denied():
        kms.list_keys()
