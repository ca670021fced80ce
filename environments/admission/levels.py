"""Allowed, warned of or refused: an environment's level, and its rules for single checks. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Level(StrEnum):
    ALLOW = "allow"
    WARN = "warn"
    REFUSE = "refuse"


@dataclass(frozen=True)
class Rules:
    """`default` holds for every check without a level of its own."""

    default: Level
    own: Mapping[str, Level] = field(default_factory=dict)

    def level(self, check: str) -> Level:
        return self.own.get(check, self.default)

    @property
    def warning(self) -> "Rules":
        """The same, with warnings in place of refusals: for a way back, which nothing may stand in."""
        milder = {check: min(level, Level.WARN, key=_STRICTNESS.index) for check, level in self.own.items()}
        return Rules(min(self.default, Level.WARN, key=_STRICTNESS.index), milder)


_STRICTNESS = (Level.ALLOW, Level.WARN, Level.REFUSE)


def parse(text: str, known: Collection[str]) -> dict[str, Level]:
    """Lines such as "host-path allow", by check. ValueError names the line that is wrong, and what there is."""
    found: dict[str, Level] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split()
        if not words:
            continue
        if len(words) != 2 or words[0] not in known or words[1] not in list(Level):
            raise ValueError(
                f"Line {number}: {line.strip()!r} is no rule. One is a check and a level, such as host-path warn. "
                f"Checks: {', '.join(sorted(known))}. Levels: {', '.join(Level)}."
            )
        found[words[0]] = Level(words[1])
    return found
