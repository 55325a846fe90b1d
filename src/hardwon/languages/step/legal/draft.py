"""A program that is written statement by statement, each of them legal where it stands."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property

from hardwon.languages.legal import Statement
from hardwon.languages.step.affine import insert_copies
from hardwon.languages.step.graph import INPUT, Node, Ref
from hardwon.languages.step.legal.moves import Move
from hardwon.languages.step.legal.offers import moves
from hardwon.languages.step.legal.wording import Names, named, program_text, statement_text
from hardwon.languages.step.parser import MAX_CHARACTERS
from hardwon.languages.step.synthesis.builder import CannotAdaptError
from hardwon.languages.step.synthesis.learner import learned
from hardwon.languages.step.synthesis.options import Options
from hardwon.languages.step.synthesis.policy import Policy
from hardwon.languages.step.synthesis.space import Sizes, Space
from hardwon.languages.step.synthesis.state import State
from hardwon.records import Experience, Task

MAX_STATEMENTS = 64
"""How many statements are offered at most, the likeliest ones."""
MAX_RETURNS = 8
"""How many of them may end the program."""


@dataclass(frozen=True)
class StepDraft:
    """A STeP program being written. See `hardwon.languages.legal.Draft`.

    A statement is one use of a function, or the return of results, together with the primitives
    that bring its streams into shape. Until the program is finished streams are named as often as
    they are wanted; the finished text has Copies where they are, and leaves out what no result
    needs. At most 2 statements per function and 6 more are written; where nothing can be returned
    by then, the draft is at a dead end.
    """

    text: str
    finished: bool
    _state: State
    """Never changed: every statement is carried out on a copy."""
    _policy: Policy
    _names: Names
    _length: int = 0
    """Statements so far."""

    @classmethod
    def empty(
        cls, task: Task, demonstrations: Sequence[Experience], sizes: Mapping[str, Sizes]
    ) -> "StepDraft":
        """Return the empty program of a task; see `Drafts.draft`."""
        space = Space.of(task, sizes[task.digest])
        inputs = space.signature.inputs
        names = {Ref(INPUT, port): name for port, (name, _) in enumerate(inputs)}
        return cls("", False, State(space), learned(demonstrations, sizes), names)

    def statements(self) -> Sequence[Statement]:
        """See `Draft.statements`."""
        return tuple(Statement(text, score) for text, (score, _) in self._offers.items())

    def choose(self, statement: Statement) -> "StepDraft":
        """See `Draft.choose`.

        Raises:
            ValueError: if the statement is not legal here.
        """
        if statement.text not in self._offers:
            raise ValueError(f"not legal here: {statement.text}")
        _, successor = self._offers[statement.text]
        return successor

    @cached_property
    def _offers(self) -> dict[str, tuple[float, "StepDraft"]]:
        """The legal statements with their scores and what they lead to, the likeliest first."""
        found: dict[str, tuple[float, StepDraft]] = {}
        left = self._state.space.max_steps - self._length
        if self.finished or left < 1:
            return found
        known = set(self._state.builder.nodes)
        returns = 0
        for move, score in moves(Options(self._state, self._policy), last=left == 1):
            try:
                text, successor = self._after(move, known)
            except CannotAdaptError:
                continue
            if text in found or (successor.finished and returns == MAX_RETURNS):
                continue
            if left == 2 and not (successor.finished or successor.statements()):
                continue  # nothing could be returned in time
            returns += successor.finished
            found[text] = (score, successor)
            if len(found) == MAX_STATEMENTS:
                break
        return found

    def _after(self, move: Move, known: Set[Node]) -> tuple[str, "StepDraft"]:
        """Return a move's statement and the draft with it, given the nodes that there are.

        Raises:
            CannotAdaptError: if it turns out illegal, adds nothing, or makes the text too long.
        """
        state = self._state.fork()
        results = move.play(state)
        builder, signature = state.builder, state.space.signature
        if not results and builder.nodes[-1] in known:
            raise CannotAdaptError("a stream that is there already")
        start = len(self._state.builder.nodes)
        text, names = statement_text(builder.nodes, start, results, self._names, signature)
        whole = f"{self.text}\n{text}" if self.text else text
        if results:
            builder.nodes = named(builder.nodes, names)
            whole = program_text(insert_copies(builder.finish(results)), signature)
        if len(whole) > MAX_CHARACTERS:
            raise CannotAdaptError("a program that is too long to be read")
        draft = StepDraft(whole, bool(results), state, self._policy, names, self._length + 1)
        return text, draft
