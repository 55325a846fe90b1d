"""STeP, Streaming Tensor Programs: a language for reconfigurable dataflow accelerators."""

from hardwon.languages.step.language import Step, language

__all__ = ["Step", "language"]
