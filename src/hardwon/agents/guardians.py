"""Three guardians of the language's law."""

import logging
import re

from hardwon.agents.asking import ask, parameters_for
from hardwon.agents.prompts import UNCHANGED, Composer
from hardwon.agents.proposing import MAX_TOKENS
from hardwon.agents.protocols import Change, Request
from hardwon.languages import get_language
from hardwon.models.protocol import Model
from hardwon.records import Answer, Finish

_LOG = logging.getLogger(__name__)
_STAYS = re.compile(rf"\W*{UNCHANGED}\b", re.IGNORECASE)


class NoGuardian:
    """Lets every program through as it is."""

    async def guard(self, request: Request, answer: Answer) -> Change:
        """See `Guardian.guard`."""
        del request
        return Change(answer.impl)

    async def close(self) -> None:
        """See `Guardian.close`; there is nothing to release."""


class PassGuardian:
    """Lets the language pack enforce its law. It cannot change a result, and costs no token."""

    async def guard(self, request: Request, answer: Answer) -> Change:
        """See `Guardian.guard`; what cannot be read stays as it is."""
        impl, task = answer.impl, request.task
        if impl is None:
            return Change(None)
        try:
            sizes = request.sizes.get(task.digest, {})
            return Change(get_language(task.language).enforce_law(task, impl, sizes))
        except Exception:
            # A pack should not raise over a program; the judge will say what is wrong with it.
            _LOG.exception("%s: a program could not be guarded", task.test_name)
            return Change(impl)

    async def close(self) -> None:
        """See `Guardian.close`; there is nothing to release."""


class ModelGuardian:
    """Asks a model, which is gate and corrector in one request (paper, section 3)."""

    def __init__(
        self, model: Model, *, max_tokens: int = MAX_TOKENS, composer: Composer | None = None
    ) -> None:
        """Use a model, which stays its maker's to close."""
        self._model = model
        self._max_tokens = max_tokens
        self._composer = composer or Composer()

    async def guard(self, request: Request, answer: Answer) -> Change:
        """See `Guardian.guard`; a program stays unless another one that can be read comes back.

        Raises:
            UnansweredError: if no answer came.
            CapReachedError: if the run may not spend more.
            ModelError: if the model cannot be used.
        """
        if answer.impl is None:
            return Change(None)
        prompt = self._composer.guarding(request.task, answer.impl)
        if prompt is None:
            return Change(answer.impl)
        parameters = parameters_for(request, self._max_tokens)
        reply = await ask(
            request, self._model, prompt, parameters, index=answer.index, role="guardian"
        )
        program = answer.impl
        if reply.completion.finish is Finish.STOP and not _STAYS.match(reply.completion.text):
            mended = reply.program
            if mended is not None and _is_readable(request, mended):
                program = mended
        return Change(program, reply.completion.usage, (reply.key,))

    async def close(self) -> None:
        """See `Guardian.close`; there is nothing to release."""


def _is_readable(request: Request, impl: str) -> bool:
    task = request.task
    try:
        sizes = request.sizes.get(task.digest, {})
        return get_language(task.language).read(task, impl, sizes).normal_form is not None
    except Exception:
        _LOG.exception("%s: a guardian's program could not be read", task.test_name)
        return False
