"""What is printed: tables in plain text, and targets with what came of them."""

import platform
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from statistics import median

from cryptography.hazmat.backends.openssl.backend import backend

_CPUINFO = Path("/proc/cpuinfo")


def machine() -> str:
    """One line by which figures of different machines are told apart."""
    lines = [line.split(":", 1)[1].strip() for line in _models()]
    model = lines[0] if lines else platform.processor() or "an unknown processor"
    return (
        f"{len(lines) or '?'} x {model}, {platform.freedesktop_os_release()['PRETTY_NAME']}, "
        f"Linux {platform.release().partition('-')[0]}, "
        f"{platform.python_implementation()} {platform.python_version()}, "
        f"{ssl.OPENSSL_VERSION.rpartition(' ')[0].rpartition(' ')[0].rpartition(' ')[0]} (hashes), "
        f"{backend.openssl_version_text().partition(' ')[0]} "
        f"{backend.openssl_version_text().split()[1]} (cryptography {version('cryptography')}), "
        f"uvloop {version('uvloop')}, httptools {version('httptools')}, msgspec {version('msgspec')}"
    )


def _models() -> list[str]:
    return [line for line in _CPUINFO.read_text().splitlines() if line.startswith("model name")]


def table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell, the first one to the left and the rest to the right."""
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    lines = [titles, ["-" * width for width in widths], *rows]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if at else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def spread(values: Sequence[float], form: str = ".2f") -> str:
    """The median, and in brackets the least and the greatest."""
    return f"{median(values):{form}} [{min(values):{form}}-{max(values):{form}}]"


@dataclass(slots=True)
class Outcome:
    """Targets, each with whether it was met."""

    lines: list[str] = field(default_factory=list)
    errors: int = 0

    def target(self, what: str, *, met: bool, seen: str) -> None:
        self.lines.append(f"{'met   ' if met else 'MISSED'}  {what}: {seen}")

    def add(self, other: "Outcome") -> None:
        self.lines += other.lines
        self.errors += other.errors
