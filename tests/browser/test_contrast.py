"""The colours' contrast in both themes, computed from the tokens: WCAG 2.2 AA."""

import re
from pathlib import Path

import pytest

TOKENS = (Path(__file__).parents[2] / "static" / "slipway" / "tokens.css").read_text()
TEXT, CONTROL = 4.5, 3.0
GROUNDS = ("ground", "surface", "sunken")
KINDS = ("good", "run", "ask", "bad", "hold", "idle")
PAIRS = [
    *((ink, ground, TEXT) for ink in ("ink", "ink-2", "ink-3", "accent") for ground in GROUNDS),
    *((kind, ground, TEXT) for kind in KINDS for ground in (*GROUNDS, f"{kind}-soft")),
    *(("ink", f"{kind}-soft", TEXT) for kind in (*KINDS, "accent")),
    *(("ink-2", f"{kind}-soft", TEXT) for kind in KINDS),
    ("accent-ink", "accent", TEXT),
    *(("line-strong", ground, CONTROL) for ground in GROUNDS),
]


def themes() -> dict[str, dict[str, str]]:
    """{theme: {token: #rrggbb}}, as the style sheet writes them."""
    blocks = re.findall(r"(:root:root[^{]*)\{([^}]*)\}", TOKENS)
    assert len(blocks) == 3, "light, dark by the system, dark by choice"
    light, system, chosen = (dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", body)) for _selector, body in blocks)
    assert system == chosen, "the two dark themes differ"
    return {"light": light, "dark": {**light, **chosen}}


def luminance(colour: str) -> float:
    parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    bright, dim = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def test_black_on_white_is_21() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("front", "back", "least"), PAIRS)
def test_can_be_read(theme: str, front: str, back: str, least: float) -> None:
    colours = themes()[theme]
    assert contrast(colours[front], colours[back]) >= least
