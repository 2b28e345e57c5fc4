"""The AWS managed policies that are here: those that people attach most, as AWS has them.

AWS has over a thousand, most of them for services that Strongroom is not.

Those of service-linked roles are for these roles alone.  Their unique ids are ours, for AWS's are not
known.

Source: AWS Managed Policy Reference Guide, the page of each; the unique ids as AWS answers them.
"""

import json
from collections.abc import Mapping
from typing import NamedTuple

from strongroom.policy.entities import SERVICES_PATH, ManagedPolicy, PolicyVersion

ACCOUNT = "aws"
"""What stands in their ARNs where an account's number stands in others."""


class _Published(NamedTuple):
    name: str
    id: str
    description: str
    created: float
    updated: float
    version: int
    statements: list[dict[str, object]]
    path: str = "/"


_PUBLISHED = (
    _Published(
        "AdministratorAccess",
        "ANPAIWMBCKSKIEE64ZLYK",
        "Provides full access to AWS services and resources.",
        1423247986.0,  # 2015-02-06
        1423247986.0,
        1,
        [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
    ),
    _Published(
        "AWSKeyManagementServiceCustomKeyStoresServiceRolePolicy",
        "ANPAKMSCUSTOMKEYSTORE",
        "Enables access to AWS services and resources required for AWS KMS custom key stores",
        1542226200.0,  # 2018-11-14, 20:10
        1699642980.0,  # 2023-11-10, 19:03
        2,
        [
            {
                "Effect": "Allow",
                "Action": [
                    "cloudhsm:Describe*",
                    "ec2:CreateNetworkInterface",
                    "ec2:AuthorizeSecurityGroupIngress",
                    "ec2:CreateSecurityGroup",
                    "ec2:DescribeSecurityGroups",
                    "ec2:RevokeSecurityGroupEgress",
                    "ec2:DeleteSecurityGroup",
                    "ec2:DescribeVpcs",
                    "ec2:DescribeNetworkAcls",
                    "ec2:DescribeNetworkInterfaces",
                ],
                "Resource": "*",
            }
        ],
        SERVICES_PATH,
    ),
    _Published(
        "AWSKeyManagementServiceMultiRegionKeysServiceRolePolicy",
        "ANPAKMSMULTIREGION234",
        "Enables AWS KMS to synchronize the shared properties of multi-Region keys.",
        1623857820.0,  # 2021-06-16, 15:37
        1731538380.0,  # 2024-11-13, 22:53
        2,
        [
            {
                "Sid": "KMSSynchronizeMultiRegionKey",
                "Effect": "Allow",
                "Action": ["kms:SynchronizeMultiRegionKey"],
                "Resource": "*",
            }
        ],
        SERVICES_PATH,
    ),
    _Published(
        "AWSKeyManagementServicePowerUser",
        "ANPAJNPP7PPPPMJRV2SA4",
        "Provides access to AWS Key Management Service (KMS).",
        1423248000.0,  # 2015-02-06, 18:40
        1488848100.0,  # 2017-03-07, 00:55
        2,
        [
            {
                "Effect": "Allow",
                "Action": [
                    "kms:CreateAlias",
                    "kms:CreateKey",
                    "kms:DeleteAlias",
                    "kms:Describe*",
                    "kms:GenerateRandom",
                    "kms:Get*",
                    "kms:List*",
                    "kms:TagResource",
                    "kms:UntagResource",
                    "iam:ListGroups",
                    "iam:ListRoles",
                    "iam:ListUsers",
                ],
                "Resource": "*",
            }
        ],
    ),
    _Published(
        "IAMFullAccess",
        "ANPAI7XKCFMBPM3QQRRVQ",
        "Provides full access to IAM via the AWS Management Console.",
        1423248000.0,
        1561146000.0,  # 2019-06-21, 19:40
        2,
        [
            {
                "Effect": "Allow",
                "Action": [
                    "iam:*",
                    "organizations:DescribeAccount",
                    "organizations:DescribeOrganization",
                    "organizations:DescribeOrganizationalUnit",
                    "organizations:DescribePolicy",
                    "organizations:ListChildren",
                    "organizations:ListParents",
                    "organizations:ListPoliciesForTarget",
                    "organizations:ListRoots",
                    "organizations:ListPolicies",
                    "organizations:ListTargetsForPolicy",
                ],
                "Resource": "*",
            }
        ],
    ),
    _Published(
        "PowerUserAccess",
        "ANPAJYRXTHIB4FOVS3ZXS",
        "Provides full access to AWS services and resources, but does not allow management of "
        "Users and groups.",
        1423247940.0,  # 2015-02-06, 18:39
        1770919140.0,  # 2026-02-12, 17:59
        12,
        [
            {
                "Effect": "Allow",
                "NotAction": ["iam:*", "organizations:*", "account:*"],
                "Resource": "*",
            },
            {
                "Effect": "Allow",
                "Action": [
                    "account:GetAccountInformation",
                    "account:GetGovCloudAccountInformation",
                    "account:GetPrimaryEmail",
                    "account:ListRegions",
                    "iam:CreateServiceLinkedRole",
                    "iam:DeleteServiceLinkedRole",
                    "iam:ListRoles",
                    "organizations:DescribeEffectivePolicy",
                    "organizations:DescribeOrganization",
                ],
                "Resource": "*",
            },
        ],
    ),
)


def _version(policy: _Published) -> PolicyVersion:
    document = {"Version": "2012-10-17", "Statement": policy.statements}
    return PolicyVersion(policy.version, json.dumps(document, indent=4), policy.updated)


_VERSIONS: Mapping[str, PolicyVersion] = {each.name: _version(each) for each in _PUBLISHED}


def policies(partition: str) -> list[ManagedPolicy]:
    """All of them, by name, as a partition has them."""
    return [
        ManagedPolicy(
            ACCOUNT,
            each.name,
            partition,
            each.path,
            each.id,
            each.created,
            each.description,
            each.updated,
            each.version,
            each.version,
        )
        for each in sorted(_PUBLISHED, key=lambda each: each.name.lower())
    ]


def find(arn: str) -> ManagedPolicy | None:
    partition = arn.split(":", 2)[1] if arn.startswith("arn:aws") else ""
    return next((policy for policy in policies(partition) if policy.arn == arn), None)


def version(policy: ManagedPolicy) -> PolicyVersion:
    """The default version, which is the only one that is here."""
    return _VERSIONS[policy.name]
