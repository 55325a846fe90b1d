"""The benchmark is the one that the paper states, and its questions hold no answers."""

import re
from importlib.resources import files

import pytest
import yaml

from hardwon import bench
from hardwon.bench.references import reference
from hardwon.ir import dump_task, parse_task
from hardwon.languages import get_language

ARITH, SHAPE = False, True

FACTS = {
    "attn/fused": (ARITH, 0),
    "attn/split": (ARITH, 0),
    "attn/deferred": (ARITH, 1),
    "bmm/outer": (ARITH, 0),
    "bmm/row": (SHAPE, 0),
    "bmm/inner": (SHAPE, 0),
    "gemm/scalar": (SHAPE, 0),
    "gemm/buffer": (SHAPE, 0),
    "gemm/repeat": (SHAPE, 0),
    # The paper counts 1; but its mean is taken of one use of the input, its difference of another,
    # and the difference is both squared and divided: two streams with two consumers each.
    "norm/layer_buffer": (ARITH, 2),
    "norm/layer_scalar": (SHAPE, 3),
    "norm/rms_scalar": (SHAPE, 1),
    "rope/neox": (ARITH, 0),
    "rope/gptj": (ARITH, 0),
    "rope/neox_ref": (SHAPE, 1),
    "index/token_top1": (ARITH, 0),
    "index/expert_top3": (SHAPE, 0),
    "index/expert_single": (SHAPE, 0),
    "index/predictor": (ARITH, 0),
    "expert/affinity": (ARITH, 2),
    "expert/weighted": (ARITH, 1),
    "expert/binary": (ARITH, 1),
    "etoe/top1": (ARITH, 3),
    "etoe/top2": (ARITH, 3),
    "etoe/expert_choice": (SHAPE, 3),
    "etoe/predictor": (ARITH, 3),
}
NAMES = tuple(FACTS)
SHAPE_PRIMITIVES = {"Promote", "Repeat", "RepeatLast", "RepeatRef", "Flatten"}

every_task = pytest.mark.parametrize("name", NAMES)


def test_the_26_tasks_come_in_order_with_their_class_and_reuse() -> None:
    assert {entry.name: (entry.shape, entry.reuse) for entry in bench.catalog()} == FACTS
    assert tuple(entry.name for entry in bench.catalog()) == NAMES
    assert len(NAMES) == 26


def test_eight_groups_come_in_order() -> None:
    assert bench.groups() == ("attn", "bmm", "gemm", "norm", "rope", "index", "expert", "etoe")
    assert [entry.group for entry in bench.catalog()] == [name.split("/")[0] for name in NAMES]


def test_twelve_tasks_reuse_a_stream() -> None:
    assert sum(entry.reuse > 0 for entry in bench.catalog()) == 12


@every_task
def test_a_task_is_found_by_its_name(name: str) -> None:
    task = bench.load(name)
    assert (task.test_name, f"{task.group}/{task.short_name}") == (name, name)
    assert get_language(task.language).check_task(task) == ()


@every_task
def test_a_question_holds_no_answer(name: str) -> None:
    text = (files("hardwon.bench") / "paper" / "tasks" / f"{name}.yaml").read_text(encoding="utf-8")
    assert bench.load(name).impl is None
    assert "impl" not in yaml.safe_load(text)
    assert "step." not in text


@every_task
def test_a_question_survives_being_written_and_read(name: str) -> None:
    task = bench.load(name)
    assert parse_task(dump_task(task)) == task


@every_task
def test_the_class_says_which_primitives_the_reference_uses(name: str) -> None:
    used = set(re.findall(r"\bstep\.(\w+)\(", reference(name)))
    assert bool(used & SHAPE_PRIMITIVES) == FACTS[name][0]
    assert "Copy" not in used


@pytest.mark.parametrize("task_set", bench.SETS)
def test_there_are_no_other_files(task_set: str) -> None:
    folder = files("hardwon.bench") / task_set
    for kind, suffix in (("tasks", ".yaml"), ("references", ".step")):
        found = {
            f"{group.name}/{file.name.removesuffix(suffix)}"
            for group in (folder / kind).iterdir()
            if group.is_dir()
            for file in group.iterdir()
        }
        assert found == {entry.name for entry in bench.catalog(task_set)}


@pytest.mark.parametrize("name", ["attn", "attn/none", "", "../catalog", "ATTN/FUSED"])
def test_an_unknown_name_has_neither_task_nor_reference(name: str) -> None:
    with pytest.raises(KeyError):
        bench.load(name)
    with pytest.raises(KeyError):
        reference(name)


def test_no_two_tasks_are_the_same_question() -> None:
    names = [entry.name for task_set in bench.SETS for entry in bench.catalog(task_set)]
    assert len({bench.load(name).digest for name in names}) == len(names) == len(set(names))


EXTRA = tuple(entry.name for entry in bench.catalog("extra"))


@pytest.mark.parametrize("name", EXTRA)
def test_the_second_set_holds_questions_without_answers(name: str) -> None:
    task = bench.load(name)
    assert bench.set_of(name) == "extra"
    assert task.impl is None
    assert get_language(task.language).check_task(task) == ()
    assert parse_task(dump_task(task)) == task


def test_the_second_set_goes_beyond_the_benchmark() -> None:
    """Other groups, other bodies, and more than one result or longer programs among them."""
    assert len(EXTRA) >= 12
    assert not set(bench.groups("extra")) & set(bench.groups())
    tasks = [bench.load(name) for name in EXTRA]
    bodies = [{fn.apply for fn in bench.load(name).fns} for name in NAMES]
    assert not [task for task in tasks if {fn.apply for fn in task.fns} in bodies]
    assert any(len(task.outputs) > 1 for task in tasks)
    longest = max(reference(name).count("step.") + catalog_entry(name).reuse for name in EXTRA)
    assert longest >= 12


def catalog_entry(name: str) -> bench.Entry:
    return next(entry for entry in bench.catalog("extra") if entry.name == name)


def test_an_unknown_set_is_an_error() -> None:
    with pytest.raises(KeyError):
        bench.catalog("none")
