"""From names, groups, files and folders to tasks; and the package's own names."""

from pathlib import Path

import pytest

import hardwon
from hardwon import bench
from hardwon.api import UsageError, find_task, reference_program, select_tasks
from support import DOUBLE, DOUBLED, HOPELESS, ROWS, edited, read, write_tasks

SOLVED = f"{DOUBLE}impl: |-\n  {DOUBLED}\n"


def names(*selectors: str) -> list[str]:
    return [task.test_name for task in select_tasks(selectors)]


def test_without_a_selection_there_is_the_whole_benchmark() -> None:
    assert names() == [entry.name for entry in bench.catalog()]


def test_a_group_stands_for_its_tasks() -> None:
    assert names("rope") == ["rope/neox", "rope/gptj", "rope/neox_ref"]


def test_a_set_stands_for_its_tasks_and_its_groups_and_names_are_found_too() -> None:
    assert names("extra") == [entry.name for entry in bench.catalog("extra")]
    assert names("paper") == names()
    assert names("loss", "stats/l2")[-1] == "stats/l2"
    assert find_task("stats/l2") == bench.load("stats/l2")
    with pytest.raises(UsageError, match="expected one task, got a set"):
        find_task("extra")


def test_a_folder_stands_for_the_task_files_in_and_below_it(tmp_path: Path) -> None:
    write_tasks(tmp_path / "b", DOUBLE)
    write_tasks(tmp_path / "a" / "deep", ROWS)
    (tmp_path / "a" / "other.yml").write_text(HOPELESS)
    (tmp_path / "notes.txt").write_text("no task")
    assert sorted(names(str(tmp_path))) == ["tiny/double", "tiny/hopeless", "tiny/rows"]


def test_selections_come_in_the_order_in_which_they_are_given_and_once(tmp_path: Path) -> None:
    (file,) = write_tasks(tmp_path, DOUBLE)
    assert names("bmm/row", file, "bmm", file) == [
        *("bmm/row", "tiny/double", "bmm/outer", "bmm/inner"),
    ]


def test_a_selected_task_has_no_answer_and_a_found_one_keeps_it(tmp_path: Path) -> None:
    (tmp_path / "task.yaml").write_text(SOLVED)
    file = str(tmp_path / "task.yaml")
    (selected,) = select_tasks([file])
    assert (selected.impl, find_task(file).impl) == (None, DOUBLED)
    assert selected == find_task(file).question == read(DOUBLE)


def test_two_files_of_one_task_are_one_whatever_their_answers(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text(DOUBLE)
    (tmp_path / "two.yaml").write_text(SOLVED)
    assert names(str(tmp_path)) == ["tiny/double"]


def test_a_file_without_a_test_name_is_named_after_itself(tmp_path: Path) -> None:
    (tmp_path / "twice.yaml").write_text(edited(DOUBLE, ("test_name: tiny/double\n", "")))
    task = find_task(str(tmp_path / "twice.yaml"))
    assert (task.test_name, task.group, task.short_name) == ("twice", "tasks", "twice")


def test_all_problems_come_at_once(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text(DOUBLE)
    (tmp_path / "two.yaml").write_text(edited(DOUBLE, ("* 2]", "* 3]")))
    with pytest.raises(UsageError) as caught:
        select_tasks(["nowhere.yaml", str(tmp_path), "bnm"])
    assert [line.partition(": ")[0] for line in str(caught.value).splitlines()] == [
        "nowhere.yaml",
        str(tmp_path / "two.yaml"),
        "bnm",
    ]


def test_a_copy_of_a_task_has_a_digest_of_its_own() -> None:
    task = read(DOUBLE)
    other = task.model_copy(update={"test_name": "tiny/other"})
    assert task.digest != other.digest == other.model_validate(other.model_dump()).digest
    assert read(SOLVED).digest == task.digest


def test_only_the_benchmarks_tasks_have_reference_programs() -> None:
    with pytest.raises(UsageError, match="tiny/double: only tasks of the benchmark"):
        reference_program("tiny/double")


def test_the_package_offers_its_api() -> None:
    for name in hardwon.__all__:
        assert getattr(hardwon, name) is not None
    assert hardwon.find_task("attn/fused") == bench.load("attn/fused")
    with pytest.raises(AttributeError, match="no attribute 'no_such_name'"):
        hardwon.no_such_name  # noqa: B018


def test_of_a_file_with_many_problems_the_first_are_listed(tmp_path: Path) -> None:
    file = tmp_path / "task.yaml"
    file.write_text(DOUBLE + "".join(f"wrong{number}: 1\n" for number in range(50)))
    with pytest.raises(UsageError) as caught:
        find_task(str(file))
    lines = str(caught.value).splitlines()
    assert len(lines) == 21
    assert lines[-1] == f"{file}: 30 more problems"
