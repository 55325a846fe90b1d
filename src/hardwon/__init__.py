"""Hardwon: verified ML operator libraries for new hardware languages, learned from hard-won successes."""
