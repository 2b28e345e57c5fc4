"""AssumeRoleWithWebIdentity, by tokens of an issuer of the tests."""

import base64
import contextlib
import hashlib
import hmac
import json
import secrets
import time
import urllib.error
import urllib.parse
import urllib.request

import boto3
import pytest
from answers import refused
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
from clockwork import folder_of
from cryptography.hazmat.primitives.asymmetric import rsa
from organization_tree import RCP, Clients, Tree, deny, deny_all
from tests.commands import run
from tests.conftest import start_dev
from tests.issuer import Issuer, jwk, public_pem, published

pytestmark = pytest.mark.xdist_group("web-identity")

NO_KEY = (
    "Couldn't retrieve verification key from your identity provider,  please reference "
    "AssumeRoleWithWebIdentity documentation for requirements"
)
NO_JWT = (
    "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"
)
NOT_AUTHORIZED = "Not authorized to perform sts:{}"
BAD_SIGNATURE = "The signature of the token is not valid"


def invalid(message):
    return refused("InvalidIdentityToken", message)


def denied(action="AssumeRoleWithWebIdentity"):
    return refused("AccessDenied", NOT_AUTHORIZED.format(action), 403)


@pytest.fixture(scope="module")
def publisher():
    with published() as running:
        yield running


@pytest.fixture(scope="module")
def issuer(publisher):
    made = Issuer("https://issuer.example/Path")
    publisher.pages["/keys"] = 200, made.key_set
    return made


@pytest.fixture(scope="module")
def endpoint(issuer, publisher, tmp_path_factory):
    keys = tmp_path_factory.mktemp("keys") / "keys.json"
    keys.write_bytes(Issuer("https://file.example").key_set)
    places = {
        issuer.url: f"{publisher.url}/keys",
        "https://file.example": str(keys),
        "https://large.example": f"{publisher.url}/large",
        "https://moved.example": f"{publisher.url}/moved",
        "https://broken.example": f"{publisher.url}/broken",
        "https://silent.example": "http://127.0.0.1:9/",
        "https://turning.example": f"{publisher.url}/turning",
    }
    publisher.pages["/large"] = 200, b" " * 300_000 + issuer.key_set
    publisher.pages["/moved"] = 302, f"{publisher.url}/keys".encode()
    publisher.pages["/broken"] = 500, b"no"
    arguments = [each for place in places.items() for each in ("--oidc-keys", "=".join(place))]
    server = start_dev(*arguments)
    yield server
    server.stop()


@pytest.fixture
def sts(endpoint):
    return boto3.client(
        "sts",
        endpoint_url=endpoint.url,
        region_name="us-east-1",
        config=Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1}),
    )


def trust(provider, condition=None, action="sts:AssumeRoleWithWebIdentity", **more):
    statement = {"Effect": "Allow", "Principal": {"Federated": provider}, "Action": action}
    statement |= {"Condition": condition} if condition else {}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement | more]})


def provided(iam, issuer, *client_ids):
    return iam.create_open_id_connect_provider(
        Url=issuer.url, ClientIDList=list(client_ids or ("sts",)), ThumbprintList=["a" * 40]
    )["OpenIDConnectProviderArn"]


def role(iam, document, name="worker", **more):
    return iam.create_role(RoleName=name, AssumeRolePolicyDocument=document, **more)["Role"]["Arn"]


@pytest.fixture
def provider(iam, issuer):
    return provided(iam, issuer)


@pytest.fixture
def arn(iam, provider):
    """A role that trusts the issuer."""
    return role(iam, trust(provider))


@pytest.fixture
def ask(sts, arn):
    def assume(token, role_arn=arn, **more):
        return sts.assume_role_with_web_identity(
            RoleArn=role_arn, RoleSessionName="s1", WebIdentityToken=token, **more
        )

    return assume


def client(endpoint, service, credentials):
    return endpoint.client_of(credentials, service, "us-east-1")


# What it gives


def test_a_session_of_the_role(endpoint, ask, issuer, provider, account, arn):
    before = time.time()
    answer = ask(issuer.token())
    assert answer["SubjectFromWebIdentityToken"] == "repo:a/b"
    assert answer["Audience"] == "sts"
    assert answer["Provider"] == provider
    assert provider == f"arn:aws:iam::{account}:oidc-provider/issuer.example/Path"
    session = f"arn:aws:sts::{account}:assumed-role/worker/s1"
    assert answer["AssumedRoleUser"]["Arn"] == session
    assert answer["AssumedRoleUser"]["AssumedRoleId"].endswith(":s1")
    assert "SourceIdentity" not in answer
    assert "PackedPolicySize" not in answer
    credentials = answer["Credentials"]
    assert 3590 < credentials["Expiration"].timestamp() - before < 3610
    found = client(endpoint, "sts", credentials).get_caller_identity()
    assert (found["Account"], found["Arn"]) == (account, session)


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512"])
def test_every_algorithm_that_aws_takes(ask, issuer, algorithm):
    assert ask(issuer.token(algorithm))["Audience"] == "sts"


def test_a_web_identity_end_to_end_to_a_decrypt(
    endpoint, iam, issuer, arn, account, tmp_path, monkeypatch
):
    """boto3's own provider: a token in a file, a role by its ARN, and no access key anywhere."""
    root = endpoint.client("kms", "us-east-1", account)
    key = root.create_key()["KeyMetadata"]["KeyId"]
    blob = root.encrypt(KeyId=key, Plaintext=b"secret")["CiphertextBlob"]
    token = tmp_path / "token"
    token.write_text(issuer.token())
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(token))
    monkeypatch.setenv("AWS_ROLE_ARN", arn)
    monkeypatch.setenv("AWS_ROLE_SESSION_NAME", "pod")
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint.url)
    kms = boto3.Session(region_name="us-east-1").client("kms")
    with pytest.raises(ClientError, match="assumed-role/worker/pod is not authorized"):
        kms.decrypt(CiphertextBlob=blob)
    allow = {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*"}
    iam.put_role_policy(
        RoleName="worker",
        PolicyName="p",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allow]}),
    )
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"secret"


def test_session_policies_limit_it(endpoint, iam, ask, issuer):
    whole = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "kms:*"}]}
    whole["Statement"][0]["Resource"] = "*"
    iam.put_role_policy(RoleName="worker", PolicyName="p", PolicyDocument=json.dumps(whole))
    less = whole | {"Statement": [whole["Statement"][0] | {"Action": "kms:ListKeys"}]}
    answer = ask(issuer.token(), Policy=json.dumps(less))
    assert answer["PackedPolicySize"] > 0
    kms = client(endpoint, "kms", answer["Credentials"])
    kms.list_keys()
    with pytest.raises(ClientError, match="no session policy allows"):
        kms.list_aliases()
    answer = ask(
        issuer.token(), PolicyArns=[{"arn": "arn:aws:iam::aws:policy/AdministratorAccess"}]
    )
    client(endpoint, "kms", answer["Credentials"]).list_aliases()
    with refused(
        "MalformedPolicyDocument",
        "ARN arn:aws:iam::aws:policy/NoSuchPolicy is not valid or does not exist.",
    ):
        ask(issuer.token(), PolicyArns=[{"arn": "arn:aws:iam::aws:policy/NoSuchPolicy"}])


def test_how_long(ask, iam, issuer, provider):
    before = time.time()
    until = ask(issuer.token(), DurationSeconds=900)["Credentials"]["Expiration"].timestamp()
    assert 890 < until - before < 910
    with refused(
        "ValidationError",
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
    ):
        ask(issuer.token(), DurationSeconds=3601)
    longer = role(iam, trust(provider), "longer", MaxSessionDuration=7200)
    ask(issuer.token(), longer, DurationSeconds=7200)


# What the trust policy asks


def test_conditions_on_the_claims(ask, iam, issuer, provider):
    name = issuer.name
    condition = {
        "StringEquals": {f"{name}:aud": "sts"},
        "StringLike": {f"{name}:sub": "repo:a/*"},
        "ForAnyValue:StringEquals": {f"{name}:amr": "mfa"},
    }
    asked = role(iam, trust(provider, condition), "asked")
    assert ask(issuer.token(amr=["pwd", "mfa"]), asked)["Audience"] == "sts"
    for wrong in ({"sub": "repo:b/a", "amr": ["mfa"]}, {"amr": ["pwd"]}, {}):
        with denied():
            ask(issuer.token(**wrong), asked)


def test_the_session_name_and_the_providers_name(ask, iam, issuer, provider, sts, endpoint):
    asked = role(iam, trust(provider, {"StringEquals": {"sts:RoleSessionName": "right"}}), "asked")
    with denied():
        ask(issuer.token(), asked)
    answer = sts.assume_role_with_web_identity(
        RoleArn=asked, RoleSessionName="right", WebIdentityToken=issuer.token()
    )
    allow = {"Effect": "Allow", "Action": "kms:ListKeys", "Resource": "*"}
    allow["Condition"] = {"StringEquals": {"aws:FederatedProvider": provider}}
    iam.put_role_policy(
        RoleName="asked",
        PolicyName="p",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allow]}),
    )
    client(endpoint, "kms", answer["Credentials"]).list_keys()


@pytest.mark.parametrize(
    "document",
    [
        trust("arn:aws:iam::999999999999:oidc-provider/issuer.example/Path"),
        trust("arn:aws:iam::{account}:oidc-provider/issuer.example/path"),
        trust("{provider}", action="sts:AssumeRole"),
        trust("{provider}", Principal={"AWS": "{account}"}),
        trust("{provider}", Principal={"Service": "ecs-tasks.amazonaws.com"}),
        trust("{provider}", Principal="*", Effect="Deny"),
    ],
)
def test_a_role_that_trusts_otherwise(ask, iam, issuer, provider, account, document):
    document = document.replace("{provider}", provider).replace("{account}", account)
    with denied():
        ask(issuer.token(), role(iam, document, "other"))


def test_a_deny_spares_whom_it_is_not_about(ask, iam, issuer, provider):
    def document(spared):
        allow = json.loads(trust(provider))["Statement"]
        deny = {"Effect": "Deny", "NotPrincipal": {"Federated": spared}, "Action": "sts:*"}
        return json.dumps({"Version": "2012-10-17", "Statement": [*allow, deny]})

    ask(issuer.token(), role(iam, document(provider), "spared"))
    with denied():
        ask(issuer.token(), role(iam, document(f"{provider}x"), "denied"))


def test_a_role_that_does_not_exist_is_told_like_one_that_does_not_trust(ask, issuer, account):
    with denied():
        ask(issuer.token(), f"arn:aws:iam::{account}:role/none")
    with refused("ValidationError", f"arn:aws:iam::{account}:user/none is invalid"):
        ask(issuer.token(), f"arn:aws:iam::{account}:user/none")


def test_no_mistake_in_a_token_tells_whether_a_role_is_there(ask, issuer, account, iam, provider):
    role(iam, trust(provider, {"StringEquals": {f"{issuer.name}:sub": "me"}}), "there")
    told = []
    for name in ("there", "not-there"):
        with pytest.raises(ClientError) as caught:
            ask(
                issuer.token(**{f"{TAGS}/transitive_tag_keys": ["x"]}),
                f"arn:aws:iam::{account}:role/{name}",
            )
        told.append(caught.value.response["Error"]["Message"])
    assert told[0] == told[1]


def test_what_the_organization_of_the_role_denies(endpoint, sts, issuer):
    """Its resource control policies count for everybody; its service control policies only for its
    own users and roles.
    """
    clients = Clients(endpoint, "us-east-1")
    with contextlib.closing(clients):
        tree = Tree(clients)
        iam = clients.of("iam", tree.join())
        arn = role(iam, trust(provided(iam, issuer)))

        def ask(sub):
            return sts.assume_role_with_web_identity(
                RoleArn=arn, RoleSessionName="s1", WebIdentityToken=issuer.token(sub=sub)
            )

        tree.attach(tree.policy(deny("sts:*")), tree.root)
        ask("a")
        outsiders = {"StringEquals": {f"{issuer.name}:sub": "b"}}
        rule = deny_all("sts:AssumeRoleWithWebIdentity", Condition=outsiders)
        tree.attach(tree.policy(rule, kind=RCP), tree.root)
        ask("a")
        with denied():
            ask("b")


# Session tags and source identity

TAGS = "https://aws.amazon.com/tags"
SOURCE = "https://aws.amazon.com/source_identity"


@pytest.mark.parametrize(
    "claims",
    [
        {TAGS: {"principal_tags": {"team": ["red"]}, "transitive_tag_keys": ["team"]}},
        {TAGS: {"principal_tags": {"team": "red"}, "transitive_tag_keys": ["team"]}},
        {f"{TAGS}/principal_tags/team": "red", f"{TAGS}/transitive_tag_keys": ["team"]},
    ],
)
def test_session_tags_in_each_form(endpoint, ask, iam, issuer, provider, claims):
    with denied("TagSession"):
        ask(issuer.token(**claims))
    action = ["sts:AssumeRoleWithWebIdentity", "sts:TagSession"]
    condition = {"StringEquals": {"aws:RequestTag/team": "red"}}
    tagged = role(iam, trust(provider, condition, action), "tagged")
    with denied():
        ask(issuer.token(), tagged)
    answer = ask(issuer.token(**claims), tagged)
    assert answer["PackedPolicySize"] > 0
    allow = {"Effect": "Allow", "Action": "kms:ListKeys", "Resource": "*"}
    allow["Condition"] = {"StringEquals": {"aws:PrincipalTag/team": "red"}}
    iam.put_role_policy(
        RoleName="tagged",
        PolicyName="p",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allow]}),
    )
    client(endpoint, "kms", answer["Credentials"]).list_keys()


def test_characters_and_empty_values_that_tags_may_have(ask, iam, issuer, provider):
    """Those that AssumeRole takes."""
    tagged = role(iam, trust(provider, action="sts:*"), "tagged")
    tags = {"Tëam 1_.:/=+-@": [""], "b": "gr\u00fcn _.:/=+-@", "c": "\u4e2d\u6587"}
    ask(issuer.token(**{TAGS: {"principal_tags": tags}}), tagged)


class Nulls(Issuer):
    """Its tokens have null for what other issuers leave out."""

    def claims(self, **changed):
        return super().claims() | changed


def test_what_is_null_is_absent(ask, issuer):
    ask(Nulls(issuer.url).token(amr=None, azp=None, nbf=None))
    for claim in ("exp", "iat", "aud"):
        with invalid("A claim of the token is not what it has to be"):
            ask(Nulls(issuer.url).token(**{claim: None}))


def test_times_may_have_fractions(ask, issuer):
    now = int(time.time())
    ask(issuer.token(exp=now + 600.5, iat=now - 0.5, nbf=now - 0.25))
    ask(issuer.token(exp=4.1e9))
    with pytest.raises(ClientError, match=f"the expiration date/time {now - 400}$"):
        ask(issuer.token(exp=now - 399.5))
    with invalid("The token is not valid yet"):
        ask(issuer.token(nbf=now + 400.5))


def test_source_identity(endpoint, ask, iam, issuer, provider):
    with denied("SetSourceIdentity"):
        ask(issuer.token(**{SOURCE: "alice"}))
    action = ["sts:AssumeRoleWithWebIdentity", "sts:SetSourceIdentity"]
    condition = {"StringEquals": {"sts:SourceIdentity": "alice"}}
    named = role(iam, trust(provider, condition, action), "named")
    answer = ask(issuer.token(**{SOURCE: "alice"}), named)
    assert answer["SourceIdentity"] == "alice"
    with denied():
        ask(issuer.token(**{SOURCE: "bob"}), named)


@pytest.mark.parametrize(
    "claims",
    [
        {TAGS: {"principal_tags": {"team": ["red", "blue"]}}},
        {TAGS: {"principal_tags": {"team": []}}},
        {TAGS: {"principal_tags": {"t" * 129: ["red"]}}},
        {TAGS: {"principal_tags": {"team": ["r" * 257]}}},
        {TAGS: {"principal_tags": {"te*m": ["red"]}}},
        {TAGS: {"principal_tags": {"team\n": ["red"]}}},
        {TAGS: {"principal_tags": {"team": ["r${ed}"]}}},
        {TAGS: {"principal_tags": {"team": "r\ned"}}},
        {TAGS: {"principal_tags": {"": "red"}}},
        {f"{TAGS}/principal_tags/te*m": "red"},
        {f"{TAGS}/principal_tags/team": ["r?d"]},
        {TAGS: ["team"]},
        {f"{TAGS}/principal_tags/team": 1},
        {f"{TAGS}/principal_tags/": "red"},
        {f"{TAGS}/transitive_tag_keys": "team"},
        {SOURCE: "a b"},
        {SOURCE: "a"},
        {SOURCE: "alice\n"},
        {SOURCE: ["alice"]},
        {"exp": "soon"},
        {"exp": True},
        {"amr": [1]},
        {"amr": "mfa"},
        {"sub": ""},
        {"sub": "s" * 256},
        {"aud": 1},
        {"aud": {}},
        {"azp": 1},
        {"nbf": "now"},
    ],
    ids=lambda claims: next(iter(claims)),
)
def test_a_claim_that_is_not_what_it_has_to_be(ask, issuer, claims):
    with invalid("A claim of the token is not what it has to be"):
        ask(issuer.token(**claims))


def test_tags_that_break_a_rule(ask, issuer):
    with refused(
        "InvalidParameterValue",
        "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
    ):
        ask(issuer.token(**{TAGS: {"principal_tags": {"team": ["a"], "Team": ["b"]}}}))
    with refused(
        "InvalidParameterValue",
        "The specified transitive tag key must be included in the requested tags.",
    ):
        ask(issuer.token(**{f"{TAGS}/transitive_tag_keys": ["team"]}))
    with refused("ValidationError", "A session has at most 50 tags"):
        ask(issuer.token(**{TAGS: {"principal_tags": {f"t{n}": ["a"] for n in range(51)}}}))


def test_more_tags_than_a_token_may_carry(ask, iam, issuer, provider):
    action = ["sts:AssumeRoleWithWebIdentity", "sts:TagSession"]
    tagged = role(iam, trust(provider, action=action), "tagged")
    many = {f"t{n:02}": ["x" * 200] for n in range(50)}
    with pytest.raises(
        ClientError, match="Packed policy consumes 123% of allotted space"
    ) as caught:
        ask(issuer.token(**{TAGS: {"principal_tags": many}}), tagged)
    assert caught.value.response["Error"]["Code"] == "PackedPolicyTooLarge"


# Tokens that are refused


def unsigned(issuer):
    """A token of the algorithm `none`."""
    parts = [{"alg": "none", "kid": "RS256"}, issuer.claims()]
    return ".".join(encoded(json.dumps(part).encode()) for part in parts) + "."


def encoded(content):
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def by_public_key(issuer, algorithm="HS256"):
    """An HMAC keyed by the issuer's public key, as its PEM has it."""
    parts = [{"alg": algorithm, "kid": "RS256"}, issuer.claims()]
    signed = ".".join(encoded(json.dumps(part).encode()) for part in parts)
    mac = hmac.digest(public_pem(), signed.encode(), hashlib.sha256)
    return f"{signed}.{encoded(mac)}"


UNSUPPORTED = "The token is signed by an algorithm that is not supported"


def test_no_algorithm_but_those(ask, issuer):
    for forged in (unsigned(issuer), by_public_key(issuer), by_public_key(issuer, "hs256")):
        with invalid(UNSUPPORTED):
            ask(forged)
    with invalid(UNSUPPORTED):
        ask(issuer.token("PS256", key=rsa.generate_private_key(65537, 2048)))
    with invalid(UNSUPPORTED):
        ask(issuer.token(header={"crit": ["exp"], "exp": 1}))
    # The public key's HMAC, said to be by the algorithm of the key.
    with invalid(BAD_SIGNATURE):
        ask(by_public_key(issuer, "RS256"))


def test_a_wrong_signature(ask, issuer):
    with invalid(BAD_SIGNATURE):
        ask(issuer.token(key=rsa.generate_private_key(65537, 2048)))
    head, body, signature = issuer.token().split(".")
    other = encoded(json.dumps(issuer.claims(sub="repo:z/z")).encode())
    with invalid(BAD_SIGNATURE):
        ask(f"{head}.{other}.{signature}")
    with invalid(BAD_SIGNATURE):
        ask(f"{head}.{body}.")


def test_a_key_of_another_kind_than_the_algorithms(ask, issuer):
    with invalid(NO_KEY):
        ask(issuer.token("ES256", header={"kid": "RS256"}))
    with invalid(NO_KEY):
        ask(issuer.token("RS384", header={"kid": "RS256"}))


@pytest.mark.parametrize(
    "text",
    [
        "abcd", "a.b.c", "....", "eyJ9.eyJ9.x", "e30.e30.e30", "é.é.é.",
        f"{encoded(b'[]')}.{encoded(b'{}')}.x",
        f"{encoded(b'{{' )}.x.y",
        encoded(b'{"alg":"RS256","x":' + b"[" * 9_000) + ".e30.x",
        "e30=.e30=.e30=",
    ],
)  # fmt: skip
def test_what_is_no_token(ask, text):
    with invalid(NO_JWT):
        ask(text)


def test_claims_nested_deeper_than_anything(ask):
    head = encoded(b'{"alg":"RS256"}')
    deep = encoded(b'{"iss":"a","sub":"b","aud":"c","exp":1,"iat":1,"x":' + b"[" * 10_000)
    with invalid(NO_JWT):
        ask(f"{head}.{deep}.x")


@pytest.mark.parametrize("claim", ["iss", "sub", "aud", "exp", "iat"])
def test_a_claim_that_is_missing(ask, issuer, claim):
    with invalid(f"Missing a required claim: {claim}"):
        ask(issuer.token(**{claim: None}))


def test_who_it_is_made_for(ask, iam, issuer, provider):
    for wrong in ("other", ["other"], ["sts", "other"], [], "STS"):
        with invalid("Incorrect token audience"):
            ask(issuer.token(aud=wrong))
    assert ask(issuer.token(aud=["sts"]))["Audience"] == "sts"
    # The party it was issued to goes before whom it is meant for.
    with invalid("Incorrect token audience"):
        ask(issuer.token(azp="other"))
    assert ask(issuer.token(aud=["a", "b"], azp="sts"))["Audience"] == "sts"
    iam.add_client_id_to_open_id_connect_provider(
        OpenIDConnectProviderArn=provider, ClientID="other"
    )
    assert ask(issuer.token(aud="other"))["Audience"] == "other"
    iam.remove_client_id_from_open_id_connect_provider(
        OpenIDConnectProviderArn=provider, ClientID="other"
    )
    with invalid("Incorrect token audience"):
        ask(issuer.token(aud="other"))


@pytest.mark.parametrize(
    "issuer_url",
    [
        "https://other.example",
        "https://issuer.example/Path/",
        "https://issuer.example/path",
        "http://issuer.example/Path",
        "issuer.example/Path",
    ],
)
def test_an_issuer_that_is_no_provider(ask, issuer, issuer_url):
    with invalid(f"No OpenIDConnect provider found in your account for {issuer_url}"):
        ask(issuer.token(iss=issuer_url))


def test_a_provider_of_another_account(endpoint, ask, iam, issuer, provider):
    other = f"{secrets.randbelow(9 * 10**11) + 10**11}"
    theirs = endpoint.client("iam", "us-east-1", other)
    foreign = role(theirs, trust(provider))
    with invalid(f"No OpenIDConnect provider found in your account for {issuer.url}"):
        ask(issuer.token(), foreign)


def test_a_provider_that_is_gone(ask, iam, issuer, provider):
    ask(issuer.token())
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=provider)
    with invalid(f"No OpenIDConnect provider found in your account for {issuer.url}"):
        ask(issuer.token())


def test_when_it_is_good(ask, issuer):
    now = int(time.time())
    ask(issuer.token(exp=now - 290, iat=now - 1000))  # clocks differ, by five minutes at most
    with pytest.raises(ClientError) as caught:
        ask(issuer.token(exp=now - 301, iat=now - 1000))
    error, status = caught.value.response["Error"], caught.value.response["ResponseMetadata"]
    assert (error["Code"], status["HTTPStatusCode"]) == ("ExpiredTokenException", 400)
    assert error["Message"].endswith(f" must be before the expiration date/time {now - 301}")
    ask(issuer.token(nbf=now + 200))
    for early in ({"nbf": now + 400}, {"iat": now + 400}):
        with invalid("The token is not valid yet"):
            ask(issuer.token(**early))


def test_a_provider_id_is_not_for_openid_connect(ask, issuer):
    with refused(
        "ValidationError", "ProviderId is for OAuth 2.0 access tokens, which are not supported"
    ):
        ask(issuer.token(), ProviderId="www.amazon.com")


def test_a_token_that_is_too_large(ask, issuer):
    with pytest.raises(ClientError, match="length less than or equal to 20000") as caught:
        ask(issuer.token(x="x" * 20_000))
    assert caught.value.response["Error"]["Code"] == "ValidationError"
    assert "xxxx" not in caught.value.response["Error"]["Message"]


# Where the keys come from


def other(iam, url):
    """An issuer that is a provider of the account, and a role that trusts it."""
    made = Issuer(url)
    return made, role(iam, trust(provided(iam, made)), "of-other")


def test_keys_in_a_file_that_changes(endpoint, ask, iam, tmp_path):
    made = Issuer("https://own.example")
    file = tmp_path / "keys.json"
    file.write_bytes(made.key_set)
    server = start_dev("--oidc-keys", f"{made.url}={file}")
    try:
        own = server.client("iam", "us-east-1")
        arn = role(own, trust(provided(own, made)))
        sts = server.client("sts", "us-east-1")

        def assume():
            return sts.assume_role_with_web_identity(
                RoleArn=arn, RoleSessionName="s1", WebIdentityToken=made.token()
            )

        assume()
        file.write_bytes(Issuer("", [jwk("RS256", "another")]).key_set)
        with invalid(NO_KEY):
            assume()
        file.write_bytes(b"no keys")
        with invalid(NO_KEY):
            assume()
        file.unlink()
        with invalid(NO_KEY):
            assume()
        file.write_bytes(made.key_set)
        assume()
    finally:
        server.stop()


def test_an_issuer_may_turn_its_keys_and_is_not_asked_more_than_it_need(ask, iam, publisher):
    made, arn = other(iam, "https://turning.example")
    publisher.pages["/turning"] = 200, made.key_set
    for _ in range(5):
        ask(made.token(), arn)
    assert publisher.asked.count("/turning") == 1
    made.keys = [jwk("RS256", "new")]
    publisher.pages["/turning"] = 200, made.key_set
    for _ in range(3):  # within seconds of the last question there is none
        with invalid(NO_KEY):
            ask(made.token(header={"kid": "new"}), arn)
    assert publisher.asked.count("/turning") == 1
    ask(made.token(), arn)  # and what was known is known


@pytest.mark.parametrize("name", ["large", "moved"])
def test_keys_that_are_too_large_or_elsewhere(ask, iam, publisher, name):
    made, arn = other(iam, f"https://{name}.example")
    before = publisher.asked.count("/keys")
    with invalid(NO_KEY):
        ask(made.token(), arn)
    assert publisher.asked.count("/keys") == before


@pytest.mark.parametrize("name", ["silent", "broken"])
def test_keys_that_cannot_be_had_now(ask, iam, name):
    made, arn = other(iam, f"https://{name}.example")
    with refused(
        "IDPCommunicationError",
        "The identity provider that was asked to verify the token could not be reached",
    ):
        ask(made.token(), arn)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_an_issuer_that_is_not_out_there_is_not_asked(ask, iam, host):
    """Whoever may register a provider must not be able to let the server ask its own network."""
    made, arn = other(iam, f"https://{host}")
    with invalid(NO_KEY):
        ask(made.token(), arn)


# What else is reachable without a signature, and what is recorded


def post(endpoint, form, headers=None):
    """Status, code and request id of a form that nobody signed."""
    request = urllib.request.Request(
        endpoint.url + "/", urllib.parse.urlencode(form).encode(), headers or {}
    )
    try:
        answer = urllib.request.urlopen(request, timeout=10)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        text = answer.read().decode()
        code = text.partition("<Code>")[2].partition("</Code>")[0]
        return answer.status, code, answer.headers["x-amzn-RequestId"]


STS = "2011-06-15"


@pytest.mark.parametrize(
    "form",
    [
        {"Action": "GetCallerIdentity", "Version": STS},
        {"Action": "AssumeRole", "Version": STS, "RoleArn": "x", "RoleSessionName": "s1"},
        {"Action": "AssumeRoleWithSAML", "Version": STS},
        {"Action": "assumerolewithwebidentity", "Version": STS},
        {"Action": "AssumeRoleWithWebIdentity", "Version": "2010-05-08"},
        {"Action": "AssumeRoleWithWebIdentity"},
        {"Action": "ListUsers", "Version": "2010-05-08"},
        {"Version": STS},
        {},
    ],
)
def test_nothing_else_is_reachable_without_a_signature(endpoint, form):
    assert post(endpoint, form)[:2] == (403, "MissingAuthenticationToken")


def test_a_request_without_members(endpoint):
    form = {"Action": "AssumeRoleWithWebIdentity", "Version": STS}
    assert post(endpoint, form)[:2] == (400, "ValidationError")


def test_a_signature_makes_no_difference(endpoint, iam, issuer, arn):
    form = {
        "Action": "AssumeRoleWithWebIdentity",
        "Version": STS,
        "RoleArn": arn,
        "RoleSessionName": "s1",
        "WebIdentityToken": issuer.token(),
    }
    assert post(endpoint, form, {"Authorization": "Bearer of nothing"})[0] == 200


@pytest.mark.parametrize("name", ["PolicyArns.1.arn", "PolicyArns.member.0.arn"])
def test_no_session_is_wider_for_a_policy_that_is_not_read(endpoint, issuer, arn, name):
    form = {
        "Action": "AssumeRoleWithWebIdentity",
        "Version": STS,
        "RoleArn": arn,
        "RoleSessionName": "s1",
        "WebIdentityToken": issuer.token(),
    }
    policy = "arn:aws:iam::aws:policy/PowerUserAccess"
    assert post(endpoint, form | {"PolicyArns.member.1.arn": policy})[0] == 200
    assert post(endpoint, form | {name: policy})[:2] == (400, "MalformedInput")


def recorded(endpoint, answer):
    """The record of a request; the audit log says it before the answer does."""
    wanted = answer["ResponseMetadata"]["RequestId"]
    lines = (
        line
        for path in (folder_of(endpoint) / "audit").glob("*.jsonl")
        for line in path.read_bytes().splitlines()
    )
    found = [
        json.loads(line)
        for line in lines
        if line.startswith(b'{"eventVersion":') and wanted.encode() in line
    ]
    (event,) = found
    return event


def explained(endpoint, request_id):
    """What `strongroom explain` says of a request."""
    return run("explain", request_id, "--data", folder_of(endpoint)).out


def test_what_is_recorded(endpoint, ask, issuer, provider, account, iam, arn):
    token = issuer.token(sub="repo:a/b\x7f\u00e9")
    answer = ask(token)
    event = recorded(endpoint, answer)
    assert event["userIdentity"] == {
        "type": "WebIdentityUser",
        "principalId": f"{provider}:sts:repo:a/b\x7f\u00e9",
        "userName": "repo:a/b\x7f\u00e9",
        "identityProvider": provider,
    }
    assert (event["eventSource"], event["eventName"]) == (
        "sts.amazonaws.com",
        "AssumeRoleWithWebIdentity",
    )
    assert (event["recipientAccountId"], event["awsRegion"]) == (account, "us-east-1")
    assert event["requestParameters"] == {"roleArn": arn, "roleSessionName": "s1"}
    assert token not in json.dumps(event)

    kms = client(endpoint, "kms", answer["Credentials"])
    with pytest.raises(ClientError) as caught:
        kms.list_keys()
    context = recorded(endpoint, caught.value.response)["userIdentity"]["sessionContext"]
    assert context["webIdFederationData"] == {"federatedProvider": provider, "attributes": {}}


def test_what_is_recorded_of_refusals(endpoint, ask, iam, issuer, provider):
    with pytest.raises(ClientError) as caught:
        condition = {"StringLike": {f"{issuer.name}:sub": "repo:z/*"}}
        ask(issuer.token(), role(iam, trust(provider, condition), "none"))
    event = recorded(endpoint, caught.value.response)
    assert event["userIdentity"]["type"] == "WebIdentityUser"
    assert event["errorCode"] == "AccessDenied"
    told = explained(endpoint, event["requestID"])
    assert f"by {provider}:sts:repo:a/b" in told
    assert f"{issuer.name}:sub wants `repo:z/*`; it is `repo:a/b`" in told
    with pytest.raises(ClientError) as caught:
        ask(issuer.token(key=rsa.generate_private_key(65537, 2048)))
    event = recorded(endpoint, caught.value.response)
    # What is not proven is not recorded as if it were.
    assert event["userIdentity"]["accountId"] == "ANONYMOUS_PRINCIPAL"
    assert "recipientAccountId" not in event
    assert event["errorCode"] == "InvalidIdentityToken"


def test_what_is_counted(endpoint, ask, issuer):
    def counted():
        with urllib.request.urlopen(endpoint.url + "/metrics", timeout=10) as page:
            lines = page.read().decode().splitlines()
        return [line for line in lines if "AssumeRoleWithWebIdentity" in line]

    before = counted()
    ask(issuer.token())
    with contextlib.suppress(ClientError):
        ask("abcd")
    after = counted()
    assert before != after
    assert any("InvalidIdentityToken" in line for line in after)
