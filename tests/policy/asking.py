"""One decision, from a case written as keyword arguments."""

import json

from strongroom.policy import cases

A, B = "111122223333", "444455556666"
KEY = f"arn:aws:kms:us-east-1:{A}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
ALICE = f"arn:aws:iam::{A}:user/alice"
ROLE = f"arn:aws:iam::{A}:role/service/worker"
SESSION = f"arn:aws:sts::{A}:assumed-role/worker/s1"
ROOT = f"arn:aws:iam::{A}:root"
OUTSIDER = f"arn:aws:iam::{B}:user/bob"
OUTSIDE_SESSION = f"arn:aws:sts::{B}:assumed-role/task/s1"
OUTSIDE_ROLE = f"arn:aws:iam::{B}:role/task"

ALLOW, IMPLICIT, EXPLICIT = "Allow", "ImplicitDeny", "ExplicitDeny"


def allow(action="kms:*", resource="*", principal=None, **more):
    return statement("Allow", action, resource, principal, **more)


def deny(action="kms:*", resource="*", principal=None, **more):
    return statement("Deny", action, resource, principal, **more)


def statement(effect, action, resource, principal, **more):
    made = {"Effect": effect, "Action": action, "Resource": resource, **more}
    if principal is not None:
        made["Principal"] = {"AWS": principal} if principal != "*" else "*"
    return {name: value for name, value in made.items() if value is not None}


def policy(*statements, version="2012-10-17"):
    return {"Version": version, "Statement": list(statements)}


DELEGATES = policy(allow(principal=ROOT))
ANY = policy(allow("*"))


def asked(principal=ALICE, action="kms:Decrypt", resource=KEY, **case):
    """The whole decision."""
    line = json.dumps({"principal": principal, "action": action, "resource": resource, **case})
    return cases.judge(cases.read(line))


def decided(*arguments, **case):
    return asked(*arguments, **case).verdict.value
