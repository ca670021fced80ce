"""`manage.py import NAMESPACE --application NAME`: takes in what already runs, and shows what a first rollout does."""

from argparse import ArgumentParser
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from django.core.exceptions import PermissionDenied
from django.core.management.base import BaseCommand, CommandError

from environments import setting_up
from environments.clusters import ConnectError
from environments.importing.survey import Selection
from environments.kube.api.errors import KubeError
from environments.manifests.errors import BundleError
from environments.models import Cluster, Environment
from portal.actors import Actor
from releases import cli, importing
from releases.errors import Unacceptable
from releases.importing import FirstPlan, TakenIn, WhatRuns

REFUSALS = (PermissionDenied, Unacceptable, BundleError, ConnectError, KubeError)
SHOWN = 40


class Command(BaseCommand):
    help = (
        "Reads what runs in a namespace into a bundle, makes it the application's current one with a release of what "
        "runs, and shows what a first rollout would do. Nothing in the cluster changes. Values of Secrets are not read "
        "into the bundle: they stay in the cluster. Exit status: 0, also where the first plan changes something; "
        "1 where there is none."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("namespace")
        parser.add_argument("--application", required=True, help="Its name here; it is made where it is missing.")
        parser.add_argument(
            "--environment", default="", help="Where it runs; with --cluster one that is missing is made."
        )
        parser.add_argument("--cluster", default="", help="The cluster, where several have such a namespace.")
        parser.add_argument("--selector", default="", metavar="LABELS", help="Only what has these labels: app=web.")
        parser.add_argument(
            "--helm-release", default="", metavar="NAME", help="Only what this release of Helm put there."
        )
        parser.add_argument("--owner", default="", metavar="KIND/NAME", help="Only what this object owns.")
        parser.add_argument(
            "--version", dest="as_version", default="", help="The version of what runs, if no tag says it."
        )
        parser.add_argument("--output", type=Path, default=None, metavar="FOLDER", help="Also write the files there.")
        parser.add_argument("--write-only", action="store_true", help="Write the files to --output, and nothing else.")
        cli.add_actor(parser)

    def create_parser(self, prog_name: str, subcommand: str, **options: Any) -> Any:
        """Django's own --version is of no use here, and has the name that a release's has elsewhere."""
        return super().create_parser(prog_name, subcommand, conflict_handler="resolve", **options)

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["write_only"] and not options["output"]:
            raise CommandError("Say where: --write-only takes --output FOLDER.")
        actor = cli.actor_of(options["user"])
        environment = self._environment(actor, options)
        if actor.user is None:
            actor = cli.actor_of(options["user"])  # with its rights in an environment that has just been made
        selection = Selection(options["selector"], options["helm_release"], options["owner"])
        names = (options["application"], options["namespace"])
        try:
            given = importing.read(actor, environment, *names, selection, options["as_version"])
            self._tell(given)
            if options["output"]:
                self._write(given, options["output"])
            if not options["write_only"]:
                self._conclude(importing.take_in(actor, given), environment)
        except REFUSALS as refusal:
            raise CommandError(str(refusal)) from None

    def _environment(self, actor: Actor, options: dict[str, Any]) -> Environment:
        name, cluster = options["environment"], _cluster(options["cluster"])
        if name and cluster and not Environment.objects.filter(name=name).exists():
            return self._new(actor, name, cluster, options["namespace"])
        if name:
            return cli.environment_of(name)
        found = [
            each
            for each in Environment.objects.select_related("cluster")
            if (cluster is None or each.cluster == cluster) and _has(each, options["application"], options["namespace"])
        ]
        if len(found) == 1:
            return found[0]
        there = ", ".join(map(str, found)) or "none"
        raise CommandError(
            f"Say which environment this is: of those that may have {options['namespace']} there are {there}. "
            "--environment NAME --cluster CLUSTER makes a new one."
        )

    def _new(self, actor: Actor, name: str, cluster: Cluster, namespace: str) -> Environment:
        if actor.user is not None and not actor.user.has_perm("environments.add_environment"):
            raise CommandError(f"There is no environment {name}, and {actor.name} may not make one.")
        self.stdout.write(f"The environment {name} is new: {cluster}, the namespace {namespace}, no approvals needed.")
        return setting_up.add_environment(actor, name=name, cluster=cluster, namespace=namespace)

    def _tell(self, given: WhatRuns) -> None:
        found = given.found
        kinds = ", ".join(f"{count} {kind}" for kind, count in given.kinds.items())
        self.stdout.write(f"{given.namespace} has {len(found.manifests)} objects for {given.application}: {kinds}.")
        self._list("Stay in the cluster as they are, and are no part of the bundle", _secrets(given))
        self._list("Are read by workloads and were not found", found.missing)
        self._list("Left out", [each.text for each in found.left_out])
        self._list("Could not be listed: the credential has not the right", found.unread)

    def _list(self, title: str, lines: Any) -> None:
        if lines:
            more = [f"and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
            self.stdout.write("\n".join([f"{title}:", *(f"  {line}" for line in [*lines[:SHOWN], *more])]))

    def _write(self, given: WhatRuns, folder: Path) -> None:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise CommandError(f"{folder} is there already and is not an empty folder.")
        for file in given.files:
            path = folder / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(file.text)
        self.stdout.write(f"{len(given.files)} files are in {folder}.")

    def _conclude(self, taken: TakenIn, environment: Environment) -> None:
        release = taken.release
        new = "is new; its" if taken.created else "has a"
        self.stdout.write(f"The application {release.application} {new} current bundle {release.bundle}.")
        self.stdout.write(f"The release {release} is what runs.")
        self._plan(taken.plan, environment)
        self.stdout.write(f"Next: manage.py deploy {release.application} {release.version} {environment} --wait")

    def _plan(self, plan: FirstPlan, environment: Environment) -> None:
        if plan.refused:
            raise CommandError(f"There is no plan into {environment} yet:\n{plan.refused}")
        if plan.is_empty:
            self.stdout.write(f"The first plan into {environment} changes nothing but Slipway's own marks.")
        else:
            self._list(f"The first plan into {environment} changes, beside Slipway's own marks", plan.changes)
        self._list("To look at", plan.notes)


def _secrets(given: WhatRuns) -> list[str]:
    return [f"Secret {each['metadata']['name']} ({', '.join(each.get('data') or {})})" for each in given.found.secrets]


def _cluster(name: str) -> Cluster | None:
    if not name:
        return None
    found = Cluster.objects.filter(name=name).first()
    if found is None:
        there = ", ".join(Cluster.objects.values_list("name", flat=True)) or "none"
        raise CommandError(f"There is no cluster {name}; there are: {there}. `manage.py connect` registers one.")
    return found


def _has(environment: Environment, application: str, namespace: str) -> bool:
    return any(fnmatchcase(namespace, each) for each in environment.namespaces_for(application))
