"""The syntax trees of the project's sources, for tests that walk over them."""

import ast
import gc
from functools import cache
from pathlib import Path


@cache
def tree_of(path: Path) -> ast.Module:
    """The tree of a file, parsed once a process.

    Without the garbage collector: Python 3.11 raises SystemError where a finalizer that runs meanwhile has a traceback
    written, which parses too.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        return ast.parse(path.read_text())
    finally:
        if was_on:
            gc.enable()
