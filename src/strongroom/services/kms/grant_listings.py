"""ListGrants and ListRetirableGrants: grants of one key, and of whoever may retire them.

Both come in order of the grants' ids.  The filters by service principals are for AWS services
alone, none of which calls here.

Source: KMS API Reference.
"""

from strongroom.arn import Arn
from strongroom.errors import Validation
from strongroom.keys import grant_rules
from strongroom.keys.grant import Grant, is_service
from strongroom.policy.principals import meant, shown_name
from strongroom.services.call import Call
from strongroom.services.kms import access, paging
from strongroom.services.kms.grant_access import of_grants
from strongroom.services.kms.grants import of_key
from strongroom.services.kms.identifiers import id_or_arn
from strongroom.services.kms.world import KmsBooks
from strongroom.wire.shapes.kms import (
    GrantConstraints,
    GrantListEntry,
    ListGrantsRequest,
    ListGrantsResponse,
    ListRetirableGrantsRequest,
)


def list_grants(kms: KmsBooks, call: Call, rq: ListGrantsRequest) -> ListGrantsResponse:
    """Grants of a key: all, one, or those to a principal."""
    most = paging.count(rq.Limit, paging.NARROW)
    after = paging.start(rq.Marker)
    if rq.GranteePrincipal is not None and rq.GranteeServicePrincipal is not None:
        raise Validation(
            "You can specify either GranteePrincipal or GranteeServicePrincipal, but not both."
        )
    key = id_or_arn(kms, call, "ListGrants", rq.KeyId)
    access.require(kms, call, "ListGrants", key, of_grants)
    if rq.GranteeServicePrincipal is not None:
        access.refuse_absent(call, "ListGrants", key.arn, key.account)
    grantee = rq.GranteePrincipal and _meant(kms, call, rq.GranteePrincipal)
    if rq.GrantId is None:
        found = kms.books.grants_of(key, grantee, after, most + 1)
    else:
        grant = of_key(kms, key, rq.GrantId)
        asked = grantee in (None, grant.grantee_id) and grant.id > after
        found = [grant] if asked else []
    return _page(kms, found, most)


def list_retirable_grants(
    kms: KmsBooks, call: Call, rq: ListRetirableGrantsRequest
) -> ListGrantsResponse:
    """Grants in this Region, on any account's keys, that a principal of the caller's may retire."""
    most = paging.count(rq.Limit, paging.NARROW)
    after = paging.start(rq.Marker)
    principal = rq.RetiringPrincipal
    if (principal is None) == (rq.RetiringServicePrincipal is None):
        raise Validation(
            "You must specify either RetiringPrincipal or RetiringServicePrincipal, but not both."
        )
    if principal is None:
        access.refuse_absent(call, "ListRetirableGrants", "*", call.account)
    grant_rules.require_principal(principal)
    account = Arn.parse(principal).account
    if account != call.account:
        access.refuse_absent(call, "ListRetirableGrants", principal, account)
    access.require_account(kms, call, "ListRetirableGrants")
    retiring = _meant(kms, call, principal)
    return _page(kms, kms.books.retirable_grants(call.region, retiring, after, most + 1), most)


def _meant(kms: KmsBooks, call: Call, principal: str) -> str:
    return meant(kms.books, call.partition, call.account, principal) or principal


def _page(kms: KmsBooks, found: list[Grant], most: int) -> ListGrantsResponse:
    page, more, following = paging.cut(found, most, lambda grant: grant.id)
    return ListGrantsResponse(
        Grants=[_entry(kms, grant) for grant in page], Truncated=more, NextMarker=following
    )


def _entry(kms: KmsBooks, grant: Grant) -> GrantListEntry:
    to_service, by_service = is_service(grant.grantee), is_service(grant.retiring)
    grantee = shown_name(grant.grantee, grant.grantee_id, kms.books.arn_of)
    retiring = shown_name(grant.retiring, grant.retiring_id, kms.books.arn_of)
    return GrantListEntry(
        KeyId=grant.key_arn,
        GrantId=grant.id,
        Name=grant.name,
        CreationDate=grant.created,
        GranteePrincipal=None if to_service else grantee,
        GranteeServicePrincipal=grantee if to_service else None,
        RetiringPrincipal=None if by_service else retiring,
        RetiringServicePrincipal=retiring or None if by_service else None,
        IssuingAccount=grant.issuing_root,
        Operations=list(grant.operations),
        Constraints=_constraints(grant),
    )


def _constraints(grant: Grant) -> GrantConstraints | None:
    if grant.equals is None and grant.subset is None and not grant.source_arn:
        return None
    return GrantConstraints(
        EncryptionContextEquals=None if grant.equals is None else dict(grant.equals),
        EncryptionContextSubset=None if grant.subset is None else dict(grant.subset),
        SourceArn=grant.source_arn or None,
    )
