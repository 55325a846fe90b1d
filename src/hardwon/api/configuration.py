"""What decides what a run does, and what only decides how."""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from math import isfinite
from pathlib import Path
from typing import Any

from hardwon.agents import GuardianKind, Mode, RepairerKind
from hardwon.api.errors import UsageError
from hardwon.learning import (
    UNTEMPERED,
    Policy,
    SamplingPlan,
    Unit,
    UnknownNameError,
    make_policy,
)
from hardwon.models import probably
from hardwon.records import Record

OFFLINE = "offline"
SEARCH = "search"
LOCAL = "local:"
MODELS = ("openai:", "anthropic:", "google:", LOCAL, "scripted:", "replay:")
"""How the names of models begin."""
EFFORTS = 3
"""How many levels of deepening search follow the sampling, for proposers that can search."""


class Decoding(StrEnum):
    """How a local model writes."""

    FREE = "free"
    GRAMMAR = "grammar"
    """Only what the language's syntax allows."""
    TYPED = "typed"
    """Statement by statement, among those that are legal."""


class Configuration(Record):
    """Everything that decides what a run does, apart from its tasks."""

    model: str = OFFLINE
    mode: Mode = Mode.AGENT
    guardian: GuardianKind = GuardianKind.PASS
    repairs: int = 0
    """Further rounds per sample, with the judge's diagnostics; 0 as in the paper."""
    repairer: RepairerKind = RepairerKind.MODEL
    """Who repairs, if anybody does."""
    decoding: Decoding | None = None
    """None: typed for a local file, free for everybody else."""
    context: int | None = None
    """The most tokens of a prompt, by estimate; of longer ones the easiest demonstrations are left
    out. None: as many as there are, or as a local model has room for."""
    policy_weight: float = 1.0
    """In typed decoding, how much the language pack's own preferences count beside the model's."""
    max_output_tokens: int = 1024
    """Of one answer, thinking not included."""
    samples: int = 64
    """Per task, temperature and iteration."""
    temperatures: tuple[float, ...] = (0.4, 0.7, 1.0)
    stop_after: int | None = None
    """Stop sampling a task in an iteration after so many successes; None as in the paper."""
    granularity: int = 3
    policy: str = "paper"
    """Which demonstrations are selected, and in which order."""
    filter: str = "shortest"
    """Which correct answer is remembered."""
    efforts: int | None = None
    """Levels of search after the sampling; None: as many as the proposer has."""
    budget: int | None = None
    """What the run may spend; None: it ends by the rule of Algorithm 1."""
    budget_unit: Unit = Unit.SAMPLES
    seed: int = 0

    @property
    def learns_by(self) -> Policy:
        """The policy.

        Raises:
            UsageError: if there is none of its name.
        """
        try:
            return make_policy(self.policy, granularity=self.granularity, keep=self.filter)
        except UnknownNameError as error:
            raise UsageError(str(error)) from error

    @property
    def plan(self) -> SamplingPlan:
        """How each task is sampled. One search is all that there is of its kind."""
        if self.model == SEARCH:
            return SamplingPlan(1, (UNTEMPERED,), self.seed)
        return SamplingPlan(
            self.samples, self.temperatures, self.seed, self.stop_after, self.learns_by.view
        )

    @property
    def writing(self) -> Decoding:
        """How the model writes."""
        if self.decoding is not None:
            return self.decoding
        return Decoding.TYPED if self.model.startswith(LOCAL) else Decoding.FREE

    @property
    def levels(self) -> int:
        """How many levels of search there are."""
        if self.efforts is not None:
            return self.efforts
        return EFFORTS if self.uses_no_model else 0

    @property
    def uses_no_model(self) -> bool:
        """Whether programs come from Hardwon itself."""
        return self.model in {OFFLINE, SEARCH}

    def validated(self) -> "Configuration":
        """Return itself.

        Raises:
            UsageError: if a value makes no sense, naming all that do not.
        """
        problems = list(self._problems())
        if problems:
            raise UsageError("\n".join(problems))
        return self

    def _problems(self) -> Iterator[str]:
        if not self.uses_no_model and not any(
            self.model.startswith(kind) and self.model != kind for kind in MODELS
        ):
            yield (
                f"model: expected {OFFLINE}, {SEARCH}, openai:NAME, anthropic:NAME, google:NAME,"
                f" local:FILE, scripted:FILE or replay:DIR, got {self.model!r}{_meant(self.model)}"
            )
        for name, least in (
            ("samples", 1),
            ("granularity", 1),
            ("max_output_tokens", 1),
            ("repairs", 0),
            ("efforts", 0),
            ("stop_after", 1),
            ("context", 1),
            ("budget", 1),
        ):
            value = getattr(self, name)
            if value is not None and value < least:
                yield f"{name}: expected at least {least}, got {value}"
        if not self.temperatures or not all(0 < t <= 10 for t in self.temperatures):
            yield f"temperatures: expected numbers above 0 and up to 10, got {self.temperatures}"
        if len(set(self.temperatures)) != len(self.temperatures):
            yield f"temperatures: expected each one once, got {self.temperatures}"
        if self.granularity >= 1:
            try:
                self.learns_by  # noqa: B018
            except UsageError as error:
                yield str(error)
        if not (isfinite(self.policy_weight) and self.policy_weight >= 0):
            yield f"policy_weight: expected a number from 0 on, got {self.policy_weight}"
        if self.levels and not self.uses_no_model:
            yield f"efforts: {self.model} cannot search; expected 0, got {self.efforts}"


PRESETS: dict[str, dict[str, Any]] = {
    "paper": {
        "mode": Mode.AGENT,
        "guardian": GuardianKind.LLM,
        "repairs": 0,
        "repairer": RepairerKind.MODEL,
        "decoding": Decoding.FREE,
        "max_output_tokens": 1024,
        "samples": 64,
        "temperatures": (0.4, 0.7, 1.0),
        "stop_after": None,
        "granularity": 3,
        "policy": "paper",
        "filter": "shortest",
        "efforts": 0,
    }
}
"""Named settings; `paper` is that of section 4.1 in every respect."""


def preset(name: str | None) -> dict[str, Any]:
    """Return the settings of a preset; none for no name.

    Raises:
        UsageError: if there is none of that name.
    """
    if name is None:
        return {}
    if name not in PRESETS:
        raise UsageError(f"preset: expected {' or '.join(PRESETS)}, got {name!r}")
    return PRESETS[name]


@dataclass(frozen=True, slots=True)
class Means:
    """How a run is carried out: nothing here changes what it finds."""

    journal: str | None = None
    """URL of a database to record in; None: `journal.db` in the run directory."""
    base_url: str | None = None
    """Of an OpenAI-compatible server; None: from the environment, or the provider's own."""
    concurrency: int = 16
    """Requests in flight at once."""
    timeout: float = 600.0
    """Seconds for one request."""
    max_usd: float | None = None
    max_tokens: int | None = None
    """Input and output together, over the whole run."""
    max_minutes: float | None = None
    prices: Path | None = None
    """A price table that comes before the built-in one."""
    cache: Path | None = None
    """Where responses are cached for all runs; None: in the user's cache folder."""
    use_cache: bool = True


def _meant(model: str) -> str:
    """Return a hint for a name of no model, if there is one."""
    near = get_close_matches(model, (OFFLINE, SEARCH), n=1)
    meant = near[0] if near else probably(model)
    return f"; did you mean {meant}?" if meant else ""
