"""`hardwon explain`: the annotated program, its errors, and the drawing."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from hardwon.cli.app import app
from hardwon.languages import Annotates, Annotation, get_language
from hardwon.records import Task

runner = CliRunner()

EXPLAINED = """\
# Each row of E0 is repeated for the D rows of E1 ...
E2 = step.Bufferize(a=1).apply(E0)         # E2: Buffer(fp32, [K]) [N, M]
E3 = step.Repeat(n=D).apply(E2)            # E3: Buffer(fp32, [K]) [D, N, M]
E4 = step.Streamify().apply(E3)            # E4: fp32 [K, D, N, M]
# ... and the whole matrix E1 for the N rows of E0: both are now [K, D, N, M].
E5 = step.Bufferize(a=2).apply(E1)         # E5: Buffer(fp32, [K, D]) [M]
E6 = step.Repeat(n=N).apply(E5)            # E6: Buffer(fp32, [K, D]) [N, M]
E7 = step.Streamify().apply(E6)            # E7: fp32 [K, D, N, M]
E8 = step.Map(fn=fn_mul).apply((E4, E7))   # E8: fp32 [K, D, N, M]
E9 = step.Accum(fn=fn_sum, b=1).apply(E8)  # E9: fp32 [D, N, M]
return E9

lines of code     9
primitive calls   8
shape primitives  2
Copies missing    0
functions used    fn_mul, fn_sum
functions unused  none
"""

ILL_TYPED = """\
E2 = step.Map(fn=fn_mul).apply((E0, E1))
E3 = step.Accum(fn=fn_sum, b=1).apply(E2)
return E3
"""


@pytest.fixture
def sizes_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """No judge is started: the sizes of this task are the default ones."""

    def explained(task: Task, impl: str) -> Annotation:
        language = get_language(task.language)
        assert isinstance(language, Annotates)
        return language.annotate(task, impl, {"M": 5, "N": 7, "K": 9, "D": 16})

    monkeypatch.setattr("hardwon.api.explain", explained)


def explain(tmp_path: Path, program: str, *arguments: str) -> tuple[int, str]:
    path = tmp_path / "program.step"
    path.write_text(program, encoding="utf-8")
    result = runner.invoke(app, ["explain", "bmm/inner", "--impl", str(path), *arguments])
    return result.exit_code, result.output


def test_the_benchmarks_own_program_is_explained_line_by_line() -> None:
    result = runner.invoke(app, ["explain", "bmm/inner"])
    assert result.exit_code == 0
    assert result.stdout == EXPLAINED


@pytest.mark.usefixtures("sizes_known")
def test_what_is_printed_is_still_the_same_program(tmp_path: Path) -> None:
    code, again = explain(tmp_path, EXPLAINED.partition("\n\n")[0])
    assert code == 0
    assert "lines of code     9" in again


@pytest.mark.usefixtures("sizes_known")
def test_errors_stand_below_their_lines_and_hide_what_follows(tmp_path: Path) -> None:
    code, text = explain(tmp_path, ILL_TYPED)
    assert code == 1
    first, error, second, last, *_ = text.splitlines()
    assert first.endswith("# E2: ?")
    assert error.startswith("# ^ types error: streams that are zipped need equal shapes")
    assert second.endswith("# E3: ?")
    assert last == "return E3"


@pytest.mark.usefixtures("sizes_known")
def test_missing_copies_are_counted_and_placed(tmp_path: Path) -> None:
    program = EXPLAINED.partition("\n\n")[0].replace("apply((E4, E7))", "apply((E4, E4))")
    code, text = explain(tmp_path, program)
    assert code == 1
    assert "# ^ affine error: E4 is consumed 2 times" in text
    assert "Copies missing    1" in text


@pytest.mark.usefixtures("sizes_known")
def test_a_program_that_cannot_be_read_keeps_its_lines_and_errors(tmp_path: Path) -> None:
    code, text = explain(tmp_path, "E2 = step.Map(fn=fn_mul)).apply(E0)\nreturn E2\n")
    assert code == 1
    assert text.splitlines()[0] == "E2 = step.Map(fn=fn_mul)).apply(E0)"
    assert "# ^ parse error:" in text


@pytest.mark.usefixtures("sizes_known")
def test_streams_of_one_type_share_a_note(tmp_path: Path) -> None:
    _, text = explain(tmp_path, "a, b = step.Copy().apply(E0)\nreturn a\n")
    assert "# a, b: fp32 [K, N, M]" in text.splitlines()[0]


@pytest.mark.usefixtures("sizes_known")
@pytest.mark.parametrize("program", [EXPLAINED.partition("\n\n")[0], ILL_TYPED, "return ((("])
def test_the_drawing_is_written_even_of_wrong_programs(tmp_path: Path, program: str) -> None:
    target = tmp_path / "flow.svg"
    _, text = explain(tmp_path, program, "--svg", str(target))
    assert "flow.svg" in text.replace("\n", "")
    assert ElementTree.parse(target).getroot().tag == "{http://www.w3.org/2000/svg}svg"


@pytest.mark.usefixtures("sizes_known")
def test_a_drawing_that_cannot_be_written_is_unusable_input(tmp_path: Path) -> None:
    code, text = explain(tmp_path, ILL_TYPED, "--svg", str(tmp_path / "no" / "flow.svg"))
    assert code == 2
    assert "cannot be written" in text


@pytest.mark.usefixtures("sizes_known")
def test_json_has_lines_streams_errors_and_the_graph(tmp_path: Path) -> None:
    code, text = explain(tmp_path, ILL_TYPED, "--json")
    assert code == 1
    found = json.loads(text)
    assert set(found) == {"task", "facts", "lines", "errors", "nodes", "edges"}
    assert found["lines"][0]["streams"] == [{"name": "E2", "type": "?"}]
    assert found["errors"][0]["line"] == 1
    assert [node["kind"] for node in found["nodes"]] == ["input", "input", "step", "step", "output"]
    assert [(edge["source"], edge["target"]) for edge in found["edges"]] == [
        ("in0", "step1"), ("in1", "step1"), ("step1", "step2"), ("step2", "out0"),
    ]  # fmt: skip
