"""What confined processes run in the tests: expressions, with nothing held back."""

from collections.abc import Callable, Sequence
from typing import Any


def serve_task() -> Callable[
    [dict[str, Any], list[bytearray]], tuple[dict[str, Any], Sequence[bytes]]
]:
    """See `hardwon.workers.zygote`."""
    names: dict[str, Any] = {}

    def answer(
        request: dict[str, Any], data: list[bytearray]
    ) -> tuple[dict[str, Any], list[bytes]]:
        names["data"] = data
        try:
            exec(request["code"], names)
            return {"value": repr(eval(request["value"], names))}, names.pop("parts", [])
        except MemoryError:
            raise
        except Exception as error:
            return {"error": type(error).__name__}, []

    return answer
