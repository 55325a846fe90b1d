"""Puts the agentic system together from a run's configuration."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from hardwon.agents import (
    AgenticSystem,
    Composer,
    DeepeningProposer,
    Guardian,
    GuardianKind,
    Mode,
    ModelGuardian,
    ModelProposer,
    ModelRepairer,
    NoGuardian,
    OfflineProposer,
    PassGuardian,
    Proposer,
    Repairer,
    RepairerKind,
    SearchProposer,
    SearchRepairer,
    TypedProposer,
)
from hardwon.agents.typed import CONTEXT as TYPED_CONTEXT
from hardwon.api.configuration import LOCAL, OFFLINE, SEARCH, Configuration, Decoding, Means
from hardwon.api.errors import UsageError
from hardwon.api.places import journal_of
from hardwon.journal import Journal
from hardwon.judge import Judge
from hardwon.languages import get_language
from hardwon.languages.legal import Searches
from hardwon.languages.protocol import Samples
from hardwon.models import (
    Caps,
    Estimate,
    Ledger,
    LocalModel,
    Model,
    ResponseFile,
    ResponseStore,
    Settings,
    connect,
    default_cache_path,
    estimate,
)
from hardwon.records import Completion, Exchange, Parameters, Task, Usage

REPLAY = "replay:"
LOCAL_CONTEXT = 16384
"""Tokens of one conversation with a local model, prompt and answer together."""


class _Record:
    """A `ResponseStore` that passes everything on to that of a run, as soon as there is one."""

    def __init__(self) -> None:
        self.store: ResponseStore | None = None

    def find(self, key: str) -> Completion | None:
        """See `ResponseStore.find`."""
        return None if self.store is None else self.store.find(key)

    def keep(self, exchange: Exchange) -> None:
        """See `ResponseStore.keep`."""
        if self.store is None:
            raise RuntimeError("a model was asked before there was a run")
        self.store.keep(exchange)


@dataclass(frozen=True, slots=True)
class Crew:
    """The agents of a run, and what they have spent."""

    system: AgenticSystem
    ledger: Ledger
    levels: int
    """How many levels of search it has beyond the usual effort."""
    _record: _Record

    def begin(self, record: ResponseStore, spent: Usage) -> None:
        """Take up a run, before anything is sampled.

        Args:
            record: keeps every exchange of the run.
            spent: what the run has spent before it was interrupted; it counts for the caps.
        """
        self._record.store = record
        if spent.requests:
            self.ledger.add("before", spent)


@asynccontextmanager
async def hired(
    configuration: Configuration,
    means: Means,
    tasks: Sequence[Task],
    judge: Judge,
    *,
    workers: int = 1,
) -> AsyncIterator[Crew]:
    """Yield the agents that a configuration asks for, and release them in the end.

    Nothing is started or sent before they sample, so this is also how to find out what is wrong
    with a configuration before there is a run.

    Args:
        configuration: which model, in which mode.
        means: how it is reached, and what it may spend.
        tasks: what the agents are for; their languages have to fit the configuration.
        judge: judges what the agents write.
        workers: processes for proposers that need no model.

    Raises:
        UsageError: if parts of the configuration do not go together.
        ModelError: if the model cannot be used.
    """
    async with AsyncExitStack() as stack:
        try:
            caps = Caps(max_usd=means.max_usd, max_tokens=means.max_tokens)
        except ValueError as error:
            raise UsageError(str(error)) from error
        ledger = Ledger(caps)
        levels = 0
        record = _Record()
        if configuration.uses_no_model:
            proposer = _modelless(configuration, tasks, workers)
            levels = 0 if isinstance(proposer, OfflineProposer) else configuration.levels
            system = AgenticSystem(proposer, judge)
        else:
            settings = _settings(configuration, means, ledger, record, stack)
            model = _connected(configuration, settings)
            stack.push_async_callback(model.close)
            system = _with_model(configuration, tasks, model, judge, ledger)
        stack.push_async_callback(system.close)
        yield Crew(system, ledger, levels, record)


def estimated(tasks: Sequence[Task], configuration: Configuration, means: Means) -> Estimate:
    """Return what the first iteration may cost at most, before anything is sent.

    Later iterations sample the tasks that are left, with demonstrations in the prompt; how many
    there will be nobody knows.

    Raises:
        UsageError: if parts of the configuration do not go together.
        ModelError: if the model cannot be used, or a price table cannot be read.
    """
    asyncio.run(_hire_and_release(configuration, means, tasks))
    composer = _proposing_composer(configuration, silent=True)
    prompts = [composer.proposal(task, ()) for task in tasks]
    samples = configuration.samples * len(configuration.temperatures)
    settings = Settings(base_url=means.base_url, prices=means.prices)
    typed = configuration.writing is Decoding.TYPED
    most = estimate(
        configuration.model,
        prompts,
        Parameters(max_tokens=1 if typed else configuration.max_output_tokens),
        samples=1 if typed else samples,
        settings=settings,
    )
    return replace(most, requests=samples * len(tasks), questions=True) if typed else most


async def _hire_and_release(
    configuration: Configuration, means: Means, tasks: Sequence[Task]
) -> None:
    async with hired(configuration, means, tasks, Judge()):
        pass


def _modelless(configuration: Configuration, tasks: Sequence[Task], workers: int) -> Proposer:
    if configuration.model != SEARCH:
        _require_sampler(tasks)
        if configuration.levels == 0:
            return OfflineProposer(workers)
    by_default = configuration.model == OFFLINE and configuration.efforts is None
    cannot = _without(Searches, tasks)
    if by_default and all(task.language in cannot for task in tasks):
        return OfflineProposer(workers)
    if not by_default:
        _require_search(tasks, f"use --model {OFFLINE} --efforts 0")
    search = SearchProposer(workers)
    if configuration.model == SEARCH:
        return search
    return DeepeningProposer(OfflineProposer(workers), search)


def _require_sampler(tasks: Sequence[Task]) -> None:
    if cannot := _without(Samples, tasks):
        raise UsageError(
            f"the language {', '.join(cannot)} has no sampler, so that programs in it need a model:"
            " choose one with --model"
        )


def _without(offer: type, tasks: Sequence[Task]) -> list[str]:
    """Return the languages of tasks whose packs do not offer what a protocol asks for."""
    languages = sorted({task.language for task in tasks})
    return [name for name in languages if not isinstance(get_language(name), offer)]


def _require_search(tasks: Sequence[Task], advice: str) -> None:
    if cannot := _without(Searches, tasks):
        raise UsageError(f"no search is known for the language {', '.join(cannot)}; {advice}")


def _settings(
    configuration: Configuration,
    means: Means,
    ledger: Ledger,
    record: ResponseStore,
    stack: AsyncExitStack,
) -> Settings:
    cache: ResponseStore | None = None
    recorded: str | None = None
    if configuration.model.startswith(REPLAY):
        recorded, cache = _recording(configuration.model.removeprefix(REPLAY), stack)
    elif means.use_cache and not configuration.model.startswith("scripted:"):
        cache = stack.enter_context(ResponseFile(means.cache or default_cache_path()))
    try:
        return Settings(
            base_url=means.base_url,
            ledger=ledger,
            record=record,
            cache=cache,
            recorded=recorded,
            concurrency=means.concurrency,
            timeout=means.timeout,
            prices=means.prices,
            context=LOCAL_CONTEXT,
        )
    except ValueError as error:
        raise UsageError(str(error)) from error


def _recording(name: str, stack: AsyncExitStack) -> tuple[str, ResponseStore]:
    """Return the model that a run directory's run used, and its answers."""
    folder = Path(name)
    if not folder.is_dir():
        raise UsageError(f"{REPLAY}{name}: expected a run directory, found none")
    place = journal_of(folder)
    journal = stack.enter_context(Journal.open(place.journal, create=False))
    runs = journal.runs()
    number = place.run if place.run is not None else runs[-1].id if runs else None
    if number is None:
        raise UsageError(f"{REPLAY}{name}: its journal holds no run")
    recorded = next(journal.exchanges(number), None)
    if recorded is None:
        raise UsageError(f"{REPLAY}{name}: its run asked no model, so there is nothing to replay")
    return recorded.model, journal.responses(number)


def _connected(configuration: Configuration, settings: Settings) -> Model:
    if configuration.model.startswith(REPLAY):
        return connect("replay", settings)
    return connect(configuration.model, settings)


def _proposing_composer(configuration: Configuration, *, silent: bool = False) -> Composer:
    """Return what writes the proposer's prompts, which are brief where it only has to choose."""
    if configuration.writing is not Decoding.TYPED:
        return _composer(configuration, silent=silent)
    context = TYPED_CONTEXT if configuration.context is None else configuration.context
    return Composer(brief=True, context=context, silent=silent)


def _composer(configuration: Configuration, *, silent: bool = False) -> Composer:
    context = configuration.context
    if context is None and configuration.model.startswith(LOCAL):
        context = max(1, LOCAL_CONTEXT - configuration.max_output_tokens)
    return Composer(
        script=configuration.mode.shows_scripts,
        bare=configuration.writing is Decoding.GRAMMAR,
        context=context,
        silent=silent,
    )


def _with_model(
    configuration: Configuration,
    tasks: Sequence[Task],
    model: Model,
    judge: Judge,
    ledger: Ledger,
) -> AgenticSystem:
    composer = _composer(configuration)
    return AgenticSystem(
        _proposer(configuration, model, ledger),
        judge,
        _guardian(configuration, model, composer),
        _repairer(configuration, tasks, model, composer),
    )


def _proposer(
    configuration: Configuration,
    model: Model,
    ledger: Ledger,
) -> Proposer:
    limit, decoding = configuration.max_output_tokens, configuration.writing
    composer = _proposing_composer(configuration)
    if decoding is Decoding.FREE:
        return ModelProposer(model, mode=configuration.mode, max_tokens=limit, composer=composer)
    if not isinstance(model, LocalModel):
        raise UsageError(
            f"decoding: {decoding} needs a local model (local:FILE.gguf), got {configuration.model}"
        )
    if decoding is Decoding.TYPED:
        return TypedProposer(
            model.server,
            model.name,
            weight=configuration.policy_weight,
            slots=model.server.slots,
            ledger=ledger,
            proposal=composer.proposal,
        )
    return ModelProposer(
        model,
        mode=configuration.mode,
        max_tokens=limit,
        composer=composer,
        grammar=True,
    )


def _repairer(
    configuration: Configuration, tasks: Sequence[Task], model: Model, composer: Composer
) -> Repairer | None:
    if configuration.repairs == 0:
        return None
    if configuration.repairer is RepairerKind.SEARCH:
        _require_search(tasks, "repair by another repairer")
        return SearchRepairer()
    limit = configuration.max_output_tokens
    return ModelRepairer(model, configuration.repairs, max_tokens=limit, composer=composer)


def _guardian(configuration: Configuration, model: Model, composer: Composer) -> Guardian:
    if configuration.mode is not Mode.AGENT or configuration.guardian is GuardianKind.NONE:
        return NoGuardian()
    if configuration.guardian is GuardianKind.PASS:
        return PassGuardian()
    return ModelGuardian(model, max_tokens=configuration.max_output_tokens, composer=composer)
