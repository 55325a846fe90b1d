"""What is said of broken task files: where, what was expected, what came, and all of it at once."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from demo_task import DEMO, PACK, edited
from hypothesis import given, settings
from hypothesis import strategies as st

from hardwon.ir import Problem, TaskFileError, load_task, parse_task
from hardwon.languages import Finding, Language, UnknownLanguageError
from hardwon.records import Task

pytest_plugins = ["yaml_readers"]
TOP_KEYS = "inputs, fns, outputs, test_name, language, global, parameters, constraints, impl"
TENSOR_KEYS = "name, dtype, dims, data_gen, min, max"
FUNCTION_KEYS = "name, apply, input_dtype, output_dtype, func_name, init"
NOT_A_TYPE = "expected a type or a list of types, got"
GENS = "torch.rand, torch.randn, torch.ones, binary"


def problems_of(text: str, language: Language = PACK) -> list[str]:
    """Return what is said of a text that is not a task."""
    with pytest.raises(TaskFileError) as caught:
        parse_task(text, "demo.yaml", language=language)
    return str(caught.value).splitlines()


# What to replace by what in the demo task, and what is said of it, after "demo.yaml:".
BROKEN = {
    # Keys.
    "unknown key": (
        "fns:",
        "functions:",
        "1: fns: missing; expected a list of functions",
        f"21: functions: unknown key; known keys: {TOP_KEYS}",
    ),
    "misspelt key": (
        "data_gen: torch.randn",
        "datagen: torch.randn",
        f"7: inputs[0].data_gen: missing; expected one of {GENS}",
        f"10: inputs[0].datagen: unknown key, did you mean 'data_gen'? known keys: {TENSOR_KEYS}",
    ),
    "strange key": (
        "    init: [0, -1]",
        "    init: [0, -1]\n    in it: 0",
        f"33: fns[1]['in it']: unknown key, did you mean 'init'? known keys: {FUNCTION_KEYS}",
    ),
    "missing name": (
        "test_name: demo_weighted_rows",
        "#",
        "2: test_name: missing; expected a name on one line",
    ),
    "missing key of a function": (
        "    func_name: fn_project\n",
        "",
        "22: fns[0].func_name: missing; expected a name",
    ),
    "key without a value": (
        "input_dtype: Buffer(fp32, [D])",
        "input_dtype:",
        f"26: fns[0].input_dtype: {NOT_A_TYPE} nothing",
    ),
    "duplicate key": (
        "    min: 1",
        "    min: 1\n    min: 2",
        "15: inputs[1].min: duplicate key, first given on line 14",
    ),
    # Kinds.
    "functions are text": (
        "parameters:",
        "parameters: none\nold:",
        "16: parameters: expected a list of parameters, got 'none'",
        f"17: old: unknown key; known keys: {TOP_KEYS}",
    ),
    "parameter is text": (
        "  - name: W",
        "  - V\n  - name: W",
        "17: parameters[0]: expected a mapping with name, dtype, dims, got 'V'",
    ),
    "name is a list": ("name: E0", "name: [E0]", "7: inputs[0].name: expected a name on one line, "
                       "got a list"),
    "impl is a list": (
        "impl: |-",
        "impl:\n- |-",
        "48: impl: expected the text of a program, got a list",
    ),
    # Types and dimensions.
    "type is a mapping": (
        "dtype: fp32",
        "dtype: {fp32: 1}",
        f"18: parameters[0].dtype: {NOT_A_TYPE} a mapping",
    ),
    "type is an empty list": (
        "dtype: fp32",
        "dtype: []",
        f"18: parameters[0].dtype: {NOT_A_TYPE} an empty list",
    ),
    "type with an empty component": (
        "dtype: fp32",
        "dtype: [fp32, '']",
        f"18: parameters[0].dtype: {NOT_A_TYPE} ''",
    ),
    "type with an open bracket": (
        "dtype: fp32",
        "dtype: '[fp32, fp32'",
        f"18: parameters[0].dtype: {NOT_A_TYPE} '[fp32, fp32': a '[' has no ']'",
    ),
    "type with an open parenthesis": (
        "output_dtype: Buffer(fp32, [K])",
        "output_dtype: Buffer(fp32, [K]",
        f"27: fns[0].output_dtype: {NOT_A_TYPE} 'Buffer(fp32, [K]': a '(' has no ')'",
    ),
    "type with a bracket too many": (
        "dtype: fp32",
        "dtype: fp32]",
        f"18: parameters[0].dtype: {NOT_A_TYPE} 'fp32]': a ']' has no '['",
    ),
    "type with a missing component": (
        "dtype: fp32",
        "dtype: '[fp32,, fp32]'",
        f"18: parameters[0].dtype: {NOT_A_TYPE} '[fp32,, fp32]': an item is missing before a comma",
    ),
    "types without a comma": (
        "dtype: fp32",
        "dtype: '[[fp32] [fp32]]'",
        f"18: parameters[0].dtype: {NOT_A_TYPE} '[[fp32] [fp32]]': a comma is missing before '['",
    ),
    "input without dimensions": (
        "dims: [N, M]",
        "dims: []",
        "9: inputs[0].dims: expected at least one dimension, got none",
    ),
    "output without dimensions": (
        "dims: [M]",
        "dims: []",
        "41: outputs[0].dims: expected at least one dimension, got none",
    ),
    # How values are drawn.
    "unknown generator": (
        "data_gen: torch.randn",
        "data_gen: torch.zeros",
        f"10: inputs[0].data_gen: expected one of {GENS}, got 'torch.zeros'",
    ),
    "no generator": (
        "    data_gen: torch.randn\n",
        "",
        f"7: inputs[0].data_gen: missing; expected one of {GENS}",
    ),
    "generator for a multi-hot input": (
        "    min: 1",
        "    min: 1\n    data_gen: binary",
        "15: inputs[1].data_gen: expected min and max instead, for a Multihot",
    ),
    "multi-hot input without bounds": (
        "    min: 1\n    max: 2\n",
        "",
        "11: inputs[1].min: missing; expected an integer, at least 0",
        "11: inputs[1].max: missing; expected an integer, at least 0",
    ),
    "bounds in the wrong order": (
        "min: 1",
        "min: 3",
        "14: inputs[1].min: expected at most max, which is 2, got 3",
    ),
    "negative bound": (
        "min: 1",
        "min: -1",
        "14: inputs[1].min: expected an integer, at least 0, got '-1'",
    ),
    "fractional bound": (
        "max: 2",
        "max: 2.0",
        "15: inputs[1].max: expected an integer, at least 0, got '2.0'",
    ),
    "bounds for a dense input": (
        "    data_gen: torch.randn\n",
        "    data_gen: torch.randn\n    max: 3\n",
        "11: inputs[0].max: expected data_gen instead, for what is no Multihot",
    ),
    # Initial states.
    "too few initial states": (
        "init: [0, -1]",
        "init: 0",
        "32: fns[1].init: expected 2 numbers, one per output component, got 1",
    ),
    "initial state is a word": (
        "init: [0, -1]",
        "init: [0, zero]",
        "32: fns[1].init: expected a number or -inf, got 'zero'",
    ),
    "initial state is not a number": (
        "init: [0, -1]",
        "init: [.nan, 1e999]",
        "32: fns[1].init: expected a number or -inf, got '.nan'",
        "32: fns[1].init: expected a number or -inf, got '1e999'",
    ),
    # Code.
    "body with an open parenthesis": (
        "return [silu(hidden)]",
        "return [silu(hidden]",
        "25: fns[0].apply: not valid Python: closing parenthesis ']' does not match opening "
        "parenthesis '('",
    ),
    "body with a bad indentation": (
        "      return [silu",
        "        return [silu",
        "25: fns[0].apply: not valid Python: unexpected indent",
    ),
    "body that is cut off": (
        "return [silu(hidden)]",
        "if True:",
        "25: fns[0].apply: not valid Python: expected an indented block after 'if' statement",
    ),
    "body in quotes": (
        "apply: |\n      return [state[0] + input[0], state[1] + 1]\n",
        'apply: "x = 1\\nreturn ("\n',
        "30: fns[1].apply: not valid Python: '(' was never closed (line 2 of the block)",
    ),
    "body without a return": (
        "return [silu",
        "[silu",
        "23: fns[0].apply: expected a `return` with a value, got none",
    ),
    "body that returns nothing": (
        "return [silu(hidden)]",
        "return",
        "23: fns[0].apply: expected a `return` with a value, got none",
    ),
    "body that returns in a function of its own only": (
        "return [silu(hidden)]",
        "def inner(): return 1",
        "23: fns[0].apply: expected a `return` with a value, got none",
    ),
    "body of comments": (
        "return [state",
        "# [state",
        "30: fns[1].apply: expected the body of a Python function, got no statement",
    ),
    "global code with an error": (
        "ctx[E] = E_value",
        "ctx[E = E_value",
        "4: global: not valid Python: '[' was never closed",
    ),
    "global code that returns": (
        "E_value = 3",
        "return 3",
        "3: global: expected statements outside a function, got `return`",
    ),
    "reference that ends in an assignment": (
        "hidden.sum(dim=1)",
        "total = hidden.sum(dim=1)",
        "45: outputs[0].data_transform[0]: expected an expression on the last line, got "
        "'total = hidden.sum(dim=1)'",
    ),
    "reference that returns": (
        "hidden.sum(dim=1)",
        "return hidden.sum(dim=1)",
        "45: outputs[0].data_transform[0]: expected a bare expression as the value, got `return`",
    ),
    "reference that is blank": (
        "      - |\n        hidden = silu(input_data['E0'] @ input_data['W'])\n"
        "        hidden.sum(dim=1)\n",
        "      - ''\n",
        "43: outputs[0].data_transform[0]: expected an expression on the last line, got no "
        "statement",
    ),
    "reference that is null": (
        "    data_transform:\n",
        "    data_transform:\n      -\n",
        "42: outputs[0].data_transform: expected 1 block, one per component of dtype, got 2",
        "43: outputs[0].data_transform[0]: expected Python code, got nothing",
    ),
    "a reference for two components": (
        "dtype: Buffer(fp32, [K])\n    dims: [M]",
        "dtype: [fp32, fp32]\n    dims: [M]",
        "42: outputs[0].data_transform: expected 2 blocks, one per component of dtype, got 1",
    ),
    "constraint that is no expression": (
        "D % 2 == 0",
        "D = 2",
        "47: constraints[0]: expected one Python expression, got 'D = 2'",
    ),
    # Names.
    "name with a dash": (
        "name: E0",
        "name: E-0",
        "7: inputs[0].name: expected a name (a Python identifier), got 'E-0'",
    ),
    "name that is a keyword": (
        "func_name: fn_sum",
        "func_name: lambda",
        "37: fns[1].func_name: expected a name (a Python identifier), got 'lambda'",
    ),
    "name that Python spells otherwise": (
        "name: W",
        "name: \ufb01",
        "17: parameters[0].name: expected a name (a Python identifier), got '\ufb01'",
    ),
    "unit without a name": (
        "name: Project",
        "name: ''",
        "22: fns[0].name: expected a name on one line, got ''",
    ),
    "name over two lines": (
        "test_name: demo_weighted_rows",
        'test_name: "demo\\nrows"',
        "1: test_name: expected a name on one line, got 'demo\\nrows'",
    ),
    "name with a control character": (
        "test_name: demo_weighted_rows",
        'test_name: "demo\\erows"',
        "1: test_name: expected a name on one line, got 'demo\\x1brows'",
    ),
    "name longer than files may have": (
        "test_name: demo_weighted_rows",
        "test_name: " + "x" * 201,
        "1: test_name: expected a name on one line, at most 200 characters, got '" + "x" * 57
        + "...'",
    ),
    "input named twice": (
        "name: E1",
        "name: E0",
        "11: inputs[1].name: 'E0' is already the name of inputs[0] (line 7)",
    ),
    "parameter named like an input": (
        "name: W",
        "name: E1",
        "17: parameters[0].name: 'E1' is already the name of inputs[1] (line 11)",
    ),
    "output named like an input": (
        "name: S0",
        "name: E0",
        "39: outputs[0].name: 'E0' is already the name of inputs[0] (line 7)",
    ),
    "function named twice": (
        "func_name: fn_sum",
        "func_name: fn_project",
        "37: fns[1].func_name: 'fn_project' is already the name of fns[0] (line 28)",
    ),
    "function named like an input": (
        "func_name: fn_sum",
        "func_name: E1",
        "37: fns[1].func_name: 'E1' is already the name of inputs[1] (line 11)",
    ),
    "function named like the language": (
        "func_name: fn_sum",
        "func_name: step",
        "37: fns[1].func_name: 'step' is already the name of the language",
    ),
    "input named like the language": (
        "name: E1",
        "name: step",
        "11: inputs[1].name: 'step' is already the name of the language",
    ),
    # YAML.
    "control character": ("name: S0", "name: S\x07", "39: character U+0007 cannot stand in YAML"),
    "null character": ("name: S0", "name: S\0", "39: character U+0000 cannot stand in YAML"),
    "lone surrogate": ("name: S0", "name: S\ud800", "39: character U+D800 cannot stand in YAML"),
    "list as a key": (
        "    dims: [M]",
        "    [M]: dims",
        "41: outputs[0]: expected text as a key, got a list",
    ),
    "Python object": (
        "name: S0",
        "name: !!python/name:os.system S0",
        "39: outputs[0].name: tag 'tag:yaml.org,2002:python/name:os.system' is not allowed",
    ),
    "second document": (
        "impl:",
        "---\nimpl:",
        "48: expected one YAML document, got a second one here",
    ),
    "unknown alias": ("dims: [M]", "dims: *M", "41: outputs[0].dims: alias *M has no finished "
                      "anchor before it"),
    "alias of its own": ("dims: [M]", "dims: &x [*x]", "41: outputs[0].dims[0]: alias *x has no "
                         "finished anchor before it"),
    "merge of a text": ("dims: [M]", "dims: [M]\n    <<: M", "42: outputs[0]: expected mappings to "
                        "merge, got 'M'"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_answered_with_its_problems(case: tuple[str, ...]) -> None:
    old, new, *problems = case
    assert problems_of(edited((old, new))) == [f"demo.yaml:{problem}" for problem in problems]


@pytest.mark.usefixtures("each_loader")
@pytest.mark.parametrize(
    ("old", "new", "line", "hint"),
    [
        ("inputs:\n  - name: E0", "inputs:\n    name: E0", 11, ""),
        ("dims: [M]", "dims: [M", 42, ""),
        ("dims: [M]", "dims: [M]]", 41, ""),
        ("name: S0", "name: `S0`", 39, ""),
        ("    dims: [M]", "\tdims: [M]", 41, ": a tab cannot indent it; use spaces"),
        (
            "input_dtype: Buffer(fp32, [D])",
            "input_dtype: [fp32, Buffer(fp32, [D])]",
            26,
            '; quote types in a bracketed list: [fp32, "Buffer(fp32, [D])"]',
        ),
    ],
)
def test_what_is_not_yaml_is_answered_with_its_line(
    old: str, new: str, line: int, hint: str
) -> None:
    (problem,) = problems_of(edited((old, new)))
    assert problem.startswith(f"demo.yaml:{line}: not valid YAML: ")
    assert problem.endswith(hint)


def test_all_problems_of_a_file_are_reported_at_once() -> None:
    text = edited(
        ("E_value = 3", "E_value ="),
        ("data_gen: torch.randn", "data_gen: torch.zeros"),
        ("min: 1", "min: one"),
        ("dims: [K, D]", "dims: '[K, D'"),
        ("name: Project", "nam: Project"),
    )
    assert problems_of(text) == [
        "demo.yaml:3: global: not valid Python: invalid syntax",
        f"demo.yaml:10: inputs[0].data_gen: expected one of {GENS}, got 'torch.zeros'",
        "demo.yaml:14: inputs[1].min: expected an integer, at least 0, got 'one'",
        "demo.yaml:19: parameters[0].dims: expected a list of dimensions such as [N, M], got "
        "'[K, D': a '[' has no ']'",
        f"demo.yaml:22: fns[0].nam: unknown key, did you mean 'name'? known keys: {FUNCTION_KEYS}",
        "demo.yaml:22: fns[0].name: missing; expected a name on one line",
    ]


def test_a_problem_is_data() -> None:
    with pytest.raises(TaskFileError) as caught:
        parse_task(edited(("min: 1", "min: one")), "demo.yaml", language=PACK)
    assert caught.value.problems == (
        Problem(
            "demo.yaml", 14, ("inputs", 1, "min"), "expected an integer, at least 0, got 'one'"
        ),
    )


# The language pack's findings.


def pack_that_finds(*findings: Finding) -> Language:
    return cast("Language", SimpleNamespace(name="step", check_task=lambda task: findings))


def test_findings_of_the_language_pack_get_their_lines() -> None:
    pack = pack_that_finds(
        Finding(("outputs", 0, "dims", 0), "M is not bound"),
        Finding(("fns", 1, "output_dtype", 1), "no such type"),
        Finding(("fns", 1, "init", 7, "deeper"), "too deep"),
        Finding(("nowhere",), "no such key"),
    )
    assert problems_of(edited(), pack) == [
        "demo.yaml:1: nowhere: no such key",
        "demo.yaml:32: fns[1].init[7].deeper: too deep",
        "demo.yaml:36: fns[1].output_dtype[1]: no such type",
        "demo.yaml:41: outputs[0].dims[0]: M is not bound",
    ]


def test_two_findings_at_one_place_are_both_reported() -> None:
    pack = pack_that_finds(Finding(("fns", 0), "one"), Finding(("fns", 0), "two"))
    assert problems_of(edited(), pack) == ["demo.yaml:22: fns[0]: one", "demo.yaml:22: fns[0]: two"]


def test_findings_come_with_the_other_problems_but_not_on_top_of_them() -> None:
    pack = pack_that_finds(
        Finding(("inputs", 1, "min"), "min is odd"), Finding(("inputs", 0, "dtype"), "no such type")
    )
    assert problems_of(edited(("min: 1", "min: one")), pack) == [
        "demo.yaml:8: inputs[0].dtype: no such type",
        "demo.yaml:14: inputs[1].min: expected an integer, at least 0, got 'one'",
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("dtype: fp32", "dtype: []"),
        ("dims: [K, D]", "dims: {}"),
        ("  - name: W", "  - V\n  - name: W"),
        ("outputs:", "output:"),
    ],
)
def test_the_language_pack_is_not_asked_about_types_that_are_missing(old: str, new: str) -> None:
    def check_task(task: Task) -> tuple[Finding, ...]:
        raise AssertionError(f"asked about {task}")

    pack = cast("Language", SimpleNamespace(name="step", check_task=check_task))
    assert problems_of(edited((old, new)), pack)


def test_an_unknown_language_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    def get_language(name: str) -> Language:
        raise UnknownLanguageError(f"no language pack is named {name!r}; installed: step")

    monkeypatch.setattr("hardwon.ir.task_reader.get_language", get_language)
    with pytest.raises(TaskFileError) as caught:
        parse_task(f"{edited()}language: stepp\n", "demo.yaml")
    message = "language: no language pack is named 'stepp'; installed: step"
    assert str(caught.value) == f"demo.yaml:51: {message}"


# Files that are not even YAML, or too much of it.


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "demo.yaml: expected a task, got an empty file"),
        ("# nothing\n---\n", "demo.yaml: expected a task, got an empty file"),
        ("- a\n- b\n", "demo.yaml:1: expected a mapping with keys such as `inputs`, got a list"),
        ("\ntask", "demo.yaml:2: expected a mapping with keys such as `inputs`, got 'task'"),
        ("passwd: files\nhosts: dns\n", "demo.yaml:1: expected a task with inputs, fns, outputs, "
                                         "got a mapping with 'passwd'"),
        ("a: 'b", "demo.yaml:1: not valid YAML: found unexpected end of stream "
                  "while scanning a quoted scalar"),
        ("a: " + "[" * 40, "demo.yaml:1: a" + "[0]" * 31 + ": expected at most 32 levels of "
                           "nesting, got more"),
        ("#" * 2**20 + "\n", "demo.yaml: expected at most 1048576 bytes, got more"),
        ("a: [" + "1," * 2**16 + "]", "demo.yaml:1: a[65533]: expected at most 65536 values "
                                      "(aliases written out), got more"),
    ],
    ids=["empty", "comment", "list", "text", "other keys", "open quote", "depth", "length",
         "values"],
)  # fmt: skip
def test_what_is_no_mapping_is_answered_with_one_problem(text: str, problem: str) -> None:
    assert problems_of(text) == [problem]


@pytest.mark.usefixtures("each_loader")
@pytest.mark.parametrize("deep", ["[", "{a: ", "- ", "? "])
def test_no_depth_breaks_it(deep: str) -> None:
    (problem,) = problems_of(deep * 20_000)
    assert "expected at most 32 levels of nesting, got more" in problem


@pytest.mark.usefixtures("each_loader")
def test_an_escaped_surrogate_is_a_problem() -> None:
    (problem,) = problems_of(edited(("name: S0", r'name: "\ud800"')))
    assert problem.startswith("demo.yaml:39: ")


def test_thousands_of_unknown_keys_are_all_reported() -> None:
    keys = "".join(f"input{number}: 1\n" for number in range(20_000))
    assert len(problems_of(edited() + keys)) == 20_000


@pytest.mark.parametrize(
    "bomb",
    [
        "a0: &a0 [x, x]\n" + "".join(f"a{n + 1}: &a{n + 1} [*a{n}, *a{n}]\n" for n in range(60)),
        "a: &a " + "x" * 500_000 + "\nb: [" + "*a, " * 10_000 + "]\n",
        "a0: &a0 {x: 1}\n" + "".join(f"a{n + 1}: &a{n + 1} {{x: *a{n}, y: *a{n}}}\n"
                                     for n in range(60)),
    ],
    ids=["lists", "text", "mappings"],
)  # fmt: skip
def test_aliases_cannot_blow_up(bomb: str) -> None:
    (problem,) = problems_of(bomb)
    assert problem.endswith("expected at most 65536 values (aliases written out), got more")


@pytest.mark.parametrize(
    "code",
    ["(" * 5000, "x = " + "-" * 100_000 + "1", "a" + ".b" * 100_000, "1" + "+1" * 100_000],
    ids=["parentheses", "signs", "attributes", "sums"],
)
def test_no_code_breaks_it(code: str) -> None:
    (problem,) = problems_of(edited(("E_value = 3", code)))
    assert problem.startswith(("demo.yaml:2: global: not valid", "demo.yaml:3: global: not valid"))


def test_an_escaped_null_character_in_code_is_a_problem() -> None:
    text = edited(
        ("apply: |\n      return [state[0] + input[0], state[1] + 1]", r'apply: "return\0"')
    )
    (problem,) = problems_of(text)
    assert problem.startswith("demo.yaml:30: fns[1].apply: not valid Python:")


def test_an_odd_escape_in_code_is_no_problem() -> None:
    text = edited(("E_value = 3", "E_value = len('\\d') + 1"))
    assert parse_task(text, language=PACK).global_code.startswith("E_value = len('\\d')")


def test_files_that_cannot_be_read_are_problems(tmp_path: Path) -> None:
    utf_8 = DEMO.read_bytes()
    contents = {
        "utf_16.yaml": utf_8.decode().encode("utf-16"),
        "latin_1.yaml": utf_8.replace(b"name: W", b"name: W\xe9"),
        "long.yaml": b"#" * (2**20 - 1) + "\u00e9".encode() * 2,
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    reported = []
    for name in [*contents, "missing.yaml", ""]:
        with pytest.raises(TaskFileError) as caught:
            load_task(tmp_path / name, language=PACK)
        reported.append(str(caught.value).removeprefix(f"{tmp_path}").removeprefix("/"))
    assert reported == [
        "utf_16.yaml:1: expected UTF-8 text, got the byte 0xFF",
        "latin_1.yaml:17: expected UTF-8 text, got the byte 0xE9",
        "long.yaml: expected at most 1048576 bytes, got more",
        "missing.yaml: cannot be read: No such file or directory",
        ": cannot be read: Is a directory",
    ]


WORDS = st.sampled_from(
    [
        *["inputs:", "fns:", "outputs:", "name:", "dims:", "apply:", "impl:", "x", "1"],
        *[
            "[",
            "]",
            "{",
            "}",
            "&a",
            "*a",
            "<<:",
            "|",
            "'",
            '"',
            "#",
            "!!x",
            ",",
            "?",
            ":",
            "---",
            "%",
        ],
        *["- ", "  ", "\n", ": "],
    ]
)


@settings(deadline=None)
@given(st.lists(WORDS | st.text(max_size=3), max_size=40).map("".join))
def test_whatever_a_file_holds_there_is_a_task_or_problems(text: str) -> None:
    assert problems_of(text)


@settings(deadline=None)
@given(st.integers(0, len(DEMO.read_text())), st.integers(0, 30), WORDS)
def test_a_damaged_file_is_read_or_answered(start: int, length: int, word: str) -> None:
    text = DEMO.read_text()
    text = text[:start] + word + text[start + length :]
    try:
        parse_task(text, "demo.yaml", language=PACK)
    except TaskFileError as error:
        assert all(str(problem).startswith("demo.yaml") for problem in error.problems)
        assert len(str(error).splitlines()) == len(error.problems)
