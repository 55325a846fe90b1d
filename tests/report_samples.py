"""Made-up runs, as a report has them: small, large, unfinished, hostile."""

from datetime import UTC, datetime, timedelta

from hardwon.languages import Annotation
from hardwon.languages.inspection import AnnotatedLine, FlowEdge, FlowNode
from hardwon.records import Usage
from hardwon.report import (
    Batch,
    Cause,
    Cost,
    Failure,
    IterationReport,
    PassAtK,
    Port,
    Question,
    Reference,
    RoleUsage,
    RunReport,
    Solution,
    TaskReport,
    Teacher,
    Unit,
)

BEGAN = datetime(2026, 3, 4, 5, 6, tzinfo=UTC)
STEPS = Usage(steps=7)
TOKENS = Usage(
    requests=2, input_tokens=900, cached_tokens=500, output_tokens=80, thinking_tokens=30, usd=0.004
)


def annotation(text: str = "") -> Annotation:
    """Return a program of two lines with its graph."""
    return Annotation(
        lines=(
            AnnotatedLine(1, f"E1 = step.Map(fn=fn_double).apply(E0){text}", (("E1", "fp32 [N]"),)),
            AnnotatedLine(2, "return E1"),
        ),
        errors=(),
        nodes=(
            FlowNode("in0", "input", f"E0{text}"),
            FlowNode("step1", "step", "Map", f"fn_double{text}", line=1),
            FlowNode("out0", "output", "S0"),
        ),
        edges=(FlowEdge("in0", "step1", f"fp32 [N]{text}"), FlowEdge("step1", "out0", "fp32 [N]")),
    )


def task(
    name: str,
    *,
    solved: bool = True,
    iteration: int = 0,
    teachers: tuple[Teacher, ...] = (),
    text: str = "",
    usage: Usage = STEPS,
) -> TaskReport:
    """Return a task; `text` occurs in all that others have written."""
    impl = f"E1 = step.Map(fn=fn_double).apply(E0){text}\nreturn E1"
    return TaskReport(
        name=f"{name}{text}",
        anchor=f"task-{name.replace('/', '-')}",
        group=name.partition("/")[0],
        language="step",
        question=Question(
            inputs=(Port(name=f"E0{text}", type=f"fp32 [N]{text}", parameter=False),),
            units=(
                Unit(
                    name=f"fn_double{text}", type="fp32 → fp32", code=f"return 2{text}", init=None
                ),
            ),
            references=(
                Reference(name=f"S0{text}", type="fp32 [N]", code=(f"input_data['E0']{text}",)),
            ),
            constraints=(f"N % 2 == 0{text}",),
            global_code=f"N_value = 4{text}",
        ),
        solution=Solution(
            impl=impl,
            iteration=iteration,
            correct=3,
            samples=8,
            success_rate=3 / 8,
            code_lines=2,
            teachers=teachers,
            annotation=annotation(text),
            unexplained="",
        )
        if solved
        else None,
        batches=tuple(
            Batch(
                iteration=at,
                temperature=temperature,
                cost=Cost(samples=8, correct=3 if solved and at == iteration else 0, usage=usage),
                without_program=1,
                distinct=4,
            )
            for at in range(iteration + 1)
            for temperature in (0.4, 1.0)
        ),
        causes=(
            Cause(
                stage="functional",
                kind=f"every result equals the reference{text}",
                count=9,
                example=Failure(
                    iteration=0,
                    temperature=0.4,
                    index=5,
                    impl=f"return E0{text}",
                    line=1,
                    message=f"S0 is wrong{text}",
                    note=f"my best{text}",
                ),
            ),
            Cause(
                stage="no program",
                kind="",
                count=2,
                example=Failure(
                    iteration=0,
                    temperature=1.0,
                    index=1,
                    impl=None,
                    line=None,
                    message="expected a program",
                    note=None,
                ),
            ),
        ),
    )


def run(
    *tasks: TaskReport, ending: str | None = "all tasks are solved", roles: bool = False
) -> RunReport:
    """Return a run with these tasks; the iterations follow from them."""
    last = max((each for item in tasks for each in item.tried), default=-1)
    iterations = tuple(
        IterationReport(
            index=at,
            stratum=0,
            effort=0,
            demonstrations=at,
            attempted=sum(at in item.tried for item in tasks),
            solved=tuple(
                item.name for item in tasks if item.solution and item.solution.iteration == at
            ),
            cost=sum((item.cost_in(at) for item in tasks), Cost()),
            started_at=BEGAN + timedelta(minutes=at),
            finished_at=None
            if ending is None and at == last
            else BEGAN + timedelta(minutes=at, seconds=50),
        )
        for at in range(last + 1)
    )
    return RunReport(
        title="made-up",
        run=1,
        configuration={"model": "offline", "temperatures": "0.4, 1.0"},
        hardwon="0.1.0",
        created_at=BEGAN,
        ending=ending,
        tasks=tasks,
        iterations=iterations,
        pass_at_k=tuple(
            PassAtK(
                sampling="without demonstrations",
                k=k,
                value=k / 10,
                low=k / 20,
                high=min(1.0, k / 5),
                tasks=len(tasks),
                n=8,
            )
            for k in (1, 2, 4, 8)
        )
        if tasks
        else (),
        roles=(RoleUsage(role="proposer", model="openai:x", usage=TOKENS, finishes={"length": 1}),)
        if roles
        else (),
    )


def learned() -> RunReport:
    """Return a run of two groups in which one task teaches another and one stays open."""
    first = task("norm/rows")
    teacher = Teacher(task=first.name, anchor=first.anchor, success_rate=3 / 8)
    stranger = Teacher(task="other/task", anchor=None, success_rate=0.5)
    return run(
        first,
        task("norm/layer", iteration=1, teachers=(teacher, stranger)),
        task("rope/open", solved=False, iteration=1),
        ending="all demonstrations together brought nothing new",
    )
