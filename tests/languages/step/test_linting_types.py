"""What types alone reveal: functions out of reach, trivial programs, wrong variants."""

import pytest

from hardwon.languages.inspection import Remark, Severity, Variant
from hardwon.languages.step.linting import StepLinter
from hardwon.languages.step.reading import analyse
from hardwon.records import FunctionSpec, OutputSpec, Task, TensorSpec

SIZES = {"M": 5, "N": 7, "K": 9, "D": 16, "E": 2}
Dtype = tuple[str, ...]


def tensor(name: str, dtype: Dtype, *dims: str) -> TensorSpec:
    hot = any(item.startswith("Multihot") for item in dtype)
    if hot:
        return TensorSpec(name=name, dtype=dtype, dims=dims, min=1, max=1)
    return TensorSpec(name=name, dtype=dtype, dims=dims, data_gen="torch.randn")


def unit(name: str, given: Dtype, made: Dtype, *, fold: bool = False) -> FunctionSpec:
    return FunctionSpec(
        name=name,
        func_name=name,
        apply="return input",
        input_dtype=given,
        output_dtype=made,
        init=(0.0,) * len(made) if fold else None,
    )


def task(
    inputs: tuple[TensorSpec, ...],
    fns: tuple[FunctionSpec, ...],
    dtype: Dtype = ("fp32",),
    dims: tuple[str, ...] = ("N", "M"),
) -> Task:
    output = OutputSpec(name="S0", dtype=dtype, dims=dims, data_transform=("None",) * len(dtype))
    return Task(test_name="tiny/types", inputs=inputs, fns=fns, outputs=(output,))


X = tensor("E0", ("fp32",), "N", "M")
Y = tensor("E1", ("fp32",), "N", "M")
SQUARE = unit("square", ("fp32",), ("fp32",))
MINUS = unit("minus", ("fp32", "fp32"), ("fp32",))
ADD = unit("add", ("fp32",), ("fp32",), fold=True)


def linter(of: Task) -> StepLinter:
    return StepLinter.of(of, SIZES)


def remarks(of: Task) -> dict[str, Remark]:
    return {remark.rule: remark for remark in linter(of).remarks()}


# Reachability


def test_a_function_of_elements_that_nothing_makes_is_out_of_reach() -> None:
    pick = unit("pick", ("Multihot(fp32, E)",), ("fp32",))
    found = remarks(task((X,), (SQUARE, pick)))["unreachable-function"]
    assert found.severity is Severity.ERROR
    assert found.where == ("fns", "pick")
    assert "Multihot(fp32, E)" in found.message


def test_a_function_is_in_reach_once_another_makes_its_input() -> None:
    choose = unit("choose", ("fp32",), ("Multihot(fp32, E)",))
    pick = unit("pick", ("Multihot(fp32, E)",), ("fp32",))
    assert remarks(task((X,), (choose, pick))) == {}


def test_nothing_but_a_function_takes_a_tuple_apart() -> None:
    pair = tensor("E1", ("fp32", "Multihot(fp32, E)"), "N", "M")
    pick = unit("pick", ("Multihot(fp32, E)",), ("fp32",))
    assert "unreachable-function" in remarks(task((X, pair), (pick,)))
    split = unit("split", ("fp32", "Multihot(fp32, E)"), ("Multihot(fp32, E)",))
    assert "unreachable-function" not in remarks(task((X, pair), (pick, split)))


def test_a_buffer_of_any_dimensions_is_in_reach_but_told_if_only_repeats_make_it() -> None:
    row = unit("row", ("Buffer(fp32, [K])",), ("fp32",))
    found = remarks(task((X,), (row,)))
    assert list(found) == ["stretched-input"]
    assert " K:" in found["stretched-input"].message


def test_a_result_of_elements_that_nothing_makes_is_out_of_reach() -> None:
    found = remarks(task((X,), (SQUARE,), ("Multihot(fp32, E)",)))
    assert found["unreachable-output"].severity is Severity.ERROR


def test_a_function_whose_result_nothing_takes_is_useless() -> None:
    both = unit("both", ("fp32",), ("fp32", "fp32"))
    found = remarks(task((X,), (SQUARE, both)))
    assert list(found) == ["useless-function"]
    assert remarks(task((X,), (MINUS, both))) == {}


# Trivial programs


def trivial(of: Task) -> list[Variant]:
    return list(linter(of).trivial_programs())


def programs(of: Task, kind: str) -> list[str]:
    return [variant.program for variant in trivial(of) if variant.kind == kind]


def test_every_input_of_the_right_elements_is_returned() -> None:
    assert programs(task((X, Y), ()), "input") == ["return E0", "return E1"]


def test_an_input_is_moved_into_the_shape_of_the_result() -> None:
    rows = task((X,), (), ("Buffer(fp32, [N])",), ("M",))
    assert programs(rows, "input") == ["E1 = step.Bufferize(a=1).apply(E0)\nreturn E1"]


def test_a_function_is_called_on_every_combination_of_inputs_the_zero_among_them() -> None:
    found = programs(task((X, Y), (MINUS,)), "single call")
    assert len(found) == 4
    assert sum("step.Copy()" in program for program in found) == 2  # x - x and y - y


def test_tokens_are_sent_on_a_detour_that_changes_nothing() -> None:
    hot = tensor("E1", ("Multihot(fp32, E)",), "N", "M")
    (program,) = programs(task((X, hot), (ADD,)), "skip")
    assert "step.Partition(N=E)" in program
    assert "step.Merge(fn=add)" in program


def test_using_every_function_is_no_shortcut() -> None:
    alone = [v for v in trivial(task((X,), (SQUARE,))) if v.kind == "single call"]
    assert [variant.legitimate for variant in alone] == [True]
    among = [v for v in trivial(task((X,), (SQUARE, ADD))) if v.kind == "single call"]
    assert among
    assert not any(variant.legitimate for variant in among)


@pytest.mark.parametrize("kind", ["input", "single call", "skip"])
def test_trivial_programs_type_check_and_obey_the_law(kind: str) -> None:
    hot = tensor("E2", ("Multihot(fp32, E)",), "N", "M")
    of = task((X, Y, hot), (SQUARE, MINUS, ADD))
    found = programs(of, kind)
    assert found
    assert all(not analyse(of, program, SIZES).reading.errors for program in found)


# Wrong variants

PROGRAM = """\
E2 = step.Map(fn=minus).apply((E0, E1))
E3 = step.Map(fn=square).apply(E2)
E4 = step.Accum(fn=add, b=1).apply(E3)
E5 = step.Repeat(n=N).apply(E4)
return E5"""
FIELD = task((X, Y), (SQUARE, unit("cube", ("fp32",), ("fp32",)), MINUS, ADD))


def variants(of: Task = FIELD, program: str = PROGRAM) -> list[Variant]:
    return list(linter(of).variants(program))


def test_variants_type_check_obey_the_law_and_differ_from_the_program_and_each_other() -> None:
    forms = {analyse(FIELD, PROGRAM, SIZES).reading.normal_form}
    for variant in variants():
        reading = analyse(FIELD, variant.program, SIZES).reading
        assert reading.errors == (), variant
        assert reading.normal_form not in forms, variant
        forms.add(reading.normal_form)


@pytest.mark.parametrize(
    ("kind", "shown"),
    [
        ("swap arguments", "Zip().apply((E1, E0))"),
        ("replace function", "E3 = step.Map(fn=cube).apply(E2)"),
        ("drop step", "E4 = step.Accum(fn=add, b=1).apply(E2)"),
        ("repeat step", "step.Accum(fn=add, b=1)"),
        ("other stream", "E4 = step.Accum(fn=add, b=1).apply(E1)"),
        ("insert step", "step.Map(fn=cube).apply(E1)"),
        ("misalign", "step.Reshape(L=[0], S=N)"),
        ("other result", "return E3"),
    ],
)
def test_each_kind_of_variant_is_made(kind: str, shown: str) -> None:
    texts = [variant.plain for variant in variants() if variant.kind == kind]
    assert any(shown in text for text in texts), texts


def test_a_scan_is_replaced_by_a_fold_whose_result_is_repeated() -> None:
    found = variants(program="return step.Scan(fn=add, b=1).apply(E0)")
    (folded,) = [variant for variant in found if variant.kind == "other fold"]
    assert "step.Accum(fn=add, b=1)" in folded.plain
    assert "step.Repeat(n=N)" in folded.plain


def test_fold_depths_are_varied_and_the_shape_repaired() -> None:
    of = task((tensor("E0", ("fp32",), "K", "N", "M"),), (ADD,), dims=("N", "M"))
    found = variants(of, "return step.Accum(fn=add, b=1).apply(E0)")
    (deeper,) = [variant for variant in found if variant.kind == "fold depth"]
    assert "step.Accum(fn=add, b=2)" in deeper.plain
    assert "step.Repeat(n=N)" in deeper.plain


def test_branches_are_swapped_on_either_side() -> None:
    hot = tensor("E1", ("Multihot(fp32, E)",), "N", "M")
    of = task((X, hot), (SQUARE, unit("cube", ("fp32",), ("fp32",)), ADD))
    program = """\
a, b = step.Partition(N=E).apply((E0, E1))
c = step.Map(fn=square).apply(a)
d = step.Map(fn=cube).apply(b)
return step.Merge(fn=add).apply(([c, d], E1))"""
    changes = [v.change for v in variants(of, program) if v.kind == "swap branches"]
    assert [change.split(": ")[1].split("'")[0] for change in changes] == ["Partition", "Merge"]


def test_the_repeated_reference_of_repeatref_is_left_alone_for_only_its_shape_counts() -> None:
    of = task((tensor("E0", ("fp32",), "M"), Y), (SQUARE,))
    found = variants(of, "return step.RepeatRef().apply((E0, E1))")
    assert not any("square).apply(E1)" in variant.plain for variant in found)


def test_variants_carry_the_laws_that_would_excuse_them() -> None:
    laws = {law.kind for variant in variants() for law in variant.laws}
    assert {"commutes", "equal", "returns", "keeps", "absorbed"} <= laws


def test_copies_of_the_program_do_not_show_in_what_is_compared() -> None:
    program = "a, b = step.Copy().apply(E0)\nreturn step.Map(fn=minus).apply((a, b))"
    assert "Copy" not in linter(FIELD).plain(program)
    assert all("Copy" not in variant.plain for variant in variants(FIELD, program))


def test_a_program_that_does_not_type_check_has_no_variants() -> None:
    assert variants(FIELD, "return step.Map(fn=add).apply(E0)") == []


def test_data_variants_change_the_distributions_only() -> None:
    hot = tensor("E2", ("Multihot(fp32, E)",), "N", "M")
    others = linter(task((X, Y, hot), (SQUARE,))).data_variants()
    assert {other.inputs[0].data_gen for other in others} == {"torch.randn", "torch.rand", "binary"}
    assert (0, 2) in {(other.inputs[2].min, other.inputs[2].max) for other in others}
