"""SimulateCustomPolicy: what it supposes and what it answers."""

import pytest
from answers import refused
from botocore.exceptions import ClientError
from iam_answers import pages
from simulated import (
    ALLOWED,
    BUCKET,
    EXPLICIT,
    GETS,
    IMPLICIT,
    OBJECT,
    allow,
    custom,
    decided,
    deny,
    document,
    entry,
    invalid,
    sources,
    to,
)


def test_the_whole_of_an_answer(iam):
    answer = iam.simulate_custom_policy(
        PolicyInputList=[document(allow("s3:Put*")), GETS],
        ActionNames=["s3:GetObject", "S3:DeleteObject"],
    )
    statement = {
        "SourcePolicyId": "PolicyInputList.2",
        "SourcePolicyType": "IAM Policy",
        "StartPosition": {"Line": 1, "Column": 41},
        "EndPosition": {"Line": 1, "Column": len(GETS) - 1},
    }
    assert answer["IsTruncated"] is False
    assert answer["EvaluationResults"] == [
        {
            "EvalActionName": "s3:GetObject",
            "EvalResourceName": "*",
            "EvalDecision": ALLOWED,
            "MatchedStatements": [statement],
            "MissingContextValues": [],
        },
        {
            "EvalActionName": "S3:DeleteObject",
            "EvalResourceName": "*",
            "EvalDecision": IMPLICIT,
            "MatchedStatements": [],
            "MissingContextValues": [],
        },
    ]


def test_one_resource(iam):
    result = custom(iam, GETS, ResourceArns=[OBJECT])
    (of_it,) = result["ResourceSpecificResults"]
    assert result["EvalResourceName"] == OBJECT
    assert result["EvalDecisionDetails"] == {}
    assert of_it == {
        "EvalResourceName": OBJECT,
        "EvalResourceDecision": ALLOWED,
        "MatchedStatements": result["MatchedStatements"],
        "MissingContextValues": [],
    }


def test_several_resources_are_told_apart_and_the_most_restricted_counts(iam):
    on_bucket = document(allow("s3:*", BUCKET), allow("s3:*", OBJECT), deny("s3:Get*", OBJECT))
    result = custom(iam, on_bucket, ResourceArns=[BUCKET, OBJECT, "arn:aws:s3:::other"])
    assert [
        (each["EvalResourceName"], each["EvalResourceDecision"], len(each["MatchedStatements"]))
        for each in result["ResourceSpecificResults"]
    ] == [(BUCKET, ALLOWED, 1), (OBJECT, EXPLICIT, 1), ("arn:aws:s3:::other", IMPLICIT, 0)]
    assert (result["EvalResourceName"], result["EvalDecision"]) == ("*", EXPLICIT)
    (statement,) = result["MatchedStatements"]
    assert statement == result["ResourceSpecificResults"][1]["MatchedStatements"][0]
    result = custom(iam, on_bucket, ResourceArns=[BUCKET, "arn:aws:s3:::other"])
    assert (result["EvalDecision"], result["MatchedStatements"]) == (IMPLICIT, [])
    result = custom(iam, on_bucket, action="s3:PutObject", ResourceArns=[BUCKET, OBJECT])
    assert (result["EvalDecision"], len(result["MatchedStatements"])) == (ALLOWED, 2)


def test_a_boundary(iam):
    bounds = {
        "PermissionsBoundaryPolicyInputList": [document(allow("s3:List*"), deny("s3:PutAcl"))]
    }
    for action, decision, allowed in (
        ("s3:GetObject", IMPLICIT, False),
        ("s3:ListBucket", ALLOWED, True),
        ("s3:PutAcl", EXPLICIT, False),
    ):
        result = custom(iam, document(allow("s3:*")), action=action, **bounds)
        assert result["EvalDecision"] == decision
        assert result["PermissionsBoundaryDecisionDetail"] == {
            "AllowedByPermissionsBoundary": allowed
        }
    assert sources(result) == ["PermissionsBoundaryPolicyInputList.1"]
    with invalid("The list of Permissions Boundary policies cannot exceed 1 items."):
        custom(iam, GETS, PermissionsBoundaryPolicyInputList=[GETS, GETS])


def test_an_organization(iam):
    def levels(*documents):
        return {
            "OrderedOrganizationPolicyInputList": [
                {"ServiceControlPolicyInputList": [each]} for each in documents
            ]
        }

    everything = document(allow("*"))
    locked = document(
        allow("*"),
        deny("s3:*", Condition={"StringNotEquals": {"aws:RequestedRegion": "eu-west-1"}}),
    )
    for documents, more, decision, allowed in (
        ([everything], [], ALLOWED, True),
        ([everything, document(allow("kms:*"))], [], IMPLICIT, False),
        ([everything, locked, everything], [], EXPLICIT, False),
        ([locked], [entry("aws:RequestedRegion", "eu-west-1")], ALLOWED, True),
    ):
        result = custom(iam, GETS, ResourceArns=[OBJECT], ContextEntries=more, **levels(*documents))
        assert result["EvalDecision"] == decision
        assert result["OrganizationsDecisionDetail"] == {"AllowedByOrganizations": allowed}
        assert result["MissingContextValues"] == []
        assert ("EvalDecisionDetails" in result) is allowed
        assert sources(result) == (["PolicyInputList.1"] if allowed else [])
    with invalid("Organization policy at index 2 must contain at least one service control policy"):
        iam.simulate_custom_policy(
            PolicyInputList=[GETS],
            ActionNames=["s3:GetObject"],
            OrderedOrganizationPolicyInputList=[
                {"ServiceControlPolicyInputList": [everything]},
                {"ServiceControlPolicyInputList": []},
            ],
        )


@pytest.mark.parametrize(
    ("condition", "given", "holds"),
    [
        ({"StringEquals": {"a:key": "x"}}, entry("A:Key", "x"), True),
        ({"StringEquals": {"a:key": "x"}}, entry("a:key", "y"), False),
        ({"StringEquals": {"a:key": "x"}}, entry("a:key", "x", kind="stringList"), False),
        ({"ForAnyValue:StringEquals": {"a:key": "x"}}, entry("a:key", "y", "x"), True),
        ({"ForAllValues:StringEquals": {"a:key": "x"}}, entry("a:key", "y", "x"), False),
        ({"NumericLessThan": {"a:key": "3"}}, entry("a:key", "2.5", kind="numeric"), True),
        (
            {"ForAllValues:NumericLessThan": {"a:key": "3"}},
            entry("a:key", "2", "4", kind="numericList"),
            False,
        ),
        ({"Bool": {"a:key": "true"}}, entry("a:key", "TRUE", kind="boolean"), True),
        (
            {"ForAnyValue:Bool": {"a:key": "true"}},
            entry("a:key", "false", "true", kind="booleanList"),
            True,
        ),
        ({"IpAddress": {"a:key": "10.0.0.0/8"}}, entry("a:key", "10.1.1.1", kind="ip"), True),
        (
            {"ForAllValues:IpAddress": {"a:key": "10.0.0.0/8"}},
            entry("a:key", "10.1.1.1", "11.1.1.1", kind="ipList"),
            False,
        ),
        ({"BinaryEquals": {"a:key": "AAE="}}, entry("a:key", "AAE=", kind="binary"), True),
        (
            {"ForAnyValue:BinaryEquals": {"a:key": "AAE="}},
            entry("a:key", "AAI=", kind="binaryList"),
            False,
        ),
        (
            {"DateLessThan": {"a:key": "2026-01-01T00:00:00Z"}},
            entry("a:key", "2025-12-31T23:59:59Z", kind="date"),
            True,
        ),
        (
            {"ForAnyValue:DateLessThan": {"a:key": "2026-01-01T00:00:00Z"}},
            entry("a:key", "1800000000", kind="dateList"),
            False,
        ),
        ({"Null": {"a:key": "true"}}, {"ContextKeyName": "a:key"}, True),
        ({"ForAllValues:StringEquals": {"a:key": "x"}}, {"ContextKeyName": "a:key"}, True),
        ({"Null": {"a:key": "false"}}, entry("a:key", "x"), True),
    ],
)
def test_context_entries_of_every_type(iam, condition, given, holds):
    conditional = document(allow("s3:GetObject", Condition=condition))
    result = custom(iam, conditional, ContextEntries=[given])
    assert result["EvalDecision"] == (ALLOWED if holds else IMPLICIT)
    assert result["MissingContextValues"] == []


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("numeric", "ten"),
        ("numericList", "1 2"),
        ("boolean", "yes"),
        ("ip", "10.0.0.0/8"),
        ("ipList", "300.1.1.1"),
        ("binary", "no base64"),
        ("date", "yesterday"),
    ],
)
def test_a_value_must_be_of_its_type(iam, kind, value):
    with invalid(f"A value of the context key a:key is not of the type {kind}."):
        custom(iam, GETS, ContextEntries=[entry("a:key", value, kind=kind)])


def test_context_entries_that_are_none(iam, unchecked_iam):
    with invalid("The context key A:KEY is given twice."):
        custom(iam, GETS, ContextEntries=[entry("a:key", "x"), entry("A:KEY", "y")])
    with invalid("A context entry must have a ContextKeyName."):
        custom(iam, GETS, ContextEntries=[{"ContextKeyValues": ["x"]}])
    assert decided(iam, GETS, ContextEntries=[entry("a:key", "x" * 4096)]) == ALLOWED
    with invalid("A value of the context key a:key has more than 4096 characters."):
        custom(iam, GETS, ContextEntries=[entry("a:key", "x" * 4097)])
    kinds = (
        "[binary, binaryList, boolean, booleanList, date, dateList, ip, ipList, numeric, "
        "numericList, string, stringList]"
    )
    with pytest.raises(ClientError) as caught:
        custom(unchecked_iam, GETS, ContextEntries=[entry("a:key", "x", kind="text")])
    assert kinds in caught.value.response["Error"]["Message"]


def test_missing_values_are_those_that_any_policy_looks_at(iam, account):
    looks = document(
        allow("s3:GetObject", Condition={"StringEquals": {"aws:PrincipalTag/Team": "x"}}),
        allow("iam:*", f"arn:aws:iam::{account}:user/${{aws:UserName}}"),
    )
    bounds = document(allow("*", Condition={"Bool": {"AWS:SecureTransport": "true"}}))
    missing = ["aws:PrincipalTag/Team", "aws:UserName", "AWS:SecureTransport"]
    asked = {"PermissionsBoundaryPolicyInputList": [bounds]}
    assert custom(iam, looks, **asked)["MissingContextValues"] == missing
    result = custom(iam, looks, ResourceArns=[BUCKET, OBJECT], **asked)
    assert result["MissingContextValues"] == missing
    for each in result["ResourceSpecificResults"]:
        assert each["MissingContextValues"] == missing
    result = custom(iam, looks, ContextEntries=[entry("AWS:securetransport", "true")], **asked)
    assert result["MissingContextValues"] == missing[:2]
    of_bucket = document(
        to("*", "s3:*", OBJECT, Condition={"StringLike": {"s3:prefix": "${aws:FederatedProvider}"}})
    )
    result = custom(
        iam,
        GETS,
        CallerArn=f"arn:aws:iam::{account}:user/alice",
        ResourceArns=[OBJECT],
        ResourcePolicy=of_bucket,
    )
    assert result["MissingContextValues"] == ["s3:prefix", "aws:FederatedProvider"]
    # A caller has a name, and with it a value for the variable.
    result = custom(iam, looks, CallerArn=f"arn:aws:iam::{account}:user/alice", **asked)
    assert result["MissingContextValues"] == [missing[0], missing[2]]


def test_what_follows_from_the_caller_unless_it_is_said(iam, account):
    alice = f"arn:aws:iam::{account}:user/team/alice"
    own = document(allow("iam:GetUser", f"arn:aws:iam::{account}:user/${{aws:username}}"))
    asked = {
        "action": "iam:GetUser",
        "CallerArn": alice,
        "ResourceArns": [f"arn:aws:iam::{account}:user/alice"],
    }
    assert decided(iam, own, **asked) == ALLOWED
    assert decided(iam, own, ContextEntries=[entry("aws:username", "bob")], **asked) == IMPLICIT
    assert (
        decided(iam, own, ContextEntries=[{"ContextKeyName": "aws:username"}], **asked) == IMPLICIT
    )
    arn = document(allow("s3:*", Condition={"ArnLike": {"aws:PrincipalArn": alice}}))
    assert decided(iam, arn, CallerArn=alice) == ALLOWED
    assert decided(iam, arn) == IMPLICIT
    assert decided(iam, arn, CallerArn=f"arn:aws:iam::{account}:group/team/alice") == IMPLICIT


# Policies of resources


def test_a_resource_policy_within_an_account(iam, account):
    alice = f"arn:aws:iam::{account}:user/alice"
    result = custom(
        iam,
        document(allow("iam:*")),
        action="s3:PutObject",
        CallerArn=alice,
        ResourceArns=[OBJECT],
        ResourceOwner=f"arn:aws:iam::{account}:root",
        PermissionsBoundaryPolicyInputList=[document(allow("iam:*"))],
        ResourcePolicy=document(to(alice, ["s3:List*", "s3:Put*"], "arn:aws:s3:::b/*")),
    )
    assert (result["EvalDecision"], sources(result)) == (ALLOWED, ["ResourcePolicy"])
    (statement,) = result["MatchedStatements"]
    assert statement["SourcePolicyType"] == "Resource Policy"
    assert result["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": False}
    assert result["EvalDecisionDetails"] == {}


def test_a_resource_policy_across_accounts(iam, account):
    arnav = f"arn:aws:iam::{account}:user/arnav"
    asked = {
        "action": "s3:PutObject",
        "CallerArn": arnav,
        "ResourceArns": [OBJECT],
        "ResourceOwner": "arn:aws:iam::123456789012:root",
        "PermissionsBoundaryPolicyInputList": [document(allow("iam:*"))],
        "ResourcePolicy": document(to(arnav, "s3:Put*", "arn:aws:s3:::b/*")),
    }
    result = custom(iam, document(allow("iam:*")), **asked)
    details = {
        "IAM Policy": IMPLICIT,
        "Resource Policy": ALLOWED,
        "Permissions Boundary Policy": IMPLICIT,
    }
    (of_it,) = result["ResourceSpecificResults"]
    assert (result["EvalDecision"], result["MatchedStatements"]) == (IMPLICIT, [])
    assert result["EvalDecisionDetails"] == of_it["EvalDecisionDetails"] == details
    assert sources(of_it) == ["ResourcePolicy"]
    del asked["PermissionsBoundaryPolicyInputList"]
    result = custom(iam, document(allow("s3:*")), **asked)
    assert (result["EvalDecision"], sources(result)) == (
        ALLOWED,
        ["ResourcePolicy", "PolicyInputList.1"],
    )
    # Without a word of who owns it, a bucket is the caller's.
    del asked["ResourceOwner"]
    assert decided(iam, document(allow("iam:*")), **asked) == ALLOWED
    # A resource that names its owner is that account's, whatever the request says.
    asked |= {"ResourceArns": ["arn:aws:sqs:eu-west-1:123456789012:q"], "action": "sqs:Send"}
    del asked["ResourcePolicy"]
    result = custom(iam, document(allow("sqs:*")), **asked)
    assert result["EvalDecision"] == IMPLICIT
    assert result["EvalDecisionDetails"] == {"IAM Policy": ALLOWED, "Resource Policy": IMPLICIT}


def test_a_role_may_call_too(iam, account):
    worker = f"arn:aws:iam::{account}:role/worker"
    asked = {
        "CallerArn": worker,
        "ResourceArns": [OBJECT],
        "ResourcePolicy": document(to(worker, "s3:*", OBJECT)),
    }
    assert decided(iam, document(allow("iam:*")), **asked) == ALLOWED
    # A boundary limits what a resource gives to a role, and not what it gives to a user.
    bounds = {"PermissionsBoundaryPolicyInputList": [document(allow("iam:*"))]}
    assert decided(iam, document(allow("iam:*")), **asked, **bounds) == IMPLICIT


def test_a_roles_trust_policy_counts_for_who_assumes_it(iam, account):
    alice = f"arn:aws:iam::{account}:user/alice"
    trust = {"Effect": "Allow", "Principal": {"AWS": alice}, "Action": "sts:AssumeRole"}
    asked = {
        "action": "sts:AssumeRole",
        "CallerArn": alice,
        "ResourceArns": [f"arn:aws:iam::{account}:role/worker"],
    }
    everything = document(allow("*"))
    assert decided(iam, everything, ResourcePolicy=document(trust), **asked) == ALLOWED
    for other in (
        trust | {"Effect": "Deny"},
        trust | {"Principal": {"Service": "a.amazonaws.com"}},
    ):
        result = decided(iam, everything, ResourcePolicy=document(other), **asked)
        assert result == (EXPLICIT if other["Effect"] == "Deny" else IMPLICIT)


def test_callers_owners_and_resources_that_cannot_be(iam, account):
    alice = f"arn:aws:iam::{account}:user/alice"
    own = {"ResourcePolicy": document(to(alice, "s3:*")), "ResourceArns": [OBJECT]}
    with invalid("Invalid caller - Caller cannot be null or empty."):
        custom(iam, GETS, **own)
    with invalid("Invalid caller - Caller must be an IAM user in this context."):
        custom(iam, GETS, CallerArn=f"arn:aws:iam::{account}:group/ops", **own)
    for arn in (
        f"arn:aws:sts::{account}:assumed-role/worker/s",
        f"arn:aws:iam::{account}:root",
        "lambda.amazonaws.com",
        f"arn:aws:iam::{account}:user/",
    ):
        with invalid("Invalid caller - Caller must be an IAM user, role or group in this context."):
            custom(iam, GETS, CallerArn=arn)
    for owner in (account, f"arn:aws:iam::{account}:user/alice", "arn:aws:iam::1:root"):
        with invalid(f"'{owner}' is not a valid as a Resource Owner."):
            custom(iam, GETS, ResourceOwner=owner)
    for wrong in ("14a050d4", "arn:aws:s3", "arn:aws:s3:::", "arn::s3:::b"):
        with invalid(f"ResourceNames are not in a valid ARN format: {wrong}."):
            custom(iam, GETS, ResourceArns=[OBJECT, wrong])
    with invalid("ResourceNames are not in a valid ARN format: *."):
        custom(iam, GETS, ResourceArns=[OBJECT, "*"])
    assert custom(iam, GETS, ResourceArns=["*"]) == custom(iam, GETS)


def test_actions_that_cannot_be(iam):
    with invalid("The action is invalid since it is missing names"):
        custom(iam, GETS, action="GetObject")
    for name in ("s3:*", "s3:Get?", "*:*", "s3:", ":Get", "s3:a:b"):
        with invalid(f"{name} is not the name of an action; wildcards stand for nothing here."):
            custom(iam, GETS, action=name)


def test_documents_that_are_no_policies(iam, account, unchecked_iam):
    for member, text, message in (
        ("PolicyInputList", "{", "Syntax errors in policy."),
        (
            "PolicyInputList",
            document(allow("s3:*"), version="2008-10-17"),
            "Policy document must be version 2012-10-17 or greater.",
        ),
        (
            "PolicyInputList",
            document(to("*", "s3:*")),
            "Policy document should not specify a principal.",
        ),
        (
            "PermissionsBoundaryPolicyInputList",
            document(allow("s3:*", "b")),
            'Resource b must be in ARN format or "*".',
        ),
    ):
        with invalid(message):
            iam.simulate_custom_policy(
                **{"PolicyInputList": [GETS], member: [text]}, ActionNames=["s3:GetObject"]
            )
    with refused("InvalidInput", "Policy contains a statement with no principal"):
        custom(iam, GETS, ResourcePolicy=GETS, CallerArn=f"arn:aws:iam::{account}:user/a")
    with pytest.raises(ClientError) as caught:
        custom(unchecked_iam, " " * 131_073)
    error = caught.value.response["Error"]
    assert error["Code"] == "ValidationError"
    assert "have length less than or equal to 131072" in error["Message"]


def test_a_launch_needs_its_resources(iam):
    def ec2(kind):
        return f"arn:aws:ec2:eu-west-1:123456789012:{kind}/x-1"

    launch = document(allow("ec2:RunInstances"))
    kinds = ["instance", "image", "security-group", "network-interface", "subnet", "volume"]
    asked = {"action": "ec2:RunInstances", "ResourceHandlingOption": "EC2-VPC-EBS-Subnet"}
    owner = {"ResourceOwner": "arn:aws:iam::123456789012:root"}
    for missing in kinds:
        there = [ec2(kind) for kind in kinds if kind != missing]
        with invalid(f"The scenario EC2-VPC-EBS-Subnet needs resources of the types {missing}."):
            custom(iam, launch, ResourceArns=there, **owner, **asked)
    caller = {"CallerArn": "arn:aws:iam::123456789012:user/a"}
    everything = [ec2(kind) for kind in kinds]
    assert decided(iam, launch, ResourceArns=everything, **caller, **asked) == ALLOWED
    with invalid(
        "Invalid input resource handling options. Action does not support resource handling "
        "options: ec2:StopInstances."
    ):
        custom(iam, launch, ResourceArns=everything, **asked | {"action": "ec2:StopInstances"})
    with invalid("Invalid input resource handling options: EC2."):
        custom(iam, launch, **asked | {"ResourceHandlingOption": "EC2"})


def test_pages(iam):
    names = [f"s3:Get{at}" for at in range(7)] + ["s3:Get0"]
    asked = {"PolicyInputList": [GETS], "ActionNames": names}
    found, sizes = pages(iam, "simulate_custom_policy", "EvaluationResults", 3, **asked)
    assert [each["EvalActionName"] for each in found] == names
    assert sizes == [3, 3, 2]
    listed = iam.get_paginator("simulate_custom_policy").paginate(
        **asked, PaginationConfig={"PageSize": 2}
    )
    assert list(listed.search("EvaluationResults[].EvalActionName")) == names
    for marker in ("x", "LTE=", "MTIzNDU2Nzg="):
        with refused("ValidationError", "Invalid Marker."):
            iam.simulate_custom_policy(**asked, Marker=marker)


def test_a_hundred_actions_are_a_page(iam):
    names = [f"s3:Get{at}" for at in range(101)]
    answer = iam.simulate_custom_policy(PolicyInputList=[GETS], ActionNames=names)
    assert (len(answer["EvaluationResults"]), answer["IsTruncated"]) == (100, True)


def test_what_takes_long_comes_in_smaller_pages(iam):
    large = document(
        *(allow("s3:Get*", [f"arn:aws:s3:::{at}" for at in range(100)]) for _ in range(20))
    )
    arns = [f"arn:aws:s3:::{at}" for at in range(200)]
    asked = {
        "PolicyInputList": [large],
        "ActionNames": [f"s3:Get{at}" for at in range(9)],
        "ResourceArns": arns,
    }
    found, sizes = pages(iam, "simulate_custom_policy", "EvaluationResults", 100, **asked)
    assert len(found) == 9
    assert max(sizes) < 9
    with invalid("The simulation has too many resources for policies of that size."):
        iam.simulate_custom_policy(**asked | {"ResourceArns": arns * 5})


def test_what_takes_too_long_is_refused(iam):
    hostile = document(
        allow(
            "s3:*", Condition={"StringLike": {"aws:UserAgent": [f"*?x{at}" for at in range(150)]}}
        )
    )
    asked = {
        "PolicyInputList": [hostile],
        "ActionNames": [f"s3:Get{at}" for at in range(100)],
        "ContextEntries": [entry("aws:UserAgent", "x" * 4000)],
    }
    with invalid("The simulation takes too long with policies and values like these."):
        iam.simulate_custom_policy(**asked)
    asked["ActionNames"] = ["s3:GetObject"]
    (result,) = iam.simulate_custom_policy(**asked)["EvaluationResults"]
    assert result["EvalDecision"] == IMPLICIT
