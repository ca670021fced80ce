"""`manage.py policy confirm 3`: the shell as second person, where one administrator is alone."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from environments.models import PolicyChange
from environments.policy import changes
from portal.actors import Actor


class Command(BaseCommand):
    help = "Lists, confirms or declines changes that wait for a second person; acts as the shell, in the history too."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("what", choices=["list", "confirm", "decline"])
        parser.add_argument("id", type=int, nargs="?")

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["what"] == "list":
            for change in PolicyChange.objects.filter(state=PolicyChange.State.PENDING).order_by("pk"):
                self.stdout.write(f"{change.pk}  {change}  (asked by {change.asked_by})")
            return
        found = PolicyChange.objects.filter(pk=options["id"] or 0).first()
        if found is None:
            raise CommandError("There is no change of that number; `manage.py policy list` has those that wait.")
        self.stdout.write(self._decide(found, options["what"]))

    def _decide(self, change: PolicyChange, what: str) -> str:
        do = changes.confirm if what == "confirm" else changes.decline
        try:
            decided = do(change, actor=Actor.shell())
        except changes.NoChange as error:
            raise CommandError(str(error)) from None
        return f"{decided} is {decided.state}. {decided.why}".strip()
