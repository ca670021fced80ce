"""Processes that die with their parent. Without it, a killed orchestrator leaves workers that go on executing."""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
_state = {"registered": False, "parent": 0}


def die_with_parent() -> None:
    """From now on every fork of this process and of its children is killed when its parent ends. Linux only."""
    if _state["registered"] or not sys.platform.startswith("linux"):
        return
    os.register_at_fork(before=_before, after_in_child=_after_in_child)
    _state["registered"] = True


def _before() -> None:
    _state["parent"] = os.getpid()


def _after_in_child() -> None:
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != _state["parent"]:
        os._exit(1)
