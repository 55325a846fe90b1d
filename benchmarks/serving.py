"""How busy a server of models is kept: 256 requests at a time, through everything that is real.

    python benchmarks/serving.py [--slots 256] [--rounds 8] [--seconds 4] [--json FILE]

A stub in a process of its own has so many slots; an answer takes between half and one and a half
times the given seconds, as answers of models do. The client is what a run uses: the library, the
ledger with a cap, and the cache of answers in a file. Each prompt is as long as a real one.

Busy is the share of the slots' time in which they have a request to work on. *steady* looks at the
time in which there are more requests than slots, *all* at the whole run, whose beginning and end
cannot fill all slots; *any* is the share of time in which the server has anything to do at all.
"""

import argparse
import asyncio
import contextlib
import json
import os
import platform
import random
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

from hardwon.models import Caps, Ledger, ResponseFile, Settings, connect
from hardwon.records import Finish, Message, Parameters, Prompt, Speaker

PROMPT_BYTES = 24_000
ANSWER_BYTES = 2_000


@dataclass(frozen=True)
class Busy:
    """Shares between 0 and 1."""

    steady: float
    all: float
    any: float


class Stub:
    """An OpenAI-compatible server that only waits."""

    def __init__(self, slots: int, seconds: float) -> None:
        self.slots = asyncio.Semaphore(slots)
        self.seconds = seconds
        self.changes: list[tuple[float, int]] = []
        self.random = random.Random(0)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = head.split(b"content-length:")[1].split(b"\r\n")[0]
                await reader.readexactly(int(length))
                async with self.slots:
                    self.changes.append((time.monotonic(), 1))
                    await asyncio.sleep(self.seconds * self.random.uniform(0.5, 1.5))
                    self.changes.append((time.monotonic(), -1))
                writer.write(ANSWER)
        except (ConnectionError, asyncio.IncompleteReadError):
            writer.close()


def answer() -> bytes:
    """Return the bytes of an answer, the same for all requests."""
    body = json.dumps(
        {
            "model": "stub",
            "choices": [
                {"message": {"content": "x" * ANSWER_BYTES}, "finish_reason": "stop"},
            ],
            "usage": {"prompt_tokens": PROMPT_BYTES // 4, "completion_tokens": ANSWER_BYTES // 4},
        }
    ).encode()
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


ANSWER = answer()


async def stub_process(slots: int, seconds: float) -> None:
    """Serve until standard input ends; then write down when slots were taken and freed."""
    stub = Stub(slots, seconds)
    server = await asyncio.start_server(stub.serve, "127.0.0.1", 0, backlog=slots)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    print(json.dumps(stub.changes), flush=True)
    os._exit(0)  # connections that the client keeps open are nobody's concern any more


def busy(changes: list[tuple[float, int]], slots: int) -> Busy:
    """Return how busy the slots were."""
    total = sum(change > 0 for _, change in changes)
    active = started = 0
    taken = steady = steady_time = some = 0.0
    for (now, change), (then, _) in pairwise(sorted(changes)):
        active += change
        started += change > 0
        taken += active * (then - now)
        some += (active > 0) * (then - now)
        if slots <= started < total:
            steady += active * (then - now)
            steady_time += then - now
    whole = max(changes)[0] - min(changes)[0]
    return Busy(steady / slots / steady_time, taken / slots / whole, some / whole)


async def measure(slots: int, rounds: int, seconds: float) -> tuple[Busy, float, float]:
    """Return how busy a stub was kept, and the run's wall and processor time."""
    stub = await asyncio.create_subprocess_exec(
        sys.executable,
        __file__,
        *("--serve", "--slots", str(slots), "--seconds", str(seconds)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 26,
    )
    assert stub.stdin is not None
    assert stub.stdout is not None
    port = int(await stub.stdout.readline())
    prompt = Prompt(
        messages=(
            Message(speaker=Speaker.SYSTEM, text="card " * (PROMPT_BYTES // 5), stable=True),
            Message(speaker=Speaker.USER, text="the task"),
        )
    )
    parameters = Parameters(temperature=0.7, seed=1)
    with tempfile.TemporaryDirectory() as folder, ResponseFile(Path(folder) / "c.db") as cache:
        settings = Settings(
            base_url=f"http://127.0.0.1:{port}/v1",
            concurrency=slots,
            ledger=Ledger(Caps(max_tokens=1 << 40)),
            cache=cache,
        )
        model = connect("openai:stub", settings)
        began, cpu = time.perf_counter(), time.process_time()
        completions = await asyncio.gather(
            *(model.complete(prompt, parameters, index=i) for i in range(slots * rounds))
        )
        wall, cpu = time.perf_counter() - began, time.process_time() - cpu
        await model.close()
    assert all(completion.finish is Finish.STOP for completion in completions)
    stub.stdin.close()
    changes = json.loads(await stub.stdout.readline())
    await stub.wait()
    return busy([(at, change) for at, change in changes], slots), wall, cpu


def processor() -> str:
    """Return the processor's name, as far as the system tells."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def main() -> None:
    """Run the benchmark, or its stub."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--slots", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=8, help="requests per slot")
    parser.add_argument("--seconds", type=float, default=4.0, help="mean time of an answer")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(stub_process(options.slots, options.seconds))
        return
    shares, wall, cpu = asyncio.run(measure(options.slots, options.rounds, options.seconds))
    requests = options.slots * options.rounds
    figures = {
        "machine": {
            "processor": processor(),
            "cores": os.cpu_count(),
            "load": os.getloadavg(),
            "python": platform.python_version(),
        },
        "requests": requests,
        "seconds of an answer": options.seconds,
        "wall seconds": wall,
        "client's processor time per request in ms": 1000 * cpu / requests,
        "busy": asdict(shares),
    }
    text = json.dumps(figures, indent=2)
    print(text)
    if options.json:
        options.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
