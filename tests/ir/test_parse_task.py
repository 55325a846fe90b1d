"""What task files may look like: every spelling that has one meaning is read."""

import math
import pickle
from pathlib import Path

import pytest
from demo_task import DEMO, PACK, edited

from hardwon.ir import TaskFileError, load_task, parse_task
from hardwon.languages import Language
from hardwon.records import FunctionSpec, OutputSpec, Task, TensorSpec

pytest_plugins = ["yaml_readers"]


def read(*edits: tuple[str, str]) -> Task:
    """Return the demo task after replacing parts of its text."""
    return parse_task(edited(*edits), language=PACK)


@pytest.mark.usefixtures("each_loader")
def test_a_file_becomes_a_task() -> None:
    assert load_task(DEMO, language=PACK) == Task(
        test_name="demo_weighted_rows",
        global_code="E_value = 3\nctx[E] = E_value\nsilu = torch.nn.SiLU()\n",
        inputs=(
            TensorSpec(
                name="E0", dtype=("Buffer(fp32, [D])",), dims=("N", "M"), data_gen="torch.randn"
            ),
            TensorSpec(name="E1", dtype=("Multihot(fp32, E)",), dims=("N", "M"), min=1, max=2),
        ),
        parameters=(
            TensorSpec(name="W", dtype=("fp32",), dims=("K", "D"), data_gen="torch.randn"),
        ),
        fns=(
            FunctionSpec(
                name="Project",
                func_name="fn_project",
                apply="hidden = input[0] @ input_data['W']\nreturn [silu(hidden)]\n",
                input_dtype=("Buffer(fp32, [D])",),
                output_dtype=("Buffer(fp32, [K])",),
            ),
            FunctionSpec(
                name="SumCount",
                func_name="fn_sum",
                apply="return [state[0] + input[0], state[1] + 1]\n",
                init=(0.0, -1.0),
                input_dtype=("Buffer(fp32, [K])",),
                output_dtype=("Buffer(fp32, [K])", "fp32"),
            ),
        ),
        outputs=(
            OutputSpec(
                name="S0",
                dtype=("Buffer(fp32, [K])",),
                dims=("M",),
                data_transform=(
                    "hidden = silu(input_data['E0'] @ input_data['W'])\nhidden.sum(dim=1)\n",
                ),
            ),
        ),
        constraints=("D % 2 == 0",),
        impl="E2 = step.Map(fn=fn_project).apply(E0)\nreturn E2",
    )


@pytest.mark.parametrize(
    ("written", "dtype"),
    [
        ("fp32", ["fp32"]),
        ('"fp32"', ["fp32"]),
        ("'Buffer(fp32, [D])'", ["Buffer(fp32, [D])"]),
        ("Buffer(Multihot(fp32, E), [M, N*K])", ["Buffer(Multihot(fp32, E), [M, N*K])"]),
        ("Buffer(fp32,\n      [D])", ["Buffer(fp32, [D])"]),
        ("[fp32]", ["fp32"]),
        ("[fp32, fp32]", ["fp32", "fp32"]),
        ("[fp32, 'Buffer(fp32, [D])',]", ["fp32", "Buffer(fp32, [D])"]),
        ("'[fp32, Buffer(fp32, [D])]'", ["fp32", "Buffer(fp32, [D])"]),
        ("fp32, Buffer(fp32, [D])", ["fp32", "Buffer(fp32, [D])"]),
        ("[[fp32, [fp32]], fp32]", ["fp32", "fp32", "fp32"]),
        ("'[[fp32, [fp32]], fp32]'", ["fp32", "fp32", "fp32"]),
        ("[fp32, '[fp32, Buffer(fp32, [D])]']", ["fp32", "fp32", "Buffer(fp32, [D])"]),
        ("\n      - fp32\n      - Buffer(fp32, [D])", ["fp32", "Buffer(fp32, [D])"]),
        ("\n    - fp32\n    - - fp32\n      - fp32", ["fp32", "fp32", "fp32"]),
        ("[Multihot(fp32, E), fp32]", ["Multihot(fp32, E)", "fp32"]),
    ],
)
def test_types_may_be_quoted_listed_and_nested(written: str, dtype: list[str]) -> None:
    task = read(("input_dtype: Buffer(fp32, [D])", f"input_dtype: {written}"))
    assert list(task.fns[0].input_dtype) == dtype


@pytest.mark.parametrize(
    ("written", "dims"),
    [
        ("[N, M]", ["N", "M"]),
        ("[M,]", ["M"]),
        ("'[N, M]'", ["N", "M"]),
        ('"[N, M,]"', ["N", "M"]),
        ("\n      - N\n      - M", ["N", "M"]),
        ("M", ["M"]),
        ("5", ["5"]),
        ("[1, N*K, 'M']", ["1", "N*K", "M"]),
        ("[(N + 1) * K, M]", ["(N + 1) * K", "M"]),
        ("N, M", ["N", "M"]),
    ],
)
def test_dimensions_may_be_quoted_listed_and_single(written: str, dims: list[str]) -> None:
    task = read(("dims: [N, M]", f"dims: {written}"))
    assert list(task.inputs[0].dims) == dims


@pytest.mark.parametrize(
    ("written", "init"),
    [
        ("[0, -1]", (0, -1)),
        ("'[0, -1,]'", (0, -1)),
        ("0, -1", (0, -1)),
        ("[1e-5, .5]", (1e-5, 0.5)),
        ("[2., +3]", (2, 3)),
        ("[-inf, inf]", (-math.inf, math.inf)),
        ("[-.inf, .INF]", (-math.inf, math.inf)),
        ("['-inf', \"-Infinity\"]", (-math.inf, -math.inf)),
        ("[float('-inf'), float('inf')]", (-math.inf, math.inf)),
        ("[-float('inf'), 'float(\"-inf\")']", (-math.inf, -math.inf)),
        ("[-torch.inf, torch.inf]", (-math.inf, math.inf)),
        ("[-math.inf, -np.inf]", (-math.inf, -math.inf)),
    ],
)
def test_initial_states_are_numbers_or_infinities(written: str, init: tuple[float, ...]) -> None:
    assert read(("init: [0, -1]", f"init: {written}")).fns[1].init == init


@pytest.mark.parametrize("written", ["-inf", "[-inf]", "'-.inf'", "\n      - -inf"])
def test_a_single_initial_state_needs_no_list(written: str) -> None:
    task = read(
        ("init: [0, -1]", f"init: {written}"),
        ("output_dtype:\n      - Buffer(fp32, [K])\n      - fp32", "output_dtype: fp32"),
    )
    assert task.fns[1].init == (-math.inf,)


def test_a_lone_reference_needs_no_list() -> None:
    block = "      - |\n        hidden"
    task = read(
        ("data_transform:\n", "data_transform: |\n"),
        (block, "      hidden"),
        ("  hidden.sum", "hidden.sum"),
    )
    assert task == read()


@pytest.mark.parametrize("nothing", ["", " null", " ~", " []"])
def test_parameters_may_be_left_out(nothing: str) -> None:
    listed = DEMO.read_text().partition("parameters:")[2].partition("fns:")[0]
    assert read((f"parameters:{listed}", f"parameters:{nothing}\n")).parameters == ()
    assert read((f"parameters:{listed}", "")).parameters == ()


@pytest.mark.parametrize("nothing", ["", "global:\n", "global: null\n", "global: ''\n"])
def test_global_code_may_be_left_out(nothing: str) -> None:
    written = DEMO.read_text().partition("global:")[2].partition("inputs:")[0]
    assert read((f"global:{written}", nothing)).global_code == ""


@pytest.mark.parametrize(
    "nothing", ["", "impl:\n", "impl: null\n", "impl: |-\n", "impl: |\n\n  \n"]
)
def test_the_answer_may_be_left_out(nothing: str) -> None:
    written = DEMO.read_text().partition("impl:")[2]
    assert read((f"impl:{written}", nothing)).impl is None


def test_constraints_may_be_left_out_or_single() -> None:
    assert read(("constraints:\n  - D % 2 == 0\n", "")).constraints == ()
    assert read(("constraints:\n  - D % 2 == 0", "constraints: D % 2 == 0")) == read()


def test_a_parameter_may_be_a_single_number() -> None:
    assert read(("dims: [K, D]", "dims: []")).parameters[0].dims == ()


def test_functions_may_be_none() -> None:
    functions = DEMO.read_text().partition("fns:")[2].partition("outputs:")[0]
    assert read((f"fns:{functions}", "fns: []\n")).fns == ()


def test_functions_may_share_the_name_of_their_unit() -> None:
    task = read(("name: SumCount", "name: Project"))
    assert [function.name for function in task.fns] == ["Project", "Project"]


def test_an_input_that_is_multihot_in_part_may_say_how_the_rest_is_drawn() -> None:
    task = read(
        ("dtype: Multihot(fp32, E)", "dtype: [fp32, Multihot(fp32, E)]"),
        ("min: 1", "min: 1\n    data_gen: binary"),
    )
    assert task.inputs[1].data_gen == "binary"
    assert (task.inputs[1].min, task.inputs[1].max) == (1, 2)


def test_words_that_yaml_takes_for_something_else_stay_words() -> None:
    task = read(("test_name: demo_weighted_rows", "test_name: no"), ("name: Project", "name: 1.50"))
    assert (task.test_name, task.fns[0].name) == ("no", "1.50")


def test_key_order_does_not_matter() -> None:
    parts = ["impl:", "constraints:", "outputs:", "fns:", "parameters:", "inputs:", "global:"]
    rest = DEMO.read_text()
    text = ""
    for part in parts:
        rest, key, body = rest.rpartition(f"\n{part}")
        text += f"{key}{body}".rstrip("\n")
    assert parse_task(f"{text}\n{rest}", language=PACK) == read()


def test_a_file_without_a_name_is_named_by_its_stem(tmp_path: Path) -> None:
    path = tmp_path / "rows_2.yaml"
    path.write_text(DEMO.read_text().partition("\n")[2])
    assert load_task(path, language=PACK).test_name == "rows_2"
    assert load_task(str(path), language=PACK).test_name == "rows_2"


@pytest.mark.usefixtures("each_loader")
@pytest.mark.parametrize(("mark", "line_end"), [(b"\xef\xbb\xbf", b"\n"), (b"", b"\r\n")])
def test_marks_and_line_ends_do_not_matter(mark: bytes, line_end: bytes, tmp_path: Path) -> None:
    path = tmp_path / "demo.yaml"
    path.write_bytes(mark + DEMO.read_bytes().replace(b"\n", line_end))
    assert load_task(path, language=PACK) == read()


@pytest.mark.usefixtures("each_loader")
def test_aliases_and_merges_are_written_out() -> None:
    task = read(
        (
            "- name: E0\n    dtype: Buffer(fp32, [D])",
            "- &rows\n    name: E0\n    dtype: &type fp32",
        ),
        (
            "    dtype: Multihot(fp32, E)\n    dims: [N, M]\n    min: 1\n    max: 2\n",
            "    <<: *rows\n",
        ),
        ("dtype: fp32\n    dims: [K", "dtype: *type\n    dims: [K"),
    )
    first, second = task.inputs
    assert second == first.model_copy(update={"name": "E1"})
    assert task.parameters[0].dtype == ("fp32",)


def test_the_language_pack_is_found_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def get_language(name: str) -> Language:
        asked.append(name)
        return PACK

    monkeypatch.setattr("hardwon.ir.task_reader.get_language", get_language)
    text = DEMO.read_text()
    assert parse_task(text).language == "step"
    assert parse_task(f"language: other\n{text}").language == "other"
    assert asked == ["step", "other"]


def test_an_error_is_a_value_error_and_survives_a_pipe() -> None:
    with pytest.raises(TaskFileError) as caught:
        parse_task("")
    assert isinstance(caught.value, ValueError)
    copy: TaskFileError = pickle.loads(pickle.dumps(caught.value))
    assert copy.problems == caught.value.problems
