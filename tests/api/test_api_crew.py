"""Who is hired for a configuration, and what is said of the cost before."""

import logging
from pathlib import Path
from typing import Any

import pytest

from hardwon.api import Configuration, Means, UsageError, crew, estimated, improve
from hardwon.models import ModelError
from support import ROWS, read

TASK = read(ROWS)


@pytest.fixture
def script(tmp_path: Path) -> str:
    path = tmp_path / "script.yaml"
    path.write_text("answers: [hello]\n")
    return f"scripted:{path}"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return a file that looks like a model, with the library that would serve it."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    path = tmp_path / "model.gguf"
    path.write_bytes(b"GGUF" + bytes(100))
    return f"local:{path}"


def said(model: str, **settings: Any) -> str:
    means = Means(use_cache=False)
    given = {"samples": 8, "temperatures": (0.5, 1.0), **settings}
    return str(estimated([TASK, TASK], Configuration(model=model, **given), means))


def test_the_estimate_counts_every_request_with_its_whole_prompt(script: str) -> None:
    text = said(script, max_output_tokens=100)
    assert "at most 32 requests to the proposer" in text
    assert "3,200 output tokens" in text
    assert "$0.00" in text


def test_the_estimate_of_typed_decoding_counts_samples_and_prompts_once(file: str) -> None:
    text = said(file)
    assert "32 samples by typed decoding" in text
    tokens = int(text.split("prompts have ")[1].split(" tokens")[0].replace(",", ""))
    assert 0 < tokens < 2 * 4096


def test_a_shorter_context_makes_prompts_shorter(script: str) -> None:
    assert said(script, context=1200) != said(script)


def test_the_estimate_warns_of_nothing(script: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        said(script, context=1)
    assert caplog.text == ""


def test_what_a_run_would_refuse_is_refused_before_the_estimate(script: str) -> None:
    with pytest.raises(UsageError, match="typed needs a local model"):
        said(script, decoding="typed")
    with pytest.raises(ModelError, match="cannot be read"):
        said("scripted:nothing.yaml")


def test_a_run_assembles_its_crew_once(
    script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connected: list[str] = []

    def connect(model: str, settings: Any) -> Any:
        connected.append(model)
        return real(model, settings)

    real = crew.connect  # type: ignore[attr-defined]
    monkeypatch.setattr(crew, "connect", connect)
    configuration = Configuration(model=script, samples=1, temperatures=(1.0,))
    improve([TASK], tmp_path / "out", configuration, means=Means(use_cache=False))
    assert connected == [script]


def test_a_language_without_a_sampler_is_refused_before_anything_is_drawn(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(crew, "get_language", lambda name: object())
    with pytest.raises(UsageError, match=r"the language step has no sampler.*--model"):
        improve([TASK], tmp_path / "run", Configuration())
