"""What typed decoding asks of llama.cpp's server: how probable each of a few tokens is."""

import hashlib
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from hardwon.models.ledger import Ledger
from hardwon.models.protocol import ModelError
from hardwon.records import Prompt, Usage

_FAVOUR = 100.0
"""Added to the logits of the tokens in question, so that no other token keeps a share."""
_ROLE = "proposer"


class Server(Protocol):
    """Reaches llama.cpp's own endpoints, as `hardwon.models.LocalServer` does."""

    async def post(self, path: str, payload: dict[str, Any]) -> Any:
        """Return the JSON of an answer.

        Raises:
            ModelError: if there is none.
        """
        ...


@dataclass(frozen=True, slots=True)
class Shares:
    """How probable a model finds each of some tokens, and what it cost to ask."""

    shares: tuple[float, ...]
    """In the order of the tokens; they add up to 1."""
    usage: Usage


class Chooser:
    """A local model that says which of some tokens it prefers.

    What successive questions begin with is evaluated once, since the server keeps it in its cache.
    No question is put to it twice, since its probabilities stay what they are: samples of one task
    share them, whatever their temperatures.
    """

    def __init__(self, server: Server, ledger: Ledger | None = None, *, slots: int = 1) -> None:
        """Use a server, which stays its maker's to close.

        Args:
            server: of llama.cpp.
            ledger: where every question is entered.
            slots: how many conversations the server holds.
        """
        self._server = server
        self._ledger = ledger
        # By its number, so that nothing is put aside first: each question goes on where the one
        # before ended, and putting the prompt aside takes as long as a question.
        self._slot = {"id_slot": 0} if slots == 1 else {}
        self._lines: dict[str, tuple[int, ...]] = {}
        self._known: dict[bytes, dict[int, float]] = {}

    async def opening(self, prompt: Prompt, text: str) -> tuple[int, ...]:
        """Return the tokens of a conversation up to a text with which the answer begins.

        Raises:
            ModelError: if the server fails, or its model knows no conversations.
        """
        messages = [{"role": m.speaker.value, "content": m.text} for m in prompt.messages]
        rendered = await self._post("/apply-template", {"messages": messages})
        content = f"{rendered['prompt']}{text}"
        payload = {"content": content, "add_special": True, "parse_special": True}
        return tuple((await self._post("/tokenize", payload))["tokens"])

    async def _post(self, path: str, payload: dict[str, Any]) -> Any:
        try:
            return await self._server.post(path, payload)
        except ModelError:
            # The server may have closed an idle connection just as it was used again. Asking once
            # more is safe, since no answer depends on what was asked before.
            return await self._server.post(path, payload)

    async def tokens(self, texts: Sequence[str]) -> list[tuple[int, ...]]:
        """Return the tokens of some texts, each made of whole lines.

        A line has the same tokens wherever it stands, so that texts that begin with the same lines
        begin with the same tokens.

        Raises:
            ModelError: if the server fails.
        """
        split = [text.splitlines(keepends=True) for text in texts]
        new = list(dict.fromkeys(line for lines in split for line in lines) - self._lines.keys())
        if new:
            for line, tokens in zip(new, await self._tokenized(new), strict=True):
                self._lines[line] = tokens
        return [tuple(t for line in lines for t in self._lines[line]) for lines in split]

    async def _tokenized(self, lines: Sequence[str]) -> list[tuple[int, ...]]:
        # In one request, after an empty line: some tokenizers treat the beginning in their own way.
        pieces = await self._pieces("\n" + "".join(lines))
        found: list[tuple[int, ...]] = []
        ids: list[int] = []
        text = ""
        for number, piece in pieces:
            ids.append(number)
            text += piece
            if text.endswith("\n"):
                found.append(tuple(ids))
                ids, text = [], ""
        if len(found) == len(lines) + 1 and not ids:
            return found[1:]
        # A token spans lines of this model: one request for each of them.
        return [tuple(number for number, _ in await self._pieces(line)) for line in lines]

    async def _pieces(self, text: str) -> list[tuple[int, str]]:
        payload = {"content": text, "with_pieces": True, "parse_special": False}
        reply = await self._post("/tokenize", payload)
        # A piece that is part of a character comes as a list of bytes; it ends no line.
        return [
            (int(token["id"]), token["piece"] if isinstance(token["piece"], str) else "?")
            for token in reply["tokens"]
        ]

    async def shares(self, before: tuple[int, ...], options: tuple[int, ...]) -> Shares:
        """Return how probable each option is as the next token, compared with the others.

        Raises:
            CapReachedError: if the run may not spend more.
            ModelError: if the server fails, or answers with something that makes no sense.
        """
        key = _digest(before, options)
        known = self._known.get(key)
        if known is not None:
            return Shares(tuple(known[token] for token in options), Usage())
        worst = Usage(requests=1, input_tokens=len(before), output_tokens=1)
        reservation = await self._ledger.reserve(_ROLE, worst) if self._ledger else None
        usage: Usage | None = None
        try:
            reply = await self._post("/completion", _question(before, options) | self._slot)
            usage = worst.model_copy(update={"cached_tokens": _cached(reply, len(before))})
            shares = _shares(reply, options)
        finally:
            if self._ledger and reservation:
                self._ledger.settle(reservation, usage, estimated=False)
        self._known[key] = dict(zip(options, shares, strict=True))
        return Shares(shares, usage)


def _digest(before: tuple[int, ...], options: tuple[int, ...]) -> bytes:
    """Name a question, in whatever order its options are; texts would take much more memory."""
    content = array("q", (len(before), *before, *sorted(options)))
    return hashlib.blake2b(content.tobytes(), digest_size=16).digest()


def _question(before: tuple[int, ...], options: tuple[int, ...]) -> dict[str, Any]:
    return {
        "prompt": list(before),
        "n_predict": 1,
        "cache_prompt": True,
        "logit_bias": [[token, _FAVOUR] for token in options],
        "n_probs": len(options),
        "post_sampling_probs": True,
        "samplers": ["temperature"],
        "temperature": 1.0,
        "seed": 0,
    }


def _shares(reply: Any, options: tuple[int, ...]) -> tuple[float, ...]:
    try:
        (step,) = reply["completion_probabilities"]
        found = {int(entry["id"]): float(entry["prob"]) for entry in step["top_probs"]}
        total = sum(found.get(token, 0.0) for token in options)
        return tuple(found.get(token, 0.0) / total for token in options)
    except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise ModelError(f"expected the probabilities of tokens, got {reply!r:.300}") from error


def _cached(reply: Any, most: int) -> int:
    try:
        return min(max(int(reply["timings"]["cache_n"]), 0), most)
    except (KeyError, TypeError, ValueError):
        return 0
