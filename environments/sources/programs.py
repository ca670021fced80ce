"""Runs a program on files that anybody may have sent: no network, nobody's environment, limits on all that it takes."""

import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from environments.manifests.limits import LIMITS

LIMITED = Path(__file__).with_name("limited_program.py")
SECONDS = 30.0
MEMORY = 1024**3
SAID = 16 * 1024  # bytes of what a program says of its failure that are read
OUTPUT = "output.yaml"


class ProgramFailed(Exception):
    """It ended otherwise than well. `said`: what it wrote about that, without the folder that it worked in."""

    def __init__(self, said: str) -> None:
        super().__init__(said)
        self.said = said


@dataclass(frozen=True)
class Program:
    """A command that is there: absolute path first, with words that all its calls begin with."""

    command: tuple[str, ...]

    @property
    def name(self) -> str:
        return Path(self.command[0]).name


def find_program(setting: str, *usual: str) -> Program | None:
    """The command of a setting ("/usr/bin/kubectl kustomize"), else the first of the usual ones on the PATH."""
    for text in [setting] if setting else usual:
        words = shlex.split(text)
        if words and (path := shutil.which(words[0])):
            # Not where a link leads: some programs are several, by the name that they are called by.
            return Program((os.path.abspath(path), *words[1:]))
    return None


def run(
    program: Program, arguments: Sequence[str], scratch: Path, *, folder: Path, environment: Mapping[str, str] = {}
) -> str:
    """What the program writes, called in `folder`; `scratch` is its home, which holds the folder. ProgramFailed."""
    output, said = scratch / OUTPUT, scratch / "said"
    limits = [str(int(SECONDS)), str(MEMORY), str(LIMITS.total)]
    command = [sys.executable, "-I", "-S", str(LIMITED), *limits, *program.command, *arguments]
    with output.open("wb") as out, said.open("wb") as err:
        process = subprocess.Popen(  # noqa: S603
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True,
            env={**_home(scratch), **environment},
        )  # fmt: skip
        try:
            status = process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            raise ProgramFailed(f"{program.name} takes longer than {SECONDS:.0f} s") from None
        finally:
            _end(process)
    if status != 0:
        raise ProgramFailed(_words(program, status, output, said, scratch))
    return output.read_bytes().decode("utf-8", "replace")


def _home(scratch: Path) -> dict[str, str]:
    """Nothing of ours: no credential, no proxy, no PATH on which a helper could be found."""
    home = str(scratch)
    folders = dict.fromkeys(("HOME", "TMPDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"), home)
    limits = {"GOMEMLIMIT": str(MEMORY // 2), "GOMAXPROCS": "2"}
    return {**folders, **limits, "PATH": "", "KUBECONFIG": os.devnull, "LC_ALL": "C.UTF-8"}


def _end(process: "subprocess.Popen[bytes]") -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _words(program: Program, status: int, output: Path, said: Path, scratch: Path) -> str:
    if output.stat().st_size >= LIMITS.total:
        return f"{program.name} writes more than {LIMITS.total // 1024**2} MiB"
    if status in (-signal.SIGKILL, -signal.SIGXCPU):
        return f"{program.name} was ended: it takes more than {SECONDS:.0f} s of processor time, or too much memory"
    with said.open("rb") as file:
        text = file.read(SAID).decode("utf-8", "replace")
    if "out of memory" in text or "cannot allocate memory" in text:
        return f"{program.name} takes more than {MEMORY // 1024**2} MiB of memory"
    return text.replace(f"{os.path.realpath(scratch)}/", "").replace(f"{scratch}/", "").strip() or (
        f"{program.name} ended with status {status}"
    )
