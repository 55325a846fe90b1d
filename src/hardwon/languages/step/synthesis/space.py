"""What the programs of one task are made of."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from hardwon.languages.step.dims import Dim
from hardwon.languages.step.elaborate import elaborate
from hardwon.languages.step.graph import Graph
from hardwon.languages.step.parser import ParseError, parse
from hardwon.languages.step.signature import Signature, signature_of
from hardwon.languages.step.synthesis.keys import function_keys
from hardwon.languages.step.synthesis.values import base, full_dims
from hardwon.languages.step.types import Dtype, Multihot, components
from hardwon.records import Task

Sizes = Mapping[str, int]


@dataclass(frozen=True)
class Space:
    """A task as those see it who write programs for it."""

    signature: Signature
    sizes: Sizes
    keys: Mapping[str, str]
    """The key of every function, by its name; see `function_key`."""

    @classmethod
    def of(cls, task: Task, sizes: Sizes) -> "Space":
        """Return the space of a task's programs."""
        return cls(signature_of(task), sizes, function_keys(task))

    def read(self, impl: str) -> Graph | None:
        """Return the graph of a program, None if it has errors."""
        try:
            elaboration = elaborate(parse(impl), self.signature, self.sizes)
        except ParseError:
            return None
        return None if elaboration.errors else elaboration.graph

    @cached_property
    def output_dims(self) -> frozenset[Dim]:
        """The dimensions of the task's results."""
        return frozenset(
            dim
            for stream in self.signature.outputs
            for item in components(stream.dtype)
            for dim in full_dims(item, stream.shape)
        )

    @cached_property
    def results(self) -> int:
        """How many streams the task's results can be made of: one per component of an output."""
        return sum(len(components(stream.dtype)) for stream in self.signature.outputs)

    @cached_property
    def multiplicity(self) -> Counter[Dim]:
        """How often each dimension occurs in one stream or element of the task, at most."""
        most: Counter[Dim] = Counter()
        streams = [*(stream for _, stream in self.signature.inputs), *self.signature.outputs]
        rows = [full_dims(i, stream.shape) for stream in streams for i in components(stream.dtype)]
        rows += [
            full_dims(item, ()) for dtype in self._element_types() for item in components(dtype)
        ]
        for row in rows:
            most |= Counter(row)
        return most

    @cached_property
    def branches(self) -> frozenset[str]:
        """The functions that look like alternatives: as many of one type as a vector is long."""
        lengths = {
            item.length.value(self.sizes)
            for dtype in self._element_types()
            for item in map(base, components(dtype))
            if isinstance(item, Multihot) and item.length.symbols <= self.sizes.keys()
        }
        families: dict[tuple[Dtype, Dtype], list[str]] = {}
        merged = {fn.input for fn in self.signature.functions if fn.is_fold}
        for fn in self.signature.functions:
            if not fn.is_fold and fn.output in merged:
                families.setdefault((fn.input, fn.output), []).append(fn.name)
        return frozenset(
            name for names in families.values() if len(names) in lengths - {1} for name in names
        )

    @cached_property
    def places(self) -> Mapping[str, int]:
        """The place of every function in the order in which the task declares them."""
        return {function.name: at for at, function in enumerate(self.signature.functions)}

    def _element_types(self) -> list[Dtype]:
        return [stream.dtype for _, stream in self.signature.inputs] + [
            dtype for fn in self.signature.functions for dtype in (fn.input, fn.output)
        ]

    @property
    def max_steps(self) -> int:
        """The bound on the steps of one sample."""
        return 2 * len(self.signature.functions) + 6
