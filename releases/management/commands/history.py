"""`manage.py history shop prod`: what ran there, revision by revision, and what changed between two."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from environments.access import require
from portal.roles import Verb
from releases import cli
from releases.pages.changes import ChangeRow, change_rows
from releases.revisions import Revision, between, revisions, span


class Command(BaseCommand):
    help = "The revisions of an application in an environment; with --compare what changed between two of them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("application")
        parser.add_argument("environment")
        parser.add_argument("--compare", nargs=2, type=int, metavar=("FROM", "TO"))
        cli.add_actor(parser)

    def handle(self, *_args: Any, **options: Any) -> None:
        environment = cli.environment_of(options["environment"])
        require(cli.actor_of(options["user"]), Verb.VIEW, environment)
        found = revisions(cli.application_of(options["application"]), environment)
        lines = _compared(found, *options["compare"]) if options["compare"] else [_line(each) for each in found]
        for line in lines or ["Nothing has succeeded there yet."]:
            self.stdout.write(line)


def _line(each: Revision) -> str:
    rollout = each.rollout
    runs = "  runs" if each.running else ""
    when = f"{rollout.finished_at:%Y-%m-%d %H:%M} UTC" if rollout.finished_at else ""
    return f"{each.number:>4}  {each.version:<20} {rollout.strategy:<10} {when}  {rollout.requested_by}{runs}"


def _compared(found: list[Revision], before: int, after: int) -> list[str]:
    known = {each.number: each for each in found}
    for number in (before, after):
        if number not in known:
            raise CommandError(f"There is no revision {number}; {span(found)}.")
    rows = [row for row in change_rows(between(known[before], known[after])) if row.action != "unchanged"]
    return [line for row in rows for line in _told(row)] or ["Nothing differs."]


def _told(row: ChangeRow) -> list[str]:
    lines = [f"{row.action} {row.title} {row.where}".rstrip()]
    for field in row.fields:
        lines.append(f"  {field.path}")
        lines += [f"    - {field.before}"] if field.before is not None else []
        lines += [f"    + {field.after}"] if field.after is not None else []
    return lines
