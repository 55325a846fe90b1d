"""The repairer with a model: another try, with what the judge said."""

from hardwon.agents.asking import ask, parameters_for
from hardwon.agents.prompts import Composer
from hardwon.agents.proposing import MAX_TOKENS
from hardwon.agents.protocols import Change, Request
from hardwon.models.protocol import Model
from hardwon.records import Answer, Verdict


class ModelRepairer:
    """Shows a refused program and the judge's diagnostics to a model, in up to so many rounds."""

    def __init__(
        self,
        model: Model,
        rounds: int,
        *,
        max_tokens: int = MAX_TOKENS,
        composer: Composer | None = None,
    ) -> None:
        """Use a model, which stays its maker's to close.

        Args:
            model: is asked, once per round.
            rounds: how often one sample is repaired at most.
            max_tokens: the most output tokens of one answer, thinking not included.
            composer: the proposer's, so that prompts begin as the proposer's do.
        """
        self._model = model
        self._rounds = rounds
        self._max_tokens = max_tokens
        self._composer = composer or Composer()
        self._asked: set[str] = set()
        """Keys of this repairer's exchanges: they tell how many rounds a sample has had."""

    async def repair(self, request: Request, answer: Answer, verdict: Verdict) -> Change | None:
        """See `Repairer.repair`; an answer in which nothing was written is beyond repair.

        Raises:
            UnansweredError: if no answer came.
            CapReachedError: if the run may not spend more.
            ModelError: if the model cannot be used.
        """
        done = sum(key in self._asked for key in answer.exchanges)
        is_silent = answer.impl is None and not answer.usage.output_tokens
        if done >= self._rounds or is_silent:
            return None
        prompt = self._composer.repair(request.task, request.demonstrations, answer.impl, verdict)
        # A program that comes back as it was is asked about anew, so the round is part of the seed.
        parameters = parameters_for(request, self._max_tokens, "repair", done)
        reply = await ask(
            request, self._model, prompt, parameters, index=answer.index, role="repairer"
        )
        self._asked.add(reply.key)
        return Change(reply.program or answer.impl, reply.completion.usage, (reply.key,))

    async def close(self) -> None:
        """See `Repairer.close`; there is nothing to release."""
