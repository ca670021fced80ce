"""`manage.py connect NAME KUBECONFIG`: registers a cluster, or gives a registered one a new credential."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from environments import clusters
from environments.clusters import Connected, ConnectError
from portal.actors import SYSTEM


class Command(BaseCommand):
    help = "Registers a cluster from a kubeconfig (a file, or - for standard input). The credential is kept encrypted."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name")
        parser.add_argument("kubeconfig", nargs="?", default="")
        parser.add_argument("--context", default=None, help="A context of the kubeconfig other than its current one.")
        parser.add_argument("--in-cluster", action="store_true", help="Use the service account of this pod.")

    def handle(self, *_args: Any, **options: Any) -> None:
        if bool(options["kubeconfig"]) == options["in_cluster"]:
            raise CommandError("Give a kubeconfig, or --in-cluster.")
        try:
            connected = _connect(options)
        except ConnectError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{connected.cluster.name}: {connected.cluster.server}, Kubernetes {connected.version}")
        if connected.missing:
            self.stderr.write(connected.cluster.trouble)


def _connect(options: dict[str, Any]) -> Connected:
    if options["in_cluster"]:
        return clusters.connect_in_cluster(options["name"], actor=SYSTEM)
    return clusters.connect(options["name"], _read(options["kubeconfig"]), options["context"], actor=SYSTEM)


def _read(path: str) -> str:
    try:
        return sys.stdin.read() if path == "-" else Path(path).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path} cannot be read: {error}") from None
