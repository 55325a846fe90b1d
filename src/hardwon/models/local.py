"""Models in a file: llama.cpp's server, in a child process on loopback."""

import asyncio
import hashlib
import importlib.util
import os
from pathlib import Path
from typing import Any

from hardwon.models.extras import install_hint, require
from hardwon.models.protocol import Model, ModelError
from hardwon.records import Completion, Parameters, Prompt
from hardwon.workers import Child, ChildEndedError

LOADING_SECONDS = 900.0
"""How long a model may take to load; large files on slow disks take minutes."""

_PASSED_ON = ("CUDA_", "GGML_", "HIP_", "HSA_", "LLAMA_", "OMP_", "ROCR_", "VK_")
"""Prefixes of the variables that steer llama.cpp. Nothing else of the environment goes there."""
_MAGIC = b"GGUF"
_SAMPLES = 64
_SAMPLE_BYTES = 64 << 10


class LocalServer:
    """llama.cpp's HTTP server with one model; started by the first call that needs it.

    It offers the OpenAI-compatible interface under `base_url` + "/v1", and llama.cpp's own under
    `base_url`: "/completion" with grammars and probabilities, "/apply-template", "/tokenize".
    """

    def __init__(
        self, path: Path, *, context: int = 16384, slots: int = 1, threads: int | None = None
    ) -> None:
        """Check that the file can be served, without loading it.

        Args:
            path: a GGUF file.
            context: tokens of one conversation, prompt and answer together; llama.cpp takes less
                if the model was trained with less.
            slots: conversations served at a time. One keeps the shared beginning of successive
                prompts in its cache, which is what counts on a CPU.
            threads: of llama.cpp; by default one per core that this process may use.

        Raises:
            ModelError: if there is no such file, it is no GGUF file, or xllamacpp is missing.
        """
        if importlib.util.find_spec("xllamacpp") is None:
            raise ModelError(install_hint("xllamacpp", "local"))
        self.path = path.expanduser().absolute()
        self.slots = slots
        self._context = context
        self._threads = threads or _cores()
        _check_file(self.path)
        self._child = Child("hardwon.models.local_child")
        self._starting = asyncio.Lock()
        self._base_url: str | None = None
        self._client: Any = None

    @property
    def base_url(self) -> str:
        """Where it listens, e.g. "http://127.0.0.1:40123".

        Raises:
            ModelError: if it has not been started.
        """
        if self._base_url is None:
            raise ModelError(f"{self.path.name} is not being served; start the server first")
        return self._base_url

    async def start(self) -> str:
        """Load the model, unless that is done, and return `base_url`.

        Raises:
            ModelError: if it cannot be loaded; says what llama.cpp says.
        """
        async with self._starting:
            if self._base_url is None:
                self._base_url = await self._load()
            return self._base_url

    async def post(self, path: str, payload: dict[str, Any]) -> Any:
        """Call one of llama.cpp's own endpoints, starting the server if need be.

        Args:
            path: e.g. "/completion".
            payload: the request's JSON.

        Returns:
            The JSON of the answer.

        Raises:
            ModelError: if the server is gone, or refuses; says what the server says.
        """
        httpx = require("httpx", "local")
        url = await self.start() + path
        if self._client is None:
            # No limit of time: one may wait for a slot as long as all others take. And no proxy.
            self._client = httpx.AsyncClient(timeout=None, trust_env=False)
        try:
            answer = await self._client.post(url, json=payload)
        except httpx.HTTPError as error:
            raise ModelError(self.gone(str(error) or type(error).__name__)) from None
        if answer.is_error:
            raise ModelError(f"{self.path.name}: {path} answers {answer.text}")
        return answer.json()

    def gone(self, reason: str) -> str:
        """Say that the server does not answer any more."""
        return f"{self.path.name}: its server is gone ({reason}), perhaps for want of enough memory"

    async def close(self) -> None:
        """End the server's process."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None
        self._base_url = None
        await self._child.stop()

    async def _load(self) -> str:
        await self._child.start()
        request = {
            "model": str(self.path),
            "context": self._context,
            "slots": self.slots,
            "threads": self._threads,
            "environment": {
                name: value for name, value in os.environ.items() if name.startswith(_PASSED_ON)
            },
        }
        try:
            reply = await self._child.ask(request, LOADING_SECONDS)
        except TimeoutError:
            reply = {"error": f"not loaded after {LOADING_SECONDS:.0f} s"}
        except ChildEndedError:
            reply = {"error": "the process died over it; is there enough memory?"}
        except BaseException:
            await self._child.stop()
            raise
        if "error" in reply:
            await self._child.stop()
            raise ModelError(f"{self.path} cannot be loaded: {reply['error']}")
        return str(reply["base_url"])


class LocalModel:
    """A model with the server that it runs on.

    Typed decoding steers the server directly; everybody else just asks for completions.
    """

    def __init__(self, server: LocalServer, model: Model) -> None:
        self.server = server
        self._model = model

    @property
    def name(self) -> str:
        """The file's name with a hash of its content, wherever it lies."""
        return self._model.name

    async def complete(
        self, prompt: Prompt, parameters: Parameters, *, index: int = 0, role: str = "proposer"
    ) -> Completion:
        """Return one sample; see `Model.complete`."""
        return await self._model.complete(prompt, parameters, index=index, role=role)

    async def close(self) -> None:
        """End the server and all that asks it."""
        await self._model.close()
        await self.server.close()


def local_name(path: Path) -> str:
    """Name a model file by its own name and its content.

    The hash covers the size and blocks spread evenly over the file, since reading all of a large
    file takes longer than loading it: two models with the same blocks do not occur in practice.
    """
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        for number in range(_SAMPLES):
            file.seek(max(size - _SAMPLE_BYTES, 0) * number // (_SAMPLES - 1))
            digest.update(file.read(_SAMPLE_BYTES))
    return f"local:{path.name}#{digest.hexdigest()[:12]}"


def _check_file(path: Path) -> None:
    if path.exists() and not path.is_file():
        # Opening it might wait for ever, as for somebody who writes into a pipe.
        raise ModelError(f"the model file {path} cannot be read: it is a folder or a device")
    try:
        with path.open("rb") as file:
            magic = file.read(len(_MAGIC))
    except OSError as error:
        raise ModelError(f"the model file {path} cannot be read: {error.strerror}") from error
    if magic != _MAGIC:
        found = f"begins with {magic!r}" if magic else "is empty"
        raise ModelError(
            f"{path} is no GGUF file: it {found}, and such a file begins with {_MAGIC!r}; local"
            " models are read in that format only"
        )


def _cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
