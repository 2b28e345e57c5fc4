import pytest
from answers import refused
from iam_answers import exists, no_such, not_allowed, over

PRINT = "a" * 40


def make(iam, url="https://token.example/path", **further):
    return iam.create_open_id_connect_provider(Url=url, **further)["OpenIDConnectProviderArn"]


def test_a_provider_comes_and_goes(iam, account):
    arn = make(
        iam,
        ClientIDList=["sts.amazonaws.com", "b"],
        ThumbprintList=[PRINT],
        Tags=[{"Key": "a", "Value": "b"}],
    )
    assert arn == f"arn:aws:iam::{account}:oidc-provider/token.example/path"
    found = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert found["Url"] == "token.example/path"
    assert found["ClientIDList"] == ["sts.amazonaws.com", "b"]
    assert found["ThumbprintList"] == [PRINT]
    assert found["Tags"] == [{"Key": "a", "Value": "b"}]
    assert iam.list_open_id_connect_providers()["OpenIDConnectProviderList"] == [{"Arn": arn}]
    with exists("Provider with url https://token.example/path already exists."):
        make(iam)
    for _ in range(2):  # the second time it is gone already
        iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    with no_such(f"OpenIDConnect Provider not found for arn {arn}"):
        iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    make(iam)
    again = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert (again["ClientIDList"], again["ThumbprintList"]) == ([], [])
    assert "Tags" not in again


def test_client_ids_and_thumbprints(iam):
    at = {"OpenIDConnectProviderArn": make(iam)}
    for client_id in ("b", "a", "b"):
        iam.add_client_id_to_open_id_connect_provider(ClientID=client_id, **at)
    assert iam.get_open_id_connect_provider(**at)["ClientIDList"] == ["b", "a"]
    for _ in range(2):
        iam.remove_client_id_from_open_id_connect_provider(ClientID="b", **at)
    assert iam.get_open_id_connect_provider(**at)["ClientIDList"] == ["a"]
    iam.update_open_id_connect_provider_thumbprint(ThumbprintList=[PRINT, "b" * 40], **at)
    iam.update_open_id_connect_provider_thumbprint(ThumbprintList=["c" * 40], **at)
    assert iam.get_open_id_connect_provider(**at)["ThumbprintList"] == ["c" * 40]
    with refused("InvalidInput", "Thumbprint list must contain fewer than 5 entries."):
        iam.update_open_id_connect_provider_thumbprint(ThumbprintList=[PRINT] * 6, **at)


def test_a_hundred_client_ids_and_no_more(iam):
    most = [f"c{number}" for number in range(100)]
    at = {"OpenIDConnectProviderArn": make(iam, ClientIDList=most)}
    iam.add_client_id_to_open_id_connect_provider(ClientID="c0", **at)
    with over("Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: 100"):
        iam.add_client_id_to_open_id_connect_provider(ClientID="more", **at)


def test_a_slash_at_the_end_is_part_of_the_url(iam, account):
    """It is part of the issuer's name in its tokens."""
    arn = make(iam, "https://token.example/")
    assert arn == f"arn:aws:iam::{account}:oidc-provider/token.example/"
    assert iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)["Url"] == "token.example/"
    make(iam, "https://token.example")


def test_the_longest_label_of_a_host(iam):
    make(iam, f"https://{'a' * 63}.example")


@pytest.mark.parametrize(
    "url",
    [
        "http://a.example",
        "a.example",
        "https://",
        "https://a b",
        "https://a.example/?x=1",
        "https://.",
        "https://.a",
        "https://a.",
        "https://a..b/",
        f"https://{'a' * 64}.example",
    ],
)
def test_what_is_no_url_of_a_provider(iam, url):
    with refused("ValidationError", "Invalid Open ID Connect Provider URL"):
        make(iam, url)


@pytest.mark.parametrize(
    ("operation", "action", "further"),
    [
        ("get_open_id_connect_provider", "GetOpenIDConnectProvider", {}),
        (
            "add_client_id_to_open_id_connect_provider",
            "AddClientIDToOpenIDConnectProvider",
            {"ClientID": "a"},
        ),
        (
            "remove_client_id_from_open_id_connect_provider",
            "RemoveClientIDFromOpenIDConnectProvider",
            {"ClientID": "a"},
        ),
        (
            "update_open_id_connect_provider_thumbprint",
            "UpdateOpenIDConnectProviderThumbprint",
            {"ThumbprintList": [PRINT]},
        ),
        (
            "tag_open_id_connect_provider",
            "TagOpenIDConnectProvider",
            {"Tags": [{"Key": "a", "Value": ""}]},
        ),
    ],
)
def test_no_provider_another_accounts_and_no_arn(iam, account, operation, action, further):
    def ask(arn):
        getattr(iam, operation)(OpenIDConnectProviderArn=arn, **further)

    arn = f"arn:aws:iam::{account}:oidc-provider/none.example"
    with no_such(f"OpenIDConnect Provider not found for arn {arn}"):
        ask(arn)
    theirs = "arn:aws:iam::999999999999:oidc-provider/none.example"
    with not_allowed(account, action, theirs):
        ask(theirs)
    wrong = f"arn:aws:iam::{account}:user/a"
    with refused("InvalidInput", f"ARN {wrong} is not valid."):
        ask(wrong)
