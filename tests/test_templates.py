"""Templates are read by people too."""

from pathlib import Path

import pytest

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"
LONGEST = 160
"""Characters of a line; Django's own tags cannot be broken, so it is more than in Python."""


def too_long(template: Path) -> list[str]:
    lines = template.read_text().splitlines()
    return [f"{template.name}:{n} has {len(line)}" for n, line in enumerate(lines, 1) if len(line) > LONGEST]


@pytest.mark.parametrize(
    "template", sorted(TEMPLATES.rglob("*.html")), ids=lambda path: str(path.relative_to(TEMPLATES))
)
def test_no_line_is_longer_than_a_screen(template: Path) -> None:
    assert too_long(template) == []


def test_a_line_that_is_too_long_is_found(tmp_path: Path) -> None:
    template = tmp_path / "page.html"
    template.write_text("a" * LONGEST + "\n" + "a" * (LONGEST + 1) + "\n")
    assert too_long(template) == ["page.html:2 has 161"]
