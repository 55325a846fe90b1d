"""The confined end of the search: it runs task code, so it is nobody's to import in earnest."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import inf
from typing import Any

import torch

from hardwon.languages.legal import SearchReport
from hardwon.languages.protocol import TaskError
from hardwon.languages.step.synthesis.search.costs import Costs
from hardwon.languages.step.synthesis.search.engine import SOLVED, Search
from hardwon.languages.step.synthesis.search.forms import Forms
from hardwon.languages.step.synthesis.search.hints import hint_of
from hardwon.languages.step.synthesis.search.lessons import evidence_of
from hardwon.languages.step.synthesis.search.programs import program_of
from hardwon.languages.step.synthesis.search.starting import Start, start_from
from hardwon.languages.step.synthesis.search.worlds import build_worlds
from hardwon.languages.step.synthesis.space import Space
from hardwon.records import Experience, Task

Reply = tuple[dict[str, Any], Sequence[bytes]]

_DATA_SEED = 20_000


def serve_task() -> Callable[[dict[str, Any], list[bytearray]], Reply]:
    """Return the answering function of a new process; see `Searches.searcher`."""
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    return _Server().answer


class _Server:
    """Keeps one search, so that it can go on."""

    def __init__(self) -> None:
        self._key: object = None
        self._session: Session | None = None

    def answer(self, request: dict[str, Any], data: list[bytearray]) -> Reply:
        """Search on, or anew if the request is about something else."""
        del data
        key = (request["task"], request["demonstrations"], request["seed"], request["start"])
        try:
            with torch.no_grad():
                if self._session is None or key != self._key:
                    self._key, self._session = (
                        key,
                        Session.open(
                            request["task"],
                            request["demonstrations"],
                            request["sizes"],
                            request["seed"],
                            request["start"],
                        ),
                    )
                report = self._session.run(request["budget"], request.get("seconds", inf))
        except TaskError as error:
            report = SearchReport((), 0, f"the task's own code fails: {error}", "")
        taken = self._session.search.bytes if self._session is not None else 0
        return {**asdict(report), "bytes": taken}, ()


@dataclass
class Session:
    """One search with the programs that it has found."""

    search: Search
    _read: int = 0
    """How many solutions have been turned into programs."""
    _known: set[str] = field(default_factory=set)

    @classmethod
    def open(
        cls,
        task: Task,
        demonstrations: Sequence[Experience],
        sizes: Mapping[str, Mapping[str, int]],
        seed: int = 0,
        start: str | None = None,
    ) -> "Session":
        """Prepare a search.

        Raises:
            TaskError: if the task's own code fails.
        """
        worlds = build_worlds(task, _DATA_SEED)
        space = Space.of(task, sizes[task.digest])
        begun = start_from(start, space) if start is not None else Start()
        evidence = evidence_of(demonstrations, sizes)
        costs = Costs(evidence, space.output_dims, begun.pairs, seed)
        search = Search(Forms(space, costs), worlds, begun.uses)
        return cls(search)

    def run(self, budget: int, seconds: float = inf) -> SearchReport:
        """Search until there is a new program, or until it stops for another reason.

        The report holds the programs that no earlier report held.
        """
        deadline = time.monotonic() + seconds
        programs: list[str] = []
        stopped = SOLVED
        while stopped == SOLVED and not programs:
            stopped = self.search.run(budget, deadline - time.monotonic())
            for solution in self.search.targets.solutions[self._read :]:
                program = program_of(self.search, solution)
                if program is not None and program not in self._known:
                    self._known.add(program)
                    programs.append(program)
            self._read = len(self.search.targets.solutions)
        hint = "" if programs else hint_of(self.search)
        return SearchReport(tuple(programs), self.search.evaluations, stopped, hint)
