"""Messages between processes arrive whole, and one at a time."""

import socket
import time

import pytest

from hardwon.workers import frames


def pair() -> tuple[socket.socket, socket.socket]:
    return socket.socketpair()


def test_parts_arrive_as_they_were_sent() -> None:
    ours, theirs = pair()
    with ours, theirs:
        for parts in ([b"{}"], [b"", b"a" * 100_000, b""], [b"x"] * 50):
            frames.send(theirs, parts)
            assert frames.receive(ours, most=100_000) == parts


def test_a_second_message_that_nobody_asked_for_is_an_error() -> None:
    ours, theirs = pair()
    with ours, theirs:
        frames.send(theirs, [b"{}"])
        frames.send(theirs, [b"{}"])
        with pytest.raises(frames.FrameError, match="one message at a time"):
            frames.receive(ours, most=100)


def test_a_message_in_pieces_is_waited_for_until_the_deadline() -> None:
    ours, theirs = pair()
    with ours, theirs:
        theirs.sendall(b"\x09")
        with pytest.raises(TimeoutError):
            frames.receive(ours, most=100, deadline=time.monotonic() + 0.05)


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (frames._HEAD.pack(1 << 40, 1), "at most 100 bytes"),
        (frames._HEAD.pack(0, 0), "one of 0 parts"),
        (frames._HEAD.pack(0, 1 << 20), "parts"),
        (frames._HEAD.pack(4, 1) + b"1234", "lengths of all parts"),
        (frames._HEAD.pack(9, 1) + frames._LENGTH.pack(5) + b"1", "lengths that are stated"),
        (b"123", "has ended"),
    ],
)
def test_what_is_no_message_is_refused(sent: bytes, message: str) -> None:
    ours, theirs = pair()
    with ours:
        with theirs:
            theirs.sendall(sent)
        with pytest.raises(frames.FrameError, match=message):
            frames.receive(ours, most=100)
