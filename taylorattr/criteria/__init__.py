"""Is an attribution reliable? Coverage, no leak, completeness: on paper, by probing, on a user's network.

`three_criteria` says what the criteria are, `verdict` how an answer to one is stated. Four rooms ask:

1. ``paper`` (`check`): of a rule's formula, by algebra and by the smallest counterexample;
2. ``blame``: at which operation of a network the sums of a method break;
3. ``probe`` (`probe`): of a black box, by its answers on functions made for it; asks ``paper`` of its rule;
4. ``audit`` (`audit`): of a method on the user's network; asks ``blame`` where sums fail.

The last two may import the first two and never the other way round; ``probe`` and ``audit`` do not know each
other, nor do ``paper`` and ``blame``.
"""

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
