"""Exchanges: what a run has asked models, and what they answered.

A run asks for its own: two runs with equal requests are two experiments, and each pays for its
completions. Prompts are shared, message by message, since most of each repeats the one before.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from json import loads

from sqlalchemy import Connection, delete, select

from hardwon.journal.content import completion_digest, message_digest, read_completion, to_json
from hardwon.journal.database import Database, insert_missing
from hardwon.journal.errors import JournalError
from hardwon.journal.schema import ExchangeRow, MessageRow, PromptMessageRow, PromptRow
from hardwon.records import Completion, Exchange, Finish, Message, Parameters, Prompt

_PAGE = 256
"""Exchanges that are read at a time."""


class Responses:
    """The completions of one run, each of which is paid once."""

    def __init__(self, database: Database, run: int) -> None:
        self._database = database
        self._run = run

    def find(self, key: str) -> Completion | None:
        """Return the completion recorded under `Exchange.key`, if there is one."""
        with self._database.reading() as connection:
            return find(connection, self._run, key)

    def keep(self, exchange: Exchange) -> None:
        """Record an exchange.

        If the run has one of the same key already, that one stays: two requests that were under way
        at the same time may both come back. Only where no answer had come, a later one takes its
        place.
        """
        with self._database.writing() as connection:
            add(connection, self._run, exchange)


def add(connection: Connection, run: int, exchange: Exchange) -> None:
    """Insert an exchange, unless the run has one of its key that was answered."""
    _insert_prompt(connection, exchange.prompt)
    known = find(connection, run, exchange.key)
    if known is not None and known.finish is Finish.FAILED:
        connection.execute(
            delete(ExchangeRow).where(ExchangeRow.run == run, ExchangeRow.key == exchange.key)
        )
    completion = exchange.completion.model_dump(mode="json")
    insert_missing(
        connection,
        ExchangeRow,
        [
            {
                "run": run,
                "key": exchange.key,
                "role": exchange.role,
                "model": exchange.model,
                "prompt": exchange.prompt.digest,
                "parameters": to_json(exchange.parameters.model_dump(mode="json")),
                "sample": exchange.index,
                "completion": to_json(completion),
                "digest": completion_digest(exchange.role, completion),
                "recorded_at": datetime.now(UTC),
            }
        ],
    )


def find(connection: Connection, run: int, key: str) -> Completion | None:
    """Return a completion; None if it is not recorded."""
    text = connection.scalar(
        select(ExchangeRow.completion).where(ExchangeRow.run == run, ExchangeRow.key == key)
    )
    return None if text is None else read_completion(text)


def every(database: Database, run: int) -> Iterator[Exchange]:
    """Yield the exchanges of a run in the order in which they were recorded."""
    with database.reading() as connection:
        keys = connection.scalars(
            select(ExchangeRow.key)
            .where(ExchangeRow.run == run)
            .order_by(ExchangeRow.recorded_at, ExchangeRow.key)
        ).all()
    # A transaction per page: who reads may take their time.
    for start in range(0, len(keys), _PAGE):
        with database.reading() as connection:
            page = _read(connection, run, keys[start : start + _PAGE])
        yield from page


def prompt(connection: Connection, digest: str) -> Prompt:
    """Return a recorded prompt."""
    rows = connection.execute(
        select(MessageRow.speaker, MessageRow.text, PromptMessageRow.stable)
        .join(PromptMessageRow, PromptMessageRow.message == MessageRow.digest)
        .where(PromptMessageRow.prompt == digest)
        .order_by(PromptMessageRow.position)
    )
    try:
        return Prompt(
            messages=tuple(
                Message(speaker=speaker, text=text, stable=stable) for speaker, text, stable in rows
            )
        )
    except ValueError as error:
        raise JournalError(f"a stored prompt cannot be read: {error}") from error


def _read(connection: Connection, run: int, keys: Sequence[str]) -> list[Exchange]:
    rows = connection.execute(
        select(ExchangeRow).where(ExchangeRow.run == run, ExchangeRow.key.in_(keys))
    ).mappings()
    found = {}
    prompts: dict[str, Prompt] = {}
    for row in rows:
        digest = row["prompt"]
        if digest not in prompts:
            prompts[digest] = prompt(connection, digest)
        try:
            parameters = Parameters.model_validate(loads(row["parameters"]))
        except ValueError as error:
            raise JournalError(f"the stored parameters cannot be read: {error}") from error
        found[row["key"]] = Exchange(
            role=row["role"],
            model=row["model"],
            prompt=prompts[digest],
            parameters=parameters,
            index=row["sample"],
            completion=read_completion(row["completion"]),
        )
    return [found[key] for key in keys]


def _insert_prompt(connection: Connection, given: Prompt) -> None:
    known = connection.scalar(select(PromptRow.digest).where(PromptRow.digest == given.digest))
    if known is not None:
        return
    messages = [(message_digest(message), message) for message in given.messages]
    insert_missing(
        connection,
        MessageRow,
        [
            {"digest": digest, "speaker": message.speaker, "text": message.text}
            for digest, message in dict(messages).items()
        ],
    )
    insert_missing(connection, PromptRow, [{"digest": given.digest}])
    insert_missing(
        connection,
        PromptMessageRow,
        [
            {
                "prompt": given.digest,
                "position": position,
                "message": digest,
                "stable": message.stable,
            }
            for position, (digest, message) in enumerate(messages)
        ],
    )
