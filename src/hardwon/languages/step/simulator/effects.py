"""Which functions are free of effects by their text: nothing that they do outlasts a call.

A body that only names values, reads its arguments and `input_data`, and calls operations that are
known to make new tensors can leave nothing behind and change nothing that it is given, provided
that the task's `global` code keeps to the same rules. That is a proof, not a trial, so whatever is
not recognised counts as having effects. Nothing is executed here.
"""

import ast
import textwrap
from collections.abc import Mapping

from hardwon.records import Task

_RESERVED = frozenset({"torch", "input_data", "ctx"})
"""Names that task code must not bind, since the proof rests on what they stand for."""

_OPERATIONS = frozenset(
    """
    abs absolute acos add addcdiv addcmul all amax amin aminmax any arange argmax argmin argsort
    asin atan atan2 baddbmm bmm broadcast_to cat ceil celu chunk clamp clamp_max clamp_min clip
    clone concat concatenate cos cosh cross cummax cummin cumprod cumsum deg2rad diag diag_embed
    diagonal diff div divide dot einsum elu eq equal erf erfc exp exp2 expand expand_as expm1 eye
    flatten flip float floor floor_divide fmod full full_like gather ge gelu greater greater_equal
    gt hardtanh hstack hypot index_add index_copy index_fill index_select inner isfinite isinf
    isnan kron kthvalue layer_norm le leaky_relu lerp less less_equal lgamma linear linspace log
    log10 log1p log2 log_softmax logaddexp logaddexp2 logical_and logical_not logical_or
    logical_xor logit logsigmoid logsumexp long lt masked_fill matmul max maximum mean median min
    minimum mish mm moveaxis movedim mul multiply mv nan_to_num ndim ne neg negative new_full
    new_ones new_tensor new_zeros nonzero norm not_equal numel one_hot ones ones_like
    outer pad permute pow prod rad2deg ravel reciprocal relu relu6 remainder repeat
    repeat_interleave reshape rms_norm roll round rsqrt scalar_tensor scatter scatter_add select
    selu sigmoid sign silu sin sinh size softmax softmin softplus softsign split sqrt square
    squeeze stack std std_mean sub subtract sum swapaxes swapdims take take_along_dim tan tanh
    tensor tile to topk transpose tril triu true_divide trunc type_as unbind unflatten unfold
    unsqueeze var var_mean view view_as vstack where xlogy zeros zeros_like
    """.split()  # noqa: SIM905
)
"""Operations of PyTorch that return new tensors or views, the same for equal arguments.

Left out on purpose: whatever draws at random, sets something, leaves memory uninitialised, or
works in place.
"""
_ONE_ARGUMENT = frozenset(
    "celu elu hardtanh leaky_relu mish relu relu6 selu silu".split()  # noqa: SIM905
)
"""Operations with a flag that makes them work in place, which could be given by position."""
_CONSTANTS = frozenset(
    "bool e float float32 float64 inf int int32 int64 long nan newaxis pi".split()  # noqa: SIM905
)
_ATTRIBUTES = frozenset("T dtype indices mT ndim shape values".split())  # noqa: SIM905
_SPACES = frozenset({"torch", "torch.nn.functional", "torch.special", "torch.linalg"})
_CHANGING_KEYWORDS = frozenset({"out", "inplace", "requires_grad"})
_EXPRESSIONS = (
    ast.BinOp,
    ast.UnaryOp,
    ast.BoolOp,
    ast.Compare,
    ast.IfExp,
    ast.Subscript,
    ast.Slice,
    ast.List,
    ast.Tuple,
    ast.Constant,
    ast.Starred,
)


_Aliases = Mapping[str, str]
"""Operations of PyTorch by the names that `global` gives them."""


def is_without_effects(task: Task) -> bool:
    """Whether no program of a task can leave anything behind in the process that runs it.

    It is all or nothing: one function with effects could change what the others do.
    """
    aliases: dict[str, str] = {}
    statements = _statements(task.global_code)
    if statements is None or not all(_is_definition(item, aliases) for item in statements):
        return False
    return all(_is_pure(fn.apply, aliases) for fn in task.fns)


def _statements(code: str) -> list[ast.stmt] | None:
    try:
        return ast.parse(textwrap.dedent(code)).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _is_definition(statement: ast.stmt, aliases: dict[str, str]) -> bool:
    """Whether a statement of `global` binds a name or a size, or gives an operation a name."""
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=value) if name not in _RESERVED:
            operation = _operation(value, {})
            if operation is not None:
                aliases[name] = operation
                return True
            aliases.pop(name, None)
            return _is_value(value, {})
        case ast.Assign(targets=[ast.Subscript(value=ast.Name(id="ctx"))], value=value):
            return _is_value(value, {})
    return False


def _is_pure(body: str, aliases: _Aliases) -> bool:
    statements = _statements(body)
    if statements is None:
        return False
    bound = {
        node.id
        for statement in statements
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    if bound & _RESERVED:
        return False
    return _are_steps(statements, {k: v for k, v in aliases.items() if k not in bound})


def _are_steps(statements: list[ast.stmt], aliases: _Aliases) -> bool:
    for statement in statements:
        match statement:
            case ast.Assign(targets=targets, value=value):
                if not all(map(_is_names, targets)) or not _is_value(value, aliases):
                    return False
            case ast.Return(value=value) if value is not None:
                if not _is_value(value, aliases):
                    return False
            case ast.If(test=test, body=body, orelse=orelse):
                if not _is_value(test, aliases):
                    return False
                if not _are_steps(body, aliases) or not _are_steps(orelse, aliases):
                    return False
            case _:
                return False
    return True


def _is_names(target: ast.expr) -> bool:
    match target:
        case ast.Name():
            return True
        case ast.Tuple(elts=items) | ast.List(elts=items):
            return all(map(_is_names, items))
    return False


def _is_value(node: ast.expr, aliases: _Aliases) -> bool:
    """Whether evaluating an expression changes nothing and depends on nothing that changes."""
    match node:
        case ast.Name(id=name):
            # A module or an operation is only ever called; whatever else it may be is a value.
            return name != "torch"
        case ast.Attribute(value=value, attr=attr):
            if _path(value) in _SPACES:
                return attr in _CONSTANTS
            return attr in _ATTRIBUTES and _is_value(value, aliases)
        case ast.Call():
            return _is_call(node, aliases)
    if not isinstance(node, _EXPRESSIONS):
        return False
    return all(
        _is_value(child, aliases)
        for child in ast.iter_child_nodes(node)
        if isinstance(child, ast.expr)
    )


def _is_call(call: ast.Call, aliases: _Aliases) -> bool:
    """Whether it calls a known operation, by name or as a method, and not to work in place."""
    operation = _operation(call.func, aliases)
    if operation is None:
        match call.func:
            case ast.Attribute(value=value, attr=attr) if (
                attr in _OPERATIONS and _path(value) not in _SPACES and _is_value(value, aliases)
            ):
                pass
            case _:
                return False
    elif operation in _ONE_ARGUMENT and (
        len(call.args) > 1 or any(isinstance(item, ast.Starred) for item in call.args)
    ):
        return False
    values = [*call.args, *(keyword.value for keyword in call.keywords)]
    return all(_is_value(value, aliases) for value in values) and not any(
        keyword.arg is None or keyword.arg in _CHANGING_KEYWORDS for keyword in call.keywords
    )


def _operation(node: ast.expr, aliases: _Aliases) -> str | None:
    """Return the name of the operation of PyTorch that an expression stands for, if it does."""
    match node:
        case ast.Name(id=name):
            return aliases.get(name)
        case ast.Attribute(value=value, attr=attr) if (
            attr in _OPERATIONS and _path(value) in _SPACES
        ):
            return attr
    return None


def _path(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=attr):
            return f"{_path(value)}.{attr}"
    return ""
