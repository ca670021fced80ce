"""One metric of one workload as a drawing: canary beside stable, the limit, and what each point meant. Pure.

The colours are classes of static/slipway/chart.css; a verdict has a shape too. Every text is escaped by the serialiser.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple
from xml.etree.ElementTree import Element, SubElement, tostring  # nosec B405

from releases.analysis.judge import amount
from releases.analysis.samples import Point
from releases.analysis.scales import ChartScale, clock, tick_text, ticks, time_ticks, value_range

WIDTH, HEIGHT = 400, 226
"""As wide as a phone, so that its words can be read there; a wide screen shows two beside each other."""
LEFT, RIGHT, TOP, BOTTOM = 46.0, 392.0, 48.0, 182.0
LANE, AXIS, LEGEND, LABELS = 194.0, 218.0, 13.0, 20.0
"""Heights: of the marks below the plot, of the times, of the legend, and the room for labels above the plot."""
MARK_LEGEND, MARK_ROOM = 238.0, 18.0
"""Height of the legend of marks, and the room that it takes where there is one."""
SHORTEST = 30.0
"""Seconds that the time axis has at least."""
CROWDED = 90
LETTER = 7.0
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
MARKS = {"inconclusive": "M0-4.5 4.5 0 0 4.5-4.5 0z", "error": "M0-4.5 4.8 4-4.8 4z"}
CROSS = "M-4-4 4 4M4-4-4 4"

Places = Sequence[tuple[float, float]]


class Weight(NamedTuple):
    """From `at` on (seconds since the epoch) the canary had this share; `label`: such as "25 %"."""

    at: float
    label: str


def chart(
    points: Sequence[Point], *, title: str, unit: str = "", weights: Sequence[Weight] = (), start: float | None = None
) -> str:
    """The SVG of the points of one metric and workload, for a page that has chart.css.

    `start`: seconds since the epoch that the time axis counts from; without it the first weight or point. The newest
    point need not be last.
    """
    ordered = sorted(points, key=lambda point: point.at)
    return _Drawing(ordered, title, unit, sorted(weights), start).text()


def describe(points: Sequence[Point], unit: str = "") -> str:
    """What the drawing shows, for those who do not see it."""
    if not points:
        return "Nothing has been measured yet."
    sides = [_spread("canary", [p.canary for p in points], unit), _spread("stable", [p.stable for p in points], unit)]
    counts = [f"{len(list(found))} {words}" for words, found in _by_verdict(points)]
    last = points[-1]
    limits = [
        f"{word} {amount(limit, unit)}"
        for word, limit in (("at least", last.low), ("at most", last.high))
        if limit is not None
    ]
    allowed = f"Allowed: {' and '.join(limits)}." if limits else ""
    return " ".join([*filter(None, sides), allowed, f"{', '.join(counts)}. Last: {last.why.rstrip('.')}."])


VERDICTS = {"pass": "passed", "fail": "failed", "inconclusive": "inconclusive", "error": "could not be measured"}


def _by_verdict(points: Sequence[Point]) -> Iterator[tuple[str, Iterable[Point]]]:
    order = list(VERDICTS)
    ranked = sorted(points, key=lambda point: order.index(point.verdict))
    return ((VERDICTS[verdict], found) for verdict, found in groupby(ranked, key=lambda point: point.verdict))


def _spread(side: str, values: Iterable[float | None], unit: str) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return ""
    low, high = amount(min(known)), amount(max(known), unit)
    return (
        f"{side.capitalize()} at {high}." if min(known) == max(known) else f"{side.capitalize()} from {low} to {high}."
    )


class _Drawing:
    def __init__(
        self, points: Sequence[Point], title: str, unit: str, weights: Sequence[Weight], start: float | None
    ) -> None:
        self._points, self._unit, self._weights = points, unit, weights
        times = [*(point.at for point in points), *(weight.at for weight in weights)]
        self._start = start if start is not None else min(times, default=0.0)
        self._end = max([*times, self._start + SHORTEST])
        self._x = ChartScale(self._start, self._end, LEFT + 8, RIGHT - 8)
        drawn = [v for p in points for v in (p.canary, p.stable, p.low, p.high) if v is not None]
        self._y = ChartScale(*value_range(drawn, unit), BOTTOM, TOP)
        self._svg = Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "class": "chart", "role": "img"})
        room = MARK_ROOM if self._marks() else 0
        self._svg.set("viewBox", f"0 0 {WIDTH} {HEIGHT + room:.0f}")
        _texted(self._svg, "title", title)
        _texted(self._svg, "desc", describe(points, unit))

    def text(self) -> str:
        self._bands()
        if not self._points:
            self._words((LEFT + RIGHT) / 2, (TOP + BOTTOM) / 2, "Nothing has been measured yet", "chart-empty")
        else:
            edges = (self._limit("low"), BOTTOM), (self._limit("high"), TOP)
            limits = [(line, edge) for line, edge in edges if line]
            for line, edge in limits:
                self._add("path", "chart-beyond", d=_path([*line, (RIGHT, edge), (LEFT, edge)]))
            self._grid()
            for line, _ in limits:
                self._add("path", "chart-limit", d=_path(line))
            self._line("stable", lambda point: point.stable)
            self._line("canary", lambda point: point.canary)
            for point in self._points:
                self._mark(point)
            self._legend()
        return tostring(self._svg, encoding="unicode")

    def _add(self, tag: str, name: str, **places: float | str) -> Element:
        told = {key: value if isinstance(value, str) else f"{value:.1f}" for key, value in places.items()}
        return SubElement(self._svg, tag, {"class": name, **told})

    def _words(self, x: float, y: float, words: str, name: str) -> None:
        self._add("text", name, x=x, y=y).text = _clean(words)

    def _bands(self) -> None:
        edges = [self._x(weight.at) for weight in self._weights]
        for number, (weight, left) in enumerate(zip(self._weights, edges, strict=True)):
            begin, end = (LEFT if number == 0 else left), (edges[number + 1] if number + 1 < len(edges) else RIGHT)
            place = {"x": begin, "y": TOP - LABELS, "width": end - begin, "height": BOTTOM - TOP + LABELS}
            self._add("rect", f"chart-band-{number % 2}", **place)
            if number:
                self._add("line", "chart-step", x1=begin, x2=begin, y1=TOP - LABELS, y2=BOTTOM)
            if end - begin > len(weight.label) * LETTER + 6:
                self._words(begin + 5, TOP - 8, weight.label, "chart-weight")

    def _grid(self) -> None:
        values = ticks(self._y.low, self._y.high)
        for value in values:
            self._add("line", "chart-grid", x1=LEFT, x2=RIGHT, y1=self._y(value), y2=self._y(value))
            self._words(LEFT - 6, self._y(value) + 4, tick_text(value, values), "chart-value")
        self._words(LEFT - 6, TOP - 10, self._unit, "chart-value")
        self._add("line", "chart-axis", x1=LEFT, x2=RIGHT, y1=BOTTOM, y2=BOTTOM)
        for seconds in time_ticks(self._end - self._start):
            x = self._x(self._start + seconds)
            self._add("line", "chart-axis", x1=x, x2=x, y1=BOTTOM, y2=BOTTOM + 4)
            self._words(x, AXIS, clock(seconds), "chart-time")

    def _limit(self, side: str) -> Places:
        known = [(self._x(p.at), self._y(limit)) for p in self._points if (limit := getattr(p, side)) is not None]
        return [(LEFT, known[0][1]), *known, (RIGHT, known[-1][1])] if known else []

    def _line(self, side: str, value: Callable[[Point], float | None]) -> None:
        for there, run in groupby(self._points, key=lambda point: value(point) is not None):
            places = [(self._x(p.at), self._y(v)) for p in run if (v := value(p)) is not None]
            if there and len(places) > 1:
                self._add("path", f"chart-{side}", d=_path(places))
            if there and (len(places) == 1 or len(self._points) <= CROWDED):
                for x, y in places:
                    self._add("circle", f"chart-{side}-point", cx=x, cy=y, r=3.0 if side == "canary" else 2.0)

    def _mark(self, point: Point) -> None:
        x = self._x(point.at)
        if shape := MARKS.get(point.verdict):
            mark = self._add("path", f"chart-{point.verdict}", d=shape, transform=f"translate({x:.1f} {LANE:.1f})")
        elif point.verdict == "fail":
            y = self._y(point.canary) if point.canary is not None else LANE
            self._add("circle", "chart-fail-ground", cx=x, cy=y, r=7.5)
            mark = self._add("path", "chart-fail", d=CROSS, transform=f"translate({x:.1f} {y:.1f})")
        elif point.canary is not None and len(self._points) <= CROWDED:
            mark = self._add("circle", "chart-hover", cx=x, cy=self._y(point.canary), r=8.0)
        else:
            return
        _texted(mark, "title", f"{clock(point.at - self._start)} {VERDICTS[point.verdict]}: {point.why}")

    def _legend(self) -> None:
        self._legend_row(LEGEND, self._lines())
        self._legend_row(MARK_LEGEND, self._marks())

    def _legend_row(self, y: float, entries: Iterable[tuple[str, str]]) -> None:
        x = LEFT
        for name, words in entries:
            place = f"translate({x + 8:.1f} {y - 4:.1f})"
            if name in MARKS or name == "fail":
                self._add("path", f"chart-{name}", d=MARKS.get(name, CROSS), transform=place)
            else:
                self._add("path", f"chart-{name}", d=f"M{x:.1f} {y - 4:.1f}h16")
            self._words(x + 21, y, words, "chart-name")
            x += 21 + len(words) * LETTER + 14

    def _lines(self) -> list[tuple[str, str]]:
        points = self._points
        shown = {
            "canary": any(point.canary is not None for point in points),
            "stable": any(point.stable is not None for point in points),
            "limit": any(point.low is not None or point.high is not None for point in points),
        }
        return [(name, name) for name, there in shown.items() if there]

    def _marks(self) -> list[tuple[str, str]]:
        found = {point.verdict for point in self._points}
        return [(verdict, words) for verdict, words in LEGENDS.items() if verdict in found]


LEGENDS = {"fail": "failed", "inconclusive": "inconclusive", "error": "not measured"}


def _texted(parent: Element, tag: str, words: str) -> None:
    SubElement(parent, tag).text = _clean(words)


def _clean(words: str) -> str:
    """Without the characters that XML cannot have."""
    return CONTROL.sub("\ufffd", words)


def _path(places: Places) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
