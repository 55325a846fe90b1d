"""What a run may cost at most, before its first request."""

from collections.abc import Iterable
from dataclasses import dataclass

from hardwon.models.connect import price_of
from hardwon.models.settings import Settings
from hardwon.models.tokens import most_tokens, size_of_prompt
from hardwon.records import Parameters, Prompt


@dataclass(frozen=True, slots=True)
class Estimate:
    """An upper bound, with nothing found in any cache and nothing tried twice."""

    requests: int
    input_tokens: int
    output_tokens: int
    """With room for thinking only if the settings give some."""
    usd: float | None
    """None if the price of the model is not known."""
    questions: bool = False
    """Whether a sample takes many short requests, whose number shows only as it goes; then the
    counts are those of a single one per sample."""

    def __str__(self) -> str:
        """Say it in a sentence, for people."""
        money = "at no price that is known" if self.usd is None else _dollars(self.usd)
        if self.questions:
            return (
                f"the first iteration draws {self.requests:,} samples by typed decoding, with many"
                f" short questions each; their prompts have {self.input_tokens:,} tokens at most,"
                f" read once per task and kept by the server; {money}"
            )
        return (
            f"the first iteration takes at most {self.requests:,} requests to the proposer,"
            f" {self.input_tokens:,} input and {self.output_tokens:,} output tokens, {money};"
            " answers in the cache cost nothing"
        )

    @property
    def tokens(self) -> int:
        """Input and output together."""
        return self.input_tokens + self.output_tokens


def _dollars(usd: float) -> str:
    """Return an amount with its currency; a small one is not said to be none."""
    return "less than $0.01" if 0 < usd < 0.01 else f"${usd:,.2f}"


def estimate(
    spec: str,
    prompts: Iterable[Prompt],
    parameters: Parameters,
    *,
    samples: int,
    settings: Settings | None = None,
) -> Estimate:
    """Return what some samples of each prompt may cost at most.

    Args:
        spec: the model, as for `connect`.
        prompts: the prompts.
        parameters: their limit of output tokens counts.
        samples: of each prompt.
        settings: as for `connect`.

    Raises:
        ModelError: if a price table cannot be read.
    """
    settings = settings or Settings()
    inputs = [most_tokens(size_of_prompt(prompt)) for prompt in prompts]
    requests = samples * len(inputs)
    read = samples * sum(inputs)
    wrote = requests * (parameters.max_tokens + (settings.thinking_tokens or 0))
    price = price_of(spec, settings)
    usd = None if price is None else price.usd(fresh=read, cached=0, written=0, output=wrote)
    return Estimate(requests, read, wrote, usd)
