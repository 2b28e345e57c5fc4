"""The refusals that Organizations has of its own, each with what it says.

Where AWS's sentence is not known the words are ours.

Source: Organizations API Reference, "Errors" of each operation; sentences as clients report them.
"""

from typing import ClassVar

from strongroom.errors import Fault


class Refusal(Fault):
    """A fault with one sentence."""

    message_name: ClassVar[str] = "Message"
    sentence: ClassVar[str]

    def __init__(self) -> None:
        super().__init__(self.sentence)


class NotInUse(Refusal):
    code = "AWSOrganizationsNotInUseException"
    sentence = "Your account is not a member of an organization."


class AlreadyInOrganization(Refusal):
    code = "AlreadyInOrganizationException"
    sentence = "The provided account is already a member of an organization."


class OrganizationNotEmpty(Refusal):
    code = "OrganizationNotEmptyException"
    sentence = "To delete the organization you must first remove all member accounts."


class MasterCannotLeave(Refusal):
    code = "MasterCannotLeaveOrganizationException"
    sentence = (
        "The management account cannot leave its organization; remove all other accounts, then "
        "delete the organization."
    )


class AccountNotFound(Refusal):
    code = "AccountNotFoundException"
    sentence = "You specified an account that doesn't exist."


class ParentNotFound(Refusal):
    code = "ParentNotFoundException"
    sentence = "You specified parent that doesn't exist."


class SourceParentNotFound(Refusal):
    code = "SourceParentNotFoundException"
    sentence = "You specified a source parent that doesn't exist."


class DestinationParentNotFound(Refusal):
    code = "DestinationParentNotFoundException"
    sentence = "You specified a destination parent that doesn't exist."


class DuplicateAccount(Refusal):
    code = "DuplicateAccountException"
    sentence = "The account is already in the destination."


class ChildNotFound(Refusal):
    code = "ChildNotFoundException"
    sentence = "You specified a child that doesn't exist."


class RootNotFound(Refusal):
    code = "RootNotFoundException"
    sentence = "You specified a root that doesn't exist."


class UnitNotFound(Refusal):
    code = "OrganizationalUnitNotFoundException"
    sentence = "You specified an organizational unit that doesn't exist."


class UnitNotEmpty(Refusal):
    code = "OrganizationalUnitNotEmptyException"
    sentence = "The organizational unit still has accounts or organizational units in it."


class DuplicateUnit(Refusal):
    code = "DuplicateOrganizationalUnitException"
    sentence = "An OU with the same name already exists."


class TargetNotFound(Refusal):
    code = "TargetNotFoundException"
    sentence = "You specified a target that doesn't exist."


class PolicyNotFound(Refusal):
    code = "PolicyNotFoundException"
    sentence = "You specified a policy that doesn't exist."


class DuplicatePolicy(Refusal):
    code = "DuplicatePolicyException"
    sentence = "A policy with the specified name and type already exists."


class PolicyInUse(Refusal):
    code = "PolicyInUseException"
    sentence = "The policy is attached to something; detach it from everything first."


class DuplicateAttachment(Refusal):
    code = "DuplicatePolicyAttachmentException"
    sentence = "The policy is attached to that target already."


class PolicyNotAttached(Refusal):
    code = "PolicyNotAttachedException"
    sentence = "The policy is not attached to that target."


class TypeNotEnabled(Refusal):
    code = "PolicyTypeNotEnabledException"
    sentence = "This operation can be performed only for enabled policy types."


class TypeAlreadyEnabled(Refusal):
    code = "PolicyTypeAlreadyEnabledException"
    sentence = "The specified policy type is already enabled."


class TypeNotAvailable(Refusal):
    code = "PolicyTypeNotAvailableForOrganizationException"
    sentence = "An organization for consolidated billing alone has no policies."


class CreationNotFound(Refusal):
    code = "CreateAccountStatusNotFoundException"
    sentence = "You specified a create account request that doesn't exist."


class HandshakeNotFound(Refusal):
    code = "HandshakeNotFoundException"
    sentence = "You specified a handshake that doesn't exist."


class HandshakeAlreadyInState(Refusal):
    code = "HandshakeAlreadyInStateException"
    sentence = "The handshake is in that state already."


class InvalidHandshakeTransition(Refusal):
    code = "InvalidHandshakeTransitionException"
    sentence = "The handshake has ended, and can only be looked at."


class DuplicateHandshake(Refusal):
    code = "DuplicateHandshakeException"
    sentence = "The account has an open invitation of this organization already."


class _WithReason(Fault):
    message_name: ClassVar[str] = "Message"

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class ConstraintViolation(_WithReason):
    code = "ConstraintViolationException"


class HandshakeConstraintViolation(_WithReason):
    code = "HandshakeConstraintViolationException"


class InvalidInput(_WithReason):
    code = "InvalidInputException"
