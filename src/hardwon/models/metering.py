"""Sends one request and enters it in the ledger: before it, at most; after it, what it cost."""

import asyncio
from dataclasses import dataclass

from hardwon.models.ledger import Ledger
from hardwon.models.prices import FREE, Price
from hardwon.models.provider import (
    Counts,
    LimitGrownError,
    Provider,
    Reply,
    TransientError,
)
from hardwon.models.tokens import (
    MOST_PER_BYTE,
    TEMPLATE_TOKENS,
    likely_tokens,
    most_tokens,
    size_of_prompt,
)
from hardwon.records import Completion, Parameters, Prompt, Usage

_MARGIN = 1.25
"""By how much a prompt may be denser in tokens than the densest seen so far."""
_HIDDEN_INPUT = 4096
"""Tokens that a server may add to a prompt: default system prompts, safety instructions."""
_THINKING = 1 << 18
"""The most that a model may think beyond the limit of its answer, where that does not count."""


class Metered:
    """A provider as a model whose requests are counted, capped and limited in time."""

    def __init__(
        self, provider: Provider, ledger: Ledger, *, price: Price | None, timeout: float
    ) -> None:
        """Wrap a provider.

        Args:
            provider: sends the requests.
            ledger: the account of the run.
            price: of the model; None if it is not known, which counts as nothing.
            timeout: seconds until a request without a complete answer is given up.
        """
        self._provider = provider
        self._ledger = ledger
        self._price = price or FREE
        self._timeout = timeout
        self._densest = 0.0

    @property
    def name(self) -> str:
        """The provider's name of the model."""
        return self._provider.name

    async def complete(
        self, prompt: Prompt, parameters: Parameters, *, index: int = 0, role: str = "proposer"
    ) -> Completion:
        """Send one request.

        Raises:
            TransientError, PromptRefusedError: as the provider does.
            CapReachedError: instead of a request that might pass a cap.
            ModelError: if no request can succeed.
        """
        while True:
            try:
                return await self._request(prompt, parameters, index, role)
            except LimitGrownError:
                continue  # happens once: a limit grows when a model is first seen to think

    async def close(self) -> None:
        """Release the provider's connections."""
        await self._provider.close()

    async def _request(
        self, prompt: Prompt, parameters: Parameters, index: int, role: str
    ) -> Completion:
        limit = self._provider.output_limit(parameters)
        size = size_of_prompt(prompt)
        worst = self._worst(size, limit)
        reservation = await self._ledger.reserve(role, worst)
        usage: Usage | None = None
        estimated = False
        try:
            async with asyncio.timeout(self._timeout):
                reply = await self._provider.send(prompt, parameters, index, limit)
            measured = measure(reply, prompt, limit)
            usage, estimated = self._priced(measured), measured.estimated
            if not estimated and size:
                added = max(0, usage.input_tokens - TEMPLATE_TOKENS)
                self._densest = max(self._densest, added / size)
            return Completion(
                text=reply.text,
                finish=reply.finish,
                usage=usage,
                thinking=reply.thinking,
                model=reply.model,
            )
        except TimeoutError:
            # The model may well have worked all the time; nobody says, so the worst is assumed.
            usage, estimated = worst, True
            raise TransientError(f"no complete answer within {self._timeout:g} s") from None
        except TransientError as error:
            if error.billed:
                usage, estimated = worst, True
            raise
        except asyncio.CancelledError:
            usage, estimated = worst, True
            raise
        finally:
            self._ledger.settle(reservation, usage, estimated=estimated)

    def _worst(self, size: int, limit: int) -> Usage:
        # A bound for all texts first, a closer one as soon as the server has counted some.
        per_byte = min(_MARGIN * self._densest, 1.0) if self._densest else MOST_PER_BYTE
        tokens = most_tokens(size, per_byte)
        return Usage(
            requests=1,
            input_tokens=tokens,
            output_tokens=limit,
            usd=self._price.usd(fresh=0, cached=0, written=tokens, output=limit),
        )

    def _priced(self, measured: "Measured") -> Usage:
        usage = measured.usage
        fresh = usage.input_tokens - usage.cached_tokens - measured.written
        cost = self._price.usd(
            fresh=fresh,
            cached=usage.cached_tokens,
            written=measured.written,
            output=usage.output_tokens,
        )
        return usage.model_copy(update={"usd": cost})


@dataclass(frozen=True, slots=True)
class Measured:
    """The tokens of one request, checked."""

    usage: Usage
    written: int
    """Input tokens that were written to the server's cache."""
    estimated: bool
    """Whether the server reported nothing, or something that cannot be."""


def measure(reply: Reply, prompt: Prompt, limit: int) -> Measured:
    """Check a server's counts against the texts; put estimates where they cannot be true.

    Args:
        reply: the answer, with the counts as reported.
        prompt: what was sent.
        limit: the most output tokens that were asked for.
    """
    counts: Counts = reply.counts
    size = size_of_prompt(prompt)
    # A token can stand for less than a byte only where a server adds text of its own.
    read = _count(counts.input, size + _HIDDEN_INPUT)
    thinking = _count(counts.thinking, _THINKING) or 0
    thinks = bool(thinking or reply.thinking)
    wrote = _count(counts.output, limit + (_THINKING if thinks else 1))
    if reply.text and wrote == 0:
        wrote = None
    if read == 0 and size:
        read = None
    estimated = read is None or wrote is None
    if read is None:
        read = likely_tokens("".join(message.text for message in prompt.messages))
    if wrote is None:
        wrote = likely_tokens(reply.text) + max(thinking, likely_tokens(reply.thinking or ""))
    cached = _count(counts.cached, read) or 0
    written = _count(counts.written, read - cached) or 0
    if reply.thinking and not thinking:
        thinking = likely_tokens(reply.thinking)
    usage = Usage(
        requests=1,
        input_tokens=read,
        cached_tokens=cached,
        output_tokens=wrote,
        thinking_tokens=min(thinking, wrote),
    )
    return Measured(usage, written, estimated)


def _count(value: object, most: int) -> int | None:
    """Return a reported number if it can be one of tokens."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most:
        return value
    return None
