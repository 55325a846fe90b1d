"""Facts about the hashes."""

import json

from hypothesis import given
from hypothesis import strategies as st
from journal_values import any_text, make_experience, make_task, verdicts

from hardwon.journal import experience_digest, verdict_digest
from hardwon.journal.content import read_task, read_verdict, task_content, to_json, verdict_content
from hardwon.records import NO_PROGRAM, Verdict, digest_of, program_digest


@given(any_text, any_text)
def test_programs_share_a_digest_only_if_equal(one: str, other: str) -> None:
    assert (program_digest(one) == program_digest(other)) == (one == other)


def test_the_digest_of_a_program_is_the_sha256_of_its_text() -> None:
    assert program_digest("abc") == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )


def test_no_program_is_not_an_empty_program() -> None:
    assert program_digest(None) == NO_PROGRAM != program_digest("")


@given(verdicts, st.floats(0, 1e6))
def test_the_time_of_a_verdict_is_not_part_of_its_identity(
    verdict: Verdict, seconds: float
) -> None:
    assert verdict_digest(verdict) == verdict_digest(
        verdict.model_copy(update={"seconds": seconds})
    )


@given(verdicts)
def test_a_verdict_survives_storage(verdict: Verdict) -> None:
    stored = to_json(verdict_content(verdict))
    assert read_verdict(stored, verdict.seconds) == verdict
    assert digest_of(json.loads(stored)) == verdict_digest(verdict)


def test_a_task_survives_storage_with_its_infinite_initial_state() -> None:
    task = make_task()
    stored = to_json(task_content(task))
    assert read_task(stored) == task
    assert digest_of(json.loads(stored)) == task.digest


def test_an_experience_is_another_if_its_program_is() -> None:
    task = make_task()
    assert experience_digest(make_experience(task)) != experience_digest(
        make_experience(task, "return E0 # so")
    )
