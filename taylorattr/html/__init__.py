"""The report: results of any kind as one self-contained HTML page."""

from taylorattr.html.report import report

__all__ = ["report"]
