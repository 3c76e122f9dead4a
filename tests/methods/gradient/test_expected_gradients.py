"""Expected Gradients: each effect belongs to its own reference."""

import pytest
import torch

import taylorattr as ta
from taylorattr import toys
from taylorattr.errors import OptionError, PrecisionWarning, ShapeError
from tests.methods.networks import points

TERMS = {(1, 0, 0): 2, (0, 2, 0): -1, (1, 1, 0): 3, (1, 2, 0): 1, (1, 1, 1): -2, (0, 0, 5): 1}


def test_the_full_form_shares_each_references_effects_by_degree_eq_21():
    model, x, references = toys.Polynomial(TERMS), points(2, 3), points(4, 3, seed=7)
    result = ta.attribute("expected_gradients", model, x, references, mode="full", n_steps=3)
    for e in range(2):
        expected = torch.zeros(3, dtype=torch.float64)
        for b in references:
            for kappa, effect in model.effects(x[e].tolist(), b.tolist()).items():
                shares = torch.tensor(kappa, dtype=torch.float64) / sum(kappa)
                expected += float(effect) / 4 * shares
        torch.testing.assert_close(result.player_scores[e], expected, rtol=0, atol=1e-11)
    torch.testing.assert_close(result.f_baseline, model(references).mean().expand(2))
    assert float(result.gap.abs().max()) < 1e-11
    assert torch.equal(result.baselines, references)


def test_the_shares_in_one_fixed_frame_are_others_eq_22():
    middle, away = 0.5, 0.25
    model = lambda x: (x[:, 0] - middle) ** 2  # noqa: E731
    x = torch.tensor([[1.5]], dtype=torch.float64)
    references = torch.tensor([[middle - away], [middle + away]], dtype=torch.float64)
    result = ta.attribute("expected_gradients", model, x, references, mode="full", n_steps=2)
    # in the frame of the mean the one effect is Δ² = 1; its weight is 1 − τ²/Δ²
    assert abs(float(result.player_scores) - (1 - away**2)) < 1e-14


def test_full_is_integrated_gradients_averaged():
    model = toys.mlp((5, 16, 16, 2), "relu", dtype=torch.float64)
    x, references = points(3, 5), points(4, 5, seed=2)
    full = ta.attribute("expected_gradients", model, x, references, target=[0, 1, 0], mode="full")
    averaged = ta.attribute("integrated_gradients", model, x, references=references, target=[0, 1, 0])
    torch.testing.assert_close(full.player_scores, averaged.player_scores, rtol=0, atol=1e-13)
    torch.testing.assert_close(full.f_baseline, averaged.f_baseline, rtol=0, atol=1e-14)


def test_the_full_form_has_the_standard_errors_of_drawing_the_references():
    model, x, references = (
        toys.mlp((4, 8, 1), "gelu", dtype=torch.float64),
        points(2, 4),
        points(5, 4, seed=3),
    )
    full = ta.attribute("expected_gradients", model, x, references, target=0, mode="full", n_steps=9)
    each = torch.stack(
        [
            ta.attribute("integrated_gradients", model, x, r[None], target=0, n_steps=9).player_scores
            for r in references
        ]
    )
    torch.testing.assert_close(full.standard_errors, each.std(0) / 5**0.5, rtol=1e-10, atol=1e-13)
    one = ta.attribute("expected_gradients", model, x, references[:1], target=0, mode="full", n_steps=9)
    assert one.standard_errors is None


def test_samples_scatter_about_the_full_form_as_their_standard_errors_say():
    model, x, references = (
        toys.mlp((4, 16, 1), "gelu", dtype=torch.float64),
        points(1, 4),
        points(6, 4, seed=2),
    )
    full = ta.attribute("expected_gradients", model, x, references, target=0, mode="full", n_steps=20)
    deviations = []
    for seed in range(40):
        found = ta.attribute("expected_gradients", model, x, references, target=0, n_samples=100, seed=seed)
        deviations.append((found.player_scores - full.player_scores) / found.standard_errors)
    spread = torch.cat(deviations).square().mean(0).sqrt()
    # 40 standard normal numbers have a root mean square of 1 ± 0.11
    assert bool(((spread > 0.6) & (spread < 1.5)).all()), spread


def test_a_tolerance_stops_the_sampling():
    model, x, references = (
        toys.mlp((4, 16, 1), "gelu", dtype=torch.float64),
        points(2, 4),
        points(6, 4, seed=2),
    )
    result = ta.attribute("expected_gradients", model, x, references, target=0, tol=0.02, n_samples=20000)
    assert 16 < result.diagnostics["n_samples"] < 20000
    with pytest.warns(PrecisionWarning, match="standard error"):
        ta.attribute("expected_gradients", model, x, references, target=0, tol=1e-6, n_samples=50)


def test_chunks_and_company_change_nothing():
    model, x, references = (
        toys.mlp((4, 16, 1), "gelu", dtype=torch.float64),
        points(5, 4),
        points(6, 4, seed=2),
    )
    together = ta.attribute("expected_gradients", model, x, references, target=0)
    pieces = ta.attribute("expected_gradients", model, x, references, target=0, internal_batch_size=9)
    alone = ta.attribute("expected_gradients", model, x[3:4], references, target=0)
    torch.testing.assert_close(together.scores, pieces.scores, rtol=1e-12, atol=1e-15)
    torch.testing.assert_close(together.scores[3:4], alone.scores, rtol=1e-12, atol=1e-15)


def test_tuple_inputs_and_held_elements():
    model = lambda a, b: (a * b).sum(1) * a[:, 0]  # noqa: E731
    a, b, refs = points(2, 3), points(2, 3, seed=2), (points(4, 3, seed=3), points(4, 3, seed=4))
    result = ta.attribute("expected_gradients", model, (a, b), refs, mode="full", n_steps=4)
    assert isinstance(result.scores, tuple) and result.scores[1].shape == (2, 3)
    assert float(result.gap.abs().max()) < 1e-13
    held = ta.attribute(
        "expected_gradients",
        model,
        (a, b),
        refs,
        mode="full",
        n_steps=4,
        players=ta.Players([[0, 1], [2]], rest="fixed"),
    )
    assert not held.scores[1].any() and float(held.gap.abs().max()) < 1e-13


@pytest.mark.parametrize(
    "references, message",
    [
        (points(3), "has shape \\(3,\\).*unsqueeze"),
        (points(4, 2), "one row per reference"),
        (points(0, 3), "no row"),
        ("mean", "expected a tensor"),
    ],
)
def test_a_reference_set_of_the_wrong_shape_is_refused(references, message):
    with pytest.raises(ShapeError, match=message):
        ta.attribute("expected_gradients", toys.Polynomial(TERMS), points(1, 3), references)


def test_wrong_options_say_what_to_do():
    model, x, references = toys.Polynomial(TERMS), points(1, 3), points(2, 3)
    with pytest.raises(OptionError, match="'sample' or 'full'"):
        ta.attribute("expected_gradients", model, x, references, mode="all")
    with pytest.raises(OptionError, match="n_steps goes with mode='full'"):
        ta.attribute("expected_gradients", model, x, references, n_steps=5)
    with pytest.raises(OptionError, match="pass the set as baselines"):
        ta.attribute("expected_gradients", model, x, references=references)
