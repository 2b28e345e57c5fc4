"""Members that the model lets be absent, and an operation does not."""

from typing import TypeVar

from strongroom.errors import Validation

Member = TypeVar("Member", bytes, str)


def needed(value: Member | None, member: str) -> Member:
    """The value of `member`; Validation in AWS's words if it is absent."""
    if value is None:
        raise Validation(
            f"1 validation error detected: Value null at '{member}' failed to satisfy constraint: "
            "Member must not be null"
        )
    return value
