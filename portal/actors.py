"""Who does something: a person, a token of a person, a CI system, or the portal itself."""

import getpass
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from portal.roles import Verb

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User

Kind = Literal["person", "token", "ci", "system"]


@dataclass(frozen=True)
class Scope:
    """Limits of a token, where an empty set limits nothing; for an actor without a person, all that it may."""

    environments: frozenset[str] = frozenset()
    verbs: frozenset[str] = frozenset()

    def covers(self, verb: Verb, environment: str) -> bool:
        """Whether neither set excludes it."""
        return (not self.environments or environment in self.environments) and (not self.verbs or verb in self.verbs)

    def names(self, verb: Verb, environment: str) -> bool:
        """Whether both sets name it."""
        return environment in self.environments and verb in self.verbs


@dataclass(frozen=True)
class Actor:
    """Who acts. `name` goes into the audit as it is; `user` is the person behind it, if one is.

    `own`: that person is signed in, or issued the token while they were; False for a token that another gave them.
    """

    kind: Kind
    name: str
    user: "User | None" = None
    scope: Scope | None = None
    own: bool = True

    def __str__(self) -> str:
        return self.name

    @classmethod
    def of(cls, user: "User | AbstractBaseUser | AnonymousUser") -> "Actor":
        """The signed-in person; somebody who is not signed in may nothing."""
        if not user.is_authenticated:
            return cls("person", "nobody", scope=Scope())
        return cls("person", user.get_username(), user)  # type: ignore[arg-type]

    @classmethod
    def shell(cls) -> "Actor":
        """Whoever has the shell, and with it the database and the keys; may nothing until `granted`."""
        return cls("system", f"shell:{getpass.getuser()}")

    @classmethod
    def ci(cls, name: str) -> "Actor":
        """A CI system by the name of its source, such as github/ai-workflow; may nothing until `granted`."""
        return cls("ci", name)

    def granted(self, environments: Iterable[str], verbs: Iterable[Verb]) -> "Actor":
        """The same actor with exactly these rights; for CI and the portal, whose code path knows them."""
        return replace(self, scope=Scope(frozenset(environments), frozenset(verbs)))


SYSTEM = Actor("system", "slipway")
