import pytest
from answers import members, refused
from iam_answers import DOCUMENT, TRUST, no_such, over, pages

KINDS = ("user", "role", "policy", "open_id_connect_provider")


@pytest.fixture(params=KINDS)
def tagged(request, iam, account):
    """Functions that tag, untag and list the tags of one thing; and its kind."""
    kind = request.param
    match kind:
        case "user":
            iam.create_user(UserName="x")
            at = {"UserName": "x"}
        case "role":
            iam.create_role(RoleName="x", AssumeRolePolicyDocument=TRUST)
            at = {"RoleName": "x"}
        case "policy":
            made = iam.create_policy(PolicyName="x", PolicyDocument=DOCUMENT)
            at = {"PolicyArn": made["Policy"]["Arn"]}
        case _:
            made = iam.create_open_id_connect_provider(Url="https://x.example")
            at = {"OpenIDConnectProviderArn": made["OpenIDConnectProviderArn"]}
    return (
        kind,
        lambda tags: getattr(iam, f"tag_{kind}")(Tags=tags, **at),
        lambda keys: getattr(iam, f"untag_{kind}")(TagKeys=keys, **at),
        lambda **page: getattr(iam, f"list_{kind}_tags")(**at, **page),
    )


def tags(**values):
    return [{"Key": key, "Value": value} for key, value in values.items()]


def test_tags_come_change_and_go(tagged):
    _, tag, untag, listed = tagged
    assert listed()["Tags"] == []
    assert members(tag(tags(b="1", a=""))) == set()
    assert listed()["Tags"] == tags(a="", b="1")
    tag(tags(b="2", c="3"))
    assert listed()["Tags"] == tags(a="", b="2", c="3")
    assert members(untag(["a", "never"])) == set()
    assert listed()["Tags"] == tags(b="2", c="3")


def test_keys_that_differ_by_case(tagged):
    """One key for users and roles, two for the others."""
    kind, tag, untag, listed = tagged
    tag(tags(Team="1"))
    tag(tags(team="2"))
    one = kind in ("user", "role")
    assert listed()["Tags"] == (tags(team="2") if one else tags(Team="1", team="2"))
    untag(["TEAM"])
    assert len(listed()["Tags"]) == (0 if one else 2)


def test_tags_page_by_page(tagged):
    _, tag, _, listed = tagged
    tag([{"Key": f"{'ü' * 120}{number}", "Value": ""} for number in range(5)])
    first = listed(MaxItems=3)
    assert (len(first["Tags"]), first["IsTruncated"]) == (3, True)
    rest = listed(MaxItems=3, Marker=first["Marker"])
    assert (len(rest["Tags"]), rest["IsTruncated"]) == (2, False)
    assert [tag["Key"][-1] for tag in first["Tags"] + rest["Tags"]] == list("01234")


def test_fifty_and_no_more(tagged):
    kind, tag, untag, listed = tagged
    tag([{"Key": f"k{number}", "Value": ""} for number in range(50)])
    tag(tags(k1="x"))
    noun = "OpenIdConnectProvider" if kind.startswith("open") else kind.capitalize()
    with over(f"Cannot exceed quota for TagsPer{noun}: 50"):
        tag(tags(more=""))
    untag(["k0"])
    tag(tags(more=""))
    assert len(listed()["Tags"]) == 50


def test_keys_of_aws_and_keys_twice(tagged):
    kind, tag, _, listed = tagged
    for key in ("aws:x", "AWS:x"):
        with refused("InvalidInput", "Tag keys that begin with aws: are reserved"):
            tag([{"Key": key, "Value": ""}])
    twice = "Duplicate tag keys found. Please note that Tag keys are case insensitive."
    with refused("InvalidInput", twice):
        tag(tags(a="1") + tags(a="2"))
    if kind in ("user", "role"):
        with refused("InvalidInput", twice):
            tag(tags(a="1", A="2"))
    assert listed()["Tags"] == []


def test_what_is_made_with_tags_that_break_a_rule_is_not_made(iam):
    wrong = [{"Key": "aws:x", "Value": ""}]
    for operation, request in (
        ("create_user", {"UserName": "x"}),
        ("create_role", {"RoleName": "x", "AssumeRolePolicyDocument": TRUST}),
        ("create_policy", {"PolicyName": "x", "PolicyDocument": DOCUMENT}),
        ("create_open_id_connect_provider", {"Url": "https://x.example"}),
    ):
        with refused("InvalidInput", "Tag keys that begin with aws: are reserved"):
            getattr(iam, operation)(Tags=wrong, **request)
    details = iam.get_account_authorization_details()
    assert not [details[name] for name in details if name.endswith("List") and details[name]]
    assert iam.list_open_id_connect_providers()["OpenIDConnectProviderList"] == []


def test_a_namesake_has_no_tags(iam):
    for _ in range(2):
        iam.create_user(UserName="x")
        assert iam.list_user_tags(UserName="x")["Tags"] == []
        iam.tag_user(UserName="x", Tags=tags(a="1"))
        iam.delete_user(UserName="x")


@pytest.mark.parametrize(("kind", "named"), [("user", "UserName"), ("role", "RoleName")])
def test_nobody_to_tag(iam, kind, named):
    for operation, further in (
        (f"tag_{kind}", {"Tags": tags(a="")}),
        (f"untag_{kind}", {"TagKeys": ["a"]}),
        (f"list_{kind}_tags", {}),
    ):
        with no_such(f"The {kind} with name none cannot be found."):
            getattr(iam, operation)(**{named: "none"}, **further)


def test_pages_of_nothing(iam):
    iam.create_user(UserName="x")
    assert pages(iam, "list_user_tags", "Tags", 1, UserName="x") == ([], [0])
