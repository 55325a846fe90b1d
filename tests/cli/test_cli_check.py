"""`hardwon check`: a verdict for every answer, a message for everything else."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from hardwon import api
from hardwon.cli.app import app
from support import DOUBLE, DOUBLED, GREEDY, RESIDUAL, SyncJudge, edited

pytestmark = pytest.mark.usefixtures("toy", "here")

TOY = """\
test_name: toy/three
language: toy
inputs:
  - {name: E0, dtype: number, dims: [N], data_gen: torch.rand}
fns: []
outputs:
  - name: S0
    dtype: number
    dims: [N]
    data_transform: ["E0 + 3"]
"""
RIGHT, WRONG = "return E0 + 3", "return E0 + 4"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with a task, and one that brings its answer."""
    monkeypatch.chdir(tmp_path)
    Path("three.yaml").write_text(TOY)
    Path("solved.yaml").write_text(f"{TOY}impl: |-\n  {RIGHT}\n")


@pytest.fixture
def one_judge(judge: SyncJudge, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have STeP programs judged by a judge that is there already: it takes seconds to start."""
    monkeypatch.setattr(api, "check", lambda task, program, seed: judge.judge(task, program))


def check(*arguments: str, answer: str | bytes | None = None) -> Result:
    return CliRunner().invoke(app, ["check", *arguments], input=answer)


def verdict(*arguments: str, answer: str | bytes | None = None) -> dict[str, Any]:
    result = check(*arguments, "--json", answer=answer)
    said: dict[str, Any] = json.loads(result.stdout)
    assert result.exit_code == (0 if said["correct"] else 1)
    return said


def test_a_correct_answer_exits_with_0() -> None:
    result = check("three.yaml", "--impl", "-", answer=RIGHT)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "correct  toy/three\n", "")


def test_a_wrong_answer_exits_with_1_and_says_why() -> None:
    result = check("three.yaml", "--impl", "-", answer=f"# Four is three.\n{WRONG}")
    assert result.exit_code == 1
    assert result.stdout.splitlines()[0] == (
        "not correct  toy/three  (first failed check: functional)"
    )
    assert re.search(r"functional program: expected \d+, got \d+", result.stdout)


def test_an_error_is_shown_with_its_line() -> None:
    result = check("three.yaml", "--impl", "-", answer="number = (\n   return E0 +")
    assert result.exit_code == 1
    assert "first failed check: parse" in result.stdout
    assert re.search(r"parse line (\d+): ", result.stdout)


def test_the_verdict_as_json_has_these_keys() -> None:
    said = verdict("three.yaml", "--impl", "-", answer="return E0 * 0 + E0 + 3")
    assert list(said) == [
        *("task", "correct", "stage", "affine", "functional", "errors", "streams"),
        *("seed", "seconds"),
    ]
    keys = ["stage", "line", "message", "rule", "difference"]
    assert [list(error) for error in said["errors"]] == [keys]
    assert isinstance(said.pop("seed"), int)
    seconds = said.pop("seconds")
    assert isinstance(seconds, float)
    assert seconds >= 0
    assert said == {
        "task": "toy/three",
        "correct": False,
        "stage": "affine",
        "affine": False,
        "functional": True,
        "errors": [
            {
                "stage": "affine",
                "line": None,
                "message": "E0 is read 2 times, expected at most once",
                "rule": None,
                "difference": None,
            }
        ],
        "streams": [],
    }


def test_a_correct_verdict_as_json() -> None:
    said = verdict("solved.yaml")
    assert said.pop("seconds") >= 0
    del said["seed"]
    assert said == {
        "task": "toy/three",
        "correct": True,
        "stage": None,
        "affine": True,
        "functional": True,
        "errors": [],
        "streams": [],
    }


@pytest.mark.usefixtures("one_judge")
def test_a_law_that_is_broken_alone_is_told_apart(tmp_path: Path) -> None:
    """The language here is STeP, and the answer is one as models write them."""
    (tmp_path / "residual.yaml").write_text(RESIDUAL)
    program = "\n".join(f"  {line}" for line in GREEDY.splitlines())
    answer = f"Sure! Here it is:\n\n```yaml\nimpl: |-\n{program}\n```\nHope it helps."
    result = check("residual.yaml", "--impl", "-", answer=answer)
    assert result.exit_code == 1
    assert "affine line 2: E0 is consumed 2 times, expected at most once" in result.stdout
    assert "return step.Map(fn=fn_minus).apply((E0, squares))" in result.stdout
    assert "The results are right: only the law of the language is broken." in result.stdout


ANSWERS: dict[str, str | bytes] = {
    "bare": RIGHT,
    "indented": f"    {RIGHT}\n",
    "a fence": f"```\n{RIGHT}\n```",
    "a fence with a language": f"```python\n{RIGHT}\n```\n",
    "a key": f"impl: |-\n  {RIGHT}\n",
    "a fence with a key, in prose": f"Here:\n```yaml\nimpl: |-\n  {RIGHT}\n```\nDone.",
    "two fences, of which the last counts": f"```\n{WRONG}\n```\nOr rather:\n```\n{RIGHT}\n```",
    "a comment": f"# Three more.\n{RIGHT}  # that is it",
    "Windows lines": f"# Three more.\r\n{RIGHT}\r\n",
    "a byte order mark": b"\xef\xbb\xbf" + RIGHT.encode(),
}


@pytest.mark.parametrize("how", ["bare", "a fence with a key, in prose", "a byte order mark"])
def test_an_answer_may_come_in_many_forms(how: str) -> None:
    assert verdict("three.yaml", "--impl", "-", answer=ANSWERS[how])["correct"]


@pytest.mark.parametrize("how", ANSWERS)
def test_an_answer_is_read_as_generously_from_a_file(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs: list[str] = []

    def note(task: object, program: str, seed: int) -> None:
        del task, seed
        programs.append(program)
        raise SystemExit(0)

    monkeypatch.setattr(api, "check", note)
    answer = ANSWERS[how]
    (tmp_path / "answer").write_bytes(answer if isinstance(answer, bytes) else answer.encode())
    check("three.yaml", "--impl", "answer")
    (program,) = programs
    lines = [line for line in program.splitlines() if not line.startswith("#")]
    assert [line.partition("#")[0].strip() for line in lines] == [RIGHT]


def test_a_given_answer_goes_before_the_files_own() -> None:
    assert not verdict("solved.yaml", "--impl", "-", answer=WRONG)["correct"]


NO_ANSWERS = {
    "": "expected a program, got an empty answer",
    "I would double the input, then return it.": "got text that is no program",
}


@pytest.mark.usefixtures("one_judge")
@pytest.mark.parametrize("answer", NO_ANSWERS)
def test_an_answer_without_a_program_gets_a_verdict(answer: str, tmp_path: Path) -> None:
    (tmp_path / "double.yaml").write_text(DOUBLE)
    said = verdict("double.yaml", "--impl", "-", answer=answer)
    assert (said["stage"], said["affine"], said["functional"]) == ("parse", None, None)
    assert NO_ANSWERS[answer] in said["errors"][0]["message"]


@pytest.mark.usefixtures("one_judge")
def test_the_benchmarks_own_program_lacks_copies_if_it_is_taken_as_it_is() -> None:
    said = verdict("norm/rms_scalar", "--reference", "--plain")
    assert (said["stage"], said["affine"], said["functional"]) == ("affine", False, True)


# What cannot be used: exit code 2, a message and no verdict.


def unusable(*arguments: str, answer: str | bytes | None = None) -> str:
    result = check(*arguments, answer=answer)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    return result.stderr.removeprefix("error: ").removesuffix("\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["attn/fussed"],
            "attn/fussed: expected a built-in task, group or set, a structural IR file or a folder"
            " of them; did you mean attn/fused",
        ),
        (["nowhere.yaml"], "nowhere.yaml: no such file"),
        (
            ["attn"],
            "attn: expected one task, got a group: attn/fused, attn/split, attn/deferred",
        ),
        ([""], "'': expected a built-in task, group or set"),
        (["."], ".: expected one task, got a folder"),
        (
            ["three.yaml"],
            "three.yaml has no impl of its own: give a program by --impl FILE, or --impl - for"
            " standard input",
        ),
        (
            ["attn/fused"],
            "attn/fused has no impl of its own: give a program by --impl FILE, or --impl - for"
            " standard input",
        ),
        (
            ["three.yaml", "--impl", "nowhere"],
            "nowhere: cannot be read (No such file or directory)",
        ),
        (["three.yaml", "--impl", "."], ".: cannot be read (Is a directory)"),
        (
            ["three.yaml", "--reference"],
            "toy/three: only tasks of the benchmark have a reference program",
        ),
        (
            ["attn/fused", "--reference", "--impl", "-"],
            "--impl and --reference both name a program; give one of them",
        ),
        (
            ["solved.yaml", "--plain"],
            "--plain is about the benchmark's own program; add --reference",
        ),
    ],
)
def test_what_cannot_be_used_is_said(arguments: list[str], message: str) -> None:
    assert unusable(*arguments).startswith(message)


def test_an_answer_that_is_no_text_is_said() -> None:
    message = unusable("three.yaml", "--impl", "-", answer=b"return \xff")
    assert message.startswith("-: expected UTF-8 text (")


TWICE = """\
  - name: Other
    apply: |
      return [input[0]]
    input_dtype: fp32
    output_dtype: fp32
    func_name: fn_double
outputs:
"""
BROKEN_FILES: dict[str, tuple[Callable[[str], str], list[str]]] = {
    "broken YAML": (
        lambda text: edited(text, ("data_gen: torch.randn}", "data_gen: torch.randn")),
        ["task.yaml:4: not valid YAML: "],
    ),
    "an unknown dtype": (
        lambda text: edited(text, ("dtype: fp32, dims", "dtype: fp64, dims")),
        ["task.yaml:3: inputs[0].dtype: expected a type (fp32, ", "got 'fp64'"],
    ),
    "wrong dims": (
        lambda text: edited(text, ("dims: [N, M], data", "dims: [N-1, M], data")),
        ["task.yaml:3: inputs[0].dims: expected a dimension", "got 'N-1'"],
    ),
    "duplicate names": (
        lambda text: edited(text, ("outputs:\n", TWICE)),
        ["fns[1].func_name: 'fn_double' is already the name of fns[0]"],
    ),
    "an input twice": (
        lambda text: edited(text, ("fns:\n", "  - {name: E0, dtype: fp32, dims: [N]}\nfns:\n")),
        ["inputs[1].name: 'E0' is already the name of inputs[0]"],
    ),
    "a missing key": (
        lambda text: edited(text, ("    func_name: fn_double\n", "")),
        ["fns[0].func_name: missing; expected"],
    ),
    "an unknown language": (
        lambda text: "language: cuda\n" + text,
        ["language: no language pack is named 'cuda'; installed: step, toy"],
    ),
    "an empty file": (lambda _: "", ["task.yaml"]),
    "prose": (lambda _: "Double the input.", ["task.yaml", "expected a mapping"]),
}


@pytest.mark.parametrize("what", BROKEN_FILES)
def test_a_broken_task_file_is_answered_with_place_and_expectation(
    what: str, tmp_path: Path
) -> None:
    breaks, messages = BROKEN_FILES[what]
    (tmp_path / "task.yaml").write_text(breaks(DOUBLE))
    said = unusable("task.yaml", "--impl", "-", answer=DOUBLED)
    for message in messages:
        assert message in said


def test_a_task_whose_own_code_fails_is_said(tmp_path: Path) -> None:
    (tmp_path / "task.yaml").write_text(edited(TOY, ("E0 + 3", "1 / 0")))
    message = unusable("task.yaml", "--impl", "-", answer=RIGHT)
    assert message == "toy/three: ZeroDivisionError: division by zero"


def test_markup_in_names_is_no_markup(tmp_path: Path) -> None:
    (tmp_path / "task.yaml").write_text(edited(TOY, ("toy/three", "'[red]odd[/red] [/]'")))
    result = check("task.yaml", "--impl", "-", answer=RIGHT)
    assert (result.exit_code, result.stdout) == (0, "correct  [red]odd[/red] [/]\n")
    assert unusable("[/]").startswith("[/]: expected a built-in task")
