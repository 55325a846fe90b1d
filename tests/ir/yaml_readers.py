"""A fixture for tests of reading YAML."""

import pytest
import yaml

from hardwon.ir import yaml_tree


@pytest.fixture(params=["CSafeLoader", "SafeLoader"])
def each_loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """YAML read by libyaml, and by Python alone as where that is missing."""
    monkeypatch.setattr(yaml_tree, "_LOADER", getattr(yaml, request.param))
