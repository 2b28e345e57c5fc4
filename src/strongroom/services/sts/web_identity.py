"""AssumeRoleWithWebIdentity: a session of a role for whom an OpenID Connect provider vouches.

Nobody signs the request: the token says who asks, and it counts for what its issuer's keys have
signed.  The provider is one of the role's own account, and the token is made for a client id that
it has registered.  The thumbprints that a provider has are kept and not used: the issuer's TLS
certificate is judged by the certificate authorities of the system.

What costs a request to the issuer comes after all that the token is refused for without it.  Whom
the token speaks for is recorded once its signature is known to be right, and not before.

Source: STS API Reference, AssumeRoleWithWebIdentity; IAM User Guide, "OIDC federation", "IAM and
AWS STS condition context keys"; sentences as users have quoted them.
"""

import json
from collections.abc import Mapping

from strongroom.errors import InvalidIdentityToken, Validation
from strongroom.keys.session import Session, new_secret
from strongroom.policy.caller import Caller
from strongroom.policy.entities import Provider
from strongroom.services.call import Call
from strongroom.services.circumstances import Value, of_request_tags
from strongroom.services.principal import Principal
from strongroom.services.sts import access, content, web_token
from strongroom.services.sts.web_token import Claims
from strongroom.services.sts.world import Sts
from strongroom.wire.shapes.sts import (
    AssumeRoleWithWebIdentityRequest,
    AssumeRoleWithWebIdentityResponse,
)

_SCHEME = "https://"


def assume_role_with_web_identity(
    sts: Sts, call: Call, rq: AssumeRoleWithWebIdentityRequest
) -> AssumeRoleWithWebIdentityResponse:
    """A session of a role, for whom the role trusts that provider to name."""
    if rq.ProviderId is not None:
        raise Validation("ProviderId is for OAuth 2.0 access tokens, which are not supported")
    arn = content.role_arn(rq.RoleArn)
    token = web_token.read(rq.WebIdentityToken)
    claims = token.claims
    provider = _provider(sts, arn.account, claims)
    audience = _audience(provider, claims)
    web_token.require_current(claims, call.now)
    web_token.verify(token, sts.issuer_keys(arn.account, claims.iss, token.key_id))
    call.who = _principal(provider, audience, claims)

    tags = content.tags(token.tags)
    transitive = content.transitive(tags, token.transitive)
    # From here on a role that is not there and one that does not trust must look alike.
    role = content.role(sts, arn)
    if role is None:
        raise access.not_authorized("AssumeRoleWithWebIdentity")

    def besides() -> Mapping[str, Value]:
        found: dict[str, Value] = {"sts:rolesessionname": rq.RoleSessionName}
        if claims.source_identity is not None:
            found["sts:sourceidentity"] = claims.source_identity
        if transitive:
            found["sts:transitivetagkeys"] = tuple(transitive)
        return found | of_request_tags(tags)

    access.require_role(sts, call, "AssumeRoleWithWebIdentity", role, besides)
    if tags:
        access.require_role(sts, call, "TagSession", role, besides)
    if claims.source_identity is not None:
        access.require_role(sts, call, "SetSourceIdentity", role, besides)
    seconds = content.role_seconds(role, rq.DurationSeconds)
    content.require_within(role, seconds)
    session = Session(
        kind="role",
        account=role.account,
        of=role.unique_id,
        name=rq.RoleSessionName,
        secret=new_secret(),
        issued=call.now,
        expires=call.now + seconds,
        policies=content.policies(sts.books, role.account, rq.Policy, rq.PolicyArns),
        tags=tags,
        transitive=transitive,
        source_identity=claims.source_identity or "",
        provider=provider.arn,
    )
    return AssumeRoleWithWebIdentityResponse(
        Credentials=content.credentials(sts, session),
        SubjectFromWebIdentityToken=claims.sub,
        AssumedRoleUser=content.assumed(role, session),
        PackedPolicySize=content.packed(session),
        Provider=provider.arn,
        Audience=audience,
        SourceIdentity=claims.source_identity,
    )


def _provider(sts: Sts, account: str, claims: Claims) -> Provider:
    """The provider of the role's account that the token's issuer is."""
    provider = None
    if claims.iss.startswith(_SCHEME):
        provider = sts.books.provider(account, claims.iss.removeprefix(_SCHEME))
    if provider is None:
        raise InvalidIdentityToken(
            f"No OpenIDConnect provider found in your account for {claims.iss}"
        )
    return provider


def _audience(provider: Provider, claims: Claims) -> str:
    audience = claims.audience
    if audience is None or audience not in provider.client_ids:
        raise InvalidIdentityToken("Incorrect token audience")
    return audience


def _principal(provider: Provider, audience: str, claims: Claims) -> Principal:
    """Whom a verified token speaks for, with what trust policies may ask of it."""
    name = provider.url.lower()
    context: dict[str, str | tuple[str, ...]] = {
        f"{name}:aud": audience,
        f"{name}:sub": claims.sub,
        "aws:principalisawsservice": "false",
    }
    if claims.amr:
        context[f"{name}:amr"] = tuple(claims.amr)
    identity = {
        "type": "WebIdentityUser",
        "principalId": f"{provider.arn}:{audience}:{claims.sub}",
        "userName": claims.sub,
        "identityProvider": provider.arn,
    }
    # Printable ASCII alone, as everything that goes into the audit log.
    recorded = json.dumps(identity, separators=(",", ":")).replace("\x7f", "\\u007f").encode()
    return Principal(
        Caller.web_identity(provider.arn, provider.account), context=context, identity_json=recorded
    )
