"""Writes fine-tuning sets from runs that there are already."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from hardwon.agents import Composer
from hardwon.agents.rendering import answer_text
from hardwon.api.errors import UsageError
from hardwon.api.evaluating import load_runs
from hardwon.api.library import write_whole
from hardwon.evaluation import Content, chats, held_out_of, to_jsonl
from hardwon.languages import get_language
from hardwon.languages.manual import Explains
from hardwon.records import Experience, Message, Task


def finetuning_set(
    sources: Sequence[Path | str],
    out: Path,
    *,
    content: Content = Content.PROMPT,
    held_out: Iterable[str] = (),
    iterations: int | None = 1,
    demonstrations: bool = False,
) -> int:
    """Write a fine-tuning set as chats in JSON lines and return how many there are.

    Args:
        sources: run directories, folders of them, journal files, or URLs of journals.
        out: the file to write.
        content: what a chat holds: the whole prompt, or the question alone, or that once per
            normal form.
        held_out: names of tasks or groups that appear nowhere in the set, not as demonstrations
            either, and not under another name.
        iterations: how many iterations of each run are used; the paper uses the first. None: all.
        demonstrations: whether prompts show what the run had learned by then.

    Raises:
        UsageError: if there are no runs or no correct samples, or a name is not that of a task.
        JournalError: if a journal cannot be read.
    """
    runs = [run for source in sources for run in load_runs(source)]
    composer = Composer()

    def ask(task: Task, shown: Sequence[Experience]) -> Sequence[Message]:
        return composer.proposal(task, shown).messages

    try:
        hidden = held_out_of(held_out, (task for run in runs for task in run.tasks))
    except ValueError as error:
        raise UsageError(str(error)) from error
    lines = [
        to_jsonl(chat)
        for chat in chats(
            runs,
            ask,
            _reply,
            content=content,
            held_out=hidden,
            iterations=iterations,
            demonstrations=demonstrations,
        )
    ]
    if not lines:
        raise UsageError("no correct sample is left to write: nothing was solved, or all held out")
    try:
        write_whole(out, "".join(lines))
    except OSError as error:
        raise UsageError(f"{out}: cannot be written ({error.strerror})") from error
    return len(lines)


def _reply(task: Task, impl: str) -> str:
    pack = get_language(task.language)
    fence = pack.manual().fence if isinstance(pack, Explains) else "yaml"
    return answer_text(task, impl, script=False, fence=fence)
