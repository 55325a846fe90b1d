"""Draws what other rooms have found out."""

from hardwon.report.contents import (
    Batch,
    Cause,
    Cost,
    Failure,
    IterationReport,
    PassAtK,
    Port,
    Question,
    Reference,
    RoleUsage,
    RunReport,
    Solution,
    TaskReport,
    Teacher,
    Unit,
)
from hardwon.report.dataflow import dataflow_figure, dataflow_svg
from hardwon.report.failures import NO_PROGRAM, Failures
from hardwon.report.page import render_page
from hardwon.report.tables import Cell, Table, tables_of, to_csv, to_json

__all__ = [
    "NO_PROGRAM",
    "Batch",
    "Cause",
    "Cell",
    "Cost",
    "Failure",
    "Failures",
    "IterationReport",
    "PassAtK",
    "Port",
    "Question",
    "Reference",
    "RoleUsage",
    "RunReport",
    "Solution",
    "Table",
    "TaskReport",
    "Teacher",
    "Unit",
    "dataflow_figure",
    "dataflow_svg",
    "render_page",
    "tables_of",
    "to_csv",
    "to_json",
]
