"""An operation that AWS has and this release has not says so by its name: 501, never a success."""

import re

import boto3
import pytest
from answers import refused

from strongroom.services.iam import OPERATIONS as IAM
from strongroom.services.kms import OPERATIONS as KMS
from strongroom.services.sts import OPERATIONS as STS


def model(service):
    client = boto3.client(service, region_name="us-east-1")
    return client.meta.service_model


def missing(service, implemented):
    names = set(model(service).operation_names)
    assert set(implemented) <= names
    return sorted(names - set(implemented))


TASK_POLICY = "arn:aws:iam::aws:policy/root-task/S3UnlockBucketPolicy"
SAMPLES = (
    "x",
    "ES384",
    "us-east-1",
    "cluster-aaaaaaaaaaa",
    "https://a.example.com",
    "/kms/xks/v1",
    "000000000000",
    TASK_POLICY,
    "x" * 36,
    "x" * 500,
    "123456",
    "x" * 1000,
    "o-aaaaaaaaaa/r-aaaa",
)


def least(shape):
    """A small value that a shape's constraints allow."""
    match shape.type_name:
        case "structure":
            return {name: least(shape.members[name]) for name in shape.required_members}
        case "list":
            return [least(shape.member) for _ in range(shape.metadata.get("min", 0))]
        case "string" if shape.enum:
            return next(value for value in shape.enum if value != "SM2")
        case "string":
            return next(sample for sample in SAMPLES if fits(sample, shape.metadata))
        case "map":
            return {least(shape.key): least(shape.value)}
        case "blob":
            return b"x"
        case "integer":
            return shape.metadata.get("min", 1)
    raise AssertionError(f"no request needs a {shape.type_name} yet")


def fits(text, constraints):
    long_enough = constraints.get("min", 0) <= len(text) <= constraints.get("max", len(text))
    return long_enough and re.fullmatch(constraints.get("pattern", ".*"), text) is not None


@pytest.mark.parametrize("operation", missing("kms", KMS))
def test_of_kms(unchecked, operation):
    shape = model("kms").operation_model(operation).input_shape
    with refused("NotImplementedException", f"{operation} is not implemented yet.", 501):
        unchecked._make_api_call(operation, least(shape))


@pytest.mark.parametrize("operation", missing("iam", IAM))
def test_of_iam(endpoint, region, operation):
    iam = endpoint.client("iam", region)
    shape = iam.meta.service_model.operation_model(operation).input_shape
    with pytest.raises(iam.exceptions.ClientError) as caught:
        request = least(shape) if shape else {}
        if operation == "CreateDelegationRequest":
            request["Permissions"] = {"PolicyTemplateArn": TASK_POLICY}  # as with AssumeRoot below
        iam._make_api_call(operation, request)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert f"{operation} is not implemented yet." in caught.value.response["Error"]["Message"]


# AWS takes these two without a signature, so their clients send none, and here that is refused.
UNSIGNED = {"AssumeRoleWithSAML", "AssumeRoleWithWebIdentity"}


@pytest.mark.parametrize("operation", sorted(set(missing("sts", STS)) - UNSIGNED))
def test_of_sts(endpoint, region, operation):
    sts = endpoint.client("sts", region)
    shape = sts.meta.service_model.operation_model(operation).input_shape
    request = least(shape) if shape else {}
    if operation == "AssumeRoot":
        request["TaskPolicyArn"] = {"arn": TASK_POLICY}  # the query protocol cannot say `{}`
    with pytest.raises(sts.exceptions.ClientError) as caught:
        sts._make_api_call(operation, request)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert operation in caught.value.response["Error"]["Message"]


def test_what_this_release_has():
    assert len(KMS) == 50
    assert len(missing("kms", KMS)) == 56 - 50
    assert len(IAM) == 98
    assert len(missing("iam", IAM)) == 180 - 98
