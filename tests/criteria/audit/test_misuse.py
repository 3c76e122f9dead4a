"""Wrong uses that tables of scores give away, on tables made by hand."""

import numpy as np
import pytest

from taylorattr.criteria.audit.coalitions import full_masks
from taylorattr.criteria.audit.misuse import LIVE_PLAYER, Symptoms, misuses
from taylorattr.criteria.audit.score_tables import ScoreTable

LEAKS = Symptoms(wrong_sums=False, right_sums=True, leaks=True, starts=False, offset=0.0)


def additive(effects, receivers):
    """Scores of Σ_i effects_i over the players present, that of player i handed to receivers_i."""
    present = full_masks(len(effects))
    moved = present * np.asarray(effects)
    a = np.zeros((len(effects), len(present)))
    for player, receiver in enumerate(receivers):
        a[receiver] += moved[:, player]
    order = np.arange(len(present))
    return ScoreTable(present, moved.sum(axis=1), a, 1.1e-16, order, 0)


def kinds(table):
    return [fault.kind for fault in misuses(table, LEAKS, ("u", "v", "w", "z"))]


def test_players_that_hardly_move_say_nothing_about_the_order():
    """Two players are exchanged; the score of a third, 10⁻⁴ of them, goes to one of the two as well."""
    faint = LIVE_PLAYER / 10
    assert kinds(additive([1.0, 0.5, faint, 2.0], [1, 0, 0, 3])) == ["order of players"]


@pytest.mark.parametrize("receivers", [[0, 1, 2, 3], [1, 0, 0, 3]], ids=["in order", "two to one"])
def test_scores_in_order_or_of_no_order_at_all_are_not_called_another_order(receivers):
    assert "order of players" not in kinds(additive([1.0, 0.5, 0.7, 2.0], receivers))
