import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import taylorattr as ta
from taylorattr.errors import DtypeError, NonFiniteError
from taylorattr.methods import attribute
from taylorattr.toys import Polynomial, three_effects
from tests.autodiff.networks import cnn, mlp
from tests.autodiff.networks import points as normal
from tests.methods.occlusion.models import TOKENS, TWO_INPUTS, effect_sums
from tests.strategies import points, polynomials


def member(i, coalition):
    return float(i in coalition)


def test_the_hand_worked_example():
    found = attribute("occlusion_1", three_effects(), torch.tensor([[1.0, 2.0]]).double())
    assert found.player_scores.tolist() == [[15, 16]] and found.gap.tolist() == [-12]
    assert found.frame == "baseline" and found.standard_errors is None


@pytest.mark.filterwarnings("ignore::taylorattr.errors.ZeroDifferenceWarning")  # effects may cancel
@settings(max_examples=30)
@given(st.data(), polynomials(max_variables=4))
def test_every_effect_is_counted_for_each_member(data, p):
    n = len(next(iter(p)))
    x = [data.draw(points(n, denominator=2)) for _ in range(2)]
    b = [[v + 1 for v in data.draw(points(n, denominator=2))], [v - 1 for v in x[1]]]
    b[0] = [c if c != a else c + 1 for a, c in zip(x[0], b[0], strict=True)]
    rows = [torch.tensor([[float(v) for v in row] for row in table]).double() for table in (x, b)]
    found = attribute("occlusion_1", Polynomial(p), *rows)
    exact = [
        [sum((j for s, j in Polynomial(p).harsanyi(xe, be).items() if i in s), 0) for i in range(n)]
        for xe, be in zip(x, b, strict=True)
    ]
    assert found.player_scores.tolist() == [[float(v) for v in row] for row in exact]  # dyadic: exact


@pytest.mark.parametrize("players", [None, [[0, 3], [1], [2, 4]], torch.tensor([2, 0, 0, 1, 2])])
def test_row_6_on_a_network(players):
    model, x, b = mlp(5).double(), normal(3, 5).double(), normal(1, 5, seed=2).double()
    found = attribute("occlusion_1", model, x, b, target=[0, 1, 2], players=players)
    effects = ta.harsanyi(model, x, b, target=[0, 1, 2], players=players)
    # 2^5 effects of size about 1 with errors of 1e-15 each
    assert (found.player_scores - effect_sums(effects, member)).abs().max() < 1e-13


def test_tuples_and_integer_tokens():
    x = (normal(2, 3).double(), normal(2, 2, 2, seed=4).double())
    found = attribute("occlusion_1", TWO_INPUTS, x, target=0)
    assert found.scores[0].shape == (2, 3) and found.scores[1].shape == (2, 2, 2)
    effects = ta.harsanyi(TWO_INPUTS, x, target=0)
    assert (found.player_scores - effect_sums(effects, member)).abs().max() < 1e-12
    tokens = torch.tensor([[1, 2, 3, 4], [5, 6, 7, 8]])
    found = attribute("occlusion_1", TOKENS, tokens, torch.zeros_like(tokens), dtype=torch.float64)
    effects = ta.harsanyi(TOKENS, tokens, torch.zeros_like(tokens))
    assert (found.player_scores - effect_sums(effects, member)).abs().max() < 1e-13
    with pytest.raises(DtypeError, match="explicit integer baseline"):
        attribute("occlusion_1", TOKENS, tokens)


@pytest.mark.parametrize("rows", [None, 1, 7, 1000])
def test_examples_in_one_call_or_alone_give_the_same(rows):
    model, x = mlp(5).double(), normal(40, 5).double()
    together = attribute("occlusion_1", model, x, target=1, internal_batch_size=rows)
    alone = torch.cat(
        [attribute("occlusion_1", model, x[e : e + 1], target=1).player_scores for e in range(40)]
    )
    assert (together.player_scores - alone).abs().max() < 1e-14  # matrix products of other batch sizes


def test_small_games_of_many_examples_share_model_calls():
    calls = []

    def model(x):
        calls.append(len(x))
        return x.prod(1)

    attribute("occlusion_1", model, normal(500, 3).double())
    assert sum(calls) < 500 * 3 + 500 * 10 and len(calls) < 30


def test_what_does_not_change_gets_exactly_nothing():
    x = normal(2, 1, 6, 6)
    x[:, :, :2] = 0
    found = attribute("occlusion_1", cnn(), x, target=0)
    assert (found.scores[:, :, :2] == 0).all() and (found.scores[:, :, 3:] != 0).all()


def test_a_bad_output_is_named():
    def model(x):
        return torch.where((x[:, 0] == 0) & (x[:, 1] != 0), x[:, 0] / 0, x.sum(1))

    with pytest.raises(NonFiniteError, match="x1"):
        attribute("occlusion_1", model, torch.ones(3, 2).double())


def test_captum_ablation_agrees():
    captum = pytest.importorskip("captum.attr")
    model, x, b = cnn().double(), normal(2, 1, 6, 6).double(), normal(2, 1, 6, 6, seed=5).double()
    mask = torch.arange(36).reshape(1, 1, 6, 6) // 5
    theirs = captum.FeatureAblation(model).attribute(x, b, target=[1, 2], feature_mask=mask)
    ours = attribute("occlusion_1", model, x, b, target=[1, 2], players=mask[0], per_element=False)
    assert np.abs((ours.scores - theirs.detach()).numpy()).max() < 1e-13
