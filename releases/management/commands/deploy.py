"""`manage.py deploy shop 1.2.0 dev --wait`: ask for a rollout, and follow it."""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from environments.models import Environment
from portal.actors import Actor
from releases import actions, cli, image_digests, ingest
from releases.management import told
from releases.models import Application, Bundle, Release, Rollout
from releases.plan.store import load_plan
from releases.planning.planner import plan_now
from releases.states import ENDED, Phase


class Command(BaseCommand):
    help = (
        "Asks for a rollout of a release into an environment, shows its plan, and with --wait follows it. "
        "Exit status with --wait: 0 succeeded, 1 failed, 3 rejected, expired or cancelled, 4 aborted or rolled back, "
        "5 still under way after --timeout."
    )

    _sent: told.Sent

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("application")
        parser.add_argument("version")
        parser.add_argument("environment")
        parser.add_argument(
            "--strategy", default="", help="Another than the application's; recommended: as the change asks for."
        )
        parser.add_argument(
            "--set",
            action="append",
            default=[],
            metavar="NAME=VALUE",
            help="A parameter of the strategy, such as weights=5,25,50,100 or metrics=[] (JSON); may be given again.",
        )
        parser.add_argument("--strategy-reason", default="", help="Why another than the recommended strategy.")
        parser.add_argument(
            "--bundle",
            type=Path,
            help="With a new version: its manifests, a Helm chart or a kustomization (a folder, .tar.gz, .tgz, .zip "
            "or .yaml). An application that is not there yet is added.",
        )
        parser.add_argument(
            "--current-bundle",
            action="store_true",
            help="With a new version: the application's current bundle, as it is.",
        )
        told.add_arguments(parser)
        parser.add_argument(
            "--make-current",
            action="store_true",
            help="Make the release's bundle the one that releases without a bundle take from now on.",
        )
        parser.add_argument(
            "--image",
            action="append",
            default=[],
            metavar="NAME=REFERENCE",
            help="With a new version: an image; may be given again.",
        )
        parser.add_argument(
            "--approve", action="store_true", help="Approve the plan of a rollout that somebody else has asked for."
        )
        parser.add_argument("--comment", default="", help="What is said with it; needed with --approve.")
        cli.add_actor(parser)
        cli.add_wait(parser)

    def handle(self, *_args: Any, **options: Any) -> None:
        actor = cli.actor_of(options["user"])
        environment = cli.environment_of(options["environment"])
        try:
            application = self._application(actor, options)
            release = self._release(actor, application, options)
            if options["make_current"]:
                actions.make_current(actor, release.bundle, options["comment"])
                self.stdout.write(f"{release.bundle} is the current bundle of {application}.")
            rollout = self._rollout(actor, release, environment, options)
            self._approve(actor, rollout, options)
        except cli.REFUSALS as refusal:
            raise CommandError(str(refusal)) from None
        if options["wait"]:
            sys.exit(cli.follow(rollout, self.stdout, options["timeout"]))

    def _application(self, actor: Actor, options: dict[str, Any]) -> Application:
        """The application; one that is not there is added where its manifests come along."""
        if not told.is_given(options):
            return cli.application_of(options["application"])
        ingest.require_release_right(actor)
        self._sent = told.read(options)
        application, is_new = ingest.application_for(actor, options["application"])
        if is_new:
            self.stdout.write(f"{application} is a new application.")
        return application

    def _release(self, actor: Actor, application: Application, options: dict[str, Any]) -> Release:
        if not (options["image"] or options["current_bundle"] or told.is_given(options)):
            return self._known_or_next(actor, application, options["version"])
        bundle = self._bundle(actor, application, options)
        images = dict(_pair(text) for text in options["image"])
        version = options["version"]
        return ingest.create_release(actor, application, version, images, bundle=bundle, source="cli")[0]

    def _bundle(self, actor: Actor, application: Application, options: dict[str, Any]) -> Bundle | None:
        if not told.is_given(options):
            return None
        sent = self._sent
        bundle = ingest.store_bundle(
            actor, application, sent.content, sent.filename, token=sent.token, token_host=sent.token_host
        )
        if bundle.origin:
            self.stdout.write(f"The bundle is {bundle.rendered_from}.")
        if application.bundle is None and not actions.why_not_current(actor):
            actions.make_current(actor, bundle)
        return bundle

    def _known_or_next(self, actor: Actor, application: Application, version: str) -> Release:
        """The release of that version; one that is not there yet follows from the newest, its images at the new tag."""
        newest = application.releases.first()
        if newest is None and application.bundle is not None:
            raise CommandError(told.missing(application, version))
        if newest is None or application.releases.filter(version=version).exists():
            return cli.release_of(application, version)
        images = retagged(newest.images, newest.version, version)
        if images == newest.images:
            return cli.release_of(application, version)
        # A release stays for good: one of a mistyped version must not come to be.
        image_digests.pin(images)
        release, _created = ingest.create_release(actor, application, version, images, source="cli")
        self.stdout.write(f"{release} is new: the images of {newest.version} at the tag {version}.")
        return release

    def _rollout(self, actor: Actor, release: Release, environment: Environment, options: dict[str, Any]) -> Rollout:
        under_way = release.rollouts.filter(environment=environment).exclude(phase__in=ENDED).first()
        rollout = under_way or actions.request(
            actor,
            release,
            environment,
            strategy=options["strategy"],
            parameters=dict(_parameter(text) for text in options["set"]),
            strategy_reason=options["strategy_reason"],
            reason=options["comment"],
        )
        if rollout.phase == Phase.PLANNING:
            plan_now(rollout)
        self.stdout.write(f"Rollout {rollout.pk}: {rollout} is {rollout.phase}. {rollout.why}".strip())
        if rollout.phase == Phase.FAILED:
            sys.exit(cli.STATUS[Phase.FAILED])
        self._show_plan(rollout)
        return rollout

    def _show_plan(self, rollout: Rollout) -> None:
        if not rollout.plan_digest:
            return
        plan = load_plan(rollout)
        for row in plan["changes"]:
            if row["action"] != "unchanged":
                self.stdout.write(f"  {row['action']} {row['ref'][1]} {row['ref'][3]}")
        for row in plan["prune"]:
            self.stdout.write(f"  delete {row['ref'][1]} {row['ref'][3]}")
        for risk in plan["risks"]:
            self.stdout.write(f"  ! {risk['title']}: {risk['detail']}")
        self.stdout.write(f"  plan {rollout.plan_digest}")

    def _approve(self, actor: Actor, rollout: Rollout, options: dict[str, Any]) -> None:
        if options["approve"] and rollout.phase == Phase.AWAITING_APPROVAL:
            actions.approve(actor, rollout, rollout.plan_digest, options["comment"])
            self.stdout.write(f"Rollout {rollout.pk} is {rollout.phase}. {rollout.why}".strip())


def retagged(images: Mapping[str, str], old: str, new: str) -> dict[str, str]:
    """The references with the tag `new` (or v`new`) where they have `old` (or v`old`); others stay as they are."""
    ends = {f":{old}": f":{new}", f":v{old}": f":v{new}"}
    return {name: _ending(reference, ends) for name, reference in images.items()}


def _ending(reference: str, ends: Mapping[str, str]) -> str:
    found = next((end for end in ends if reference.endswith(end)), None)
    return reference.removesuffix(found) + ends[found] if found else reference


def _parameter(text: str) -> tuple[str, Any]:
    """Lists and maps are JSON, as in the API; all else is read by the strategy."""
    name, value = _pair(text, "--set", "VALUE")
    if not value.startswith(("[", "{")):
        return name, value
    try:
        return name, json.loads(value)
    except ValueError as error:
        raise CommandError(f"--set {name} is {value!r}, which is no JSON: {error}.") from None


def _pair(text: str, option: str = "--image", means: str = "REFERENCE") -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise CommandError(f"{option} is {text!r}; it has to be NAME={means}.")
    return name, value
