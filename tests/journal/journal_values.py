"""Small values that the tests of the journal record, and strategies for more of them."""

import math
from collections.abc import Sequence

from hypothesis import strategies as st

from hardwon.journal import SampleRecord
from hardwon.records import (
    Answer,
    Diagnostic,
    Experience,
    FunctionSpec,
    OutputSpec,
    Stage,
    Task,
    TensorSpec,
    Usage,
    Verdict,
    digest_of,
)

JUDGE = digest_of({"seeds": 2})
CORRECT = Verdict(
    correct=True,
    stage=None,
    affine=True,
    functional=True,
    normal_form="n" * 64,
    code_lines=2,
    seconds=0.25,
)
WRONG = Verdict(
    correct=False,
    stage=Stage.TYPES,
    affine=True,
    functional=None,
    errors=(Diagnostic(stage=Stage.TYPES, line=1, message="expected fp32, got é"),),
    seconds=0.5,
)
GAVE_UP = Verdict(correct=False, stage=Stage.PARSE, affine=None, functional=None)

# Every character, lone surrogates and NUL among them: models write such things.
any_text = st.text(st.characters(codec=None, exclude_categories=())) | st.builds(
    "escaped:{}".format, st.text()
)
counts = st.integers(0, 2**31 - 1)
verdicts = st.builds(
    Verdict,
    correct=st.booleans(),
    stage=st.none() | st.sampled_from(Stage),
    affine=st.none() | st.booleans(),
    functional=st.none() | st.booleans(),
    errors=st.lists(
        st.builds(
            Diagnostic,
            stage=st.sampled_from(Stage),
            line=st.none() | st.integers(1, 99),
            message=st.text(),
            rule=st.none() | st.text(),
        ),
        max_size=2,
    ).map(tuple),
    normal_form=st.none() | st.text(),
    code_lines=st.none() | counts,
    seconds=st.floats(0, 1e6),
)
usages = st.builds(
    Usage,
    requests=counts,
    input_tokens=counts,
    cached_tokens=counts,
    output_tokens=counts,
    thinking_tokens=counts,
    usd=st.floats(0, 1e6),
    steps=counts,
)


def make_task(name: str = "scan/maximum", *, dims: Sequence[str] = ("N", "M")) -> Task:
    return Task(
        test_name=name,
        inputs=(TensorSpec(name="E0", dtype=("fp32",), dims=tuple(dims)),),
        fns=(
            FunctionSpec(
                name="Max",
                func_name="fn_max",
                apply="return [torch.maximum(state[0], input[0])]",
                init=(-math.inf,),
                input_dtype=("fp32",),
                output_dtype=("fp32",),
            ),
        ),
        outputs=(
            OutputSpec(
                name="E1",
                dtype=("fp32",),
                dims=tuple(dims),
                data_transform=("input_data['E0'].cummax(-1).values",),
            ),
        ),
    )


def make_sample(
    index: int = 0, impl: str | None = "return E0", verdict: Verdict = CORRECT, tokens: int = 7
) -> SampleRecord:
    usage = Usage(input_tokens=tokens, output_tokens=2 * tokens, steps=1)
    return SampleRecord(answer=Answer(index=index, impl=impl, usage=usage), verdict=verdict)


def make_experience(
    task: Task,
    impl: str = "return E0",
    *,
    iteration: int = 0,
    counts: tuple[int, int] = (1, 3),
) -> Experience:
    correct, samples = counts
    return Experience(
        task=task,
        impl=impl,
        normal_form="n" * 64,
        code_lines=2,
        success_rate=correct / samples,
        correct=correct,
        samples=samples,
        iteration=iteration,
    )
