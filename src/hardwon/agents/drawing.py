"""The process in which the offline proposer draws samples."""

import random
from typing import Any

from hardwon.languages import StatementSampler, get_language
from hardwon.languages.protocol import Samples
from hardwon.records import Experience, Task
from hardwon.workers import serve


class _Drawer:
    """Keeps the sampler of the latest lesson: requests of one kind come in a row."""

    def __init__(self) -> None:
        self.lesson: str | None = None
        self.sampler: StatementSampler | None = None

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        if request["lesson"] != self.lesson or self.sampler is None:
            task = Task.model_validate(request["task"])
            demonstrations = [Experience.model_validate(item) for item in request["demonstrations"]]
            pack = get_language(task.language)
            assert isinstance(pack, Samples)  # the proposer has seen to that
            self.sampler = pack.sampler(task, demonstrations, request["sizes"])
            self.lesson = request["lesson"]
        rows = []
        for index in request["indices"]:
            rng = random.Random(f"{request['key']} {index}")
            impl, steps = self.sampler.draw(rng, request["temperature"])
            rows.append({"index": index, "impl": impl, "usage": {"steps": steps}})
        return {"rows": rows}


def main() -> None:
    """Serve until the requests end."""
    serve(_Drawer().answer)
