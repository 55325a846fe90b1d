"""Runs programs of one task and compares them with its PyTorch reference. Needs PyTorch."""

from hardwon.languages.step.simulator.simulator import TaskSimulator

__all__ = ["TaskSimulator"]
