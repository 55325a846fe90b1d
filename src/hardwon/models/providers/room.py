"""How many tokens to ask for, given that some models think before they answer."""

import logging

from hardwon.records import Parameters

DEFAULT_ROOM = 8192
"""Tokens for thinking, of a model that is seen to think, if nobody says how many."""

_LOG = logging.getLogger(__name__)


class Room:
    """Adds room for thinking to the limit of an answer.

    A run's limit is one of the answer alone; most servers count the thinking to it as well, so that
    a model which thinks would never come to its answer. Models that do not think get no more than
    the run's limit.
    """

    def __init__(self, model: str, tokens: int | None) -> None:
        """Begin without knowing whether the model thinks.

        Args:
            model: for messages.
            tokens: the room; None for none until the model is seen to think.
        """
        self._model = model
        self._tokens = tokens
        self._thinks = False

    def limit(self, parameters: Parameters) -> int:
        """Return the limit to send."""
        tokens = self._tokens
        if tokens is None:
            tokens = DEFAULT_ROOM if self._thinks else 0
        return parameters.max_tokens + tokens

    def seen(self) -> None:
        """Note that the model thinks."""
        if not self._thinks and self._tokens is None:
            _LOG.warning(
                "%s thinks before it answers: it gets room for %d tokens more",
                self._model,
                DEFAULT_ROOM,
            )
        self._thinks = True
