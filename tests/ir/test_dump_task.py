"""A task that is written down reads back as it was, and reads well."""

import io
import keyword
import math
from unittest import mock

import pytest
import yaml
from demo_task import DEMO, PACK
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hardwon.ir import dump_task, load_task, parse_task, yaml_tree
from hardwon.records import FunctionSpec, OutputSpec, Task, TensorSpec

TASK = load_task(DEMO, language=PACK)


def test_a_task_is_written_in_the_order_of_the_format() -> None:
    task = TASK.model_copy(update={"language": "other"})
    assert (
        dump_task(task)
        == """\
test_name: demo_weighted_rows
language: other
global: |
  E_value = 3
  ctx[E] = E_value
  silu = torch.nn.SiLU()
inputs:
  - name: E0
    dtype: Buffer(fp32, [D])
    dims: [N, M]
    data_gen: torch.randn
  - name: E1
    dtype: Multihot(fp32, E)
    dims: [N, M]
    min: 1
    max: 2
parameters:
  - name: W
    dtype: fp32
    dims: [K, D]
    data_gen: torch.randn
fns:
  - name: Project
    apply: |
      hidden = input[0] @ input_data['W']
      return [silu(hidden)]
    input_dtype: Buffer(fp32, [D])
    output_dtype: Buffer(fp32, [K])
    func_name: fn_project
  - name: SumCount
    apply: |
      return [state[0] + input[0], state[1] + 1]
    init: [0, -1]
    input_dtype: Buffer(fp32, [K])
    output_dtype: ["Buffer(fp32, [K])", fp32]
    func_name: fn_sum
outputs:
  - name: S0
    dtype: Buffer(fp32, [K])
    dims: [M]
    data_transform:
      - |
        hidden = silu(input_data['E0'] @ input_data['W'])
        hidden.sum(dim=1)
constraints:
  - D % 2 == 0
impl: |-
  E2 = step.Map(fn=fn_project).apply(E0)
  return E2
"""
    )


def test_what_is_at_its_default_is_left_out() -> None:
    plain = Task(test_name="t", inputs=TASK.inputs, fns=(), outputs=TASK.outputs, impl=" \n")
    keys = [line.partition(":")[0] for line in dump_task(plain).splitlines() if line[0] not in " -"]
    assert keys == ["test_name", "inputs", "fns", "outputs"]
    assert "fns: []\n" in dump_task(plain)


@pytest.mark.parametrize(
    ("init", "written"),
    [
        ((0.0, -1.0), "[0, -1]"),
        ((-math.inf, math.inf), "[-inf, inf]"),
        ((0.5, 1e-5), "[0.5, 1e-05]"),
        ((-0.0, 1e300), "[-0.0, 1e+300]"),
        ((3e38, 2.0**53), "[3e+38, 9007199254740992.0]"),
    ],
)
def test_numbers_are_written_short(init: tuple[float, ...], written: str) -> None:
    sum_count = TASK.fns[1].model_copy(update={"init": init})
    assert f"    init: {written}\n" in dump_task(TASK.model_copy(update={"fns": (sum_count,)}))


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("attn/fused", "attn/fused"),
        ("two words", "two words"),
        ("null", '"null"'),
        ("12", '"12"'),
        ("yes", '"yes"'),
        ("- a: b # c", '"- a: b # c"'),
        ('say "\\"', '"say \\"\\\\\\""'),
        (" x", '" x"'),
        ("sch\u00f6n", '"sch\u00f6n"'),
        ("a\tb\u00a0c\ufeffd", '"a\\tb\u00a0c\\ufeffd"'),
    ],
)
def test_texts_are_quoted_only_where_yaml_needs_it(name: str, written: str) -> None:
    text = dump_task(TASK.model_copy(update={"test_name": name}))
    assert text.splitlines()[0] == f"test_name: {written}"
    assert parse_task(text, language=PACK).test_name == name


@pytest.mark.parametrize(
    ("impl", "written"),
    [
        ("return E0", "|-\n  return E0\n"),
        ("return E0\n", "|\n  return E0\n"),
        ("return E0\n\n", "|+\n  return E0\n\n"),
        ("# a\n\n\treturn E0  ", "|-\n  # a\n\n  \treturn E0  \n"),
        ("  return E0", "|2-\n    return E0\n"),
        ("\n\treturn E0", "|2-\n\n  \treturn E0\n"),
        ("return\r\nE0", '"return\\x0d\\nE0"\n'),
        ("# \u2028\n\x00", '"# \\u2028\\n\\x00"\n'),
    ],
)
def test_code_is_a_block_wherever_yaml_can_hold_it(impl: str, written: str) -> None:
    text = dump_task(TASK.model_copy(update={"impl": impl}))
    assert text.partition("\nimpl: ")[2] == written
    assert parse_task(text, language=PACK).impl == impl


def test_a_text_that_is_not_unicode_is_refused() -> None:
    for changed in ({"impl": "# \ud800"}, {"test_name": "\udfff"}):
        with pytest.raises(ValueError, match="surrogates not allowed"):
            dump_task(TASK.model_copy(update=changed))


# Any task whatsoever.

UNICODE = st.characters(codec="utf-8")
LINES = st.text(UNICODE).map(lambda text: " ".join(text.splitlines()))
VISIBLE = st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"])
TITLES = st.text(VISIBLE, max_size=200).filter(str.strip)
IDENTIFIERS = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,5}", fullmatch=True).filter(
    lambda name: not keyword.iskeyword(name) and name not in ("step", "other language")
)
TYPES = st.sampled_from(
    ["fp32", "Multihot(fp32, E)", "Buffer(fp32, [D])", "Buffer(fp32, [N*K, 2])"]
)
DENSE = TYPES.filter(lambda dtype: "Multihot" not in dtype)
DIMS = st.sampled_from(["N", "M", "K", "1", "16", "N*K", "2*(M + 1)", "on", "null_value"])
COMMENTS = st.text(UNICODE.filter(lambda char: char not in "\n\r\0"), max_size=8)
STATEMENTS = st.one_of(
    COMMENTS.map(lambda text: f"# {text}"),
    st.sampled_from(
        ["", "  ", "\t", "x = 1  ", "if x:\n\ty = 2", 'z = """\n \t a: [b\n"""', "e = '\\n'"]
    ),
)
ENDS = st.sampled_from(["", "\n", "\n\n", "  ", "\n  \n", "  # done"])


def code(last: str) -> st.SearchStrategy[str]:
    """Odd but valid Python with a given last statement."""
    return st.builds(
        lambda lines, end: "\n".join([*lines, last]) + end, st.lists(STATEMENTS, max_size=5), ENDS
    )


@st.composite
def tensors(draw: st.DrawFn, name: str, least_rank: int) -> TensorSpec:
    dtype = draw(st.one_of(st.lists(DENSE, min_size=1, max_size=3), st.lists(TYPES, min_size=1)))
    dims = draw(st.lists(DIMS, min_size=least_rank, max_size=3))
    bounds = sorted(draw(st.tuples(*[st.integers(0, 10**17)] * 2)))
    least, most = bounds if any("Multihot" in part for part in dtype) else (None, None)
    is_drawn = any("Multihot" not in part for part in dtype)
    data_gen = draw(st.sampled_from(["torch.rand", "torch.randn", "torch.ones", "binary"]))
    return TensorSpec(
        name=name,
        dtype=tuple(dtype),
        dims=tuple(dims),
        data_gen=data_gen if is_drawn else None,
        min=least,
        max=most,
    )


@st.composite
def functions(draw: st.DrawFn, func_name: str) -> FunctionSpec:
    output_dtype = draw(st.lists(TYPES, min_size=1, max_size=3))
    count = len(output_dtype)
    numbers = st.lists(st.floats(allow_nan=False), min_size=count, max_size=count).map(tuple)
    return FunctionSpec(
        name=draw(TITLES),
        func_name=func_name,
        apply=draw(code("return [input[0]]")),
        init=draw(st.none() | numbers),
        input_dtype=tuple(draw(st.lists(TYPES, min_size=1, max_size=3))),
        output_dtype=tuple(output_dtype),
    )


@st.composite
def outputs(draw: st.DrawFn, name: str) -> OutputSpec:
    dtype = draw(st.lists(TYPES, min_size=1, max_size=2))
    return OutputSpec(
        name=name,
        dtype=tuple(dtype),
        dims=tuple(draw(st.lists(DIMS, min_size=1, max_size=3))),
        data_transform=tuple(draw(code("input_data['E0']")) for _ in dtype),
    )


@st.composite
def tasks(draw: st.DrawFn) -> Task:
    names = draw(st.lists(IDENTIFIERS, min_size=2, max_size=7, unique=True))
    first, last, *rest = names
    kinds = [draw(st.sampled_from(["input", "parameter", "fn", "output"])) for _ in rest]
    kinded = [("input", first), *zip(kinds, rest, strict=True), ("output", last)]
    of = {kind: [name for other, name in kinded if other == kind] for kind, _ in kinded}
    return Task(
        test_name=draw(TITLES),
        language=draw(st.sampled_from(["step", "other language"])),
        global_code=draw(st.just("") | code("E_value = 3")),
        inputs=tuple(draw(tensors(name, 1)) for name in of["input"]),
        parameters=tuple(draw(tensors(name, 0)) for name in of.get("parameter", [])),
        fns=tuple(draw(functions(name)) for name in of.get("fn", [])),
        outputs=tuple(draw(outputs(name)) for name in of["output"]),
        constraints=tuple(draw(st.lists(LINES.map(lambda line: f"{line!r} != ''"), max_size=2))),
        impl=draw(st.none() | st.text(UNICODE).filter(str.strip)),
    )


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(tasks())
def test_a_written_task_reads_back_as_it_was(task: Task) -> None:
    text = dump_task(task)
    assert parse_task(text, language=PACK) == task
    with mock.patch.object(yaml_tree, "_LOADER", yaml.SafeLoader):
        assert parse_task(text, language=PACK) == task


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(tasks())
def test_other_readers_of_yaml_find_the_same_texts(task: Task) -> None:
    plain = yaml.safe_load(io.StringIO(dump_task(task)))
    assert plain["test_name"] == task.test_name
    assert plain.get("global", "") == task.global_code
    assert plain.get("impl") == task.impl
    assert [function["apply"] for function in plain["fns"]] == [fn.apply for fn in task.fns]
    assert [output["data_transform"] for output in plain["outputs"]] == [
        list(output.data_transform) for output in task.outputs
    ]
    assert [tensor["dims"] for tensor in plain["inputs"]] == [
        [int(dim) if dim.isdigit() else dim for dim in tensor.dims] for tensor in task.inputs
    ]
