"""`manage.py sandbox`: an embedded cluster to try things on. Prints a kubeconfig, and serves until Ctrl-C."""

import signal
import threading
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from sandbox import Sandbox
from sandbox.recorded import SETS, sets


class Command(BaseCommand):
    help = "Runs the embedded cluster, and prints its kubeconfig. kubectl and Slipway work on it; nothing is real."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=0, help="Of the API; 0 takes a free one.")
        parser.add_argument("--registry-port", type=int, default=0, help="Of the image registry; 0 takes a free one.")
        parser.add_argument("--entry-port", type=int, default=0, help="Of the edge; 0 takes a free one.")
        parser.add_argument("--prometheus-port", type=int, default=0, help="Of its Prometheus; 0 takes a free one.")
        parser.add_argument(
            "--definitions", type=sets, default=SETS, help=f"Custom resources: of {','.join(SETS)}, or none."
        )
        parser.add_argument(
            "--node", action="append", help="name=app-0,pool=app,cpu=8,memory=32Gi; may be given again."
        )
        parser.add_argument("--state", type=Path, help="File that keeps the objects from one run to the next.")
        parser.add_argument(
            "--kubeconfig", type=Path, help="File to write in place of printing, readable by you alone."
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        stopping = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stopping.set())
        with Sandbox(
            nodes=options["node"],
            port=options["port"],
            registry_port=options["registry_port"],
            entry_port=options["entry_port"],
            prometheus_port=options["prometheus_port"],
            definitions=options["definitions"],
            state=options["state"],
        ) as sandbox:
            self._tell(sandbox, options["kubeconfig"])
            stopping.wait()

    def _tell(self, sandbox: Sandbox, file: Path | None) -> None:
        if file:
            file.touch(mode=0o600)
            file.write_text(sandbox.kubeconfig)
        else:
            self.stdout.write(sandbox.kubeconfig, ending="")
        self.stdout.flush()
        self.stderr.write(
            f"The sandbox serves {sandbox.url}, and images on {sandbox.registry}. {sandbox.entry} routes requests by "
            f"their Host header, and {sandbox.prometheus} answers queries on them. "
            "It has tokens and no roles (RBAC): who has one may do everything. Ctrl-C ends it."
        )
