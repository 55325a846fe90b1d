"""What prompts say about the language."""

from hardwon.languages.manual import Card, Example, Manual, Rewrite
from hardwon.records import OutputSpec, Task, TensorSpec
from hardwon_tile.checking import REGISTERS

_INTRODUCTION = """\
A program for the tile machine is a list of instructions, one a line. A tile is a matrix in a
register. Every instruction that makes a tile gives it a new name and states its size, rows first:
`mul y[M,N], a, b`. Sizes are 1 or dimensions of the task. The task's `dims` are innermost first, so
`dims: [N, M]` is a tile of M rows and N columns, and `dims: [N]` is one row of N columns.
A comment begins with `#`."""

_LAW = f"""\
The machine holds at most {REGISTERS} tiles at a time. Each tile that is made, a loaded one too, is
freed exactly once by `free TILE`, after the last instruction that reads it."""

_CARDS = (
    ("load", "`load x[M,N], E0` makes a tile of an input."),
    ("store", "`store S0, y` hands in an output. Every output is stored once."),
    ("free", "`free x` releases the register of a tile."),
    ("fill", "`fill c[1,1], 0.5` makes a tile that holds one number everywhere."),
    ("add, sub, mul, div, max", "`sub d[M,N], a, b` works element by element. Where one of the"
     " tiles has size 1, it stretches to the other's size."),
    ("neg, exp, sqrt, abs", "`exp e[M,N], d` works element by element on one tile."),
    ("sum, top", "`sum s[M,1], e` adds up along every axis in which the destination has size 1;"
     " `top` takes the maximum instead. The other axis keeps its size."),
    ("dot", "`dot p[M,K], a, b` is the matrix product of a[M,N] and b[N,K]."),
    ("flip", "`flip f[N,M], a` is the transpose of a[M,N]."),
)  # fmt: skip

_ROWS = """\
load x[M,N], E0
abs y[M,N], x
free x
sum s[M,1], y
free y
flip r[1,M], s
free s
store S0, r
free r"""


def _task(reference: str, impl: str | None) -> Task:
    return Task(
        test_name="example/rows",
        language="tile",
        inputs=(TensorSpec(name="E0", dtype=("fp32",), dims=("N", "M"), data_gen="torch.randn"),),
        fns=(),
        outputs=(OutputSpec(name="S0", dtype=("fp32",), dims=("M",), data_transform=(reference,)),),
        impl=impl,
    )


def manual() -> Manual:
    """See `hardwon.languages.manual.Explains.manual`."""
    reference = "input_data['E0'].abs().sum(dim=-1)"
    open_task = _task(reference, None)
    unfreed = _ROWS.replace("free y\n", "")
    return Manual(
        title="the tile machine's instructions",
        introduction=_INTRODUCTION,
        fence="yaml",
        form="load x[M,N], E0\n...\nstore S0, y\nfree y",
        cards=tuple(Card(title, text, None) for title, text in _CARDS),
        patterns=(
            Card(
                "A vector of results",
                "A sum over columns is a column, [M,1]. An output with one dimension is a row, so"
                " the column is flipped.",
                Example(_task(reference, _ROWS)),
            ),
        ),
        law=_LAW,
        rewrites=(
            Rewrite(open_task, _ROWS, _ROWS),
            Rewrite(open_task, unfreed, _ROWS, "y is never freed; the sum is its last use."),
        ),
        grammar="",
    )
