"""python limited_program.py SECONDS MEMORY OUTPUT COMMAND…: becomes the command, within limits and without a network.

Run by path, without any package: it imports nothing of ours. MEMORY and OUTPUT are bytes, of what it may hold and of
the largest file that it may write.
"""

import contextlib
import ctypes
import os
import resource
import signal
import sys

PR_SET_PDEATHSIG = 1
PR_SET_NO_NEW_PRIVS = 38
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000


def main(words: list[str]) -> int:
    """Does not return where the command was started."""
    seconds, memory, output = map(int, words[:3])
    command = words[3:]
    parent = os.getppid()
    if sys.platform.startswith("linux"):
        _bind(parent)
    for what, most in (
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_DATA, memory),
        (resource.RLIMIT_FSIZE, output),
        (resource.RLIMIT_NOFILE, 256),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))
    try:
        os.execv(command[0], command)  # noqa: S606 # nosec B606
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
    return 127


def _bind(parent: int) -> None:
    """Ends with who started it, gains no rights, and has no network where the kernel lets it go without."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(1)
    for flags in (CLONE_NEWNET, CLONE_NEWUSER | CLONE_NEWNET):
        with contextlib.suppress(OSError, AttributeError):
            if libc.unshare(flags) == 0:
                return


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
