"""Grants: one principal, some operations, perhaps a constraint; they only ever allow.

Constraints look at the encryption context: `equals` wants exactly these pairs, `subset` these and
perhaps more.  A pair's key is compared without regard to case, its value with it.  DescribeKey and
RetireGrant are not constrained.  `source_arn` is asked only where an AWS service makes the call:
as itself, or on behalf of somebody.

Source: KMS Developer Guide, "Grants in AWS KMS"; API Reference, GrantConstraints.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from strongroom.policy.caller import Caller, Kind, Named
from strongroom.policy.variables import Context

CONTEXT = "kms:encryptioncontext:"
_BY_SERVICE = ("aws:viaawsservice", "aws:principalisawsservice")
_UNCONSTRAINED = ("kms:describekey", "kms:retiregrant")


@dataclass(frozen=True, slots=True)
class Grant:
    """What of a grant decides.  Pairs have their keys in lower case."""

    id: str
    grantee: str  # an ARN or a unique id; an account's root ARN; a service's name
    actions: frozenset[str]  # "kms:decrypt"
    equals: Mapping[str, str] | None = field(default=None, hash=False)
    subset: Mapping[str, str] | None = field(default=None, hash=False)
    source_arn: str = ""

    def names_caller(self, caller: Caller) -> Named:
        if caller.kind is Kind.SERVICE:
            return Named.ALONE if self.grantee == caller.arn else Named.NOT
        named = caller.names.get(self.grantee, Named.NOT)
        if not named and caller.account and self.grantee.endswith(f"::{caller.account}:root"):
            return Named.ACCOUNT
        return named

    @property
    def constrained(self) -> bool:
        return self.equals is not None or self.subset is not None or bool(self.source_arn)

    def holds(self, action: str, context: Context) -> bool:
        """Whether its constraints let a request through."""
        if self.source_arn and not self._from_source(action, context):
            return False
        if (self.equals is None and self.subset is None) or action in _UNCONSTRAINED:
            return True
        for name, value in (self.subset or {}).items():
            if context.get(CONTEXT + name) != value:
                return False
        if self.equals is None:
            return True
        given = {
            key[len(CONTEXT) :]: value for key, value in context.items() if key.startswith(CONTEXT)
        }
        return given == self.equals

    def _from_source(self, action: str, context: Context) -> bool:
        if action == "kms:retiregrant":
            return True
        by_service = (
            ("." in self.grantee and ":" not in self.grantee)  # a service, by its name
            or any(key in context for key in ("aws:sourcearn", "kms:viaservice"))
            or any(context.get(key) == "true" for key in _BY_SERVICE)
        )
        return not by_service or context.get("aws:sourcearn") == self.source_arn


def unconstrained(grant: Grant) -> Grant:
    """The same as it is where its constraints hold."""
    return replace(grant, equals=None, subset=None, source_arn="")
