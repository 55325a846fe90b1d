"""What models cost: a table kept as data, which users can add to."""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib.resources import files
from pathlib import Path

import yaml
from pydantic import Field, ValidationError

from hardwon.models.forms import describe
from hardwon.models.protocol import ModelError
from hardwon.records.base import Record

_MILLION = 1_000_000


class Price(Record):
    """The price of one model, in US dollars per million tokens."""

    model: str
    """A pattern as in shells."""
    input: float = Field(ge=0, allow_inf_nan=False)
    cached: float | None = Field(None, ge=0, allow_inf_nan=False)
    """Input from the provider's cache; as other input if not given."""
    written: float | None = Field(None, ge=0, allow_inf_nan=False)
    """Input that goes to the provider's cache; as other input if not given."""
    output: float = Field(ge=0, allow_inf_nan=False)

    def usd(self, *, fresh: int, cached: int, written: int, output: int) -> float:
        """Return the price of a request by its tokens; the first three are the input."""
        total = (
            fresh * self.input
            + cached * (self.input if self.cached is None else self.cached)
            + written * (self.input if self.written is None else self.written)
            + output * self.output
        )
        return total / _MILLION


FREE = Price(model="*", input=0.0, output=0.0)
"""Of models on this machine, and of those that only repeat what they are told."""


class _Provider(Record):
    hosts: tuple[str, ...] = ()
    source: str = ""
    models: tuple[Price, ...] = ()


class _File(Record):
    providers: dict[str, _Provider]


@dataclass(frozen=True, slots=True)
class PriceTable:
    """Prices of providers' models; the first match decides."""

    files: tuple[_File, ...]

    @classmethod
    def load(cls, path: Path | None = None) -> "PriceTable":
        """Read the table that comes with Hardwon, after a user's own.

        Args:
            path: a file of the same form, whose entries come first.

        Raises:
            ModelError: if it cannot be read or is not of that form.
        """
        own = files("hardwon.models").joinpath("prices.yaml").read_text(encoding="utf-8")
        tables = [_parse(own, "prices.yaml")]
        if path is not None:
            try:
                tables.insert(0, _parse(path.read_text(encoding="utf-8"), str(path)))
            except (OSError, UnicodeDecodeError) as error:
                raise ModelError(f"the price table {path} cannot be read: {error}") from error
        return cls(tuple(tables))

    def find(self, provider: str, host: str, model: str) -> Price | None:
        """Return the price of a model, if it is known.

        Args:
            provider: what comes before the colon in the model's name; counts for entries without
                hosts.
            host: the server's name.
            model: what comes after the colon.
        """
        for table in self.files:
            for name, entry in table.providers.items():
                if host not in entry.hosts if entry.hosts else name != provider:
                    continue
                for price in entry.models:
                    if fnmatchcase(model, price.model):
                        return price
        return None


def _parse(text: str, name: str) -> _File:
    try:
        return _File.model_validate(yaml.safe_load(text))
    except (yaml.YAMLError, ValidationError) as error:
        raise ModelError(f"the price table {name} is of another form: {describe(error)}") from error
