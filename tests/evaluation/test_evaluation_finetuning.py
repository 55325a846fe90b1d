"""Fine-tuning sets: what was won goes in, and what is held out stays out."""

import json
from collections.abc import Sequence

import pytest
from evaluation_runs import make_run
from hypothesis import given
from hypothesis import strategies as st

from hardwon.evaluation import Content, HeldOut, Run, chats, held_out_of, to_jsonl
from hardwon.records import Experience, Message, Speaker, Task

RUN = make_run(
    {"a": "AABx", "b": "-?xx", "c": "CCyy"},
    {"b": "BBxx"},
    demonstrations=(0, 2),
)


def ask(task: Task, shown: Sequence[Experience]) -> list[Message]:
    messages = [Message(speaker=Speaker.SYSTEM, text="the manual")]
    for item in shown:
        messages.append(Message(speaker=Speaker.USER, text=f"write {item.task.test_name}"))
        messages.append(Message(speaker=Speaker.ASSISTANT, text=item.impl))
    return [*messages, Message(speaker=Speaker.USER, text=f"write {task.test_name}")]


def reply(task: Task, impl: str) -> str:
    return f"{task.test_name} is {impl}"


def made(*runs: Run, **options: object) -> list[tuple[Message, ...]]:
    return list(chats(runs or (RUN,), ask, reply, **options))  # type: ignore[arg-type]


def answers(found: list[tuple[Message, ...]]) -> list[str]:
    return [chat[-1].text for chat in found]


def test_every_correct_sample_of_the_first_iteration_is_a_chat() -> None:
    found = made()
    assert answers(found) == [
        "toy/a is return E0  # A 0",
        "toy/a is return E0  # A 1",
        "toy/a is return E0  # B 2",
        "toy/c is return E0  # C 0",
        "toy/c is return E0  # C 1",
    ]
    for chat in found:
        assert [message.speaker for message in chat] == ["system", "user", "assistant"]


def test_later_iterations_join_if_wanted() -> None:
    assert len(made(iterations=None)) == 7
    assert len(made(iterations=2)) == 7


def test_a_question_comes_without_the_manual() -> None:
    for chat in made(content=Content.QUESTION):
        assert [message.speaker for message in chat] == ["user", "assistant"]
    assert len(made(content=Content.QUESTION)) == 5


def test_isomorphic_answers_are_one_chat_if_they_are_to_be_distinct() -> None:
    assert answers(made(content=Content.DISTINCT)) == [
        "toy/a is return E0  # A 0",
        "toy/a is return E0  # B 2",
        "toy/c is return E0  # C 0",
    ]


def test_equal_samples_of_several_runs_are_one_chat() -> None:
    assert len(made(RUN, RUN)) == 5


def test_demonstrations_are_what_the_run_knew_hardest_first() -> None:
    found = made(iterations=None, demonstrations=True)
    later = [chat for chat in found if chat[-1].text.startswith("toy/b")]
    assert len(later) == 2
    for chat in later:
        assert [message.text for message in chat[1:-2:2]] == ["write toy/c", "write toy/a"]
    assert all(len(chat) == 3 for chat in found if chat not in later)


@given(
    held=st.sets(st.sampled_from(["toy/a", "toy/b", "toy/c"])),
    content=st.sampled_from(Content),
    demonstrations=st.booleans(),
)
def test_what_is_held_out_appears_nowhere(
    held: set[str], content: Content, demonstrations: bool
) -> None:
    found = made(
        content=content,
        held_out=held_out_of(held, RUN.tasks),
        iterations=None,
        demonstrations=demonstrations,
    )
    told = " ".join(message.text for chat in found for message in chat)
    for name in ("toy/a", "toy/b", "toy/c"):
        assert (name in told) == (name not in held)
    for letter, name in (("A", "toy/a"), ("B 0", "toy/b"), ("C", "toy/c")):
        if name in held:
            assert f"# {letter}" not in told


def test_a_group_is_held_out_as_a_whole() -> None:
    assert made(held_out=held_out_of(["toy"], RUN.tasks)) == []


def test_a_held_out_task_under_another_name_is_held_out() -> None:
    first = RUN.tasks[0]
    twin = first.model_copy(update={"test_name": "disguised/name"})
    hidden = held_out_of(["toy/a"], [first, twin])
    assert hidden.holds(twin)
    other = first.model_copy(update={"test_name": "other/b", "constraints": ("N > 1",)})
    assert not hidden.holds(other)


def test_a_name_that_no_task_has_is_an_error() -> None:
    with pytest.raises(ValueError, match="no task or group is named toy/q"):
        held_out_of(["toy/a", "toy/q"], RUN.tasks)
    assert not HeldOut().holds(RUN.tasks[0])


def test_a_line_is_what_trainers_read() -> None:
    line = to_jsonl(made()[0])
    assert line.endswith("\n")
    assert line.count("\n") == 1
    assert json.loads(line) == {
        "messages": [
            {"role": "system", "content": "the manual"},
            {"role": "user", "content": "write toy/a"},
            {"role": "assistant", "content": "toy/a is return E0  # A 0"},
        ]
    }
