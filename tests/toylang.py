"""A second language pack, in one file, to show that Hardwon needs to know nothing of it.

A program is the body of a Python function over the task's inputs, which are small integers; its
global law is that no input is read twice. The judge's worker runs programs as they are, so tests
can write programs as hostile as they like. It needs no PyTorch, and its workers start fast.
"""

import ast
import random
import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hardwon.languages import Finding, Reading, Setting, Simulator, StatementSampler
from hardwon.languages.protocol import Host, Support, TaskError
from hardwon.records import Diagnostic, Experience, Stage, Task

DRAWN = 40
"""How many numbers the sampler draws from."""


def _function(task: Task, impl: str) -> ast.FunctionDef:
    names = ", ".join(item.name for item in task.inputs)
    body = textwrap.indent(impl.strip("\n"), " ") or " pass"
    node = ast.parse(f"def program({names}):\n{body}").body[0]
    assert isinstance(node, ast.FunctionDef)
    return node


@dataclass
class ToySimulator:
    """Runs Python."""

    task: Task
    names: dict[str, Any] = field(default_factory=dict)

    def sizes(self) -> Mapping[str, int]:
        """See `Simulator.sizes`."""
        return {"N": 1}

    def prepare(self, settings: Sequence[Setting]) -> None:
        """See `Simulator.prepare`."""
        try:
            exec(self.task.global_code, self.names)
            for setting in settings:
                self.expected(self.inputs(setting))
        except Exception as error:
            raise TaskError(f"{type(error).__name__}: {error}") from error

    def inputs(self, setting: Setting) -> dict[str, int]:
        rng = random.Random(setting.seed)
        return {item.name: rng.randint(2, 99) for item in self.task.inputs}

    def expected(self, inputs: Mapping[str, int]) -> object:
        return eval(self.task.outputs[0].data_transform[0], dict(self.names), dict(inputs))

    def support(self) -> tuple[Support, ...]:
        """See `Simulator.support`."""
        return ()

    def close(self) -> None:
        """See `Simulator.close`."""

    def check(self, impl: str, settings: Sequence[Setting]) -> tuple[Diagnostic, ...]:
        """See `Simulator.check`."""
        names = dict(self.names)
        node = ast.fix_missing_locations(ast.Module([_function(self.task, impl)], []))
        exec(compile(node, "<program>", "exec"), names)
        for setting in settings:
            inputs = self.inputs(setting)
            want = self.expected(inputs)
            try:
                got = names["program"](**inputs)
            except Exception as error:
                return (_error(Stage.FUNCTIONAL, None, f"{type(error).__name__}: {error}"),)
            if got != want:
                return (_error(Stage.FUNCTIONAL, None, f"expected {want}, got {got!r:.80}"),)
        return ()


@dataclass(frozen=True)
class ToySampler:
    """Draws `return E0 + k` or `return E0 - k`; a demonstration draws its operator to itself."""

    task: Task
    plus: int
    minus: int

    def draw(self, rng: random.Random, temperature: float) -> tuple[str | None, int]:
        """See `StatementSampler.draw`."""
        del temperature
        name = rng.choice(self.task.inputs).name
        sign = rng.choices("+-", (self.plus, self.minus))[0]
        number = rng.randrange(DRAWN)
        return (f"return {name} {sign} {number}" if number else None), 1


@dataclass(frozen=True)
class Toy:
    """See `hardwon.languages.protocol.Language`."""

    name: str = "toy"
    executor: str = ""

    def check_task(self, task: Task) -> tuple[Finding, ...]:
        """See `Language.check_task`."""
        return tuple(
            Finding(("inputs", at, "dtype"), f"expected number, got {item.dtype[0]}")
            for at, item in enumerate(task.inputs)
            if item.dtype != ("number",)
        )

    def read(self, task: Task, impl: str, sizes: Mapping[str, int]) -> Reading:
        """See `Language.read`."""
        del sizes
        try:
            node = _function(task, impl)
        except SyntaxError as error:
            line = None if error.lineno is None else error.lineno - 1
            return Reading((_error(Stage.PARSE, line, error.msg),), False, None, None, None)
        inputs = {item.name for item in task.inputs}
        reads = Counter(
            inner.id
            for inner in ast.walk(node)
            if isinstance(inner, ast.Name) and inner.id in inputs
        )
        errors = tuple(
            _error(Stage.AFFINE, None, f"{name} is read {count} times, expected at most once")
            for name, count in reads.items()
            if count > 1
        )
        lines = [line for line in impl.splitlines() if line.strip() and line.strip()[0] != "#"]
        return Reading(errors, True, not errors, ast.dump(node), len(lines))

    def enforce_law(self, task: Task, impl: str, sizes: Mapping[str, int]) -> str:
        """See `Language.enforce_law`; no test needs it."""
        raise NotImplementedError

    def settings(self, task: Task, seed: int) -> tuple[Setting, ...]:
        """See `Language.settings`."""
        del task
        return (Setting({}, seed), Setting({}, seed + 1))

    def simulator(self, task: Task, host: Host) -> Simulator:
        """See `Language.simulator`; programs run in the judge's worker itself."""
        del host
        return ToySimulator(task)

    def sampler(
        self,
        task: Task,
        demonstrations: Sequence[Experience],
        sizes: Mapping[str, Mapping[str, int]],
    ) -> StatementSampler:
        """See `Language.sampler`."""
        assert sizes.keys() == {task.digest, *(shown.task.digest for shown in demonstrations)}
        signs = Counter(sign for shown in demonstrations for sign in "+-" if sign in shown.impl)
        return ToySampler(task, 1 + 9 * signs["+"], 1 + 9 * signs["-"])

    def test_file(self, task: Task, impl: str) -> str:
        """See `Language.test_file`."""
        source = ast.unparse(_function(task, impl))
        reference = task.outputs[0].data_transform[0]
        (name,) = [item.name for item in task.inputs]
        return (
            f"{source}\n\n\ndef test_values():\n"
            f"    for {name} in range(9):\n        assert program({name}) == {reference}\n"
        )


def _error(stage: Stage, line: int | None, message: str) -> Diagnostic:
    return Diagnostic(stage=stage, line=line, message=message)


language = Toy()
