"""The state machines of `machine`, over the functions and over a real server."""

import itertools
import string

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from machine.machines import (
    AttachedMachine,
    GrantMachine,
    ImportMachine,
    KeyMachine,
    ReplicaMachine,
)
from tests.conftest import start_dev
from worlds import InProcess, Served, ready_pairs

# The same examples in every run: what fails here fails everywhere.
SHORT = settings(
    max_examples=5,
    stateful_step_count=40,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.generate],  # a failure is told at once; the long ones make it small
    suppress_health_check=list(HealthCheck),
)
SHORT_SERVED = settings(SHORT, max_examples=3, stateful_step_count=30)
THOROUGH = {"derandomize": False, "phases": [Phase.generate, Phase.shrink]}
LONG = settings(SHORT, max_examples=400, stateful_step_count=80, **THOROUGH)
LONG_SERVED = settings(SHORT_SERVED, max_examples=100, stateful_step_count=60, **THOROUGH)
MACHINES = [KeyMachine, ImportMachine, ReplicaMachine, AttachedMachine, GrantMachine]


def in_process(folder, how, machine):
    with ready_pairs():
        run_state_machine_as_test(lambda: machine(InProcess(folder)), settings=how)


def served(how):
    server = start_dev("--workers", "2")
    names = map("".join, itertools.product(string.ascii_lowercase, repeat=2))
    try:
        run_state_machine_as_test(
            lambda: KeyMachine(Served(server, f"machine-{next(names)}")), settings=how
        )
    finally:
        server.stop()


@pytest.mark.parametrize("machine", MACHINES)
def test_the_functions_do_what_the_model_says(tmp_path, machine):
    in_process(tmp_path, SHORT, machine)


def test_a_server_does_what_the_model_says():
    served(SHORT_SERVED)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("machine", MACHINES)
def test_the_functions_do_what_the_model_says_at_length(tmp_path, machine):
    in_process(tmp_path, LONG, machine)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_a_server_does_what_the_model_says_at_length():
    served(LONG_SERVED)
