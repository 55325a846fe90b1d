"""Turns the text of a task file into a `Task`."""

import re
from collections.abc import Iterable
from pathlib import Path

from hardwon.ir.problems import Problem, TaskFileError, render_path, shown
from hardwon.ir.python_code import (
    check_expression,
    check_final_expression,
    check_function_body,
    check_module,
)
from hardwon.ir.sections import DATA_GENS, Report, Section
from hardwon.ir.yaml_tree import MAX_BYTES, TextNode, described, read_tree
from hardwon.languages import Language, UnknownLanguageError, get_language
from hardwon.records import FunctionSpec, OutputSpec, Task, TensorSpec

_REQUIRED_KEYS = ("inputs", "fns", "outputs")
_OPTIONAL_KEYS = ("test_name", "language", "global", "parameters", "constraints", "impl")
_TENSOR_KEYS = ("name", "dtype", "dims")
_DRAWN_KEYS = ("data_gen", "min", "max")
_FUNCTION_KEYS = ("name", "apply", "input_dtype", "output_dtype", "func_name")
_MULTIHOT = re.compile(r"\bMultihot\s*\(")


def load_task(path: str | Path, *, language: Language | None = None) -> Task:
    """Read a task from a structural IR file.

    Args:
        path: a UTF-8 file of at most 1 MiB; its stem names the task if it has no `test_name`.
        language: the pack that checks types and dimensions; by default the installed pack that
            the file names.

    Raises:
        TaskFileError: if the file cannot be read or is not a task, with every problem in it.
    """
    source = str(path)
    try:
        text = _read_text(Path(path))
    except OSError as error:
        message = f"cannot be read: {error.strerror or error}"
        raise TaskFileError([Problem(source, None, (), message)]) from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        message = f"expected UTF-8 text, got the byte 0x{error.object[error.start]:02X}"
        raise TaskFileError([Problem(source, line, (), message)]) from error
    return parse_task(text, source, Path(path).stem, language=language)


def parse_task(
    text: str,
    source: str = "<string>",
    default_name: str | None = None,
    *,
    language: Language | None = None,
) -> Task:
    """Read a task from structural IR.

    Args:
        text: one YAML document.
        source: what problems name as their file.
        default_name: the task's name if the text has no `test_name`.
        language: the pack that checks types and dimensions; by default the installed pack that
            the text names.

    Raises:
        TaskFileError: if the text is not a task, with every problem in it.
    """
    root, problems = read_tree(text, source)
    if root is None:
        raise TaskFileError(problems)
    if root.entries and root.entries.keys().isdisjoint((*_REQUIRED_KEYS, *_OPTIONAL_KEYS)):
        # Some other YAML, or a configuration file: no need to go through it key by key.
        first = shown(next(iter(root.entries)))
        message = f"expected a task with {', '.join(_REQUIRED_KEYS)}, got a mapping with {first}"
        raise TaskFileError([Problem(source, root.line, (), message)])
    report = Report(source, root, problems)
    top = Section(report, root, (), required=_REQUIRED_KEYS, optional=_OPTIONAL_KEYS)
    task = _read_task(top, default_name)
    if report.types_are_read:
        _consult(language, task, report)
    if problems:
        raise TaskFileError(sorted(problems, key=lambda problem: problem.line or 0))
    return task


def _read_text(path: Path) -> str:
    """Return what a file holds, or as much of it as shows that it is too long."""
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    # The byte that is one too many may stand inside a character.
    return data.decode("utf-8", "replace" if len(data) > MAX_BYTES else "strict")


def _read_task(top: Section, default_name: str | None) -> Task:
    """Return the task that a file states; it is only good if no problem came up."""
    if default_name is None:
        top.require("test_name")
    language = top.title("language") or Task.model_fields["language"].default
    inputs = top.sections("inputs", required=_TENSOR_KEYS, optional=_DRAWN_KEYS, at_least=1)
    parameters = top.sections("parameters", required=_TENSOR_KEYS, optional=_DRAWN_KEYS)
    fns = top.sections("fns", required=_FUNCTION_KEYS, optional=("init",))
    outputs = top.sections("outputs", required=(*_TENSOR_KEYS, "data_transform"), at_least=1)
    impl = top.text("impl")
    task = Task(
        test_name=top.title("test_name") or default_name or "",
        language=language,
        global_code=top.code("global", check_module),
        inputs=tuple(_read_tensor(section, least_rank=1) for section in inputs),
        parameters=tuple(_read_tensor(section, least_rank=0) for section in parameters),
        fns=tuple(map(_read_function, fns)),
        outputs=tuple(map(_read_output, outputs)),
        constraints=top.blocks("constraints", check_expression) or (),
        # A place left blank for the answer is no answer.
        impl=impl.text if impl is not None and impl.text.strip() else None,
    )
    in_programs = {language: "the language"}
    _claim_names("name", inputs, in_programs)
    in_data = {name: holder for name, holder in in_programs.items() if name != language}
    _claim_names("name", [*parameters, *outputs], in_data)
    _claim_names("func_name", fns, in_programs)
    return task


def _read_tensor(section: Section, least_rank: int) -> TensorSpec:
    dtype = section.types("dtype")
    data_gen = section.text("data_gen")
    if data_gen is not None and data_gen.text not in DATA_GENS:
        section.report_value("data_gen", described(data_gen))
    least, most = section.count("min"), section.count("max")
    if least is not None and most is not None and least > most:
        section.report("min", f"expected at most max, which is {most}, got {least}")
    multihot = [bool(_MULTIHOT.search(component)) for component in dtype]
    if any(multihot):
        section.require("min")
        section.require("max")
        if all(multihot) and data_gen is not None:
            section.report("data_gen", "expected min and max instead, for a Multihot")
    elif dtype:
        section.require("data_gen")
        for key in ("min", "max"):
            if section.get(key) is not None:
                section.report(key, "expected data_gen instead, for what is no Multihot")
    return TensorSpec(
        name=section.name("name"),
        dtype=dtype,
        dims=section.dims("dims", least_rank),
        data_gen=None if data_gen is None else data_gen.text,
        min=least,
        max=most,
    )


def _read_function(section: Section) -> FunctionSpec:
    init = section.numbers("init")
    output_dtype = section.types("output_dtype")
    if init is not None and output_dtype and len(init) != len(output_dtype):
        wanted = _counted(len(output_dtype), "number")
        section.report("init", f"expected {wanted}, one per output component, got {len(init)}")
    return FunctionSpec(
        name=section.title("name"),
        func_name=section.name("func_name"),
        apply=section.code("apply", check_function_body),
        init=init,
        input_dtype=section.types("input_dtype"),
        output_dtype=output_dtype,
    )


def _read_output(section: Section) -> OutputSpec:
    dtype = section.types("dtype")
    blocks = section.blocks("data_transform", check_final_expression)
    if dtype and blocks is not None and len(blocks) != len(dtype):
        wanted = _counted(len(dtype), "block")
        message = f"expected {wanted}, one per component of dtype, got {len(blocks)}"
        section.report("data_transform", message)
    return OutputSpec(
        name=section.name("name"),
        dtype=dtype,
        dims=section.dims("dims", at_least=1),
        data_transform=blocks or (),
    )


def _claim_names(key: str, sections: Iterable[Section], taken: dict[str, str]) -> None:
    """Report names that are taken already, and add those that are not."""
    for section in sections:
        node = section.get(key)
        if not isinstance(node, TextNode):
            continue
        if node.text in taken:
            section.report(key, f"{shown(node.text)} is already the name of {taken[node.text]}")
        else:
            taken[node.text] = f"{render_path(section.path)} (line {node.line})"


def _consult(language: Language | None, task: Task, report: Report) -> None:
    """Add what the language pack finds in types and dimensions."""
    try:
        pack = language or get_language(task.language)
    except UnknownLanguageError as error:
        report.add(("language",), str(error))
        return
    blamed = report.blamed()
    for finding in pack.check_task(task):
        # What is already known to be wrong, or is inside it, need not be said twice.
        if not any(finding.path[:end] in blamed for end in range(len(finding.path) + 1)):
            report.add(finding.path, finding.message)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
