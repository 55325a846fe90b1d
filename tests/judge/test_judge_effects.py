"""Functions that leave something behind: found by their text, and kept from helping a program."""

import pytest

from hardwon import bench
from hardwon.languages.step.settings import check_settings
from hardwon.languages.step.simulator import TaskSimulator
from hardwon.languages.step.simulator.effects import is_without_effects
from hardwon.records import Task
from support import DOUBLE, DOUBLED, SyncJudge, edited, read


def with_code(body: str, global_code: str = "") -> Task:
    task = read(DOUBLE)
    changed = task.fns[0].model_copy(update={"apply": body})
    return task.model_copy(update={"fns": (changed,), "global_code": global_code})


@pytest.mark.parametrize(
    ("body", "global_code"),
    [
        ("return [input[0] * 2]", ""),
        ("a, (b, c) = input[0], (1, 2)\nreturn [torch.exp(a) * b + c]", ""),
        ("if input[0] > 0:\n    return [input[0]]\nreturn [-input[0]]", ""),
        (
            "return [act(input[0]) @ input_data['W'].T]",
            "act = torch.nn.functional.silu\nctx[E] = 2",
        ),
        ("x = input[0].topk(2, dim=-1).indices\nreturn [x.to(torch.float32)]", ""),
        ("return [torch.nn.functional.relu(input[0])]", "half = torch.tensor(0.5)"),
    ],
)
def test_bodies_of_known_operations_leave_nothing_behind(body: str, global_code: str) -> None:
    assert is_without_effects(with_code(body, global_code))


@pytest.mark.parametrize(
    ("body", "global_code"),
    [
        ("return [input[0].mul_(2)]", ""),
        ("x = input[0]\nx += 1\nreturn [x]", ""),
        ("x = input[0]\nx[0] = 1\nreturn [x]", ""),
        ("return [torch.add(input[0], 1, out=input[0])]", ""),
        ("return [torch.nn.functional.relu(input[0], True)]", ""),
        ("return [torch.nn.functional.silu(*input)]", ""),
        ("return [act(input[0], True)]", "act = torch.nn.functional.silu"),
        ("return [torch.exp(**input[0])]", ""),
        ("return [input[0] * torch.rand(())]", ""),
        ("return [torch.empty_like(input[0])]", ""),
        ("seen.append(1)\nreturn [input[0]]", "seen = [0]"),
        ("return [input[0] * seen.pop()]", "seen = [1, 2]"),
        ("global seen\nseen = 1\nreturn [input[0]]", ""),
        ("ctx['n'] = 1\nreturn [input[0]]", ""),
        ("torch.exp = torch.log\nreturn [input[0]]", ""),
        ("return [helper(input[0])]", "helper = 1"),
        ("return [helper(input[0])]", "def helper(x):\n    return x"),
        ("return [input[0] * 2]", "torch.add = torch.mul"),
        ("return [input[0] * 2]", "torch = 1"),
        ("return [input[0] * 2]", "import os"),
        ("return [torch.exp(input[0])]", "x = (torch := 1)"),
        ("t = torch\nreturn [input[0]]", ""),
        ("return [(lambda x: x)(input[0])]", ""),
        ("return [input[0].__class__]", ""),
        ("return [input", ""),
        ("return [input[0]]", "x = ["),
    ],
)
def test_whatever_is_not_recognised_counts_as_an_effect(body: str, global_code: str) -> None:
    assert not is_without_effects(with_code(body, global_code))


def test_one_function_with_effects_is_enough() -> None:
    task = with_code("return [input[0] * 2]")
    noisy = task.fns[0].model_copy(update={"apply": "print(1)\nreturn [input[0]]"})
    assert not is_without_effects(task.model_copy(update={"fns": (*task.fns, noisy)}))


def test_the_benchmarks_functions_leave_nothing_behind() -> None:
    assert all(is_without_effects(bench.load(entry.name)) for entry in bench.catalog())


SLEEPER = """\
  - name: Wake
    apply: |
      if float(input[0]) > 1e8:
          ctx['awake'] = True
      return [input[0]]
    input_dtype: fp32
    output_dtype: fp32
    func_name: fn_wake
  - name: Grow
    apply: |
      return [input[0] * 0 + 1e9]
    input_dtype: fp32
    output_dtype: fp32
    func_name: fn_grow
  - name: Sleeper
    apply: |
      return [input[0] * (2 if 'awake' in ctx else 3)]
    input_dtype: fp32
    output_dtype: fp32
    func_name: fn_sleeper
outputs:
"""
WAKING = "return step.Map(fn=fn_wake).apply(step.Map(fn=fn_grow).apply(E0))"
SLEEPING = "return step.Map(fn=fn_sleeper).apply(E0)"


def test_what_one_program_leaves_behind_makes_no_other_one_pass() -> None:
    """Once woken, the sleeper doubles, as the reference does, in the process that woke it."""
    task = read(edited(DOUBLE, ("outputs:\n", SLEEPER)))
    with SyncJudge() as judge:
        assert not judge.judge(task, WAKING).correct
        assert not judge.judge(task, SLEEPING).correct
        assert judge.judge(task, DOUBLED).correct


def test_a_fresh_process_decides_only_where_something_may_be_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain = read(DOUBLE)
    for task, runners in ((plain, 1), (with_code("print(end='')\nreturn [input[0] * 2]"), 2)):
        simulator, settings = TaskSimulator(task), check_settings(task, 0)
        simulator.prepare(settings)
        spawned: list[object] = [None]  # the runner
        spawn = simulator._host.spawn
        monkeypatch.setattr(
            simulator._host, "spawn", lambda spawn=spawn, seen=spawned: seen.append(1) or spawn()
        )
        assert simulator.check("return E0", settings)
        for impl in (DOUBLED, f"E1 = step.Map(fn=fn_double).apply(E0)\nreturn E1  # {DOUBLED}"):
            assert simulator.check(impl, settings) == ()
        assert len(spawned) == runners
