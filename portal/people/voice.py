"""Whose word an actor's is: a vote is a person's own, never somebody else's in their name."""

from django.contrib.auth.models import User

from portal.actors import Actor

NOT_A_PERSON = "A vote is a person's: sign in, or use a token of your own."
SERVICE = "{name} is a service account, which has no vote: sign in yourself."
LENT = (
    "A vote by token counts only if you issued the token yourself, signed in: this one was issued for you by somebody "
    "else. Sign in, or issue one of your own."
)

RESET = (
    "{issuer} has reset the password of {name}, and saw the link that sets it. Until somebody else confirms on "
    "/admin/portal/passwordlink/ that it reached {name}, this account has no vote."
)


def why_no_vote(actor: Actor) -> str:
    """Why an actor has no vote, whatever its roles, in words for it; "" where it has one."""
    if actor.user is None:
        return NOT_A_PERSON
    if is_service(actor.user):
        return SERVICE.format(name=actor.user.get_username())
    return why_not_theirs(actor.user) or ("" if actor.own else LENT)


def why_not_theirs(user: User) -> str:
    """Why it is not sure that the account's owner is who uses it, in words; "" where nothing speaks against it."""
    link = getattr(user, "password_link", None)
    return RESET.format(issuer=link.issuer, name=user.get_username()) if link and link.unconfirmed else ""


def is_service(user: User) -> bool:
    """Whether the account is a program's."""
    return hasattr(user, "service_account")
