"""One request of an agent to a model, and what its completion amounts to."""

import logging
from dataclasses import dataclass

from hardwon.agents.answers import program_in
from hardwon.agents.protocols import Request, UnansweredError
from hardwon.models.protocol import CapReachedError, Model, ModelError
from hardwon.records import (
    Completion,
    Finish,
    Parameters,
    Prompt,
    digest_of,
    exchange_key,
)

STOPS = (CapReachedError, ModelError)
"""What waits until all samples that can be had are there; other errors are those of one sample."""
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reply:
    """A completion, the key of its exchange, and the language that it was asked for."""

    completion: Completion
    key: str
    language: str

    @property
    def program(self) -> str | None:
        """The program in it, or the part of one."""
        if self.completion.finish is Finish.EMPTY:
            return None
        return program_in(self.completion.text, self.language)


async def ask(
    request: Request, model: Model, prompt: Prompt, parameters: Parameters, *, index: int, role: str
) -> Reply:
    """Ask a model for one sample, or for what another agent has to say on it.

    Raises:
        UnansweredError: if no answer came.
        CapReachedError: if the run may not spend more.
        ModelError: if no request can succeed.
    """
    try:
        completion = await model.complete(prompt, parameters, index=index, role=role)
    except STOPS:
        raise
    except Exception as error:
        # A provider that breaks its contract costs one sample, not the run.
        _LOG.exception("%s: a request of the %s failed", model.name, role)
        completion = Completion(text=f"{type(error).__name__}: {error}", finish=Finish.FAILED)
    request.asked(completion.usage)
    if completion.finish is Finish.FAILED:
        raise UnansweredError(f"no answer came to the {role}'s request: {completion.text}")
    key = exchange_key(model.name, prompt, parameters, index)
    return Reply(completion, key, request.task.language)


def parameters_for(request: Request, max_tokens: int, *salt: object) -> Parameters:
    """Return how to sample for a request; its seed decides the samples, with their indices.

    `salt` tells requests of one sample apart that may have the same prompt.
    """
    decisive = [request.seed, request.task.digest, request.temperature, request.effort, *salt]
    return Parameters(
        temperature=request.temperature,
        max_tokens=max_tokens,
        seed=int(digest_of(decisive)[:8], 16) >> 1,  # servers take 31 bits
    )


def note_on(completion: Completion, program: str | None) -> str | None:
    """Return what there is to say of a completion that is not a program and nothing else."""
    match completion.finish:
        case Finish.EMPTY:
            return "the model answered without any text"
        case Finish.REFUSAL:
            return "the model declined to answer"
        case Finish.LENGTH:
            return "the answer was cut off at the limit of tokens"
        case _:
            return None if program else "the answer holds no program"
