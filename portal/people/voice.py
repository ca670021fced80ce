"""Whose word an actor's is: a vote is a person's own, never somebody else's in their name."""

from django.contrib.auth.models import User

from portal import tokens
from portal.actors import Actor
from portal.models import ApiToken

NOT_A_PERSON = "A vote is a person's: sign in, or use a token of your own."
SERVICE = "{name} is a service account, which has no vote: sign in yourself."
LENT = (
    "A vote by token counts only if you issued the token yourself, signed in: this one was issued for you by somebody "
    "else. Sign in, or issue one of your own."
)


def why_no_vote(actor: Actor) -> str:
    """Why an actor has no vote, whatever its roles, in words for it; "" where it has one."""
    if actor.user is None:
        return NOT_A_PERSON
    if is_service(actor.user):
        return SERVICE.format(name=actor.user.get_username())
    return "" if actor.own else LENT


def why_it_does_not_count(user: User, said_as: str) -> str:
    """The same of a vote that was cast before, by the name that stands in it (an actor's `name`)."""
    return why_no_vote(Actor("person", said_as, user, own=_own(user, said_as)))


def is_service(user: User) -> bool:
    """Whether the account is a program's."""
    return hasattr(user, "service_account")


def _own(user: User, said_as: str) -> bool:
    """Whether each token that speaks under that name was issued by its person; a session's name is no token's."""
    if tokens.MARK_OF_NAME not in said_as:
        return True
    named = [one for one in ApiToken.objects.filter(user=user) if tokens.name_of(user, one) == said_as]
    return bool(named) and all(one.own for one in named)
