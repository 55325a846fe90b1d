"""Writes a task as structural IR, the way a person would.

Written by hand rather than by PyYAML's emitter, which gives up literal blocks (and with them the
readability of code) for a trailing space or a tab, and which cannot keep short lists on one line
while code stays in blocks.
"""

import re
from collections.abc import Callable, Iterable

import yaml

from hardwon.records import FunctionSpec, OutputSpec, Task, TensorSpec

# Lone surrogates pass here, for the final encoding to reject.
_LITERAL = re.compile("[\t\n -~\xa0-\u2027\u202a-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]+")
_PLAIN = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_ .,/()\[\]*+%<=>-]*[A-Za-z0-9_.,/()\[\]*+%<=>-])?")
_PLAIN_IN_LIST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_ ./()*+%<=>-]*[A-Za-z0-9_./()*+%<=>-])?")
_TEXT_TAG = "tag:yaml.org,2002:str"
_NUMBER_TAGS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
_tag_of: Callable[[type, str, tuple[bool, bool]], str] = yaml.resolver.Resolver().resolve


def dump_task(task: Task) -> str:
    """Return a task as structural IR, which `parse_task` reads back as an equal task.

    Keys come in the order of the format; those at their default are left out, and so is an `impl`
    of white space alone.

    Raises:
        ValueError: if a text of the task is not Unicode (it holds a lone surrogate).
    """
    lines = [f"test_name: {_text(task.test_name)}"]
    if task.language != Task.model_fields["language"].default:
        lines.append(f"language: {_text(task.language)}")
    if task.global_code:
        lines += _code("global: ", task.global_code, 0)
    lines += _records("inputs", map(_tensor, task.inputs))
    if task.parameters:
        lines += _records("parameters", map(_tensor, task.parameters))
    lines += _records("fns", map(_function, task.fns))
    lines += _records("outputs", map(_output, task.outputs))
    if task.constraints:
        lines.append("constraints:")
        lines += [f"  - {_text(constraint)}" for constraint in task.constraints]
    if task.impl is not None and task.impl.strip():
        lines += _code("impl: ", task.impl, 0)
    text = "\n".join(lines) + "\n"
    text.encode("utf-8")
    return text


def _records(key: str, records: Iterable[list[str]]) -> list[str]:
    """Return a list of mappings, each given as its lines."""
    lines = [
        f"  {'- ' if number == 0 else '  '}{line}" if line else ""
        for record in records
        for number, line in enumerate(record)
    ]
    return [f"{key}:", *lines] if lines else [f"{key}: []"]


def _tensor(tensor: TensorSpec) -> list[str]:
    lines = _typed(tensor)
    if tensor.data_gen is not None:
        lines.append(f"data_gen: {_text(tensor.data_gen)}")
    if tensor.min is not None:
        lines.append(f"min: {tensor.min}")
    if tensor.max is not None:
        lines.append(f"max: {tensor.max}")
    return lines


def _function(function: FunctionSpec) -> list[str]:
    lines = [f"name: {_text(function.name)}", *_code("apply: ", function.apply, 0)]
    if function.init is not None:
        lines.append(f"init: [{', '.join(map(_number, function.init))}]")
    lines.append(f"input_dtype: {_dtype(function.input_dtype)}")
    lines.append(f"output_dtype: {_dtype(function.output_dtype)}")
    lines.append(f"func_name: {_text(function.func_name)}")
    return lines


def _output(output: OutputSpec) -> list[str]:
    lines = [*_typed(output), "data_transform:"]
    for block in output.data_transform:
        lines += _code("  - ", block, 2)
    return lines


def _typed(tensor: TensorSpec | OutputSpec) -> list[str]:
    return [
        f"name: {_text(tensor.name)}",
        f"dtype: {_dtype(tensor.dtype)}",
        f"dims: [{', '.join(_text(dim, in_list=True) for dim in tensor.dims)}]",
    ]


def _dtype(components: tuple[str, ...]) -> str:
    if len(components) == 1:
        return _text(components[0])
    return f"[{', '.join(_text(component, in_list=True) for component in components)}]"


def _number(value: float) -> str:
    """Return a number as short as it goes; `-inf` is how the format spells it."""
    is_small_integer = value.is_integer() and abs(value) < 1e15
    # Negative zero is no integer of Python's.
    return str(int(value)) if is_small_integer and str(value) != "-0.0" else repr(value)


def _code(head: str, code: str, indent: int) -> list[str]:
    """Return a literal block after `head`, indented by 2 from `indent`, or a quoted text."""
    if not code.strip() or not _LITERAL.fullmatch(code):
        return [head + _quoted(code)]
    body = code.rstrip("\n")
    breaks = len(code) - len(body)
    # Without a number, the first line with text decides what counts as indentation.
    number = "2" if body[0] == "\n" or body.lstrip("\n")[0] in " \t" else ""
    chomping = "-" if breaks == 0 else "" if breaks == 1 else "+"
    margin = " " * (indent + 2)
    lines = [margin + line if line else "" for line in body.split("\n")]
    return [f"{head}|{number}{chomping}", *lines, *[""] * (breaks - 1)]


def _text(text: str, *, in_list: bool = False) -> str:
    """Return a text on one line, quoted only if YAML would read something else without."""
    plain = _PLAIN_IN_LIST if in_list else _PLAIN
    if not plain.fullmatch(text):
        return _quoted(text)
    tag = _tag_of(yaml.ScalarNode, text, (True, False))
    # A number among dimensions looks better bare, and `parse_task` keeps it as text.
    is_safe = tag == _TEXT_TAG or (in_list and tag in _NUMBER_TAGS)
    return text if is_safe else _quoted(text)


def _quoted(text: str) -> str:
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    if char == "\n":
        return "\\n"
    if char == "\t":
        return "\\t"
    if _LITERAL.fullmatch(char):
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
