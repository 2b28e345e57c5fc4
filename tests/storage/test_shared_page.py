import pytest

from strongroom.storage.page import Page


@pytest.fixture
def pages(tmp_path):
    made = Page.make(tmp_path / "shared")
    opened = Page.open(tmp_path / "shared")
    yield made, opened
    made.close()
    opened.close()


def test_what_one_writes_the_other_reads(pages):
    made, opened = pages
    assert (opened.last_change, opened.clock_offset) == (0, 0.0)
    made.last_change = 2**63
    opened.clock_offset = -86_400.5
    assert (opened.last_change, made.clock_offset) == (2**63, -86_400.5)


def test_a_new_run_begins_with_zeros(tmp_path):
    before = Page.make(tmp_path / "shared")
    before.last_change = 7
    again = Page.make(tmp_path / "shared")
    assert (again.last_change, before.last_change) == (0, 7)  # the old one is another page
    before.close()
    again.close()


def test_a_page_has_its_room_on_the_disk(tmp_path):
    """Writing to a hole of a mapped file on a full disk would kill the process (SIGBUS)."""
    Page.make(tmp_path / "shared").close()
    assert (tmp_path / "shared").stat().st_blocks * 512 >= 4096
