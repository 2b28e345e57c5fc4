"""A time as a policy's condition sees it."""

from datetime import UTC, datetime


def iso8601(at: float) -> str:
    """`2026-11-23T19:36:05Z`, of seconds since the epoch."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
