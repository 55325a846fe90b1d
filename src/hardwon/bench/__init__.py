"""Task sets as package data: the paper's 26 operators, and a second set beyond them."""

from hardwon.bench.catalog import BENCHMARK, SETS, Entry, catalog, groups, load, set_of

__all__ = ["BENCHMARK", "SETS", "Entry", "catalog", "groups", "load", "set_of"]
