"""Is an attribution reliable? Coverage, no leak, completeness: on paper, by probing, on a user's network."""

from __future__ import annotations

from taylorattr.criteria.audit.attributor import ADAPTERS, binds
from taylorattr.criteria.audit.audit import audit
from taylorattr.criteria.audit.audit_report import AuditReport
from taylorattr.criteria.audit.term_audit import TermReport, audit_terms
from taylorattr.criteria.paper.check import check
from taylorattr.criteria.paper.criteria_report import CriteriaReport, CriteriaTable
from taylorattr.criteria.probe.probe import black_box, probe
from taylorattr.criteria.probe.probed_rule import ProbedRule
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
