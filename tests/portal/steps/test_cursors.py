"""What a work's cursor holds between two passes, and those that versions before have written."""

import json

import pytest

from portal.steps.operations import Record
from portal.steps.state import ProgramOutput, State, outputs_of

BEFORE = {
    "track": "forward", "index": 3, "started": 10.0, "spent": 5.0, "at": 15.0, "tries": 2, "reason": "", "fully": True,
    "written": {"web": {"uid": "1", "generation": 2, "at": 11.0}},
    "memory": {
        "applied": {"web": {"uid": "1"}},
        "looked": {"web": {"summary": "crashes", "said": "boom"}, "api": {"summary": ""}},
        "since": 12.0, "errors": {"applied api": {"until": 16.0}}, "keep": {"began": {"web": {"at": 9.0}}},
        "points": [{"at": 1.0}], "policies": [], "asked": "Is it?", "promoted": True,
    },
}  # fmt: skip


def test_the_beginning_is_nothing() -> None:
    assert State.from_json({}) == State()


def test_a_state_is_what_was_stored_of_it_but_for_its_records() -> None:
    state = State(index=2, memory={"a": {"b": {}}}, asked="?", answered=True, outputs={"a": {"b": "boom"}})
    stored = json.loads(json.dumps(state.with_records((Record(),)).to_json()))
    assert State.from_json(stored) == state


def test_a_record_is_of_the_step_at_work() -> None:
    placed = State(track="back", index=4).with_records((Record(),)).records[0]
    assert (placed.track, placed.index, placed.record) == ("back", 4, Record())


def test_what_the_first_schema_kept_in_a_steps_memory_is_where_it_belongs() -> None:
    state = State.from_json(BEFORE)
    assert state.memory == {
        "applied": {"web": {"uid": "1"}},
        "looked": {"web": {"summary": "crashes", "said": "boom"}, "api": {"summary": ""}},
        "since": 12.0,
    }
    assert state.kept == {"began": {"web": {"at": 9.0}}}
    assert state.errors == {"applied api": {"until": 16.0}}
    assert (state.asked, state.promoted, state.answered, state.failed) == ("Is it?", True, False, False)
    assert outputs_of(state) == (ProgramOutput("web", "boom"),)
    assert (state.index, state.tries, state.fully, state.written) == (3, 2, True, BEFORE["written"])
    assert State.from_json(state.to_json()) == state


@pytest.mark.parametrize("cursor", [{"begun": 3}, {"begun": 3, "colour": "red"}])
def test_what_this_version_does_not_know_is_left_out(cursor: dict[str, object]) -> None:
    assert State.from_json(cursor) == State(begun=3)
