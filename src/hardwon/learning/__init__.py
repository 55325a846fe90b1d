"""Adaptive self-improvement: the loop around the agentic system."""

from hardwon.learning.algorithm import Ending, Result, improve
from hardwon.learning.filtering import keep_best
from hardwon.learning.metrics import pass_at_k
from hardwon.learning.outcomes import Batch, Outcome
from hardwon.learning.sampling import Progress, RunJournal, Sampling, SamplingPlan
from hardwon.learning.selection import select, stratify

__all__ = [
    "Batch",
    "Ending",
    "Outcome",
    "Progress",
    "Result",
    "RunJournal",
    "Sampling",
    "SamplingPlan",
    "improve",
    "keep_best",
    "pass_at_k",
    "select",
    "stratify",
]
