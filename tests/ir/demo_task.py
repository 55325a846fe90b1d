"""The demo task for tests of structural IR, and a pack that accepts it."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

from hardwon.languages import Language

DEMO = Path(__file__).parent / "demo.yaml"
PACK = cast("Language", SimpleNamespace(name="step", check_task=lambda task: ()))


def edited(*edits: tuple[str, str]) -> str:
    """Return the text of the demo task after replacing parts of it."""
    text = DEMO.read_text()
    for old, new in edits:
        assert old in text
        text = text.replace(old, new, 1)
    return text
