"""What agents say to models. The wording is data, in `templates`; here is the order of things.

What many prompts share comes first, so that providers find it in their caches: the manual of the
language, then the demonstrations, hardest first, then the task.
"""

import logging
import math
import re
from collections.abc import Sequence

from hardwon.agents.rendering import answer_text, form_text, question_text, render
from hardwon.languages import get_language
from hardwon.languages.manual import STATEMENTS, Card, Explains, Manual, Rewrite
from hardwon.records import Experience, Message, Prompt, Speaker, Task, Verdict

UNCHANGED = "unchanged"
"""How a guardian says that a program obeys the law."""
FENCE = "yaml"
"""The language tag of answers, unless the language's manual has another."""
_BYTES_PER_TOKEN = 2.5
_SENTENCE_END = re.compile(r"(?<=[.!?])\s")
_MOST_ERRORS = 8
_MOST_STREAMS = 40
_LOG = logging.getLogger(__name__)


def estimated_tokens(prompt: Prompt) -> int:
    """Return about how many tokens a prompt has, rather too many than too few.

    Tokenizers differ: prompts like these took 2.6 (SmolLM2) to 3.2 bytes per token (Qwen2.5).
    """
    size = sum(len(message.text.encode()) for message in prompt.messages)
    return math.ceil(size / _BYTES_PER_TOKEN)


class Composer:
    """Writes prompts. The same arguments give the same prompt."""

    def __init__(
        self,
        *,
        script: bool = False,
        bare: bool = False,
        brief: bool = False,
        context: int | None = None,
        silent: bool = False,
    ) -> None:
        """Choose how tasks are shown, and how much.

        Args:
            script: show tasks as Python test scripts with a blank, instead of structural IR.
            bare: ask for the program alone, without a fence, as a grammar of programs needs it.
            brief: say of the language what helps to choose among legal statements, not what it
                takes to write them: a sentence per primitive. There is nothing of the law, and no
                worked example, which a small model would just repeat.
            context: how many tokens a prompt may have, by `estimated_tokens`; None for any number.
                Of a prompt that is too long, the easiest demonstrations are left out first, and
                then the worked examples of the manual.
            silent: do not warn of what is left out.
        """
        self._script = script
        self._bare = bare
        self._brief = brief
        self._context = context
        self._warned = silent
        self._systems: dict[tuple[str, bool], Message] = {}

    def proposal(self, task: Task, demonstrations: Sequence[Experience]) -> Prompt:
        """Return the prompt that asks for a program, with demonstrations hardest first.

        Demonstrations in other languages than the task's are of no use and left out.
        """
        shown = [item for item in demonstrations if item.task.language == task.language]
        kept = len(shown)
        prompt = self._proposal(task, shown)
        while kept and not self._fits(prompt):
            kept -= 1
            prompt = self._proposal(task, shown[:kept])
        if kept < len(shown):
            self._say_once(f"of {len(shown)} demonstrations, the {kept} hardest are shown")
        if not (self._brief or self._fits(prompt)):
            prompt = self._proposal(task, (), examples=False)
            self._say_once("the worked examples of the language's manual are left out")
        return prompt

    def guarding(self, task: Task, impl: str) -> Prompt | None:
        """Return the prompt that asks whether a program obeys the law; None if there is no law."""
        manual = manual_of(task)
        if manual is None or not manual.law:
            return None
        system = render(
            "guardian_system",
            title=manual.title,
            introduction=manual.introduction.strip(),
            law=manual.law.strip(),
            unchanged=UNCHANGED,
            form=form_text(manual.form, script=False, fence=manual.fence),
        )
        messages = [_message(Speaker.SYSTEM, system, stable=True)]
        for rewrite in manual.rewrites:
            question = _guardian_question(rewrite.task, rewrite.before, manual)
            answer = _guardian_answer(rewrite, manual)
            messages.append(_message(Speaker.USER, question, stable=True))
            messages.append(_message(Speaker.ASSISTANT, answer, stable=True))
        messages.append(_message(Speaker.USER, _guardian_question(task, impl, manual)))
        return Prompt(messages=tuple(messages))

    def repair(
        self, task: Task, demonstrations: Sequence[Experience], impl: str | None, verdict: Verdict
    ) -> Prompt:
        """Return the prompt that shows a refused program with what the judge says of it.

        It continues the prompt that asked for the program.
        """
        said = "(no program)" if impl is None else self._answer(task, impl)
        asked = render(
            "repairer_task",
            lines=[] if impl is None else impl.split("\n"),
            errors=verdict.errors[:_MOST_ERRORS],
            more=max(0, len(verdict.errors) - _MOST_ERRORS),
            streams=verdict.streams[:_MOST_STREAMS],
        )
        begun = self.proposal(task, demonstrations).messages
        ended = (_message(Speaker.ASSISTANT, said), _message(Speaker.USER, asked))
        return Prompt(messages=(*begun, *ended))

    def _proposal(
        self, task: Task, demonstrations: Sequence[Experience], *, examples: bool = True
    ) -> Prompt:
        messages = [self._system(task, examples=examples)]
        for shown in demonstrations:
            answer = self._answer(shown.task, shown.impl)
            messages.append(_message(Speaker.USER, self._question(shown.task), stable=True))
            messages.append(_message(Speaker.ASSISTANT, answer, stable=True))
        messages.append(_message(Speaker.USER, self._question(task)))
        return Prompt(messages=tuple(messages))

    def _system(self, task: Task, *, examples: bool) -> Message:
        key = task.language, examples
        if key not in self._systems:
            manual = manual_of(task)
            if self._brief:
                text = self._brief_manual(manual, task.language)
            else:
                text = self._whole_manual(manual, task.language, examples=examples)
            self._systems[key] = _message(Speaker.SYSTEM, text, stable=True)
        return self._systems[key]

    def _whole_manual(self, manual: Manual | None, language: str, *, examples: bool) -> str:
        parts = [] if manual is None else [
            {"title": "Primitives", "cards": self._cards(manual.cards, examples=examples)},
            {"title": "Patterns", "cards": self._cards(manual.patterns, examples=examples)},
        ]  # fmt: skip
        return render(
            "proposer_system",
            title=manual.title if manual else language,
            introduction=manual.introduction.strip() if manual else "",
            law=manual.law.strip() if manual else "",
            form=self._form(manual),
            script=self._script,
            bare=self._bare,
            parts=parts,
        )

    def _brief_manual(self, manual: Manual | None, language: str) -> str:
        return render(
            "proposer_brief",
            title=manual.title if manual else language,
            introduction=manual.introduction.strip() if manual else "",
            primitives=[_first_sentence(card.text) for card in manual.cards] if manual else [],
            form=self._form(manual),
            script=self._script,
        )

    def _cards(self, cards: Sequence[Card], *, examples: bool) -> list[dict[str, str]]:
        shown = []
        for card in cards:
            text = {"title": card.title, "text": card.text.strip(), "comment": "", "question": ""}
            if examples and card.example is not None and card.example.task.impl is not None:
                task = card.example.task
                text["comment"] = card.example.comment.strip()
                text["question"] = question_text(task, script=self._script)
                text["answer"] = self._answer(task, card.example.task.impl)
            shown.append(text)
        return shown

    def _question(self, task: Task) -> str:
        question = question_text(task, script=self._script)
        return render("proposer_task", script=self._script, question=question)

    def _answer(self, task: Task, impl: str) -> str:
        fence = self._fence(manual_of(task))
        return answer_text(task, impl, script=self._script, fence=fence)

    def _form(self, manual: Manual | None) -> str:
        form = STATEMENTS if manual is None else manual.form
        return form_text(form, script=self._script, fence=self._fence(manual))

    def _fence(self, manual: Manual | None) -> str | None:
        if self._bare:
            return None
        return FENCE if manual is None else manual.fence

    def _say_once(self, what: str) -> None:
        if not self._warned:
            self._warned = True
            _LOG.warning("a prompt may have %s tokens: %s", self._context, what)

    def _fits(self, prompt: Prompt) -> bool:
        return self._context is None or estimated_tokens(prompt) <= self._context


def _first_sentence(text: str) -> str:
    return _SENTENCE_END.split(" ".join(text.split()), maxsplit=1)[0]


def _guardian_question(task: Task, impl: str, manual: Manual) -> str:
    return render(
        "guardian_task",
        inputs=[item.name for item in task.inputs],
        program=answer_text(task, impl, script=False, fence=manual.fence),
    )


def _guardian_answer(rewrite: Rewrite, manual: Manual) -> str:
    if rewrite.after == rewrite.before:
        return UNCHANGED
    program = answer_text(rewrite.task, rewrite.after, script=False, fence=manual.fence)
    return render("guardian_mended", comment=rewrite.comment.strip(), program=program)


def manual_of(task: Task) -> Manual | None:
    """Return the manual of a task's language; None if its pack does not explain itself."""
    pack = get_language(task.language)
    return pack.manual() if isinstance(pack, Explains) else None


def _message(speaker: Speaker, text: str, *, stable: bool = False) -> Message:
    # No protocol can carry a lone surrogate, which an answer that is quoted may hold.
    text = text.encode("utf-8", "replace").decode()
    return Message(speaker=speaker, text=text, stable=stable)
