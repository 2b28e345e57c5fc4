"""The account as a whole: its alias, its counts, everything that is in it."""

from collections.abc import Callable, Iterable, Iterator

from strongroom.errors import EntityAlreadyExists, NoSuchEntity
from strongroom.policy import aws_managed
from strongroom.policy.entities import Entity, Group, ManagedPolicy, Role, User
from strongroom.services.call import Call
from strongroom.services.iam import (
    access,
    boundaries,
    documents,
    managed_policies,
    paging,
    policy_versions,
    quotas,
    tagging,
)
from strongroom.services.iam.quotas import INLINE, QUOTAS
from strongroom.services.iam.world import Iam
from strongroom.wire.shape import Shape
from strongroom.wire.shapes import iam as shapes


def create_account_alias(iam: Iam, call: Call, rq: shapes.CreateAccountAliasRequest) -> None:
    """An account has one alias, and an alias, among all accounts, one account."""
    access.require(call, "CreateAccountAlias", "*")
    if iam.books.account_of_alias(rq.AccountAlias) not in (None, call.account):
        raise EntityAlreadyExists(f"The account alias {rq.AccountAlias} already exists.")
    iam.books.put_account_alias(call.account, rq.AccountAlias)


def list_account_aliases(
    iam: Iam, call: Call, rq: shapes.ListAccountAliasesRequest
) -> shapes.ListAccountAliasesResponse:
    access.require(call, "ListAccountAliases", "*")
    alias = iam.books.account_alias(call.account)
    aliases, more, marker = paging.cut_whole([] if alias is None else [alias], rq, str)
    return shapes.ListAccountAliasesResponse(
        AccountAliases=aliases, IsTruncated=more, Marker=marker
    )


def delete_account_alias(iam: Iam, call: Call, rq: shapes.DeleteAccountAliasRequest) -> None:
    access.require(call, "DeleteAccountAlias", "*")
    if iam.books.account_alias(call.account) != rq.AccountAlias:
        raise NoSuchEntity(f"The account alias with name {rq.AccountAlias} cannot be found.")
    iam.books.delete_account_alias(call.account)


def get_account_summary(iam: Iam, call: Call, _rq: Shape) -> shapes.GetAccountSummaryResponse:
    """Counts and quotas; of what Strongroom has not, the count is 0."""
    access.require(call, "GetAccountSummary", "*")
    books, account = iam.books, call.account
    return shapes.GetAccountSummaryResponse(
        SummaryMap={
            "Users": books.count(User, account),
            "UsersQuota": QUOTAS["UsersPerAccount"],
            "Groups": books.count(Group, account),
            "GroupsQuota": QUOTAS["GroupsPerAccount"],
            "Roles": books.count(Role, account),
            "RolesQuota": QUOTAS["RolesPerAccount"],
            "Policies": books.count(ManagedPolicy, account),
            "PoliciesQuota": QUOTAS["PoliciesPerAccount"],
            "PolicySizeQuota": QUOTAS["PolicySize"],
            "PolicyVersionsInUse": books.versions_in_use(account),
            "PolicyVersionsInUseQuota": 10_000,
            "VersionsPerPolicyQuota": quotas.VERSIONS,
            "Providers": len(books.providers(account)),
            "UserPolicySizeQuota": INLINE["user"],
            "GroupPolicySizeQuota": INLINE["group"],
            "RolePolicySizeQuota": INLINE["role"],
            "AssumeRolePolicySizeQuota": QUOTAS["ACLSizePerRole"],
            "GroupsPerUserQuota": QUOTAS["GroupsPerUser"],
            "AccessKeysPerUserQuota": QUOTAS["AccessKeysPerUser"],
            "AttachedPoliciesPerUserQuota": QUOTAS["PoliciesPerUser"],
            "AttachedPoliciesPerGroupQuota": QUOTAS["PoliciesPerGroup"],
            "AttachedPoliciesPerRoleQuota": QUOTAS["PoliciesPerRole"],
            "AccountAccessKeysPresent": int(bool(books.access_keys(account, ""))),
            "AccountMFAEnabled": 0,
            "AccountPasswordPresent": 0,
            "AccountSigningCertificatesPresent": 0,
            "GlobalEndpointTokenVersion": 1,
            "InstanceProfiles": 0,
            "InstanceProfilesQuota": QUOTAS["RolesPerAccount"],
            "MFADevices": 0,
            "MFADevicesInUse": 0,
            "ServerCertificates": 0,
            "ServerCertificatesQuota": 20,
            "SigningCertificatesPerUserQuota": 2,
        }
    )


def get_account_authorization_details(
    iam: Iam, call: Call, rq: shapes.GetAccountAuthorizationDetailsRequest
) -> shapes.GetAccountAuthorizationDetailsResponse:
    """Groups, policies, roles and users, in that order page by page, with all their policies."""
    access.require(call, "GetAccountAuthorizationDetails", "*")
    found = (
        entity
        for kind, entities in _KINDS.items()
        if rq.Filter is None or kind in rq.Filter
        for entity in entities(iam, call)
    )
    entities, more, marker = paging.cut_whole(
        found, rq, lambda entity: f"{entity.noun}/{entity.name.lower()} {entity.account}"
    )
    return shapes.GetAccountAuthorizationDetailsResponse(
        UserDetailList=[_user(iam, each) for each in entities if isinstance(each, User)],
        GroupDetailList=[_group(iam, each) for each in entities if isinstance(each, Group)],
        RoleDetailList=[_role(iam, each) for each in entities if isinstance(each, Role)],
        Policies=[_policy(iam, call, each) for each in entities if isinstance(each, ManagedPolicy)],
        IsTruncated=more,
        Marker=marker,
    )


def _used_of_aws(iam: Iam, call: Call) -> Iterator[Entity]:
    """AWS's managed policies that the account uses: all of them would be over a thousand there."""
    for policy in aws_managed.policies(call.partition):
        used = iam.books.owners_of(call.account, policy.arn)
        if used or iam.books.bounded_by(call.account, policy.arn):
            yield policy


_KINDS: dict[str, Callable[[Iam, Call], Iterable[Entity]]] = {
    "User": lambda iam, call: iam.books.entities(User, call.account),
    "Group": lambda iam, call: iam.books.entities(Group, call.account),
    "Role": lambda iam, call: iam.books.entities(Role, call.account),
    "LocalManagedPolicy": lambda iam, call: iam.books.entities(ManagedPolicy, call.account),
    "AWSManagedPolicy": _used_of_aws,
}


def _user(iam: Iam, user: User) -> shapes.UserDetail:
    return shapes.UserDetail(
        Path=user.path,
        UserName=user.name,
        UserId=user.id,
        Arn=user.arn,
        CreateDate=user.created,
        UserPolicyList=_inline(iam, user),
        GroupList=[group.name for group in iam.books.groups_of(user)],
        AttachedManagedPolicies=_attached(iam, user),
        PermissionsBoundary=boundaries.shown(user),
        Tags=_tags(iam, user),
    )


def _group(iam: Iam, group: Group) -> shapes.GroupDetail:
    return shapes.GroupDetail(
        Path=group.path,
        GroupName=group.name,
        GroupId=group.id,
        Arn=group.arn,
        CreateDate=group.created,
        GroupPolicyList=_inline(iam, group),
        AttachedManagedPolicies=_attached(iam, group),
    )


def _role(iam: Iam, role: Role) -> shapes.RoleDetail:
    return shapes.RoleDetail(
        Path=role.path,
        RoleName=role.name,
        RoleId=role.id,
        Arn=role.arn,
        CreateDate=role.created,
        AssumeRolePolicyDocument=documents.shown_trust(iam, role),
        InstanceProfileList=[],
        RolePolicyList=_inline(iam, role),
        AttachedManagedPolicies=_attached(iam, role),
        PermissionsBoundary=boundaries.shown(role),
        Tags=_tags(iam, role),
        RoleLastUsed=shapes.RoleLastUsed(),
    )


def _policy(iam: Iam, call: Call, policy: ManagedPolicy) -> shapes.ManagedPolicyDetail:
    listed = managed_policies.shown(iam, call, policy)
    return shapes.ManagedPolicyDetail(
        PolicyName=listed.PolicyName,
        PolicyId=listed.PolicyId,
        Arn=listed.Arn,
        Path=listed.Path,
        DefaultVersionId=listed.DefaultVersionId,
        AttachmentCount=listed.AttachmentCount,
        PermissionsBoundaryUsageCount=listed.PermissionsBoundaryUsageCount,
        IsAttachable=listed.IsAttachable,
        Description=policy.description or None,
        CreateDate=listed.CreateDate,
        UpdateDate=listed.UpdateDate,
        PolicyVersionList=[
            policy_versions.shown(policy, version, whole=True)
            for version in iam.books.versions(policy)
        ],
    )


def _inline(iam: Iam, owner: Entity) -> list[shapes.PolicyDetail]:
    return [
        shapes.PolicyDetail(PolicyName=name, PolicyDocument=documents.encoded(document))
        for name, document in iam.books.inline_policies(owner).items()
    ]


def _attached(iam: Iam, owner: Entity) -> list[shapes.AttachedPolicy]:
    return [
        shapes.AttachedPolicy(PolicyName=policy.name, PolicyArn=policy.arn)
        for policy in iam.books.attached_to(owner)
    ]


def _tags(iam: Iam, entity: Entity) -> list[shapes.Tag]:
    return tagging.shown(iam.books.iam_tags(entity.account, entity.id))
