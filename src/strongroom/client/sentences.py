"""What is said to a person about a failure: one sentence, without a full stop, for each.

A message may carry any bytes into a sentence, and so may an endpoint; what a terminal would obey
is taken out.
"""

import errno

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    SSLError,
)

from strongroom.client.faults import KeyRefused, MessageFault

FAILURES = (MessageFault, ClientError, BotoCoreError, OSError)

_LONGEST = 2_000  # characters; what is said may quote a stranger

_HINTS = {
    "AccessDeniedException": "ask for the permission in the key's policy, IAM or a grant",
    "DisabledException": "enable the key",
    "ExpiredTokenException": "the credentials have expired: sign in again",
    "IncorrectKeyException": "the data key was sealed under another key",
    "InvalidCiphertextException": (
        "the data key was altered, sealed elsewhere, or under another encryption context"
    ),
    "InvalidSignatureException": "the secret access key or the clock is wrong",
    "KMSInvalidStateException": "the key cannot be used in the state it is in",
    "NotFoundException": "check the key, the Region and the endpoint",
    "ThrottlingException": "try again later",
    "UnrecognizedClientException": "the endpoint does not know these credentials",
}


def sentence(failure: Exception) -> str:
    """What to tell about any failure that `encrypt`, `decrypt` or their files can have."""
    if isinstance(failure, KeyRefused) and failure.causes:
        text = "; ".join(dict.fromkeys(sentence(cause) for cause in failure.causes))
    elif isinstance(failure, MessageFault):
        text = str(failure)
    elif isinstance(failure, ClientError):
        text = _answered(failure)
    elif isinstance(failure, BotoCoreError):
        text = _not_answered(failure)
    elif isinstance(failure, OSError):
        text = _of_a_file(failure)
    else:
        raise failure
    return _harmless(text)


def _answered(failure: ClientError) -> str:
    error = failure.response.get("Error", {})
    code, message = error.get("Code", "an error"), error.get("Message", "")
    parts = [f"KMS refused {failure.operation_name}: {code}"]
    if message.strip():
        parts[0] += f", {message.strip().rstrip('.')}"
    if code in _HINTS:
        hint = _HINTS[code]
        if code == "AccessDeniedException" and "ciphertext" in message:
            hint += "; or the key is gone, or is another server's"
        parts.append(f"({hint})")
    return " ".join(parts)


def _not_answered(failure: BotoCoreError) -> str:
    if isinstance(failure, NoCredentialsError | PartialCredentialsError):
        return (
            "there are no credentials for KMS: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
            "or name a profile with `--profile`"
        )
    if isinstance(failure, NoRegionError):
        return "there is no Region: name the key by its ARN, give `--region` or set AWS_REGION"
    if isinstance(failure, ProfileNotFound):
        return f"there is no profile `{failure.kwargs['profile']}` in the AWS configuration"
    if isinstance(failure, EndpointConnectionError):
        return f"nothing answers at the KMS endpoint `{failure.kwargs['endpoint_url']}`"
    if isinstance(failure, SSLError) and "WRONG_VERSION_NUMBER" in str(failure):
        return "the KMS endpoint does not speak TLS: say `http://`, not `https://`"
    if isinstance(failure, HTTPClientError):
        return f"the KMS endpoint cannot be spoken to: {failure}"
    return f"KMS could not be asked: {failure}"


def _of_a_file(failure: OSError) -> str:
    reason = (failure.strerror or str(failure)).lower()
    if failure.errno == errno.EPIPE:
        return "the reader of the output went away"
    if failure.errno == errno.EEXIST and failure.filename:
        return f"`{failure.filename}` exists: give `--force` to replace it"
    return f"`{failure.filename}`: {reason}" if failure.filename else reason


def _harmless(text: str) -> str:
    line = " ".join(text.split()).rstrip(".")
    line = line if len(line) <= _LONGEST else line[:_LONGEST] + "…"
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in line)
