"""Protocols that ask whether an attribution is right about the model, for any method."""

from taylorattr.evaluation.areas import aopc, auc, aup, relative_change
from taylorattr.evaluation.class_sensitivity import ClassSensitivity, class_sensitivity
from taylorattr.evaluation.coalition_curves import coalition_table, deletion_curve, recovery_curve
from taylorattr.evaluation.faithfulness import CompletenessGap, Infidelity, completeness_gap, infidelity
from taylorattr.evaluation.interaction_deletion import InteractionDeletion, interaction_deletion
from taylorattr.evaluation.localisation import Localisation, localisation
from taylorattr.evaluation.map_similarity import map_similarity
from taylorattr.evaluation.objectives import agreement, baseline_variance, coalition_infidelity
from taylorattr.evaluation.pasted_images import pasted_images
from taylorattr.evaluation.pixel_perturbation import PixelPerturbation, pixel_perturbation, pixel_removal
from taylorattr.evaluation.player_curves import PlayerCurves, player_curves
from taylorattr.evaluation.principles import Principles, RankCorrelation, principles, rank_correlation
from taylorattr.evaluation.protocol_result import Difference, Measured, bootstrap_interval, difference
from taylorattr.evaluation.ranking import ranking, tied_share
from taylorattr.evaluation.retraining import Retraining, retraining
from taylorattr.evaluation.road import Road, noisy_linear_imputation, road
from taylorattr.evaluation.sanity_checks import SanityCheck, label_randomisation, parameter_randomisation
from taylorattr.evaluation.sanity_verdict import SanityVerdict, sanity_verdict
from taylorattr.evaluation.smooth_curves import (
    expected_aup,
    expected_deletion,
    expected_deletion_aopc,
    expected_recovery,
    soft_memberships,
    soft_ranks,
)

__all__ = [
    "ClassSensitivity",
    "CompletenessGap",
    "Difference",
    "Infidelity",
    "InteractionDeletion",
    "Localisation",
    "Measured",
    "PixelPerturbation",
    "PlayerCurves",
    "Principles",
    "RankCorrelation",
    "Retraining",
    "Road",
    "SanityCheck",
    "SanityVerdict",
    "agreement",
    "aopc",
    "auc",
    "aup",
    "baseline_variance",
    "bootstrap_interval",
    "class_sensitivity",
    "coalition_infidelity",
    "coalition_table",
    "completeness_gap",
    "deletion_curve",
    "difference",
    "expected_aup",
    "expected_deletion",
    "expected_deletion_aopc",
    "expected_recovery",
    "infidelity",
    "interaction_deletion",
    "label_randomisation",
    "localisation",
    "map_similarity",
    "noisy_linear_imputation",
    "parameter_randomisation",
    "pasted_images",
    "pixel_perturbation",
    "pixel_removal",
    "player_curves",
    "principles",
    "rank_correlation",
    "ranking",
    "recovery_curve",
    "relative_change",
    "retraining",
    "road",
    "sanity_verdict",
    "soft_memberships",
    "soft_ranks",
    "tied_share",
]


def __dir__() -> list[str]:
    """Return the public names, not the files that define them."""
    return __all__
