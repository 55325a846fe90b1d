"""What models were asked and what they answered is kept, and no request is paid twice."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from journal_places import NewPlace
from journal_values import JUDGE, any_text, make_sample, make_task, usages

from hardwon.journal import Journal, NoRunError, SampleRecord
from hardwon.journal.database import Database
from hardwon.journal.schema import ExchangeRow, MessageRow, PromptRow
from hardwon.records import (
    Completion,
    Exchange,
    Finish,
    Message,
    Parameters,
    Prompt,
    Speaker,
)

pytest_plugins = ["journal_databases"]

TASK = make_task()
SYSTEM = Message(speaker=Speaker.SYSTEM, text="You write programs.", stable=True)


def make_exchange(
    question: str = "Write one.",
    answer: str = "return E0",
    *,
    index: int = 0,
    role: str = "proposer",
) -> Exchange:
    return Exchange(
        role=role,
        model="openai:m",
        prompt=Prompt(messages=(SYSTEM, Message(speaker=Speaker.USER, text=question))),
        parameters=Parameters(temperature=0.7, seed=3),
        index=index,
        completion=Completion(text=answer, finish=Finish.STOP, model="m-2026"),
    )


exchanges = st.builds(
    Exchange,
    role=st.sampled_from(["proposer", "guardian"]),
    model=any_text,
    prompt=st.builds(
        Prompt,
        messages=st.lists(
            st.builds(
                Message, speaker=st.sampled_from(Speaker), text=any_text, stable=st.booleans()
            ),
            max_size=3,
        ).map(tuple),
    ),
    parameters=st.builds(
        Parameters, temperature=st.none() | st.floats(0, 2), grammar=st.none() | any_text
    ),
    index=st.integers(0, 99),
    completion=st.builds(
        Completion,
        text=any_text,
        finish=st.sampled_from(Finish),
        usage=usages,
        thinking=st.none() | any_text,
        model=any_text,
    ),
)


@pytest.fixture
def run(journal: Journal) -> int:
    return journal.begin_run({}, [TASK])


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(exchange=exchanges)
def test_an_exchange_survives_storage(journal: Journal, exchange: Exchange) -> None:
    run = journal.begin_run({}, [TASK])
    responses = journal.responses(run)
    assert responses.find(exchange.key) is None
    responses.keep(exchange)
    assert responses.find(exchange.key) == exchange.completion
    (kept,) = journal.exchanges(run)
    assert kept.model_dump(exclude={"prompt"}) == exchange.model_dump(exclude={"prompt"})
    assert kept.prompt.digest == exchange.prompt.digest
    assert journal.verify() == []


def test_the_first_completion_of_a_request_stays(journal: Journal, run: int) -> None:
    responses = journal.responses(run)
    first, second = make_exchange(answer="one"), make_exchange(answer="other")
    for exchange in (first, first, second):
        responses.keep(exchange)
    assert list(journal.exchanges(run)) == [first]
    assert responses.find(second.key) == first.completion


def test_runs_do_not_share_completions(journal: Journal, run: int) -> None:
    """Else a second run would repeat the samples of the first and call them new."""
    exchange = make_exchange()
    journal.responses(run).keep(exchange)
    other = journal.begin_run({}, [TASK])
    assert journal.responses(other).find(exchange.key) is None
    assert list(journal.exchanges(other)) == []


def test_exchanges_come_in_the_order_in_which_they_were_kept(journal: Journal, run: int) -> None:
    kept = [make_exchange(index=index) for index in (5, 3, 4, 0)]
    for exchange in kept:
        journal.responses(run).keep(exchange)
    assert list(journal.exchanges(run)) == kept


def test_a_message_is_stored_once_for_all_prompts(new_place: NewPlace) -> None:
    place = new_place()
    with Journal.open(place) as journal:
        run = journal.begin_run({}, [TASK])
        for question in ("Write one.", "Write two."):
            for index in range(3):
                journal.responses(run).keep(make_exchange(question, index=index))
    opened = Database.open(place, create=False)
    with opened.reading() as connection:
        counts = [
            len(connection.execute(table.__table__.select()).all())
            for table in (MessageRow, PromptRow, ExchangeRow)
        ]
    opened.close()
    assert counts == [3, 2, 6]


def test_the_responses_of_no_run_are_an_error(journal: Journal) -> None:
    with pytest.raises(NoRunError, match="no run 7"):
        journal.responses(7)


def _sample(**changes: object) -> SampleRecord:
    sample = make_sample()
    answer = sample.answer.model_copy(update={"exchanges": ("a" * 64,), "note": "so", **changes})
    return sample.model_copy(update={"answer": answer})


def test_what_led_to_a_sample_comes_back_with_it(journal: Journal, run: int) -> None:
    exchange = make_exchange()
    journal.responses(run).keep(exchange)
    journal.begin_iteration(run, 0, 0, [], [TASK])
    sample = _sample(exchanges=(exchange.key,))
    journal.record_samples(run, 0, TASK.digest, 0.7, [sample], judge=JUDGE)
    assert journal.samples(run, 0, TASK.digest, 0.7) == {0: sample}
    journal.finish_iteration(run, 0)
    assert journal.verify() == []


def _seal(place: str, sample: SampleRecord, answer: str, effort: int) -> str | None:
    with Journal.open(place) as journal:
        run = journal.begin_run({}, [TASK])
        journal.responses(run).keep(make_exchange(answer=answer))
        journal.begin_iteration(run, 0, 0, [], [TASK], effort=effort)
        journal.record_samples(run, 0, TASK.digest, 0.7, [sample], judge=JUDGE)
        journal.finish_iteration(run, 0)
        return journal.iterations(run)[0].digest


@pytest.mark.parametrize(
    "change",
    [
        lambda sample, answer, effort: (_sample(note="other"), answer, effort),
        lambda sample, answer, effort: (_sample(note=None), answer, effort),
        lambda sample, answer, effort: (_sample(exchanges=()), answer, effort),
        lambda sample, answer, effort: (sample, "another answer", effort),
        lambda sample, answer, effort: (sample, answer, 1),
    ],
)
def test_the_digest_of_an_iteration_covers_what_led_to_its_samples(
    new_place: NewPlace,
    change: Callable[[SampleRecord, str, int], tuple[SampleRecord, str, int]],
) -> None:
    usual = (_sample(exchanges=(make_exchange().key,)), "return E0", 0)
    assert _seal(new_place(), *usual) == _seal(new_place(), *usual)
    assert _seal(new_place(), *usual) != _seal(new_place(), *change(*usual))


def test_an_answer_takes_the_place_of_a_request_that_failed(journal: Journal) -> None:
    run = journal.begin_run({}, [TASK])
    responses = journal.responses(run)
    answered = make_exchange()
    failed = answered.model_copy(
        update={"completion": Completion(text="HTTP 500", finish=Finish.FAILED)}
    )
    responses.keep(failed)
    assert responses.find(answered.key) == failed.completion
    responses.keep(answered)
    responses.keep(failed)
    assert responses.find(answered.key) == answered.completion
    assert list(journal.exchanges(run)) == [answered]
