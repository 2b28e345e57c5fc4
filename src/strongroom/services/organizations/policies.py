"""Service control policies and resource control policies: their types, and the documents."""

from dataclasses import replace

from strongroom.policy import grammar
from strongroom.policy.organization import (
    FULL_ACCESS,
    Organization,
    OrganizationPolicy,
    PolicyType,
)
from strongroom.services.call import Call
from strongroom.services.organizations import access, ids, paging, quotas, tagging
from strongroom.services.organizations.identifiers import about, managed, policy, policy_type
from strongroom.services.organizations.organization import shown_root
from strongroom.services.organizations.refusals import (
    DuplicatePolicy,
    InvalidInput,
    PolicyInUse,
    RootNotFound,
    TypeAlreadyEnabled,
    TypeNotEnabled,
)
from strongroom.services.organizations.world import Organizations
from strongroom.wire.shapes import organizations as shapes


def enable_policy_type(
    world: Organizations, call: Call, rq: shapes.EnablePolicyTypeRequest
) -> shapes.EnablePolicyTypeResponse:
    """AWS's policy of the type is attached to everything, so that nothing changes yet."""
    organization = _in_root(world, call, "EnablePolicyType", rq.RootId, rq.PolicyType)
    kind = policy_type(organization, rq.PolicyType)
    if kind in organization.enabled:
        raise TypeAlreadyEnabled
    enabled = replace(organization, types=" ".join([*organization.enabled, kind]))
    world.books.put_organization(enabled)
    everything = world.books.everything_in(enabled)
    world.books.attach_to(enabled, everything, FULL_ACCESS[kind])
    return shapes.EnablePolicyTypeResponse(Root=shown_root(enabled))


def disable_policy_type(
    world: Organizations, call: Call, rq: shapes.DisablePolicyTypeRequest
) -> shapes.DisablePolicyTypeResponse:
    """All policies of the type are detached from everything, and stay as they are."""
    organization = _in_root(world, call, "DisablePolicyType", rq.RootId, rq.PolicyType)
    kind = policy_type(organization, rq.PolicyType)
    if kind not in organization.enabled:
        raise TypeNotEnabled
    left = [each for each in organization.enabled if each is not kind]
    disabled = replace(organization, types=" ".join(left))
    world.books.put_organization(disabled)
    for each in _all(world, organization, kind):
        world.books.detach_from(organization, each)
    return shapes.DisablePolicyTypeResponse(Root=shown_root(disabled))


def create_policy(
    world: Organizations, call: Call, rq: shapes.CreatePolicyRequest
) -> shapes.CreatePolicyResponse:
    """A policy that is attached to nothing yet; its type need not be enabled."""
    organization = managed(world, call, "CreatePolicy")
    context = {**access.of_type(rq.Type), **access.of_tags(rq.Tags)}
    access.require(call, "CreatePolicy", context=context)
    kind = policy_type(organization, rq.Type)
    _require_document(kind, rq.Content)
    _require_free(world, organization, kind, rq.Name)
    count = len(world.books.organization_policies(organization, kind)) + 1
    quotas.require("POLICY_NUMBER_LIMIT_EXCEEDED", count, quotas.POLICIES[kind])
    tags = tagging.with_tags({}, rq.Tags)
    made = OrganizationPolicy(
        organization.account, ids.policy(), kind, rq.Name, rq.Description, rq.Content
    )
    world.books.put_organization_policy(made)
    world.books.put_organization_tags(organization, made.id, tags)
    return shapes.CreatePolicyResponse(Policy=_whole(organization, made))


def update_policy(
    world: Organizations, call: Call, rq: shapes.UpdatePolicyRequest
) -> shapes.UpdatePolicyResponse:
    """What the request does not name stays as it is."""
    organization, found = policy(world, call, "UpdatePolicy", rq.PolicyId)
    _require_own(found)
    if rq.Content is not None:
        _require_document(found.type, rq.Content)
    if rq.Name is not None and rq.Name != found.name:
        _require_free(world, organization, found.type, rq.Name)
    changed = replace(
        found,
        name=found.name if rq.Name is None else rq.Name,
        description=found.description if rq.Description is None else rq.Description,
        document=found.document if rq.Content is None else rq.Content,
    )
    world.books.put_organization_policy(changed)
    return shapes.UpdatePolicyResponse(Policy=_whole(organization, changed))


def describe_policy(
    world: Organizations, call: Call, rq: shapes.DescribePolicyRequest
) -> shapes.DescribePolicyResponse:
    organization, found = policy(world, call, "DescribePolicy", rq.PolicyId)
    return shapes.DescribePolicyResponse(Policy=_whole(organization, found))


def delete_policy(world: Organizations, call: Call, rq: shapes.DeletePolicyRequest) -> None:
    organization, found = policy(world, call, "DeletePolicy", rq.PolicyId)
    _require_own(found)
    if world.books.targets(organization, found):
        raise PolicyInUse
    world.books.delete_organization_policy(found)


def list_policies(
    world: Organizations, call: Call, rq: shapes.ListPoliciesRequest
) -> shapes.ListPoliciesResponse:
    """The organization's own and AWS's, by id; none of a type that cannot be made here."""
    organization = managed(world, call, "ListPolicies")
    access.require(call, "ListPolicies", context=access.of_type(rq.Filter))
    found = (
        _all(world, organization, PolicyType(rq.Filter))
        if organization.all_features and rq.Filter in set(PolicyType)
        else []
    )
    policies, token = paging.cut(found, rq, lambda each: each.id)
    return shapes.ListPoliciesResponse(
        Policies=[summary(organization, each) for each in policies], NextToken=token
    )


def summary(organization: Organization, shown: OrganizationPolicy) -> shapes.PolicySummary:
    return shapes.PolicySummary(
        Id=shown.id,
        Arn=shown.arn(organization),
        Name=shown.name,
        Description=shown.description,
        Type=shown.type.value,
        AwsManaged=shown.aws_managed,
    )


def _whole(organization: Organization, shown: OrganizationPolicy) -> shapes.Policy:
    return shapes.Policy(PolicySummary=summary(organization, shown), Content=shown.document)


def _all(
    world: Organizations, organization: Organization, kind: PolicyType
) -> list[OrganizationPolicy]:
    own = world.books.organization_policies(organization, kind)
    return sorted([FULL_ACCESS[kind], *own], key=lambda each: each.id)


def _in_root(world: Organizations, call: Call, action: str, root: str, kind: str) -> Organization:
    organization = about(world, call, action, root, context=access.of_type(kind))
    if root != organization.root:
        raise RootNotFound
    return organization


def _require_document(kind: PolicyType, document: str) -> None:
    """ConstraintViolation or MalformedPolicyDocument unless it can be a policy of the type."""
    quotas.require("POLICY_CONTENT_LIMIT_EXCEEDED", len(document), quotas.SIZES[kind])
    grammar.require(document, kind.use)


def _require_own(found: OrganizationPolicy) -> None:
    if found.aws_managed:
        raise InvalidInput("IMMUTABLE_POLICY", "AWS's own policies cannot be changed.")


def _require_free(
    world: Organizations, organization: Organization, kind: PolicyType, name: str
) -> None:
    if any(each.name == name for each in _all(world, organization, kind)):
        raise DuplicatePolicy
