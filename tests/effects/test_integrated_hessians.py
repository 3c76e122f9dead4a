import warnings

import pytest
import torch
from torch import nn

from taylorattr.effects.integrated_hessians import IntegratedHessians, integrated_hessians
from taylorattr.errors import BudgetError, NonFiniteError, OptionError, PrecisionWarning, ShapeError


def poly(x):
    return 3 * x[:, 0] + x[:, 1] ** 2 + 3 * x[:, 0] * x[:, 1] ** 2


def net(activation=nn.GELU):
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(6, 16), activation(), nn.Linear(16, 16), activation(), nn.Linear(16, 1)
    ).eval()


X = torch.randn(2, 6, generator=torch.Generator().manual_seed(1))


def test_worked_example():
    """Effects 3, 4, 12 of x0, x1², x0 x1² at (1, 2): Γ = 3·e0e0 + 4·e1e1 + 12·(1, 2)(1, 2)ᵀ/9."""
    result = integrated_hessians(poly, torch.tensor([[1.0, 2.0]]))
    expected = torch.tensor([[3 + 12 / 9, 24 / 9], [24 / 9, 4 + 48 / 9]], dtype=torch.float64)
    torch.testing.assert_close(result.values[0], expected, rtol=1e-13, atol=0)
    torch.testing.assert_close(result.integrated_gradients[0], torch.tensor([7.0, 12.0]).double())
    assert result.delta.tolist() == [19] and result.gap.abs().max() < 1e-12 and result.nodes == (5,)


def test_nodes_are_added_until_the_gaps_close():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = integrated_hessians(net(), 3 * X, tolerance=1e-9)
    size = result.values.abs().sum((1, 2))
    assert bool((result.gap.abs() <= 1e-9 * size).all())
    assert bool((result.row_gap.abs().amax(1) <= 1e-9 * size).all())
    assert max(result.nodes) > 5


def test_batch_equals_loop():
    together = integrated_hessians(net(), X, 0.1, n_nodes=8)
    for e in range(2):
        alone = integrated_hessians(net(), X[e : e + 1], 0.1, n_nodes=8)
        torch.testing.assert_close(together.values[e], alone.values[0], rtol=1e-11, atol=1e-14)


def test_what_cannot_be_captured_is_done_by_double_backward():
    def without_rule(x):
        return torch.special.digamma(x.abs() + 3).prod(1)

    def branching(x):  # row by row, as a model on one row at a time might
        return torch.stack([(row**2).sum() if float(row[0]) > 0.15 else row.prod() for row in x])

    for f, reason in ((without_rule, "digamma"), (branching, "takes another branch")):
        result = integrated_hessians(f, 1 + X.abs(), 0.1, n_nodes=8)
        assert all("double backward: " in line and reason in line for line in result.diagnostics["engine"])
    guarded = integrated_hessians(lambda x: x.prod(1) if not x.isnan().any() else x.sum(1), X, 0.1, n_nodes=8)
    assert guarded.diagnostics["engine"] == ["taylor walk"] * 2
    double = net().double()
    walked = integrated_hessians(double, X, 0.1, n_nodes=8)
    assert walked.diagnostics["engine"] == ["taylor walk"] * 2
    opaque = integrated_hessians(
        lambda x: double(x) + 0 * without_rule(x)[:, None], X, 0.1, n_nodes=8, target=0
    )
    torch.testing.assert_close(opaque.values, walked.values, rtol=1e-10, atol=1e-13)
    torch.testing.assert_close(opaque.integrated_gradients, walked.integrated_gradients, rtol=1e-10, atol=0)


def test_kinks_are_said():
    with pytest.warns(PrecisionWarning, match=r"miss f\(x\) − f\(b\).*kinks \(ReLU\).*ta.harsanyi"):
        result = integrated_hessians(net(nn.ReLU), X, 1.0)
    assert result.gap.abs().max() > 1e-3


@pytest.mark.parametrize("suffix", ["json", "npz"])
def test_save_and_load(tmp_path, suffix):
    result = integrated_hessians(net(), X, players=[[0, 1], [2, 3], [4, 5]])
    again = IntegratedHessians.load(result.save(tmp_path / f"result.{suffix}"))
    assert torch.equal(again.values, result.values) and torch.equal(again.row_gap, result.row_gap)
    assert (again.names, again.nodes, again.diagnostics) == (result.names, result.nodes, result.diagnostics)


def test_top_and_repr_add_both_halves_of_a_pair():
    result = integrated_hessians(poly, torch.tensor([[1.0, 2.0]]))
    names, shares = zip(*result.top(9), strict=True)
    assert names == (("x1", "x1"), ("x0", "x1"), ("x0", "x0"))
    assert shares == pytest.approx((4 + 48 / 9, 48 / 9, 3 + 12 / 9)) and sum(shares) == pytest.approx(19)
    assert "x0 × x1" in repr(result) and "delta +19" in repr(result)
    with pytest.raises(OptionError, match="example=3"):
        result.top(example=3)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"n_nodes": 0}, OptionError, "n_nodes=0; expected 1 … 128"),
        ({"n_nodes": 129}, OptionError, "n_nodes=129"),
        ({"tolerance": 0}, OptionError, "tolerance=0"),
        ({"memory_limit": 10}, BudgetError, "2 examples and 6 players need"),
    ],
)
def test_options_out_of_range(options, error, message):
    with pytest.raises(error, match=message):
        integrated_hessians(net(), X, **options)


def test_as_many_nodes_as_are_offered():
    with pytest.warns(PrecisionWarning, match="128 nodes"):  # rounding alone is above the tolerance
        result = integrated_hessians(net(), X[:1], n_nodes=128, tolerance=1e-300)
    assert result.nodes == (128,)


def test_parts_must_fit():
    with pytest.raises(ShapeError, match=r"expected \(B, n, n\)"):
        IntegratedHessians(torch.zeros(1, 2, 2), torch.zeros(1, 3), torch.zeros(1), ("a", "b"), (5,))


def test_singular_baselines_are_refused_with_the_operation():
    with pytest.raises(NonFiniteError, match="at the baseline: aten.sqrt"):
        integrated_hessians(lambda z: z.sqrt().sum(1), torch.ones(1, 2).double())
