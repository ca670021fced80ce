"""What the tests of the queue have their messages call, and a process that owns a queue cluster.

python -m tests.portal.queue_probe FOLDER     runs a cluster until SIGTERM; writes FOLDER/ready
"""

import os
import signal
import sys
import time
from pathlib import Path


def touch(folder: str, number: int) -> None:
    """Leaves a line for each time it ran."""
    with (Path(folder) / f"done-{number}").open("a") as file:
        file.write(f"{os.getpid()}\n")


def sleep(folder: str, seconds: int) -> None:
    """Says that it runs, then takes its time."""
    (Path(folder) / "sleeping").write_text(str(os.getpid()))
    time.sleep(seconds)


def fail(folder: str) -> None:
    """Says that it ran, then raises."""
    with (Path(folder) / "failed").open("a") as file:
        file.write("x")
    raise ValueError("on purpose")


def main(folder: Path) -> int:
    import django

    django.setup()
    from portal.orchestration.queue import QueueCluster

    stopping: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: stopping.append(number))
    cluster = QueueCluster()
    cluster.start()
    (folder / "ready").write_text(str(os.getpid()))
    while not stopping and not cluster.wedged(limit=3):
        time.sleep(0.05)
    (folder / "why").write_text(cluster.wedged(limit=3))
    return 0 if cluster.stop(deadline=4) and stopping else 1


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    sys.exit(main(Path(sys.argv[1])))
