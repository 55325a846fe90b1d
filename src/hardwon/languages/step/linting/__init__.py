"""What lint needs to know of STeP; see README.md in this folder."""

from hardwon.languages.step.linting.linter import StepLinter

__all__ = ["StepLinter"]
