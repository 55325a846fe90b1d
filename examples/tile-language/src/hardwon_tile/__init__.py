"""A language pack for Hardwon, as an example: a small machine that computes with tiles."""

from hardwon_tile.pack import language

__all__ = ["language"]
