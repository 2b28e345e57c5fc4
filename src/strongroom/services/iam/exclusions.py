"""PolicyExclusionList: what a simulation leaves out of the policies that a principal has.

Each entry names policies in one way: all of a kind, managed ones by ARN, or an inline one by its
name and whom it belongs to.  In an ARN's last part and in an owner's name one `*` and any number of
`?` are wildcards.  What matches nothing is ignored.

Source: IAM API Reference, SimulatePrincipalPolicy, PolicyIdentifier.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from strongroom.errors import InvalidInput
from strongroom.policy.glob import like, tokens
from strongroom.services.iam.attached import Attached
from strongroom.wire.shapes.iam import InlinePolicyIdentifierType, PolicyIdentifier

_POLICY = re.compile(r"arn:aws[a-z-]*:iam::(?:[0-9]{12}|aws):policy/[!-~]+")
_WILDCARD = re.compile(r"[*?]")


@dataclass(frozen=True, slots=True)
class Exclusions:
    kinds: frozenset[str]
    arns: tuple[str, ...]
    inline: tuple[InlinePolicyIdentifierType, ...]

    def spare(self, policy: Attached) -> bool:
        """Whether a policy takes part all the same."""
        if policy.kind in self.kinds:
            return False
        if policy.arn:
            return not any(_matches(arn, policy.arn) for arn in self.arns)
        return not any(
            each.PolicyName == policy.name
            and each.AttachmentType == policy.owner.noun
            and _matches(each.AttachmentName, policy.owner.name)
            for each in self.inline
        )

    @property
    def boundary(self) -> bool:
        return "permission-boundary" in self.kinds

    @property
    def scps(self) -> bool:
        return "scp" in self.kinds


def read(given: Sequence[PolicyIdentifier] | None) -> Exclusions:
    """InvalidInput for an entry that names policies in no way, in two, or by what cannot be a name."""
    kinds, arns, inline = set(), [], []
    for each in given or ():
        ways = (each.PolicyType, each.PolicyArn, each.InlinePolicyIdentifier)
        if sum(way is not None for way in ways) != 1:
            raise InvalidInput(
                "A policy identifier has exactly one of PolicyType, PolicyArn and "
                "InlinePolicyIdentifier."
            )
        if each.PolicyType is not None:
            kinds.add(each.PolicyType)
        if each.PolicyArn is not None:
            arns.append(_arn(each.PolicyArn))
        if each.InlinePolicyIdentifier is not None:
            _require_one_star(each.InlinePolicyIdentifier.AttachmentName)
            inline.append(each.InlinePolicyIdentifier)
    return Exclusions(frozenset(kinds), tuple(arns), tuple(inline))


def _arn(text: str) -> str:
    if not _POLICY.fullmatch(text) or _WILDCARD.search(text.rpartition("/")[0]):
        raise InvalidInput(f"ARN {text} is not valid.")
    _require_one_star(text)
    return text


def _require_one_star(text: str) -> None:
    if text.count("*") > 1:
        raise InvalidInput(f"{text} has more than one `*`.")


def _matches(pattern: str, name: str) -> bool:
    return like(tokens(pattern))(name)
