"""Answers as models write them, one per file, each beside the program that is in it.

`answers/NAME.txt` is the answer and `answers/NAME.impl` what is to be read out of it; where the
latter is missing, nothing is. Files are read as bytes: line ends and odd characters matter.
"""

from pathlib import Path

import pytest

from hardwon.ir import extract_impl

FOLDER = Path(__file__).parent / "answers"
NAMES = sorted(path.stem for path in FOLDER.glob("*.txt"))


def content(name: str) -> str:
    return (FOLDER / name).read_bytes().decode("utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_the_program_is_found(name: str) -> None:
    expected = content(f"{name}.impl") if (FOLDER / f"{name}.impl").exists() else None
    assert extract_impl(content(f"{name}.txt")) == expected


def test_the_corpus_is_large_and_no_program_lacks_its_answer() -> None:
    assert len(NAMES) >= 60
    assert {path.stem for path in FOLDER.glob("*.impl")} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_program_that_was_found_is_found_again(name: str) -> None:
    program = extract_impl(content(f"{name}.txt"))
    if program is not None and "return" in program:
        assert extract_impl(program) == program
