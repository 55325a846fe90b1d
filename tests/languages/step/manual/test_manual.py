"""The manual of STeP: everything that it shows is true, and none of it is in the benchmark."""

import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any

import pytest
import yaml

from hardwon.bench.catalog import catalog, load
from hardwon.bench.references import reference
from hardwon.ir import parse_task
from hardwon.languages import get_language
from hardwon.languages.manual import Card, Explains, Manual, Rewrite
from hardwon.languages.step.parser import parse
from hardwon.languages.step.primitives import PRIMITIVES
from hardwon.languages.step.primitives.routing import Copy
from hardwon.languages.step.reading import analyse
from hardwon.records import Stage, Task
from support import SyncJudge


def manual_of_step() -> Manual:
    pack = get_language("step")
    assert isinstance(pack, Explains)
    return pack.manual()


MANUAL = manual_of_step()
CARDS = (*MANUAL.cards, *MANUAL.patterns)
TASKS = [card.example.task for card in CARDS if card.example] + [r.task for r in MANUAL.rewrites]


def test_every_primitive_has_a_card() -> None:
    assert [card.title for card in MANUAL.cards] == [
        name for name, primitive in PRIMITIVES.items() if primitive.__name__ == name
    ]


def test_every_spelling_of_a_primitive_is_mentioned_on_its_card() -> None:
    texts = {card.title: card.text for card in MANUAL.cards}
    for name, primitive in PRIMITIVES.items():
        assert f"step.{name}(" in texts[primitive.__name__]


def test_every_card_and_every_pattern_has_a_worked_example() -> None:
    assert all(card.example and card.example.task.impl for card in CARDS)


@pytest.mark.parametrize("card", MANUAL.cards, ids=lambda card: card.title)
def test_a_card_uses_its_primitive(card: Card) -> None:
    assert card.example
    assert card.example.task.impl
    assert f"step.{card.title}(" in card.example.task.impl


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.title)
def test_a_worked_example_is_correct(card: Card, judge: SyncJudge) -> None:
    assert card.example
    verdict = judge.judge(card.example.task.question, card.example.task.impl)
    assert verdict.errors == ()
    assert verdict.correct


@pytest.mark.parametrize(
    ("rewrite", "copies"),
    list(zip(MANUAL.rewrites, (0, 1, 2), strict=True)),
    ids=("zero", "one", "two"),
)
def test_a_rewrite_mends_the_law_and_nothing_else(
    rewrite: Rewrite, copies: int, judge: SyncJudge
) -> None:
    before = judge.judge(rewrite.task, rewrite.before)
    assert before.functional
    assert before.affine == (copies == 0)
    assert {error.stage for error in before.errors} <= {Stage.AFFINE}
    after = judge.judge(rewrite.task, rewrite.after)
    assert after.correct
    assert copies_in(rewrite.task, rewrite.after) - copies_in(rewrite.task, rewrite.before) == (
        copies
    )
    assert (rewrite.before == rewrite.after) == (copies == 0)


def copies_in(task: Task, impl: str) -> int:
    typed = analyse(task, impl, {"M": 5, "N": 7, "K": 9, "D": 16}).typed
    assert typed
    return sum(isinstance(node.primitive, Copy) for node in typed.graph.nodes)


def test_the_law_needs_as_many_copies_as_it_says() -> None:
    three = MANUAL.rewrites[2]
    typed = analyse(three.task, three.before, {"M": 5, "N": 7, "K": 9, "D": 16}).typed
    assert typed
    assert max(typed.graph.uses().values()) == 3


def test_no_example_is_a_task_of_the_benchmark() -> None:
    tasks = [load(entry.name) for entry in catalog()]
    names = {task.test_name for task in tasks} | {task.short_name for task in tasks}
    assert not names & ({t.test_name for t in TASKS} | {t.short_name for t in TASKS})
    assert not {task.digest for task in tasks} & {task.question.digest for task in TASKS}


def test_no_example_answers_a_task_of_the_benchmark(judge: SyncJudge) -> None:
    """Neither with the Copies that the law asks for nor without them, as references are kept."""
    step = get_language("step")
    solutions: set[str | None] = set()
    for entry in catalog():
        task, impl = load(entry.name), reference(entry.name)
        sizes = judge.sizes(task)
        solutions |= forms(task, impl, sizes) | forms(
            task, step.enforce_law(task, impl, sizes), sizes
        )
    assert len(solutions) > len(catalog())
    shown: set[str | None] = set()
    for task in TASKS:
        if task.impl:
            shown |= forms(task.question, task.impl, judge.sizes(task.question))
    for rewrite in MANUAL.rewrites:
        for impl in (rewrite.before, rewrite.after):
            shown |= forms(rewrite.task, impl, judge.sizes(rewrite.task))
    assert None not in shown
    assert not solutions & shown


def forms(task: Task, impl: str, sizes: Mapping[str, int]) -> set[str | None]:
    return {get_language("step").read(task, impl, sizes).normal_form}


def test_the_grammar_is_that_of_the_syntax() -> None:
    assert re.search(r"^root +::= ", MANUAL.grammar, re.MULTILINE)


def test_examples_differ_from_each_other() -> None:
    assert len({task.question.digest for task in TASKS}) == len(TASKS)
    assert len({task.test_name for task in TASKS}) == len(TASKS)


def structural_ir() -> Iterator[Any]:
    folder = files("hardwon.languages.step") / "manual"
    index = yaml.safe_load((folder / "manual.yaml").read_text("utf-8"))
    for kind, key in (("cards", "example"), ("patterns", "example"), ("rewrites", "task")):
        written = {
            entry.name.removesuffix(".yaml")
            for entry in (folder / kind).iterdir()
            if entry.name.endswith(".yaml")
        }
        assert written == set(index[kind])
        for name in index[kind]:
            content = yaml.safe_load((folder / kind / f"{name}.yaml").read_text("utf-8"))
            yield content[key]


def test_examples_are_structural_ir() -> None:
    assert [parse_task(yaml.safe_dump(content)) for content in structural_ir()] == TASKS


def test_rewrites_and_examples_can_be_read_as_they_stand() -> None:
    for task in TASKS:
        if task.impl:
            assert parse(task.impl).statements
