"""How a simulated container behaves: from its image's label and its pod's annotation."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

KEY = "test.slipway/behaviour"


@dataclass(frozen=True)
class Behaviour:
    """Times are in simulated seconds.

    `ready` is True, False or the seconds after listening; `error_rate` is the exact share of answers with status
    500; `health` maps paths to statuses; `crash` exits instead of serving, after `crash_after_seconds` (else
    `startup_seconds`); `run_seconds` is how long jobs and init containers run; `containers` overrides by name.
    """

    startup_seconds: float = 0.5
    ready: bool | float = True
    error_rate: float = 0.0
    latency_ms: float = 0.0
    health: Mapping[str, int] = field(default_factory=dict)
    crash: bool = False
    crash_after_seconds: float | None = None
    exit_code: int = 0
    reason: str = ""
    run_seconds: float = 0.5
    shutdown_seconds: float = 0.2
    pull_seconds: float = 0.1
    pull_error: str = ""
    logs: tuple[str, ...] = ()
    exec: Mapping[str, str] = field(default_factory=dict)
    ports: tuple[int, ...] = ()
    cpu_millicores: int = 50
    memory_mib: int = 64
    containers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def serving_after(self) -> float | None:
        """Seconds from listening to readiness; None for never."""
        if isinstance(self.ready, bool):
            return 0.0 if self.ready else None
        return float(self.ready)


_FIELDS = {item.name for item in fields(Behaviour)}
_DEFAULT = Behaviour()


def with_overrides(behaviour: Behaviour, source: Mapping[str, Any]) -> Behaviour:
    """The behaviour with the fields that a source names; unknown ones are left out, as on the real nodes."""
    known = {name: value for name, value in source.items() if name in _FIELDS}
    for name in ("logs", "ports"):
        if name in known:
            known[name] = tuple(known[name])
    return replace(behaviour, **known)


def read(text: str) -> Mapping[str, Any]:
    """A source's JSON object; ValueError where it is none."""
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError(f"{KEY} must be a JSON object, not {text[:60]!r}")
    return value


def behaviour_of(sources: Iterable[str], container: str) -> tuple[Behaviour, str]:
    """What the sources say, each overriding single fields of the one before, and what was wrong with one."""
    behaviour, trouble = _DEFAULT, ""
    for source in sources:
        if not source:
            continue
        try:
            behaviour = with_overrides(behaviour, read(source))
        except (ValueError, TypeError) as error:
            trouble = str(error)
    if container in behaviour.containers:
        behaviour = with_overrides(behaviour, behaviour.containers[container])
    return behaviour, trouble
