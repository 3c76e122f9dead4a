import pytest
import torch

import taylorattr.compat.captum as ours
from taylorattr.compat.captum.random_points import chosen_rows, noisy
from taylorattr.errors import OptionError
from tests.autodiff.networks import mlp
from tests.autodiff.networks import points as normal
from tests.compat.captum.peer import PAIR, captum, pair_inputs, worst

ROUNDING = 1e-12  # float64 gradients and products of them
WEIGHTS = 1e-7  # captum's quadrature weights are float32

RULES = ["gausslegendre", "riemann_left", "riemann_right", "riemann_middle"]


def both(name, model, *args, **options):
    return tuple(getattr(m, name)(model).attribute(*args, **options) for m in (ours, captum))


@pytest.mark.filterwarnings("ignore::taylorattr.errors.PrecisionWarning")  # few nodes, on purpose
@pytest.mark.parametrize("method", RULES)
@pytest.mark.parametrize("n_steps", [7, 50])
def test_integrated_gradients_and_their_delta(method, n_steps):
    model, x, b = mlp(5).double(), normal(3, 5).double(), normal(1, 5, seed=2).double()
    options = {"target": [0, 1, 2], "method": method, "n_steps": n_steps, "return_convergence_delta": True}
    mine, theirs = both("IntegratedGradients", model, x, b, **options)
    assert worst(mine[0], theirs[0]) < WEIGHTS and worst(mine[1], theirs[1]) < WEIGHTS


def test_the_trapezoid_converges_quadratically():
    model, x, b = mlp(5).double(), normal(3, 5).double(), normal(1, 5, seed=2).double()
    deltas = []
    for n_steps in (33, 65):
        options = {"target": 0, "n_steps": n_steps, "return_convergence_delta": True}
        found = ours.IntegratedGradients(model).attribute(x, b, method="riemann_trapezoid", **options)
        deltas.append(float(found[1].abs().max()))
    assert (
        deltas[1] < 1e-4 and 3.5 < deltas[0] / deltas[1] < 4.5
    )  # 32 and 64 intervals: the error is divided by 4


def test_integrated_gradients_of_tuples_and_without_the_factor():
    x = pair_inputs()
    options = {"target": 1, "additional_forward_args": (2.0,)}
    assert worst(*both("IntegratedGradients", PAIR, x, (0.0, 0.5), **options)) < WEIGHTS
    mine, theirs = (m.IntegratedGradients(PAIR, False).attribute(x, **options) for m in (ours, captum))
    assert worst(mine, theirs) < WEIGHTS
    with pytest.raises(OptionError, match="gausslegendre"):
        ours.IntegratedGradients(PAIR).attribute(x, target=1, method="simpson")


def test_gradients_and_products():
    x = pair_inputs()
    leaves = tuple(part.clone().requires_grad_() for part in x)
    for name in ("Saliency", "InputXGradient"):
        mine = getattr(ours, name)(PAIR).attribute(x, target=0)
        assert worst(mine, getattr(captum, name)(PAIR).attribute(leaves, target=0)) < ROUNDING
    mine = ours.Saliency(PAIR).attribute(x, target=0, abs=False)
    assert worst(mine, captum.Saliency(PAIR).attribute(leaves, target=0, abs=False)) < ROUNDING


def test_convergence_deltas_of_any_scores():
    x, b = pair_inputs(), tuple(part * 0.5 for part in pair_inputs())
    mine, theirs = (
        m.IntegratedGradients(PAIR).compute_convergence_delta(x, b, x, target=1) for m in (ours, captum)
    )
    assert worst(mine, theirs) < ROUNDING


def test_gradient_shap_is_complete_on_average_and_each_delta_is_its_samples():
    model, x = mlp(4).double(), normal(3, 4).double()
    references = normal(6, 4, seed=5).double()
    found, delta = ours.GradientShap(model).attribute(
        x, references, n_samples=400, target=1, return_convergence_delta=True
    )
    theirs, their_delta = captum.GradientShap(model).attribute(
        x, references, n_samples=400, target=1, return_convergence_delta=True
    )
    assert found.shape == theirs.shape and delta.shape == their_delta.shape == (1200,)
    with torch.no_grad():
        full = (model(x)[:, 1] - model(references)[:, 1].mean())[:, None]
    spread = delta.reshape(3, 400).std(1) / 20  # standard error of the mean delta
    assert ((found.sum(1) - full[:, 0]).abs() < 8 * (spread + 0.02)).all()
    expected = ours.IntegratedGradients(model)
    average = torch.stack([expected.attribute(x, r[None], target=1) for r in references]).mean(0)
    assert (found - average).abs().max() < 0.2  # eight standard errors of 400 draws of size one half


def test_gradient_shap_takes_callables_tuples_and_noise():
    x = pair_inputs()
    references = tuple(part.flip(0) for part in x)
    plain = ours.GradientShap(PAIR).attribute(x, references, target=0)
    assert worst(plain, ours.GradientShap(PAIR).attribute(x, lambda: references, target=0)) == 0
    assert worst(plain, ours.GradientShap(PAIR).attribute(x, lambda a, b: references, target=0)) == 0
    noisy = ours.GradientShap(PAIR).attribute(x, references, stdevs=(0.1, 0.2), target=0)
    assert worst(plain, noisy) > 0
    assert [part.shape for part in plain] == [part.shape for part in x]
    with pytest.raises(OptionError, match="n_samples"):
        ours.GradientShap(PAIR).attribute(x, references, n_samples=0, target=0)


@pytest.mark.parametrize("stdevs", [0.0, (0.1, 0.2)])
@pytest.mark.parametrize("rows", [1, 7, 2048])
def test_gradient_shap_draws_and_means_what_a_loop_over_samples_does(monkeypatch, stdevs, rows):
    """Blocks of any size take the draws of one sample after the other; only the order of a sum differs."""
    monkeypatch.setattr("taylorattr.compat.captum.gradient.rows_at_once", lambda *_, **__: rows)
    x, references = pair_inputs(), tuple(part.flip(0) - 1 for part in pair_inputs())
    torch.manual_seed(5)
    found, deltas = ours.GradientShap(PAIR).attribute(
        x, references, n_samples=9, stdevs=stdevs, target=1, return_convergence_delta=True
    )
    generator, totals, gaps = torch.Generator().manual_seed(5), [0.0, 0.0], []
    for _ in range(9):
        ends = noisy(x, stdevs, generator)
        starts = chosen_rows(references, len(x[0]), generator)
        alpha = torch.rand(len(x[0]), generator=generator, dtype=torch.float64)
        points = tuple(
            (b + alpha.reshape(-1, *(1,) * (e.ndim - 1)) * (e - b)).requires_grad_()
            for e, b in zip(ends, starts, strict=True)
        )
        gradients = torch.autograd.grad(PAIR(*points)[:, 1].sum(), points)
        parts = [g * (e - b) for g, e, b in zip(gradients, ends, starts, strict=True)]
        totals = [total + part / 9 for total, part in zip(totals, parts, strict=True)]
        with torch.no_grad():
            gaps.append(sum(p.flatten(1).sum(1) for p in parts) - PAIR(*ends)[:, 1] + PAIR(*starts)[:, 1])
    assert worst(found, tuple(totals)) < ROUNDING
    assert worst(deltas, torch.stack(gaps, 1).reshape(-1)) < ROUNDING
