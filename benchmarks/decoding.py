"""How a local model does when it writes freely, along a grammar, and by legal statements only.

    python benchmarks/decoding.py sample --file MODEL.gguf --model NAME --out runs.jsonl
    python benchmarks/decoding.py table runs.jsonl

Sampling goes on where it stopped: a line of the file is one sample, and what is there is not drawn
again. Judging happens in `table`, on the texts. Ways of decoding:

- free: the model writes what it likes; the program is read out of its answer.
- syntax: it is held to the grammar of the syntax, which knows no types.
- typed: statement by statement, and the model alone chooses among the legal ones.
- mixed: the same, and the policy of the language pack has a say.
- policy: no model at all; the sampler of the offline proposer.
"""

import argparse
import asyncio
import json
import random
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hardwon.agents.protocols import Request
from hardwon.agents.typed import Frame, TypedProposer
from hardwon.bench import catalog, load
from hardwon.ir import dump_task, extract_impl
from hardwon.judge import Judge
from hardwon.languages import get_language
from hardwon.languages.manual import Explains
from hardwon.models import LocalServer
from hardwon.records import Message, Prompt, Speaker, Stage, Task, Usage

MAX_TOKENS = 200
"""Of one answer where the model writes freely or along a grammar."""
OPENING = "```python\n"
"""How an answer begins where only programs can be written."""
WEIGHTS = {"typed": 0.0, "mixed": 1.0}
"""Ways of typed decoding, by how much the policy counts."""

MODES = ("free", "syntax", "typed", "mixed", "policy")

LANGUAGE = """\
You write STeP programs: streams of values flow between primitives. A stream has an element type \
and a shape, innermost dimension first. Write E2 = step.Primitive(arguments).apply(stream). s is \
the shape, r the number of dimensions minus one.
Map(fn): fn on every element. Several inputs: .apply((E0, E1)); their shapes must be equal.
Accum(fn, b): fold over the innermost b dimensions, 1 <= b <= r; shape s[b:].
Scan(fn, b): the same fold, keeping every state; shape s.
Bufferize(a): the innermost a dimensions, 1 <= a <= r, become a Buffer.
Streamify(): a Buffer's dimensions become the innermost stream dimensions.
Repeat(n): every element n times; shape [n] + s. Promote(b): a new dimension 1 at position b.
Flatten(L=[i]): dimension i joins its inner neighbour.
Partition(N) on (x, index): tokens to N streams, as multi-hot vectors say. Merge(fn) on \
([x0, x1], index): the way back, with a fold. Copy(): two streams of one.
Every stream may be used once: a second use needs Copy.
A task lists inputs, functions (with init: a fold) and outputs. Answer with the program only, in a \
code block that ends with return."""

EXAMPLES = (
    (
        """\
inputs:
  - {name: E0, dtype: fp32, dims: [N, M], data_gen: torch.randn}
fns:
  - {apply: 'return [input[0] * input[0]]', input_dtype: fp32, output_dtype: fp32, \
func_name: fn_square}
  - {apply: 'return [state[0] + input[0]]', init: [0], input_dtype: fp32, output_dtype: fp32, \
func_name: fn_sum}
  - {apply: 'return [input[0] - input[1]]', input_dtype: [fp32, fp32], output_dtype: fp32, \
func_name: fn_minus}
outputs:
  - {dtype: fp32, dims: [N, M]}""",
        """\
E1, E2 = step.Copy().apply(E0)
E3 = step.Map(fn=fn_square).apply(E1)
E4 = step.Accum(fn=fn_sum, b=1).apply(E3)
E5 = step.Repeat(n=N).apply(E4)
E6 = step.Map(fn=fn_minus).apply((E2, E5))
return E6""",
    ),
)
"""Worked examples; none is a task of the benchmark."""


def prompt_of(task: Task) -> Prompt:
    """Return the prompt, the same for all ways of decoding."""
    messages = [Message(speaker=Speaker.SYSTEM, text=LANGUAGE, stable=True)]
    for question, answer in EXAMPLES:
        messages.append(Message(speaker=Speaker.USER, text=question, stable=True))
        reply = f"{OPENING}{answer}\n```"
        messages.append(Message(speaker=Speaker.ASSISTANT, text=reply, stable=True))
    messages.append(Message(speaker=Speaker.USER, text=dump_task(task.question)))
    return Prompt(messages=tuple(messages))


def default_tasks() -> tuple[str, ...]:
    """Return the first task of every group of the benchmark."""
    first: dict[str, str] = {}
    for entry in catalog():
        first.setdefault(entry.group, entry.name)
    return tuple(first.values())


class Sampler:
    """Draws samples with one model, or without."""

    def __init__(
        self, server: LocalServer, sizes: Mapping[str, Mapping[str, int]], temperature: float
    ) -> None:
        self.server, self.sizes, self.temperature = server, sizes, temperature

    async def draw(self, task: Task, mode: str, index: int) -> tuple[str | None, Usage]:
        """Return an answer, or a program, and what it cost."""
        if mode in WEIGHTS:
            return await self.typed(task, WEIGHTS[mode], index)
        if mode == "policy":
            sampler = get_language(task.language).sampler(task, (), self.sizes)
            program, steps = sampler.draw(random.Random(index), self.temperature)
            return program, Usage(steps=steps)
        return await self.text(task, index, grammar=mode == "syntax")

    async def typed(self, task: Task, weight: float, index: int) -> tuple[str | None, Usage]:
        """Return a program that the model chose statement by statement."""
        proposer = TypedProposer(
            self.server,
            "benchmark",
            weight=weight,
            proposal=lambda task, _: prompt_of(task),
            frame=Frame(OPENING),
        )
        request = Request(
            task=task,
            demonstrations=(),
            temperature=self.temperature,
            indices=(index,),
            seed=0,
            sizes=self.sizes,
        )
        (answer,) = [answer async for answer in proposer.propose(request)]
        return answer.impl, answer.usage

    async def text(self, task: Task, index: int, *, grammar: bool) -> tuple[str, Usage]:
        """Return what the model writes."""
        messages = [{"role": m.speaker.value, "content": m.text} for m in prompt_of(task).messages]
        rendered = await self.server.post("/apply-template", {"messages": messages})
        body: dict[str, Any] = {
            "prompt": rendered["prompt"],
            "n_predict": MAX_TOKENS,
            "temperature": self.temperature,
            "top_k": 0,
            "top_p": 1.0,
            "min_p": 0.0,
            "seed": index + 1,
            "cache_prompt": True,
        }
        if grammar:
            pack = get_language(task.language)
            assert isinstance(pack, Explains)
            body |= {"prompt": rendered["prompt"] + OPENING, "grammar": pack.manual().grammar}
        reply = await self.server.post("/completion", body)
        usage = Usage(
            requests=1,
            input_tokens=reply["tokens_evaluated"],
            cached_tokens=reply["timings"]["cache_n"],
            output_tokens=reply["tokens_predicted"],
        )
        return reply["content"], usage


async def sample(options: argparse.Namespace) -> None:
    """Draw what the file lacks, task by task, so that prompts stay in the server's cache."""
    done = {key(row) for row in rows(options.out)}
    waiting = [(name, load(name)) for name in options.tasks]
    async with Judge(workers=1) as judge:
        sizes = {task.digest: await judge.sizes(task) for _, task in waiting}
    server = LocalServer(options.file, context=4096, slots=options.slots)
    sampler = Sampler(server, sizes, options.temperature)

    async def work() -> None:
        while waiting:
            name, task = waiting.pop(0)
            for index in range(options.samples):
                for mode in options.modes:
                    row = {"model": options.model, "task": name, "mode": mode, "index": index}
                    if key(row) in done:
                        continue
                    start = time.monotonic()
                    text, usage = await sampler.draw(task, mode, index)
                    row |= {"temperature": options.temperature, "text": text}
                    row |= {"seconds": round(time.monotonic() - start, 1)}
                    row |= {"usage": usage.model_dump()}
                    with options.out.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(row) + "\n")

    try:
        await asyncio.gather(*(work() for _ in range(options.slots)))
    finally:
        await server.close()


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the samples of a file; a line that was cut off is left out."""
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                yield json.loads(line)
            except ValueError:
                continue


def key(row: dict[str, Any]) -> tuple[object, ...]:
    """Return what tells samples apart."""
    return row["model"], row["task"], row["mode"], row["index"]


async def table(options: argparse.Namespace) -> None:
    """Judge all samples and print shares."""
    counts: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    solved: dict[tuple[str, str], set[str]] = defaultdict(set)
    async with Judge(workers=1) as judge:
        for row in (row for path in options.runs for row in rows(path)):
            task = load(row["task"])
            text = row["text"] if row["text"] is not None else ""
            impl = text.strip() if row["mode"] != "free" else extract_impl(text)
            reading = None
            if impl:
                sizes = await judge.sizes(task)
                reading = get_language(task.language).read(task, impl, sizes)
            well_typed = bool(reading and reading.runnable)
            # As in a run: the law is enforced before the verdict.
            verdict = None
            if impl and well_typed:
                lawful = get_language(task.language).enforce_law(task, impl, sizes)
                verdict = await judge.judge(task, lawful)
            correct = bool(verdict and verdict.correct)
            group = (row["model"], row["mode"])
            stages = {error.stage for error in reading.errors} if reading else {Stage.PARSE}
            for at, hit in enumerate((True, Stage.PARSE not in stages, well_typed, correct)):
                counts[group][at] += hit
            if correct:
                solved[group].add(row["task"])
    print("| model | decoding | n | well-formed | well-typed | correct | tasks solved |")
    print("|---|---|---|---|---|---|---|")
    for (model, mode), (n, *hits) in sorted(counts.items()):
        shares = " | ".join(f"{hit / n:.0%} ({hit})" for hit in hits)
        print(f"| {model} | {mode} | {n} | {shares} | {len(solved[model, mode])} |")


def main() -> None:
    """Sample, or judge what was sampled."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    commands = parser.add_subparsers(required=True)
    drawing = commands.add_parser("sample")
    drawing.set_defaults(run=sample)
    drawing.add_argument("--file", type=Path, required=True, help="the model, in GGUF")
    drawing.add_argument("--model", required=True, help="what to call it in the table")
    drawing.add_argument("--out", type=Path, required=True, help="JSON lines")
    drawing.add_argument("--modes", nargs="+", default=MODES, choices=MODES)
    drawing.add_argument("--tasks", nargs="+", default=default_tasks())
    drawing.add_argument("--samples", type=int, default=4)
    drawing.add_argument("--slots", type=int, default=1)
    drawing.add_argument("--temperature", type=float, default=0.8)
    judging = commands.add_parser("table")
    judging.set_defaults(run=table)
    judging.add_argument("runs", nargs="+", type=Path)
    options = parser.parse_args()
    asyncio.run(options.run(options))


if __name__ == "__main__":
    main()
