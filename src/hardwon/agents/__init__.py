"""Proposers, guardians and repairers, and the agentic system that the learning loop samples."""

from hardwon.agents.answers import program_in
from hardwon.agents.deepening import DeepeningProposer
from hardwon.agents.guardians import ModelGuardian, NoGuardian, PassGuardian
from hardwon.agents.modes import GuardianKind, Mode, RepairerKind
from hardwon.agents.offline import OfflineProposer, ProposerError
from hardwon.agents.prompts import Composer, estimated_tokens
from hardwon.agents.proposing import ModelProposer
from hardwon.agents.protocols import (
    Change,
    Guardian,
    Proposer,
    Repairer,
    Request,
    UnansweredError,
)
from hardwon.agents.repairing import ModelRepairer
from hardwon.agents.searching import NoSearchError, SearchProposer, SearchRepairer
from hardwon.agents.system import AgenticSystem
from hardwon.agents.typed import TypedProposer

__all__ = [
    "AgenticSystem",
    "Change",
    "Composer",
    "DeepeningProposer",
    "Guardian",
    "GuardianKind",
    "Mode",
    "ModelGuardian",
    "ModelProposer",
    "ModelRepairer",
    "NoGuardian",
    "NoSearchError",
    "OfflineProposer",
    "PassGuardian",
    "Proposer",
    "ProposerError",
    "Repairer",
    "RepairerKind",
    "Request",
    "SearchProposer",
    "SearchRepairer",
    "TypedProposer",
    "UnansweredError",
    "estimated_tokens",
    "program_in",
]
