"""Keeps what is costly to make, the latest used, up to a size and not up to a count."""

import threading
from collections import OrderedDict
from typing import Generic, TypeVar

T = TypeVar("T")


class Kept(Generic[T]):
    """Values by a key, at most `room` bytes of them together. Thread safe."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.size = 0
        self._lock = threading.Lock()
        self._held: OrderedDict[str, tuple[T, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._held)

    def get(self, key: str) -> T | None:
        with self._lock:
            if key not in self._held:
                return None
            self._held.move_to_end(key)
            return self._held[key][0]

    def keep(self, key: str, value: T, size: int) -> None:
        """Keeps a value of about `size` bytes in the place of those that nobody has asked for the longest."""
        with self._lock:
            self._drop(key)
            self._held[key] = (value, size)
            self.size += size
            while self.size > self.room:
                self._drop(next(iter(self._held)))

    def _drop(self, key: str) -> None:
        if key in self._held:
            self.size -= self._held.pop(key)[1]
