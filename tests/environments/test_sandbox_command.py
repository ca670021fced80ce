"""`manage.py sandbox` prints a kubeconfig that works, and serves until it is told to stop."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from environments.kube.api.access import Access
from environments.kube.api.client import Gateway

ROOT = Path(__file__).parents[2]


def test_the_printed_kubeconfig_leads_to_a_cluster_with_nodes() -> None:
    command = [sys.executable, "manage.py", "sandbox", "--node", "name=only,pool=app,cpu=2,memory=4Gi"]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ}
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert "Ctrl-C ends it" in process.stderr.readline()
        os.set_blocking(process.stdout.fileno(), False)
        gateway = Gateway(Access.from_kubeconfig(process.stdout.read()))
        assert [node["metadata"]["name"] for node in gateway.list("v1", "Node")] == ["only"]
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
