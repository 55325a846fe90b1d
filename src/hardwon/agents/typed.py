"""The proposer that cannot write an ill-typed program: a local model chooses legal statements.

The language pack says which statements are legal; the model says which of them it would write. Both
meet in a tree of tokens: where the legal statements part, the model is asked how probable each of
the next tokens is, compared with the others, and one is drawn. What all of them share costs the
model no answer, it is only read.
"""

import asyncio
import math
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from hardwon.agents.asking import STOPS
from hardwon.agents.gathering import as_they_come
from hardwon.agents.offline import ProposerError
from hardwon.agents.prompts import FENCE, Composer
from hardwon.agents.protocols import Request
from hardwon.agents.rendering import answer_text
from hardwon.agents.typed_server import Chooser, Server
from hardwon.languages import get_language
from hardwon.languages.legal import Draft, Drafts, Statement
from hardwon.languages.manual import Explains
from hardwon.models.ledger import Ledger
from hardwon.records import Answer, Experience, Prompt, Task, Usage

CONTEXT = 4096
"""Tokens of a prompt by default, as estimated: on a CPU, reading a longer one takes minutes."""
WEIGHT = 1.0
"""How much the pack's own policy counts by default."""
_LEAST_SHARE = 1e-12
_LEAST_TEMPERATURE = 0.05
_CLEAR = 0.95
"""The share of a way by the policy above which the model is not asked: it could hardly turn the
choice, and asking is what takes the time."""
_DEAD_END = "a dead end: no legal statement was left before the results were there"
"""The same for all samples, since a run's summary counts them by what they say."""
_PLACE = "@"


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around the program in an answer."""

    opening: str
    """Up to the first line of the program."""
    indent: str = ""
    """Before every line of it."""

    def lines(self, statement: str) -> str:
        """Return a statement as it stands in the answer."""
        return "".join(f"{self.indent}{line}\n" for line in statement.split("\n"))


class TypedProposer:
    """Writes programs statement by statement; the model chooses only among legal ones.

    At every choice the chance of a way is its share by the model to the power 1/temperature, times
    its share by the pack's policy to the power weight/temperature. Weight 0 leaves everything to
    the model.
    """

    def __init__(
        self,
        server: Server,
        name: str,
        *,
        weight: float = WEIGHT,
        slots: int = 1,
        ledger: Ledger | None = None,
        proposal: Callable[[Task, Sequence[Experience]], Prompt] | None = None,
        frame: Frame | None = None,
    ) -> None:
        """Use a local model, which stays its maker's to close.

        Args:
            server: of llama.cpp, with the model.
            name: of the model, e.g. "local:FILE".
            weight: how much the language pack's own policy counts.
            slots: how many samples are drawn at a time; the server's slots.
            ledger: where every request is entered.
            proposal: writes the prompt; by default a short one, of at most `CONTEXT` tokens.
            frame: how an answer to that prompt begins; by default as it asks for.

        Raises:
            ValueError: if the weight is negative or no number.
        """
        if not (math.isfinite(weight) and weight >= 0):
            raise ValueError(f"the policy's weight must be a number from 0 on, not {weight}")
        # One for all tasks and temperatures, so that they share what it knows.
        self._chooser = Chooser(server, ledger, slots=slots)
        self._model = name
        self._weight = weight
        self._slots = slots
        self._proposal = proposal or Composer(brief=True, context=CONTEXT).proposal
        self._frame = frame
        # Tasks take turns: a server keeps the prompt of one conversation per slot, and to read
        # another one again and again would take longer than all the writing.
        self._turn = asyncio.Lock()

    @property
    def name(self) -> str:
        """See `Proposer.name`."""
        return f"typed:{self._model} weight {self._weight:g}"

    async def propose(self, request: Request) -> AsyncIterator[Answer]:
        """See `Proposer.propose`.

        Raises:
            ProposerError: if the task's language pack does not know which statements are legal.
            CapReachedError: after all answers that came, if a cap of the run kept others away.
            ModelError: in the same way, if the model cannot be used.
        """
        pack = get_language(request.task.language)
        if not isinstance(pack, Drafts):
            raise ProposerError(
                "typed decoding needs a language pack that says which statements are legal; that"
                f" of {request.task.language!r} does not (it has no `draft`): use --decoding free"
            )
        task = request.task.question
        draft = pack.draft(task, request.demonstrations, request.sizes)
        frame = self._frame or _frame_of(task)
        prompt = self._proposal(task, request.demonstrations)
        key = f"{request.seed} {task.digest} {request.temperature} {request.effort}"
        temperature = max(request.temperature, _LEAST_TEMPERATURE)

        async def indices() -> AsyncIterator[int]:
            for index in request.indices:
                yield index

        async def answer(index: int) -> Answer:
            rng = random.Random(f"{key} {index}")
            writer = _Writer(self._chooser, frame, temperature, self._weight, rng, request.asked)
            return await writer.write(index, draft, opening)

        async with self._turn:
            opening = await self._chooser.opening(prompt, frame.opening)
            answers = as_they_come(indices(), answer, at_once=self._slots, at_the_end=STOPS)
            async with aclosing(answers):
                async for item in answers:
                    yield item

    async def close(self) -> None:
        """See `Proposer.close`; there is nothing to release."""


def _frame_of(task: Task) -> Frame:
    pack = get_language(task.language)
    fence = pack.manual().fence if isinstance(pack, Explains) else FENCE
    before, _, _ = answer_text(task, _PLACE, script=False, fence=fence).partition(_PLACE)
    opening = before.rstrip(" ")
    return Frame(opening, before[len(opening) :])


class _Branch:
    """Statements whose tokens are the same so far."""

    def __init__(self, entries: Sequence[tuple[Statement, tuple[int, ...], float]]) -> None:
        self.entries = entries
        """Statement, tokens, and weight by the policy."""

    def parted(self, at: int) -> "dict[int, _Branch]":
        """Return the statements by their token at a position."""
        found = defaultdict(list)
        for entry in self.entries:
            found[entry[1][at]].append(entry)
        return {token: _Branch(entries) for token, entries in found.items()}

    @property
    def weight(self) -> float:
        return sum(weight for _, _, weight in self.entries)


@dataclass(frozen=True, slots=True)
class _Writer:
    """Writes one sample."""

    chooser: Chooser
    frame: Frame
    temperature: float
    weight: float
    rng: random.Random
    asked: Callable[[Usage], None]
    """Told what every question has cost."""

    async def write(self, index: int, draft: Draft, opening: tuple[int, ...]) -> Answer:
        usage = Usage()
        written = opening
        while not draft.finished:
            statements = await asyncio.to_thread(draft.statements)
            if not statements:
                return Answer(index=index, impl=None, usage=usage, note=_DEAD_END)
            chosen, tokens, cost = await self._choose(written, statements)
            usage += cost
            written += tokens
            draft = draft.choose(chosen)
        return Answer(index=index, impl=draft.text, usage=usage)

    async def _choose(
        self, written: tuple[int, ...], statements: Sequence[Statement]
    ) -> tuple[Statement, tuple[int, ...], Usage]:
        """Return a statement, its tokens, and what it cost."""
        usage = Usage()
        branch, at = await self._tree(statements), 0
        while len(branch.entries) > 1 and all(len(tokens) > at for _, tokens, _ in branch.entries):
            ways = branch.parted(at)
            (token, *others) = ways
            if others and (clear := self._clear(ways)) is not None:
                token = clear
            elif others:
                prefix = branch.entries[0][1][:at]
                asked = await self.chooser.shares((*written, *prefix), tuple(ways))
                usage += asked.usage
                if asked.usage.requests:
                    self.asked(asked.usage)
                token = self._draw(ways, asked.shares)
            branch, at = ways[token], at + 1
        # More than one is left only of texts that the model cannot tell apart.
        chosen, tokens, _ = branch.entries[0]
        return chosen, tokens, usage

    async def _tree(self, statements: Sequence[Statement]) -> _Branch:
        texts = [self.frame.lines(statement.text) for statement in statements]
        if any(
            longer.startswith(shorter)
            for shorter, longer in zip(sorted(texts), sorted(texts)[1:], strict=False)
        ):
            texts = [f"{text}\n" for text in texts]  # an empty line tells where a statement ends
        tokens = await self.chooser.tokens(texts)
        top = max(statement.score for statement in statements)
        weights = [math.exp((item.score - top) / self.temperature) for item in statements]
        return _Branch(list(zip(statements, tokens, weights, strict=True)))

    def _clear(self, ways: dict[int, _Branch]) -> int | None:
        """Return the way that the policy is so sure of that the model need not be asked, if any."""
        best = max(ways, key=lambda token: ways[token].weight)
        top = ways[best].weight
        if top == 0:
            return None
        # Relative to the best one, so that no weight is too large to raise to a power.
        odds = sum((branch.weight / top) ** self.weight for branch in ways.values())
        return best if odds < 1 / _CLEAR else None

    def _draw(self, ways: dict[int, _Branch], shares: Sequence[float]) -> int:
        logs = [
            math.log(max(share, _LEAST_SHARE)) / self.temperature
            + self.weight * math.log(max(branch.weight, _LEAST_SHARE))
            for share, branch in zip(shares, ways.values(), strict=True)
        ]
        top = max(logs)
        return self.rng.choices(list(ways), [math.exp(log - top) for log in logs])[0]
