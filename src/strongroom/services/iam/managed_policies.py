"""Managed policies: CreatePolicy, GetPolicy, ListPolicies, DeletePolicy, ListEntitiesForPolicy."""

from collections.abc import Iterator

from strongroom.errors import DeleteConflict, EntityAlreadyExists
from strongroom.policy import aws_managed, grammar
from strongroom.policy.compiled import Use
from strongroom.policy.entities import (
    Entity,
    Group,
    ManagedPolicy,
    PolicyVersion,
    Role,
    User,
    arn_of,
)
from strongroom.services.call import Call
from strongroom.services.iam import access, ids, paging, quotas, tagging
from strongroom.services.iam.identifiers import managed_policy, own_policy
from strongroom.services.iam.tagging import Tagged
from strongroom.services.iam.world import Iam
from strongroom.wire.shapes import iam as shapes

_FILTERS: dict[str, tuple[type[Entity], ...]] = {
    "User": (User,),
    "Group": (Group,),
    "Role": (Role,),
    "LocalManagedPolicy": (),
    "AWSManagedPolicy": (),
}


def create_policy(
    iam: Iam, call: Call, rq: shapes.CreatePolicyRequest
) -> shapes.CreatePolicyResponse:
    """A policy with its version v1, which is the default one."""
    path = rq.Path or "/"
    arn = arn_of(ManagedPolicy, call.partition, call.account, path, rq.PolicyName)
    access.require(call, "CreatePolicy", arn, access.of_tags(rq.Tags))
    if iam.books.named(ManagedPolicy, call.account, rq.PolicyName) is not None:
        raise EntityAlreadyExists(
            f"A policy called {rq.PolicyName} already exists. Duplicate names are not allowed."
        )
    quotas.require("PoliciesPerAccount", iam.books.count(ManagedPolicy, call.account) + 1)
    require_document(rq.PolicyDocument)
    policy = ManagedPolicy(
        call.account,
        rq.PolicyName,
        call.partition,
        path,
        ids.unique_id(ManagedPolicy),
        call.now,
        rq.Description or "",
        call.now,
    )
    tags = tagging.with_tags(Tagged.POLICY, {}, rq.Tags)
    iam.books.put_entity(policy)
    iam.books.add_version(policy, PolicyVersion(1, rq.PolicyDocument, call.now))
    iam.books.put_iam_tags(policy.account, policy.id, tags)
    return shapes.CreatePolicyResponse(Policy=_with_tags(iam, call, policy, described=False))


def get_policy(iam: Iam, call: Call, rq: shapes.GetPolicyRequest) -> shapes.GetPolicyResponse:
    policy = managed_policy(iam, call, "GetPolicy", rq.PolicyArn)
    return shapes.GetPolicyResponse(Policy=_with_tags(iam, call, policy, described=True))


def list_policies(
    iam: Iam, call: Call, rq: shapes.ListPoliciesRequest
) -> shapes.ListPoliciesResponse:
    """The account's own and AWS's, by name, without descriptions and tags, as AWS lists them."""
    prefix = rq.PathPrefix or "/"
    access.require(call, "ListPolicies", f"policy path {prefix}")
    policies, more, marker = paging.cut_whole(
        _listed(iam, call, rq, prefix), rq, lambda policy: f"{policy.name.lower()} {policy.account}"
    )
    return shapes.ListPoliciesResponse(
        Policies=[shown(iam, call, policy) for policy in policies], IsTruncated=more, Marker=marker
    )


def delete_policy(iam: Iam, call: Call, rq: shapes.DeletePolicyRequest) -> None:
    policy = own_policy(iam, call, "DeletePolicy", rq.PolicyArn)
    if iam.books.owners_of(call.account, policy.arn) or iam.books.bounded_by(
        call.account, policy.arn
    ):
        raise DeleteConflict("Cannot delete a policy attached to entities.")
    if len(iam.books.versions(policy)) > 1:
        raise DeleteConflict(
            "This policy has more than one version. Before you delete a policy, you must delete "
            "the policy's versions. The default version is deleted with the policy."
        )
    iam.books.delete_version(policy, policy.default_version)
    iam.books.put_iam_tags(policy.account, policy.id, {})
    iam.books.delete_entity(policy)


def list_entities_for_policy(
    iam: Iam, call: Call, rq: shapes.ListEntitiesForPolicyRequest
) -> shapes.ListEntitiesForPolicyResponse:
    """Whom it is attached to, and whose boundary it is."""
    policy = managed_policy(iam, call, "ListEntitiesForPolicy", rq.PolicyArn)
    kinds = _FILTERS.get(rq.EntityFilter or "", (User, Group, Role))
    entities, more, marker = paging.cut_whole(
        [
            entity
            for entity in _entities(iam, call, policy, rq.PolicyUsageFilter)
            if isinstance(entity, kinds) and entity.path.startswith(rq.PathPrefix or "/")
        ],
        rq,
        lambda entity: f"{entity.noun}/{entity.name.lower()}",
    )
    return shapes.ListEntitiesForPolicyResponse(
        PolicyGroups=[
            shapes.PolicyGroup(GroupName=each.name, GroupId=each.id)
            for each in entities
            if isinstance(each, Group)
        ],
        PolicyUsers=[
            shapes.PolicyUser(UserName=each.name, UserId=each.id)
            for each in entities
            if isinstance(each, User)
        ],
        PolicyRoles=[
            shapes.PolicyRole(RoleName=each.name, RoleId=each.id)
            for each in entities
            if isinstance(each, Role)
        ],
        IsTruncated=more,
        Marker=marker,
    )


def require_document(document: str) -> None:
    """LimitExceeded or MalformedPolicyDocument unless it can be a managed policy's."""
    grammar.require(document, Use.IDENTITY)
    quotas.require("PolicySize", quotas.size(document))


def shown(
    iam: Iam,
    call: Call,
    policy: ManagedPolicy,
    *,
    tags: dict[str, str] | None = None,
    described: bool = False,
) -> shapes.Policy:
    return shapes.Policy(
        PolicyName=policy.name,
        PolicyId=policy.id,
        Arn=policy.arn,
        Path=policy.path,
        DefaultVersionId=f"v{policy.default_version}",
        AttachmentCount=len(iam.books.owners_of(call.account, policy.arn)),
        PermissionsBoundaryUsageCount=len(iam.books.bounded_by(call.account, policy.arn)),
        IsAttachable=True,
        Description=(policy.description or None) if described else None,
        CreateDate=policy.created,
        UpdateDate=policy.updated,
        Tags=None if tags is None else tagging.shown(tags),
    )


def _with_tags(iam: Iam, call: Call, policy: ManagedPolicy, *, described: bool) -> shapes.Policy:
    tags = iam.books.iam_tags(policy.account, policy.id)
    return shown(iam, call, policy, tags=tags, described=described)


def _listed(
    iam: Iam, call: Call, rq: shapes.ListPoliciesRequest, prefix: str
) -> Iterator[ManagedPolicy]:
    own = iam.books.entities(ManagedPolicy, call.account, prefix) if rq.Scope != "AWS" else []
    aws = aws_managed.policies(call.partition) if rq.Scope != "Local" else []
    for policy in [*own, *(each for each in aws if each.path.startswith(prefix))]:
        used = (not rq.OnlyAttached and rq.PolicyUsageFilter is None) or _entities(
            iam, call, policy, rq.PolicyUsageFilter
        )
        if used:
            yield policy


def _entities(iam: Iam, call: Call, policy: ManagedPolicy, usage: str | None) -> list[Entity]:
    """Who uses a policy, each once."""
    found: dict[str, Entity] = {}
    if usage != "PermissionsBoundary":
        found |= {each.id: each for each in iam.books.owners_of(call.account, policy.arn)}
    if usage != "PermissionsPolicy":
        found |= {each.id: each for each in iam.books.bounded_by(call.account, policy.arn)}
    return list(found.values())
