"""The folder of heads, outside the database: a file of lines a day, and `last`, a copy of the newest line."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from django.conf import settings

LONGEST = 64 * 1024
OWN_ONLY = 0o600


def path() -> Path:
    """Where it is: SLIPWAY_AUDIT_HEADS."""
    return Path(settings.AUDIT_HEADS)


def lines() -> Iterator[tuple[str, str]]:
    """(where it stands, line) of every head, oldest first."""
    for file in _files():
        with file.open(encoding="utf-8", errors="replace") as opened:
            for number, line in enumerate(opened, start=1):
                yield f"{file.name} line {number}", line.rstrip("\n")


def newest() -> str | None:
    """The last line, without reading the others; None where there is none."""
    for file in reversed(_files()):
        with file.open("rb") as opened:
            opened.seek(max(0, file.stat().st_size - LONGEST))
            found = opened.read().decode("utf-8", "replace").splitlines()
        if found:
            return found[-1]
    return None


def last() -> str | None:
    """What `last` says; None where it is not there."""
    try:
        return (path() / "last").read_text(encoding="utf-8", errors="replace").strip()
    except (FileNotFoundError, NotADirectoryError):
        return None


def append(line: str, day: str) -> None:
    """Adds the newest head, to the file of its day or of a later one that is there already. OSError."""
    path().mkdir(mode=0o700, parents=True, exist_ok=True)
    latest = max([day, *(file.stem for file in _files()[-1:])])
    _write(path() / f"{latest}.jsonl", f"{line}\n", os.O_APPEND)
    keep_last(line)


def keep_last(line: str) -> None:
    """Lets `last` name the newest head. OSError."""
    _write(path() / "last", f"{line}\n", os.O_TRUNC)


def write_anew(found: Iterable[tuple[str, str]], aside: str) -> None:
    """Puts what is there into a folder `aside` of its own, and writes (day, line) of every head. OSError."""
    old = path() / aside
    for file in [*_files(), path() / "last"]:
        if file.exists():
            old.mkdir(mode=0o700, parents=True, exist_ok=True)
            file.rename(old / file.name)
    for day, line in found:
        append(line, day)


def _files() -> list[Path]:
    return sorted(path().glob("*.jsonl"))


def _write(file: Path, text: str, how: int) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | how, OWN_ONLY)
    with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
        opened.write(text)
        opened.flush()
        os.fsync(descriptor)
