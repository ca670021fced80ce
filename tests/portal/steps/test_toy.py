"""A flow that knows nothing of rollouts goes, waits, asks, is held, goes back, and survives its process."""

import subprocess
import sys

import pytest

from portal.steps.engine import give_up
from portal.steps.operations import Record, Trouble
from portal.steps.passes import drive
from portal.steps.state import Placed
from portal.steps.step import BaseFacts
from tests.portal.steps.toy.flow import FLOW, ChooseStep, PackStep, SendStep, ToyStep, WeighStep
from tests.portal.steps.toy.handlers import HANDLERS
from tests.portal.steps.toy.host import Toy
from tests.portal.steps.toy.operations import OnThing
from tests.portal.steps.toy.recorders import RECORDERS

ASKING: tuple[ToyStep, ...] = (
    ChooseStep("Choose the chest", settings={"asks": True}),
    PackStep("Pack it"),
    WeighStep("Weigh the van"),
    SendStep("Send it off"),
)
THINGS = ["lamp", "clock", "books"]


def states(toy: Toy, track: str = "forward") -> list[tuple[int, str]]:
    return [(each.index, each.state) for each in toy.disk.steps if each.track == track]


def test_it_goes_and_waits_and_ends() -> None:
    toy = Toy().later(0.0)
    assert (toy.disk.phase, toy.disk.why, toy.disk.due_in) == ("weighing", "10 s left", 2.0)
    toy.finished()
    assert toy.disk.phases == ["moving", "weighing", "moved"]
    assert [index for index, state in states(toy) if state == "done"] == [0, 1, 2, 3]
    assert (toy.van.inside, toy.van.away) == (THINGS, True)


def test_what_an_operation_found_goes_on_record_once() -> None:
    toy = Toy().later(0.0).finished()
    assert toy.disk.weights == [(2, 60, 1000.0 + seconds) for seconds in range(0, 12, 2)]


def test_what_was_written_is_noted_to_the_end_and_what_is_kept_goes_on() -> None:
    state = Toy().later(0.0).finished().state
    assert state.written["clock"] == {"place": 1, "at": 1000.0}
    assert state.kept == {"by": "a person"}


def test_time_in_which_nobody_was_there_does_not_count() -> None:
    toy = Toy().later(0.0).later(3600.0)
    assert toy.disk.why == "10 s left"


def test_a_clock_that_is_put_back_holds_nothing_up() -> None:
    toy = Toy().later(0.0).later(-600.0)
    assert toy.disk.why == "10 s left"
    assert toy.finished().disk.phase == "moved"


class TestAsking:
    def test_it_asks_and_goes_on_when_a_person_resumes_it(self) -> None:
        toy = Toy(*ASKING).later(0.0)
        assert toy.disk.phase == "held"
        assert toy.disk.why == "Is it the right chest? It goes on when somebody resumes or promotes it."
        assert toy.later(30.0).disk.why == toy.disk.why
        assert toy.van.done == ["Glance street"]
        assert toy.say("resume").finished().disk.phase == "moved"

    def test_or_promotes_it(self) -> None:
        assert Toy(*ASKING).later(0.0).say("promote").finished().disk.phase == "moved"

    def test_an_answer_is_told_once(self) -> None:
        toy = Toy(*ASKING).later(0.0).say("resume")
        assert not toy.state.answered
        assert not toy.state.asked


class TestPausing:
    def paused(self) -> Toy:
        toy = Toy()
        toy.broken["books"] = Trouble("weather", "It rains.")
        return toy.later(0.0).say("pause")

    def test_what_is_under_way_stands_still_and_is_begun_again(self) -> None:
        toy = self.paused()
        assert (toy.disk.phase, toy.van.braked) == ("held", True)
        assert toy.disk.why.startswith("Paused in “Pack it”; it goes on when somebody resumes it.")
        assert "Standing still is not sure: It rains." in toy.disk.why
        toy.broken.clear()
        assert toy.say("resume").later(1.0).disk.phases[-2:] == ["moving", "weighing"]
        assert not toy.van.braked
        assert toy.van.done.count("Pack lamp") == 2

    def test_time_in_a_pause_does_not_count(self) -> None:
        toy = Toy().later(0.0).say("pause")
        assert toy.later(9.0).later(9.0).disk.why.endswith("it weighs 60 kg.")
        assert toy.say("resume").disk.why == "10 s left"

    def test_a_step_is_looked_after_and_its_alarm_ends_the_pause(self) -> None:
        toy = Toy().later(0.0).say("pause")
        toy.van.kilograms = 200
        toy.later(2.0)
        assert toy.disk.phases == ["moving", "weighing", "held", "broken", "unpacking", "unpacked"]
        assert toy.disk.why == "Going back by itself, at once, since more would be lost: 200 kg are too much"
        assert toy.van.inside == []

    def test_a_word_that_does_not_fit_changes_nothing(self) -> None:
        toy = Toy().later(0.0)
        assert toy.say("resume").disk.phases == ["moving", "weighing"]
        assert toy.say("sing").disk.phases == ["moving", "weighing"]


class TestPromoting:
    def test_skips_a_wait_and_no_check(self) -> None:
        assert Toy().later(0.0).say("promote").disk.phase == "moved"
        toy = Toy().later(0.0)
        toy.van.kilograms = 200
        toy.now += 2
        assert toy.say("promote").disk.phase == "unpacked"

    def test_fully_is_remembered_to_the_end(self) -> None:
        toy = Toy(*ASKING).later(0.0).say("promote-fully")
        assert toy.disk.phase == "moved"
        assert toy.state.fully


class TestTrouble:
    @pytest.mark.parametrize(
        ("fault", "seconds", "phase"),
        [("ours", 0, "broken"), ("street's", 5, "moving"), ("street's", 40, "broken"), ("weather", 40, "moving")],
    )
    def test_ends_it_or_waits_by_whose_it_is(self, fault: str, seconds: int, phase: str) -> None:
        toy = Toy()
        toy.broken["clock"] = Trouble(fault, "It does not fit.")
        toy.later(0.0)
        for _ in range(seconds):
            if toy.disk.due_in is not None:
                toy.later(1.0)
        assert toy.disk.phase == phase
        assert "It does not fit." in toy.disk.why

    def test_is_tried_again_with_growing_pauses_while_the_rest_is_done(self) -> None:
        toy = Toy()
        toy.broken["clock"] = Trouble("weather", "It rains.")
        pauses = [toy.later(0.0).disk.due_in]
        for _ in range(4):
            pauses.append(toy.later(pauses[-1] or 0.0).disk.due_in)
        assert pauses == [0.5, 1, 2, 4, 8]
        assert toy.van.inside == ["lamp", "books"]
        toy.broken.clear()
        assert toy.later(8.0).disk.phase == "weighing"
        assert not toy.state.errors

    def test_that_lasts_longer_than_a_step_may_take_ends_it(self) -> None:
        toy = Toy(progress_seconds=60)
        toy.broken["clock"] = Trouble("weather", "It rains.")
        for _ in range(8):
            toy.later(10.0)
        assert toy.disk.why == "Failed in “Pack it”: for 60 s the street has not done it: It rains."

    def test_that_an_operation_takes_for_a_result_fails_nothing(self) -> None:
        toy = Toy(*ASKING)
        toy.broken["street"] = Trouble("ours", "It is dark.")
        toy.later(0.0)
        assert toy.disk.phase == "held"
        assert toy.state.memory["glanced"] == {"street": {"seen": "no window", "count": 1}}


class TestGoingBack:
    def broken(self, **facts: bool) -> Toy:
        toy = Toy(**facts)
        toy.broken["books"] = Trouble("ours", "The van is full.")
        return toy.later(0.0)

    @pytest.mark.parametrize(
        ("intent", "on_the_way", "end", "why"),
        [("abort", "leaving", "left", "Left by ann."), ("rollback", "unpacking", "unpacked", "Taken back by ann.")],
    )
    def test_by_a_persons_word(self, intent: str, on_the_way: str, end: str, why: str) -> None:
        toy = Toy().later(0.0).say(intent)
        assert toy.disk.phases[-2:] == [on_the_way, end]
        assert (toy.disk.why, toy.van.inside) == (why, [])
        assert states(toy)[-2:] == [(2, "skipped"), (3, "skipped")]
        assert states(toy, "back") == [(0, "running"), (0, "done")]

    def test_stays_where_it_failed_unless_it_is_said_otherwise(self) -> None:
        assert self.broken().disk.phases == ["moving", "broken"]
        assert self.broken(roll_back_on_failure=True).disk.phases[-2:] == ["unpacking", "unpacked"]
        assert self.broken(roll_back_on_failure=True, way_back=False).disk.phase == "broken"

    def test_a_failed_step_says_what_programs_wrote_while_it_was_at_work(self) -> None:
        failed = self.broken().disk.steps[-1]
        assert [(each.about, each.text) for each in failed.outputs] == [
            ("lamp", "the lamp rattles"), ("clock", "the clock rattles"),
        ]  # fmt: skip

    def test_what_a_step_before_it_said_is_forgotten(self) -> None:
        assert not Toy().later(0.0).state.outputs

    def test_what_failed_is_retried_from_where_it_was(self) -> None:
        toy = self.broken()
        toy.broken.clear()
        toy.disk.phase = "moving"
        toy.say("retry")
        assert toy.disk.phase == "weighing"
        assert [each.tries for each in toy.disk.steps if each.index == 1] == [1, 1, 2, 2]
        assert toy.van.done.count("Glance street") == 1

    def test_a_way_back_that_fails_is_taken_up_where_it_stopped(self) -> None:
        toy = Toy().later(0.0)
        toy.broken["lamp"] = Trouble("ours", "It is stuck.")
        assert toy.say("rollback").disk.why == "Going back failed in “Unpack”: It is stuck."
        toy.broken.clear()
        toy.disk.phase = "moving"
        assert toy.say("retry").disk.phases[-2:] == ["unpacking", "unpacked"]


@pytest.mark.parametrize("dies_after", range(1, 13))
def test_it_survives_a_crash_after_any_operation(dies_after: int) -> None:
    toy = Toy(*ASKING)
    toy.dies_after = dies_after
    toy.later(0.0).say("resume").finished()
    assert toy.disk.phase == "moved"
    assert (toy.van.inside, toy.van.away) == (THINGS, True)
    assert [each.index for each in toy.disk.steps if each.state == "done"] == [0, 1, 2, 3]
    assert len(set(toy.disk.weights)) == len(toy.disk.weights)


@pytest.mark.parametrize("dies_after", range(1, 9))
def test_and_so_does_its_way_back(dies_after: int) -> None:
    toy = Toy().later(0.0)
    toy.dies_after = len(toy.van.done) + dies_after
    toy.say("abort").finished()
    assert (toy.disk.phase, toy.van.inside) == ("left", [])


def test_a_save_that_was_refused_is_decided_anew() -> None:
    toy = Toy()
    toy.refuses = 2
    toy.finished()
    assert [each.index for each in toy.disk.steps if each.state == "done"] == [0, 1, 2, 3]


def test_a_pass_that_is_over_leaves_the_rest_to_the_next() -> None:
    toy = Toy()
    drive(toy, toy.state, lambda: True)
    assert (toy.disk.due_in, toy.van.done) == (0.0, [])


def test_a_record_that_nobody_takes_is_one_too() -> None:
    with pytest.raises(TypeError, match="registered for Record"):
        RECORDERS.put([], [Placed("forward", 0, Record())])


def test_an_operation_that_nobody_carries_out_is_a_fault_of_the_program() -> None:
    with pytest.raises(TypeError, match="registered for OnThing"):
        HANDLERS.handle(Toy().van, OnThing("lamp"))


def test_the_engine_stands_alone() -> None:
    code = (
        "import sys\nfrom portal.steps import engine, handlers, passes\n"
        "found = {name.split('.')[0] for name in sys.modules} & {'django', 'kubernetes', 'releases', 'environments'}\n"
        "sys.exit(', '.join(found) or 0)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode == 0


def test_a_work_whose_passes_only_fail_is_given_up() -> None:
    toy = Toy().later(0.0)
    decision = give_up(FLOW, toy.state, BaseFacts(toy.now + 5, toy.disk.phase), "the disk is full")
    toy.save(decision, last=True)
    assert (toy.disk.phase, toy.disk.why) == ("broken", "Nobody could move it: the disk is full")
    assert (toy.disk.steps[-1].state, toy.disk.steps[-1].seconds) == ("failed", 5.0)
