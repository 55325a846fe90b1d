"""Right programs of another shape than the reference pass; programs that are a little wrong fail.

Each case offers functions of which some compute the reference in another way and others almost do.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from hardwon.records import FunctionSpec, OutputSpec, Task, TensorSpec
from support import SyncJudge

ROW = "Buffer(fp32, [D])"
SCORES = "Buffer(fp32, [E])"
CHOICE = "Multihot(fp32, E)"
LEAST = -1e30


@dataclass(frozen=True)
class Case:
    """A task over the streams E0, E1, ... of shape [N, M], and programs for it."""

    reference: str
    functions: Mapping[str, str]
    """Bodies by name; the fold `fn_x` starts from what `starts` says."""
    right: tuple[str, ...]
    wrong: tuple[str, ...]
    data: tuple[str, ...] = ("torch.randn",)
    element: str = "fp32"
    result: str = "fp32"
    dims: tuple[str, ...] = ("N", "M")
    starts: Mapping[str, float] | None = None

    def task(self, name: str) -> Task:
        starts = self.starts or {}
        return Task(
            test_name=f"formulas/{name.replace(' ', '_')}",
            global_code="ctx[E] = 4",
            inputs=tuple(
                TensorSpec(name=f"E{at}", dtype=(self.element,), dims=("N", "M"), data_gen=data)
                for at, data in enumerate(self.data)
            ),
            fns=tuple(
                FunctionSpec(
                    name=key,
                    func_name=f"fn_{key}",
                    apply=body,
                    init=(starts[key],) if key in starts else None,
                    input_dtype=(self.element,) * (1 if key in starts else len(self.data)),
                    output_dtype=(self.result,),
                )
                for key, body in self.functions.items()
            ),
            outputs=(
                OutputSpec(
                    name="S0",
                    dtype=(self.result,),
                    dims=self.dims,
                    data_transform=(self.reference,),
                ),
            ),
        )


def maps(*names: str, streams: str = "E0") -> tuple[str, ...]:
    """Return programs that apply one function each."""
    return tuple(f"return step.Map(fn=fn_{name}).apply({streams})" for name in names)


def folds(*names: str) -> tuple[str, ...]:
    """Return programs that fold the inner dimension by one function each."""
    return tuple(f"return step.Accum(fn=fn_{name}, b=1).apply(E0)" for name in names)


LAST_COLUMN = "x = input[0] * 3\nreturn [torch.cat([x[..., :-1], x[..., -1:] {}], dim=-1)]"

CASES = {
    "off in one place": Case(
        reference="input_data['E0'] * 3",
        functions={
            "triple": "return [input[0] * 3]",
            "sum": "return [input[0] + input[0] + input[0]]",
            "plus": LAST_COLUMN.format("+ 1e-4"),
            "times": LAST_COLUMN.format("* 1.001"),
            "turned": "return [input[0].flip(-1) * 3]",
        },
        right=maps("triple", "sum"),
        wrong=maps("plus", "times", "turned"),
        element=ROW,
        result=ROW,
    ),
    "row maxima": Case(
        reference="input_data['E0'].max(dim=-1).values",
        functions={
            "most": "return [torch.maximum(state[0], input[0])]",
            "decides": "return [input[0] if input[0] > state[0] else state[0]]",
            "from_zero": "return [torch.maximum(state[0], input[0])]",
            "from_minus_one": "return [torch.maximum(state[0], input[0])]",
            "first": f"return [torch.where(state[0] == {LEAST}, input[0], state[0])]",
            "last": "return [input[0]]",
            "farthest": "return [torch.where(input[0].abs() > state[0].abs(), input[0], state[0])]",
        },
        starts={
            "most": LEAST,
            "decides": LEAST,
            "from_zero": 0.0,
            "from_minus_one": -1.0,
            "first": LEAST,
            "last": LEAST,
            "farthest": 0.0,
        },
        right=folds("most", "decides"),
        wrong=folds("from_zero", "from_minus_one", "first", "last", "farthest"),
        dims=("M",),
    ),
    "saturating sums": Case(
        reference=(
            "x = input_data['E0']\ns = torch.zeros(M_value)\n"
            "for at in range(N_value):\n    s = (s + x[:, at]).clamp(-50, 50)\ns"
        ),
        functions={
            "saturated": "return [(state[0] + input[0]).clamp(-50, 50)]",
            "sum": "return [state[0] + input[0]]",
            "parts": "return [state[0] + input[0].clamp(-50, 50)]",
        },
        starts={"saturated": 0.0, "sum": 0.0, "parts": 0.0},
        right=folds("saturated"),
        wrong=folds("sum", "parts"),
        dims=("M",),
    ),
    "softmax": Case(
        reference="torch.softmax(input_data['E0'], dim=-1)",
        functions={
            "softmax": "return [torch.softmax(input[0], dim=-1)]",
            "shifted": "e = (input[0] - input[0].amax(-1, keepdim=True)).exp()\n"
            "return [e / e.sum(-1, keepdim=True)]",
            "logarithms": "return [torch.log_softmax(input[0], dim=-1).exp()]",
            "overflows": "e = input[0].exp()\nreturn [e / e.sum(-1, keepdim=True)]",
            "biased": "e = (input[0] - input[0].amax(-1, keepdim=True)).exp()\n"
            "return [e / (e.sum(-1, keepdim=True) + 1e-3)]",
        },
        right=maps("softmax", "shifted", "logarithms"),
        wrong=maps("overflows", "biased"),
        element=ROW,
        result=ROW,
    ),
    "softmax whose reference overflows as well": Case(
        reference="e = input_data['E0'].exp()\ne / e.sum(-1, keepdim=True)",
        functions={"overflows": "e = input[0].exp()\nreturn [e / e.sum(-1, keepdim=True)]"},
        right=maps("overflows"),
        wrong=(),
        element=ROW,
        result=ROW,
    ),
    "rows of bounded length": Case(
        reference=(
            "x = input_data['E0']\nlength = x.norm(dim=-1, keepdim=True)\n"
            "x * (100 / (length + 1e-6)).clamp(max=1)"
        ),
        functions={
            "whole": "return [input[0] * (100 / (input[0].norm() + 1e-6)).clamp(max=1)]",
            "axis": "n = input[0].norm(dim=-1, keepdim=True)\n"
            "return [input[0] * (100 / (n + 1e-6)).clamp(max=1)]",
            "decides": "n = input[0].norm()\n"
            "return [input[0] * 100 / (n + 1e-6) if n + 1e-6 > 100 else input[0]]",
            "entries": "return [input[0].clamp(-100, 100)]",
        },
        element=ROW,
        result=ROW,
        right=maps("whole", "axis", "decides"),
        wrong=(*maps("entries"), "return E0"),
    ),
    "rows without a large entry": Case(
        reference=(
            "x = input_data['E0']\n"
            "torch.where((x.abs() > 40).any(dim=-1, keepdim=True), torch.zeros(()), x)"
        ),
        functions={
            "whole": "return [torch.where((input[0].abs() > 40).any(), torch.zeros(()), input[0])]",
            "entries": "return [torch.where(input[0].abs() > 40, torch.zeros(()), input[0])]",
        },
        element=ROW,
        result=ROW,
        right=maps("whole"),
        wrong=maps("entries"),
    ),
    "sigmoid": Case(
        reference="torch.sigmoid(input_data['E0'])",
        functions={
            "quotient": "return [1 / (1 + torch.exp(-input[0]))]",
            "tangent": "return [0.5 * (1 + torch.tanh(input[0] / 2))]",
            "lines": "return [(input[0] / 6 + 0.5).clamp(0, 1)]",
            "cut_off": "return [torch.sigmoid(input[0].clamp(-6, 6))]",
        },
        right=maps("quotient", "tangent"),
        wrong=maps("lines", "cut_off"),
    ),
    "gelu": Case(
        reference="torch.nn.functional.gelu(input_data['E0'])",
        functions={
            "error_function": "return [input[0] * (1 + torch.erf(input[0] / 2 ** 0.5)) / 2]",
            "tangent": "return [torch.nn.functional.gelu(input[0], approximate='tanh')]",
            "sigmoid": "return [input[0] * torch.sigmoid(1.702 * input[0])]",
            "relu": "return [torch.relu(input[0])]",
        },
        right=maps("error_function"),
        wrong=maps("tangent", "sigmoid", "relu"),
    ),
    "relu": Case(
        reference="torch.relu(input_data['E0'])",
        functions={
            "decides": "return [input[0] if input[0] > 0 else input[0] * 0]",
            "half": "return [(input[0] + input[0].abs()) / 2]",
            "leaks": "return [torch.nn.functional.leaky_relu(input[0], 1e-4)]",
            "from_minus": "return [input[0].clamp(min=-1e-4)]",
        },
        right=maps("decides", "half"),
        wrong=maps("leaks", "from_minus"),
    ),
    "choice by a mask": Case(
        reference="torch.where(input_data['E1'] == 1, input_data['E2'], input_data['E0'])",
        functions={
            "blends": "return [input[0] * (1 - input[1]) + input[2] * input[1]]",
            "decides": "return [input[2] if input[1] > 0.5 else input[0]]",
            "ignores": "return [input[0]]",
            "inverted": "return [input[0] if input[1] > 0.5 else input[2]]",
        },
        data=("torch.randn", "binary", "torch.randn"),
        right=maps("blends", "decides", streams="(E0, E1, E2)"),
        wrong=(
            *maps("ignores", "inverted", streams="(E0, E1, E2)"),
            *maps("decides", streams="(E2, E1, E0)"),
        ),
    ),
    "all the largest": Case(
        reference="x = input_data['E0']\n(x == x.amax(dim=-1, keepdim=True)).float()",
        functions={
            "all": "return [(input[0] == input[0].amax(dim=-1, keepdim=True)).float()]",
            "first": "return [torch.eye(E_value)[input[0].argmax(dim=-1)]]",
        },
        data=("binary",),
        element=SCORES,
        result=CHOICE,
        right=maps("all"),
        wrong=maps("first"),
    ),
    "sizes of one": Case(
        reference="input_data['E0'] * 2",
        functions={
            "double": "return [input[0] * 2]",
            "alone": "return [input[0] * (3 if N_value == 1 else 2)]",
            "square": "return [input[0] * (3 if N_value == M_value else 2)]",
            "large": "return [input[0] * (3 if D_value > 16 else 2)]",
        },
        right=maps("double"),
        wrong=maps("alone", "square", "large"),
    ),
}


@pytest.mark.parametrize(
    ("name", "program"), [(name, text) for name, case in CASES.items() for text in case.right]
)
def test_another_way_to_compute_the_reference_passes(
    name: str, program: str, judge: SyncJudge
) -> None:
    said = judge.judge(CASES[name].task(name), program)
    assert said.correct, said.errors


@pytest.mark.parametrize(
    ("name", "program"), [(name, text) for name, case in CASES.items() for text in case.wrong]
)
def test_what_is_almost_the_reference_fails(name: str, program: str, judge: SyncJudge) -> None:
    said = judge.judge(CASES[name].task(name), program)
    assert not said.correct
    assert said.errors[0].difference is not None
