"""The faults that may reach a caller, by whose fault they are.

A `Fault` is an answer: its code and message go to the client as they stand.  Every other
exception is a mistake of ours; the door turns it into an `InternalFailure` that says nothing.

Codes and statuses are those of AWS's JSON services.  Where the query protocol (IAM, STS) uses
another code or status for the same fault, `wire.faults` has the table.  AWS's sentences that
belong to one operation stand where they are raised; those that several places share stand here.

Source: KMS API Reference, "Errors" of each operation and "Common errors".
"""

from collections.abc import Awaitable, Callable
from typing import ClassVar


class Fault(Exception):
    """Something a caller may be told.  An empty message means AWS sends none."""

    code: ClassVar[str]
    status: ClassVar[int] = 400
    message_name: ClassVar[str] = "message"  # what JSON calls the message: services differ
    reason: str = ""  # a member `Reason` beside it, for those that have one

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        self.message = message


class NotReady(Exception):
    """Not a fault: await `prepare`, and ask again."""

    def __init__(self, prepare: Callable[[], Awaitable[None]]) -> None:
        super().__init__()
        self.prepare = prepare


class SetupError(Exception):
    """Strongroom cannot be run as asked.  For its operator: the message says what to do."""


# The request could not be read.


class UnknownOperation(Fault):
    code = "UnknownOperationException"


class Serialization(Fault):
    """The body is not what its content type says, or a member has the wrong type."""

    code = "SerializationException"


class Validation(Fault):
    code = "ValidationException"


class NotImplementedHere(Fault):
    """AWS has the operation and Strongroom, so far, does not.  Never a silent success."""

    code = "NotImplementedException"
    status = 501


# Who is asking could not be settled.


class MissingAuthenticationToken(Fault):
    code = "MissingAuthenticationTokenException"

    def __init__(self, message: str = "Missing Authentication Token") -> None:
        super().__init__(message)


class IncompleteSignature(Fault):
    code = "IncompleteSignatureException"


class InvalidSignature(Fault):
    code = "InvalidSignatureException"


class UnrecognizedClient(Fault):
    """One answer for an unknown access key and for a bad session token."""

    code = "UnrecognizedClientException"

    def __init__(
        self, message: str = "The security token included in the request is invalid."
    ) -> None:
        super().__init__(message)


class ExpiredToken(Fault):
    code = "ExpiredTokenException"


# The request was understood and refused.


class AccessDenied(Fault):
    code = "AccessDeniedException"


class NotAuthorized(Fault):
    """KMS's answer to the use of a reserved alias name; it carries no message."""

    code = "NotAuthorizedException"


class Throttled(Fault):
    code = "ThrottlingException"

    def __init__(
        self,
        message: str = "You have exceeded the rate at which you may call KMS. Reduce the frequency "
        "of your calls.",
    ) -> None:
        super().__init__(message)


class NotFound(Fault):
    code = "NotFoundException"


class AlreadyExists(Fault):
    code = "AlreadyExistsException"


class InvalidArn(Fault):
    code = "InvalidArnException"


class InvalidMarker(Fault):
    code = "InvalidMarkerException"


class LimitExceeded(Fault):
    code = "LimitExceededException"


class Conflict(Fault):
    code = "ConflictException"


class TagFault(Fault):
    code = "TagException"


class MalformedPolicyDocument(Fault):
    code = "MalformedPolicyDocumentException"


class UnsupportedOperation(Fault):
    code = "UnsupportedOperationException"


class Disabled(Fault):
    code = "DisabledException"


class InvalidState(Fault):
    code = "KMSInvalidStateException"


class InvalidGrantId(Fault):
    code = "InvalidGrantIdException"


class InvalidGrantToken(Fault):
    code = "InvalidGrantTokenException"


class InvalidKeyUsage(Fault):
    code = "InvalidKeyUsageException"


class IncorrectKey(Fault):
    code = "IncorrectKeyException"

    def __init__(self) -> None:
        super().__init__(
            "The key ID in the request does not identify a CMK that can perform this operation."
        )


class InvalidCiphertext(Fault):
    """Altered, foreign, truncated or sealed under another context: told apart by nobody."""

    code = "InvalidCiphertextException"


class InvalidSignatureOfMessage(Fault):
    """A signature is not that of the key for the message; AWS says no more."""

    code = "KMSInvalidSignatureException"


class InvalidMac(Fault):
    """Likewise of a tag."""

    code = "KMSInvalidMacException"


class IncorrectKeyMaterial(Fault):
    code = "IncorrectKeyMaterialException"


class InvalidImportToken(Fault):
    """Altered, foreign, or of another key."""

    code = "InvalidImportTokenException"


class ExpiredImportToken(Fault):
    code = "ExpiredImportTokenException"


class DryRun(Fault):
    """How a dry run says yes."""

    code = "DryRunOperationException"

    def __init__(self) -> None:
        super().__init__("The request would have succeeded, but the DryRun option is set.")


# STS's own.


class InvalidIdentityToken(Fault):
    code = "InvalidIdentityTokenException"
    NO_KEY: ClassVar[str] = (
        "Couldn't retrieve verification key from your identity provider,  please reference "
        "AssumeRoleWithWebIdentity documentation for requirements"
    )


class ExpiredIdentityToken(Fault):
    code = "ExpiredIdentityTokenException"


class InvalidAuthorizationMessage(Fault):
    code = "InvalidAuthorizationMessageException"


class IDPCommunicationError(Fault):
    """The identity provider did not answer; it may when asked again."""

    code = "IDPCommunicationErrorException"


# IAM's own.


class NoSuchEntity(Fault):
    code = "NoSuchEntityException"
    status = 404


class EntityAlreadyExists(Fault):
    code = "EntityAlreadyExistsException"
    status = 409


class DeleteConflict(Fault):
    """Something hangs on what was to be deleted."""

    code = "DeleteConflictException"
    status = 409


class InvalidInput(Fault):
    code = "InvalidInputException"


class PolicyEvaluation(Fault):
    """A policy that is kept, and that a simulation would have to weigh, cannot be read."""

    code = "PolicyEvaluationException"
    status = 500


class PolicyNotAttachable(Fault):
    code = "PolicyNotAttachableException"


class UnmodifiableEntity(Fault):
    """A role that an AWS service has for itself."""

    code = "UnmodifiableEntityException"


# We failed.


class InternalFailure(Fault):
    code = "KMSInternalException"
    status = 500

    def __init__(self, message: str = "The request failed because of an internal error.") -> None:
        super().__init__(message)


class Unavailable(Fault):
    """Nothing was answered because it could not be made safe; the client may try again."""

    code = "DependencyTimeoutException"
    status = 503


class Undecided(Unavailable):
    """Nobody knows whether it was made; to be looked at, not to be done again unseen."""
