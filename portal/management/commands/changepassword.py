"""`manage.py changepassword`: refused, since nobody types another's password."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = "Refused: people set their passwords themselves, through the link of `people link USERNAME`."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username", nargs="?", default="USERNAME")

    def handle(self, *_args: Any, **options: Any) -> None:
        raise CommandError(
            "Nobody types another's password. "
            f"`manage.py people link {options['username']}` prints a link that sets one."
        )
