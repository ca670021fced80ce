"""From a signed webhook to its 202, under growing numbers of senders, beside the same server's /healthz."""

import argparse
import hashlib
import hmac
import http.client
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any
from urllib.parse import urlsplit

from benchmarks import machine
from benchmarks.figures import Figures, seconds
from benchmarks.harness import stage
from benchmarks.report import Report, Table
from sandbox import Sandbox

SENDERS = (1, 8, 32)
TIMEOUT = 30

Call = Callable[[int], tuple[str, str, bytes, dict[str, str]]]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.webhook", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--calls", type=int, default=96, help="of each kind, in each round, for each number of senders")
    options = parser.parse_args()
    described = machine.described()
    with stage() as portal:
        webhook = _source(portal.options.url)
        url = portal.serve()
        taken = _rounds(url, webhook, options)
    _report(described, taken, options).publish()


def _source(url: str) -> dict[str, str]:
    """GitHub's source of the demo: every release goes to dev, and asks for staging."""
    from demo import seed
    from releases.models import Application

    with Sandbox(controllers=False) as sandbox:
        seed.people()
        seed.environments(sandbox.kubeconfig, "")
    seed.applications(seed_folder())
    application = Application.objects.get(name="ai-workflow")
    return seed.webhooks(application, {"registry.example/web": "registry.example/web:{version}"}, url)["github"]


def seed_folder() -> Any:
    from demo.options import ROOT

    return ROOT / "demo"


def _rounds(url: str, webhook: dict[str, str], options: argparse.Namespace) -> dict[str, dict[int, list[float]]]:
    numbers = count(1)
    kinds: dict[str, Call] = {"webhook": lambda number: _signed(webhook, number), "healthz": lambda _: _health()}
    taken: dict[str, dict[int, list[float]]] = {kind: {senders: [] for senders in SENDERS} for kind in kinds}
    for kind, call in kinds.items():
        _send(url, [call(next(numbers)) for _ in range(16)], 4, 202 if kind == "webhook" else 200)
    for _ in range(options.rounds):
        for senders in SENDERS:
            for kind, call in kinds.items():
                calls = [call(next(numbers)) for _ in range(options.calls)]
                taken[kind][senders] += _send(url, calls, senders, 202 if kind == "webhook" else 200)
    return taken


def _send(url: str, calls: list[Any], senders: int, wanted: int) -> list[float]:
    """Seconds of each call, a new connection each, with so many under way at any time."""
    place = urlsplit(url).netloc

    def send(call: tuple[str, str, bytes, dict[str, str]]) -> float:
        began = time.perf_counter()
        connection = http.client.HTTPConnection(place, timeout=TIMEOUT)
        connection.request(*call)
        answer = connection.getresponse()
        said = answer.read()
        took = time.perf_counter() - began
        connection.close()
        if answer.status != wanted:
            raise RuntimeError(f"{call[1]} answered {answer.status}: {said[:300]!r}")
        return took

    with ThreadPoolExecutor(senders) as pool:
        return list(pool.map(send, calls))


def _health() -> tuple[str, str, bytes, dict[str, str]]:
    return "GET", "/healthz", b"", {}


def _signed(webhook: dict[str, str], number: int) -> tuple[str, str, bytes, dict[str, str]]:
    release = {"id": number, "tag_name": f"v3.{number}.0", "body": "Faster.", "author": {"login": "octocat"}}
    body = json.dumps(
        {"action": "published", "release": release, "repository": {"id": 1, "full_name": "example/ai-workflow"}}
    ).encode()
    signature = hmac.new(webhook["secret"].encode(), body, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/json",
        "X-GitHub-Event": "release",
        "X-GitHub-Delivery": f"00000000-0000-0000-0000-{number:012d}",
        "X-Hub-Signature-256": f"sha256={signature}",
    }
    return "POST", urlsplit(webhook["url"]).path, body, headers


def _report(described: dict[str, str], taken: dict[str, dict[int, list[float]]], options: argparse.Namespace) -> Report:
    found = Report("webhook", described)
    columns = ("call", "senders", "calls", "p50", "p95", "p99", "most")
    title = (
        f"Webhook to 202, with a release and two rollouts recorded; {options.rounds} rounds, healthz in turns with it"
    )
    found.tables = [Table(title, columns, list(_rows(taken)))]
    found.raw = {"seconds": taken}
    return found


def _rows(taken: dict[str, dict[int, list[float]]]) -> Iterator[tuple[str, ...]]:
    for senders in SENDERS:
        for kind in taken:
            of = Figures.of(taken[kind][senders])
            shown = (seconds(value) for value in (of.median, of.p95, of.p99, of.most))
            yield kind, str(senders), str(of.count), *shown


if __name__ == "__main__":
    main()
