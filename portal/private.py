"""Files that nobody but the portal's own account reads."""

import os
from pathlib import Path

FOLDER, FILE = 0o700, 0o600


def private_folder(folder: Path) -> Path:
    """The folder, made where it is missing, closed to others. One of another account is left as it is."""
    folder.mkdir(parents=True, exist_ok=True, mode=FOLDER)
    _close(folder, FOLDER)
    return folder


def private_file(file: Path) -> None:
    """The file, made empty where only its folder is there, closed to others.

    SQLite gives its journals the mode of the database: so that has to be closed before the first connection.
    """
    if file.parent.is_dir():
        os.close(os.open(file, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, FILE))
        _close(file, FILE)


def is_private(path: Path) -> bool:
    """Whether neither the group nor others may do anything with it; a path that is not there is."""
    return not path.exists() or path.stat().st_mode & 0o077 == 0


def _close(path: Path, mode: int) -> None:
    status = path.stat()
    if status.st_mode & 0o077 and status.st_uid == os.geteuid():
        path.chmod(mode)
