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

# Arguments of the model that all examples share
from taylorattr.analysis.forward_arguments import shared

# Players: which elements of the input move together
from taylorattr.analysis.players import Players

# Attribute: fifteen methods, systems and extensions under one call, one result
from taylorattr.attribution import Attribution

# Derivatives: Hessian-vector products and Hessians in bounded memory
from taylorattr.autodiff.hessian import hessian
from taylorattr.autodiff.hvp import hvp

# Results
from taylorattr.effects.by_output import ByOutput
from taylorattr.effects.coalition_table import Effect, HarsanyiEffects, InteractionIndex

# Decompose: Taylor effects, exact effects of any model, exact effects of an expression
from taylorattr.effects.harsanyi import harsanyi
from taylorattr.effects.integrated_hessians import IntegratedHessians, integrated_hessians
from taylorattr.effects.result import HOMES, WRITERS, Result
from taylorattr.effects.symbolic import SymbolicEffects, symbolic_effects
from taylorattr.effects.taylor import decompose, degree_by_support
from taylorattr.effects.taylor_effects import TaylorEffects

# Many players: interactions within a budget, and the game itself for other libraries
from taylorattr.many_players.coalition_game import CoalitionGame, coalition_game
from taylorattr.many_players.interaction_list import Interaction, Interactions
from taylorattr.many_players.interactions import interactions
from taylorattr.methods import EXTENSIONS, METHODS, SYSTEMS, attribute
from taylorattr.methods.extra import MIPIN, Pruning, prune

# Names whose modules need sympy or networkx are imported when they are first used (`_LATER`). Type checkers
# read these lines instead, each from the file that defines the name: where a package re-exports a function
# named like its own submodule (`html.report`), mypy takes the name for the module.
if TYPE_CHECKING:
    from taylorattr import design, evaluation, graphs, plot
    from taylorattr.allocation.allocate import allocate
    from taylorattr.allocation.rule import RULES, AllocationRule
    from taylorattr.criteria.audit.attributor import binds
    from taylorattr.criteria.audit.audit import audit
    from taylorattr.criteria.audit.audit_report import AuditReport
    from taylorattr.criteria.paper.check import check
    from taylorattr.criteria.paper.criteria_report import CriteriaReport, CriteriaTable
    from taylorattr.criteria.probe.probe import probe
    from taylorattr.criteria.probe.probed_rule import ProbedRule
    from taylorattr.criteria.verdict import Verdict
    from taylorattr.datasets.dataset_result import DatasetResult
    from taylorattr.datasets.map_dataset import map_dataset
    from taylorattr.graphs.comparison import compare_graphs
    from taylorattr.graphs.hypergraph import interaction_hypergraph
    from taylorattr.graphs.interaction_graph import interaction_graph
    from taylorattr.html.report import report
    from taylorattr.prepared import Prepared, prepare
    from taylorattr.reformulation.reformulate import reformulate
    from taylorattr.reformulation.result import Reformulation

__version__ = "0.1.0"

_LATER = {
    "allocate": "taylorattr.allocation.allocate",
    "RULES": "taylorattr.allocation.rule",
    "AllocationRule": "taylorattr.allocation.rule",
    "audit": "taylorattr.criteria.audit.audit",
    "binds": "taylorattr.criteria.audit.attributor",
    "AuditReport": "taylorattr.criteria.audit.audit_report",
    "check": "taylorattr.criteria.paper.check",
    "CriteriaReport": "taylorattr.criteria.paper.criteria_report",
    "CriteriaTable": "taylorattr.criteria.paper.criteria_report",
    "probe": "taylorattr.criteria.probe.probe",
    "ProbedRule": "taylorattr.criteria.probe.probed_rule",
    "Verdict": "taylorattr.criteria.verdict",
    "DatasetResult": "taylorattr.datasets.dataset_result",
    "map_dataset": "taylorattr.datasets.map_dataset",
    "compare_graphs": "taylorattr.graphs.comparison",
    "interaction_hypergraph": "taylorattr.graphs.hypergraph",
    "interaction_graph": "taylorattr.graphs.interaction_graph",
    "report": "taylorattr.html.report",
    "Prepared": "taylorattr.prepared",
    "prepare": "taylorattr.prepared",
    "reformulate": "taylorattr.reformulation.reformulate",
    "Reformulation": "taylorattr.reformulation.result",
}
"""Public name -> the module it is imported from when it is first used."""

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
    "taylorattr.datasets.dataset_result": ("EffectStatistics",),
    "taylorattr.design.fit.result": ("Fit",),
    "taylorattr.design.verify.verification": ("LawResult", "Verification"),
    "taylorattr.evaluation.protocol_result": ("Difference",),
    "taylorattr.evaluation.pixel_perturbation": ("PixelPerturbation",),
    "taylorattr.evaluation.player_curves": ("PlayerCurves",),
    "taylorattr.evaluation.class_sensitivity": ("ClassSensitivity",),
    "taylorattr.evaluation.faithfulness": ("CompletenessGap", "Infidelity"),
    "taylorattr.evaluation.interaction_deletion": ("InteractionDeletion",),
    "taylorattr.evaluation.principles": ("Principles", "RankCorrelation"),
    "taylorattr.evaluation.localisation": ("Localisation",),
    "taylorattr.evaluation.retraining": ("Retraining",),
    "taylorattr.evaluation.road": ("Road",),
    "taylorattr.evaluation.sanity_checks": ("SanityCheck",),
    "taylorattr.evaluation.sanity_verdict": ("SanityVerdict",),
    "taylorattr.reformulation.result": ("Reformulation",),
}
"""Module -> its result classes. A saved file names its class; reading it imports the module that has it."""
for _module, _names in _RESULTS.items():
    for _name in _names:
        HOMES.register(_name, replace=True)(_module)


@WRITERS.register(".html", replace=True)
def _write_page(result: Result, path: Path) -> None:
    """Write a result as a page of its own; templates are loaded when the first one is asked for."""
    importlib.import_module("taylorattr.html").report(path, result)


if not TYPE_CHECKING:  # to a type checker a module with __getattr__ has every name, `ta.decompoze` among them

    def __getattr__(name: str) -> Any:
        """Import a name whose module needs sympy or networkx, or a subpackage, when it is first asked for."""
        if name in ("design", "evaluation", "graphs", "plot"):
            return importlib.import_module(f"taylorattr.{name}")
        if name in _LATER:
            value = getattr(importlib.import_module(_LATER[name]), name)
            globals()[name] = value
            return value
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return the public names, those that are imported later among them; modules used here are none."""
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})


__all__ = [
    "EXTENSIONS",
    "METHODS",
    "MIPIN",
    "RULES",
    "SYSTEMS",
    "AllocationRule",
    "Attribution",
    "AuditReport",
    "ByOutput",
    "CoalitionGame",
    "CriteriaReport",
    "CriteriaTable",
    "DatasetResult",
    "Effect",
    "HarsanyiEffects",
    "IntegratedHessians",
    "Interaction",
    "InteractionIndex",
    "Interactions",
    "Players",
    "Prepared",
    "ProbedRule",
    "Pruning",
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
    "coalition_game",
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
    "interactions",
    "map_dataset",
    "plot",
    "prepare",
    "probe",
    "prune",
    "reformulate",
    "report",
    "shared",
    "symbolic_effects",
]
