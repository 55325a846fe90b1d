"""What a run shows while it goes on: lines, a live view, nothing, or events."""

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console

from hardwon.api.summary import Summary
from hardwon.cli.events import JsonEvents
from hardwon.cli.progress import Display, LiveProgress, PlainProgress, QuietProgress
from hardwon.cli.tally import Tally
from hardwon.journal import SampleRecord
from hardwon.records import Answer, Experience, Task, Usage
from support import experience, toy_task, verdict

TASKS = [toy_task("norm/rms"), toy_task("norm/layer", "E0 + 4"), toy_task("rope/neox", "E0 + 5")]
TOKENS = Usage(requests=1, input_tokens=1000, output_tokens=200, usd=0.5)


class Clock:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def sample(*, correct: bool = False, usage: Usage = TOKENS, index: int = 0) -> SampleRecord:
    answer = Answer(index=index, impl="return E0", usage=usage)
    return SampleRecord(answer=answer, verdict=verdict(correct=correct))


def won(task: Task) -> Experience:
    return experience("x/y", 0.5).model_copy(update={"task": task, "correct": 2, "samples": 4})


def summary(ending: str = "all tasks are solved") -> Summary:
    return Summary(
        total=3, solved=1, ending=ending, tasks={}, iterations=(), usage=Usage(),
        without_program={}, configuration={}, hardwon="0",
    )  # fmt: skip


def play(display: Display, clock: Clock) -> None:
    """Two iterations of three tasks: one is solved in the first."""
    display.iteration_began(0, TASKS, (), effort=0)
    for at, task in enumerate(TASKS):
        clock.now += 1
        display.sampled(task, sample(correct=at == 0, index=at), replayed=False)
    display.solved(won(TASKS[0]))
    display.iteration_began(1, TASKS[1:], [won(TASKS[0])], effort=0)
    clock.now += 1
    display.sampled(TASKS[1], sample(), replayed=True)


def shown(make: Callable[[Console, Clock], Display]) -> str:
    """Return what a display prints on something that is no terminal."""
    stream, clock = io.StringIO(), Clock()
    with make(Console(file=stream, width=100), clock) as display:
        play(display, clock)
    return stream.getvalue()


def test_plain_lines_name_iterations_and_solved_tasks() -> None:
    lines = shown(lambda console, clock: PlainProgress(console, 10, clock)).splitlines()
    assert lines == [
        "iteration 0: 3 tasks to solve, 0 demonstrations  (0 solved, 0 samples/s, 0:00)",
        "  solved norm/rms    2 of 4 samples",
        "iteration 1: 2 tasks to solve, 1 demonstration"
        "  (1 solved, 1 samples/s, 3 requests, 3,600 tokens, $1.50, 0:03)",
    ]


def test_quiet_says_nothing() -> None:
    assert shown(lambda console, clock: QuietProgress()) == ""


def test_off_a_terminal_the_live_view_is_the_plain_lines() -> None:
    live = shown(lambda console, clock: LiveProgress(console, 10, 2, clock))
    plain = shown(lambda console, clock: PlainProgress(console, 10, clock))
    assert live.strip() == plain.strip()


def viewed(width: int = 100, **began: Any) -> str:
    """Return the live view after `play`, and perhaps another iteration."""
    stream, clock = io.StringIO(), Clock()
    console = Console(file=stream, width=width, force_terminal=True, color_system=None)
    display = LiveProgress(console, 10, 2, clock)
    play(display, clock)
    if began:
        display.iteration_began(2, TASKS[1:], (), **began)
    with console.capture() as captured:
        console.print(display.view())
    return captured.get()


def test_the_live_view_shows_groups_iteration_demonstrations_speed_and_cost() -> None:
    view = viewed()
    (groups,) = [line for line in view.splitlines() if "norm" in line and "rope" in line]
    assert "1/2" in groups
    assert "0/1" in groups
    assert "iteration 1" in view
    assert "1/4 samples" in view
    assert "shown: norm/rms" in view
    assert "1/3 tasks solved, 45.0 samples/min, 4 requests, 4,800 tokens, $2.00, 0:04" in view


def test_the_live_view_fits_into_a_narrow_terminal() -> None:
    assert max(map(len, viewed(width=40).splitlines())) <= 40


def test_many_groups_leave_room_for_the_rest_and_open_ones_come_first() -> None:
    console = Console(file=io.StringIO(), width=60, height=20)
    display = LiveProgress(console, 10, 2, Clock())
    tasks = [toy_task(f"group{at:03}/task") for at in range(200)]
    display.iteration_began(0, tasks, ())
    for task in tasks[:100]:
        display.tally.win(won(task))
    with console.capture() as captured:
        console.print(display.view())
    view = captured.get()
    assert len(view.splitlines()) <= 20
    assert "group100" in view
    assert "group000" not in view
    assert "more groups" in view


def test_a_level_of_search_has_two_samples_per_task() -> None:
    assert "0/4 searches, level 1" in viewed(effort=1)


def test_before_the_first_iteration_the_view_says_so() -> None:
    console = Console(file=io.StringIO(), width=60)
    with console.capture() as captured:
        console.print(LiveProgress(console, 10, 2, Clock()).view())
    assert captured.get() == "preparing the tasks\n"


def test_names_of_tasks_are_no_markup() -> None:
    task = toy_task("[red]x/[/nothing]")
    stream = io.StringIO()
    display = LiveProgress(Console(file=stream, width=100), 10, 2, Clock())
    display.iteration_began(0, [task], [won(task)])
    display.solved(won(task))
    display.console.print(display.view())
    assert stream.getvalue().count("[red]x/[/nothing]") == 2


def test_time_left_is_an_estimate_from_this_iterations_own_fresh_samples() -> None:
    clock = Clock()
    tally = Tally(clock)
    tally.began(0, TASKS, (), effort=0)
    assert tally.seconds_left(6) is None
    tally.count(sample(), replayed=True)
    clock.now += 2
    assert tally.seconds_left(6) is None
    tally.count(sample(), replayed=False)
    assert tally.seconds_left(6) == 4 * 2
    tally.began(1, TASKS, (), effort=0)
    assert tally.seconds_left(6) is None


def test_samples_from_the_journal_do_not_count_as_speed() -> None:
    clock = Clock()
    tally = Tally(clock)
    tally.began(0, TASKS, (), effort=0)
    for at in range(10):
        tally.count(sample(), replayed=at < 8)
    clock.now += 4
    assert (tally.samples, tally.replayed, tally.rate) == (10, 8, 0.5)


def test_tasks_that_join_later_are_counted_once() -> None:
    tally = Tally(Clock())
    tally.began(0, TASKS[:1], (), effort=0)
    tally.began(1, TASKS, (), effort=0)
    assert (tally.total, tally.groups) == (3, {"norm": 2, "rope": 1})


# Signs of life


QUESTION = Usage(requests=1, input_tokens=100, output_tokens=1)


def test_a_log_without_lines_gets_one_when_something_happens() -> None:
    stream, clock = io.StringIO(), Clock()
    display = PlainProgress(Console(file=stream, width=100), 10, clock)
    display.iteration_began(0, TASKS, (), effort=0)
    for _ in range(70):
        clock.now += 1
        display.asked(TASKS[2], QUESTION)
    display.sampled(TASKS[2], sample(usage=QUESTION), replayed=False)
    clock.now += 30
    display.sampled(TASKS[1], sample(), replayed=False)
    assert stream.getvalue().splitlines()[1:] == [
        "  at work on rope/neox  (0 samples in this iteration, 30 requests, 3,030 tokens, 0:30)",
        "  at work on rope/neox  (0 samples in this iteration, 60 requests, 6,060 tokens, 1:00)",
        "  at work on norm/layer  (2 samples in this iteration, 70 requests, 7,070 tokens, 1:40)",
    ]


def test_what_samples_on_their_way_have_cost_is_counted_once() -> None:
    tally = Tally(Clock())
    tally.began(0, TASKS, (), effort=0)
    tally.count(sample(usage=TOKENS), replayed=True)
    for _ in range(3):
        tally.hear(TASKS[0], QUESTION)
    assert tally.spent == TOKENS + QUESTION + QUESTION + QUESTION
    tally.count(sample(usage=QUESTION + QUESTION), replayed=False)
    assert tally.spent == TOKENS + QUESTION + QUESTION + QUESTION
    tally.count(sample(usage=QUESTION), replayed=False)
    assert tally.spent == tally.usage == TOKENS + QUESTION + QUESTION + QUESTION


def test_the_live_view_names_the_task_that_a_model_is_asked_about() -> None:
    display = LiveProgress(Console(file=io.StringIO(), width=60), 10, 2, Clock())
    display.iteration_began(0, TASKS, ())
    display.asked(TASKS[1], QUESTION)
    with display.console.capture() as captured:
        display.console.print(display.view())
    assert "at work on norm/layer" in captured.get()
    assert "1 request, 101 tokens" in captured.get()


def test_requests_are_told_once_a_second_with_all_that_was_spent() -> None:
    stream, clock = io.StringIO(), Clock()
    with JsonEvents(stream, TASKS, {}, clock) as display:
        display.iteration_began(3, TASKS, (), effort=0)
        for _ in range(10):
            display.asked(TASKS[0], QUESTION)
            clock.now += 0.25
    told = [json.loads(line) for line in stream.getvalue().splitlines()]
    asked = [event for event in told if event["event"] == "asked"]
    assert [event["usage"]["requests"] for event in asked] == [1, 5, 9]
    assert {(event["iteration"], event["task"]) for event in asked} == {(3, "norm/rms")}


# Events


def events(ends: BaseException | None = None, *, finish: bool = True, stopped: str | None = None
           ) -> list[dict[str, Any]]:  # fmt: skip
    """Return the events of a run that ends in some way; every line must be whole JSON."""
    stream, clock = io.StringIO(), Clock()
    try:
        with JsonEvents(stream, TASKS, {"seed": 0}, clock) as display:
            play(display, clock)
            if ends is not None:
                raise ends
            if finish:
                display.finished(summary(), stopped=stopped)
    except (KeyboardInterrupt, ValueError) as error:
        assert error is ends
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_events_tell_the_run_from_beginning_to_end() -> None:
    told = events()
    assert [event["event"] for event in told] == [
        *("run_began", "iteration_began", "sample", "sample", "sample", "solved"),
        *("iteration_began", "sample", "ended"),
    ]
    assert told[0] == {
        "event": "run_began",
        "seconds": 0.0,
        "tasks": ["norm/rms", "norm/layer", "rope/neox"],
        "groups": {"norm": 2, "rope": 1},
        "configuration": {"seed": 0},
    }
    assert told[2] == {
        "event": "sample",
        "seconds": 1.0,
        "iteration": 0,
        "task": "norm/rms",
        "index": 0,
        "correct": True,
        "stage": None,
        "replayed": False,
        "usage": TOKENS.model_dump(mode="json"),
    }
    assert told[5]["task"] == "norm/rms"
    assert (told[5]["correct"], told[5]["samples"]) == (2, 4)
    assert told[6]["demonstrations"] == ["norm/rms"]
    assert told[7]["replayed"] is True


def test_the_last_event_has_the_totals() -> None:
    last = events()[-1]
    assert {key: last[key] for key in ("outcome", "reason", "tasks", "solved", "samples")} == {
        "outcome": "finished",
        "reason": "all tasks are solved",
        "tasks": 3,
        "solved": 1,
        "samples": 4,
    }
    assert (last["correct"], last["replayed"]) == (1, 1)
    assert last["usage"]["usd"] == 2.0


@pytest.mark.parametrize(
    ("ends", "outcome", "reason"),
    [
        (KeyboardInterrupt(), "interrupted", "interrupted"),
        (ValueError("no more disk"), "failed", "no more disk"),
        (ValueError(), "failed", "ValueError"),
    ],
)
def test_a_run_that_does_not_finish_ends_with_an_event_too(
    ends: BaseException, outcome: str, reason: str
) -> None:
    told = events(ends)
    assert [event["event"] for event in told].count("ended") == 1
    assert (told[-1]["outcome"], told[-1]["reason"]) == (outcome, reason)


def test_a_cap_is_an_outcome_of_its_own() -> None:
    last = events(stopped="10 dollars are spent")[-1]
    assert (last["outcome"], last["reason"]) == ("stopped", "10 dollars are spent")


def test_every_event_is_out_when_it_happens() -> None:
    class Pipe(io.StringIO):
        """Holds back what has not been flushed."""

        arrived = ""

        def flush(self) -> None:
            self.arrived = self.getvalue()

    stream = Pipe()
    with JsonEvents(stream, TASKS, {}, Clock()) as display:
        assert stream.arrived.count("\n") == 1
        display.iteration_began(0, TASKS, (), effort=0)
        assert stream.arrived.count("\n") == 2
