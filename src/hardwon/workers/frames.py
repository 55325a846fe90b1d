"""Messages between a confined process and the one that asks it: parts of stated lengths.

The asking end never unpickles or evaluates what comes back: a reply is a JSON object and bytes.
"""

import json
import socket
import struct
import time
from collections.abc import Sequence
from typing import Any

_HEAD = struct.Struct("<QI")
"""Bytes after the head, and how many parts they hold."""
_LENGTH = struct.Struct("<Q")
_MOST_PARTS = 1 << 16
_CHUNK = 1 << 16
"""How much is read at first: all of most messages."""
_MOST_AT_ONCE = 1 << 20

Buffer = bytes | bytearray | memoryview


class FrameError(Exception):
    """What came is no message, or too long, or the other end is gone."""


def send(connection: socket.socket, parts: Sequence[Buffer]) -> None:
    """Send one message."""
    lengths = b"".join([_LENGTH.pack(len(part)) for part in parts])
    size = len(lengths) + sum(map(len, parts))
    connection.sendall(b"".join((_HEAD.pack(size, len(parts)), lengths, *parts)))


def receive(
    connection: socket.socket, *, most: int | None = None, deadline: float | None = None
) -> list[bytearray]:
    """Wait for one message; whoever sends the next one before it is asked for is no partner.

    Args:
        connection: a stream socket.
        most: how many bytes the message may have, without the lengths.
        deadline: until when to wait, on the monotonic clock.

    Raises:
        FrameError: if something else comes, or the connection ends.
        TimeoutError: if the message is not complete in time.
    """
    found = _some(connection, _CHUNK, deadline)
    while len(found) < _HEAD.size:
        found += _some(connection, _CHUNK, deadline)
    size, count = _HEAD.unpack_from(found)
    if not 1 <= count <= _MOST_PARTS:
        raise FrameError(f"expected a message, got one of {count} parts")
    table = _LENGTH.size * count
    if most is not None and size - table > most:
        raise FrameError(f"expected at most {most} bytes, got {size - table}")
    total = _HEAD.size + size
    if len(found) > total:
        raise FrameError("expected one message at a time")
    while len(found) < total:
        found += _some(connection, min(total - len(found), _MOST_AT_ONCE), deadline)
    body = memoryview(found)[_HEAD.size :]
    if size < table:
        raise FrameError("expected the lengths of all parts")
    lengths = [length for (length,) in _LENGTH.iter_unpack(body[:table])]
    if sum(lengths) != size - table:
        raise FrameError("expected parts of the lengths that are stated")
    parts = []
    start = table
    for length in lengths:
        parts.append(bytearray(body[start : start + length]))
        start += length
    return parts


def _some(connection: socket.socket, most: int, deadline: float | None) -> bytearray:
    """Wait for some bytes, at least one."""
    if deadline is not None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        connection.settimeout(left)
    try:
        chunk = connection.recv(most)
    except TimeoutError:
        raise
    except OSError as error:
        raise FrameError(str(error)) from error
    if not chunk:
        raise FrameError("the connection has ended")
    return bytearray(chunk)


def read_object(part: bytearray) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        FrameError: if it is none.
    """
    try:
        value = json.loads(part)
    except (ValueError, RecursionError) as error:
        raise FrameError("expected JSON") from error
    if not isinstance(value, dict):
        raise FrameError("expected a JSON object")
    return value
