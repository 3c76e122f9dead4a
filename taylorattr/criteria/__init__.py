"""Is an attribution reliable? Coverage, no leak, completeness: on paper, by probing, on a user's network."""

from __future__ import annotations

from taylorattr.criteria.attributor import ADAPTERS
from taylorattr.criteria.audit import audit
from taylorattr.criteria.audit_report import AuditReport
from taylorattr.criteria.audit_terms import TermReport, audit_terms
from taylorattr.criteria.bound_callable import binds
from taylorattr.criteria.bound_method import black_box
from taylorattr.criteria.check import check
from taylorattr.criteria.probe import probe
from taylorattr.criteria.probed_rule import ProbedRule
from taylorattr.criteria.report import CriteriaReport, CriteriaTable
from taylorattr.criteria.verdict import Verdict

__all__ = [
    "ADAPTERS",
    "AuditReport",
    "CriteriaReport",
    "CriteriaTable",
    "ProbedRule",
    "TermReport",
    "Verdict",
    "audit",
    "audit_terms",
    "binds",
    "black_box",
    "check",
    "probe",
]
