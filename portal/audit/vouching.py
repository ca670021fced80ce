"""What the history vouches for: a row that much depends on has to be as its last entry says.

Whoever writes such a row puts it into the entry of the change (`data["row"]`). A row that was written into the
database by itself has no such entry, or another one, and is doubted. Apps register their kinds by `vouch_for`.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from django.db.models import Max, Model, Q, QuerySet

from portal.audit import chain, rows
from portal.models import AuditEntry

Row = Mapping[str, Any]
Key = tuple[str, str]
AT_ONCE = 500
KEPT = 20_000
NOTHING = "the history has nothing of it"


@dataclass(frozen=True)
class VouchedKind:
    """`fields` gives what is vouched for of a row; a row that is not `weighty` needs no entry.

    `plain` are the values of fields of which nothing is told, `settled` those that a field may have whatever is told,
    since they give nothing away. `every` are the rows that `audit verify` looks at.
    """

    fields: Callable[[Any], Row]
    every: Callable[[], QuerySet[Any]]
    weighty: Callable[[Any], bool] = lambda _row: True
    plain: Row = field(default_factory=dict)
    settled: Row = field(default_factory=dict)
    more: Callable[[list[Any]], Iterable[object]] = lambda _rows: ()
    """What else of these rows is not as the history says."""
    told: Callable[[Row], Row] = lambda row: row
    """How a row is read that an entry of before tells of: values that are spelled otherwise today, as they are now."""


@dataclass(frozen=True)
class Doubt:
    """A row that is not as the history says. `field` is "" where the row as a whole is unknown."""

    key: Key
    name: str
    field: str = ""
    found: str = ""
    told: str = NOTHING
    rewritten: bool = False
    """Whether it is the history that was changed: then nothing tells how the row should be."""

    def of(self, target: Model) -> bool:
        """Whether it is about this row."""
        return self.key == _key(target)

    def __str__(self) -> str:
        if not self.field:
            return f"{self.name} is in the database, but {self.told}"
        return f"{self.name}: {self.field} is {self.found} in the database, but {self.told}"


_kinds: dict[type[Model], VouchedKind] = {}
_linked: dict[int, str] = {}
"""Numbers and hashes of entries that were held against their neighbours in this process."""


def vouch_for(model: type[Model], kind: VouchedKind) -> None:
    """From now on the history vouches for rows of this model."""
    _kinds[model] = kind


def is_vouched_for(model: type[Model]) -> bool:
    return model in _kinds


def with_row(target: Model, data: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The data of an entry whose transaction leaves the row as it is here, for `audit.record`."""
    return {**(data or {}), "row": _row(target)}


def with_changes(target: Model, changed: Collection[str], data: Mapping[str, Any]) -> dict[str, Any]:
    """The same where only some fields were set: the others stay as the history has them, whatever the row says."""
    now = _row(target) if type(target) in _kinds else {}
    mine = {name: now[name] for name in changed if name in now}
    if not mine:
        return dict(data)
    last = _last_entries([target]).get(_key(target))
    return {**data, "row": {**((last and last.data["row"]) or {}), **mine}}


def last_row(target: Model) -> Row | None:
    """The row as the history has it; None where it has none."""
    entry = _last_entries([target]).get(_key(target))
    return _told(target, entry) if entry else None


def doubts(targets: Iterable[Model]) -> list[Doubt]:
    """What of these rows is not as their last entries say; in two queries for however many."""
    looked_at = [each for each in targets if type(each) in _kinds]
    entries = _last_entries(looked_at)
    broken = forged(entries.values())
    return [doubt for each in looked_at for doubt in _of(each, entries.get(_key(each)), broken)]


def doubted() -> Iterator[object]:
    """Every row that is not as the history says, however many there are, without holding all in memory."""
    for kind in _kinds.values():
        found = iter(kind.every().iterator(chunk_size=AT_ONCE))
        while some := list(islice(found, AT_ONCE)):
            yield from doubts(some)
            yield from kind.more(some)


def forged(entries: Iterable[AuditEntry]) -> set[int]:
    """The numbers of those whose hash is not that of their content, or that do not follow from one another."""
    given = list(entries)
    wrong = {each.number for each in given if chain.hash_of(rows.as_dict(each)) != each.hash}
    new = [each for each in given if _linked.get(each.number) != each.hash]
    around = {number for each in new for number in (each.number - 1, each.number + 1)}
    links = AuditEntry.objects.filter(number__in=around).values_list("number", "hash", "previous_hash") if new else ()
    found = {number: (digest, previous) for number, digest, previous in links}
    wrong |= {each.number for each in new if not _follows(each, found)}
    _remember(each for each in new if each.number not in wrong)
    return wrong


def _follows(entry: AuditEntry, links: Mapping[int, tuple[str, str]]) -> bool:
    before = links.get(entry.number - 1, ("", ""))[0]
    after = links.get(entry.number + 1, ("", entry.hash))[1]
    return (before, after) == (entry.previous_hash, entry.hash)


def _remember(entries: Iterable[AuditEntry]) -> None:
    if len(_linked) > KEPT:
        _linked.clear()
    _linked.update((each.number, each.hash) for each in entries)


def _last_entries(targets: Iterable[Model]) -> dict[Key, AuditEntry]:
    """The last entry of each that has a row."""
    wanted: dict[str, set[str]] = {}
    for label, pk in map(_key, targets):
        wanted.setdefault(label, set()).add(pk)
    if not wanted:
        return {}
    theirs = Q()
    for label, ids in wanted.items():
        theirs |= Q(target_type=label, target_id__in=ids)
    told = AuditEntry.objects.filter(theirs, data__has_key="row").order_by().values("target_type", "target_id")
    last = AuditEntry.objects.filter(number__in=told.annotate(last=Max("number")).values("last"))
    return {(entry.target_type, entry.target_id): entry for entry in last}


def _of(target: Model, entry: AuditEntry | None, broken: Collection[int]) -> Iterator[Doubt]:
    kind, key = _kinds[type(target)], _key(target)
    if entry is None:
        if kind.weighty(target):
            yield Doubt(key, _name(target))
    elif entry.number in broken:
        words = f"entry {entry.number} of the history, which tells of it, was changed"
        yield Doubt(key, _name(target), told=words, rewritten=True)
    elif entry.data["row"] is None:
        yield Doubt(key, _name(target), told=f"entry {entry.number} of the history says that it was removed")
    else:
        yield from _differences(kind, target, entry)


def _differences(kind: VouchedKind, target: Model, entry: AuditEntry) -> Iterator[Doubt]:
    told = {**kind.plain, **_told(target, entry)}
    for column, found in _row(target).items():
        if column in kind.settled and kind.settled[column] == found:
            continue
        if column not in told:
            yield Doubt(_key(target), _name(target), column, _shown(found))
        elif told[column] != found:
            yield Doubt(
                _key(target),
                _name(target),
                column,
                _shown(found),
                f"entry {entry.number} of the history says {_shown(told[column])}",
            )


def _told(target: Model, entry: AuditEntry) -> Row:
    """The row as the entry has it, in today's spelling."""
    row = entry.data["row"]
    return _kinds[type(target)].told(row) if row else row


def _row(target: Model) -> Row:
    row: Row = chain.plain(_kinds[type(target)].fields(target))
    return row


def _name(target: Model) -> str:
    return f"{target._meta.verbose_name} {target.pk} ({target})"


def _key(target: Model) -> Key:
    return target._meta.label_lower, str(target.pk)


def _shown(value: object) -> str:
    return "nothing" if value in ("", None, [], {}) else f"“{value}”"
