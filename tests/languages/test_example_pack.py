"""The example of a language pack, which is no part of Hardwon, in everything that Hardwon does."""

import asyncio
import importlib
import random
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hardwon.agents import Composer, OfflineProposer, ProposerError, Request, offline, program_in
from hardwon.api import Configuration, find_task, improve, select_tasks
from hardwon.cli.app import app
from hardwon.ir import TaskFileError, dump_task, load_task, parse_task
from hardwon.languages import UnknownLanguageError, get_language, registry
from hardwon.languages.protocol import Samples, TaskError
from hardwon.records import Stage, Task
from support import DOUBLE, DOUBLED, SyncJudge, edited, summary_of

EXAMPLE = Path(__file__).parents[2] / "examples" / "tile-language"
TASKS = EXAMPLE / "tasks"

ENERGY = """\
load x[M,N], E0
mul y[M,N], x, x
free x
sum s[M,1], y
free y
flip r[1,M], s
free s
store S0, r
free r"""
SOFTMAX = """\
load x[M,N], E0
top m[M,1], x
sub d[M,N], x, m
exp e[M,N], d   # never above 1
sum s[M,1], e
div p[M,N], e, s
store S0, p"""
"""Without frees: it breaks the law."""


def _forget() -> None:
    registry._packs.cache_clear()
    registry.get_language.cache_clear()


def install(folder: Path, patch: pytest.MonkeyPatch, name: str, entry: str, *code: Path) -> None:
    """Have a pack found as pip would: by the entry point of a distribution."""
    info = folder / f"{name}-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[hardwon.languages]\n{name} = {entry}\n")
    patch.setattr(sys, "path", [*sys.path, str(folder), *map(str, code)])
    _forget()


@pytest.fixture(autouse=True, scope="module")
def tile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The example, installed as its own pyproject.toml says."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    ((name, entry),) = project["entry-points"]["hardwon.languages"].items()
    with pytest.MonkeyPatch.context() as patch:
        install(tmp_path_factory.mktemp("tile"), patch, name, entry, EXAMPLE / "src")
        yield
    _forget()


def task(name: str) -> Task:
    return load_task(TASKS / f"{name}.yaml")


WRONG = {
    "no opcode": ("mul y", "mull y", Stage.PARSE, "line 2: expected an opcode"),
    "no size": ("mul y[M,N]", "mul y", Stage.PARSE, "line 2: expected mul TILE[ROWS,COLUMNS]"),
    "no tile": ("x, x", "x, z", Stage.TYPES, "line 2: z: no tile of that name has been made"),
    "other size": ("s[M,1]", "s[1,N]", Stage.TYPES, "line 6: flip of [1,N] makes [N,1]"),
    "no store": ("store S0, r\n", "", Stage.TYPES, "S0 is never stored"),
    "leak": ("free y\n", "", Stage.AFFINE, "line 2: y is never freed"),
    "early free": ("free x\n", "", Stage.AFFINE, "line 1: x is never freed"),
    "other result": ("mul y", "add y", Stage.FUNCTIONAL, "7 of 7 values differ"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_program_is_refused_at_its_line(name: str, judge: SyncJudge) -> None:
    old, new, stage, message = WRONG[name]
    verdict = judge.judge(task("energy"), edited(ENERGY, (old, new)))
    assert (verdict.correct, verdict.stage) == (False, stage)
    lines = [f"line {error.line}: {error.message}" for error in verdict.errors]
    assert any(message in line for line in lines), lines


def test_right_programs_pass_and_spelling_does_not_count(judge: SyncJudge) -> None:
    first = judge.judge(task("energy"), ENERGY)
    other = judge.judge(task("energy"), edited(ENERGY, ("y", "sq"), ("sum s[", "sum  s[ ")))
    assert first.correct
    assert other.correct
    assert first.normal_form == other.normal_form


def test_the_law_is_enforced_without_changing_the_result(judge: SyncJudge) -> None:
    softmax = task("softmax")
    assert judge.judge(softmax, SOFTMAX).stage is Stage.AFFINE
    mended = get_language("tile").enforce_law(softmax, SOFTMAX, judge.sizes(softmax))
    assert judge.judge(softmax, mended).correct
    assert "exp e[M,N], d   # never above 1\nfree d\n" in mended


def test_more_tiles_than_registers_break_the_law() -> None:
    loads = "\n".join(f"load x{at}[M,N], E0" for at in range(7))
    reading = get_language("tile").read(task("softmax"), f"{loads}\nstore S0, x0", {})
    assert reading.runnable
    assert "7 tiles are held" in reading.errors[0].message


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("1 / 0", "ZeroDivisionError"),
        ("open('/etc/passwd').read()", "PermissionError"),
        ("torch.ones(3)", "not as large as its output's dims say"),
    ],
)
def test_the_code_of_a_task_is_confined(code: str, message: str, judge: SyncJudge) -> None:
    text = dump_task(task("energy"))
    broken = parse_task(edited(text, ("(input_data['E0'] ** 2).sum(dim=-1)", code)))
    with pytest.raises(TaskError, match=message):
        judge.sizes(broken)


def test_a_size_that_a_task_does_not_allow_is_left_out(judge: SyncJudge) -> None:
    even = parse_task(dump_task(task("energy")) + "constraints:\n  - N > 1\n")
    problems = [report.problems for report in judge._runner.run(judge._judge.support(even))]
    assert [bool(problem) for problem in problems] == [False, False, True, False]
    assert judge.judge(even, ENERGY).correct


def test_a_task_that_the_machine_does_not_know_is_refused() -> None:
    text = edited(DOUBLE, ("test_name: tiny/double", "test_name: tiny/double\nlanguage: tile"))
    with pytest.raises(TaskFileError, match="expected none, as the machine has its own operations"):
        parse_task(text)


@pytest.mark.parametrize("path", sorted(TASKS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_sample_type_checks_and_obeys_the_law(path: Path) -> None:
    pack = get_language("tile")
    assert isinstance(pack, Samples)
    found = load_task(path)
    sampler = pack.sampler(found, (), {})
    drawn = [sampler.draw(random.Random(seed), 1.0)[0] for seed in range(40)]
    assert drawn == [sampler.draw(random.Random(seed), 1.0)[0] for seed in range(40)]
    readings = [pack.read(found, impl, {}) for impl in drawn if impl is not None]
    assert len(readings) == len(drawn)
    for reading in readings:
        assert all("tiles are held" in error.message for error in reading.errors)
        assert reading.runnable
    assert len({reading.normal_form for reading in readings}) > 10


INDENTED = ENERGY.replace("\n", "\n  ")
ANSWERS = {
    "as asked": f"Squares, then sums.\n\n```yaml\nimpl: |-\n  {INDENTED}\n```",
    "a plain fence": f"```\n{ENERGY}\n```\nThis holds two tiles at a time.",
    "nothing else": ENERGY,
    "a key without a fence": f"impl: |\n  {INDENTED}\n\nconstraints: []",
    "a key without indentation": f"```yaml\nimpl: |-\n{ENERGY}\n```",
    "a second thought": f"<think>```\nstore S0, x\n```</think>\n~~~tile\n{ENERGY}\n~~~",
    "an open fence": f"```\n{ENERGY}",
    "the last program": f"```\nload x[M,N], E0\nstore S0, x\n```\nBetter:\n```\n{ENERGY}\n```\n",
    "a key for each try": f"impl: |\n  load x[M,N], E0\n  store S0, x\nimpl: |\n  {INDENTED}\n",
    "a model that repeats itself": "impl:\n" * 20_000 + f"```\n{ENERGY}\n```",
    "no program after it": f"```\n{ENERGY}\n```\nRun it by\n```sh\nhardwon check\n```",
}


@pytest.mark.parametrize("name", ANSWERS)
def test_a_program_in_a_syntax_of_its_own_is_found_in_an_answer(name: str) -> None:
    assert program_in(ANSWERS[name], "tile") == ENERGY


def test_what_is_no_program_is_none_and_a_broken_one_is_kept() -> None:
    assert program_in("I cannot do that.", "tile") is None
    assert program_in("x" * (300 << 10), "tile") is None
    broken = edited(ENERGY, ("mul", "mull"))
    assert program_in(f"```\n{broken}\n```", "tile") == broken


def test_a_prompt_speaks_of_the_language_alone() -> None:
    prompt = Composer().proposal(task("energy"), ())
    text = "\n".join(message.text for message in prompt.messages)
    assert "impl: |-\n  load x[M,N], E0\n  ...\n  store S0, y\n" in text
    for word in ("STeP", "step.", "stream", "return E1"):
        assert word not in text


SCRIPT = f"""\
rules:
  - task: tile/energy
    answers:
      - |
        ```yaml
        impl: |-
          {ENERGY.replace(chr(10), chr(10) + "          ")}
        ```
  - task: tile/softmax
    answers:
      - |
        ```
        {SOFTMAX.replace(chr(10), chr(10) + "        ")}
        ```
  - task: tiny/double
    answers: ["{DOUBLED}"]
answers: ["I do not know."]
"""


def test_a_run_in_two_languages_leaves_a_library_that_verifies_itself(tmp_path: Path) -> None:
    (tmp_path / "double.yaml").write_text(DOUBLE)
    (tmp_path / "script.yaml").write_text(SCRIPT)
    tasks = select_tasks([str(TASKS), str(tmp_path / "double.yaml")])
    model = f"scripted:{tmp_path / 'script.yaml'}"
    improve(tasks, tmp_path / "run", Configuration(model=model, samples=1, temperatures=(1.0,)))
    found = summary_of(tmp_path / "run")["tasks"]
    solved = {name for name, row in found.items() if row["solved"]}
    assert solved == {"tile/energy", "tile/softmax", "tiny/double"}
    library = tmp_path / "run" / "library"
    energy = find_task(str(library / "tile" / "energy.yaml"))
    assert energy.impl == ENERGY
    assert (library / "tiny" / "test_double.py").is_file()
    source = (library / "tile" / "test_energy.py").read_text(encoding="utf-8")
    names: dict[str, object] = {}
    exec(compile(source, "test_energy.py", "exec"), names)
    verify = importlib.import_module("hardwon_tile.verifying").verify
    assert callable(names["test_energy"])
    assert verify(names["SOLVED"], seed=3) == []
    assert verify(str(names["SOLVED"]).replace("mul y", "add y"), seed=3)


def test_a_run_without_a_model_uses_the_sampler_of_the_pack(tmp_path: Path) -> None:
    text = edited(dump_task(task("energy")), ("** 2).sum(dim=-1)", ").sum(dim=-1)"))
    (tmp_path / "sums.yaml").write_text(text)
    configuration = Configuration(samples=64, temperatures=(1.0,), stop_after=1)
    improve(select_tasks([str(tmp_path / "sums.yaml")]), tmp_path / "run", configuration)
    assert summary_of(tmp_path / "run")["solved"] == 1


def test_a_pack_without_a_sampler_needs_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offline, "get_language", lambda name: object())
    energy = task("energy")
    request = Request(energy, (), 1.0, (0,), 0, {energy.digest: {}})

    async def ask() -> None:
        async for _ in OfflineProposer().propose(request):
            pass

    with pytest.raises(ProposerError, match="the language pack tile has no sampler of its own"):
        asyncio.run(ask())


PACKS = {
    "not importable": ("import nothing_like_that", "ModuleNotFoundError"),
    "nothing there": ("", "AttributeError"),
    "a class": ("class language: ...", "is a class; expected an object of it"),
    "incomplete": ("class L:\n    name = executor = ''\nlanguage = L()", "lacks check_task, read"),
}


@pytest.mark.parametrize("name", PACKS)
def test_a_pack_that_cannot_be_used_is_named_with_the_reason(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, reason = PACKS[name]
    module = f"broken_pack_{list(PACKS).index(name)}"
    (tmp_path / f"{module}.py").write_text(code)
    with monkeypatch.context() as patch:
        install(tmp_path / "info", patch, "broken", f"{module}:language", tmp_path)
        with pytest.raises(UnknownLanguageError, match="the language pack 'broken'") as caught:
            get_language("broken")
    _forget()
    assert reason in str(caught.value)


runner = CliRunner()


def test_a_program_is_explained_and_its_task_linted(tmp_path: Path) -> None:
    solved = task("energy").model_copy(update={"impl": ENERGY})
    path = tmp_path / "energy.yaml"
    path.write_text(dump_task(solved))
    explained = runner.invoke(app, ["explain", str(path), "--svg", str(tmp_path / "graph.svg")])
    assert explained.exit_code == 0
    assert "flip r[1,M], s    # r: [1,M]" in explained.stdout
    assert "tiles held at a time (of 6)  2" in explained.stdout
    assert "<svg" in (tmp_path / "graph.svg").read_text(encoding="utf-8")
    linted = runner.invoke(app, ["lint", "--workers", "1", str(path)])
    assert linted.exit_code == 0
    assert "the language pack tile offers no linter of its own" in linted.stdout
