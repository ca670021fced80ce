"""The commands that the documentation shows, as a reader would type them."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs" / "how-to").glob("*.md")))
PROGRAMS = re.compile(r"(?:\w+=\S+ +)*(?:\.venv/bin/)?(python3?|curl|kubectl|make|openssl|umask) ")
COMMENT = re.compile(r"\s+#\s.*$")


class Block(NamedTuple):
    """Lines that stand out as code, without their indentation. `line` is the number of the first."""

    page: Path
    line: int
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


class Command(NamedTuple):
    """One command of a page; continued lines are one."""

    page: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(page: Path) -> Iterator[Block]:
    """Every indented or fenced block of a page."""
    begun, lines, fenced = 0, [], False
    for number, line in enumerate([*page.read_text().splitlines(), ""], 1):
        if line.startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            begun = begun if lines else number
            lines.append(line)
            continue
        if lines:
            yield Block(page, begun, tuple(line.removeprefix("    ") for line in lines))
            lines = []


def commands(page: Path) -> list[Command]:
    """Every command of a page, without what is remarked beside it."""
    found = []
    for block in blocks(page):
        continued: list[str] = []
        for number, line in enumerate(block.lines, block.line):
            continued.append(COMMENT.sub("", line).strip())
            if line.rstrip().endswith("\\"):
                continue
            text = " ".join(part.removesuffix("\\").strip() for part in continued)
            if PROGRAMS.match(f"{text} "):
                found.append(Command(page.name, number - len(continued) + 1, text))
            continued = []
    return found


EVERY = [command for page in PAGES for command in commands(page)]
