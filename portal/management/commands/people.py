"""`manage.py people confirm lead`: what the shell says where one administrator is alone."""

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from portal.actors import Actor
from portal.models import PasswordLink
from portal.people import passwords


class Command(BaseCommand):
    help = (
        "link: invalidates a person's password and prints the link that sets a new one. "
        "confirm: says that the link of a reset reached its owner, who then has a vote again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("what", choices=["link", "confirm"])
        parser.add_argument("username")

    def handle(self, *_args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["username"]).first()
        if user is None:
            raise CommandError(f"There is no account {options['username']}.")
        self.stdout.write(_link(user) if options["what"] == "link" else _confirm(user))


def _link(user: User) -> str:
    try:
        return passwords.issue_link(user, actor=Actor.shell())
    except ValueError as error:
        raise CommandError(str(error)) from None


def _confirm(user: User) -> str:
    link = PasswordLink.objects.filter(user=user).first()
    if link is None or not link.unconfirmed:
        raise CommandError(f"No reset of {user.get_username()} waits for somebody to confirm it.")
    passwords.confirm(link, actor=Actor.shell())
    return f"{user.get_username()} has a vote again."
