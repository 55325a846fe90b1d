"""The search finds programs of every kind, in order, within its bounds, and says how it ended."""

from collections.abc import Iterator

import pytest
from search_tasks import (
    CENTRE,
    CENTRED,
    OTHERWISE_ROUTED,
    PRODUCT,
    ROUTED,
    SCALED,
    TUPLES,
    TWO,
    double_precision,
    session,
    sizes,
)

from hardwon.languages.protocol import TaskError
from hardwon.languages.step.reading import analyse
from hardwon.languages.step.synthesis.search import engine, worlds
from support import HOPELESS, RESIDUAL, ROWS, SyncJudge, edited, read

SOLVABLE = {
    text.splitlines()[0]: text
    for text in (ROWS, RESIDUAL, CENTRED, TUPLES, TWO, ROUTED, OTHERWISE_ROUTED, PRODUCT, SCALED)
}
BUDGET = 5_000


@pytest.fixture(autouse=True)
def _double_precision() -> Iterator[None]:
    with double_precision():
        yield


@pytest.fixture(scope="module")
def judge() -> Iterator[SyncJudge]:
    with SyncJudge() as found:
        yield found


@pytest.mark.parametrize("text", SOLVABLE.values(), ids=SOLVABLE.keys())
def test_the_judge_agrees_with_what_is_found(text: str, judge: SyncJudge) -> None:
    report = session(text).run(BUDGET)
    assert report.stopped == "solved", report
    assert 0 < report.steps <= BUDGET
    for program in report.programs:
        verdict = judge.judge(read(text), program)
        assert verdict.correct, program


@pytest.mark.parametrize("text", SOLVABLE.values(), ids=SOLVABLE.keys())
def test_programs_are_well_typed_and_obey_the_law(text: str) -> None:
    task = read(text)
    search = session(text)
    found = [program for _ in range(4) for program in search.run(BUDGET).programs]
    for program in found:
        reading = analyse(task, program, sizes(task)).reading
        assert reading.errors == ()
        assert reading.affine


def test_a_tiny_space_is_exhausted_and_that_is_said() -> None:
    report = session(HOPELESS).run(BUDGET)
    assert (report.programs, report.stopped) == ((), "exhausted")
    assert report.steps < BUDGET


def test_the_budget_is_respected() -> None:
    hopeless = edited(CENTRED, ("keepdim=True)) ** 2", "keepdim=True)) ** 2 + 3"))
    report = session(hopeless).run(321)
    assert (report.programs, report.steps, report.stopped) == ((), 321, "budget")


def test_going_on_leads_where_going_far_at_once_leads() -> None:
    search = session(CENTRED)
    assert search.run(10).stopped == "budget"
    assert search.run(BUDGET).programs == session(CENTRED).run(BUDGET).programs


def test_searches_are_deterministic() -> None:
    assert session(ROUTED).run(BUDGET) == session(ROUTED).run(BUDGET)
    assert session(CENTRED, seed=3).run(BUDGET) == session(CENTRED, seed=3).run(BUDGET)


def test_another_seed_goes_another_way() -> None:
    assert len({session(CENTRED, seed=seed).run(BUDGET).steps for seed in range(5)}) > 1


def test_a_refused_program_is_followed_by_another() -> None:
    search = session(CENTRED)
    first, second = search.run(BUDGET), search.run(BUDGET)
    assert first.programs
    assert second.programs
    assert not set(first.programs) & set(second.programs)
    assert second.steps > first.steps


def test_memory_is_bounded_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "MAX_BYTES", 1 << 20)
    search = session(edited(CENTRED, ("keepdim=True)) ** 2", "keepdim=True)) ** 2 + 3")))
    report = search.run(1_000_000)
    assert report.stopped == "memory"
    assert search.search.bytes < 1 << 24


def test_waiting_statements_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "MAX_PENDING", 100)
    search = session(edited(CENTRED, ("keepdim=True)) ** 2", "keepdim=True)) ** 2 + 3")))
    assert search.run(1_000_000).stopped == "memory"


def test_time_is_bounded_and_that_is_said() -> None:
    hopeless = edited(CENTRED, ("keepdim=True)) ** 2", "keepdim=True)) ** 2 + 3"))
    assert session(hopeless).run(1_000_000, seconds=0.0).stopped == "time"


RAISES = (
    "fns:\n",
    """fns:
  - name: Broken
    apply: |
      raise ValueError("never")
      return input
    input_dtype: fp32
    output_dtype: fp32
    func_name: fn_broken
""",
)


def test_a_function_that_raises_does_not_stop_the_others() -> None:
    assert session(edited(CENTRED, RAISES)).run(BUDGET).stopped == "solved"


HANGS_LATER = (
    "fns:\n",
    """fns:
  - name: Patient
    apply: |
      while bool((input[0] > 30).all()):
        pass
      return [input[0] * 40]
    input_dtype: fp32
    output_dtype: fp32
    func_name: fn_patient
""",
)


def test_a_function_that_hangs_on_some_data_does_not_stop_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(worlds, "_HANG_SECONDS", 0.1)
    text = edited(CENTRED, HANGS_LATER, ("data_gen: torch.randn", "data_gen: torch.rand"))
    assert session(text).run(BUDGET).stopped == "solved"


def test_task_code_that_always_hangs_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worlds, "_PATIENCE_SECONDS", 0.1)
    text = edited(CENTRED, ("return [input[0] / N_value]", "while True: pass\n      return input"))
    with pytest.raises(TaskError, match="hangs"):
        session(text)


def test_sizes_that_global_binds_obey_the_constraints_as_well() -> None:
    task = read(CENTRED).model_copy(
        update={"global_code": "E_value = D_value // 2", "constraints": ("E % 2 == 0",)}
    )
    found = [world.sizes["E"] for world in worlds.build_worlds(task, 0)]
    assert found
    assert all(size % 2 == 0 for size in found)


def test_the_hint_says_what_came_nearest_and_what_was_unused() -> None:
    almost = edited(
        CENTRED,
        ("(x - x.mean(dim=-1, keepdim=True)) ** 2", "2 * (x - x.mean(dim=-1, keepdim=True)) ** 2"),
    )
    hint = session(almost).run(300).hint
    assert "nearest to S0" in hint
    assert "fn_" in hint


def test_the_hint_says_which_results_are_reached() -> None:
    half = edited(TWO, ("2 * total.sum(dim=-1)", "3 + total.sum(dim=-1)"))
    hint = session(half).run(BUDGET).hint
    assert "S0 is reached by fn_add(E0)" in hint
    assert "nearest to S1" in hint


# Repair

BROKEN = {
    "a wrong argument": (
        "step.Map(fn=fn_square).apply(centred)",
        "step.Map(fn=fn_square).apply(E0)",
    ),
    "a wrong function": ("fn=fn_share", "fn=fn_square"),
    "a missing repetition": ("spread = step.Repeat(n=N).apply(mean)", "spread = mean"),
    "a line that is no program": ("mean = step", "mean := step"),
    "an unfinished program": ("\nreturn step.Map(fn=fn_square).apply(centred)", ""),
    "no Copy": ("E0_0, E0_1 = step.Copy().apply(E0)", "E0_0, E0_1 = E0, E0"),
}


@pytest.mark.parametrize("edit", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_program_is_repaired(edit: tuple[str, str]) -> None:
    assert session(CENTRED, start=edited(CENTRE, edit)).run(BUDGET).programs


@pytest.mark.parametrize("kind", ["a wrong argument", "a missing repetition", "no Copy"])
def test_a_program_close_by_is_found_sooner_than_from_nothing(kind: str) -> None:
    report = session(CENTRED, start=edited(CENTRE, BROKEN[kind])).run(BUDGET)
    assert report.steps < session(CENTRED).run(BUDGET).steps


def test_nonsense_to_start_from_does_no_harm() -> None:
    for start in ("", "no program at all", "return E7", "((((", "x = step.Map().apply()"):
        assert session(CENTRED, start=start).run(BUDGET).stopped == "solved"
