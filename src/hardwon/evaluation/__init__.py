"""The evaluation of runs: measures, tables and figures, all of them from journals alone."""

from hardwon.evaluation.comparing import Comparison, comparison_figures, comparison_tables
from hardwon.evaluation.experiment import (
    AGENT,
    MODES,
    SELF_IMPROVE,
    SINGLE,
    Kind,
    sort_runs,
)
from hardwon.evaluation.experiment_figures import experiment_figures
from hardwon.evaluation.experiment_tables import experiment_tables
from hardwon.evaluation.finetuning import Content, HeldOut, chats, held_out_of, to_jsonl
from hardwon.evaluation.measures import diversity, learning_curve, unit_of
from hardwon.evaluation.paper import PaperFigures, paper
from hardwon.evaluation.programs import maintainability
from hardwon.evaluation.runs import Run, read_run
from hardwon.evaluation.statistics import Estimate, bootstrap, paired_difference
from hardwon.evaluation.tables import Cell, Figure, Table, files, markdown, shown

__all__ = [
    "AGENT",
    "MODES",
    "SELF_IMPROVE",
    "SINGLE",
    "Cell",
    "Comparison",
    "Content",
    "Estimate",
    "Figure",
    "HeldOut",
    "Kind",
    "PaperFigures",
    "Run",
    "Table",
    "bootstrap",
    "chats",
    "comparison_figures",
    "comparison_tables",
    "diversity",
    "experiment_figures",
    "experiment_tables",
    "files",
    "held_out_of",
    "learning_curve",
    "maintainability",
    "markdown",
    "paired_difference",
    "paper",
    "read_run",
    "shown",
    "sort_runs",
    "to_jsonl",
    "unit_of",
]
