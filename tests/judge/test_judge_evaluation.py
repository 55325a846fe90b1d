"""How functions are evaluated: every fast way does what the loop does, or is not taken."""

import pytest
import torch

from hardwon.languages.protocol import TaskError
from hardwon.languages.step.simulator.branches import Selector, without_branches
from hardwon.languages.step.simulator.evaluators import Branchless, loop, plain
from hardwon.languages.step.simulator.folds import Shortcut, shortcut_of
from hardwon.languages.step.simulator.machine import Units
from hardwon.languages.step.simulator.namespace import build_namespace
from hardwon.records import FunctionSpec, OutputSpec, Task, TensorSpec

SIZES = {"M": 5, "N": 7, "K": 9, "D": 4}


def function(
    body: str,
    *,
    init: tuple[float, ...] | None = None,
    takes: tuple[str, ...] = ("fp32",),
    gives: tuple[str, ...] = ("fp32",),
) -> FunctionSpec:
    return FunctionSpec(
        name="F", func_name="fn_f", apply=body, init=init, input_dtype=takes, output_dtype=gives
    )


def units_of(fn: FunctionSpec, global_code: str = "") -> Units:
    task = Task(
        test_name="t",
        global_code=global_code,
        inputs=(TensorSpec(name="E0", dtype=("fp32",), dims=("N", "M"), data_gen="torch.randn"),),
        fns=(fn,),
        outputs=(OutputSpec(name="S0", dtype=("fp32",), dims=("N", "M"), data_transform=("0",)),),
    )
    return Units.choose(build_namespace(task, SIZES, 0))


DECISIONS = {
    "two returns": "if input[0] > 0.5:\n    return [input[0] * 2]\nreturn [input[0] - 1]",
    "else": "if input[0] <= 0:\n    return [input[0]]\nelse:\n    return [-input[0]]",
    "a chain": (
        "if input[0] > 1:\n    return [input[0] * 0 + 1]\n"
        "elif input[0] < -1:\n    return [input[0] * 0 - 1]\nreturn [input[0]]"
    ),
    "an expression": "x = input[0] if input[0] > 0 else -input[0]\nreturn [x]",
    "numbers": "return [1.0 if input[0] > 0 else 0.0]",
}


@pytest.mark.parametrize("what", DECISIONS)
def test_decisions_on_single_elements_are_taken_for_a_whole_batch(what: str) -> None:
    units = units_of(function(DECISIONS[what]))
    unit, chosen = units.chosen["fn_f"]
    assert isinstance(chosen, Branchless)
    batch = (torch.randn(101) * 2,)
    torch.testing.assert_close(chosen(unit, None, batch), loop(unit, None, batch))


UNREWRITABLE = {
    "a decision on all": "if input[0].sum() > 0:\n    return [input[0]]\nreturn [-input[0]]",
    "a rare decision": "if input[0].max() > 1e6:\n    return [input[0] * 0]\nreturn [input[0]]",
    "a loop": "x = input[0]\nfor _ in range(3):\n    if x.sum() > 0: x = x - 1\nreturn [x]",
    "a Python number": "if float(input[0][0]) > 0:\n    return [input[0]]\nreturn [-input[0]]",
    "several comparisons": "if 0 < input[0][0] < 1:\n    return [input[0]]\nreturn [-input[0]]",
    "both": "if input[0][0] > 0 and input[0][1] > 0:\n    return [input[0]]\nreturn [-input[0]]",
}


@pytest.mark.parametrize("what", UNREWRITABLE)
def test_other_decisions_are_never_taken_for_a_whole_batch(what: str) -> None:
    fn = function(UNREWRITABLE[what], takes=("Buffer(fp32, [D])",), gives=("Buffer(fp32, [D])",))
    unit, chosen = units_of(fn).chosen["fn_f"]
    assert not isinstance(chosen, Branchless)
    assert chosen is not plain
    batch = (torch.randn(11, 4) * torch.tensor([1.0, 1e7] * 5 + [1.0]).unsqueeze(1),)
    torch.testing.assert_close(chosen(unit, None, batch), loop(unit, None, batch))


def test_a_branch_that_assigns_names_is_not_rewritten() -> None:
    assert (
        without_branches("if input[0] > 0:\n    x = 1\n    return [x]\nreturn [input[0]]") is None
    )
    assert without_branches("return [input[0]]") is None


def test_a_selection_needs_one_condition_per_element() -> None:
    selector = Selector()
    selector.batch = 3
    yes, no = torch.ones(3, 2), torch.zeros(3, 2)
    assert torch.equal(
        selector(torch.tensor([[True], [False], [True]]), yes, no),  # type: ignore[arg-type]
        torch.tensor([[1.0, 1], [0, 0], [1, 1]]),
    )
    assert selector(False, 1, 2) == 2
    for condition in (torch.tensor(True), torch.ones(3, 2) > 0, torch.ones(1) > 0, 1):
        with pytest.raises(Exception, match="decision"):
            selector(condition, yes, no)


SHORT = {
    "sum": ("return [state[0] + input[0]]", 0.0),
    "sum from five": ("return [input[0] + state[0]]", 5.0),
    "product": ("return [state[0] * input[0]]", 1.0),
    "maximum": ("return [torch.maximum(state[0], input[0])]", float("-inf")),
    "minimum": ("return [torch.min(input[0], state[0])]", 1.0),
}


@pytest.mark.parametrize("what", SHORT)
def test_associative_folds_are_taken_in_one_step(what: str) -> None:
    body, init = SHORT[what]
    units = units_of(function(body, init=(init,)))
    shortcut = units.shortcuts["fn_f"]
    assert isinstance(shortcut, Shortcut)
    unit, _ = units.chosen["fn_f"]
    rows = (torch.randn(6, 8),)
    start: tuple[torch.Tensor, ...] = (torch.full((6,), init),)
    state = start
    states = []
    for at in range(8):
        state = loop(unit, state, (rows[0][:, at],))
        states.append(state[0])
    for last in (shortcut.reduce(start, rows), shortcut.folded(rows, 1)):
        torch.testing.assert_close(last, state)
    for every in (shortcut.scan(start, rows), shortcut.scanned(rows, 1)):
        torch.testing.assert_close(every[0], torch.stack(states, dim=1))


@pytest.mark.parametrize(
    "body",
    [
        "return [state[0] - input[0]]",
        "return [state[0] + input[0] * 2]",
        "return [state[0] + state[0]]",
        "return [input[0] + input[0]]",
        "x = state[0] + input[0]\nreturn [x]",
        "return [torch.sub(state[0], input[0])]",
    ],
)
def test_other_folds_go_step_by_step(body: str) -> None:
    assert shortcut_of(function(body, init=(0.0,))) is None
    assert not units_of(function(body, init=(0.0,))).shortcuts


def test_a_fold_with_other_shapes_or_another_torch_goes_step_by_step() -> None:
    wide = function("return [state[0] + input[0]]", init=(0.0,), gives=("Buffer(fp32, [D])",))
    assert not units_of(wide).shortcuts
    code = "class torch:\n    maximum = lambda a, b: a + b"
    patched = function("return [torch.maximum(state[0], input[0])]", init=(0.0,))
    assert not units_of(patched, code).shortcuts


@pytest.mark.parametrize(
    "body",
    [
        "return [input[0] + torch.randn(())]",
        "ctx['n'] = ctx.get('n', 0) + 1\nreturn [input[0] * ctx['n']]",
        "old = ctx.get('old', 0)\nctx['old'] = input[0]\nreturn [old + input[0]]",
    ],
)
def test_a_body_that_is_no_function_of_its_arguments_is_the_tasks_fault(body: str) -> None:
    with pytest.raises(TaskError, match="different results for the same element"):
        units_of(function(body))


def test_a_body_that_fails_at_some_sizes_is_noted() -> None:
    fn = function("return [input[0].reshape(2, 3)]", takes=("Buffer(fp32, [D])",))
    assert "fn_f failed: RuntimeError" in units_of(fn).broken["fn_f"]
