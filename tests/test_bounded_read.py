"""Reads that end: by size and by time."""

import io
import time
from unittest.mock import Mock

import pytest

from common.bounded_read import CHUNK, bounded_read


@pytest.mark.parametrize("size", [0, 1, CHUNK, CHUNK + 1])
def test_what_there_is_is_read_to_its_end(size: int) -> None:
    assert bounded_read(io.BytesIO(b"x" * size).read, 2 * CHUNK) == b"x" * size


def test_no_byte_more_is_asked_for() -> None:
    source = io.BytesIO(b"x" * 3 * CHUNK)
    assert len(bounded_read(source.read, CHUNK + 5)) == CHUNK + 5
    assert source.tell() == CHUNK + 5


def test_what_drips_is_given_up() -> None:
    read = Mock(side_effect=lambda _size: time.sleep(0.01) or b"x")
    with pytest.raises(TimeoutError):
        bounded_read(read, 1000, until=time.monotonic() + 0.05)
    assert read.call_count < 20


def test_what_came_whole_is_not_thrown_away_when_the_time_is_over_afterwards() -> None:
    assert bounded_read(io.BytesIO(b"").read, 10, until=0.0) == b""
