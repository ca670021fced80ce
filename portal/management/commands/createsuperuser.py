"""`manage.py createsuperuser`: Django's own, with an entry of the history in the transaction of the change."""

from typing import Any

from django.contrib.auth.management.commands import createsuperuser
from django.contrib.auth.models import User
from django.db import transaction

from portal import audit
from portal.actors import Actor
from portal.audit.vouching import with_row


class Command(createsuperuser.Command):
    """Asks first and opens its transaction afterwards: nothing waits for who types."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.UserModel: Any = _TellingUser()


class _TellingUser:
    """The model of users, whose manager tells of the superuser that it makes."""

    @property
    def _default_manager(self) -> "_TellingManager":
        return _TellingManager()

    def __call__(self, **fields: Any) -> User:
        return User(**fields)

    def __getattr__(self, name: str) -> Any:
        return getattr(User, name)


class _TellingManager:
    def db_manager(self, _database: str) -> "_TellingManager":
        return self

    @transaction.atomic
    def create_superuser(self, **fields: Any) -> User:
        user = User.objects.create_superuser(**fields)
        audit.record("user.added", user, with_row(user, {"superuser": True}), actor=Actor.shell())
        return user

    def __getattr__(self, name: str) -> Any:
        return getattr(User.objects, name)
