"""taylorattr: what an explanation of a neural network counts.

A model's output change f(x) − f(baseline) splits into Taylor effects: first-order terms, high-order
independent effects of one player, and interaction effects between several (arXiv 2303.01506). This package
computes them for real networks.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from taylorattr import errors

# Players: which elements of the input move together
from taylorattr.analysis.players import Players

# Attribute: fifteen methods under one call, one result
from taylorattr.attribution import Attribution

# Derivatives: Hessian-vector products and Hessians in bounded memory
from taylorattr.autodiff.hessian import hessian
from taylorattr.autodiff.hvp import hvp

# Results
from taylorattr.effects.effects import Effect, HarsanyiEffects, InteractionIndex, Result, TaylorEffects

# Decompose: Taylor effects, exact effects of any model, exact effects of an expression
from taylorattr.effects.harsanyi import harsanyi
from taylorattr.effects.integrated_hessians import IntegratedHessians, integrated_hessians
from taylorattr.effects.result import HOMES
from taylorattr.effects.symbolic import SymbolicEffects, symbolic_effects
from taylorattr.effects.tails import degree_by_support
from taylorattr.effects.taylor import decompose
from taylorattr.effects.writers import WRITERS
from taylorattr.methods import METHODS, attribute

# Reformulate: allocation rules are written in sympy, which is imported when one of these names is first used
if TYPE_CHECKING:
    from taylorattr import design, evaluation, graphs, plot
    from taylorattr.allocation import RULES, AllocationRule, allocate
    from taylorattr.criteria import CriteriaReport, CriteriaTable, ProbedRule, Verdict, check, probe
    from taylorattr.criteria.audit.attributor import binds
    from taylorattr.criteria.audit.audit import audit
    from taylorattr.criteria.audit.audit_report import AuditReport
    from taylorattr.graphs import compare_graphs, interaction_graph, interaction_hypergraph
    from taylorattr.html import report
    from taylorattr.reformulation import Reformulation, reformulate

__version__ = "0.1.0"

_LATER = {
    "RULES": "taylorattr.allocation",
    "AllocationRule": "taylorattr.allocation",
    "allocate": "taylorattr.allocation",
    "CriteriaReport": "taylorattr.criteria",
    "CriteriaTable": "taylorattr.criteria",
    "ProbedRule": "taylorattr.criteria",
    "Verdict": "taylorattr.criteria",
    "check": "taylorattr.criteria",
    "probe": "taylorattr.criteria",
    "AuditReport": "taylorattr.criteria.audit.audit_report",
    "audit": "taylorattr.criteria.audit.audit",
    "binds": "taylorattr.criteria.audit.attributor",
    "compare_graphs": "taylorattr.graphs",
    "interaction_graph": "taylorattr.graphs",
    "interaction_hypergraph": "taylorattr.graphs",
    "report": "taylorattr.html",
    "Reformulation": "taylorattr.reformulation",
    "reformulate": "taylorattr.reformulation",
}

_RESULTS = {
    "taylorattr.allocation.layerwise.formal": ("FormalAllocation",),
    "taylorattr.allocation.formulas": ("Formula", "FormulaTable"),
    "taylorattr.allocation.layerwise.result": ("LayerRecord", "Layerwise"),
    "taylorattr.criteria.audit.asymmetry": ("Asymmetry",),
    "taylorattr.criteria.audit.audit_report": ("AuditReport", "Worst"),
    "taylorattr.criteria.audit.examination": ("Refinement",),
    "taylorattr.criteria.audit.faulty_operation": ("BalanceBlame",),
    "taylorattr.criteria.audit.misuse": ("Misuse",),
    "taylorattr.criteria.audit.term_audit": ("TermReport",),
    "taylorattr.criteria.blame.blamed_operation": ("Blame", "Cut"),
    "taylorattr.criteria.paper.criteria_report": ("CriteriaReport", "CriteriaTable"),
    "taylorattr.criteria.probe.probed_rule": ("ProbedRule",),
    "taylorattr.criteria.verdict": ("Verdict",),
    "taylorattr.design.fit.result": ("Fit",),
    "taylorattr.design.verify.verification": ("LawResult", "Verification"),
    "taylorattr.evaluation.measured": ("Difference",),
    "taylorattr.evaluation.perturbation_result": ("PixelPerturbation",),
    "taylorattr.evaluation.player_curves": ("PlayerCurves",),
    "taylorattr.reformulation.result": ("Reformulation",),
}
for _module, _names in _RESULTS.items():
    for _name in _names:
        HOMES.register(_name, replace=True)(_module)


@WRITERS.register(".html", replace=True)
def _write_page(result: Result, path: Path) -> None:
    """Write a result as a page of its own; templates are loaded when the first one is asked for."""
    importlib.import_module("taylorattr.html").report(path, result)


def __getattr__(name: str) -> Any:
    """Import a name whose module needs sympy or networkx, or a subpackage, when it is first asked for."""
    if name in ("design", "evaluation", "graphs", "plot"):
        return importlib.import_module(f"taylorattr.{name}")
    if name in _LATER:
        value = getattr(importlib.import_module(_LATER[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "METHODS",
    "RULES",
    "AllocationRule",
    "Attribution",
    "AuditReport",
    "CriteriaReport",
    "CriteriaTable",
    "Effect",
    "HarsanyiEffects",
    "IntegratedHessians",
    "InteractionIndex",
    "Players",
    "ProbedRule",
    "Reformulation",
    "Result",
    "SymbolicEffects",
    "TaylorEffects",
    "Verdict",
    "allocate",
    "attribute",
    "audit",
    "binds",
    "check",
    "compare_graphs",
    "decompose",
    "degree_by_support",
    "design",
    "errors",
    "evaluation",
    "graphs",
    "harsanyi",
    "hessian",
    "hvp",
    "integrated_hessians",
    "interaction_graph",
    "interaction_hypergraph",
    "plot",
    "probe",
    "reformulate",
    "report",
    "symbolic_effects",
]
