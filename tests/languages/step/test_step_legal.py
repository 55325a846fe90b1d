"""Drafts: whatever is chosen, the finished program is one that the checker accepts."""

import keyword
import random
import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from math import exp
from re import _parser  # type: ignore[attr-defined]
from typing import Any

import pytest
from hypothesis import assume, event, given
from hypothesis import strategies as st
from step_strategies import Draw, Scene, examples, scenes
from step_task import SIZES, TASK, function, output, tensor

from hardwon.languages.legal import Draft, Drafts
from hardwon.languages.step import language
from hardwon.languages.step.legal.draft import MAX_STATEMENTS
from hardwon.languages.step.parser import parse
from hardwon.languages.step.reading import analyse
from hardwon.records import Experience, Stage, Task
from support import RESIDUAL, ROWS, SUMMED, SyncJudge, experience, read

RESULTS_RULE = "the results have the declared dtypes and dims"


def draft_of(task: Task, *demonstrations: Experience) -> Draft:
    tasks = (task, *(shown.task for shown in demonstrations))
    return language.draft(task, demonstrations, {known.digest: SIZES for known in tasks})


def finished(draft: Draft, steps: int) -> Iterator[Draft]:
    """Yield every program of at most this many statements."""
    if draft.finished:
        yield draft
    elif steps:
        for statement in draft.statements():
            yield from finished(draft.choose(statement), steps - 1)


def written(draw: Draw, scene: Scene) -> list[Draft]:
    """Draw choices until a program is finished or at a dead end; return all its states."""
    draft: Draft = language.draft(scene.task, (), {scene.task.digest: scene.sizes})
    states = [draft]
    while not draft.finished and (statements := draft.statements()):
        # The likeliest ones mostly, which lead somewhere.
        few = draw(st.sampled_from([2, 8, MAX_STATEMENTS]))
        draft = draft.choose(draw(st.sampled_from(statements[:few])))
        states.append(draft)
    return states


@examples(25)
@given(scenes(), st.data())
def test_every_finished_draft_is_well_typed_and_obeys_the_law(
    scene: Scene, data: st.DataObject
) -> None:
    *begun, last = written(data.draw, scene)
    event("finished" if last.finished else "dead end")
    assert len(begun) <= 2 * len(scene.task.fns) + 6
    if last.finished:
        reading = analyse(scene.task, last.text, scene.sizes).reading
        assert reading.errors == ()
        assert reading.runnable
        assert reading.affine
        assert last.statements() == ()


@examples(10)
@given(scenes(), st.data())
def test_every_statement_on_the_way_is_legal(scene: Scene, data: st.DataObject) -> None:
    results = ", ".join(scene.task.inputs[0].name for _ in scene.task.outputs)
    for draft in written(data.draw, scene):
        for statement in draft.statements()[:6]:
            after = draft.choose(statement)
            if after.finished:
                continue
            assert after.text == f"{draft.text}\n{statement.text}".strip()
            reading = analyse(scene.task, f"{after.text}\nreturn {results}", scene.sizes).reading
            errors = [error for error in reading.errors if error.stage is not Stage.AFFINE]
            assert {error.rule for error in errors} <= {RESULTS_RULE}


@examples(10)
@given(scenes(), st.data())
def test_scores_are_log_probabilities(scene: Scene, data: st.DataObject) -> None:
    for draft in written(data.draw, scene):
        statements = draft.statements()
        assert len(statements) <= MAX_STATEMENTS
        assert len({statement.text for statement in statements}) == len(statements)
        scores = [statement.score for statement in statements]
        assert sum(map(exp, scores)) <= 1 + 1e-6
        assert scores == sorted(scores, reverse=True)


def test_a_draft_stays_what_it_is_when_another_goes_on() -> None:
    draft = draft_of(TASK)
    before = draft.statements()
    for statement in before[:5]:
        assert (
            draft.choose(statement)
            .choose(draft.choose(statement).statements()[0])
            .text.startswith(statement.text)
        )
    assert (draft.text, draft.finished, draft.statements()) == ("", False, before)


def test_a_statement_that_is_not_offered_cannot_be_chosen() -> None:
    first, second = draft_of(TASK), draft_of(read(ROWS))
    with pytest.raises(ValueError, match="not legal here"):
        first.choose(second.statements()[0])


def test_the_pack_knows_which_statements_are_legal() -> None:
    assert isinstance(language, Drafts)


@pytest.mark.parametrize("text", [ROWS, RESIDUAL])
def test_a_correct_program_can_be_written(text: str, judge: SyncJudge) -> None:
    task = read(text)
    verdicts = {draft.text: judge.judge(task, draft.text) for draft in finished(draft_of(task), 3)}
    assert any(verdict.correct for verdict in verdicts.values())
    assert all(verdict.affine for verdict in verdicts.values())


def test_a_stream_that_is_needed_twice_is_copied_in_the_end() -> None:
    texts = {draft.text for draft in finished(draft_of(read(RESIDUAL)), 3)}
    assert any("step.Copy().apply(E0)" in text for text in texts)
    assert not any("Copy" in statement.text for statement in draft_of(read(RESIDUAL)).statements())


def test_statements_that_no_result_needs_are_left_out_in_the_end() -> None:
    draft = draft_of(read(ROWS))
    for part in ("fn_square).apply(E0)", "fn_square).apply(E1)", "Accum(fn=fn_sum, b=1).apply(E1)"):
        (statement,) = (s for s in draft.statements() if s.text.endswith(part))
        draft = draft.choose(statement)
    assert "E2 = " in draft.text
    (statement,) = (s for s in draft.statements() if s.text == "return E3")
    assert draft.choose(statement).text == (
        "E1 = step.Map(fn=fn_square).apply(E0)\n"
        "E3 = step.Accum(fn=fn_sum, b=1).apply(E1)\n"
        "return E3"
    )


def test_nothing_is_computed_twice() -> None:
    draft = draft_of(read(ROWS))
    statement = draft.statements()[0]
    repeated = statement.text.replace("E1 =", "E2 =")
    assert repeated not in {later.text for later in draft.choose(statement).statements()}


def task_of(*inputs: str, dtype: str = "fp32", outputs: tuple[str, ...]) -> Task:
    negated = function("fn_neg", "return [-input[0]]", "fp32", "fp32")
    return Task(
        test_name="unit/moves",
        global_code="ctx[E] = 3",
        inputs=(tensor("x", "fp32", *inputs),),
        parameters=(),
        fns=(negated,),
        outputs=(output("S0", dtype, *outputs),),
    )


def test_a_dimension_that_the_task_wants_apart_is_split() -> None:
    task = task_of("K*N", "M", outputs=("K", "N", "M"))
    texts = [draft.text for draft in finished(draft_of(task), 2)]
    assert any("step.Reshape(L=[0], S=K)" in text for text in texts)


def test_where_nothing_can_be_returned_the_draft_is_at_a_dead_end() -> None:
    draft = draft_of(task_of("N", "M", dtype="Multihot(fp32, E)", outputs=("M",)))
    steps = 0
    while statements := draft.statements():
        draft, steps = draft.choose(statements[0]), steps + 1
    assert not draft.finished
    assert 0 < steps <= 2 + 6


def test_demonstrations_steer_the_scores() -> None:
    task = read(ROWS)
    shown = experience(task, 0.1, impl=SUMMED)
    wanted = "E1 = step.Map(fn=fn_square).apply(E0)"

    def score(draft: Draft) -> float:
        return next(item.score for item in draft.statements() if item.text == wanted)

    assert score(draft_of(task, shown)) > score(draft_of(task))


# The grammar of the syntax

TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|(\[(?:\\.|[^\]])*\])|([a-z]+)|([()|*+?])|\s+')
KEYWORDS = frozenset((*keyword.kwlist, "step", "zip"))


@cache
def grammar(start: str = "root") -> str:
    """Return a rule of the grammar as one regular expression: there is no recursion in it."""
    text = files("hardwon.languages.step").joinpath("legal/syntax.gbnf").read_text()
    rules: dict[str, str] = {}
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            name, _, body = line.partition(" ::= ")
            rules[name.strip()] = body.strip()

    def expand(name: str) -> str:
        parts: list[str] = []
        for literal, characters, rule, sign in TOKEN.findall(rules[name]):
            if rule:
                parts.append(expand(rule))
            elif characters or sign:
                parts.append(characters or ("(?:" if sign == "(" else sign))
            elif literal:
                text = literal.replace(r"\n", "\n")
                parts.append(f"(?:{re.escape(text)})")
        return f"(?:{''.join(parts)})"

    return expand(start)


def derived(rng: random.Random, pattern: Any) -> str:
    """Return a text of a regular expression, as Python parsed it."""
    found = ""
    for kind, value in pattern:
        match str(kind):
            case "LITERAL":
                found += chr(value)
            case "NOT_LITERAL":
                found += rng.choice("abc xyz")
            case "IN":
                span, item = rng.choice(value)
                low, high = item if str(span) == "RANGE" else (item, item)
                found += chr(rng.randint(low, high))
            case "BRANCH":
                found += derived(rng, rng.choice(value[1]))
            case "SUBPATTERN":
                found += derived(rng, value[3])
            case "MAX_REPEAT":
                low, high, inner = value
                for _ in range(rng.randint(low, min(high, low + 2))):
                    found += derived(rng, inner)
            case other:
                raise NotImplementedError(other)
    return found


@pytest.mark.parametrize("seed", range(100))
def test_texts_of_the_grammar_are_well_formed(seed: int) -> None:
    text = derived(random.Random(seed), _parser.parse(grammar()))
    code = re.sub(r"(?m)^# .*$|^return |^for | for | in |step\.|zip\(", " ", text)
    if KEYWORDS.isdisjoint(re.findall(r"[A-Za-z]\w*", code)):
        parse(text)


@examples(10)
@given(scenes(), st.data())
def test_finished_drafts_follow_the_grammar(scene: Scene, data: st.DataObject) -> None:
    last = written(data.draw, scene)[-1]
    assume(last.finished)
    *lines, returned = last.text.split("\n")
    # Line by line: Python's regular expressions go back to every line when a later one fails.
    assert all(re.fullmatch(grammar("statement"), f"{line}\n") for line in lines)
    assert re.fullmatch(f"return {grammar('names')}", returned)
