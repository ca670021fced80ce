"""What is wrong with a bundle, told by file, line and field."""

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice

from .node import Origin

SHOWN = 50
KEPT = 1000
MOST_CHOICES = 500  # that a word is compared with


class BundleError(ValueError):
    """One thing that is wrong.

    `path` is a file of the bundle ("" where there is none), `line` counts from 1 (0 where there is none), `field` is
    "spec.replicas" or "" and `words` the whole sentence: "base/agent.yaml line 12, spec.replicas: ...".
    """

    def __init__(self, path: str, line: int, field: str, message: str) -> None:
        self.path, self.line, self.field, self.message = path, line, field, message
        super().__init__(self.words)

    @property
    def words(self) -> str:
        where = f"{self.path} line {self.line}" if self.line else self.path
        place = ", ".join(part for part in (where, self.field) if part)
        return f"{place}: {self.message}" if place else self.message


class BundleErrors(BundleError):
    """Everything that is wrong, in `errors`; `path`, `line` and `field` are those of the first."""

    def __init__(self, errors: Iterable[BundleError]) -> None:
        self.errors = tuple(errors)
        first = self.errors[0]
        super().__init__(first.path, first.line, first.field, first.message)

    @property
    def words(self) -> str:
        shown = [error.words for error in self.errors[:SHOWN]]
        if len(self.errors) > SHOWN:
            shown.append(f"and {len(self.errors) - SHOWN} more")
        return "\n".join(shown)


class Findings:
    """Collects errors, each once and at most KEPT, so that a person hears of all of them together."""

    def __init__(self) -> None:
        self._errors: dict[str, BundleError] = {}

    def __bool__(self) -> bool:
        return bool(self._errors)

    def add(self, origin: Origin, field: str, message: str) -> None:
        self.take(BundleError(origin.path, origin.line, field, message))

    def close_to(self, word: str, choices: Iterable[str], cutoff: float = 0.6) -> str:
        """The choice that was probably meant, "" for none. Looking is slow: only the first errors have one."""
        if len(self._errors) >= SHOWN:
            return ""
        return next(iter(get_close_matches(word, list(islice(choices, MOST_CHOICES)), 1, cutoff)), "")

    def take(self, error: BundleError) -> None:
        if len(self._errors) >= KEPT:
            return
        for each in error.errors if isinstance(error, BundleErrors) else (error,):
            if len(self._errors) < KEPT:
                self._errors.setdefault(each.words, each)

    def check(self) -> None:
        """Raises BundleErrors where anything was found."""
        if self._errors:
            raise BundleErrors(sorted(self._errors.values(), key=lambda error: (error.path, error.line)))
