"""The benchmark: 26 operators of a common LLM layer (paper, section 4), as package data."""

from hardwon.bench.catalog import Entry, catalog, groups, load

__all__ = ["Entry", "catalog", "groups", "load"]
