"""ResourceHandlingOption: which resources must be there for a launch of an EC2 instance to be simulated.

Source: IAM API Reference, SimulateCustomPolicy, ResourceHandlingOption.
"""

from collections.abc import Sequence

from strongroom.arn import Arn
from strongroom.errors import InvalidInput

_LAUNCH = "ec2:runinstances"
_ALWAYS = "instance image security-group network-interface"
_SCENARIOS = {
    option: frozenset(kinds.split())
    for option, kinds in {
        "EC2-VPC-InstanceStore": _ALWAYS,
        "EC2-VPC-InstanceStore-Subnet": f"{_ALWAYS} subnet",
        "EC2-VPC-EBS": f"{_ALWAYS} volume",
        "EC2-VPC-EBS-Subnet": f"{_ALWAYS} subnet volume",
    }.items()
}


def require(option: str | None, actions: Sequence[str], resources: Sequence[str]) -> None:
    """InvalidInput if a scenario is asked for that there is not, or one whose resources are missing."""
    if option is None:
        return
    wanted = _SCENARIOS.get(option)
    if wanted is None:
        raise InvalidInput(f"Invalid input resource handling options: {option}.")
    for action in actions:
        if action.lower() != _LAUNCH:
            raise InvalidInput(
                "Invalid input resource handling options. Action does not support resource handling "
                f"options: {action}."
            )
    missing = wanted - {_kind(text) for text in resources}
    if missing:
        raise InvalidInput(
            f"The scenario {option} needs resources of the types {', '.join(sorted(missing))}."
        )


def _kind(resource: str) -> str:
    """Of EC2's, what stands before the id; of anything else nothing."""
    if resource == "*":
        return ""
    arn = Arn.parse(resource)
    return arn.resource.partition("/")[0] if arn.service == "ec2" else ""
