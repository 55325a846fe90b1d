"""Task code is executed: whatever it does is a TaskError or a verdict, never a hang, and the next
program is judged correctly.
"""

from collections.abc import Iterator

import pytest

from hardwon.judge import Limits
from hardwon.languages.protocol import TaskError
from hardwon.records import Stage, Task
from support import DOUBLE, DOUBLED, SyncJudge, edited, read

LIMITS = Limits(seconds=2.0, memory_bytes=4 << 30)

TRAP = """\
  - name: Trap
    apply: |
      if float(input[0]) > 1e8:
          HOSTILE
      return [input[0] * 2]
    input_dtype: fp32
    output_dtype: fp32
    func_name: fn_trap
  - name: Grow
    apply: |
      return [input[0] * 0 + 1e9]
    input_dtype: fp32
    output_dtype: fp32
    func_name: fn_grow
outputs:
"""
TRAPPED = "E1 = step.Map(fn=fn_grow).apply(E0)\nreturn step.Map(fn=fn_trap).apply(E1)"
UNTRAPPED = "return step.Map(fn=fn_trap).apply(E0)"


def trap(hostile: str) -> Task:
    """Return a task with a body that does something when it gets large numbers.

    Random inputs are small, so only a program that makes them large springs the trap.
    """
    return read(edited(DOUBLE, ("outputs:\n", TRAP), ("HOSTILE", hostile)))


@pytest.fixture(scope="module")
def strict_judge() -> Iterator[SyncJudge]:
    with SyncJudge(limits=LIMITS) as judge:
        yield judge


@pytest.mark.parametrize(
    ("hostile", "message"),
    [
        ("while True: pass", "the program ran for more than 2 s"),
        ("import os; os._exit(1)", "the program ended the judge's process"),
        ("raise SystemExit", "fn_trap failed: SystemExit"),
        ("raise ValueError('no such number')", "fn_trap failed: ValueError: no such number"),
        ("return [torch.zeros(1 << 40)]", "fn_trap failed: RuntimeError"),
        ("return [bytearray(1 << 40)]", "fn_trap failed: MemoryError"),
        ("return []", "fn_trap returned 0 components, expected 1"),
        ("return ['text']", "fn_trap returned 'text', expected a tensor of shape ()"),
        ("print('noise' * 10_000)", "35 of 35 values differ"),
    ],
)
def test_a_program_that_makes_a_body_misbehave_gets_a_verdict(
    hostile: str, message: str, strict_judge: SyncJudge
) -> None:
    task = trap(hostile)
    said = strict_judge.judge(task, TRAPPED)
    assert (said.correct, said.stage, said.functional) == (False, Stage.FUNCTIONAL, False)
    assert message in said.errors[0].message
    assert strict_judge.judge(task, UNTRAPPED).correct
    assert not strict_judge.judge(task, "return step.Map(fn=fn_grow).apply(E0)").correct


def test_a_program_that_asks_for_too_much_memory_gets_a_verdict(strict_judge: SyncJudge) -> None:
    task = read(DOUBLE)
    repeats = "".join(f"E{n + 1} = step.Repeat(n=1000).apply(E{n})\n" for n in range(4))
    flat = "E5 = step.Flatten(L=[1, 2, 3, 4]).apply(E4)\n"
    fold = "E6 = step.Bufferize(a=1).apply(E5)\nreturn E0"
    said = strict_judge.judge(task, repeats + flat + fold)
    assert (said.correct, said.stage) == (False, Stage.FUNCTIONAL)
    assert "entries, expected at most" in said.errors[0].message
    assert strict_judge.judge(task, DOUBLED).correct


REFERENCE = "        input_data['E0'] * 2\n"
BODY = "      return [input[0] * 2]\n"
START = "inputs:\n"


@pytest.fixture(scope="module")
def patient_judge() -> Iterator[SyncJudge]:
    """A judge that only sees broken tasks; its worker has no other task that it could disturb."""
    with SyncJudge() as judge:
        yield judge


@pytest.mark.parametrize(
    ("place", "code", "message"),
    [
        (START, "global: 1 / 0\ninputs:\n", "global code .* failed: ZeroDivisionError"),
        (START, "global: raise SystemExit\ninputs:\n", "global code .* failed: SystemExit"),
        (START, "global: ctx[N] = 0\ninputs:\n", "positive integer as the size of N, got 0"),
        (START, "global: ctx[N] = 'many'\ninputs:\n", "as the size of N, got 'many'"),
        (START, "global: import no_such_module\ninputs:\n", "No module named 'no_such_module'"),
        (REFERENCE, "        input_data['E9']\n", "the reference of S0 failed: KeyError: 'E9'"),
        (REFERENCE, "        raise SystemExit\n        1\n", "reference of S0 failed: SystemExit"),
        (REFERENCE, "        torch.zeros(1 << 50)\n", "reference of S0 failed: RuntimeError"),
        (REFERENCE, "        torch.zeros(3)\n", r"S0: expected shape \(5, 7\) .* got \(3,\)"),
        (REFERENCE, "        'text'\n", "the reference of S0 failed: TypeError"),
        ("[N, M]", "[E, M]", "the symbol E has no size; bind it in `global`"),
    ],
)
def test_broken_code_of_a_task_is_named(
    place: str, code: str, message: str, patient_judge: SyncJudge
) -> None:
    task = read(edited(DOUBLE, (place, code)))
    for _ in range(2):
        with pytest.raises(TaskError, match=message):
            patient_judge.judge(task, DOUBLED)
        with pytest.raises(TaskError, match=message):
            patient_judge.sizes(task)


def test_a_body_that_always_fails_is_the_programs_fault_only_if_it_calls_it(
    strict_judge: SyncJudge,
) -> None:
    task = trap("pass")
    broken = task.model_copy(
        update={
            "fns": tuple(
                fn.model_copy(update={"apply": "return [undefined]"})
                if fn.func_name == "fn_trap"
                else fn
                for fn in task.fns
            )
        }
    )
    assert strict_judge.judge(broken, DOUBLED).correct
    said = strict_judge.judge(broken, UNTRAPPED)
    assert "fn_trap failed: NameError" in said.errors[0].message


def test_a_body_that_ends_the_worker_does_not_disturb_other_tasks(strict_judge: SyncJudge) -> None:
    body = "      import os\n      os._exit(0)\n      return [input[0]]\n"
    other = read(DOUBLE)
    assert strict_judge.judge(other, DOUBLED).correct
    with pytest.raises(TaskError, match="the task's own code ended the worker process"):
        strict_judge.judge(read(edited(DOUBLE, (BODY, body))), DOUBLED)
    assert strict_judge.judge(other, DOUBLED).correct


def test_the_sizes_are_those_after_the_global_code(strict_judge: SyncJudge) -> None:
    task = read(edited(DOUBLE, (START, "global: ctx[N] = 11\ninputs:\n")))
    assert strict_judge.sizes(task) == {"M": 5, "N": 11, "K": 9, "D": 16}
    assert strict_judge.judge(task, DOUBLED).correct
