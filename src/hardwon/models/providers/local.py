"""A model file: the OpenAI-compatible side of the server that runs it."""

from dataclasses import replace

from hardwon.models.http import Server
from hardwon.models.local import LocalServer
from hardwon.models.protocol import ModelError
from hardwon.models.provider import Provider, Reply, TransientError
from hardwon.models.providers.openai import OpenAIProvider
from hardwon.records import Parameters, Prompt


class LocalProvider:
    """Starts the server with the first request, since loading a model takes a while."""

    def __init__(
        self,
        name: str,
        server: LocalServer,
        *,
        timeout: float,
        thinking_tokens: int | None = None,
    ) -> None:
        """Take over a server; nothing is started yet.

        Args:
            name: what the model is called in a run.
            server: runs the model.
            timeout: seconds without a sign of life until a request is given up.
            thinking_tokens: room for thinking.
        """
        self._name = name
        self._server = server
        self._timeout = timeout
        self._thinking_tokens = thinking_tokens
        self._inner: Provider | None = None

    @property
    def name(self) -> str:
        """What the model is called in a run."""
        return self._name

    def output_limit(self, parameters: Parameters) -> int:
        """Return the limit that is sent, thinking included."""
        if self._inner is not None:
            return self._inner.output_limit(parameters)
        return parameters.max_tokens + (self._thinking_tokens or 0)

    async def send(self, prompt: Prompt, parameters: Parameters, index: int, limit: int) -> Reply:
        """Send one request; see `Provider.send`."""
        url = await self._server.start()
        if self._inner is None:
            self._inner = OpenAIProvider(
                self._name,
                Server(self._name, f"{url}/v1", None, "(none)"),
                self._server.path.name,
                timeout=self._timeout,
                thinking_tokens=self._thinking_tokens,
                extra="local",
            )
        try:
            reply = await self._inner.send(prompt, parameters, index, limit)
        except TransientError as error:
            if error.reached:
                raise
            # It did listen: nothing but its end stops that, and nobody else would start it again.
            raise ModelError(self._server.gone("it takes no connection")) from error
        # llama.cpp answers under the path of the file, which is nobody else's business.
        return replace(reply, model=self._name)

    async def close(self) -> None:
        """Close the connections; the server belongs to `LocalModel`."""
        if self._inner is not None:
            await self._inner.close()
