"""`manage.py rollout pause 12`: a person's verbs on a rollout under way, and a look at it."""

import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.http import Http404

from portal.actors import Actor
from releases import actions, cli
from releases.actions.verbs import STEERING
from releases.models import Rollout
from releases.visibility import visible_rollout

SHOW = "show"


class Command(BaseCommand):
    help = (
        "Does what a person may do to a rollout: pause, resume, promote and so on; `show` tells its steps and which "
        "verbs are yours now. Exit status with --wait as of `deploy`."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("verb", choices=[SHOW, *STEERING])
        parser.add_argument("rollout", type=int, help="Its number, as `status` and the screens give it.")
        parser.add_argument("--comment", default="", help="What is said with it; promote-fully needs it.")
        cli.add_actor(parser)
        cli.add_wait(parser)

    def handle(self, *_args: Any, **options: Any) -> None:
        actor = cli.actor_of(options["user"])
        try:
            rollout = visible_rollout(actor, options["rollout"])
            told = _lines(actor, rollout) if options["verb"] == SHOW else [_do(actor, rollout, options)]
        except (*cli.REFUSALS, Http404) as refusal:
            raise CommandError(str(refusal)) from None
        for line in told:
            self.stdout.write(line)
        if options["wait"]:
            sys.exit(cli.follow(rollout, self.stdout, options["timeout"]))


def _do(actor: Actor, rollout: Rollout, options: dict[str, Any]) -> str:
    done = actions.perform(options["verb"], actor, rollout, comment=options["comment"])
    return f"Rollout {done.rollout.pk}: {done.rollout}. {done.words}"


def _lines(actor: Actor, rollout: Rollout) -> Iterator[str]:
    yield f"Rollout {rollout.pk}: {rollout} is {rollout.phase}. {rollout.why}".strip()
    for step in sorted(rollout.steps.all(), key=lambda step: (step.track != "forward", step.index)):
        back = "back: " if step.track == "back" else ""
        yield f"  {step.state:<8} {back}{step.label}" + (f" ({step.why})" if step.why else "")
    for offer in actions.available(actor, rollout):
        yield f"  {'you may' if offer.allowed else 'not now'} {offer.verb}" + (
            f": {offer.why_not}" if offer.why_not else ""
        )
