"""Typed decoding of tasks unlike the benchmark's: well-typed whatever a model likes."""

from collections.abc import Mapping

import pytest
from test_agents_typed import PROMPT, FakeServer, Taste, propose, whims

from hardwon.agents import Request
from hardwon.agents.typed import Frame, TypedProposer
from hardwon.languages import get_language
from hardwon.records import Task
from support import read

BUFFER = "Buffer(fp32, [K])"


def stream(name: str, dtype: str, dims: str) -> str:
    return f"  - {{name: {name}, dtype: '{dtype}', dims: {dims}, data_gen: torch.randn}}\n"


def function(name: str, body: str, given: str, back: str, init: str | None = None) -> str:
    start = "" if init is None else f", init: {init}"
    return (
        f'  - {{name: {name}, apply: "return {body}", input_dtype: {given},'
        f" output_dtype: {back}, func_name: fn_{name.lower()}{start}}}\n"
    )


def result(name: str, dtype: str, dims: str, code: str) -> str:
    return f"  - {{name: {name}, dtype: '{dtype}', dims: {dims}, data_transform: [\"{code}\"]}}\n"


def task(name: str, inputs: str, fns: str, outputs: str, before: str = "") -> Task:
    fns = f"fns:\n{fns}" if fns else "fns: []\n"
    return read(f"test_name: own/{name}\n{before}inputs:\n{inputs}{fns}outputs:\n{outputs}")


GLOBAL = "global: |\n  Z_value = 3\n  ctx[Z] = Z_value\n"
PAIR = '["fp32", "fp32"]'
TASKS = [
    task(
        "nothing_to_do",
        stream("E0", "fp32", "[M, N]"),
        "",
        result("S0", "fp32", "[M, N]", "input_data['E0']"),
    ),
    task(
        "three_results",
        stream("E0", BUFFER, "[M]"),
        function("Twice", "[2 * input[0]]", f"'{BUFFER}'", f"'{BUFFER}'"),
        "".join(result(f"S{i}", BUFFER, "[M]", f"{2**i} * input_data['E0']") for i in range(3)),
    ),
    task(
        "pairs",
        stream("E0", "fp32", "[M, N]"),
        function("Both", "[input[0], -input[0]]", "fp32", PAIR)
        + function(
            "Fold",
            "[state[0] + input[0], torch.maximum(state[1], input[1])]",
            PAIR,
            PAIR,
            "[0, -inf]",
        )
        + function("Mix", "[input[0] * input[1]]", PAIR, "fp32"),
        result("S0", "fp32", "[N]", "input_data['E0'].sum(0) * (-input_data['E0']).amax(0)"),
    ),
    task(
        "long_names_and_a_size_of_one",
        stream("E10", "fp32", "[Rows_1, 1, C0l]") + stream("Estep", "fp32", "[Rows_1, 1, C0l]"),
        function(
            "Difference_that_goes_on_and_on_and_on_and_on", "[input[0] - input[1]]", PAIR, "fp32"
        )
        + function("Step", "[state[0] + input[0]]", "fp32", "fp32", "[0]"),
        result("S0", "fp32", "[1, C0l]", "(input_data['E10'] - input_data['Estep']).sum(0)"),
    ),
    task(
        "many_functions_for_nothing",
        stream("E0", "fp32", "[M]") + stream("E1", BUFFER, "[M]") + stream("E2", "fp32", "[Q]"),
        "".join(function(f"Add{i}", f"[input[0] + {i}]", "fp32", "fp32") for i in range(12)),
        result("S0", "fp32", "[M]", "input_data['E0'] + 3"),
    ),
    task(
        "routed",
        stream("E0", BUFFER, "[B, T]") + stream("E1", "Buffer(fp32, [Z])", "[B, T]"),
        function(
            "Pick",
            "[torch.nn.functional.one_hot(input[0].argmax(-1), Z_value).to(input[0].dtype)]",
            "'Buffer(fp32, [Z])'",
            "'Multihot(fp32, Z)'",
        )
        + "".join(
            function(f"Way{i}", f"[input[0] * {i}]", f"'{BUFFER}'", f"'{BUFFER}'") for i in range(3)
        )
        + function("Sum", "[state[0] + input[0]]", f"'{BUFFER}'", f"'{BUFFER}'", "[0]"),
        result("S0", BUFFER, "[B, T]", "input_data['E0'] * input_data['E1'].argmax(-1, True)"),
        GLOBAL,
    ),
]
SIZES: Mapping[str, int] = {
    **{"M": 5, "N": 7, "K": 9, "Q": 4, "B": 2, "T": 6, "Z": 3},
    **{"Rows_1": 5, "C0l": 8},
}
TASTES: dict[str, Taste] = {
    "everything alike": lambda text, piece: 1.0,
    "late letters": lambda text, piece: float(ord(piece[0])),
    "nothing at all": lambda text, piece: 1e-30,
    "whims": whims,
}


@pytest.mark.parametrize("taste", TASTES.values(), ids=TASTES)
@pytest.mark.parametrize("asked", TASKS, ids=lambda task: task.test_name)
def test_every_sample_is_well_typed_and_takes_a_bounded_number_of_questions(
    asked: Task, taste: Taste
) -> None:
    made = TypedProposer(
        FakeServer(taste),
        "local:fake",
        weight=0.0,
        proposal=lambda task, shown: PROMPT,
        frame=Frame(""),
    )
    request = Request(
        task=asked,
        demonstrations=(),
        temperature=1.0,
        indices=(0, 1),
        seed=1,
        sizes={asked.digest: SIZES},
    )
    answers = propose(request, made)
    assert [answer.index for answer in answers] == [0, 1]
    for answer in answers:
        assert answer.usage.requests < 200
        if answer.impl is None:
            assert answer.note is not None
            assert "dead end" in answer.note
        else:
            assert get_language("step").read(asked, answer.impl, SIZES).errors == ()
    assert any(answer.impl for answer in answers)
