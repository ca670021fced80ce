"""What the metrics were in the last minutes, as a Prometheus that scrapes them every second would know it."""

import threading
import time
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence

from sandbox.metrics.promql.nodes import NAME, Matcher
from sandbox.metrics.registry import Labels, MetricSample

KEPT = 15 * 60_000
LOOK_BACK = 5 * 60_000
INTERVAL = 1_000
_SLACK = 60_000


class Track:
    """One series: 16 bytes a sample. `ends` are the times at which it was no longer there."""

    __slots__ = ("ends", "labels", "times", "values")

    def __init__(self, labels: Labels) -> None:
        self.labels = labels
        self.times, self.values, self.ends = array("q"), array("d"), array("q")

    def at(self, moment: int) -> float | None:
        """The newest value of the last five minutes, None from when the series vanished."""
        index = bisect_right(self.times, moment) - 1
        if index < 0 or self.times[index] < moment - LOOK_BACK:
            return None
        ended = bisect_right(self.ends, moment) > bisect_right(self.ends, self.times[index])
        return None if ended else self.values[index]

    def between(self, start: int, end: int) -> tuple["array[int]", "array[float]"]:
        """Times and values in [start, end]."""
        first, last = bisect_left(self.times, start), bisect_right(self.times, end)
        return self.times[first:last], self.values[first:last]

    def part(self, start: int, end: int) -> "Track":
        """A copy of what lies in [start, end]."""
        copied = Track(self.labels)
        copied.times, copied.values = self.between(start, end)
        copied.ends = self.ends[bisect_left(self.ends, start) : bisect_right(self.ends, end)]
        return copied

    def trim(self, oldest: int) -> None:
        """Drops what is older."""
        first = bisect_left(self.times, oldest)
        del self.times[:first], self.values[:first], self.ends[: bisect_left(self.ends, oldest)]


class History:
    """Fifteen minutes of samples; thread-safe. Times are milliseconds since 1970."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tracks: dict[tuple[str, Labels], Track] = {}
        self._by_name: dict[str, dict[Labels, Track]] = {}
        self._present: set[tuple[str, Labels]] = set()
        self._latest = self._trimmed = 0

    def record(self, at: int, samples: Iterable[MetricSample]) -> None:
        """One scrape. What the scrape before had and this one has not is stale from now on. Time only goes forward."""
        with self._lock:
            if at <= self._latest:
                return
            self._latest = at
            present = {self._add(at, sample) for sample in samples}
            for key in self._present - present:
                self._tracks[key].ends.append(at)
            self._present = present
            if at - self._trimmed > _SLACK:
                self._trim(at)

    def select(self, matchers: Iterable[Matcher], start: int, end: int) -> list[Track]:
        """Copies of the series that match and were there from five minutes before `start` until `end`, by labels."""
        wanted = tuple(matchers)
        with self._lock:
            parts = [track.part(start - LOOK_BACK, end) for track in self._candidates(wanted) if _match(track, wanted)]
        return sorted((part for part in parts if part.times), key=lambda part: part.labels)

    def _add(self, at: int, sample: MetricSample) -> tuple[str, Labels]:
        key = (sample.name, sample.labels)
        track = self._tracks.get(key)
        if track is None:
            track = Track(tuple(sorted((*sample.labels, (NAME, sample.name)))))
            self._tracks[key] = self._by_name.setdefault(sample.name, {})[sample.labels] = track
        track.times.append(at)
        track.values.append(sample.value)
        return key

    def _candidates(self, matchers: Sequence[Matcher]) -> Iterable[Track]:
        named = next((one.value for one in matchers if one.label == NAME and one.operator == "="), None)
        return self._tracks.values() if named is None else self._by_name.get(named, {}).values()

    def _trim(self, now: int) -> None:
        self._trimmed = now
        for key, track in list(self._tracks.items()):
            track.trim(now - KEPT)
            if not track.times:
                del self._tracks[key], self._by_name[key[0]][key[1]]


class Scraper:
    """Records what `samples` gives once a second of real time, between start() and stop()."""

    def __init__(self, samples: Callable[[], Iterable[MetricSample]], history: History) -> None:
        self._samples, self._history = samples, history
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sandbox-scraper", daemon=True)

    def start(self) -> None:
        self.scrape()
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def scrape(self) -> None:
        """Records once, now."""
        self._history.record(time.time_ns() // 1_000_000, self._samples())

    def _run(self) -> None:
        due = time.monotonic() + INTERVAL / 1000
        while not self._stopping.wait(max(0.0, due - time.monotonic())):
            self.scrape()
            due = max(due, time.monotonic() - INTERVAL / 1000) + INTERVAL / 1000


def _match(track: Track, matchers: Sequence[Matcher]) -> bool:
    labels = dict(track.labels)
    return all(matcher.matches(labels.get(matcher.label, "")) for matcher in matchers)
