"""`manage.py status [shop]`: what runs where, and what is under way."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from environments.access import visible
from releases import cli
from releases.plan.rollback_plan import BEFORE_SLIPWAY
from releases.queries import Cell, matrix


class Command(BaseCommand):
    help = "What runs where, since when, how far behind, and what is under way."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("application", nargs="?", default="")
        cli.add_actor(parser)

    def handle(self, *_args: Any, **options: Any) -> None:
        wanted = cli.application_of(options["application"]) if options["application"] else None
        actor = cli.actor_of(options["user"])
        for row in matrix(visible(actor)).rows:
            if wanted in (None, row.application):
                latest = f" (newest: {row.latest.version})" if row.latest else ""
                self.stdout.write(f"{row.application}{latest}")
                for cell in row.cells:
                    self.stdout.write(f"  {_line(cell)}")


def _without(cell: Cell) -> str:
    """What stands in the place of a version: nothing, or a way back that failed."""
    if cell.between is None:
        return "nothing"
    before = cell.between.previous
    return f"between {cell.between.release.version} and {before.release.version if before else BEFORE_SLIPWAY}"


def _line(cell: Cell) -> str:
    live = cell.live
    parts = [f"{cell.environment.name:<10}", live.release.version if live else _without(cell)]
    if cell.since:
        parts.append(f"since {cell.since:%Y-%m-%d %H:%M} UTC")
    if cell.behind:
        parts.append(f"{cell.behind} behind")
    if cell.flight:
        steps = f" {cell.progress.done}/{cell.progress.total}" if cell.progress.total else ""
        parts.append(f"· rollout {cell.flight.pk}: {cell.flight.release.version} {cell.flight.phase}{steps}")
    return " ".join(parts)
