"""Everything that can be said of a program without running it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache, partial

from hardwon.languages.protocol import Reading
from hardwon.languages.step.affine import affine_errors, insert_copies
from hardwon.languages.step.checker import TypedGraph, infer_types
from hardwon.languages.step.decompile import decompile
from hardwon.languages.step.elaborate import MAX_ERRORS, elaborate
from hardwon.languages.step.graph import INPUT, Graph, Ref
from hardwon.languages.step.memo import IdentityMemo
from hardwon.languages.step.normal import normal_form
from hardwon.languages.step.parser import MAX_CHARACTERS, ParseError, parse
from hardwon.languages.step.printer import print_program
from hardwon.languages.step.signature import Signature, signature_of
from hardwon.languages.step.types import Stream, shape_text
from hardwon.records import Diagnostic, Stage, StreamType, Task

_ORDER = list(Stage)
_LONGEST_MESSAGE = 1000


@dataclass(frozen=True, slots=True)
class Analysis:
    """A reading together with the typed graph, for callers inside the pack."""

    reading: Reading
    typed: TypedGraph | None


class _Latest:
    """The latest analysis, because a program that is read is usually run next."""

    key: tuple[Task, str, Mapping[str, int]] | None = None
    analysis: Analysis
    signed: tuple[Task, Signature] | None = None
    """The latest task; to look it up by its contents takes longer than to read a program."""

    def find(self, task: Task, impl: str, sizes: Mapping[str, int]) -> Analysis | None:
        if self.key is None or self.key[0] is not task or self.key[1:] != (impl, sizes):
            return None
        return self.analysis

    def signature(self, task: Task) -> Signature:
        if self.signed is None or self.signed[0] is not task:
            self.signed = task, signature_of(task)
        return self.signed[1]


_latest = _Latest()


def analyse(task: Task, impl: str, sizes: Mapping[str, int]) -> Analysis:
    """Parse, elaborate, type-check and count uses; report every error of every stage."""
    analysis = _latest.find(task, impl, sizes)
    if analysis is None:
        analysis = _analyse(task, impl, sizes)
        _latest.key, _latest.analysis = (task, impl, sizes), analysis
    return analysis


def _analyse(task: Task, impl: str, sizes: Mapping[str, int]) -> Analysis:
    signature = _latest.signature(task)
    try:
        program = parse(impl)
    except ParseError as error:
        diagnostics = tuple(map(_shortened, error.diagnostics[:MAX_ERRORS]))
        return Analysis(Reading(diagnostics, False, None, None, None), None)
    elaboration = elaborate(program, signature, sizes)
    typing = infer_types(elaboration.graph, signature, sizes)
    law = affine_errors(elaboration.graph)
    # Each kind of error is said as long as there is one, but not hundreds of times.
    found = (elaboration.errors, typing.errors, law)
    errors = sorted([e for errors in found for e in errors[:MAX_ERRORS]], key=_place)
    runnable = not elaboration.errors and not typing.errors
    affine = False if law else (None if elaboration.errors else True)
    reading = Reading(
        errors=tuple(map(_shortened, errors)),
        runnable=runnable,
        affine=affine,
        normal_form=normal_form(elaboration.graph) if not elaboration.errors else None,
        code_lines=code_lines(impl),
        streams=partial(_stream_types, elaboration.graph, typing.types),
    )
    return Analysis(reading, TypedGraph(elaboration.graph, typing.types) if runnable else None)


def _stream_types(graph: Graph, types: Mapping[Ref, Stream]) -> tuple[StreamType, ...]:
    return tuple(
        [
            _stream_type(graph.name(ref), _line_of(graph, ref), *_type_texts(stream))
            for ref in graph.refs()
            if (stream := types.get(ref)) is not None
        ]
    )


def _line_of(graph: Graph, ref: Ref) -> int | None:
    return None if ref.node == INPUT else graph.nodes[ref.node].line or None


@lru_cache(maxsize=1 << 14)
def _stream_type(name: str, line: int | None, dtype: str, shape: str) -> StreamType:
    return StreamType(name=name, line=line, dtype=dtype, shape=shape)


@IdentityMemo
def _type_texts(stream: Stream) -> tuple[str, str]:
    return str(stream.dtype), shape_text(stream.shape)


def _shortened(diagnostic: Diagnostic) -> Diagnostic:
    """Return a diagnostic without most of a message that quotes too much of a program."""
    message = diagnostic.message
    if len(message) <= _LONGEST_MESSAGE:
        return diagnostic
    half = _LONGEST_MESSAGE // 2
    return diagnostic.model_copy(update={"message": f"{message[:half]} ... {message[-half:]}"})


def _place(diagnostic: Diagnostic) -> tuple[int, int]:
    return _ORDER.index(diagnostic.stage), diagnostic.line or 0


def code_lines(impl: str) -> int:
    """Return the number of lines that hold code: no blank ones, no comments."""
    lines = map(str.strip, impl.replace("\r", "\n").split("\n"))
    return sum([bool(line) and line[0] != "#" for line in lines])


def with_copies(task: Task, impl: str, sizes: Mapping[str, int]) -> str:
    """Return the program with Copy wherever a stream is consumed more than once.

    A program that is affine already, that does not type-check, or that Copies would make too large
    to be read, comes back unchanged.
    """
    analysis = analyse(task, impl, sizes)
    if analysis.typed is None or analysis.reading.affine:
        return impl
    graph = insert_copies(analysis.typed.graph)
    text = print_program(decompile(graph, signature_of(task)))
    return text if len(text) <= MAX_CHARACTERS else impl
