"""Failures by cause."""

from hardwon.records import Answer, Diagnostic, Difference, Finish, Stage, Verdict
from hardwon.report import NO_PROGRAM, Cause, Failures


def wrong(stage: Stage, message: str, rule: str | None = None, wrong_values: int = 0) -> Verdict:
    difference = Difference(
        output="S0", component=0, sizes={}, seed=0, values="plain", differing=wrong_values,
        total=100, place=(), expected="1", got="2", largest="1",
    ) if wrong_values else None  # fmt: skip
    error = Diagnostic(stage=stage, line=3, message=message, rule=rule, difference=difference)
    return Verdict(correct=False, stage=stage, affine=None, functional=None, errors=(error,))


def collected(*samples: tuple[str | None, Verdict]) -> tuple[Cause, ...]:
    failures = Failures()
    for index, (impl, verdict) in enumerate(samples):
        failures.add((0, 0.7), Answer(index=index, impl=impl), verdict)
    return failures.causes()


def test_failures_are_counted_by_stage_and_rule_most_frequent_first() -> None:
    types = wrong(Stage.TYPES, "a", rule="shapes are equal")
    parse = wrong(Stage.PARSE, "b", rule="grammar")
    causes = collected(("x", parse), ("y", types), ("z", types))
    assert [(c.stage, c.kind, c.count) for c in causes] == [
        ("types", "shapes are equal", 2),
        ("parse", "grammar", 1),
    ]


def test_correct_samples_are_no_failures() -> None:
    right = Verdict(correct=True, stage=None, affine=True, functional=True)
    assert collected(("x", right)) == ()


def test_messages_that_differ_in_names_and_numbers_are_of_one_kind() -> None:
    causes = collected(
        ("x", wrong(Stage.PARSE, "expected 2 inputs for 'E4', got [N, M]")),
        ("y", wrong(Stage.PARSE, "expected 13 inputs for 'E29', got [K]")),
        ("z", wrong(Stage.PARSE, "expected no inputs")),
    )
    assert [cause.count for cause in causes] == [2, 1]


def test_the_example_is_the_one_with_the_fewest_wrong_values() -> None:
    (cause,) = collected(
        ("a", wrong(Stage.FUNCTIONAL, "m", "rule", wrong_values=90)),
        ("longer, yet nearly right", wrong(Stage.FUNCTIONAL, "m", "rule", wrong_values=2)),
        ("b", wrong(Stage.FUNCTIONAL, "m", "rule", wrong_values=50)),
    )
    assert cause.example.impl == "longer, yet nearly right"
    assert (cause.example.index, cause.example.line) == (1, 3)


def test_of_equal_ones_the_shortest_is_the_example_and_then_the_first() -> None:
    same = wrong(Stage.TYPES, "m", "rule")
    (cause,) = collected(("long one", same), ("ab", same), ("cd", same))
    assert cause.example.impl == "ab"


def test_answers_without_program_tell_how_the_model_ended() -> None:
    failures = Failures()
    nothing = wrong(Stage.PARSE, "expected a program")
    for finish in (Finish.LENGTH, Finish.REFUSAL, Finish.LENGTH, None, Finish.STOP):
        failures.add((0, 1.0), Answer(index=0, impl=None, note="why"), nothing, finish=finish)
    causes = failures.causes()
    assert {cause.stage for cause in causes} == {NO_PROGRAM}
    assert sorted(cause.count for cause in causes) == [1, 2, 2]
    assert {cause.example.note for cause in causes} == {"why"}


def test_a_verdict_without_diagnostics_has_a_cause_too() -> None:
    verdict = Verdict(correct=False, stage=None, affine=None, functional=None)
    (cause,) = collected(("x", verdict))
    assert (cause.stage, cause.kind) == ("unknown", "")
