"""Fine-tuning sets from what runs have won: chats in JSON lines, as trainers read them."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from hardwon.evaluation.runs import Run
from hardwon.records import Experience, Message, Speaker, Task, digest_of

Ask = Callable[[Task, Sequence[Experience]], Sequence[Message]]
"""Gives the messages that ask for a program, with demonstrations; the last one is the question."""

Reply = Callable[[Task, str], str]
"""Gives a program as a model is to write it."""


class Content(StrEnum):
    """What a chat holds (the paper's three sets are `prompt`, `question`, and `distinct`)."""

    PROMPT = "prompt"
    """The whole prompt with the answer."""
    QUESTION = "question"
    """The question and the answer alone."""
    DISTINCT = "distinct"
    """The same, with one chat for each normal form that solves a task."""


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Tasks that a set must not contain, so that they can be tested on."""

    names: frozenset[str] = frozenset()
    """Names of tasks, or of groups."""
    questions: frozenset[str] = frozenset()
    """What `question_key` says of tasks that are held out under whatever name."""

    def holds(self, task: Task) -> bool:
        """Whether a task is held out."""
        return (
            task.test_name in self.names
            or task.group in self.names
            or question_key(task) in self.questions
        )


def question_key(task: Task) -> str:
    """Return what two tasks share that differ in their names only."""
    return digest_of(task.model_dump(mode="json", exclude={"impl", "test_name"}))


def held_out_of(names: Iterable[str], tasks: Iterable[Task]) -> HeldOut:
    """Return what is held out if tasks or groups are named; copies under other names included.

    Args:
        names: tasks or groups.
        tasks: all tasks that are known, to recognise copies of the named ones.

    Raises:
        ValueError: naming those that none of the tasks has.
    """
    wanted = frozenset(names)
    known = list(tasks)
    found = {name for task in known for name in (task.test_name, task.group)}
    if wanted - found:
        raise ValueError(f"held out: no task or group is named {', '.join(sorted(wanted - found))}")
    plain = HeldOut(wanted)
    return HeldOut(wanted, frozenset(question_key(task) for task in known if plain.holds(task)))


def chats(
    runs: Iterable[Run],
    ask: Ask,
    reply: Reply,
    *,
    content: Content = Content.PROMPT,
    held_out: HeldOut | None = None,
    iterations: int | None = 1,
    demonstrations: bool = False,
) -> Iterator[tuple[Message, ...]]:
    """Yield one chat per correct sample, equal ones once.

    Args:
        runs: where the samples come from.
        ask: writes prompts.
        reply: writes answers.
        content: what a chat holds.
        held_out: tasks that appear nowhere, neither as questions nor as demonstrations.
        iterations: how many iterations of each run are used; the paper uses the first. None: all.
        demonstrations: whether prompts show what the run had learned before the sample's iteration,
            hardest first.
    """
    hidden = held_out or HeldOut()
    seen: set[str] = set()
    for run in runs:
        tasks = {task.digest: task for task in run.tasks if not hidden.holds(task)}
        for sample in run.samples:
            task = tasks.get(sample.task)
            if task is None or not sample.correct or sample.impl is None:
                continue
            if iterations is not None and sample.iteration >= iterations:
                continue
            same: list[str | int] = [question_key(task), sample.impl]
            if content is Content.DISTINCT:
                same = [question_key(task), sample.form or sample.impl]
            elif demonstrations:  # which differ by run and iteration
                same += [sample.iteration, run.name]
            key = digest_of(same)
            if key in seen:
                continue
            seen.add(key)
            shown = _shown(run, sample.iteration, hidden) if demonstrations else ()
            messages = tuple(ask(task.question, shown))
            asked = messages if content is Content.PROMPT else messages[-1:]
            answer = Message(speaker=Speaker.ASSISTANT, text=reply(task.question, sample.impl))
            yield (*asked, answer)


def _shown(run: Run, iteration: int, hidden: HeldOut) -> tuple[Experience, ...]:
    known = [
        experience
        for experience in run.experiences
        if experience.iteration < iteration and not hidden.holds(experience.task)
    ]
    return tuple(sorted(known, key=lambda experience: experience.success_rate))


def to_jsonl(chat: Sequence[Message]) -> str:
    """Return a chat as one line: `{"messages": [{"role": ..., "content": ...}, ...]}`."""
    rows = [{"role": message.speaker.value, "content": message.text} for message in chat]
    return json.dumps({"messages": rows}, ensure_ascii=False) + "\n"
