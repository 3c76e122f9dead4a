"""Protocols that ask whether an attribution is right about the model, for any method."""

from taylorattr.evaluation.areas import aopc, auc, aup, relative_change
from taylorattr.evaluation.coalition_curves import coalition_table, deletion_curve, recovery_curve
from taylorattr.evaluation.map_similarity import map_similarity
from taylorattr.evaluation.objectives import agreement, baseline_variance, coalition_infidelity
from taylorattr.evaluation.pixel_perturbation import PixelPerturbation, pixel_perturbation, pixel_removal
from taylorattr.evaluation.player_curves import PlayerCurves, player_curves
from taylorattr.evaluation.protocol_result import Difference, Measured, bootstrap_interval, difference
from taylorattr.evaluation.ranking import ranking, tied_share
from taylorattr.evaluation.sanity_checks import (
    SanityCheck,
    SanityVerdict,
    label_randomisation,
    parameter_randomisation,
    sanity_verdict,
)
from taylorattr.evaluation.smooth_curves import (
    expected_aup,
    expected_deletion,
    expected_deletion_aopc,
    expected_recovery,
    soft_memberships,
    soft_ranks,
)

__all__ = [
    "Difference",
    "Measured",
    "PixelPerturbation",
    "PlayerCurves",
    "SanityCheck",
    "SanityVerdict",
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
    "label_randomisation",
    "map_similarity",
    "parameter_randomisation",
    "pixel_perturbation",
    "pixel_removal",
    "player_curves",
    "ranking",
    "recovery_curve",
    "relative_change",
    "sanity_verdict",
    "soft_memberships",
    "soft_ranks",
    "tied_share",
]


def __dir__() -> list[str]:
    """Return the public names, not the files that define them."""
    return __all__
