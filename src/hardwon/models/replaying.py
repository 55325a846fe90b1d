"""A model that only repeats what was recorded."""

from collections.abc import Sequence

from hardwon.models.protocol import ModelError, ResponseStore
from hardwon.records import Completion, Parameters, Prompt, exchange_key


class ReplayModel:
    """Answers from stores alone: no network, no cost."""

    def __init__(self, model: str, stores: Sequence[ResponseStore]) -> None:
        """Take over the name of a model.

        Args:
            model: the name under which the answers were recorded, e.g. "openai:NAME".
            stores: where they are, asked in this order.
        """
        self._name = model
        self._stores = tuple(stores)

    @property
    def name(self) -> str:
        """The name of the model that was recorded."""
        return self._name

    async def complete(
        self, prompt: Prompt, parameters: Parameters, *, index: int = 0, role: str = "proposer"
    ) -> Completion:
        """Return the recorded sample.

        Raises:
            ModelError: if there is none.
        """
        key = exchange_key(self._name, prompt, parameters, index)
        for store in self._stores:
            found = store.find(key)
            if found is not None:
                return found
        beginning = " ".join(prompt.messages[-1].text.split())[:80] if prompt.messages else ""
        raise ModelError(
            f"the recording of {self._name} has no answer for {role}, sample {index}, "
            f"exchange {key[:16]} (its last message begins {beginning!r}): it ended before that, or"
            " had other tasks, seed or settings, or a version of Hardwon with other prompts"
        )

    async def close(self) -> None:
        """Do nothing: the stores belong to the caller."""
