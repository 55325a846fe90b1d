"""Reads the manual's files.

Tasks are written in structural IR, in the plain spellings only: the room that reads all spellings
builds on language packs, so a pack cannot import it. The tests compare both readings.
"""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from hardwon.languages.manual import Card, Example, Manual, Rewrite
from hardwon.records import Task

_FOLDER = files("hardwon.languages.step") / "manual"
_GRAMMAR = files("hardwon.languages.step") / "legal" / "syntax.gbnf"


@cache
def load_manual() -> Manual:
    """Return what prompts say about STeP."""
    index = _read("manual")
    return Manual(
        title=index["title"],
        introduction=index["introduction"],
        fence=index["fence"],
        cards=tuple(_card(f"cards/{name}") for name in index["cards"]),
        patterns=tuple(_card(f"patterns/{name}") for name in index["patterns"]),
        law=index["law"],
        rewrites=tuple(_rewrite(f"rewrites/{name}") for name in index["rewrites"]),
        grammar=_GRAMMAR.read_text(encoding="utf-8") if _GRAMMAR.is_file() else "",
    )


def _read(name: str) -> dict[str, Any]:
    text = (_FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
    content: dict[str, Any] = yaml.safe_load(text)
    return content


def _card(name: str) -> Card:
    content = _read(name)
    return Card(content["title"], content["text"], Example(_task(content["example"])))


def _rewrite(name: str) -> Rewrite:
    content = _read(name)
    return Rewrite(
        task=_task(content["task"]),
        before=content["before"],
        after=content["after"],
        comment=content["comment"],
    )


def _task(content: Mapping[str, Any]) -> Task:
    """Return the task that structural IR states, its types and dimensions as text."""
    fields = {
        **content,
        "global_code": content.get("global", ""),
        "inputs": [_typed(item, "dtype") for item in content["inputs"]],
        "fns": [_typed(item, "input_dtype", "output_dtype") for item in content["fns"]],
        "outputs": [_typed(item, "dtype") for item in content["outputs"]],
    }
    fields.pop("global", None)
    return Task.model_validate(fields)


def _typed(item: Mapping[str, Any], *dtypes: str) -> dict[str, Any]:
    fields = dict(item)
    for key in dtypes:
        fields[key] = [item[key]] if isinstance(item[key], str) else item[key]
    if "dims" in item:
        fields["dims"] = [str(dim) for dim in item["dims"]]
    return fields
