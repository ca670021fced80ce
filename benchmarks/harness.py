"""A portal of its own for one benchmark: database, settings and processes, all gone afterwards."""

import os
import socket
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import django
from django.core.management import execute_from_command_line

from demo.options import Options, settings
from demo.processes import Processes

SERVER = ("manage.py", "serve")


@dataclass(frozen=True)
class Stage:
    """`variables` are the portal's settings, which this process has too."""

    options: Options
    variables: Mapping[str, str]
    processes: Processes

    @property
    def folder(self) -> Path:
        return self.options.state

    def orchestrate(self, *command: str) -> int:
        """Starts the orchestrator, or a command in its place; its process id."""
        words = list(command) or ["manage.py", "orchestrate"]
        self.processes.start("orchestrator", [sys.executable, *words], self.variables)
        return self.processes.running["orchestrator"].pid

    def serve(self) -> str:
        """Starts the portal as the demo does; its address."""
        place = f"127.0.0.1:{self.options.port}"
        self.processes.start("portal", [sys.executable, *SERVER, "--bind", place], self.variables)
        self.processes.wait_for(f"{self.options.url}/healthz")
        return self.options.url


@contextmanager
def stage(registry: str = "", kubeconfig: str = "", database: str = "") -> Iterator[Stage]:
    """A migrated portal, with Django set up in this process too. `database`: a URL, else SQLite."""
    with tempfile.TemporaryDirectory(prefix="slipway-benchmark-") as folder:
        options = Options(free_port(), Path(folder), kubeconfig, registry, "")
        options.fresh_state()
        variables = settings(options, registry or "127.0.0.1:1")
        variables |= {"SLIPWAY_LOG_FORMAT": "json"} | ({"SLIPWAY_DATABASE_URL": database} if database else {})
        os.environ.update(variables)
        django.setup()
        execute_from_command_line(["manage.py", "migrate", "--verbosity", "0"])
        execute_from_command_line(["manage.py", "collectstatic", "--noinput", "--verbosity", "0"])
        with Processes(options.state) as processes:
            yield Stage(options, variables, processes)


def free_port() -> int:
    """One of this machine's that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
