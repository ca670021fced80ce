"""What a benchmark ran on: cores, memory, versions and load, and no names."""

import os
import platform
import re
import sqlite3
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("django", "django-q2", "kubernetes", "urllib3", "starlette", "uvicorn", "waitress")


def described(**more: str) -> dict[str, str]:
    """{what: value}; `more` are versions that the caller asked for."""
    return {
        "processor": f"{os.cpu_count()} × {_processor()}",
        "memory": f"{_memory():.0f} GiB",
        "system": f"{platform.system()} {re.match(r'[0-9.]+', platform.release())[0]}",  # type: ignore[index]
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
        **{name: version(name) for name in PACKAGES},
        "load before": load(),
        **more,
    }


def load() -> str:
    """Processes that wanted to run, over the last one, five and fifteen minutes."""
    return " ".join(f"{each:.2f}" for each in os.getloadavg())


def _processor() -> str:
    names = re.findall(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return names[0] if names else platform.machine()


def _memory() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
