"""Each finding of the whole lint, shown by a small broken task."""

import asyncio
from collections.abc import Callable, Iterator, Mapping

import pytest

from hardwon.judge import Judge, Limits
from hardwon.languages import Lints, Severity, get_language
from hardwon.languages.inspection import Law
from hardwon.languages.protocol import TaskError
from hardwon.lint import Finding, LintReport, Prober, lint_markdown, lint_task
from hardwon.records import Diagnostic, Stage, Task, Verdict
from support import DOUBLE, DOUBLED, GREEDY, RESIDUAL, edited, read, toy_task

Lint = Callable[..., LintReport]

SCALED = """\
test_name: tiny/scaled
inputs:
  - {name: E0, dtype: fp32, dims: [N, M], data_gen: torch.randn}
  - {name: E1, dtype: fp32, dims: [N, M], data_gen: torch.randn}
fns:
  - name: Mul
    apply: |
      return [input[0] * input[1]]
    input_dtype: [fp32, fp32]
    output_dtype: fp32
    func_name: fn_mul
  - name: Square
    apply: |
      return [input[0] * input[0]]
    input_dtype: fp32
    output_dtype: fp32
    func_name: fn_square
outputs:
  - name: S0
    dtype: fp32
    dims: [N, M]
    data_transform:
      - |
        (input_data['E0'] * input_data['E1']) ** 2
"""
SCALED_PROGRAM = "return step.Map(fn=fn_square).apply(step.Map(fn=fn_mul).apply((E0, E1)))"


@pytest.fixture(scope="module")
def lint() -> Iterator[Lint]:
    """Lints with one judge for all tests of this module."""
    with asyncio.Runner() as runner:
        judge, prober = Judge(), Prober()

        def run(text: str, impl: str | None = None) -> LintReport:
            return runner.run(lint_task(read(text), impl, judge, prober))

        yield run
        runner.run(judge.__aexit__(None, None, None))
        runner.run(prober.__aexit__(None, None, None))


async def lint_alone(
    task: Task, impl: str | None, judge: Judge, limits: Limits | None = None
) -> LintReport:
    async with judge, Prober(limits) as prober:
        return await lint_task(task, impl, judge, prober)


def by_rule(report: LintReport) -> dict[str, Finding]:
    return {finding.rule: finding for finding in report.findings}


def test_a_sound_task_has_no_findings_and_all_wrong_variants_are_caught(lint: Lint) -> None:
    report = lint(SCALED, SCALED_PROGRAM)
    assert report.findings == ()
    assert report.trivial_programs > 0
    mutation = report.mutation
    assert mutation is not None
    assert mutation.survivors == ()
    assert mutation.equivalent >= 2  # E1 * E0, and x * x for the square of x
    assert mutation.caught == mutation.variants - mutation.equivalent > 5
    assert mutation.score == 1.0


ROW_MAXIMA = edited(
    SCALED,
    ("dims: [N, M]\n    data_transform", "dims: [M]\n    data_transform"),
    ("(input_data['E0'] * input_data['E1']) ** 2",
     "(input_data['E0'] * input_data['E1']).max(dim=-1).values"),
    ("outputs:\n", """\
  - name: Most
    apply: |
      return [torch.maximum(state[0], input[0])]
    init: [-1.0e+30]
    input_dtype: fp32
    output_dtype: fp32
    func_name: fn_most
outputs:
"""),
)  # fmt: skip


def test_a_fold_that_does_not_notice_its_own_states_leaves_no_survivors(lint: Lint) -> None:
    """The greatest of the greatest so far is the greatest."""
    program = "return step.Accum(fn=fn_most, b=1).apply(step.Map(fn=fn_mul).apply((E0, E1)))"
    report = lint(ROW_MAXIMA, program)
    assert report.findings == ()
    assert report.mutation is not None
    assert report.mutation.survivors == ()
    assert report.mutation.equivalent >= 3


def test_a_task_that_an_input_solves_is_an_error(lint: Lint) -> None:
    text = edited(SCALED, ("(input_data['E0'] * input_data['E1']) ** 2", "input_data['E0'] + 0"))
    found = by_rule(lint(text))
    assert found["trivial-solution"].severity is Severity.ERROR
    assert found["trivial-solution"].program == "return E0"
    assert "unused-input" in found
    assert found["no-program"].severity is Severity.NOTE


def test_a_task_that_zeros_solve_is_found(lint: Lint) -> None:
    text = edited(RESIDUAL, ("input_data['E0'] - input_data['E0'] ** 2", "input_data['E0'] * 0"))
    report = lint(text)
    found = by_rule(report)
    assert {"flat-output", "constant-output", "trivial-solution"} <= found.keys()
    assert "fn_minus" in (found["trivial-solution"].program or "")


def test_a_task_of_one_function_is_not_blamed_for_its_short_answer(lint: Lint) -> None:
    found = by_rule(lint(DOUBLE, DOUBLED))
    assert list(found) == ["small-solution"]
    assert found["small-solution"].severity is Severity.NOTE


def test_a_correct_program_that_only_lacks_copies_is_taken_as_it_is_meant(lint: Lint) -> None:
    report = lint(RESIDUAL, GREEDY)
    assert "program-fails" not in by_rule(report)
    assert report.mutation is not None


def test_a_program_that_the_reference_contradicts_is_an_error(lint: Lint) -> None:
    text = edited(SCALED, ("['E1']) ** 2", "['E1']) ** 3"))
    report = lint(text, SCALED_PROGRAM)
    found = by_rule(report)["program-fails"]
    assert found.severity is Severity.ERROR
    assert "functional" in found.message
    assert report.mutation is None


def test_data_that_hides_a_mistake_is_told_with_the_difference(lint: Lint) -> None:
    text = edited(SCALED, ("E1, dtype: fp32, dims: [N, M], data_gen: torch.randn",
                           "E1, dtype: fp32, dims: [N, M], data_gen: torch.ones"))  # fmt: skip
    report = lint(text, SCALED_PROGRAM)
    assert report.mutation is not None
    assert "data-hides-mistake" in by_rule(report)
    hidden = [survivor for survivor in report.mutation.survivors if survivor.other_data]
    assert any(survivor.kind == "drop step" for survivor in hidden)
    assert all(survivor.diff for survivor in hidden)
    assert "| tiny/scaled |" in lint_markdown([report])
    assert hidden[0].change in lint_markdown([report])


def test_types_that_cannot_be_read_are_found_first(lint: Lint) -> None:
    task = read(DOUBLE)
    output = task.outputs[0].model_copy(update={"dtype": ("fp99",)})
    broken = task.model_copy(update={"outputs": (output,)})
    report = asyncio.run(lint_alone(broken, None, _Stub()))
    (finding,) = report.findings
    assert (finding.severity, finding.rule) == (Severity.ERROR, "types")
    assert finding.where == ("outputs", 0, "dtype")


@pytest.mark.parametrize(
    "code", ["raise ValueError('no')", "import os; os._exit(3)", "raise SystemExit"]
)
def test_global_code_that_fails_is_an_error_of_the_task(lint: Lint, code: str) -> None:
    found = by_rule(lint(DOUBLE + f"global: |\n  {code}\n", DOUBLED))
    assert list(found) == ["task-fails"]


class _Stub(Judge):
    """Knows the sizes, and calls one program right."""

    right: str | None = None

    async def sizes(self, task: Task) -> Mapping[str, int]:
        return {"M": 5, "N": 7, "K": 9, "D": 16}

    async def judge(self, task: Task, impl: str | None) -> Verdict:
        right = impl == self.right
        error = Diagnostic(stage=Stage.FUNCTIONAL, line=None, message="it is not")
        return Verdict(
            correct=right,
            stage=None if right else Stage.FUNCTIONAL,
            affine=True,
            functional=right,
            errors=() if right else (error,),
        )


@pytest.mark.parametrize("code", ["while True: pass", "import os; os._exit(3)"])
def test_bodies_that_hang_or_end_the_process_are_errors_of_the_task(code: str) -> None:
    text = edited(DOUBLE, ("return [input[0] * 2]", f"{code}\n      return input"))
    limits = Limits(seconds=1.5, prepare_seconds=1.5)
    found = by_rule(asyncio.run(lint_alone(read(text), None, _Stub(), limits)))
    assert found["task-fails"].severity is Severity.ERROR


@pytest.mark.parametrize(
    "reply",
    [
        {},
        {"remarks": [{}], "holds": [True]},
        {"remarks": [], "holds": []},
        {"remarks": 3, "holds": [True]},
        {"remarks": [{"severity": "fine", "rule": "", "where": []}], "holds": [True]},
    ],
)
def test_replies_that_make_no_sense_are_errors_of_the_task(
    monkeypatch: pytest.MonkeyPatch, reply: dict[str, object]
) -> None:
    monkeypatch.setattr(Prober, "_ask", lambda *_: reply)
    language = get_language("step")
    assert isinstance(language, Lints)
    with pytest.raises(TaskError, match="disturbs"):
        asyncio.run(Prober().probe(language, read(DOUBLE), (), (Law("keeps", ("fn_double",)),)))


def test_a_judge_that_calls_an_equivalent_program_wrong_is_told() -> None:
    judge = _Stub()
    judge.right = SCALED_PROGRAM
    report = asyncio.run(lint_alone(read(SCALED), SCALED_PROGRAM, judge))
    told = [f.message for f in report.findings if f.rule == "equivalent-rejected"]
    assert any(message.startswith("fn_mul does not depend on the order") for message in told)


def test_a_language_without_a_linter_still_has_its_program_judged(toy: None) -> None:
    found = by_rule(asyncio.run(lint_alone(toy_task(), "return E0 + 4", Judge())))
    assert found["no-linter"].severity is Severity.NOTE
    assert found["program-fails"].severity is Severity.ERROR


def test_errors_come_before_warnings_and_notes(lint: Lint) -> None:
    text = edited(SCALED, ("(input_data['E0'] * input_data['E1']) ** 2", "input_data['E0'] + 0"))
    ranks = [list(Severity).index(finding.severity) for finding in lint(text).findings]
    assert ranks == sorted(ranks)
    assert len(set(ranks)) == 3
