"""What is written by hand about the code, held against the code."""

import re
import subprocess
import sys
from pathlib import Path

from strongroom.services import kms

ROOT = Path(__file__).parents[1]


def test_the_list_of_missing_operations_is_not_behind():
    subprocess.run([sys.executable, "scripts/divergences.py", "--check"], cwd=ROOT, check=True)


def test_the_number_of_operations_is_right_wherever_it_stands():
    for page in ("README.md", "CHANGELOG.md"):
        of_kms = r"(\d+)(?: of the 56 operations of KMS| operations over JSON 1\.1)"
        (count,) = set(re.findall(of_kms, (ROOT / page).read_text()))
        assert int(count) == len(kms.OPERATIONS), page


def test_every_link_between_pages_leads_somewhere():
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_vector_says_where_it_comes_from():
    for folder in (ROOT / "vectors").iterdir():
        assert (folder / "SOURCE.md").exists(), folder.name
