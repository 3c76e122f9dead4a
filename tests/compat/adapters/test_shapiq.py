"""shapiq's explainers under an audit."""

import pytest
import torch
from torch import nn

import taylorattr as ta
import taylorattr.compat.adapters  # noqa: F401  registers the names
from taylorattr.errors import MethodError, OptionError
from tests.methods.networks import points, seeded

pytest.importorskip("shapiq", reason="shapiq is not installed")

MODEL = seeded(nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2)), seed=1)
X, B = points(1, 4, seed=2), points(1, 4, seed=3) / 3
PAIRS = ta.Players([[0, 1], [2], [3]])


def test_agnostic_explainer_gives_the_shapley_values_of_the_players():
    report = ta.audit("shapiq:AgnosticExplainer", MODEL, X, B, target=1, players=PAIRS)
    assert [v.status for v in report.verdicts] == ["holds"] * 3
    exact = ta.attribute("shapley", MODEL, X, B, target=1, players=PAIRS, dtype=torch.float64)
    # its regression weighs the empty and the full coalition with 1e6 instead of infinity
    torch.testing.assert_close(report.allocation.sum(-1), exact.player_scores, rtol=1e-6, atol=1e-8)


def test_interventional_values_are_audited_by_each_reference():
    references = torch.cat([B, points(1, 4, seed=4)])
    report = ta.audit("shapiq:TabularExplainer", MODEL, X, references, target=1)
    assert [v.status for v in report.verdicts] == ["holds"] * 3
    assert any("each of 2 references" in note for note in report.notes)
    both = [
        ta.attribute("shapley", MODEL, X, b[None], target=1, dtype=torch.float64).player_scores
        for b in references
    ]
    torch.testing.assert_close(report.allocation.sum(-1), sum(both) / 2, rtol=1e-6, atol=1e-8)


def test_a_sampled_approximation_is_repeated_and_not_accused():
    state = torch.get_rng_state()
    report = ta.audit(
        "shapiq:AgnosticExplainer", MODEL, X, B, target=1, approximator="permutation", budget=20, repeats=8
    )
    assert report.noise["repeats"] >= 8 and report.exit_status in (0, 3)
    assert torch.equal(torch.get_rng_state(), state)


def test_single_players_of_an_index_with_interactions_miss_the_pairs():
    wanted = ta.binds(taylorattr.compat.adapters.shapiq_method("AgnosticExplainer").make, index="STII")
    report = ta.audit(wanted.having({"max_order": 2}), MODEL, X, B, target=1)
    assert report.complete.status == "fails"
    # STII of order 2 gives J({i}) to single players and everything else to pairs
    assert report.slope[0, 0] == pytest.approx(1, abs=1e-6) and report.slope[0, 1] == pytest.approx(
        0, abs=1e-6
    )


def test_images_are_refused_by_the_explainer_of_tables():
    model = seeded(nn.Sequential(nn.Flatten(), nn.Linear(4, 1)), seed=1)
    with pytest.raises(OptionError, match=r"explains tables \(m, n\)"):
        ta.audit("shapiq:TabularExplainer", model, points(1, 2, 2, seed=1), target=0)


def test_unknown_names_and_arguments():
    with pytest.raises(OptionError, match="known: AgnosticExplainer, TabularExplainer"):
        ta.audit("shapiq:TreeExplainer", MODEL, X, target=0)
    with pytest.raises(MethodError, match="unexpected keyword argument 'nosuch'"):
        ta.audit("shapiq:AgnosticExplainer", MODEL, X, target=0, nosuch=1)
