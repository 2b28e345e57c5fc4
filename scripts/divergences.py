"""Write the list of operations that are not there yet into docs/divergences.md.

`python scripts/divergences.py` writes it; with `--check` it only says whether it is behind.
"""

import sys
from pathlib import Path

from strongroom.services import iam, kms, organizations, sts
from strongroom.wire.shapes import iam as iam_shapes
from strongroom.wire.shapes import kms as kms_shapes
from strongroom.wire.shapes import organizations as organizations_shapes
from strongroom.wire.shapes import sts as sts_shapes

PAGE = Path(__file__).parents[1] / "docs" / "divergences.md"
BEGIN = "<!-- begin: operations not implemented, written by scripts/divergences.py -->"
END = "<!-- end -->"


def main() -> None:
    page = PAGE.read_text()
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    written = f"{before}{BEGIN}\n\n{listing()}\n\n{END}{after}"
    if "--check" in sys.argv:
        if written != page:
            sys.exit("docs/divergences.md is behind; run `make shapes`")
    else:
        PAGE.write_text(written)


def listing() -> str:
    """One line for each service: how many operations are missing, and which."""
    lines = []
    for name, shapes, operations in (
        ("KMS", kms_shapes.OPERATIONS, kms.OPERATIONS),
        ("IAM", iam_shapes.OPERATIONS, iam.OPERATIONS),
        ("STS", sts_shapes.OPERATIONS, sts.OPERATIONS),
        ("Organizations", organizations_shapes.OPERATIONS, organizations.OPERATIONS),
    ):
        missing = sorted(set(shapes) - set(operations))
        names = ", ".join(f"`{each}`" for each in missing)
        lines.append(f"* **{name}**, {len(missing)} of {len(shapes)}: {names}.")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
