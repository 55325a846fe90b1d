"""What a model is told about STeP: cards, patterns and rewrites as data, checked by the judge."""

from hardwon.languages.step.manual.loading import load_manual

__all__ = ["load_manual"]
