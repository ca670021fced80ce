"""Who somebody is for four eyes: an account, its name and its address, frozen when they acted. Pure."""

import unicodedata
from dataclasses import dataclass
from typing import Protocol


class Account(Protocol):
    """What a user has."""

    pk: int
    username: str
    email: str


@dataclass(frozen=True)
class Identity:
    """One person as they were at a moment; "" and None for what is not known."""

    account: int | None = None
    username: str = ""
    email: str = ""

    @classmethod
    def of(cls, user: Account | None) -> "Identity":
        """That of an account as it is now; nobody's for None."""
        return cls(user.pk, user.username, user.email) if user else cls()

    def is_same(self, other: "Identity") -> bool:
        """Whether they share the account, its name or its address: one of them is enough."""
        return not self.marks().isdisjoint(other.marks())

    def marks(self) -> set[tuple[str, object]]:
        """What tells the person, as (kind, value): account, username, email."""
        known = {("username", _fold(self.username)), ("email", _fold(self.email)), ("account", self.account)}
        return {(kind, value) for kind, value in known if value not in ("", None)}


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip().casefold()
