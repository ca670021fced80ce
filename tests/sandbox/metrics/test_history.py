"""What is kept, for how long, and how it is scraped."""

import threading
import time

from sandbox.metrics.history import KEPT, History, Scraper
from sandbox.metrics.promql.nodes import Matcher
from sandbox.metrics.registry import Metrics, MetricSample

LAST = 2**52
START = 1_700_000_000_000
C = (Matcher("__name__", "=", "c"),)


def test_fifteen_minutes_are_kept():
    kept = History()
    for second in range(20 * 60):
        kept.record(START + second * 1000, [MetricSample("c", (), second)])
    (track,) = kept.select(C, START, START + 20 * 60_000)
    assert START + 20 * 60_000 - KEPT - 62_000 <= track.times[0] <= START + 20 * 60_000 - KEPT
    assert len(track.times) == len(track.values) <= 15 * 60 + 62


def test_a_series_that_vanished_is_dropped_when_its_samples_are_too_old():
    kept = History()
    kept.record(START, [MetricSample("c", (), 1)])
    for minute in range(1, 18):
        kept.record(START + minute * 60_000, [MetricSample("d", (), 1)])
    assert kept.select(C, START, START + 10**7) == []
    assert kept._by_name["c"] == {}
    assert [key[0] for key in kept._tracks] == ["d"]


def test_time_only_goes_forward():
    kept = History()
    for at in (START, START - 1, START):
        kept.record(at, [MetricSample("c", (), at)])
    (track,) = kept.select(C, START, START)
    assert list(track.values) == [START]


def test_what_was_selected_does_not_change_any_more():
    kept = History()
    kept.record(START, [MetricSample("c", (), 1)])
    (track,) = kept.select(C, START, START + 60_000)
    kept.record(START + 1000, [MetricSample("c", (), 2)])
    assert track.at(START + 2000) == 1


def test_series_come_in_the_order_of_their_labels():
    kept = History()
    kept.record(START, [MetricSample("c", (("x", x),), 1) for x in "bca"])
    assert [dict(track.labels)["x"] for track in kept.select(C, START, START)] == ["a", "b", "c"]


def test_the_scraper_records_at_once_and_every_second_until_it_is_stopped():
    metrics, kept = Metrics(), History()
    metrics.count("c", {})
    before = set(threading.enumerate())
    scraper = Scraper(metrics.samples, kept)
    began = time.monotonic()
    scraper.start()
    assert len(kept.select(C, 0, LAST)[0].times) == 1
    while len(kept.select(C, 0, LAST)[0].times) < 3:
        assert time.monotonic() < began + 30
        time.sleep(0.05)
    scraper.stop()
    (track,) = kept.select(C, 0, LAST)
    assert len(track.times) <= time.monotonic() - began + 1
    assert abs(track.times[-1] / 1000 - time.time()) < 30
    # Sandboxes of other tests in this process have scrapers too.
    assert "sandbox-scraper" not in {thread.name for thread in set(threading.enumerate()) - before}
