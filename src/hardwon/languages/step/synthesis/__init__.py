"""Writes well-typed programs, statement by statement; see README.md in this folder."""

from hardwon.languages.step.synthesis.sampler import Sampler

__all__ = ["Sampler"]
