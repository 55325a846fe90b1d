"""Writes solved tasks as self-contained pytest files, for users of the operator."""

from hardwon.languages.step.codegen.generate import generate_test_file

__all__ = ["generate_test_file"]
