"""OpenID Connect providers, whose tokens roles may trust.

Nothing is fetched from them here: a thumbprint is kept if one is given.
"""

import re
from dataclasses import replace

from strongroom.errors import EntityAlreadyExists, InvalidInput, NoSuchEntity, Validation
from strongroom.policy.entities import Provider
from strongroom.policy.variables import Context
from strongroom.services.call import Call
from strongroom.services.iam import access, quotas, tagging
from strongroom.services.iam.tagging import Tagged
from strongroom.services.iam.world import Iam
from strongroom.wire.shapes import iam as shapes

# The labels of a host name are of 1 to 63 characters: no other one can be looked up.
_URL = re.compile(
    r"https://([A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})*(?:/[\x21-\x22\x24-\x3e\x40-\x7e]*)?)"
)
_ARN = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:oidc-provider/([\x21-\x7e]+)")
_MOST_THUMBPRINTS = 5


def create_open_id_connect_provider(
    iam: Iam, call: Call, rq: shapes.CreateOpenIDConnectProviderRequest
) -> shapes.CreateOpenIDConnectProviderResponse:
    match = _URL.fullmatch(rq.Url)
    if match is None:
        raise Validation("Invalid Open ID Connect Provider URL")
    provider = Provider(
        call.account,
        match[1],
        call.partition,
        tuple(dict.fromkeys(rq.ClientIDList or ())),
        tuple(rq.ThumbprintList or ()),
        call.now,
    )
    context = access.of_tags(rq.Tags)
    access.require(call, "CreateOpenIDConnectProvider", provider.arn, context)
    if iam.books.provider(call.account, provider.url) is not None:
        raise EntityAlreadyExists(f"Provider with url https://{provider.url} already exists.")
    quotas.require("OpenIdConnectProvidersPerAccount", len(iam.books.providers(call.account)) + 1)
    _require_few(provider)
    tags = tagging.with_tags(Tagged.PROVIDER, {}, rq.Tags)
    iam.books.put_provider(provider)
    iam.books.put_iam_tags(call.account, provider.resource, tags)
    return shapes.CreateOpenIDConnectProviderResponse(
        OpenIDConnectProviderArn=provider.arn, Tags=tagging.shown(tags) or None
    )


def get_open_id_connect_provider(
    iam: Iam, call: Call, rq: shapes.GetOpenIDConnectProviderRequest
) -> shapes.GetOpenIDConnectProviderResponse:
    """Its URL comes without `https://`, as on AWS."""
    provider = existing(iam, call, "GetOpenIDConnectProvider", rq.OpenIDConnectProviderArn)
    tags = iam.books.iam_tags(call.account, provider.resource)
    return shapes.GetOpenIDConnectProviderResponse(
        Url=provider.url,
        ClientIDList=list(provider.client_ids),
        ThumbprintList=list(provider.thumbprints),
        CreateDate=provider.created,
        Tags=tagging.shown(tags) or None,
    )


def list_open_id_connect_providers(
    iam: Iam, call: Call, _rq: shapes.ListOpenIDConnectProvidersRequest
) -> shapes.ListOpenIDConnectProvidersResponse:
    access.require(call, "ListOpenIDConnectProviders", "*")
    return shapes.ListOpenIDConnectProvidersResponse(
        OpenIDConnectProviderList=[
            shapes.OpenIDConnectProviderListEntry(Arn=provider.arn)
            for provider in iam.books.providers(call.account)
        ]
    )


def delete_open_id_connect_provider(
    iam: Iam, call: Call, rq: shapes.DeleteOpenIDConnectProviderRequest
) -> None:
    """One that does not exist is no error.  Source: DeleteOpenIDConnectProvider, "idempotent"."""
    action = "DeleteOpenIDConnectProvider"
    provider = _found(iam, call, action, rq.OpenIDConnectProviderArn, access.NOTHING)
    if provider is not None:
        iam.books.put_iam_tags(call.account, provider.resource, {})
        iam.books.delete_provider(provider)


def add_client_id_to_open_id_connect_provider(
    iam: Iam, call: Call, rq: shapes.AddClientIDToOpenIDConnectProviderRequest
) -> None:
    """One that is there already is no error."""
    provider = existing(
        iam, call, "AddClientIDToOpenIDConnectProvider", rq.OpenIDConnectProviderArn
    )
    client_ids = tuple(dict.fromkeys((*provider.client_ids, rq.ClientID)))
    changed = replace(provider, client_ids=client_ids)
    _require_few(changed)
    iam.books.put_provider(changed)


def remove_client_id_from_open_id_connect_provider(
    iam: Iam, call: Call, rq: shapes.RemoveClientIDFromOpenIDConnectProviderRequest
) -> None:
    """One that is not there is no error."""
    provider = existing(
        iam, call, "RemoveClientIDFromOpenIDConnectProvider", rq.OpenIDConnectProviderArn
    )
    kept = tuple(each for each in provider.client_ids if each != rq.ClientID)
    iam.books.put_provider(replace(provider, client_ids=kept))


def update_open_id_connect_provider_thumbprint(
    iam: Iam, call: Call, rq: shapes.UpdateOpenIDConnectProviderThumbprintRequest
) -> None:
    """The list takes the place of the one before."""
    provider = existing(
        iam, call, "UpdateOpenIDConnectProviderThumbprint", rq.OpenIDConnectProviderArn
    )
    changed = replace(provider, thumbprints=tuple(rq.ThumbprintList))
    _require_few(changed)
    iam.books.put_provider(changed)


def existing(
    iam: Iam, call: Call, action: str, arn: str, context: Context = access.NOTHING
) -> Provider:
    """The provider of an ARN; AccessDenied or NoSuchEntity."""
    provider = _found(iam, call, action, arn, context)
    if provider is None:
        raise NoSuchEntity(f"OpenIDConnect Provider not found for arn {arn}")
    return provider


def _found(iam: Iam, call: Call, action: str, arn: str, context: Context) -> Provider | None:
    match = _ARN.fullmatch(arn)
    if match is None:
        raise InvalidInput(f"ARN {arn} is not valid.")
    provider = iam.books.provider(call.account, match[1])
    own = access.NOTHING
    if provider is not None:
        own = access.of_resource(iam.books.iam_tags(call.account, provider.resource))
    access.require(call, action, arn, {**own, **context})
    return provider if provider is not None and provider.arn == arn else None


def _require_few(provider: Provider) -> None:
    quotas.require("ClientIdsPerOpenIdConnectProvider", len(provider.client_ids))
    if len(provider.thumbprints) > _MOST_THUMBPRINTS:
        raise InvalidInput("Thumbprint list must contain fewer than 5 entries.")
