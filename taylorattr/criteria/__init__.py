"""Is an attribution reliable? Coverage, no leak, completeness: on paper, by probing, on a user's network."""

from __future__ import annotations

from taylorattr.criteria.check import check
from taylorattr.criteria.report import CriteriaReport, CriteriaTable
from taylorattr.criteria.verdict import Verdict

__all__ = ["CriteriaReport", "CriteriaTable", "Verdict", "check"]
