"""What a strategy is: parameters, steps forward and back, and what it changes in a manifest."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from releases.rollout.facts import Work
from releases.rollout.steps import Step

PERCENT = re.compile(r"(\d{1,3})%")


class ParameterError(ValueError):
    """A strategy or a parameter that there is not, or whose value does not fit; the text says what fits."""


@dataclass(frozen=True)
class Parameter:
    """One setting. `kind`: "seconds" (a number from 0), or "share" (a number of pods from 0, or 0% to 100%)."""

    name: str
    kind: Literal["seconds", "share"]
    help: str
    default: int | str | None = None

    def check(self, value: Any) -> int | float | str:
        """The value as it is stored. ParameterError where it does not fit."""
        if isinstance(value, str) and value.strip().isdigit():
            value = int(value)
        if isinstance(value, bool) or not self._fits(value):
            fits = "a number of seconds from 0" if self.kind == "seconds" else "a number of pods or 0% to 100%"
            raise ParameterError(f"{self.name} is {value!r}; it has to be {fits}.")
        return value  # type: ignore[no-any-return]

    def _fits(self, value: Any) -> bool:
        if isinstance(value, int | float):
            return value >= 0 and (self.kind == "seconds" or isinstance(value, int))
        found = PERCENT.fullmatch(value) if isinstance(value, str) and self.kind == "share" else None
        return bool(found and int(found[1]) <= 100)


class Strategy:
    """A way of bringing a release into an environment. Stateless: everything is in the plan."""

    name: ClassVar[str]
    title: ClassVar[str]
    parameters: ClassVar[tuple[Parameter, ...]] = ()

    def check(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """The given parameters, checked. ParameterError names one that does not fit or that there is not."""
        known = {parameter.name: parameter for parameter in self.parameters}
        for name in parameters:
            if name not in known:
                raise ParameterError(f"{self.title} has no parameter {name!r}; it has {', '.join(known)}.")
        return {name: known[name].check(value) for name, value in parameters.items() if value not in (None, "")}

    def tune(self, manifest: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
        """The manifest with what the parameters say of it; the given one stays as it is."""
        raise NotImplementedError

    def steps(self, work: Work) -> tuple[Step, ...]:
        """The steps forward. `work.steps` is empty: what this gives goes there, as JSON."""
        raise NotImplementedError

    def back(self, work: Work) -> tuple[Step, ...]:
        """The steps of a way back: `work` has the objects to come back, and what to prune and adopt."""
        raise NotImplementedError
