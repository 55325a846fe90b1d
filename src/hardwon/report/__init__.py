"""Draws what other rooms have found out."""

from hardwon.report.dataflow import dataflow_svg

__all__ = ["dataflow_svg"]
