"""Reading what somebody else sends: never more than is wanted, and never for longer."""

import math
import time
from collections.abc import Callable

CHUNK = 64 * 1024


def bounded_read(read: Callable[[int], bytes], at_most: int, until: float = math.inf) -> bytes:
    """What `read(size)` gives until it gives nothing: the first `at_most` bytes of it.

    TimeoutError when a piece comes after `until`, a moment of time.monotonic(); a read that itself does not end is
    for its connection's own limit.
    """
    content = bytearray()
    while len(content) < at_most and (chunk := read(min(CHUNK, at_most - len(content)))):
        content += chunk
        if time.monotonic() > until:
            raise TimeoutError
    return bytes(content)
