"""What the sampler learns from demonstrations."""

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
from step_task import SIZES

from hardwon import bench
from hardwon.languages.step.synthesis import Sampler
from hardwon.languages.step.synthesis.keys import function_keys
from hardwon.languages.step.synthesis.learner import PRIOR, learned
from hardwon.languages.step.synthesis.policy import Policy
from hardwon.records import Experience, Task
from support import ROWS, experience, read

PROGRAM = """\
squares = step.Map(fn=fn_square).apply(E0)
return step.Accum(fn=fn_sum, b=1).apply(squares)"""
OTHER = """\
sums = step.Accum(fn=fn_sum, b=1).apply(E0)
return step.Map(fn=fn_square).apply(sums)"""


def taught(*demonstrations: Experience) -> Policy:
    return learned(demonstrations, {item.task.digest: SIZES for item in demonstrations})


def renamed(task: Task) -> Task:
    fns = tuple(fn.model_copy(update={"func_name": f"{fn.func_name}_x"}) for fn in task.fns)
    return task.model_copy(update={"fns": fns, "test_name": "other/name"})


def share(task: Task, demonstrations: Sequence[Experience], program: str) -> float:
    sizes = {item.digest: SIZES for item in (task, *(shown.task for shown in demonstrations))}
    sampler = Sampler.for_task(task, demonstrations, sizes)
    drawn = [sampler.draw(random.Random(f"learning {n}"), 1.0)[0] for n in range(60)]
    calls = [line.split("apply")[0].split("step.")[1] for line in program.splitlines()]
    return sum(
        impl is not None
        and [line.split("apply")[0].split("step.")[1] for line in impl.splitlines() if "=" in line]
        == calls
        for impl in drawn
    ) / len(drawn)


def test_without_demonstrations_the_policy_is_the_plain_one() -> None:
    assert taught() == Policy()


def test_a_demonstrated_program_is_drawn_more_often() -> None:
    task = read(ROWS)
    for program in (PROGRAM, OTHER):
        assert share(task, [experience(task, impl=program)], program) > share(task, (), program)


def test_names_count_for_nothing() -> None:
    task = read(ROWS)
    other = renamed(task)
    program = PROGRAM.replace("fn_square", "fn_square_x").replace("fn_sum", "fn_sum_x")
    assert taught(experience(task, impl=PROGRAM)) == taught(experience(other, impl=program))


def test_the_order_of_declaration_is_learned_either_way() -> None:
    task = read(ROWS)
    turned = task.model_copy(update={"fns": task.fns[::-1]})
    first = ("declared", "0 passed over")
    assert taught(experience(task, impl=PROGRAM)).weights[first] > 0
    assert taught(experience(turned, impl=PROGRAM)).weights[first] < 0


def test_rare_successes_weigh_more_than_common_ones() -> None:
    task = read(ROWS)
    fed = ("pair", "input", function_keys(task)["fn_square"], "0")
    hard = taught(experience(task, 0.01, impl=PROGRAM), experience(task, 1.0, impl=OTHER))
    easy = taught(experience(task, 1.0, impl=PROGRAM), experience(task, 0.01, impl=OTHER))
    assert hard.weights[fed] > easy.weights[fed]


def test_programs_that_cannot_be_read_teach_nothing() -> None:
    assert taught(experience(read(ROWS), impl="return E7")) == Policy()
    assert taught(experience(read(ROWS), impl="not a program")) == Policy()


def test_programs_are_read_up_to_what_the_sampler_never_does() -> None:
    split = """\
chunks = step.Reshape(chunk_size=7, rank=0).apply(E0)
flat = step.Flatten(ranks=[1]).apply(chunks)
squares = step.Map(fn=fn_square).apply(chunks)
return step.Accum(fn=fn_sum, b=1).apply(squares)"""
    whole = taught(experience(read(ROWS), impl=PROGRAM))
    part = taught(experience(read(ROWS), impl=split))
    assert set(part.weights) < set(whole.weights)


def test_what_is_switched_off_is_not_learned() -> None:
    task = read(ROWS)
    sizes = {task.digest: SIZES}
    policy = learned(
        [experience(task, impl=PROGRAM)], sizes, replace(PRIOR, declared=0.0, plain=0.0)
    )
    assert "declared" not in {feature[0] for feature in policy.weights}
    assert replace(policy, weights={}) == Policy()


@pytest.mark.parametrize("name", ["etoe/top1", "norm/rms_scalar", "attn/split", "index/predictor"])
def test_whatever_was_drawn_can_be_learned_from(name: str) -> None:
    task = bench.load(name).question
    sampler = Sampler.for_task(task, (), {task.digest: SIZES})
    for number in range(12):
        impl, _ = sampler.draw(random.Random(f"{name} {number}"), 1.0)
        if impl is not None:
            kinds = {feature[0] for feature in taught(experience(task, impl=impl)).weights}
            assert "pair" in kinds
