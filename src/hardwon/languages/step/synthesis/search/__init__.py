"""Systematic search for programs, by running them on small data; see README.md in this folder."""
