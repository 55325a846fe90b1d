"""The module that a child runs in the tests: it does what it is asked to."""

import contextlib
import os
import sys
import time
from pathlib import Path
from typing import Any

from hardwon.workers import serve


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Do it, and tell."""
    match request["do"]:
        case "echo":
            return {"said": request["say"]}
        case "look around":
            return {
                "pid": os.getpid(),
                "group": os.getpgid(0),
                "environment": dict(os.environ),
                "folder": str(Path.cwd()),
                "files": [path.name for path in Path().iterdir()],
                "modules": sorted(sys.modules),
            }
        case "print":
            print("no reply" * 100_000)
            os.write(1, b'{"said": "something else"}\n')
            print("nor this", file=sys.stderr, flush=True)
        case "babble":
            for descriptor in range(3, 20):
                with contextlib.suppress(OSError):
                    os.write(descriptor, request["say"].encode("latin-1") + b"\n")
        case "read standard input":
            return {"said": sys.stdin.read()}
        case "fork":
            os.fork()  # both of them come back and answer
        case "leave a child behind":
            if os.fork() == 0:
                time.sleep(1000)
        case "sleep":
            time.sleep(1000)
        case "exit":
            os._exit(0)
        case "raise":
            raise ValueError("of no concern to the caller")
        case "leave files":
            Path("left").write_text("behind")
    return {}


def main() -> None:
    """Serve until the requests end."""
    serve(answer)
