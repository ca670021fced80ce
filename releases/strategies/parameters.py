"""The settings of a strategy: what fits, and the words for what does not."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

PERCENT = re.compile(r"(\d{1,3})%")
NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")


class ParameterError(ValueError):
    """A strategy or a parameter that there is not, or whose value does not fit; the text says what fits."""


@dataclass(frozen=True)
class Parameter:
    """One setting of a kind of KINDS. `choices` are those of a "choice"; `check` says more of what fits.

    `check` takes the value, gives it as it is stored, and raises ValueError with words.
    """

    name: str
    kind: str
    help: str
    default: Any = None
    choices: tuple[str, ...] = ()
    further: Callable[[Any], Any] | None = None

    def check(self, value: Any) -> Any:
        """The value as it is stored. ParameterError where it does not fit."""
        kind = KINDS[self.kind]
        value = kind.read(value)
        if not kind.fits(value) or (self.choices and value not in self.choices):
            fits = f"one of {', '.join(self.choices)}" if self.choices else kind.words
            raise ParameterError(f"{self.name} is {value!r}; it has to be {fits}.")
        try:
            return self.further(value) if self.further else value
        except ParameterError:
            raise
        except ValueError as error:
            raise ParameterError(f"{self.name}: {error}") from error


@dataclass(frozen=True)
class ParameterKind:
    """`read` takes what a form or a command line gives, `fits` what it has made of it."""

    words: str
    fits: Callable[[Any], bool]
    read: Callable[[Any], Any] = lambda value: value


def _number(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return int(value) if value.strip().lstrip("-").isdigit() else float(value)
    except ValueError:
        return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_share(value: Any) -> bool:
    found = PERCENT.fullmatch(value) if isinstance(value, str) else None
    return bool(found and int(found[1]) <= 100) or _is_whole(value)


def _whole_or_text(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.strip().isdigit() else value


def _split(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _percents(value: Any) -> Any:
    parts = [value] if isinstance(value, int) and not isinstance(value, bool) else _split(value)
    return [_number(part.removesuffix("%").strip()) if isinstance(part, str) else part for part in parts]


def _are_percents(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(_is_whole(each) and each <= 100 for each in value)


def _are_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) and NAME.fullmatch(each) for each in value)


def _flag(value: Any) -> Any:
    return {"true": True, "false": False, "on": True, "off": False}.get(str(value).lower(), value)


KINDS: Mapping[str, ParameterKind] = {
    "seconds": ParameterKind("a number of seconds from 0", _is_number, _number),
    "number": ParameterKind("a number from 0", _is_number, _number),
    "count": ParameterKind("a whole number from 0", _is_whole, _number),
    "share": ParameterKind("a number of pods or 0% to 100%", _is_share, _whole_or_text),
    "percents": ParameterKind("percentages from 0 to 100, such as 5, 25, 50, 100", _are_percents, _percents),
    "names": ParameterKind("names of workloads, such as agent-service, auth-service", _are_names, _split),
    "flag": ParameterKind("true or false", lambda value: isinstance(value, bool), _flag),
    "choice": ParameterKind("text", lambda value: isinstance(value, str)),
    "text": ParameterKind("text", lambda value: isinstance(value, str)),
    "list": ParameterKind("a list", lambda value: isinstance(value, list)),
    "object": ParameterKind("a map", lambda value: isinstance(value, dict)),
}
