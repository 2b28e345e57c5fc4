"""What tests of IAM say of its answers, and the documents that they keep in it."""

import json

from answers import refused


def policy(*actions, resource="*", effect="Allow"):
    statement = {"Effect": effect, "Action": list(actions) or ["kms:*"], "Resource": resource}
    return {"Version": "2012-10-17", "Statement": [statement]}


def trust(principal):
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [statement]}


DOCUMENT = json.dumps(policy())
TRUST = json.dumps(trust({"Service": "ecs-tasks.amazonaws.com"}))
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"


def long_policy(size):
    """A document of so many characters, white space left out, and some white space."""
    empty = json.dumps(policy("kms:"), separators=(",", ":"))
    document = json.dumps(policy("kms:" + "a" * (size - len(empty))), separators=(",", ":"))
    assert len(document) == size
    return document.replace(",", ",\n\t ")


def no_such(message):
    return refused("NoSuchEntity", message, 404)


def exists(message):
    return refused("EntityAlreadyExists", message, 409)


def conflict(message):
    return refused("DeleteConflict", message, 409)


def over(message):
    return refused("LimitExceeded", message, 409)


def malformed(message):
    return refused("MalformedPolicyDocument", message, 400)


def not_allowed(account, action, resource):
    return refused(
        "AccessDenied",
        f"User: arn:aws:iam::{account}:root is not authorized to perform: iam:{action} on "
        f"resource: {resource} because no identity-based policy allows the iam:{action} action",
        403,
    )


def pages(iam, operation, key, size, **members):
    """The entries of all pages, and how many entries each page had."""
    found, sizes, marker = [], [], {}
    while True:
        answer = getattr(iam, operation)(MaxItems=size, **members, **marker)
        found += answer[key]
        sizes.append(len(answer[key]))
        assert answer["IsTruncated"] is ("Marker" in answer)
        if not answer["IsTruncated"]:
            return found, sizes
        marker = {"Marker": answer["Marker"]}
