import math

import pytest
import torch
from torch import nn

import taylorattr as ta
from taylorattr.errors import NonFiniteError, OptionError, PrecisionWarning, ShapeError
from taylorattr.methods import attribute
from tests.autodiff.networks import mlp
from tests.autodiff.networks import points as normal
from tests.methods.occlusion.models import TOKENS, TWO_INPUTS, effect_sums


def losses(model, x, references, groups):
    """f(x) − f(x with a group from a reference), shape (B, R, n), one forward at a time."""
    with torch.no_grad():
        result = torch.empty(len(x), len(references), len(groups), dtype=torch.float64)
        for e, example in enumerate(x):
            for r, reference in enumerate(references):
                for g, group in enumerate(groups):
                    point = example.clone()
                    point[group] = reference[group]
                    result[e, r, g] = model(example[None])[0] - model(point[None])[0]
    return result


def scalar(inputs=4):
    return nn.Sequential(mlp(inputs, 1), nn.Flatten(0)).double().eval()


@pytest.mark.parametrize("players", [None, [[0, 2], [1], [3]]])
@pytest.mark.parametrize("rows", [None, 2, 5])
def test_means_and_standard_errors_are_those_of_the_draws(players, rows):
    x, references = normal(3, 4).double(), normal(7, 4, seed=5).double()
    found = attribute(
        "prediction_difference", scalar(), x, references, players=players, internal_batch_size=rows
    )
    draws = losses(scalar(), x, references, players or [[i] for i in range(4)])
    assert (found.player_scores - draws.mean(1)).abs().max() < 1e-14
    assert (found.standard_errors - draws.std(1) / math.sqrt(7)).abs().max() < 1e-14
    with torch.no_grad():
        assert found.f_baseline.tolist() == pytest.approx([scalar()(references).mean().item()] * 3, abs=1e-14)


def test_row_8_per_reference():
    x, references = normal(2, 4).double(), normal(5, 4, seed=5).double()
    found = attribute("prediction_difference", scalar(), x, references)
    sums = [effect_sums(ta.harsanyi(scalar(), x, r[None]), lambda i, s: float(i in s)) for r in references]
    assert (found.player_scores - torch.stack(sums).mean(0)).abs().max() < 1e-13


def test_it_is_occlusion_averaged_over_references():
    x, references = normal(2, 4).double(), normal(5, 4, seed=5).double()
    found = attribute("prediction_difference", scalar(), x, references)
    averaged = attribute("occlusion_1", scalar(), x, references=references)
    assert (found.player_scores - averaged.player_scores).abs().max() < 1e-14
    assert (found.gap - averaged.gap).abs().max() < 1e-13


def test_log_odds_by_definition_and_its_standard_error():
    model = nn.Sequential(scalar(), nn.Sigmoid()).eval()
    x, references = normal(2, 4).double(), normal(9, 4, seed=5).double()
    found = attribute("prediction_difference", model, x, references, form="log_odds")
    draws = losses(model, x, references, [[i] for i in range(4)])
    with torch.no_grad():
        output = model(x)[:, None]
    mean = output - draws.mean(1)
    assert (found.player_scores - (torch.logit(output) - torch.logit(mean))).abs().max() < 1e-13
    expected = draws.std(1) / 3 / (mean * (1 - mean))
    assert (found.standard_errors - expected).abs().max() < 1e-13
    assert "eq. (26)" in found.diagnostics["note"]
    with pytest.raises(OptionError, match="strictly between 0 and 1"):
        attribute("prediction_difference", scalar(), 9 * x, references, form="log_odds")


def test_a_tolerance_stops_each_example_on_its_standard_error():
    x, references = normal(3, 4).double(), normal(400, 4, seed=5).double()
    found = attribute("prediction_difference", scalar(), x, references, tol=0.08)
    taken = found.diagnostics["references_taken"]
    assert all(16 <= count < 400 for count in taken)
    share = found.standard_errors.amax(1) / found.player_scores.abs().sum(1)
    assert bool((share <= 0.08).all())
    order = torch.randperm(400, generator=torch.Generator().manual_seed(0))  # the default seed
    for e, count in enumerate(taken):
        draws = losses(scalar(), x[e : e + 1], references[order[:count]], [[i] for i in range(4)])[0]
        assert (found.player_scores[e] - draws.mean(0)).abs().max() < 1e-14
    whole = attribute("prediction_difference", scalar(), x, references)
    away = (found.player_scores - whole.player_scores).abs() / found.standard_errors
    assert float(away.max()) < 4  # twelve scores, four standard errors


def test_a_tolerance_that_all_references_do_not_reach_is_said():
    x, references = normal(1, 4).double(), normal(20, 4, seed=5).double()
    with pytest.warns(PrecisionWarning, match="all 20 references"):
        found = attribute("prediction_difference", scalar(), x, references, tol=1e-6)
    whole = attribute("prediction_difference", scalar(), x, references)
    assert (found.player_scores - whole.player_scores).abs().max() < 1e-14
    with pytest.raises(OptionError, match="positive"):
        attribute("prediction_difference", scalar(), x, references, tol=0.0)


def test_tuples_and_tokens():
    x = (normal(2, 3).double(), normal(2, 2, 2, seed=4).double())
    references = (normal(6, 3, seed=7).double(), normal(6, 2, 2, seed=8).double())
    found = attribute("prediction_difference", TWO_INPUTS, x, references, target=0)
    averaged = attribute("occlusion_1", TWO_INPUTS, x, references=references, target=0)
    assert (found.player_scores - averaged.player_scores).abs().max() < 1e-12
    tokens, pads = torch.tensor([[1, 2, 3, 4]]), torch.tensor([[0, 0, 0, 0], [8, 7, 6, 5], [1, 1, 1, 1]])
    found = attribute("prediction_difference", TOKENS, tokens, pads, dtype=torch.float64)
    each = [
        attribute("occlusion_1", TOKENS, tokens, p[None], dtype=torch.float64).player_scores for p in pads
    ]
    assert (found.player_scores - torch.stack(each).mean(0)).abs().max() < 1e-14


def test_unnamed_elements_stay_at_the_input():
    x, references = normal(2, 4).double(), normal(5, 4, seed=5).double()
    players = ta.Players([[0], [1, 2]], rest="fixed")
    found = attribute("prediction_difference", scalar(), x, references, players=players)
    draws = losses(scalar(), x, references, [[0], [1, 2]])
    assert (found.player_scores - draws.mean(1)).abs().max() < 1e-14
    mixed = references.clone()
    mixed[:, 3] = x[0, 3]
    with torch.no_grad():
        assert float(found.f_baseline[0]) == pytest.approx(float(scalar()(mixed).mean()), abs=1e-14)


def test_one_reference_is_occlusion_without_an_error():
    x = normal(2, 4).double()
    found = attribute("prediction_difference", scalar(), x)
    assert found.standard_errors is None
    occluded = attribute("occlusion_1", scalar(), x).player_scores
    assert (found.player_scores - occluded).abs().max() < 1e-15


def test_what_does_not_fit_is_refused():
    x = normal(2, 4).double()
    with pytest.raises(OptionError, match="form='ratio'"):
        attribute("prediction_difference", scalar(), x, form="ratio")
    with pytest.raises(ShapeError, match="reference set"):
        attribute("prediction_difference", scalar(), x, normal(5, 3).double())
    bad = torch.zeros(3, 4).double()
    bad[2, 1] = -1

    def model(rows):
        return torch.where(rows[:, 1] == -1, rows[:, 1].log(), rows.sum(1))

    with pytest.raises(NonFiniteError, match="reference 2"):
        attribute("prediction_difference", model, x.abs(), bad)
