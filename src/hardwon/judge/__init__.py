"""Judges answers, apart from the caller: worker processes with limits on time and memory."""

from hardwon.judge.limits import Limits
from hardwon.judge.pool import Judge, JudgeError, SettingReport, fresh_seed
from hardwon.judge.verdicts import no_program

__all__ = ["Judge", "JudgeError", "Limits", "SettingReport", "fresh_seed", "no_program"]
