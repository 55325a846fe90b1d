"""The runtime as text: to import it would load PyTorch, which writing a file does not need."""

import ast
import builtins
import symtable
from functools import cache
from importlib.resources import files
from typing import NamedTuple

_RUNTIME = files("hardwon.languages.step.codegen") / "runtime.py"


class RuntimeText(NamedTuple):
    """The source of the runtime in three parts."""

    docstring: str
    imports: str
    definitions: str


@cache
def runtime_text() -> RuntimeText:
    """Read the runtime's source; comments before its imports are left out."""
    source = _RUNTIME.read_text(encoding="utf-8")
    tree = ast.parse(source)
    lines = source.splitlines()
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    first, last = imports[0].lineno - 1, imports[-1].end_lineno
    docstring = ast.get_docstring(tree) or ""
    return RuntimeText(docstring, "\n".join(lines[first:last]), "\n".join(lines[last:]).strip())


@cache
def outer_names() -> frozenset[str]:
    """Return what code in a generated file sees from outside of `build`."""
    table = symtable.symtable(_RUNTIME.read_text(encoding="utf-8"), "runtime", "exec")
    defined = {s.get_name() for s in table.get_symbols() if s.is_assigned() or s.is_imported()}
    return frozenset({*defined, "pytest", "SETTINGS", "SEEDS", "build", *dir(builtins)})
