"""The state machines of `key_machine`, over the functions and over a real server."""

import itertools

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from key_machine import GrantMachine, KeyMachine
from tests.conftest import start_dev
from worlds import InProcess, Served

# The same examples in every run: what fails here fails everywhere.
SHORT = settings(
    max_examples=30,
    stateful_step_count=40,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.generate],  # a failure is told at once; the long ones make it small
    suppress_health_check=list(HealthCheck),
)
SHORT_GRANTS = settings(SHORT, max_examples=60)
SHORT_SERVED = settings(SHORT, max_examples=4, stateful_step_count=30)
THOROUGH = {"derandomize": False, "phases": [Phase.generate, Phase.shrink]}
LONG = settings(SHORT, max_examples=1_500, stateful_step_count=80, **THOROUGH)
LONG_SERVED = settings(SHORT_SERVED, max_examples=200, stateful_step_count=60, **THOROUGH)


def in_process(folder, how, machine=KeyMachine):
    run_state_machine_as_test(lambda: machine(InProcess(folder)), settings=how)


def served(how):
    server = start_dev("--workers", "2")
    regions = itertools.count()
    try:
        run_state_machine_as_test(
            lambda: KeyMachine(Served(server, f"machine-{next(regions)}")), settings=how
        )
    finally:
        server.stop()


def test_the_functions_do_what_the_model_says(tmp_path):
    in_process(tmp_path, SHORT)


def test_the_functions_grant_what_the_model_says(tmp_path):
    in_process(tmp_path, SHORT_GRANTS, GrantMachine)


def test_a_server_does_what_the_model_says():
    served(SHORT_SERVED)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_the_functions_do_what_the_model_says_at_length(tmp_path):
    in_process(tmp_path, LONG)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_the_functions_grant_what_the_model_says_at_length(tmp_path):
    in_process(tmp_path, LONG, GrantMachine)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_a_server_does_what_the_model_says_at_length():
    served(LONG_SERVED)
