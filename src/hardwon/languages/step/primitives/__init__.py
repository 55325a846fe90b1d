"""The primitives of STeP: declarations here, meanings under the same file names in `semantics`.

A new primitive is one class in one of these files and one function in the twin file.
"""

from hardwon.languages.step.primitives.arithmetic import Accum, Map, Scan, Zip
from hardwon.languages.step.primitives.base import (
    ArgumentKind,
    Parameter,
    Primitive,
    RuleError,
)
from hardwon.languages.step.primitives.routing import Copy, Identity, Merge, Partition
from hardwon.languages.step.primitives.shape import (
    Bufferize,
    Flatten,
    Promote,
    Repeat,
    RepeatRef,
    Reshape,
    Streamify,
)

_ALL: tuple[type[Primitive], ...] = (
    Map,
    Accum,
    Scan,
    Zip,
    Copy,
    Promote,
    Flatten,
    Reshape,
    Bufferize,
    Streamify,
    Repeat,
    RepeatRef,
    Partition,
    Merge,
    Identity,
)

PRIMITIVES: dict[str, type[Primitive]] = {primitive.__name__: primitive for primitive in _ALL} | {
    "RepeatLast": Repeat
}
"""Every name that programs may use; RepeatLast is another spelling of Repeat."""

__all__ = [
    "PRIMITIVES",
    "Accum",
    "ArgumentKind",
    "Bufferize",
    "Copy",
    "Flatten",
    "Identity",
    "Map",
    "Merge",
    "Parameter",
    "Partition",
    "Primitive",
    "Promote",
    "Repeat",
    "RepeatRef",
    "Reshape",
    "RuleError",
    "Scan",
    "Streamify",
    "Zip",
]
