"""The child process that serves a model file: llama.cpp's own HTTP server, on loopback only.

Run by `LocalServer`. It answers one request, to load the model, and serves until its parent ends.
"""

import importlib
import os
import re
from pathlib import Path
from typing import Any

from hardwon.workers import serve

LOG = Path("llama.log")
"""Where llama.cpp's messages go, in the process's own folder."""

KEPT_MIB = 2048
"""Memory for prompts that have been read, besides the one being answered; 69 MiB is what 3000
tokens of SmolLM2-135M take, 86 MiB of a 1.5B model, 400 MiB of a 7B model."""

_LOG_PREFIX = re.compile(r"[\d.]+ [A-Z] +(?:\S+ +)?\w+: ")
"""E.g. "0.00.012.009 E srv    load_model: "."""
_loaded: list[Any] = []
"""Keeps the server alive: it stops when nothing refers to it."""


def main() -> None:
    """Answer the parent until it closes its end."""
    serve(load)


def load(request: dict[str, Any]) -> dict[str, Any]:
    """Load a model and start serving it.

    Args:
        request: `model` (absolute path), `context` (tokens of one conversation), `slots`
            (conversations at a time), `threads`, and `environment` (variables to set first).

    Returns:
        `base_url`, or `error` with what llama.cpp says.
    """
    os.environ.update(request["environment"])
    # OpenMP's threads spin while they wait for each other. Where other processes want the same
    # cores, that makes two threads many times slower than one; passive ones lose nothing.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    with LOG.open("ab") as log:
        os.dup2(log.fileno(), 2)
    try:
        server = _serve(request)
    except (ImportError, OSError, AttributeError) as error:
        return {"error": str(error)}
    except RuntimeError as error:
        advice = "is the file whole, and of a kind that this llama.cpp knows?"
        return {"error": f"{_first_error() or error}; {advice}"}
    _loaded.append(server)
    return {"base_url": str(server.listening_address)}


def _serve(request: dict[str, Any]) -> Any:
    # Imported here, after the environment is set, since OpenMP reads it only once.
    xllamacpp = importlib.import_module("xllamacpp")
    parameters = xllamacpp.CommonParams()
    parameters.model.path = request["model"]
    parameters.n_parallel = request["slots"]
    parameters.n_ctx = request["context"] * request["slots"]
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.ui = False
    parameters.verbosity = 1
    parameters.cache_ram_mib = KEPT_MIB
    if request["slots"] == 1:
        # llama.cpp reuses what a prompt shares with the one before, and forgets the rest of that
        # one unless it is more than half. Prompts of different tasks share nearly everything, so
        # each task would be read anew whenever its turn comes. Without a slot that is similar
        # enough, the prompt before is kept, and the best of all that were kept is taken.
        parameters.slot_prompt_similarity = 0.0
    for threads in (parameters.cpuparams, parameters.cpuparams_batch):
        threads.n_threads = request["threads"]
    return xllamacpp.Server(parameters)


def _first_error() -> str:
    """Return what llama.cpp said first, without the time and the place in its source."""
    # The log holds errors only; those that follow the first one are its consequences.
    line, _, _ = LOG.read_text(encoding="utf-8", errors="replace").strip().partition("\n")
    return _LOG_PREFIX.sub("", line.strip())
