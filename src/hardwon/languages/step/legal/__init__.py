"""Which statements are legal: drafts of programs, and the grammar of the syntax alone."""

from hardwon.languages.step.legal.draft import StepDraft

__all__ = ["StepDraft"]
