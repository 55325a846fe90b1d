"""Proposers, and the agentic system that the learning loop samples."""

from hardwon.agents.offline import OfflineProposer, ProposerError
from hardwon.agents.protocols import Proposer, Request
from hardwon.agents.system import AgenticSystem

__all__ = ["AgenticSystem", "OfflineProposer", "Proposer", "ProposerError", "Request"]
