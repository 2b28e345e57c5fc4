"""Inline policies: Put-, Get-, Delete- and List- User-, Group- and RolePolicies."""

from typing import Any

from strongroom.errors import LimitExceeded, NoSuchEntity
from strongroom.policy import grammar
from strongroom.policy.compiled import Use
from strongroom.services.call import Call
from strongroom.services.iam import documents, paging, quotas
from strongroom.services.iam.identifiers import require_changeable
from strongroom.services.iam.owners import Owner, answer
from strongroom.services.iam.world import Iam
from strongroom.wire.shape import Shape


def put_policy(kind: Owner, iam: Iam, call: Call, rq: Any) -> None:
    """Keep a policy, in place of one of the same name."""
    owner = kind.named(iam, call, f"Put{kind.noun}Policy", rq)
    require_changeable(owner)
    grammar.require(rq.PolicyDocument, Use.IDENTITY)
    present = iam.books.inline_policies(owner) | {rq.PolicyName: rq.PolicyDocument}
    most = quotas.INLINE[owner.noun]
    if sum(map(quotas.size, present.values())) > most:
        raise LimitExceeded(
            f"Maximum policy size of {most} bytes exceeded for {owner.noun} {owner.name}"
        )
    iam.books.put_inline_policy(owner, rq.PolicyName, rq.PolicyDocument)


def get_policy(kind: Owner, iam: Iam, call: Call, rq: Any) -> Shape:
    operation = f"Get{kind.noun}Policy"
    owner = kind.named(iam, call, operation, rq)
    document = iam.books.inline_policies(owner).get(rq.PolicyName)
    if document is None:
        raise _missing(kind, rq.PolicyName)
    named = {f"{kind.noun}Name": owner.name}
    return answer(
        operation,
        PolicyName=rq.PolicyName,
        PolicyDocument=documents.encoded(document),
        **named,
    )


def delete_policy(kind: Owner, iam: Iam, call: Call, rq: Any) -> None:
    owner = kind.named(iam, call, f"Delete{kind.noun}Policy", rq)
    require_changeable(owner)
    if not iam.books.delete_inline_policy(owner, rq.PolicyName):
        raise _missing(kind, rq.PolicyName)


def list_policies(kind: Owner, iam: Iam, call: Call, rq: Any) -> Shape:
    """Their names."""
    operation = f"List{kind.noun}Policies"
    owner = kind.named(iam, call, operation, rq)
    names, more, marker = paging.cut_whole(iam.books.inline_policies(owner), rq, str)
    return answer(operation, PolicyNames=names, IsTruncated=more, Marker=marker)


def _missing(kind: Owner, name: str) -> NoSuchEntity:
    return NoSuchEntity(f"The {kind.kind.noun} policy with name {name} cannot be found.")
