"""What somebody may give to others: nothing that they do not hold themself."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from django.contrib.auth.models import Group, Permission, User

Holding = Callable[[User | Group], frozenset[str]]
_also_held: list[Holding] = []
STAFF = "a part in the administration"


def also_held(of: Holding) -> Holding:
    """Has what an app knows of rights (of a person alone, of a group) count too, each by its name for people."""
    if of not in _also_held:
        _also_held.append(of)
    return of


@dataclass(frozen=True)
class Rights:
    """What somebody holds, by name; `everything`: a superuser."""

    names: frozenset[str] = frozenset()
    everything: bool = False

    def covers(self, other: "Rights") -> bool:
        """Whether nothing of the other's is beyond these."""
        return not self.beyond(other)

    def beyond(self, other: "Rights") -> list[str]:
        """What the other holds and this does not."""
        if self.everything:
            return []
        return ["superuser status"] if other.everything else sorted(other.names - self.names)

    def gained(self, after: "Rights") -> "Rights":
        """What is more in the rights of afterwards."""
        return Rights() if self.everything else Rights(after.names - self.names, after.everything)


def rights(*, superuser: bool, staff: bool, own: frozenset[str], groups: Iterable[Group]) -> Rights:
    """Those of an account with these flags, rights of its own, and groups."""
    if superuser:
        return Rights(everything=True)
    shared = (rights_of_group(group).names for group in groups)
    return Rights(own.union(*shared) | ({STAFF} if staff else frozenset()))


def rights_of(user: User) -> Rights:
    """Those of an account, or those that it would have if it were not closed."""
    own = named(user.user_permissions.all()) | given_to(user)
    return rights(superuser=user.is_superuser, staff=user.is_staff, own=own, groups=user.groups.all())


def rights_of_group(group: Group) -> Rights:
    """Those that each member has by it."""
    return Rights(named(group.permissions.all()) | given_to(group))


def given_to(holder: User | Group) -> frozenset[str]:
    """What apps know of, for this person without their groups, or for this group."""
    return frozenset().union(*(of(holder) for of in _also_held)) if holder.pk else frozenset()


def named(permissions: Iterable[Permission]) -> frozenset[str]:
    """Names as `has_perm` takes them."""
    return frozenset(f"{each.content_type.app_label}.{each.codename}" for each in permissions)
