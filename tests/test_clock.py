"""The time that what cannot be undone goes by."""

import time

import pytest

from strongroom.clock import Began, Clock

DAY, HOUR = 86_400, 3_600


@pytest.fixture
def machine(monkeypatch):
    """Both clocks of a machine: `set` sets the one, `passes` is what passes on both."""

    class Machine:
        wall, running = 1_800_000_000.0, 500.0

        def set(self, seconds):
            self.wall += seconds

        def passes(self, seconds):
            self.wall += seconds
            self.running += seconds

    machine = Machine()
    monkeypatch.setattr(time, "time", lambda: machine.wall)
    monkeypatch.setattr(time, "clock_gettime", lambda _: machine.running)
    return machine


def test_it_passes_as_time_does(machine):
    clock = Clock()
    for _ in range(10):
        machine.passes(DAY)
        assert clock.settled() == clock.now() == machine.wall


def test_an_hour_ahead_for_an_hour_and_back(machine):
    clock = Clock()
    before = machine.wall
    machine.set(HOUR)
    for minutes in range(60):
        assert clock.settled() == before + 60 * minutes
        assert clock.now() == before + HOUR + 60 * minutes
        machine.passes(60)
    machine.set(-HOUR)
    assert clock.settled() == clock.now() == machine.wall


def test_what_has_stood_for_a_day_is_believed(machine):
    clock = Clock()
    machine.set(HOUR)
    assert clock.settled() == machine.wall - HOUR
    machine.passes(DAY - 1)
    assert clock.settled() == machine.wall - HOUR
    machine.passes(1)
    assert clock.settled() == machine.wall
    machine.set(HOUR)  # and the next one anew
    assert clock.settled() == machine.wall - HOUR


def test_another_step_waits_anew(machine):
    clock = Clock()
    machine.set(HOUR)
    clock.settled()
    machine.passes(DAY - 1)
    machine.set(HOUR)
    assert clock.settled() == machine.wall - 2 * HOUR
    machine.passes(DAY - 1)
    assert clock.settled() == machine.wall - 2 * HOUR
    machine.passes(1)
    assert clock.settled() == machine.wall


def test_a_step_that_is_taken_back_is_forgotten(machine):
    clock = Clock()
    for _ in range(30):
        machine.set(HOUR)
        clock.settled()
        machine.passes(HOUR)
        machine.set(-HOUR)
        assert clock.settled() == machine.wall
        machine.passes(HOUR)


def test_small_steps_are_believed(machine):
    clock = Clock()
    for step in (59, 59, -10, -59, 59):
        machine.set(step)
        assert clock.settled() == machine.wall


def test_an_hour_behind_and_right_again(machine):
    clock = Clock()
    machine.set(-HOUR)
    assert clock.settled() == machine.wall
    machine.passes(HOUR)
    machine.set(HOUR)
    assert clock.settled() == machine.wall
    machine.set(-HOUR)
    assert clock.settled() == machine.wall
    machine.passes(DAY)
    assert clock.settled() == machine.wall
    machine.set(HOUR)  # by now it was as if it had been right
    assert clock.settled() == machine.wall - HOUR


def test_who_is_started_after_the_step_knows_of_it(machine):
    began = Began.now()
    machine.set(HOUR)
    assert Clock(began=began).settled() == machine.wall - HOUR
    assert Clock().settled() == machine.wall  # who was told of no earlier time cannot


def test_a_clock_that_its_user_moves(machine):
    moved = 0.0
    clock = Clock(lambda: moved)
    moved = 400.0 * DAY
    assert clock.settled() == clock.now() == machine.wall + 400 * DAY
    machine.set(HOUR)
    assert clock.settled() == machine.wall - HOUR + 400 * DAY
