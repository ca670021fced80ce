"""What a plan says of objects that others brought: what is taken, from whom, what goes, and who still writes. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from environments.kube.apply.managers import MARK, MARKS
from environments.kube.apply.reconcilers import Reconciler
from releases.plan.objects import Sighting

Note = tuple[str, str]
SHOWN = 5


def notes(sightings: Sequence[Sighting], spare: Iterable[str], alive: Callable[[Reconciler], bool]) -> tuple[Note, ...]:
    """(title, words). `alive` tells whether what a tool goes by is still there."""
    taken = [each for each in sightings if each.preview.taken]
    return (
        ("Taken over from others", _from_whom(taken)),
        ("Goes, since the bundle does not have it", _removed(taken)),
        ("Stays, since other tools know it by that", _marked(taken) if MARKS in spare else ""),
        ("Others bring these objects as well", _brought(sightings, alive)),
        ("Written again by others since the last release", _again(sightings)),
    )


def _from_whom(taken: Sequence[Sighting]) -> str:
    managers = dict.fromkeys(manager for each in taken for manager in each.preview.taken)
    return "; ".join(f"{manager}: {_texts(e for e in taken if manager in e.preview.taken)}" for manager in managers)


def _removed(taken: Iterable[Sighting]) -> str:
    gone = {each.ref.text: [change.path for change in each.changes if change.after is None] for each in taken}
    return "; ".join(f"{text}: {_listed(paths)}" for text, paths in gone.items() if paths)


def _marked(taken: Iterable[Sighting]) -> str:
    """The labels and annotations of other tools, told once for all the objects that carry them."""
    found: dict[str, list[Sighting]] = {}
    for each in taken:
        for name in marks_of(each.preview.live or {}):
            if name not in marks_of(each.wanted.manifest):
                found.setdefault(name, []).append(each)
    words = "; ".join(f"{name} on {_texts(several)}" for name, several in found.items())
    return f"{words}. With takeOver: take in slipway.yaml they go." if words else ""


def marks_of(obj: Mapping[str, Any]) -> list[str]:
    """The names of the labels and annotations by which other tools know an object."""
    metadata = obj.get("metadata") or {}
    names = [*(metadata.get("labels") or ()), *(metadata.get("annotations") or ())]
    return [name for name in names if MARK.fullmatch(name)]


def _brought(sightings: Iterable[Sighting], alive: Callable[[Reconciler], bool]) -> str:
    """Told when something is taken from them, and when they wrote again: one that was stopped is left in peace."""
    found: dict[Reconciler, list[Sighting]] = {}
    for each in sightings:
        if each.preview.taken or each.preview.written_since:
            for reconciler in each.preview.reconcilers:
                found.setdefault(reconciler, []).append(each)
    return "; ".join(
        f"{reconciler.name} ({_texts(several)}) writes what this release changes anew unless it is stopped: "
        f"{reconciler.stop}"
        for reconciler, several in found.items()
        if alive(reconciler)
    )


def _again(sightings: Iterable[Sighting]) -> str:
    found = {each.ref.text: each.preview.written_since for each in sightings}
    return "; ".join(f"{text} by {_listed(who)}" for text, who in found.items() if who)


def _texts(sightings: Iterable[Sighting]) -> str:
    return _listed([each.ref.text for each in sightings])


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
