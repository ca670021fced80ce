"""`manage.py rollback shop prod --wait`: back to what ran before, or to any earlier version."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from environments.models import Environment
from portal.actors import Actor
from releases import actions, cli
from releases.models import Application, Rollout
from releases.plan.rollback_plan import BEFORE_SLIPWAY
from releases.planning.planner import plan_now
from releases.revisions import revision, revisions
from releases.states import Phase

NO_REASON = "No reason was given."


class Command(BaseCommand):
    help = (
        "Takes back the newest rollout of an application in an environment; with --to brings back an earlier version. "
        "Exit status with --wait: 0 where that succeeded, 1 where it failed, 5 still under way after --timeout."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("application")
        parser.add_argument("environment")
        parser.add_argument("--to", default="", metavar="VERSION", help="A version that succeeded there before.")
        parser.add_argument("--to-revision", type=int, metavar="NUMBER", help="A revision, as `history` counts them.")
        parser.add_argument("--comment", default="", help="Why; kept in the history.")
        cli.add_actor(parser)
        cli.add_wait(parser)

    def handle(self, *_args: Any, **options: Any) -> None:
        actor = cli.actor_of(options["user"])
        application = cli.application_of(options["application"])
        environment = cli.environment_of(options["environment"])
        try:
            if options["to"] or options["to_revision"] is not None:
                rollout = _undo(actor, application, environment, options)
            else:
                rollout = actions.rollback(actor, _newest(application, environment), options["comment"])
        except cli.REFUSALS as refusal:
            raise CommandError(str(refusal)) from None
        self.stdout.write(_told(rollout))
        if options["wait"]:
            status = cli.follow(rollout, self.stdout, options["timeout"])
            sys.exit(0 if rollout.phase == Phase.ROLLED_BACK else status)


def _newest(application: Application, environment: Environment) -> Rollout:
    started = application.rollouts.filter(environment=environment, started_at__isnull=False)
    newest = started.exclude(phase=Phase.ROLLED_BACK).order_by("-sequence").first()
    if newest is None:
        raise CommandError(f"{application} has never been rolled out to {environment}: there is nothing to take back.")
    return newest


def _undo(actor: Actor, application: Application, environment: Environment, options: dict[str, Any]) -> Rollout:
    by_number = options["to_revision"] is not None
    to = _revision(application, environment, options) if by_number else _version(application, environment, options)
    rollout = plan_now(actions.undo(actor, application, environment, to, reason=options["comment"] or NO_REASON))
    if rollout.phase == Phase.FAILED:
        raise CommandError(_told(rollout))
    return rollout


def _told(rollout: Rollout) -> str:
    return f"Rollout {rollout.pk}: {rollout} is {rollout.phase}. {rollout.why}".strip()


def _version(application: Application, environment: Environment, options: dict[str, Any]) -> Rollout:
    succeeded = application.rollouts.filter(environment=environment, phase=Phase.SUCCEEDED)
    to = succeeded.filter(release__version=options["to"]).order_by("-sequence").first()
    if to is None:
        versions = dict.fromkeys(succeeded.order_by("-sequence").values_list("release__version", flat=True))
        raise CommandError(
            f"{options['to']} has not succeeded in {environment}; these have: {', '.join(versions) or 'none'}."
        )
    return to


def _revision(application: Application, environment: Environment, options: dict[str, Any]) -> Rollout:
    found = revision(application, environment, options["to_revision"])
    if found is None:
        highest = max((each.number for each in revisions(application, environment)), default=0)
        raise CommandError(
            f"{application} has no revision {options['to_revision']} in {environment}; there are 1 to {highest}."
        )
    if not found.number:
        raise CommandError(f"Revision 0 is {BEFORE_SLIPWAY}: it comes back when the first release is rolled back.")
    return found.rollout
