"""What can be done next in a state, as a value that can be carried out on a copy of the state."""

from dataclasses import dataclass

from hardwon.languages.step.dims import Dim
from hardwon.languages.step.graph import Ref
from hardwon.languages.step.primitives import Reshape
from hardwon.languages.step.synthesis.calls import Arguments, Call, Route
from hardwon.languages.step.synthesis.state import State
from hardwon.languages.step.synthesis.values import Fit, Value, base, full_dims
from hardwon.languages.step.types import components


@dataclass(frozen=True, slots=True)
class Use:
    """Apply a function."""

    call: Call

    def play(self, state: State) -> tuple[Ref, ...]:
        """Carry it out; no results, since the program goes on.

        Raises:
            CannotAdaptError: if it turns out illegal.
        """
        state.require_sane(components(self.call.function.output), self.call.dims)
        state.call(self.call)
        return ()


@dataclass(frozen=True, slots=True)
class Send:
    """Route tokens through branches and merge them."""

    route: Route

    def play(self, state: State) -> tuple[Ref, ...]:
        """See `Use.play`."""
        state.require_sane(components(self.route.family.merge.output), self.route.dims)
        state.route(self.route)
        return ()


@dataclass(frozen=True, slots=True)
class Split:
    """Split one dimension in two. No function asks for it, so nothing else would bring it about."""

    value: Value
    at: int
    """Position among the full dimensions."""
    size: Dim
    """Of the inner part."""

    def play(self, state: State) -> tuple[Ref, ...]:
        """See `Use.play`."""
        (item,) = self.value.items
        shape = full_dims(item, self.value.stream.shape)
        builder = state.builder
        ref = builder.adapt(self.value.ref, base(item), shape)
        (ref,) = builder.add(Reshape((self.at,), self.size), (ref,))
        fit = Fit(self.value, 1, shape, spread=False)
        state.born(ref, self.value.producer, Arguments((fit,)), [])
        return ()


@dataclass(frozen=True, slots=True)
class End:
    """Return results."""

    taken: tuple[Fit, ...]
    """What provides each component of each output."""

    def play(self, state: State) -> tuple[Ref, ...]:
        """Return the program's results; otherwise see `Use.play`."""
        return state.results(self.taken)


Move = Use | Send | Split | End
