"""A bundle as a whole stays within one budget, whatever its files are made of. Values are counted, not seconds."""

import threading
from collections.abc import Mapping
from dataclasses import replace

import pytest

from environments.manifests import bundle as bundles
from environments.manifests import errors
from environments.manifests.bundle import BundleFile, ManifestBundle, contents_of, read_bundle
from environments.manifests.configuration import ConfiguredValue
from environments.manifests.errors import BundleErrors, Findings
from environments.manifests.kept import Kept
from environments.manifests.limits import LIMITS, VALUE_BYTES, Budget
from environments.manifests.render import render
from environments.manifests.yaml import parse

from .making import CONFIG_MAP, DEPLOYMENT, IMAGES, dev, zipped

SMALL = replace(LIMITS, values=1000, text=20_000, documents=50)
HALF = "a: [" + "x, " * 600 + "]\n"
HOSTILE: dict[str, tuple[Mapping[str, str], str]] = {
    "values of several files": ({"base/a.yaml": HALF, "base/b.yaml": HALF}, "base/b.yaml: with it the bundle has more"),
    "values of base, overlays and settings": (
        {"base/a.yaml": HALF, "overlays/dev/a.yaml": "b: 1", "slipway.yaml": HALF},
        "slipway.yaml: with it the bundle has more",
    ),
    "values of environments": ({f"rendered/{n}.yaml": HALF for n in "ab"}, "rendered/b.yaml: with it the bundle has"),
    "documents of several files": (
        {f"base/{n}.yaml": "a: 1\n---\n" * 20 for n in "abc"},
        "base/c.yaml: with it the bundle has more than 50 documents",
    ),
    "documents with nothing in them": ({"base/a.yaml": "---\n" * 60}, "more than 50 documents"),
    "text of several files": (
        {f"base/{n}.yaml": f"a: {'x' * 12_000}\n" for n in "ab"},
        "base/b.yaml: with it the bundle",
    ),
    "a long key": ({"base/a.yaml": f"{'k' * 21_000}: 1\n"}, "of text, aliases followed"),
    "long keys": ({"base/a.yaml": "".join(f"{n:0>900}: 1\n" for n in range(30))}, "of text, aliases followed"),
    "a text that aliases repeat": (
        {"base/a.yaml": f"a: &a {'x' * 5000}\nb: [*a, *a, *a, *a]\n"},
        "of text, aliases followed",
    ),
    "a list that aliases repeat": (
        {"base/a.yaml": "a: &a [" + "x, " * 300 + "]\nb: [*a, *a, *a]\n"},
        "more than 1,000 values, aliases followed",
    ),
    "aliases of aliases": (
        {"base/a.yaml": "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40))},
        "more than 1,000 values, aliases followed",
    ),
    "merge keys": (
        {
            "base/a.yaml": "a: &a {"
            + "".join(f"k{n}: 1, " for n in range(300))
            + "}\n"
            + "".join(f"b{n}: {{<<: *a}}\n" for n in range(4))
        },
        "more than 1,000 values, aliases followed",
    ),
    "what is read over": ({"base/a.yaml": "a: 1\n" * 1200}, "more than 1,000 values"),
    "keys that are lists": ({"base/a.yaml": "? [x, x, x]\n: y\n" * 300}, "more than 1,000 values"),
}


@pytest.mark.parametrize(("files", "words"), HOSTILE.values(), ids=HOSTILE.keys())
def test_a_bundle_that_is_too_much_is_refused_and_not_kept(files: Mapping[str, str], words: str) -> None:
    before = bundles.OPENED.size
    with pytest.raises(BundleErrors) as caught:
        read_bundle(zipped(files), "shop.zip", SMALL)
    assert words in caught.value.words
    assert bundles.OPENED.size == before


@pytest.mark.parametrize(("files", "words"), HOSTILE.values(), ids=HOSTILE.keys())
def test_nothing_is_read_beyond_the_budget(
    files: Mapping[str, str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cost is what was visited: nodes and characters, of all files together."""
    spent: list[Budget] = []
    monkeypatch.setattr(bundles, "Budget", lambda limits: spent.append(Budget(limits)) or spent[-1])
    with pytest.raises(BundleErrors):
        read_bundle(zipped(files), "shop.zip", SMALL)
    [budget] = spent
    most = max(map(len, files.values()))
    assert budget.values <= SMALL.values + most
    assert budget.documents <= SMALL.documents + 1
    assert budget.is_spent


def test_after_the_file_that_is_too_much_no_other_is_read() -> None:
    files = {f"base/{number:03}.yaml": HALF for number in range(100)}
    with pytest.raises(BundleErrors) as caught:
        read_bundle(zipped(files), "shop.zip", SMALL)
    assert [error.path for error in caught.value.errors] == ["base/001.yaml"]


def test_an_alias_costs_what_it_stands_for() -> None:
    budget = Budget()
    parse("a: &a {b: [x, yy]}\nc: *a\nd: [*a, *a]\n", "a.yaml", budget=budget)
    one = 4  # the map, the list, and its two items
    assert budget.values == 1 + one + one + 1 + 2 * one
    assert budget.text == len("acd") + 4 * len("bxyy")


def test_documents_as_large_as_real_ones_are_taken() -> None:
    """Five MiB of definitions of custom resources have some 25,000 values a MiB."""
    field = "            {n}:\n              description: {words}\n              type: string\n"
    definition = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: NAME}\ndata:\n"
    body = "".join(field.format(n=f"field{n}", words="what it is for, in words " * 2) for n in range(1200))
    files = [BundleFile(f"base/{n}.yaml", definition.replace("NAME", f"c{n}") + body) for n in range(40)]
    assert 4 * 1024**2 < sum(len(file.text) for file in files) < LIMITS.total
    assert len(contents_of(ManifestBundle.of(files)).base) == 40


def opened(number: int, values: int = 200) -> ManifestBundle:
    return ManifestBundle.of([BundleFile("base/a.yaml", f"n: {number}\na: [{'x, ' * values}]\n")])


def test_what_is_kept_is_bounded_by_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    room = 10 * 200 * VALUE_BYTES
    monkeypatch.setattr(bundles, "OPENED", Kept(room))
    for number in range(100):
        contents_of(opened(number))
        assert bundles.OPENED.size <= room
    assert 5 <= len(bundles.OPENED) < 10
    small = [contents_of(opened(number, 1)) for number in range(100)]
    assert all(contents_of(opened(number, 1)) is small[number] for number in range(100))


def test_the_latest_used_are_kept() -> None:
    kept: Kept[str] = Kept(10)
    for key in "abc":
        kept.keep(key, key, 3)
    assert kept.get("a") == "a"
    kept.keep("d", "d", 4)
    assert [key for key in "abcd" if kept.get(key)] == ["a", "c", "d"]
    kept.keep("a", "A", 1)
    assert (kept.get("a"), kept.size, len(kept)) == ("A", 8, 3)
    kept.keep("e", "e", 11)
    assert (kept.get("e"), kept.size, len(kept)) == (None, 0, 0)


def test_threads_do_not_lose_count() -> None:
    kept: Kept[int] = Kept(50)
    threads = [
        threading.Thread(target=lambda: [kept.keep(str(number % 17), number, number % 9) for number in range(2000)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert kept.size == sum(size for _, size in kept._held.values()) <= 50


def compared(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many words each look for a close one compared."""
    counts: list[int] = []
    monkeypatch.setattr(errors, "get_close_matches", lambda _word, choices, *_: counts.append(len(choices)) or [])
    return counts


MANY = 400
ONE = "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {}}}\n"
WRONG: dict[str, Mapping[str, str]] = {
    "overlays of nothing": {
        "base/a.yaml": "---\n".join(ONE.format(f"a{n}") for n in range(MANY)),
        "overlays/dev/a.yaml": "---\n".join(ONE.format(f"b{n}") for n in range(MANY)),
    },
    "placeholders without a value": {"base/a.yaml": CONFIG_MAP + "".join(f"  k{n}: ${{X{n}}}\n" for n in range(MANY))},
    "unknown fields": {"base/a.yaml": DEPLOYMENT + "".join(f"  x{n}: 1\n" for n in range(MANY))},
    "waves of nothing": {
        "base/a.yaml": CONFIG_MAP,
        "slipway.yaml": "waves: [{name: a, workloads: [" + ", ".join(f"w{n}" for n in range(MANY)) + "]}]",
    },
    "kinds that are not allowed": {
        "base/a.yaml": "---\n".join(ONE.replace("ConfigMap", f"Kind{n}").format("x") for n in range(MANY))
    },
}


@pytest.mark.parametrize("files", WRONG.values(), ids=WRONG.keys())
def test_only_the_first_errors_are_worth_a_look_for_what_was_meant(
    files: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = compared(monkeypatch)
    names = frozenset(f"X{n}" for n in range(MANY))
    target = dev(*(ConfiguredValue("", f"VALUE{n}", "x") for n in range(MANY)), declared=names)
    with pytest.raises(BundleErrors) as caught:
        render(read_bundle(zipped(files), "shop.zip"), target, IMAGES)
    assert len(caught.value.errors) >= MANY
    assert 0 < len(counts) <= errors.SHOWN
    assert max(counts) <= errors.MOST_CHOICES


def test_errors_beyond_those_that_are_kept_cost_nothing() -> None:
    findings = Findings()
    for number in range(errors.KEPT + 10):
        findings.take(errors.BundleError("a.yaml", number, "", "wrong"))
    with pytest.raises(BundleErrors) as caught:
        findings.check()
    assert len(caught.value.errors) == errors.KEPT


def test_placeholders_bring_in_no_more_text_than_a_bundle_may_have() -> None:
    files = {"base/a.yaml": CONFIG_MAP + "  MUCH: " + "${BIG}" * 5000 + "\n"}
    target = dev(ConfiguredValue("", "BIG", "x" * 10_000))
    with pytest.raises(BundleErrors, match="the placeholders bring in more than 40 MiB of text"):
        render(read_bundle(zipped(files), "shop.zip"), target, IMAGES)


def test_a_bundle_runs_so_many_images_and_no_more() -> None:
    container = "        - {{name: c{n}, image: registry.example/{n}/web}}\n"
    many = DEPLOYMENT + "".join(container.format(n=n) for n in range(LIMITS.images))
    with pytest.raises(BundleErrors, match=r"the bundle runs 2,001 images; 2,000 are the most"):
        render(read_bundle(zipped({"base/a.yaml": many}), "shop.zip"), dev(), IMAGES)
