"""The drawing, read back as XML."""

import re
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, fromstring

import pytest

from releases.analysis.chart import Weight, chart, describe
from releases.analysis.samples import Point
from releases.analysis.scales import ChartScale, clock, tick_text, ticks, time_ticks, value_range

SVG = "{http://www.w3.org/2000/svg}"
CSS = Path(__file__).resolve().parents[3] / "static/slipway/chart.css"


def point(at: float, canary: float | None = 100.0, verdict: Any = "pass", why: str = "fine", **more: Any) -> Point:
    given = {"stable": 100.0, "low": 99.0, "high": None, "requests": 50.0, **more}
    return Point(metric="success-rate", workload="web", at=at, canary=canary, verdict=verdict, why=why, **given)


def drawn(*points: Point, **more: Any) -> Element:
    return fromstring(chart(points, **{"title": "success-rate of web", "unit": "%", **more}))


def all_of(svg: Element, name: str) -> list[Element]:
    return [element for element in svg.iter() if name in element.get("class", "").split()]


def texts(svg: Element, name: str) -> list[str | None]:
    return [element.text for element in all_of(svg, name)]


def lines(svg: Element, name: str) -> list[str]:
    """The lines of the plot: those of the legend are strokes of 16."""
    return [line for element in all_of(svg, name) if "h16" not in (line := element.get("d", ""))]


BAD = (
    point(1000),
    point(1030, 97.0, "fail", "97 %, below 99 %"),
    point(1060, None, "inconclusive", "12 of 20 requests"),
    point(1090, None, "error", "Prometheus at p:9090: no answer within 5 s.", stable=None),
)


def test_it_is_an_image_with_a_name_and_a_description() -> None:
    svg = drawn(*BAD)

    assert (svg.get("role"), svg.get("viewBox")) == ("img", "0 0 400 244")
    assert [(child.tag, child.text) for child in svg[:2]] == [
        (f"{SVG}title", "success-rate of web"),
        (f"{SVG}desc", describe(BAD, "%")),
    ]


def test_the_description_says_in_words_what_is_seen() -> None:
    assert describe(BAD, "%") == (
        "Canary from 97 to 100 %. Stable at 100 %. Allowed: at least 99 %. 1 passed, 1 failed, 1 inconclusive, "
        "1 could not be measured. Last: Prometheus at p:9090: no answer within 5 s."
    )
    assert describe([]) == "Nothing has been measured yet."


def test_each_verdict_has_a_shape_of_its_own_and_says_why() -> None:
    svg = drawn(*BAD)
    marks = {
        name: [each for each in all_of(svg, f"chart-{name}") if len(each)] for name in ("fail", "inconclusive", "error")
    }

    assert {name: [each[0].text for each in found] for name, found in marks.items()} == {
        "fail": ["00:30 failed: 97 %, below 99 %"],
        "inconclusive": ["01:00 inconclusive: 12 of 20 requests"],
        "error": ["01:30 could not be measured: Prometheus at p:9090: no answer within 5 s."],
    }
    assert len({found[0].get("d") for found in marks.values()}) == 3


def test_the_legend_names_what_is_there() -> None:
    assert texts(drawn(*BAD), "chart-name") == ["canary", "stable", "limit", "failed", "inconclusive", "not measured"]
    assert texts(drawn(point(1, stable=None, low=None)), "chart-name") == ["canary"]


def test_a_line_breaks_where_there_is_no_data() -> None:
    gap = drawn(point(0), point(1), point(2, None), point(3), point(4))

    assert [
        element.get("d", "").count("L") for element in all_of(gap, "chart-canary") if "h16" not in element.get("d", "")
    ] == [1, 1]


def test_the_limit_follows_a_comparison() -> None:
    points = [point(at, 100.0, low=None, high=110.0 + at) for at in range(3)]
    (line,) = lines(drawn(*points), "chart-limit")
    heights = [float(place.split()[1]) for place in line[1:].split("L")]

    assert heights == sorted(heights, reverse=True)
    assert len(set(heights)) == 3


def test_what_is_beyond_the_limit_is_shaded_down_or_up() -> None:
    (below,) = all_of(drawn(point(0)), "chart-beyond")
    (above,) = all_of(drawn(point(0, low=None, high=500.0), unit="ms"), "chart-beyond")

    assert "182.0" in below.get("d", "")
    assert "48.0" in above.get("d", "")


def test_the_weights_are_bands_with_labels() -> None:
    weights = [Weight(1000, "5 %"), Weight(1060, "25 %"), Weight(1061, "50 %")]
    svg = drawn(point(1010), point(1100), weights=weights)
    bands = all_of(svg, "chart-band-0") + all_of(svg, "chart-band-1")

    assert texts(svg, "chart-weight") == ["5 %", "50 %"], "a band too narrow for its label has none"
    assert sum(float(band.get("width", 0)) for band in bands) == pytest.approx(346.0, abs=0.3)


def test_time_counts_from_the_start_that_is_given() -> None:
    assert texts(drawn(point(1060), point(1120), start=1000), "chart-time") == [
        "00:00",
        "00:30",
        "01:00",
        "01:30",
        "02:00",
    ]
    assert texts(drawn(point(1060), point(1120)), "chart-time")[-1] == "01:00"


def test_points_are_drawn_in_the_order_of_time() -> None:
    assert chart([point(2, 98.0), point(1, 99.0)], title="t") == chart([point(1, 99.0), point(2, 98.0)], title="t")


def test_without_points_it_says_so() -> None:
    assert texts(drawn(), "chart-empty") == ["Nothing has been measured yet"]


def test_hundreds_of_points_are_a_line_without_dots_and_failures_stay() -> None:
    svg = drawn(*(point(at, 98.0 if at == 7 else 100.0, "fail" if at == 7 else "pass") for at in range(300)))

    assert not all_of(svg, "chart-canary-point")
    assert len(all_of(svg, "chart-fail-ground")) == 1
    assert len(chart([point(at) for at in range(300)], title="t")) < 30_000


@pytest.mark.parametrize("words", ["<script>alert(1)</script>", '" onload="x', "a & b", "]]>", "\x00\x1b[31m\ud800"])
def test_every_text_is_escaped(words: str) -> None:
    text = chart([point(0, 98.0, "fail", words)], title=words, unit=words, weights=[Weight(0, words)])
    svg = fromstring(text)

    assert "<script" not in text
    assert not any(name.startswith("on") for element in svg.iter() for name in element.attrib)
    assert svg[0].text == re.sub("[\x00\x1b\ud800]", "\ufffd", words)


def test_colours_are_classes_that_the_style_sheet_knows_and_nothing_is_inline() -> None:
    svg = drawn(*BAD, weights=[Weight(1000, "5 %"), Weight(1050, "25 %")])
    used = {name for element in svg.iter() for name in element.get("class", "").split()}
    known = set(re.findall(r"\.([\w-]+)", CSS.read_text()))

    assert used - known <= {"chart-name"}
    assert not {name for element in svg.iter() for name in element.attrib} & {"style", "fill", "stroke"}


@pytest.mark.parametrize("values", [(None, None), (0.0, 0.0), (5.0, 5.0), (-3.0, -3.0), (1e9, 1e9 + 1), (1e-6, 2e-6)])
def test_any_values_give_places_within_the_drawing(values: tuple[float | None, float | None]) -> None:
    svg = drawn(*(point(at, value, stable=None, low=None) for at, value in enumerate(values)), unit="")
    heights = [float(each.get("cy", 0)) for each in all_of(svg, "chart-canary-point")]

    assert all(48 <= height <= 182 for height in heights)
    assert len(heights) == sum(value is not None for value in values)


@pytest.mark.parametrize(
    ("values", "unit", "expected"),
    [
        ([99.0, 100.0], "%", (98.92, 100.0)),
        ([0.0, 100.0], "%", (0.0, 100.0)),
        ([200.0, 500.0], "ms", (0.0, 524.0)),
        ([2.0, 4.0], "", (1.84, 4.16)),
        ([150.0], "%", (138.0, 162.0)),
        ([], "ms", (0.0, 1.08)),
    ],
)
def test_the_range_has_room_for_all_values(values: list[float], unit: str, expected: tuple[float, float]) -> None:
    assert value_range(values, unit) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (98.92, 100.0, ["99.0", "99.5", "100.0"]),
        (0, 524, ["0", "200", "400"]),
        (99.7, 100, ["99.7", "99.8", "99.9", "100.0"]),
        (0, 1, ["0.00", "0.25", "0.50", "0.75", "1.00"]),
        (0, 2e6, ["0", "500k", "1000k", "1500k", "2000k"]),
        (-5, 5, ["-5.0", "-2.5", "0.0", "2.5", "5.0"]),
    ],
)
def test_an_axis_has_round_numbers(low: float, high: float, labels: list[str]) -> None:
    values = ticks(low, high)

    assert [tick_text(value, values) for value in values] == labels


@pytest.mark.parametrize(
    ("seconds", "labels"),
    [
        (60, ["00:00", "00:15", "00:30", "00:45", "01:00"]),
        (345, ["00:00", "02:00", "04:00"]),
        (9000, ["00:00", "1:00:00", "2:00:00"]),
        (400_000, ["00:00", "27:46:40", "55:33:20", "83:20:00", "111:06:40"]),
    ],
)
def test_time_has_round_numbers(seconds: float, labels: list[str]) -> None:
    assert [clock(each) for each in time_ticks(seconds)] == labels


def test_a_scale_is_linear() -> None:
    scale = ChartScale(0, 10, 100, 0)

    assert [scale(value) for value in (0, 5, 10)] == [100, 50, 0]
