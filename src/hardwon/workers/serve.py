"""The child's end: reads requests and writes replies until the requests end."""

import json
import os
from collections.abc import Callable
from typing import Any

from hardwon.workers.protection import die_with_parent


def serve(answer: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Answer requests, one JSON value a line.

    Replies travel over a copy of standard output. The original leads nowhere afterwards, so that a
    stray `print` of other people's code cannot be taken for a reply. Each carries the number of its
    request, and a process that other people's code has forked off never gets to reply.
    """
    die_with_parent()
    requests = os.fdopen(os.dup(0), "rb")
    replies = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    process = os.getpid()
    for line in requests:
        message = json.loads(line)
        reply = {"number": message["number"], "reply": answer(message["request"])}
        if os.getpid() != process:
            os._exit(0)
        replies.write(json.dumps(reply).encode() + b"\n")
        replies.flush()
