"""CreateGrant, RetireGrant, RevokeGrant.

A grant is seen by every request that begins after the answer that made or ended it.  Revoking is
the way of those who administer the key and needs their permission; retiring is that of those whom
the grant names, on a key of any account, and no key policy has a say in it.

Source: KMS API Reference; Developer Guide, "Grants in AWS KMS".
"""

from dataclasses import replace

from strongroom.errors import DryRun, InvalidGrantId, LimitExceeded, Validation
from strongroom.keys import grant_rules, grant_token, states
from strongroom.keys.grant import Grant
from strongroom.keys.key import Key
from strongroom.policy import principals
from strongroom.services.call import Call
from strongroom.services.kms import access, grant_access, tokens
from strongroom.services.kms.identifiers import account_and_id, id_or_arn
from strongroom.services.kms.world import KmsBooks
from strongroom.wire.shapes.kms import (
    CreateGrantRequest,
    CreateGrantResponse,
    GrantConstraints,
    RetireGrantRequest,
    RevokeGrantRequest,
)


def create_grant(kms: KmsBooks, call: Call, rq: CreateGrantRequest) -> CreateGrantResponse:
    """A new grant; or, asked again by the same name for the same, the one there is.

    Each answer has a token of its own, and all tokens of a grant are as good as each other.
    """
    tokens.require(kms, call, rq.GrantTokens)
    constraints = rq.Constraints or GrantConstraints()
    grantee, retiring = grant_rules.require_parties(
        rq.GranteePrincipal,
        rq.GranteeServicePrincipal,
        rq.RetiringPrincipal,
        rq.RetiringServicePrincipal,
        constraints.SourceArn,
    )
    operations = grant_rules.require_operations(rq.Operations)
    equals, subset = grant_rules.require_pairs(
        constraints.EncryptionContextEquals, constraints.EncryptionContextSubset
    )
    key = id_or_arn(kms, call, "CreateGrant", rq.KeyId)
    grant = Grant(
        id=kms.backing.random(32).hex(),
        account=key.account,
        region=key.region,
        key_id=key.id,
        name=rq.Name or "",
        grantee=grantee,
        grantee_id=grantee,
        retiring=retiring,
        retiring_id=retiring,
        operations=operations,
        equals=equals,
        subset=subset,
        source_arn=constraints.SourceArn or "",
        issuing_account=call.account,
        issuer=call.principal,
        created=call.now,
        parent="",
    )
    parent = grant_access.require_creation(kms, call, key, grant)
    states.require("CreateGrant", key.state, key.arn)
    grant_rules.require_fit(grant, key.spec, key.usage)
    if parent is not None:
        grant = replace(grant, parent=parent.id)
    grant = replace(
        grant,
        grantee_id=_meant(kms, call, grantee),
        retiring_id=_meant(kms, call, retiring),
    )
    return _kept(kms, key, grant, dry_run=bool(rq.DryRun))


def _meant(kms: KmsBooks, call: Call, principal: str) -> str:
    unique_id = principals.meant(kms.books, call.partition, call.account, principal)
    if unique_id is None:
        raise grant_rules.no_principal(principal)
    return unique_id


def _kept(kms: KmsBooks, key: Key, grant: Grant, *, dry_run: bool) -> CreateGrantResponse:
    present = kms.books.grant_like(grant)
    if present is None and kms.books.has_grants(key, grant_rules.MOST_OF_A_KEY):
        raise LimitExceeded(
            f"The key {key.arn} has {grant_rules.MOST_OF_A_KEY} grants, the most it can have."
        )
    if dry_run:
        raise DryRun
    if present is None:
        kms.books.add_grant(grant)
    domain = kms.books.domain(key.account, key.region)
    if domain is None:
        raise RuntimeError(f"key {key.id} is kept in no domain")
    grant_id = (present or grant).id
    return CreateGrantResponse(GrantToken=grant_token.mint(domain, grant_id), GrantId=grant_id)


def revoke_grant(kms: KmsBooks, call: Call, rq: RevokeGrantRequest) -> None:
    key = id_or_arn(kms, call, "RevokeGrant", rq.KeyId)
    access.require(kms, call, "RevokeGrant", key, grant_access.of_grants)
    states.require("RevokeGrant", key.state, key.arn)
    grant = of_key(kms, key, rq.GrantId)
    if rq.DryRun:
        raise DryRun
    kms.books.remove_grant(grant)


def retire_grant(kms: KmsBooks, call: Call, rq: RetireGrantRequest) -> None:
    """End a grant, named by a token or by its key and id."""
    match rq.GrantToken, rq.KeyId, rq.GrantId:
        case str(token), None, None:
            grant = tokens.grant_of(kms, call, token)
        case None, str(key_id), str(grant_id):
            grant = _named(kms, call, key_id, grant_id)
        case _:
            raise Validation("Grant token OR (grant ID, key ID) must be specified")
    grant_access.require_retirement(kms, call, grant)
    call.grant_id = grant.id
    if rq.DryRun:
        raise DryRun
    kms.books.remove_grant(grant)


def of_key(kms: KmsBooks, key: Key, grant_id: str) -> Grant:
    """The grant of that id on the key, or InvalidGrantId."""
    grant = kms.books.grant(key.account, key.region, grant_id)
    if grant is None or grant.key_id != key.id:
        raise InvalidGrantId(f"Grant {grant_id} of key {key.arn} does not exist")
    return grant


def _named(kms: KmsBooks, call: Call, asked: str, grant_id: str) -> Grant:
    """The grant on a key of any account; of another's, missing and forbidden are told apart by nobody."""
    account, key_id = account_and_id(call, asked)
    if account == call.account:
        return of_key(kms, id_or_arn(kms, call, "RetireGrant", asked), grant_id)
    grant = kms.books.grant(account, call.region, grant_id)
    if grant is None or grant.key_id != key_id:
        access.refuse_absent(call, "RetireGrant", asked, account)
    return grant
