"""Versions of managed policies: at most five, one of them the default, which is the one that counts."""

from dataclasses import replace

from strongroom.errors import DeleteConflict, LimitExceeded, NoSuchEntity
from strongroom.policy.entities import ManagedPolicy, PolicyVersion
from strongroom.services.call import Call
from strongroom.services.iam import documents, paging, quotas
from strongroom.services.iam.identifiers import managed_policy, own_policy
from strongroom.services.iam.managed_policies import require_document
from strongroom.services.iam.world import Iam
from strongroom.wire.shapes import iam as shapes

_FIRST = 10**10  # above any number of a version, for the newest to come first


def create_policy_version(
    iam: Iam, call: Call, rq: shapes.CreatePolicyVersionRequest
) -> shapes.CreatePolicyVersionResponse:
    policy = own_policy(iam, call, "CreatePolicyVersion", rq.PolicyArn)
    require_document(rq.PolicyDocument)
    if len(iam.books.versions(policy)) >= quotas.VERSIONS:
        raise LimitExceeded(
            "A managed policy can have up to 5 versions. Before you create a new version, you must "
            "delete an existing version."
        )
    version = PolicyVersion(policy.last_version + 1, rq.PolicyDocument, call.now)
    changed = replace(policy, last_version=version.number, updated=call.now)
    if rq.SetAsDefault:
        changed = replace(changed, default_version=version.number)
    iam.books.add_version(policy, version)
    iam.books.put_entity(changed)
    return shapes.CreatePolicyVersionResponse(PolicyVersion=shown(changed, version, whole=False))


def get_policy_version(
    iam: Iam, call: Call, rq: shapes.GetPolicyVersionRequest
) -> shapes.GetPolicyVersionResponse:
    policy = managed_policy(iam, call, "GetPolicyVersion", rq.PolicyArn)
    version = _existing(iam, policy, rq.VersionId)
    return shapes.GetPolicyVersionResponse(PolicyVersion=shown(policy, version, whole=True))


def list_policy_versions(
    iam: Iam, call: Call, rq: shapes.ListPolicyVersionsRequest
) -> shapes.ListPolicyVersionsResponse:
    """The newest first, without documents, as AWS lists them."""
    policy = managed_policy(iam, call, "ListPolicyVersions", rq.PolicyArn)
    versions, more, marker = paging.cut_whole(
        iam.books.versions(policy), rq, lambda version: f"{_FIRST - version.number}"
    )
    return shapes.ListPolicyVersionsResponse(
        Versions=[shown(policy, version, whole=False) for version in versions],
        IsTruncated=more,
        Marker=marker,
    )


def set_default_policy_version(
    iam: Iam, call: Call, rq: shapes.SetDefaultPolicyVersionRequest
) -> None:
    policy = own_policy(iam, call, "SetDefaultPolicyVersion", rq.PolicyArn)
    version = _existing(iam, policy, rq.VersionId)
    iam.books.put_entity(replace(policy, default_version=version.number, updated=call.now))


def delete_policy_version(iam: Iam, call: Call, rq: shapes.DeletePolicyVersionRequest) -> None:
    policy = own_policy(iam, call, "DeletePolicyVersion", rq.PolicyArn)
    version = _existing(iam, policy, rq.VersionId)
    if version.number == policy.default_version:
        raise DeleteConflict("Cannot delete the default version of a policy.")
    iam.books.delete_version(policy, version.number)


def shown(policy: ManagedPolicy, version: PolicyVersion, *, whole: bool) -> shapes.PolicyVersion:
    return shapes.PolicyVersion(
        Document=documents.encoded(version.document) if whole else None,
        VersionId=version.name,
        IsDefaultVersion=version.number == policy.default_version,
        CreateDate=version.created,
    )


def _existing(iam: Iam, policy: ManagedPolicy, version_id: str) -> PolicyVersion:
    for version in iam.books.versions(policy):
        if version.name == version_id:
            return version
    raise NoSuchEntity(
        f"Policy {policy.arn} version {version_id} does not exist or is not attachable."
    )
