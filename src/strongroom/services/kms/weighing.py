"""A grant as decisions weigh it: what of it `policy` asks about, cased as `policy` compares."""

from collections.abc import Mapping

from strongroom.keys.grant import Grant, Pairs, compared
from strongroom.policy import grants


def weighed(grant: Grant) -> grants.Grant:
    return grants.Grant(
        id=grant.id,
        grantee=grant.grantee_id,
        actions=frozenset(f"kms:{operation.lower()}" for operation in grant.operations),
        equals=_compared(grant.equals),
        subset=_compared(grant.subset),
        source_arn=grant.source_arn,
    )


def _compared(pairs: Pairs | None) -> Mapping[str, str] | None:
    return None if pairs is None else compared(pairs)
