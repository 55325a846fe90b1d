"""The proposer with a model: asks for a program and reads it out of the answer."""

from collections.abc import AsyncIterator
from contextlib import aclosing

from hardwon.agents.asking import STOPS, ask, note_on, parameters_for
from hardwon.agents.gathering import as_they_come
from hardwon.agents.modes import Mode
from hardwon.agents.prompts import Composer, manual_of
from hardwon.agents.protocols import Request
from hardwon.models.protocol import Model, ModelError
from hardwon.records import Answer, Task

MAX_TOKENS = 1024
"""Output tokens of one answer (paper, section 4.1)."""


class ModelProposer:
    """Asks a model once per sample, for all samples at once; the model limits how many run."""

    def __init__(
        self,
        model: Model,
        *,
        mode: Mode = Mode.AGENT,
        max_tokens: int = MAX_TOKENS,
        grammar: bool = False,
        composer: Composer | None = None,
    ) -> None:
        """Use a model, which stays its maker's to close.

        Args:
            model: is asked.
            mode: decides how tasks are shown.
            max_tokens: the most output tokens of one answer, thinking not included.
            grammar: whether answers have to follow the syntax of the language; local models only.
            composer: writes the prompts; by default one that suits the mode.
        """
        self._model = model
        self._max_tokens = max_tokens
        self._grammar = grammar
        self._composer = composer or Composer(script=mode.shows_scripts, bare=grammar)

    @property
    def name(self) -> str:
        """See `Proposer.name`: the model's."""
        return self._model.name

    async def propose(self, request: Request) -> AsyncIterator[Answer]:
        """See `Proposer.propose`.

        Raises:
            UnansweredError: after all answers that came, if any did not.
            CapReachedError: after all answers that came, if a cap of the run kept others away.
            ModelError: in the same way, if the model cannot be used; at once, if answers have to
                follow a grammar and the language has none.
        """
        prompt = self._composer.proposal(request.task, request.demonstrations)
        parameters = parameters_for(request, self._max_tokens)
        if self._grammar:
            parameters = parameters.model_copy(update={"grammar": _grammar_of(request.task)})

        async def indices() -> AsyncIterator[int]:
            for index in request.indices:
                yield index

        async def answer(index: int) -> Answer:
            reply = await ask(
                request, self._model, prompt, parameters, index=index, role="proposer"
            )
            program = reply.program
            return Answer(
                index=index,
                impl=program,
                usage=reply.completion.usage,
                exchanges=(reply.key,),
                note=note_on(reply.completion, program),
            )

        answers = as_they_come(indices(), answer, at_the_end=STOPS)
        async with aclosing(answers):
            async for item in answers:
                yield item

    async def close(self) -> None:
        """See `Proposer.close`; there is nothing to release."""


def _grammar_of(task: Task) -> str:
    manual = manual_of(task)
    if manual is None or not manual.grammar:
        raise ModelError(f"the language {task.language!r} has no grammar to hold a model to")
    return manual.grammar
