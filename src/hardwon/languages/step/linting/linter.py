"""The linter of one task, by its types."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice

from hardwon.languages.inspection import Remark, Variant
from hardwon.languages.step.affine import insert_copies
from hardwon.languages.step.checker import TypedGraph
from hardwon.languages.step.decompile import decompile
from hardwon.languages.step.graph import Graph
from hardwon.languages.step.linting import reachability
from hardwon.languages.step.linting.mutations import mutations
from hardwon.languages.step.linting.rewriting import Rewriter, without_copies
from hardwon.languages.step.linting.trivial import trivial_graphs
from hardwon.languages.step.normal import normal_form
from hardwon.languages.step.printer import print_program
from hardwon.languages.step.reading import analyse
from hardwon.languages.step.signature import Signature, signature_of
from hardwon.languages.step.synthesis.builder import CannotAdaptError
from hardwon.languages.step.types import Multihot, components
from hardwon.records import Task, TensorSpec

MAX_EDITS = 4000
"""How many edits of one program are tried; most programs have a few hundred."""
_GENERATORS = ("torch.randn", "torch.rand", "binary")


@dataclass(frozen=True)
class StepLinter:
    """See `hardwon.languages.inspection.TaskLinter`."""

    task: Task
    signature: Signature
    sizes: Mapping[str, int]

    @classmethod
    def of(cls, task: Task, sizes: Mapping[str, int]) -> "StepLinter":
        """Prepare a linter; `sizes` are the task's at the default setting."""
        return cls(task, signature_of(task), sizes)

    def remarks(self) -> tuple[Remark, ...]:
        """See `TaskLinter.remarks`."""
        return reachability.remarks(self.signature)

    def trivial_programs(self) -> Iterator[Variant]:
        """See `TaskLinter.trivial_programs`."""
        everything = {fn.name for fn in self.signature.functions}
        seen: set[str] = set()
        for trivial in trivial_graphs(self.signature, self.sizes):
            form = normal_form(trivial.graph)
            if form not in seen:
                seen.add(form)
                legitimate = bool(everything) and trivial.functions == everything
                yield Variant(
                    kind=trivial.kind,
                    program=self._text(insert_copies(trivial.graph)),
                    change=trivial.description,
                    plain=self._text(trivial.graph),
                    legitimate=legitimate,
                )

    def data_variants(self) -> tuple[Task, ...]:
        """See `TaskLinter.data_variants`."""
        variants: list[Task] = []
        for number, generator in enumerate(_GENERATORS):
            inputs = tuple(
                self._other_data(tensor, generator, widest=number == 0)
                for tensor in self.task.inputs
            )
            if inputs != self.task.inputs:
                variants.append(self.task.model_copy(update={"inputs": inputs}))
        return tuple(variants)

    def _other_data(self, tensor: TensorSpec, generator: str, *, widest: bool) -> TensorSpec:
        if tensor.data_gen is not None:
            return tensor.model_copy(update={"data_gen": generator})
        streams = dict(self.signature.inputs)
        if not widest or tensor.name not in streams:
            return tensor
        lengths = [
            item.length.value(self.sizes)
            for item in components(streams[tensor.name].dtype)
            if isinstance(item, Multihot)
        ]
        most = min((length for length in lengths if length), default=tensor.max or 0)
        return tensor.model_copy(update={"min": 0, "max": most})

    def plain(self, impl: str) -> str:
        """See `TaskLinter.plain`."""
        typed = analyse(self.task, impl, self.sizes).typed
        return impl if typed is None else self._text(without_copies(typed.graph))

    def variants(self, impl: str) -> Iterator[Variant]:
        """See `TaskLinter.variants`."""
        original = self._named(impl)
        if original is None:
            return
        rewriter = Rewriter.of(original, self.signature, self.sizes)
        seen = {normal_form(rewriter.graph)}
        for mutation in islice(mutations(rewriter), MAX_EDITS):
            try:
                graph = rewriter.apply(mutation.edit)
            except CannotAdaptError:
                continue
            form = normal_form(graph)
            if form in seen:
                continue
            seen.add(form)
            node = mutation.edit.node
            line = rewriter.graph.line if node is None else rewriter.graph.nodes[node].line
            yield Variant(
                kind=mutation.kind,
                program=self._text(insert_copies(graph)),
                change=f"line {line}: {mutation.change}",
                plain=self._text(graph),
                laws=mutation.laws,
            )

    def _named(self, impl: str) -> TypedGraph | None:
        """Return the program in its plain spelling, in which every stream has a name and a line."""
        return analyse(self.task, self.plain(impl), self.sizes).typed

    def _text(self, graph: Graph) -> str:
        nodes = tuple(replace(node, comments=()) for node in graph.nodes)
        bare = Graph(graph.inputs, nodes, graph.outputs)
        return print_program(decompile(bare, self.signature))
