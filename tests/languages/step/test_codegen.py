"""The code generator: what its files look like, and what they find."""

import ast
import builtins
import importlib.util
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from codegen_tasks import (
    CHUNKS,
    CHUNKS_IMPL,
    GATES,
    REPEATS,
    REPEATS_IMPL,
    ROUTED,
    ROUTED_IMPL,
    SOLVED,
    output,
    tensor,
    unit,
)

from hardwon.languages.step.codegen import generate_test_file, runtime
from hardwon.records import Task

RESULTS = "test_results_equal_the_reference"
TYPES = "test_results_have_the_declared_types"
AFFINE = "test_every_stream_is_consumed_at_most_once"

ONLY_DEFAULT_SIZES = Task(
    test_name="fixed",
    inputs=(tensor("E0", "Buffer(fp32, [D])", "N"),),
    fns=(
        unit(
            "fn_sum",
            "Buffer(fp32, [D])",
            "fp32",
            "return [input[0].reshape(4, 4).sum()]",
        ),
    ),
    outputs=(output("S0", "fp32", ("N",), "input_data['E0'].sum(dim=-1)"),),
)

WRONG = {
    "swapped": (ROUTED, ROUTED_IMPL.replace("[fn_expert0, fn_expert1", "[fn_expert1, fn_expert0")),
    "not_affine": (ROUTED, ROUTED_IMPL.replace("(rows, route_0)", "(rows, route_1)")),
    "mistyped": (REPEATS, REPEATS_IMPL.replace("n=width", "n=N")),
    "broken": (CHUNKS, CHUNKS_IMPL.replace("S=4", "S=3")),
    "fixed": (ONLY_DEFAULT_SIZES, "return step.Map(fn=fn_sum).apply(E0)"),
}

Outcomes = dict[str, dict[str, Counter[str]]]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    """The outcomes of all generated files, by file and test, from one run of pytest."""
    folder = tmp_path_factory.mktemp("generated")
    for name, (task, impl) in {**SOLVED, **WRONG}.items():
        text = generate_test_file(task, impl)
        (folder / f"test_{name}.py").write_text(text, encoding="utf-8")
    (folder / "hardwon.py").write_text("raise ImportError('the files stand alone')")
    run = subprocess.run(
        [
            *(sys.executable, "-I", "-m", "pytest", "-q", "--tb=line", "-p", "no:cacheprovider"),
            # PyTorch itself warns when it is imported without NumPy.
            *("-W", "error", "-W", "ignore:Failed to initialize NumPy"),
            *(f"--junitxml={folder / 'report.xml'}", str(folder)),
        ],
        cwd=tmp_path_factory.mktemp("elsewhere"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1, run.stdout + run.stderr
    found: Outcomes = {}
    for case in ET.parse(folder / "report.xml").iter("testcase"):
        file = case.attrib["classname"].rpartition("test_")[2]
        test = case.attrib["name"].partition("[")[0]
        (outcome,) = [child.tag for child in case] or ["passed"]
        found.setdefault(file, {}).setdefault(test, Counter())[outcome] += 1
    return found


@pytest.mark.parametrize("name", SOLVED)
def test_a_solved_task_passes_on_its_own(name: str, outcomes: Outcomes) -> None:
    assert outcomes[name] == {
        RESULTS: {"passed": 9},
        TYPES: {"passed": 3},
        AFFINE: {"passed": 3},
    }


def test_a_wrong_value_fails(outcomes: Outcomes) -> None:
    assert outcomes["swapped"] == {
        RESULTS: {"failure": 9},
        TYPES: {"passed": 3},
        AFFINE: {"passed": 3},
    }


def test_a_second_use_of_a_stream_fails(outcomes: Outcomes) -> None:
    assert outcomes["not_affine"] == {
        RESULTS: {"failure": 9},
        TYPES: {"failure": 3},
        AFFINE: {"failure": 3},
    }


def test_a_wrong_type_fails(outcomes: Outcomes) -> None:
    assert outcomes["mistyped"][TYPES] == {"failure": 3}


def test_a_program_that_breaks_off_fails_at_the_first_sizes(outcomes: Outcomes) -> None:
    assert outcomes["broken"][RESULTS]["failure"] == 3


def test_sizes_that_the_task_is_not_made_for_are_skipped(outcomes: Outcomes) -> None:
    assert outcomes["fixed"] == {
        RESULTS: {"passed": 3, "skipped": 6},
        TYPES: {"passed": 1, "skipped": 2},
        AFFINE: {"passed": 1, "skipped": 2},
    }


# ---- The text ----


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """A function that imports a generated file."""

    def loaded(text: str) -> ModuleType:
        path = tmp_path / "test_generated.py"
        path.write_text(text, encoding="utf-8")
        spec = importlib.util.spec_from_file_location("test_generated", path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, "test_generated", module)
        spec.loader.exec_module(module)
        return module

    return loaded


def solve(task: Task, impl: str, load: Callable[[str], ModuleType]) -> None:
    """Check a solved task at all of its sizes with one seed, in this process."""
    module = load(generate_test_file(task, impl))
    for sizes in module.SETTINGS:
        module.test_results_equal_the_reference(sizes, 0)


def test_the_text_does_not_depend_on_the_process() -> None:
    here = [generate_test_file(task, impl) for task, impl in SOLVED.values()]
    script = (
        "from codegen_tasks import SOLVED\n"
        "from hardwon.languages.step.codegen import generate_test_file\n"
        "print(ascii([generate_test_file(*solved) for solved in SOLVED.values()]))"
    )
    seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    elsewhere = subprocess.run(
        [sys.executable, "-c", script],
        cwd=Path(__file__).parent,
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ast.literal_eval(elsewhere.stdout) == here


@pytest.mark.parametrize("name", SOLVED)
def test_a_file_imports_nothing_but_torch_and_pytest(name: str) -> None:
    text = generate_test_file(*SOLVED[name])
    roots = {
        alias.name.partition(".")[0]
        for node in ast.walk(ast.parse(text))
        for alias in (
            node.names
            if isinstance(node, ast.Import)
            else [ast.alias(node.module or "")]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert roots - sys.stdlib_module_names == {"torch", "pytest"}
    assert "hardwon" not in text


def test_the_program_keeps_its_comments() -> None:
    text = generate_test_file(ROUTED, ROUTED_IMPL)
    assert "        # Rows of D go through the experts as one token each.\n" in text


def test_a_file_reads_like_its_task() -> None:
    text = generate_test_file(ROUTED, ROUTED_IMPL)
    operator = text[text.index("def build(") : text.index("\n\n\n# ========== Tests")]
    golden = Path(__file__).with_name("test_codegen_golden.txt")
    assert operator + "\n" == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("constraints", "sizes"),
    [
        ((), [(5, 7, 9, 16), (4, 3, 5, 8), (3, 6, 4, 10)]),
        (("D % 2 == 0", "M >= 3"), [(5, 7, 9, 16), (4, 3, 5, 8), (3, 6, 4, 10)]),
        (("M >= 4",), [(5, 7, 9, 16), (4, 3, 5, 8), (6, 8, 12, 24)]),
        (("not N < M or K == 5",), [(5, 7, 9, 16), (4, 3, 5, 8), (3, 6, 4, 10)]),
        (("0 < M_value < N and D != 10",), [(5, 7, 9, 16), (6, 8, 12, 24)]),
        (("K % E == 0",), [(5, 7, 9, 16), (6, 8, 12, 24)]),
        (("K % (E - 3) == 0",), [(5, 7, 9, 16)]),
        (("K % H == 0",), [(5, 7, 9, 16)]),
        (("len(K) == 2",), [(5, 7, 9, 16)]),
        (("K =",), [(5, 7, 9, 16)]),
    ],
)
def test_sizes_meet_the_constraints(
    constraints: tuple[str, ...],
    sizes: list[tuple[int, ...]],
    load: Callable[[str], ModuleType],
) -> None:
    task = ROUTED.model_copy(update={"constraints": constraints})
    module = load(generate_test_file(task, ROUTED_IMPL))
    assert [tuple(setting.values()) for setting in module.SETTINGS] == sizes


@pytest.mark.parametrize(
    "setup",
    [
        "ctx[E] = 3",
        "E_value = 3",
        "ctx['E'] = 3",
        "ctx[E] = E_value = 3",
        "E_value = 3\nctx[E] = E_value",
        "ctx.update({E: 3})",
        "E_value = 3\nassert len(ctx) == 4",
        "D_value = 99\nE_value = 3",
    ],
)
def test_sizes_can_be_set_in_many_ways(setup: str, load: Callable[[str], ModuleType]) -> None:
    check = "assert (E_value, ctx[E], ctx[D]) == (3, 3, D_value)\nreturn [input[0]]"
    task = Task(
        test_name="sizes",
        global_code=setup,
        inputs=(tensor("E0", "Buffer(fp32, [E])", "D"),),
        fns=(unit("fn_check", "Buffer(fp32, [E])", "Buffer(fp32, [E])", check),),
        outputs=(output("S0", "Buffer(fp32, [E])", ("D",), "input_data['E0']"),),
    )
    solve(task, "return step.Map(fn=fn_check).apply(E0)", load)


@pytest.mark.parametrize(
    "impl",
    [
        "top = Map(fn_top).apply(E0)\nreturn [top, Map(fn_spread).apply(E1)]",
        "[top] = [step.Map(fn=fn_top).apply([E0])]\nreturn (top, E1.apply(Map(fn=fn_spread)))",
        "Copy = step.Copy()\na, b = Copy.apply(E1)\nE0 = step.Map(fn=fn_top).apply(E0)\n"
        "return E0, step.Map(fn=fn_spread).apply(a)",
        "all = (step.Map(fn=f).apply(x) for f, x in zip((fn_top, fn_spread), (E0, E1)))\n"
        "return all[0], all[-1]",
        "units = zip((fn_top, fn_spread), [E0, E1])\n"
        "return Map(units[0][0]).apply(units[0][1]), Map(units[1][0]).apply(units[1][1])",
        "a, b = tuple(Identity().apply(x) for x in [E0, E1])\n"
        "return Map(fn=fn_top).apply(x for x in [a]), Map(fn=fn_spread).apply((b,))",
        "\n\n    # indented\n    top = step.Map(fn=fn_top).apply(E0)\n"
        "    return top, step.Map(fn=fn_spread).apply(E1)  # and done\n\n",
        "top = step.Map(fn=fn_top).apply(E0)\r\n\treturn top, step.Map(fn=fn_spread).apply(E1)",
        "\ufeff# \0 \ud800 '\n"
        "top = step.Map(fn=fn_top).apply(E0)\nreturn top, step.Map(fn=fn_spread).apply(E1)",
    ],
)
def test_a_program_may_be_spelt_in_many_ways(impl: str, load: Callable[[str], ModuleType]) -> None:
    solve(GATES, impl, load)


@pytest.mark.parametrize("inputs", ["(a, b, c), right", "[a, b, c, right]", "a, b, c, right"])
def test_the_inputs_of_merge_may_be_grouped_in_many_ways(
    inputs: str, load: Callable[[str], ModuleType]
) -> None:
    impl = (
        "left, right = Copy().apply(E1)\n"
        "parts = Partition(3).apply(Bufferize(1).apply(E0), left)\n"
        "fns = [fn_expert0, fn_expert1, fn_expert2]\n"
        "a, b, c = [Map(fns[0]).apply(parts[0]), Map(fns[1]).apply(parts[1]),\n"
        "           Map(fns[-1]).apply(parts[-1])]\n"
        f"return Merge(fn_sum).apply({inputs})"
    )
    solve(ROUTED, impl, load)


def passing_on(**blocks: str) -> Task:
    """Return a task whose program has nothing to do, with some of its code."""
    return Task(
        test_name="pass_on",
        global_code=blocks.get("setup", ""),
        inputs=(tensor("E0", blocks.get("dtype", "fp32"), blocks.get("dim", "N")),),
        fns=(unit("fn", "fp32", "fp32", blocks.get("body", "return input")),),
        outputs=(output("S0", "fp32", ("N",), blocks.get("reference", "input_data['E0']")),),
    )


@pytest.mark.parametrize(
    "blocks",
    [
        {"setup": "one = torch.ones(())\nimport torch.nn", "body": "return [input[0] * one]"},
        {
            "setup": "if False:\n    torch = None",
            "body": "return [torch.abs(input[0]).sign() * input[0].abs() * input[0].sign()]",
        },
        {
            "setup": "first = next\ndef next(x): return first(iter(x))",
            "body": "return [next(input)]",
        },
        {"setup": "fp32 = torch.float32", "body": "return [input[0].to(fp32)]"},
        {"setup": "reference = program = 1.0", "body": "return [input[0] * reference * program]"},
        {
            "setup": "fn = torch.abs",
            "body": "return [torch.where(input[0] < 0, -fn(input[0]), fn(input[0]))]",
        },
        {"setup": "# nothing but a comment"},
        {"body": "\n# a comment\n\n  \nx = input[0]  # another\n# and\nreturn [x]\n# the end"},
        {"body": "if True:\n\treturn [input[0]]"},
        {"reference": "S0 = 2\nN = S0\nN_value = N\ninput_data['E0'] * N_value / N"},
        {"reference": "sum = sum([1, 2]); é = 'é'; input_data['E0'] * (sum - 2)"},
        {"reference": "(\n  input_data['E0']\n)"},
        {"reference": "data = {'x': input_data['E0']}\ndata['x'] *= 1\ndata['x']"},
    ],
)
def test_task_code_keeps_its_meaning(
    blocks: dict[str, str], load: Callable[[str], ModuleType]
) -> None:
    solve(passing_on(**blocks), "return step.Map(fn=fn).apply(E0)", load)


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        ({"setup": "x ="}, r"^global, line 1: invalid syntax$"),
        ({"setup": "\nfrom math import *"}, r"^global, line 1: import \* only allowed"),
        ({"setup": "step = 2"}, "^global: cannot bind `step`"),
        ({"body": "\nreturn [input[0]"}, r"^fn, line \d: "),
        ({"body": "if True:\n    return 1\n  return 2"}, "^fn, line 3: unindent does not match"),
        ({"body": "'''"}, r"^fn, line \d: "),
        ({"reference": "x = 1"}, "^S0, data_transform: the last line has to be an expression$"),
        ({"reference": "# nothing"}, "^S0, data_transform: the last line has to be an expression$"),
        ({"dtype": "exit()"}, r"^expected a type or a dimension, got 'exit\(\)'$"),
        ({"dim": "N +"}, r"^expected a type or a dimension, got 'N \+'$"),
        ({"dim": "N - 1"}, "^expected a type or a dimension, got 'N - 1'$"),
    ],
)
def test_code_that_cannot_be_part_of_a_file_is_refused(
    blocks: dict[str, str], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        generate_test_file(passing_on(**blocks), "return step.Map(fn=fn).apply(E0)")


def test_a_program_that_is_no_python_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^program, line 2: "):
        generate_test_file(passing_on(), "x = E0\nreturn ?")


def test_an_input_without_a_size_is_named(load: Callable[[str], ModuleType]) -> None:
    module = load(generate_test_file(passing_on(dim="H"), "return step.Map(fn=fn).apply(E0)"))
    with pytest.raises(module.StepError, match=r"^symbol H has no size: set ctx\[H\]$"):
        module.test_results_equal_the_reference(module.SETTINGS[0], 0)


def test_long_lines_are_broken(load: Callable[[str], ModuleType]) -> None:
    names = [f"a_rather_long_name_of_an_input_{at}" for at in range(10)]
    task = Task(
        test_name="long",
        inputs=tuple(tensor(name, "fp32", "N") for name in names),
        fns=(unit("fn_sum", ("fp32",) * 10, ("fp32",) * 10, "return input"),),
        outputs=(output("S0", ("fp32",) * 10, ("N",), *(f"input_data[{n!r}]" for n in names)),),
    )
    impl = "return step.Map(fn=fn_sum).apply([\n" + ",\n".join(names) + "])"
    text = generate_test_file(task, impl)
    generated = text[text.index("def build(") : text.index("# ========== Tests")]
    assert max(len(line) for line in generated.split("\n")) <= 100
    solve(task, impl, load)


def test_the_runtime_hides_no_builtin() -> None:
    shared = vars(runtime).keys() & vars(builtins).keys()
    assert {name for name in shared if not name.startswith("__")} == set()
