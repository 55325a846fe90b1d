"""Writes a solved task as one self-contained pytest file.

The task's code (set-up, function bodies, references) and the program become ordinary Python source
in the file, all inside one function, `build`, that binds them to one size setting. Every block is
moved to its new indentation without touching the inside of its strings, and is then compared with
the original as a syntax tree.
"""

import re
import textwrap
import warnings

from hardwon.languages.step.codegen.blocks import Block
from hardwon.languages.step.codegen.building import Build
from hardwon.languages.step.codegen.runtime_text import runtime_text
from hardwon.languages.step.codegen.sizes import size_settings
from hardwon.languages.step.codegen.text import INDENT, LINE_LENGTH
from hardwon.records import Task

SEEDS = (0, 1, 2)

_TESTS = '''
every_setting = pytest.mark.parametrize(
    "sizes", SETTINGS, ids=lambda sizes: "-".join(f"{s}{size}" for s, size in sizes.items())
)


def run(sizes, seed):
    """Return the declared outputs, the program's results, and what the reference expects.

    Sizes other than the first ones are skipped where the code breaks off: bodies and references
    may be written for particular sizes.
    """
    try:
        trial = Trial(build, sizes, seed)
        return trial.outputs, trial.results(), trial.expected()
    except AffineError:
        raise
    except Exception as error:
        if sizes == SETTINGS[0]:
            raise
        pytest.skip(f"the task is not for these sizes: {error}")


@every_setting
@pytest.mark.parametrize("seed", SEEDS)
def test_results_equal_the_reference(sizes, seed):
    for output, result, expected in zip(*run(sizes, seed), strict=True):
        for tensor, part in zip(result.data, expected, strict=True):
            part.compare(output.name, tensor)


@every_setting
def test_results_have_the_declared_types(sizes):
    for output, result, _ in zip(*run(sizes, SEEDS[0]), strict=True):
        assert (output.name, result.dtype) == (output.name, output.dtype)
        assert (output.name, result.shape) == (output.name, output.shape)


@every_setting
def test_every_stream_is_consumed_at_most_once(sizes):
    try:
        run(sizes, SEEDS[0])
    except AffineError as error:
        pytest.fail(str(error))
'''.strip()


def generate_test_file(task: Task, impl: str) -> str:
    """Return the source of a pytest file that checks a solved task against its reference.

    The file needs torch and pytest only. The same task and program give the same text.

    Args:
        task: a valid task.
        impl: a program that the judge found correct. The file runs it as Python.

    Raises:
        ValueError: if a block of code cannot be written as a part of the file.
    """
    build = Build(task, impl)
    sections = {
        "Sizes and seeds": "\n" + _settings(task, build.setup),
        "The operator": "\n\n" + build.text(),
        "Tests": "\n" + _TESTS,
        "The STeP runtime": "\n" + _runtime(),
    }
    parts = [_header(task), *(f"{_banner(name)}\n{text}" for name, text in sections.items())]
    text = "\n\n\n".join(parts)
    _compile(text)
    return text


def _banner(title: str) -> str:
    return f"# {'=' * 10} {title} {'=' * (LINE_LENGTH - len(title) - 14)}"


def _runtime() -> str:
    runtime = runtime_text()
    comment = textwrap.indent(runtime.docstring, "# ", lambda _: True).replace("# \n", "#\n")
    return f"{comment}\n\n\n{runtime.definitions}\n"


def _header(task: Task) -> str:
    name = re.sub(r"[^\w./ -]", "_", task.test_name)
    imports = runtime_text().imports.replace("\nimport torch\n", "\nimport pytest\nimport torch\n")
    return (
        f'"""Checks a STeP program for the operator {name} against its PyTorch reference.\n'
        "\n"
        "Run this file with `python -m pytest`. It needs only torch and pytest: the primitives of\n"
        "STeP are defined below the tests.\n"
        '"""\n'
        "\n"
        f"{imports}"
    )


def _settings(task: Task, setup: Block) -> str:
    lines = []
    for sizes in size_settings(task, setup):
        literal = ", ".join(f'"{symbol}": {size}' for symbol, size in sizes.items())
        lines.append(f"{INDENT}{{{literal}}},")
    return "\n".join(["SETTINGS = [", *lines, "]", f"SEEDS = {list(SEEDS)}"])


def _compile(text: str) -> None:
    """Check that a file is Python.

    Raises:
        ValueError: if it is not.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(text, "<generated>", "exec")
        except SyntaxError as error:
            line = text.split("\n")[(error.lineno or 1) - 1].strip()
            raise ValueError(f"cannot be a part of a test file: {line!r}: {error.msg}") from None
