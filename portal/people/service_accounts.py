"""Accounts of programs: no password, no session, no vote; administrators issue their tokens."""

from django.contrib.auth.models import User
from django.db import transaction

from portal import audit
from portal.actors import Actor
from portal.models import ServiceAccount


def create(username: str, purpose: str, *, actor: Actor) -> ServiceAccount:
    """A new one. IntegrityError where the name is taken."""
    with transaction.atomic():
        user = User(username=username)
        user.set_unusable_password()
        user.save()
        account = ServiceAccount.objects.create(user=user, purpose=purpose)
        audit.record("serviceaccount.added", account, {"purpose": purpose}, actor=actor)
    return account
