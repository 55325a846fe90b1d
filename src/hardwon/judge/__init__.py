"""Judges answers, apart from the caller: worker processes with limits on time and memory."""

from hardwon.judge.limits import Limits
from hardwon.judge.pool import Judge, JudgeError, SettingReport
from hardwon.judge.verdicts import no_program

__all__ = ["Judge", "JudgeError", "Limits", "SettingReport", "no_program"]
