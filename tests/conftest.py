"""Fixtures that all rooms share."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from hardwon.languages import registry
from support import SyncJudge

settings.register_profile("hardwon", deadline=None)
settings.load_profile("hardwon")


@pytest.fixture(scope="module")
def judge() -> Iterator[SyncJudge]:
    """A judge whose worker serves all tests of a module."""
    with SyncJudge() as judge:
        yield judge


@pytest.fixture(scope="session")
def packs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """What has to be on the module path to have the toy language: its distribution and its code."""
    folder = tmp_path_factory.mktemp("packs")
    info = folder / "toylang-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toylang\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[hardwon.languages]\ntoy = toylang:language\n")
    return folder, Path(__file__).parent


@pytest.fixture(scope="module")
def toy(packs: tuple[Path, Path]) -> Iterator[None]:
    """The toy language, installed as any pack is: by an entry point."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [*sys.path, *map(str, packs)])
        _forget()
        yield
    _forget()


def _forget() -> None:
    registry._packs.cache_clear()
    registry.get_language.cache_clear()
