"""Imports flow one way, and reference programs are out of every proposer's reach."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import hardwon
from hardwon import api
from support import write_tasks

SOURCE = Path(hardwon.__file__).parent
PAGE = Path(__file__).parent.parent / "design" / "architecture.md"

INNER = {
    "records": set[str](),
    "workers": set[str](),
    "languages": {"records"},
    "languages/step": {"languages", "records"},
    "ir": {"languages", "records"},
    "judge": {"workers", "languages", "records"},
    "lint": {"judge", "languages", "records"},
    "journal": {"records"},
    "models": {"workers", "records"},
    "agents": {"models", "ir", "workers", "judge", "languages", "records"},
    "learning": {"agents", "journal", "records"},
    "bench": {"ir", "records"},
    "evaluation": {"learning", "journal", "languages", "records"},
    "report": {"languages", "records"},
}
EVERYTHING = INNER.keys() - {"languages/step"}
ARROWS = {**INNER, "api": EVERYTHING, "cli": {*EVERYTHING, "api"}}
"""Which rooms a room may import. Nobody may import a language pack: packs are found by name."""

FREE = {"api", "cli"}
"""Rooms that need not make use of every arrow."""

_MODULE_NAME = re.compile(r"hardwon(\.\w+)+")


def module_name(path: Path) -> str:
    """Return the dotted name of a module."""
    parts = ["hardwon", *path.relative_to(SOURCE).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def modules() -> dict[str, ast.Module]:
    """Return the syntax trees of all modules, by name."""
    return {
        module_name(path): ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted(SOURCE.rglob("*.py"))
    }


def room(module: str) -> str:
    """Return the room that a module is in; "" for the package itself."""
    parts = module.split(".")[1:]
    if parts[:2] == ["languages", "step"]:
        return "languages/step"
    return parts[0] if parts else ""


@cache
def imported(name: str) -> frozenset[str]:
    """Return the modules of Hardwon that a module imports, or names in a text, wherever it does."""
    return frozenset(_imported(name))


def _imported(name: str) -> Iterator[str]:
    for node in ast.walk(modules()[name]):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names if alias.name.startswith("hardwon"))
            case ast.ImportFrom(module=str(source), names=names, level=0):
                if source.split(".")[0] == "hardwon":
                    for alias in names:
                        inner = f"{source}.{alias.name}"
                        yield inner if inner in modules() else source
            case ast.ImportFrom(level=level) if level:
                raise AssertionError(f"{name}: expected absolute imports")
            case ast.Constant(value=str(text)) if _MODULE_NAME.fullmatch(text):
                yield text  # a module that is run or read by its name
            case _:
                pass


def arrows() -> dict[str, set[str]]:
    """Return which other rooms each room imports; the package itself is no room."""
    found: dict[str, set[str]] = {}
    for name in modules():
        if room(name):
            targets = {room(target) for target in imported(name)} - {"", room(name)}
            found.setdefault(room(name), set()).update(targets)
    return found


def reachable(*starts: str) -> set[str]:
    """Return all modules that importing some modules imports, their packages included."""
    found: set[str] = set()
    waiting = list(starts)
    while waiting:
        name = waiting.pop()
        if name in found or name not in modules():
            continue
        found.add(name)
        waiting += [name.rpartition(".")[0]]
        if name != "hardwon":  # which imports the API only when somebody asks it for a name
            waiting += imported(name)
    return found


def inside(package: str) -> list[str]:
    return [name for name in modules() if f"{name}.".startswith(f"{package}.")]


def test_every_room_is_declared() -> None:
    assert arrows().keys() == ARROWS.keys()


@pytest.mark.parametrize("name", ARROWS)
def test_a_room_imports_what_it_may_and_nothing_else(name: str) -> None:
    assert arrows()[name] <= ARROWS[name]
    if name not in FREE:
        assert arrows()[name] == ARROWS[name], "the table names arrows that nobody uses"


def test_imports_go_round_in_no_circle() -> None:
    order = list(TopologicalSorter(arrows()).static_order())
    assert order.index("records") < order.index("learning") < order.index("cli")


def test_the_page_on_the_architecture_shows_the_same_table() -> None:
    short = {
        "nothing": set[str](),
        "all": ARROWS["cli"],
        "all but cli": ARROWS["api"],
        "agents' protocols": {"agents"},
    }
    rows = re.findall(
        r"^\| `([\w/]+)` \|[^|]*\| ([^|]*) \|$", PAGE.read_text("utf-8"), re.MULTILINE
    )
    shown: dict[str, set[str]] = {}
    for name, targets in rows:
        shown[name] = set()
        for target in [targets] if targets in short else targets.split(", "):
            shown[name] |= short.get(target, {target})
    assert shown == ARROWS


def test_the_package_itself_imports_its_api_only_when_it_is_used() -> None:
    code = "import sys, hardwon; print(*(m for m in sys.modules if m.startswith('hardwon.')))"
    assert printed(code) == ""
    assert {room(target) for target in imported("hardwon")} == {"api"}


def test_nobody_imports_a_language_pack_by_name() -> None:
    outside = [name for name in modules() if room(name) != "languages/step"]
    assert not [name for name in outside if any("step" in t for t in imported(name))]


@pytest.mark.parametrize("name", ["learning", "journal", "judge", "agents"])
def test_the_loop_and_what_it_needs_know_no_language(name: str) -> None:
    reached = {room(module) for module in reachable(*inside(f"hardwon.{name}"))}
    assert "languages/step" not in reached
    for module in inside(f"hardwon.{name}"):
        texts = {n.value for n in ast.walk(modules()[module]) if isinstance(n, ast.Constant)}
        assert "step" not in texts, "a language pack is found by the task's language, not by name"


def test_learning_knows_of_agents_what_they_are_asked_and_no_more() -> None:
    targets = {target for name in inside("hardwon.learning") for target in imported(name)}
    assert {target for target in targets if room(target) == "agents"} == {
        "hardwon.agents.protocols"
    }


def test_who_reads_task_files_knows_languages_by_their_protocol() -> None:
    targets = {target for name in inside("hardwon.ir") for target in imported(name)}
    assert {target for target in targets if room(target) == "languages"} == {"hardwon.languages"}


# The reference programs: nothing that proposes may reach them.

PROPOSERS = ("hardwon.agents", "hardwon.languages.step.synthesis")


@pytest.mark.parametrize("package", PROPOSERS)
def test_no_proposer_reaches_the_benchmark(package: str) -> None:
    reached = reachable(*inside(package))
    assert set(inside(package)) <= reached
    assert not [name for name in reached if room(name) == "bench"]


@pytest.mark.parametrize("package", PROPOSERS)
def test_no_proposer_names_the_benchmarks_files(package: str) -> None:
    for name in reachable(*inside(package)):
        for node in ast.walk(modules()[name]):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert ".step" not in node.value.replace("hardwon.languages.step", "")
                assert "references/" not in node.value


def test_a_process_that_draws_samples_has_not_loaded_the_benchmark() -> None:
    code = (
        "import sys, hardwon.agents.drawing;"
        "from hardwon.languages import get_language;"
        "import hardwon.languages.step.synthesis;"
        "get_language('step');"
        "print(*sorted(m for m in sys.modules if m.startswith(('hardwon.bench', 'hardwon.api'))))"
    )
    assert printed(code) == ""


def test_reference_programs_are_read_by_the_check_alone() -> None:
    readers = {name for name in modules() if "hardwon.bench.references" in imported(name)}
    assert readers <= {"hardwon.api.checking"}
    assert readers


def printed(code: str) -> str:
    path = f"import sys; sys.path[:] = {sys.path!r}\n"
    done = subprocess.run(
        [sys.executable, "-c", path + code], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


# The house.


@pytest.mark.parametrize("name", ARROWS)
def test_a_room_says_what_lives_in_it(name: str) -> None:
    readme = SOURCE / name / "README.md"
    tree = modules()[f"hardwon.{name.replace('/', '.')}"]
    assert (readme.is_file() and readme.read_text("utf-8").strip()) or ast.get_docstring(tree)


def test_every_module_says_what_it_is_for() -> None:
    assert not [name for name, tree in modules().items() if not ast.get_docstring(tree)]


def test_every_room_can_be_the_first_to_be_imported() -> None:
    code = (
        "import importlib, sys\n"
        f"for room in {[name.replace('/', '.') for name in ARROWS]}:\n"
        "    importlib.import_module(f'hardwon.{room}')\n"
        "    print(room)\n"
        "    for name in [name for name in sys.modules if name.startswith('hardwon')]:\n"
        "        del sys.modules[name]\n"
    )
    assert len(printed(code).split()) == len(ARROWS)


TOY = """\
test_name: toy/{name}
language: toy
inputs:
  - {{name: E0, dtype: number, dims: [N], data_gen: torch.rand}}
fns: []
outputs:
  - name: S0
    dtype: number
    dims: [N]
    data_transform: ["E0 {reference}"]
"""


@pytest.mark.usefixtures("toy")
def test_a_second_language_pack_needs_no_edit(tmp_path: Path) -> None:
    """From task files to a library, in a language that Hardwon has never heard of."""
    texts = [
        TOY.format(name="plus", reference="+ 3"),
        TOY.format(name="minus", reference="- 5"),
        TOY.format(name="power", reference="** 2"),
    ]
    write_tasks(tmp_path / "tasks", *texts)
    tasks = api.select_tasks([str(tmp_path / "tasks")])
    assert {task.language for task in tasks} == {"toy"}
    configuration = api.Configuration(samples=300, temperatures=(1.0,), granularity=1)
    summary = api.improve(tasks, tmp_path / "run", configuration).summary
    assert {name: task.solved for name, task in summary.tasks.items()} == {
        "toy/minus": True,
        "toy/plus": True,
        "toy/power": False,
    }
    assert sorted(summary.iterations[-1].demonstrations) == ["toy/minus", "toy/plus"]
    solved = api.find_task(str(tmp_path / "run/library/toy/minus.yaml"))
    assert solved.impl is not None
    assert api.check(solved, solved.impl).correct
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "library"],
        cwd=tmp_path / "run",
        capture_output=True,
        text=True,
        check=False,
    )
    assert "2 passed" in done.stdout
    assert done.returncode == 0
