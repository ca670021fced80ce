"""Looks are ordered against one's own writes: by uid, version and round, never by clocks."""

from typing import Any

import pytest

from environments.kube.objects import Ref
from portal.steps.operations import Outcome
from portal.steps.state import State
from releases.engine.decide import absorb
from releases.engine.facts import Facts, Look, View, Work
from releases.engine.operations import Apply, Read
from releases.states import Phase

KINDS = ("Deployment", "StatefulSet", "DaemonSet", "Job")
WROTE = {"uid": "ours", "generation": 2, "version": "20", "at": 100.0}
THERE: dict[str, Any] = {"metadata": {"uid": "ours", "generation": 2}}
EARLY, LATE = 1.0, 900.0  # what clocks of other hosts say: it must not count

# What a watch has told, and whether it says anything of what we wrote.
TOLD = [
    ("another object, deleted before", Look(None, LATE, "theirs", 1, "11"), False),
    ("another object, deleted before, without versions", Look(None, LATE, "theirs", 1, "x"), False),
    ("ours, deleted since", Look(None, EARLY, "ours", 2, "20"), True),
    ("ours, deleted since, its last version not told yet", Look(None, EARLY, "ours", 2, "15"), True),
    ("made anew and deleted since, by somebody", Look(None, EARLY, "theirs", 1, "31"), True),
    ("ours, from before the write", Look(THERE, LATE, "ours", 2, "19"), False),
    ("ours, as written", Look(THERE, EARLY, "ours", 2, "20"), True),
    ("ours, later", Look(THERE, EARLY, "ours", 2, "30"), True),
    ("ours, where versions are no numbers", Look(THERE, EARLY, "ours", 2, "b7"), True),
]


def view(kind: str, *, told: Look | None = None, read: dict[str, Any] | None = None) -> View:
    key = Ref("apps/v1", kind, "shop", "web").key
    memory = {"read": {key: read}} if read else {}
    facts = Facts(now=500.0, phase=Phase.ROLLING_BACK, looks={key: told} if told else {})
    return View(Work((), ()), facts, memory=memory, written={key: WROTE})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("told", "counts"), [row[1:] for row in TOLD], ids=[row[0] for row in TOLD])
def test_a_watch_counts_once_it_tells_of_what_was_written(kind: str, told: Look, counts: bool) -> None:
    seen = view(kind, told=told).look(Ref("apps/v1", kind, "shop", "web").key)
    assert (seen is not None) == counts


def test_of_a_watch_and_a_read_the_later_version_counts_whatever_the_clocks_say() -> None:
    key = Ref("apps/v1", "Job", "shop", "web").key
    read = {"object": {"metadata": {"uid": "ours", "resourceVersion": "25"}}, "at": LATE, "count": 1}
    newer = view("Job", told=Look(THERE, EARLY, "ours", 2, "30"), read=read).look(key)
    older = view("Job", told=Look(THERE, LATE + 1, "ours", 2, "21"), read=read).look(key)
    assert newer
    assert older
    assert (newer.version, older.version) == ("30", "25")


@pytest.mark.parametrize("track", ["forward", "back"])
@pytest.mark.parametrize("first", ["write", "read"])
def test_a_read_that_went_beside_a_write_or_before_it_is_forgotten(track: Any, first: str) -> None:
    ref = Ref("apps/v1", "Deployment", "shop", "web")
    wrote = Outcome(Apply(ref, 0), {"uid": "ours", "generation": 1, "version": "20"})
    gone = Outcome(Read(ref), {"object": None})
    before = absorb(State(track=track), [gone], 9.0)
    assert ref.key in before.memory["read"]
    beside = [wrote, gone] if first == "write" else [gone, wrote]
    after = absorb(before, beside, 10.0)
    assert after.written[ref.key]["uid"] == "ours"
    assert ref.key not in after.memory["read"]
    later = absorb(after, [gone], 10.0)
    assert ref.key in later.memory["read"]
