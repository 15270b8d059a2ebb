"""Figures of a run: files of publication quality, and small ones for the page."""

from merbench.report.figures.inline import InlineFigure, InlineFigures, LegendKey, inline_figures
from merbench.report.figures.styles import Style, styles
from merbench.report.figures.write import write_figures

__all__ = [
    "InlineFigure",
    "InlineFigures",
    "LegendKey",
    "Style",
    "inline_figures",
    "styles",
    "write_figures",
]
