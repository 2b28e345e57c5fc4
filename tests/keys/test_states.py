"""`keys.states`, cell by cell against the table as AWS documents it."""

import csv
from pathlib import Path

import pytest

from strongroom.errors import Disabled, InvalidState
from strongroom.keys import states
from strongroom.keys.states import KeyState

ARN = "arn:aws:kms:us-east-1:000000000000:key/1234abcd-12ab-34cd-56ef-1234567890ab"
TABLE = Path(__file__).parents[2] / "vectors" / "states" / "states.tsv"
with TABLE.open(newline="") as file:
    ROWS = list(csv.DictReader(file, delimiter="\t"))
CELLS = [
    (row["operation"], state, cell)
    for row in ROWS
    for state, cell in row.items()
    if state != "operation"
]
REFUSALS = {
    "D1": (Disabled, "is disabled."),
    "S4": (InvalidState, "is not pending deletion."),
    "S5": (InvalidState, "is pending import."),
    "S11": (InvalidState, "is unavailable."),
    "S14": (InvalidState, "is creating."),
    "S15": (InvalidState, "is updating."),
}
PENDING = {
    "PendingDeletion": "is pending deletion.",
    "PendingReplicaDeletion": "is pending replica deletion.",
}


@pytest.mark.parametrize(("operation", "state", "cell"), CELLS)
def test_the_table(operation, state, cell):
    if cell == "-":
        return
    if cell in ("ok", "origin"):
        states.require(operation, KeyState(state), ARN)
        return
    kind, phrase = REFUSALS[cell] if cell != "S3" else (InvalidState, PENDING[state])
    with pytest.raises(kind) as caught:
        states.require(operation, KeyState(state), ARN)
    assert f"{ARN} {phrase}" == caught.value.message
    assert kind is type(caught.value)


def test_the_table_has_every_state_and_the_rules_every_operation():
    assert {state for _, state, _ in CELLS} == {state.value for state in KeyState}
    assert {row["operation"] for row in ROWS} == set(states._REFUSALS)


def test_an_operation_that_no_table_has_is_a_mistake_of_ours():
    with pytest.raises(KeyError):
        states.require("MakeCoffee", KeyState.ENABLED, ARN)
