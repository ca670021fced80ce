"""What went wrong with operations: what fails a step, what is tried again, and when. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from releases.engine.facts import Memory, View
from releases.engine.operations import Operation, Trouble
from releases.engine.steps import Fail, Wait

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
LASTING = 60.0  # seconds of trouble that a step takes which has been at work for longer than it may without progress
CLUSTER_GRACE = 30.0  # seconds in which an administrator's fault may still come right: a definition just made, a role


def _name(operation: Operation) -> str:
    return f"{operation.slot} {operation.key}"


def remember_trouble(memory: Memory, operation: Operation, trouble: Trouble, now: float) -> Memory:
    """The memory with the trouble and the time of the next try; the pauses grow."""
    errors: dict[str, Any] = dict(memory.get("errors", {}))
    before = errors.get(_name(operation), {})
    tries = before.get("tries", 0) + 1
    pause = min(FIRST_PAUSE * 2 ** (tries - 1), LONGEST_PAUSE)
    errors[_name(operation)] = {
        "fault": trouble.fault,
        "words": trouble.words,
        "tries": tries,
        "since": before.get("since", now),
        "until": now + max(pause, trouble.retry_after or 0.0),
    }
    return {**memory, "errors": errors}


def ready(view: View, operations: Iterable[Operation]) -> tuple[Operation, ...]:
    """The operations that no pause holds back."""
    errors = view.slot("errors")
    return tuple(a for a in operations if errors.get(_name(a), {}).get("until", 0.0) <= view.facts.now)


def troubled(view: View) -> Fail | Wait | None:
    """What the troubles of the step mean for it: the user's fail it, the cluster's after a while, others wait."""
    errors = list(view.slot("errors").values())
    if not errors:
        return None
    if final := [error for error in errors if _final(view, error)]:
        return Fail(_words(final))
    due_in = max(0.0, min(error["until"] for error in errors) - view.facts.now)
    if view.spent >= view.facts.progress_seconds and _lasts(view, errors):
        return Fail(f"for {view.facts.progress_seconds:.0f} s the cluster has not done it: {_words(errors)}")
    return Wait(f"{_words(errors)} Next try in {due_in:.0f} s.", due_in)


def _lasts(view: View, errors: Iterable[Mapping[str, Any]]) -> bool:
    """A step that takes long by itself is not ended by the first request that is not answered."""
    since = float(min(error["since"] for error in errors))
    return view.facts.now - since >= min(LASTING, view.facts.progress_seconds)


def _final(view: View, error: Mapping[str, Any]) -> bool:
    if error["fault"] == "user":
        return True
    tried = error["until"] > view.facts.now
    return bool(error["fault"] == "cluster" and tried and view.facts.now - error["since"] >= CLUSTER_GRACE)


def _words(errors: Iterable[Mapping[str, Any]]) -> str:
    return " ".join(dict.fromkeys(error["words"] for error in errors))
