"""Adaptive self-improvement: the loop around the agentic system."""

from hardwon.learning.algorithm import Ending, Result, improve
from hardwon.learning.budget import Budget, Unit
from hardwon.learning.filtering import FILTERS, Filter, filter_named, keep_best
from hardwon.learning.metrics import pass_at_k
from hardwon.learning.outcomes import Batch, Outcome
from hardwon.learning.policies import POLICIES, Policy, make_policy
from hardwon.learning.registry import UnknownNameError
from hardwon.learning.sampling import (
    SEARCHES,
    UNTEMPERED,
    Progress,
    RunJournal,
    Sampling,
    SamplingPlan,
)
from hardwon.learning.selection import select, stratify
from hardwon.learning.similarity import similarity

__all__ = [
    "FILTERS",
    "POLICIES",
    "SEARCHES",
    "UNTEMPERED",
    "Batch",
    "Budget",
    "Ending",
    "Filter",
    "Outcome",
    "Policy",
    "Progress",
    "Result",
    "RunJournal",
    "Sampling",
    "SamplingPlan",
    "Unit",
    "UnknownNameError",
    "filter_named",
    "improve",
    "keep_best",
    "make_policy",
    "pass_at_k",
    "select",
    "similarity",
    "stratify",
]
