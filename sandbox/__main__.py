"""python -m sandbox: runs a sandbox until it is told to stop, and says where it is."""

import argparse
import json
import os
import signal
import sys
import threading
from pathlib import Path

from sandbox.recorded import SETS, sets
from sandbox.sandbox import Sandbox

_SAVE_EVERY = 30.0


def main() -> None:
    options = _options()
    sandbox = Sandbox(
        nodes=options.node,
        speed=options.speed,
        host=options.host,
        port=options.port,
        registry_port=options.registry_port,
        entry_port=options.entry_port,
        prometheus_port=options.prometheus_port,
        definitions=options.definitions,
        state=options.state,
        token=os.environ.get("SANDBOX_TOKEN", ""),
    )
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    with sandbox:
        _push(sandbox, options.images)
        if options.kubeconfig:
            _write_private(options.kubeconfig, sandbox.kubeconfig)
        _announce(sandbox, options.kubeconfig)
        while not stopping.wait(_SAVE_EVERY):
            sandbox.save()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--registry-port", type=int, default=0)
    parser.add_argument("--entry-port", type=int, default=0, help="of the edge, which routes by the Host header")
    parser.add_argument("--prometheus-port", type=int, default=0, help="of queries, and of /metrics")
    parser.add_argument(
        "--definitions", type=sets, default=SETS, help=f"custom resources, of {','.join(SETS)}; or none"
    )
    parser.add_argument("--kubeconfig", type=Path, help="file to write, mode 0600")
    parser.add_argument("--state", type=Path, help="file that keeps the objects")
    parser.add_argument("--images", type=Path, help='JSON: {"shop/web": {"1.0.0": {}, "1.1.0": {"crash": true}}}')
    parser.add_argument("--node", action="append", help="name=app-0,pool=app,cpu=8,memory=32Gi (repeatable)")
    parser.add_argument("--speed", type=float, default=1.0, help="simulated seconds in a second")
    return parser.parse_args()


def _push(sandbox: Sandbox, images: Path | None) -> None:
    for repository, tags in json.loads(images.read_bytes()).items() if images else ():
        for tag, behaviour in tags.items():
            sandbox.images.push(repository, tag, behaviour=behaviour)


def _write_private(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)


def _announce(sandbox: Sandbox, path: Path | None) -> None:
    said = {
        "server": sandbox.url,
        "kubeconfig": str(path or ""),
        "registry": sandbox.registry,
        "entry": sandbox.entry,
        "prometheus": sandbox.prometheus,
        "token": sandbox.token,
    }
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
