"""Small solved tasks for the tests of the code generator; none is from the benchmark."""

from textwrap import dedent

from hardwon.records import FunctionSpec, OutputSpec, Task, TensorSpec


def tensor(
    name: str, dtype: str | tuple[str, ...], *dims: str, gen: str = "torch.randn"
) -> TensorSpec:
    parts = (dtype,) if isinstance(dtype, str) else dtype
    return TensorSpec(name=name, dtype=parts, dims=dims, data_gen=gen)


def multihot(name: str, length: str, *dims: str, ones: tuple[int, int]) -> TensorSpec:
    dtype = (f"Multihot(fp32, {length})",)
    return TensorSpec(name=name, dtype=dtype, dims=dims, min=ones[0], max=ones[1])


def unit(
    name: str,
    takes: str | tuple[str, ...],
    gives: str | tuple[str, ...],
    body: str,
    init: tuple[float, ...] | None = None,
) -> FunctionSpec:
    return FunctionSpec(
        name=name.title(),
        func_name=name,
        apply=dedent(body),
        init=init,
        input_dtype=(takes,) if isinstance(takes, str) else takes,
        output_dtype=(gives,) if isinstance(gives, str) else gives,
    )


def output(
    name: str, dtype: str | tuple[str, ...], dims: tuple[str, ...], *blocks: str
) -> OutputSpec:
    parts = (dtype,) if isinstance(dtype, str) else dtype
    return OutputSpec(name=name, dtype=parts, dims=dims, data_transform=tuple(map(dedent, blocks)))


ROW = "Buffer(fp32, [D])"
HIDDEN = "Buffer(fp32, [K])"

RUNNING_BEST = Task(
    test_name="scans/running_best",
    inputs=(tensor("E0", "fp32", "N", "M"),),
    fns=(
        unit(
            "fn_best",
            "fp32",
            ("fp32", "fp32"),
            """\
            best = torch.maximum(state[0], input[0])
            return [best, state[1] + (best > state[0])]
            """,
            init=(float("-inf"), 0),
        ),
    ),
    outputs=(
        output(
            "S0",
            ("fp32", "fp32"),
            ("N", "M"),
            "best = input_data['E0'].cummax(dim=1).values\nbest",
            "rises = torch.ones_like(best)\nrises[:, 1:] = best.diff(dim=1) > 0\nrises.cumsum(1)",
        ),
    ),
)
RUNNING_BEST_IMPL = "return Scan(fn_best, 1).apply(E0)  # bare name, by position"

ROUTED = Task(
    test_name="routing/experts",
    global_code="E_value = 3\nctx[E] = E_value\ngelu = torch.nn.GELU()\n",
    inputs=(tensor("E0", "fp32", "D", "N", "M"), multihot("E1", "E", "N", "M", ones=(0, 2))),
    parameters=tuple(tensor(f"W{i}", "fp32", "K", "D", gen="torch.rand") for i in range(3)),
    fns=(
        *(
            unit(f"fn_expert{i}", ROW, HIDDEN, f"return [gelu(input[0] @ input_data['W{i}'])]")
            for i in range(3)
        ),
        unit("fn_sum", HIDDEN, HIDDEN, "return [state[0] + input[0]]", init=(0,)),
    ),
    outputs=(
        output(
            "S0",
            HIDDEN,
            ("N", "M"),
            """\
            experts = [gelu(input_data['E0'] @ input_data[f'W{i}']) for i in range(E_value)]
            (torch.stack(experts, dim=-1) * input_data['E1'].unsqueeze(-2)).sum(dim=-1)
            """,
        ),
    ),
)
ROUTED_IMPL = """\
# Rows of D go through the experts as one token each.
rows = step.Bufferize(a=1).apply(E0)
route_0, route_1 = step.Copy().apply(E1)
parts = step.Partition(N=E_value).apply((rows, route_0))
done = [step.Map(fn=f).apply(part) for f, part in zip([fn_expert0, fn_expert1, fn_expert2], parts)]
return step.Merge(fn=fn_sum).apply((done, route_1))
"""

CHUNKS = Task(
    test_name="shapes/chunks",
    inputs=(tensor("E0", "fp32", "D", "N", "M"),),
    fns=(
        unit("fn_softmax", ROW, ROW, "return [torch.softmax(input[0], dim=-1)]"),
        unit("fn_sum", ROW, ROW, "state[0] += input[0]\nreturn [state[0]]", init=(0,)),
    ),
    outputs=(
        output("S0", "fp32", ("D", "M"), "input_data['E0'].softmax(dim=-1).sum(dim=1)"),
        output("S1", ROW, ("N", "M"), "input_data['E0']"),
    ),
    constraints=("D % 4 == 0", "M >= 3"),
)
CHUNKS_IMPL = """\
first, second = step.Copy().apply(E0)
chunked = step.Reshape(S=4, L=[0]).apply(first)
flat = step.Flatten(L=1).apply(chunked)
rows = step.Bufferize(1).apply(flat)
op = step.Map(fn=fn_softmax)
weights = op.apply(rows)
total = step.Accum(b=1, fn=fn_sum).apply(weights)
streamed = total.apply(step.Streamify())
padded = step.Promote(1).apply(streamed)
result = step.Flatten(L=(1,)).apply(padded)
return result, step.Bufferize(a=1).apply(step.Identity().apply(second))
"""

REPEATS = Task(
    test_name="shapes/repeats",
    inputs=(tensor("E0", "fp32", "N", "M"), tensor("E1", "fp32", "K", "N", "M")),
    fns=(
        unit("fn_scale", ("fp32", "fp32"), "fp32", "return [input[0] * input[1]]"),
        unit("fn_sum", "fp32", "fp32", "return [state[0] + input[0]]", init=(0,)),
    ),
    outputs=(
        output(
            "S0",
            "fp32",
            ("N*K", "M"),
            """\
            scaled = input_data['E0'][:, :, None] * input_data['E1']
            scaled.sum(dim=(1, 2))[:, None].expand(M_value, N_value * K_value)
            """,
        ),
    ),
)
REPEATS_IMPL = """\
shapes, values = step.Copy().apply(E1)
scaled = step.Map(fn=fn_scale).apply(step.RepeatRef().apply([E0, shapes]), values)
flat = step.Flatten(L=[1,]).apply(scaled)
for width in [N * K]:
    total = step.Accum(fn_sum, b=1).apply(flat)
    wide = step.RepeatLast(n=width).apply(total)
return [wide]
"""

PAIRS = Task(
    test_name="tuples/pairs",
    global_code="scale = 0.5\n",
    inputs=(
        tensor("E0", ("fp32", ROW), "M"),
        tensor("E1", "fp32", "M", gen="binary"),
        tensor("E2", "fp32", "N", "M", gen="torch.ones"),
    ),
    fns=(
        unit(
            "fn_mix",
            ("fp32", ROW, "fp32"),
            (ROW, "fp32"),
            "return [input[0] * input[1] * scale, input[2].to(torch.int64)]",
        ),
        unit(
            "fn_count",
            ("fp32", "fp32"),
            "fp32",
            "return state[0] + input[0] * input[1]",
            init=(0,),
        ),
    ),
    outputs=(
        output(
            "S0",
            (ROW, "fp32"),
            ("M",),
            "row = input_data['E0'][1]\ninput_data['E0'][0][:, None] * row * scale",
            "input_data['E1']",
        ),
        output("S1", "fp32", ("M",), "input_data['E2'].sum(dim=1)"),
    ),
)
PAIRS_IMPL = """\
mixed = step.Map(fn=fn_mix).apply((E0, E1))
ones = step.Copy().apply(E2)
pairs = zip([ones[0]], [ones[1]])
again = (pair for pair in pairs)
return mixed, step.Accum(fn=fn_count, b=1).apply(again[0])
"""

GATES = Task(
    test_name="gates",
    global_code="ctx[E] = 4\n",
    inputs=(tensor("E0", "Buffer(fp32, [E])", "N", "M"), tensor("E1", "fp32", "N", "M")),
    fns=(
        unit(
            "fn_top",
            "Buffer(fp32, [E])",
            "Multihot(fp32, E)",
            "return [torch.nn.functional.one_hot(input[0].argmax(), E_value)]",
        ),
        unit("fn_spread", "fp32", "Buffer(fp32, [E])", "return [input[0]]"),
    ),
    outputs=(
        output(
            "S0",
            "Multihot(fp32, E)",
            ("N", "M"),
            "torch.nn.functional.one_hot(input_data['E0'].argmax(-1), E_value)",
        ),
        output(
            "S1", "Buffer(fp32, [E])", ("N", "M"), "torch.stack([input_data['E1']] * ctx[E], -1)"
        ),
    ),
)
GATES_IMPL = """\
top = step.Map(fn=fn_top).apply(E0)
return top, step.Map(fn=fn_spread).apply(E1)
"""

AWKWARD = Task(
    test_name='odd "names" \\ and """quotes"""',
    global_code="""\
import torch.nn.functional
def Buffer(name):
    return f'''
{name}
  kept as it is
'''
text = Buffer("E0")
H_value = 2
ctx.update({D: 6})
for E_value in range(3, 4): pass
def program(x): return x + 1
""",
    inputs=(tensor("E0", "fp32", "H", "D"),),
    fns=(
        FunctionSpec(
            name="Odd",
            func_name="max",
            apply="""

      # indented as a whole, but for the insides of strings
      note = '''
'''
  # and for this comment
      assert text == (
  "\\n"
"E0\\n  kept as it is\\n")
      if len(note) == \\
1:
         return [program(max(input[0], -1e9))]
""",
            input_dtype=("fp32",),
            output_dtype=("Buffer(fp32, [H*E])",),
        ),
    ),
    outputs=(
        output(
            "S0",
            "Buffer(fp32, [H*E_value])",
            ("H", "D"),
            "program = program(input_data['E0'])  # rebinds what it reads\n"
            "S0 = 'é'; (program)[..., None].expand(\n  -1, -1, H_value * E_value)",
        ),
    ),
)
AWKWARD_IMPL = "E0 = step.Map(fn=max).apply(E0)\n    return E0"

SOLVED = {
    "running_best": (RUNNING_BEST, RUNNING_BEST_IMPL),
    "routed": (ROUTED, ROUTED_IMPL),
    "chunks": (CHUNKS, CHUNKS_IMPL),
    "repeats": (REPEATS, REPEATS_IMPL),
    "pairs": (PAIRS, PAIRS_IMPL),
    "gates": (GATES, GATES_IMPL),
    "awkward": (AWKWARD, AWKWARD_IMPL),
}
"""Every task with a program that solves it, by a name that is fit for a file."""
