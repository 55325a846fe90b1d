"""Learns what a server wants of requests, from its own answers.

Servers differ in what they take: reasoning models refuse a temperature, some servers refuse a seed,
some want the limit of tokens under another name, some only stream their answers. A list of model
names would be out of date at once; the answer to the first request says it all.
"""

import logging
import re
from collections.abc import Collection, Mapping
from typing import Any

from hardwon.models.http import Refusal

_LOG = logging.getLogger(__name__)

_UNWELCOME = re.compile(
    r"unsupported|not support|n't support|unknown|unrecognized|unexpected|not permitted|forbidden"
    r"|not allowed|extra (input|field)|deprecated|not available|only the default|not compatible"
    r"|use '?\w+'? instead|must not|cannot be (set|used|specified)|may only be set"
    r"|invalid (argument|parameter|field)",
    re.IGNORECASE,
)
_OUT_OF_RANGE = re.compile(
    r"(must|should) be|out of range|outside|invalid|illegal|(less|greater) than|at (most|least)"
    r"|expected",
    re.IGNORECASE,
)
_DISPENSABLE = frozenset({"temperature", "seed"})
"""What a request is better sent without than not at all, whatever is wrong with the value."""
_TOO_LONG = re.compile(r"context|too (large|long|many)|exceed|maximum", re.IGNORECASE)


_STREAMS_ONLY = re.compile(
    r"non-?stream|only[^.]{0,40}\bstream|\bstream\w*\W[^.]{0,40}\b(required|true|enabled?)\b"
    r"|\b(enable|require|use|set)\b[^.]{0,20}\bstream",
    re.IGNORECASE,
)


class Tolerance:
    """What is known of the requests that one model's server takes."""

    def __init__(self, model: str, optional: Collection[str]) -> None:
        """Begin without any knowledge.

        Args:
            model: for messages.
            optional: parameters that a request can do without.
        """
        self._model = model
        self._optional = tuple(optional)
        self.refused: set[str] = set()
        """Parameters to leave out."""
        self.streams = False
        """Whether it has to be asked for a stream."""

    def accepted(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters without those that are refused."""
        return {name: value for name, value in parameters.items() if name not in self.refused}

    def learn(self, sent: Collection[str], refusal: Refusal) -> bool:
        """Note what an HTTP 400 or 422 says about a request.

        Args:
            sent: names of the parameters in the request.
            refusal: the answer.

        Returns:
            Whether the request is worth sending again without what was refused, or for a stream.
        """
        text = f"{refusal.code} {refusal.message}"
        clear = refusal.code.startswith("unsupported")
        unwelcome = clear or bool(_UNWELCOME.search(text) and not _TOO_LONG.search(text))
        out_of_range = bool(_OUT_OF_RANGE.search(text))
        for name in sent:
            wrong = unwelcome or (out_of_range and name in _DISPENSABLE)
            if wrong and name in self._optional and _names(name, refusal):
                if name not in self.refused:
                    _LOG.warning("%s takes no %s; it is left out from now on", self._model, name)
                self.refused.add(name)
                return True
        if not self.streams and _STREAMS_ONLY.search(text) and not _TOO_LONG.search(text):
            _LOG.warning("%s only streams its answers; it is asked for that", self._model)
            self.streams = True
            return True
        return False


def _names(name: str, refusal: Refusal) -> bool:
    if refusal.parameter is not None and refusal.parameter.split(".")[-1] == name:
        return True
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", refusal.message) is not None
