"""Asking IAM's policy simulator, and the documents that it is asked about."""

import json

import boto3
from answers import refused
from botocore.config import Config

BUCKET, OBJECT = "arn:aws:s3:::b", "arn:aws:s3:::b/k"
ALLOWED, EXPLICIT, IMPLICIT = "allowed", "explicitDeny", "implicitDeny"


def document(*statements, version="2012-10-17"):
    return json.dumps({"Version": version, "Statement": list(statements)})


def allow(action, resource="*", **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action, resource="*", **more):
    return {"Effect": "Deny", "Action": action, "Resource": resource, **more}


def to(principal, action, resource="*", **more):
    return allow(action, resource, Principal={"AWS": principal}, **more)


GETS = document(allow("s3:Get*"))


def invalid(message):
    return refused("InvalidInput", message)


def custom(iam, *policies, action="s3:GetObject", **more):
    """The one result of one action."""
    (result,) = iam.simulate_custom_policy(
        PolicyInputList=list(policies), ActionNames=[action], **more
    )["EvaluationResults"]
    return result


def decided(*arguments, **more):
    return custom(*arguments, **more)["EvalDecision"]


def sources(result):
    return [each["SourcePolicyId"] for each in result["MatchedStatements"]]


def entry(key, *values, kind="string"):
    return {"ContextKeyName": key, "ContextKeyValues": list(values), "ContextKeyType": kind}


def principal(iam, arn, action="s3:GetObject", **more):
    (result,) = iam.simulate_principal_policy(PolicySourceArn=arn, ActionNames=[action], **more)[
        "EvaluationResults"
    ]
    return result


def of_user(endpoint, service, region, key):
    """A client with a user's access key, as CreateAccessKey answers it."""
    return boto3.client(
        service,
        endpoint_url=endpoint.url,
        region_name=region,
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
        config=Config(retries={"total_max_attempts": 1}),
    )
