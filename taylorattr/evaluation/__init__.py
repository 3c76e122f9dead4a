"""Protocols that ask whether an attribution is right about the model: one per file, for any method."""

from taylorattr.evaluation.agreement import agreement
from taylorattr.evaluation.areas import aopc, auc, aup, relative_change
from taylorattr.evaluation.baseline_variance import baseline_variance
from taylorattr.evaluation.coalition_curves import coalition_table, deletion_curve, recovery_curve
from taylorattr.evaluation.expected_curves import (
    expected_aup,
    expected_deletion,
    expected_deletion_aopc,
    expected_recovery,
)
from taylorattr.evaluation.infidelity import coalition_infidelity
from taylorattr.evaluation.intervals import bootstrap_interval
from taylorattr.evaluation.measured import Difference, Measured, difference
from taylorattr.evaluation.perturbation_result import PixelPerturbation
from taylorattr.evaluation.pixel_perturbation import pixel_perturbation, pixel_removal
from taylorattr.evaluation.player_curves import PlayerCurves, player_curves
from taylorattr.evaluation.ranking import ranking, tied_share
from taylorattr.evaluation.soft_ranks import soft_memberships, soft_ranks

__all__ = [
    "Difference",
    "Measured",
    "PixelPerturbation",
    "PlayerCurves",
    "agreement",
    "aopc",
    "auc",
    "aup",
    "baseline_variance",
    "bootstrap_interval",
    "coalition_infidelity",
    "coalition_table",
    "deletion_curve",
    "difference",
    "expected_aup",
    "expected_deletion",
    "expected_deletion_aopc",
    "expected_recovery",
    "pixel_perturbation",
    "pixel_removal",
    "player_curves",
    "ranking",
    "recovery_curve",
    "relative_change",
    "soft_memberships",
    "soft_ranks",
    "tied_share",
]


def __dir__() -> list[str]:
    """Return the public names, not the files that define them."""
    return __all__
