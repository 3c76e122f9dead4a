"""Degree-by-support tables and exact tails: eq. (57), (58)."""

import itertools

import pytest
import torch

import taylorattr as ta
from taylorattr.errors import BudgetError, OptionError
from taylorattr.toys import mlp

X = torch.tensor([[0.4, -0.3, 0.6, 0.2], [0.1, 0.5, -0.2, 0.3]], dtype=torch.float64)


def net():
    return mlp((4, 10, 10, 1), "tanh", seed=7, dtype=torch.float64)


@pytest.mark.parametrize("frame", ["baseline", "input"])
def test_masked_jets_give_the_sums_of_the_multivariate_table(frame):
    table = ta.decompose(net(), X, order=5, frame=frame, diagnose=False)
    for m, masked in enumerate(ta.degree_by_support(net(), X, order=5, frame=frame), start=1):
        summed = table.of_order(m)
        scale = float(summed.values[:, 1:].abs().max())
        found = masked.values[:, torch.from_numpy(summed.masks)]
        assert torch.allclose(found[:, 1:], summed.values[:, 1:], rtol=0, atol=1e-10 * scale)


def test_orders_below_the_size_of_a_coalition_are_zero():
    for m, masked in enumerate(ta.degree_by_support(net(), X, order=3), start=1):
        scale = float(masked.values[:, 1:].abs().max())
        for size in range(m + 1, 5):
            assert float(masked.order_values(size).abs().max()) <= 1e-13 * scale


@pytest.mark.parametrize("frame", ["baseline", "input"])
@pytest.mark.parametrize("order", [1, 3])
def test_tails_complete_the_series_to_the_exact_effects(order, frame):
    found = ta.decompose(net(), X, order=order, frame=frame, diagnose=False)
    exact = ta.harsanyi(net(), X, frame=frame)
    for coalition in exact.coalitions[1:]:
        inside = len(coalition) <= order
        series = found.interactions.effect(coalition) if inside else torch.zeros(2, dtype=torch.float64)
        assert torch.allclose(
            series + found.tails.effect(coalition), exact.effect(coalition), rtol=0, atol=1e-14
        )


def test_tails_add_up_to_the_remainder_and_are_bounded_by_those_of_the_rays():
    order = 3
    found = ta.decompose(net(), X, order=order, diagnose=False)
    assert torch.allclose(found.tails.total, found.remainder, rtol=0, atol=1e-14)
    exact = ta.harsanyi(net(), X)
    jets = ta.degree_by_support(net(), X, order=order)

    def remainder_of_ray(coalition):
        inside = [s for size in range(1, len(coalition) + 1) for s in itertools.combinations(coalition, size)]
        whole = sum(exact.effect(s) for s in inside)
        series = sum(table.effect(s) for table in jets for s in inside)
        return (whole - series).abs()

    for coalition in [(0,), (1, 3), (0, 1, 2)]:
        below = [s for size in range(1, len(coalition) + 1) for s in itertools.combinations(coalition, size)]
        bound = sum(remainder_of_ray(s) for s in below)
        assert (found.tails.effect(coalition).abs() <= bound + 1e-14).all()


def test_bad_input():
    with pytest.raises(OptionError, match="order=0"):
        ta.degree_by_support(net(), X, order=0)
    with pytest.raises(BudgetError, match=r"of 17 players needs 2\*\*17 jets"):
        ta.degree_by_support(lambda x: x.sum(1), torch.ones(1, 17))
