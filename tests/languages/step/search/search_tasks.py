"""Small tasks for the search, none of them in a benchmark."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from hardwon.languages.step.synthesis.search.serving import Session
from hardwon.records import Task
from support import edited, read

SIZES = {"M": 5, "N": 7, "K": 9, "D": 16, "E": 3}

CENTRED = """\
test_name: tiny/centred
inputs:
  - {name: E0, dtype: fp32, dims: [N, M], data_gen: torch.randn}
fns:
  - name: Sum
    apply: |
      return [state[0] + input[0]]
    init: [0]
    input_dtype: fp32
    output_dtype: fp32
    func_name: fn_sum
  - name: Share
    apply: |
      return [input[0] / N_value]
    input_dtype: fp32
    output_dtype: fp32
    func_name: fn_share
  - name: Minus
    apply: |
      return [input[0] - input[1]]
    input_dtype: [fp32, fp32]
    output_dtype: fp32
    func_name: fn_minus
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
        x = input_data['E0']
        (x - x.mean(dim=-1, keepdim=True)) ** 2
"""
"""A mean that has to be repeated along the row it comes from."""
CENTRE = """\
E0_0, E0_1 = step.Copy().apply(E0)
total = step.Accum(fn=fn_sum, b=1).apply(E0_0)
mean = step.Map(fn=fn_share).apply(total)
spread = step.Repeat(n=N).apply(mean)
centred = step.Map(fn=fn_minus).apply((E0_1, spread))
return step.Map(fn=fn_square).apply(centred)"""

TUPLES = """\
test_name: tiny/tuples
inputs:
  - {name: E0, dtype: fp32, dims: [N, M], data_gen: torch.randn}
  - {name: E1, dtype: "Buffer(fp32, [D])", dims: [N, M], data_gen: torch.randn}
fns:
  - name: MaxSum
    apply: |
      m = torch.maximum(state[0], input[0])
      return [m, state[1] + input[1] * input[0]]
    init: [-inf, 0]
    input_dtype: [fp32, "Buffer(fp32, [D])"]
    output_dtype: [fp32, "Buffer(fp32, [D])"]
    func_name: fn_maxsum
outputs:
  - name: S0
    dtype: [fp32, "Buffer(fp32, [D])"]
    dims: [M]
    data_transform:
      - |
        input_data['E0'].amax(dim=1)
      - |
        (input_data['E0'].unsqueeze(-1) * input_data['E1']).sum(dim=1)
"""
"""A fold over zipped streams whose whole state is the result."""

TWO = """\
test_name: tiny/two
inputs:
  - {name: E0, dtype: fp32, dims: [K, N, M], data_gen: torch.randn}
fns:
  - name: Add
    apply: |
      return [state[0] + input[0]]
    init: [0]
    input_dtype: fp32
    output_dtype: fp32
    func_name: fn_add
  - name: Double
    apply: |
      return [input[0] * 2]
    input_dtype: fp32
    output_dtype: fp32
    func_name: fn_double
outputs:
  - name: S0
    dtype: fp32
    dims: [N, M]
    data_transform:
      - |
        total = input_data['E0'].sum(dim=-1)
        total
  - name: S1
    dtype: fp32
    dims: [M]
    data_transform:
      - |
        2 * total.sum(dim=-1)
"""
"""Two results, one on the way to the other."""

_NEGATIVE = """\
  - name: Negative
    apply: |
      return [-input[0]]
    input_dtype: "Buffer(fp32, [D])"
    output_dtype: "Buffer(fp32, [D])"
    func_name: fn_negative
"""
ROUTED = (
    """\
test_name: tiny/routed
global: |
  E_value = 2
  ctx[E] = E_value
inputs:
  - {name: E0, dtype: "Buffer(fp32, [D])", dims: [M], data_gen: torch.randn}
fns:
  - name: Choose
    apply: |
      if input[0].sum() > 0:
        return [torch.tensor([1.0, 0.0])]
      return [torch.tensor([0.0, 1.0])]
    input_dtype: "Buffer(fp32, [D])"
    output_dtype: "Multihot(fp32, E)"
    func_name: fn_choose
  - name: Twice
    apply: |
      return [input[0] * 2]
    input_dtype: "Buffer(fp32, [D])"
    output_dtype: "Buffer(fp32, [D])"
    func_name: fn_twice
"""
    + _NEGATIVE
    + """\
  - name: Join
    apply: |
      return [state[0] + input[0]]
    init: [0]
    input_dtype: "Buffer(fp32, [D])"
    output_dtype: "Buffer(fp32, [D])"
    func_name: fn_join
outputs:
  - name: S0
    dtype: "Buffer(fp32, [D])"
    dims: [M]
    data_transform:
      - |
        x = input_data['E0']
        torch.where(x.sum(dim=-1, keepdim=True) > 0, 2 * x, -x)
"""
)
"""A decision on the data routes rows to one of two functions."""

OTHERWISE_ROUTED = edited(
    ROUTED,
    ("tiny/routed", "tiny/otherwise_routed"),
    (_NEGATIVE, ""),
    ("2 * x, -x", "x, 2 * x"),
)
"""The first branch passes rows on, the second one has the only function."""

PRODUCT = """\
test_name: tiny/product
inputs:
  - {name: E0, dtype: fp32, dims: [Q, P], data_gen: torch.rand}
  - {name: E1, dtype: fp32, dims: [P], data_gen: torch.rand}
global: |
  ctx[P] = 3
  ctx[Q] = 4
fns:
  - name: Mul
    apply: |
      return [input[0] * input[1]]
    input_dtype: [fp32, fp32]
    output_dtype: fp32
    func_name: fn_mul
outputs:
  - name: S0
    dtype: fp32
    dims: [Q*P]
    data_transform:
      - |
        (input_data['E0'] * input_data['E1'].unsqueeze(-1)).reshape(-1)
"""
"""Symbols of its own, and a result of merged dimensions."""

SCALED = (
    PRODUCT.replace("tiny/product", "tiny/scaled")
    .replace("[Q*P]", "[Q, P]")
    .replace(".reshape(-1)", "")
)


@contextmanager
def double_precision() -> Iterator[None]:
    """Set what the searching process sets for itself."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with torch.no_grad():
            yield
    finally:
        torch.set_default_dtype(before)


def session(text: str, start: str | None = None, seed: int = 0) -> Session:
    """Return a search without demonstrations."""
    task = read(text)
    return Session.open(task, (), {task.digest: sizes(task)}, seed, start)


def sizes(task: Task) -> dict[str, int]:
    """Return the default sizes of one of the tasks above."""
    own = {"E": 2} if "E_value = 2" in task.global_code else {}
    return {**SIZES, **own, **({"P": 3, "Q": 4} if "ctx[P]" in task.global_code else {})}
