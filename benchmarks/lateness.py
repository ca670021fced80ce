"""How late passes were, from what benchmarks.recorded_orchestrate wrote down. Pure but for reading the files."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

Line = tuple[str, int, float]


def read(folder: Path) -> list[Line]:
    """(what, rollout, seconds since the epoch) of every line."""
    lines = (line.split() for file in folder.glob("*.passes") for line in file.read_text().splitlines())
    return [(what, int(rollout), float(at)) for what, rollout, at in lines]


def lateness(lines: Iterable[Line], since: float, until: float) -> list[float]:
    """Seconds from being due to the end of the pass that followed, of passes that ended between the two instants."""
    done: dict[int, list[float]] = defaultdict(list)
    due: list[tuple[int, float]] = []
    for what, rollout, at in lines:
        if what == "done":
            done[rollout].append(at)
        elif what == "due":
            due.append((rollout, at))
    ends = {rollout: sorted(ended) for rollout, ended in done.items()}
    followed = [(at, _next(ends.get(rollout, []), at)) for rollout, at in due]
    return [end - at for at, end in followed if end is not None and since <= end < until]


def passes(lines: Iterable[Line], since: float, until: float) -> list[float]:
    """Seconds that each pass took that ended between the two instants."""
    begun: dict[int, float] = {}
    took = []
    for what, rollout, at in sorted(lines, key=lambda line: line[2]):
        if what == "begun":
            begun[rollout] = at
        elif what == "done" and rollout in begun and since <= at < until:
            took.append(at - begun.pop(rollout))
    return took


def _next(ends: list[float], at: float) -> float | None:
    place = bisect_left(ends, at)
    return ends[place] if place < len(ends) else None
