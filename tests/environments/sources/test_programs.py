"""A program that renders gets nothing of ours, and takes no more than its limits."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from environments.sources import programs
from environments.sources.programs import Program, ProgramFailed, find_program, run
from tests.environments.sources.files import script


def may_leave_the_network() -> bool:
    """Whether a process of this machine can get a network of its own, as the product tries."""
    found = subprocess.run(
        [sys.executable, "-c", "import ctypes, sys; sys.exit(ctypes.CDLL(None).unshare(0x40000000))"],
        check=False,
    )
    return found.returncode == 0


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    (tmp_path / "files").mkdir()
    return tmp_path


def done(scratch: Path, source: str) -> str:
    return run(script(scratch, source), ["template"], scratch, folder=scratch / "files")


def test_it_gets_no_environment_of_ours(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPWAY_SECRET_KEY", "hush")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example")
    seen = json.loads(done(scratch, "import json, os; print(json.dumps(dict(os.environ)))"))
    assert (seen["HOME"], seen["PATH"]) == (str(scratch), "")
    assert not {name for name in seen if name.startswith("SLIPWAY") or "PROXY" in name}


@pytest.mark.skipif(not may_leave_the_network(), reason="this kernel gives nobody a network of their own")
def test_it_reaches_not_even_this_machine(scratch: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(ProgramFailed, match="Error"):
        done(scratch, f"import socket; socket.create_connection({server.getsockname()!r}, 2)")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import time; time.sleep(60)", "takes longer than"),
        ("while True: pass", "(takes longer than|processor time)"),
        ("import sys\nwhile True: sys.stdout.write('x' * 100000)", "writes more than"),
        ("x = bytearray(3 * 1024**3)", "MemoryError"),
        ("import sys; sys.exit('files/x.yaml: bad')", "files/x.yaml: bad"),
        ("import sys; sys.exit(3)", "ended with status 3"),
    ],
)
def test_it_is_ended_at_its_limits_and_its_words_are_told(
    scratch: Path, monkeypatch: pytest.MonkeyPatch, source: str, words: str
) -> None:
    monkeypatch.setattr(programs, "SECONDS", 2.0)
    with pytest.raises(ProgramFailed, match=words):
        done(scratch, source)


def test_the_folder_that_it_worked_in_is_not_told(scratch: Path) -> None:
    with pytest.raises(ProgramFailed) as raised:
        done(scratch, "import os, sys; sys.exit(f'open {os.getcwd()}/x.yaml: no such file')")
    assert raised.value.said == "open files/x.yaml: no such file"


def test_a_program_is_found_by_its_setting_or_on_the_path(tmp_path: Path) -> None:
    there = tmp_path / "kubectl"
    there.write_text("#!/bin/sh\n")
    there.chmod(0o755)
    assert find_program(f"{there} kustomize") == Program((str(there), "kustomize"))
    assert find_program(str(tmp_path / "absent"), "sh") is None
    assert find_program("", "no-such-program", "sh") is not None
