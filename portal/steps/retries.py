"""What went wrong with operations: what fails a step, what is tried again, and when. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from portal.steps.operations import Operation, Trouble
from portal.steps.step import BaseView
from portal.steps.verdicts import Fail, Wait


@dataclass(frozen=True)
class Patience:
    """How a kind of work takes trouble, by its fault. Every other fault is tried again until the step's time is over.

    `at_once`: faults that fail the step. `graces`: fault → seconds within which it may still come right. `who`: has not
    done it, in the words of a step that is out of time. Pauses between tries grow from `first_pause` to `longest_pause`
    seconds. `lasting`: seconds of trouble that end a step which has been at work for longer than it may.
    """

    at_once: frozenset[str] = frozenset({"user"})
    graces: Mapping[str, float] = field(default_factory=dict)
    who: str = "it"
    first_pause: float = 0.5
    longest_pause: float = 30.0
    lasting: float = 60.0


def name_of(operation: Operation) -> str:
    """Under which its trouble is remembered."""
    return f"{operation.slot} {operation.key}"


def with_trouble(
    errors: Mapping[str, Any], operation: Operation, trouble: Trouble, now: float, patience: Patience
) -> dict[str, Any]:
    """The errors with this one and the time of the next try; the pauses grow."""
    before = errors.get(name_of(operation), {})
    tries = before.get("tries", 0) + 1
    pause = min(patience.first_pause * 2 ** (tries - 1), patience.longest_pause)
    error = {
        "fault": trouble.fault,
        "words": trouble.words,
        "tries": tries,
        "since": before.get("since", now),
        "until": now + max(pause, trouble.retry_after or 0.0),
    }
    return {**errors, name_of(operation): error}


def without_trouble(errors: Mapping[str, Any], operation: Operation) -> dict[str, Any]:
    """The errors once the operation was done."""
    return {name: error for name, error in errors.items() if name != name_of(operation)}


def ready(view: BaseView[Any, Any], operations: Iterable[Operation]) -> tuple[Operation, ...]:
    """The operations that no pause holds back."""
    return tuple(each for each in operations if _until(view, each) <= view.facts.now)


def _until(view: BaseView[Any, Any], operation: Operation) -> float:
    return float(view.errors.get(name_of(operation), {}).get("until", 0.0))


def troubled(view: BaseView[Any, Any], patience: Patience) -> Fail | Wait | None:
    """What the troubles of the step mean for it: some fail it, some after a while, others wait; None for none."""
    errors = list(view.errors.values())
    if not errors:
        return None
    if final := [error for error in errors if _is_final(view, error, patience)]:
        return Fail(_words(final))
    if view.spent >= view.facts.progress_seconds and _lasts(view, errors, patience):
        return Fail(f"for {view.facts.progress_seconds:.0f} s {patience.who} has not done it: {_words(errors)}")
    due_in = max(0.0, min(error["until"] for error in errors) - view.facts.now)
    return Wait(f"{_words(errors)} Next try in {due_in:.0f} s.", due_in)


def _lasts(view: BaseView[Any, Any], errors: Iterable[Mapping[str, Any]], patience: Patience) -> bool:
    """A step that takes long by itself is not ended by the first request that is not answered."""
    since = float(min(error["since"] for error in errors))
    return bool(view.facts.now - since >= min(patience.lasting, view.facts.progress_seconds))


def _is_final(view: BaseView[Any, Any], error: Mapping[str, Any], patience: Patience) -> bool:
    if error["fault"] in patience.at_once:
        return True
    grace, tried = patience.graces.get(error["fault"]), error["until"] > view.facts.now
    return bool(grace is not None and tried and view.facts.now - error["since"] >= grace)


def _words(errors: Iterable[Mapping[str, Any]]) -> str:
    return " ".join(dict.fromkeys(error["words"] for error in errors))
