"""Counters add up over processes, never fall, and speak Prometheus."""

import itertools
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from strongroom.metering.layout import BOUNDS, IN_FLIGHT, Layout, bucket
from strongroom.metering.meter import Meter
from strongroom.metering.scrape import CONTENT_TYPE, scrape
from strongroom.metering.slots import Slots, readings

OPERATIONS = [("kms", "Encrypt"), ("kms", "Decrypt"), ("sts", "GetCallerIdentity")]
CODES = ["AccessDeniedException", "ThrottlingException"]
LAYOUT = Layout(OPERATIONS, CODES)
NAME = LAYOUT.digest().hex() + "-{}.meter"


class Process:
    """A counting process, as far as a folder can tell."""

    def __init__(self, folder, layout=LAYOUT):
        self.slots = Slots(folder, layout)
        self.meter = Meter(layout, self.slots)

    def serve(self, operation="Encrypt", code="", nanoseconds=120_000, service="kms"):
        place = self.meter.place(service, operation)
        self.meter.begun(0)
        if code:
            self.meter.refused(place, code, nanoseconds, 0)
        else:
            self.meter.succeeded(place, nanoseconds, 0)

    def die(self):
        self.slots.close()


def samples(folder, layout=LAYOUT):
    """Every sample of a scrape: (name, labels' values in order of name) -> value."""
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(scrape(folder, layout).decode())
        for sample in family.samples
    }


def test_nothing_counted_is_an_answer_too(tmp_path):
    assert samples(tmp_path) == {
        ("strongroom_requests_in_flight",): 0,
        ("strongroom_received_bytes_total",): 0,
        ("strongroom_sent_bytes_total",): 0,
        ("strongroom_processes",): 0,
    }


def test_requests_are_counted_by_operation_and_code(tmp_path):
    one = Process(tmp_path)
    for _ in range(3):
        one.serve("Encrypt")
    one.serve("Decrypt", "AccessDeniedException")
    one.serve("GetCallerIdentity", service="sts")
    found = samples(tmp_path)
    requests = {
        key[1:]: value for key, value in found.items() if key[0] == "strongroom_requests_total"
    }
    assert requests == {
        ("OK", "Encrypt", "kms"): 3,
        ("AccessDeniedException", "Decrypt", "kms"): 1,
        ("OK", "GetCallerIdentity", "sts"): 1,
    }
    one.die()


def test_what_is_not_known_is_other_and_makes_no_series(tmp_path):
    one = Process(tmp_path)
    for n in range(50):
        one.serve(f"Made{n}Up", f"Error{n}", service=f"s{n}")
        one.serve(f"Made{n}Up", service="kms")
    found = samples(tmp_path)
    assert found["strongroom_requests_total", "other", "other", "other"] == 50
    assert found["strongroom_requests_total", "OK", "other", "other"] == 50
    assert sum(key[0] == "strongroom_requests_total" for key in found) == 2
    one.die()


def test_latencies_fall_into_their_buckets(tmp_path):
    one = Process(tmp_path)
    times = [1, 50_000, 50_001, 2_500_000, 99_000_000_000]
    for nanoseconds in times:
        one.serve("Encrypt", nanoseconds=nanoseconds)
        one.serve("Encrypt", "ThrottlingException", nanoseconds=2 * nanoseconds)
    found = samples(tmp_path)
    name = "strongroom_request_duration_seconds"
    # le, operation, outcome, service
    assert found[name + "_bucket", "5e-05", "Encrypt", "ok", "kms"] == 2
    assert found[name + "_bucket", "0.0001", "Encrypt", "ok", "kms"] == 3
    assert found[name + "_bucket", "0.001", "Encrypt", "ok", "kms"] == 3
    assert found[name + "_bucket", "0.0025", "Encrypt", "ok", "kms"] == 4
    assert found[name + "_bucket", "10.0", "Encrypt", "ok", "kms"] == 4
    assert found[name + "_bucket", "+Inf", "Encrypt", "ok", "kms"] == 5
    assert found[name + "_count", "Encrypt", "ok", "kms"] == 5
    assert found[name + "_sum", "Encrypt", "ok", "kms"] == pytest.approx(sum(times) / 1e9)
    assert found[name + "_sum", "Encrypt", "error", "kms"] == pytest.approx(2 * sum(times) / 1e9)
    one.die()


@given(st.integers(0, 10**12))
def test_a_bucket_is_the_first_whose_bound_is_not_passed(nanoseconds):
    n = bucket(nanoseconds)
    assert n == len(BOUNDS) or nanoseconds <= BOUNDS[n]
    assert n == 0 or nanoseconds > BOUNDS[n - 1]


def test_bytes_and_requests_in_flight(tmp_path):
    one, two = Process(tmp_path), Process(tmp_path)
    one.meter.begun(100)
    one.meter.begun(50)
    two.meter.begun(7)
    one.meter.succeeded(one.meter.place("kms", "Encrypt"), 1, 1000)
    found = samples(tmp_path)
    assert found["strongroom_requests_in_flight",] == 2
    assert found["strongroom_received_bytes_total",] == 157
    assert found["strongroom_sent_bytes_total",] == 1000
    assert found["strongroom_processes",] == 2
    one.die()
    two.die()


def test_processes_add_up_and_their_deaths_take_nothing_away(tmp_path):
    one, two = Process(tmp_path), Process(tmp_path)
    one.serve()
    two.serve()
    two.meter.begun(1)
    two.die()
    key = ("strongroom_requests_total", "OK", "Encrypt", "kms")
    assert samples(tmp_path)[key] == 2
    assert samples(tmp_path)["strongroom_requests_in_flight",] == 0
    assert samples(tmp_path)["strongroom_processes",] == 1
    three = Process(tmp_path)
    three.serve()
    assert samples(tmp_path)[key] == 3
    assert len(list(tmp_path.iterdir())) == 2  # the dead one's file is taken over
    one.die()
    three.die()


KILLED = """
import os, signal, sys
from pathlib import Path
from strongroom.metering.layout import Layout
from strongroom.metering.meter import Meter
from strongroom.metering.slots import Slots
layout = Layout({operations!r}, {codes!r})
meter = Meter(layout, Slots(Path(sys.argv[1]), layout))
place = meter.place("kms", "Encrypt")
for n in range(1000):
    meter.begun(1)
    meter.succeeded(place, 1000, 0)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_process_has_counted_and_is_not_in_flight(tmp_path):
    program = KILLED.format(operations=OPERATIONS, codes=CODES)
    for round_ in (1, 2):
        subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)
        found = samples(tmp_path)
        assert found["strongroom_requests_total", "OK", "Encrypt", "kms"] == 1000 * round_
        assert found["strongroom_requests_in_flight",] == 0
    assert len(list(tmp_path.iterdir())) == 1


def test_another_versions_numbers_are_never_misread_and_go_with_it(tmp_path):
    before = Layout([("kms", "Sign"), *OPERATIONS], CODES)
    old = Process(tmp_path, before)
    old.serve("Decrypt")
    new = Process(tmp_path)
    new.serve("Decrypt")
    for layout in (before, LAYOUT):
        found = samples(tmp_path, layout)
        assert found["strongroom_requests_total", "OK", "Decrypt", "kms"] == 1
        assert found["strongroom_processes",] == 1
    old.die()
    newer = Process(tmp_path)
    assert samples(tmp_path, before)["strongroom_processes",] == 0
    assert len(list(tmp_path.iterdir())) == 2
    new.die()
    newer.die()


@pytest.mark.parametrize("broken", [b"", b"strmeter", b"x" * 4096])
def test_a_broken_file_is_passed_over_and_then_taken(tmp_path, broken):
    (tmp_path / NAME.format(0)).write_bytes(broken)
    assert samples(tmp_path)["strongroom_processes",] == 0
    one = Process(tmp_path)
    one.serve()
    assert samples(tmp_path)["strongroom_requests_total", "OK", "Encrypt", "kms"] == 1
    one.die()


def test_a_file_being_made_is_not_mapped_short(tmp_path):
    one = Process(tmp_path)
    whole = (tmp_path / NAME.format(0)).read_bytes()
    for length in (0, 10, 24, 100, len(whole) - 8):
        (tmp_path / NAME.format(1)).write_bytes(whole[:length])
        assert len(list(readings(tmp_path, LAYOUT))) == 1
    one.die()


def test_a_file_cut_short_is_begun_anew(tmp_path):
    one = Process(tmp_path)
    one.serve()
    one.die()
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-8])
    two = Process(tmp_path)
    two.serve()
    assert samples(tmp_path)["strongroom_requests_total", "OK", "Encrypt", "kms"] == 1
    two.die()


def test_the_layout_depends_on_names_and_not_on_their_order():
    again = Layout(reversed(OPERATIONS), reversed(CODES))
    assert again.digest() == LAYOUT.digest()
    assert Layout(OPERATIONS, [*CODES, "Another"]).digest() != LAYOUT.digest()
    assert Layout([*OPERATIONS, ("kms", "Sign")], CODES).digest() != LAYOUT.digest()


def test_no_two_numbers_share_a_slot():
    places = [LAYOUT.base(*operation) for operation in LAYOUT.operations]
    assert all(b - a == LAYOUT.width for a, b in itertools.pairwise(places))
    assert places[-1] + LAYOUT.width == LAYOUT.size
    assert len({LAYOUT.code(code) for code in LAYOUT.codes}) == len(CODES) + 1
    assert max(LAYOUT.code(code) for code in LAYOUT.codes) == LAYOUT.width - 1
    assert places[0] > IN_FLIGHT


def test_an_answer_below_none_in_flight_is_our_mistake(tmp_path):
    one = Process(tmp_path)
    place = one.meter.place("kms", "Encrypt")
    with pytest.raises(ValueError, match="invalid value"):
        one.meter.succeeded(place, 1, 1)
    with pytest.raises(ValueError, match="invalid value"):
        one.meter.refused(place, "", 1, 1)
    one.die()


def test_prometheus_is_imported_by_the_first_scrape_only():
    program = (
        "import sys; import strongroom.metering.scrape, strongroom.metering.meter;"
        "assert 'prometheus_client' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_content_type_is_the_text_formats():
    assert CONTENT_TYPE.startswith(b"text/plain; version=0.0.4")
