"""What a rule hands out of an effect, summed over everybody, is what its scores add up to."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import taylorattr as ta
from taylorattr.errors import OptionError
from taylorattr.graphs import allocated_effects

from .tables import effect_tables


@given(effect_tables(max_batch=2), st.sampled_from(["shapley", "occlusion_1"]))
def test_the_sum_handed_out_is_the_sum_of_the_scores(effects, rule):
    handed = allocated_effects(rule, effects)
    scores = ta.allocate(rule, effects).player_scores.sum(1).numpy()
    assert handed.values[:, 1:].sum(1).numpy() == pytest.approx(scores, abs=1e-9)
    if rule == "shapley":
        assert handed.values.numpy() == pytest.approx(effects.values.numpy(), abs=1e-12)
    else:
        sizes = np.where(effects.coalitions.sizes == 0, 1, effects.coalitions.sizes)
        assert (handed.values.numpy() == effects.values.numpy() * sizes).all()


def test_a_term_level_rule_needs_terms():
    x = torch.ones(1, 2, dtype=torch.float64)
    effects = ta.harsanyi(lambda z: z.prod(1), x)
    with pytest.raises(OptionError, match="pass Taylor effects"):
        allocated_effects("integrated_gradients", effects)
    terms = ta.decompose(lambda z: z.prod(1), x, order=2)
    assert allocated_effects("integrated_gradients", terms).values.numpy() == pytest.approx(
        terms.values.numpy()
    )
    assert allocated_effects("gradient_x_input", terms).diagnostics["allocated_by"] == "gradient_x_input"
