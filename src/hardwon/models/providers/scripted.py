"""A model that says what a file tells it to: for tests, demonstrations and dry runs."""

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Self

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from hardwon.models.forms import describe
from hardwon.models.protocol import ModelError
from hardwon.models.provider import Counts, Reply
from hardwon.models.tokens import likely_tokens
from hardwon.records import Finish, Parameters, Prompt
from hardwon.records.base import Record


class ScriptedAnswer(Record):
    """One answer of a script."""

    text: str
    finish: Finish = Finish.STOP
    thinking: str | None = None


class Rule(Record):
    """Which answers a prompt gets. Without a condition it fits every prompt."""

    task: str | None = None
    """Fits if this task is the one that the last message names last."""
    prompt: str | None = None
    """Fits if this regular expression is found in the prompt."""
    answers: tuple[ScriptedAnswer, ...] = Field(min_length=1)
    """Sample i gets answer i, counted round and round."""
    delay: float | None = Field(None, ge=0, allow_inf_nan=False)
    """Seconds before the answer; by default as for the whole script."""

    @field_validator("answers", mode="before")
    @classmethod
    def _from_texts(cls, value: object) -> object:
        if isinstance(value, list):
            return tuple({"text": item} if isinstance(item, str) else item for item in value)
        return value

    @field_validator("prompt")
    @classmethod
    def _is_expression(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                re.compile(value)
            except re.error as error:
                raise ValueError(f"no regular expression: {error}") from error
        return value


class Script(Record):
    """What a script holds: rules, of which the first that fits counts, and answers to the rest."""

    rules: tuple[Rule, ...] = ()
    answers: tuple[ScriptedAnswer, ...] = ()
    delay: float = Field(0.0, ge=0, allow_inf_nan=False)

    @field_validator("answers", mode="before")
    @classmethod
    def _from_texts(cls, value: object) -> object:
        if isinstance(value, list):
            return tuple({"text": item} if isinstance(item, str) else item for item in value)
        return value

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.rules and not self.answers:
            raise ValueError("neither answers nor rules")
        return self


class ScriptedProvider:
    """Answers from a script, without any server."""

    def __init__(
        self, path: Path, *, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    ) -> None:
        """Read a script.

        Args:
            path: a YAML or JSON file: a list of answers, or an object as in `Script`.
            sleep: how to wait for slow answers.

        Raises:
            ModelError: if it cannot be read or is not of that form.
        """
        try:
            content = path.read_bytes()
            value = yaml.safe_load(content.decode("utf-8"))
            if not isinstance(value, list | dict):
                raise ModelError(
                    f"the script {path} cannot be read: expected a list of answers, or the keys"
                    " `rules` and `answers`"
                )
            self._script = Script.model_validate(
                {"answers": value} if isinstance(value, list) else value
            )
        except (OSError, UnicodeDecodeError, yaml.YAMLError, ValidationError) as error:
            raise ModelError(f"the script {path} cannot be read: {describe(error)}") from error
        digest = hashlib.sha256(content).hexdigest()[:12]
        # By content, so that no recorded answer outlives the script that gave it.
        self._name = f"scripted:{path.name}#{digest}"
        self._tasks = tuple(rule.task for rule in self._script.rules if rule.task is not None)
        self._sleep = sleep

    @property
    def name(self) -> str:
        """The file's name with a hash of its content."""
        return self._name

    def output_limit(self, parameters: Parameters) -> int:
        """Return the limit as it is."""
        return parameters.max_tokens

    async def send(self, prompt: Prompt, parameters: Parameters, index: int, limit: int) -> Reply:
        """Return the answer that the script has for a prompt; none is an empty answer."""
        answers, delay = self._choose(prompt)
        if delay:
            await self._sleep(delay)
        if not answers:
            return Reply("", Finish.EMPTY, model=self._name)
        answer = answers[index % len(answers)]
        written = likely_tokens(answer.text)
        thought = likely_tokens(answer.thinking or "")
        read = sum(likely_tokens(message.text) for message in prompt.messages)
        return Reply(
            answer.text,
            answer.finish if answer.text.strip() else Finish.EMPTY,
            answer.thinking,
            self._name,
            Counts(input=read, output=written + thought, thinking=thought),
        )

    async def close(self) -> None:
        """Do nothing."""

    def _choose(self, prompt: Prompt) -> tuple[tuple[ScriptedAnswer, ...], float]:
        text = "\n".join(message.text for message in prompt.messages)
        last = prompt.messages[-1].text if prompt.messages else ""
        named = max(self._tasks, key=lambda task: _last_mention(task, last), default=None)
        if named is not None and _last_mention(named, last) < 0:
            named = None
        for rule in self._script.rules:
            if rule.task is not None and rule.task != named:
                continue
            if rule.prompt is not None and not re.search(rule.prompt, text):
                continue
            return rule.answers, self._script.delay if rule.delay is None else rule.delay
        return self._script.answers, self._script.delay


def _last_mention(task: str, text: str) -> int:
    """Return where a task is named last; -1 if it is not. Longer names are not shorter ones."""
    found = re.finditer(rf"(?<![\w/-]){re.escape(task)}(?![\w/-])", text)
    return max((match.start() for match in found), default=-1)
