import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from taylorattr.methods.relevance.maths.max_weights import path, shapley, winners

D = torch.float64
WEIGHTS = {"winners": winners, "path": path, "shapley": shapley}


def rows(n, k, seed, ties=False):
    generator = torch.Generator().manual_seed(seed)
    x, b = torch.randn(2, n, k, dtype=D, generator=generator)
    return (x.round(), b.round()) if ties else (x, b)


@pytest.mark.parametrize("name", WEIGHTS)
@given(seed=st.integers(0, 10**6), k=st.integers(1, 6), ties=st.booleans())
def test_weights_are_complete_and_between_zero_and_one(name, seed, k, ties):
    x, b = rows(7, k, seed, ties)
    w = WEIGHTS[name](x, b)
    torch.testing.assert_close((w * (x - b)).sum(-1), x.amax(-1) - b.amax(-1), rtol=1e-12, atol=1e-14)
    assert (w >= 0).all() and (w <= 1 + 1e-15).all()
    if name != "shapley":
        torch.testing.assert_close(w.sum(-1), torch.ones(7, dtype=D))


@given(seed=st.integers(0, 10**6), k=st.integers(1, 5), ties=st.booleans())
def test_shapley_is_the_mean_over_orders(seed, k, ties):
    x, b = rows(3, k, seed, ties)
    expected = torch.zeros_like(x)
    for order in itertools.permutations(range(k)):
        now = b.clone()
        for i in order:
            before = now.amax(-1)
            now[:, i] = x[:, i]
            expected[:, i] += (now.amax(-1) - before) / math.factorial(k)
    torch.testing.assert_close(shapley(x, b) * (x - b), expected, rtol=1e-12, atol=1e-14)


def test_path_is_integrated_gradients_of_the_maximum():
    """Against 20,000 midpoints: each switch of the leader is located to half a step."""
    x, b = rows(5, 4, 1)
    alpha = (torch.arange(20_000, dtype=D) + 0.5) / 20_000
    points = b + alpha[:, None, None] * (x - b)
    counted = torch.nn.functional.one_hot(points.argmax(-1), 4).to(D).mean(0)
    torch.testing.assert_close(path(x, b), counted, rtol=0, atol=3 / 20_000)


@pytest.mark.parametrize("name", WEIGHTS)
def test_padding_never_gets_anything(name):
    x, b = rows(6, 4, 2)
    x[:, 1] = b[:, 1] = -torch.inf
    w = WEIGHTS[name](x, b)
    kept = [0, 2, 3]
    assert (w[:, 1] == 0).all()
    torch.testing.assert_close(w[:, kept], WEIGHTS[name](x[:, kept], b[:, kept]))


def test_two_candidates_winners_and_path_are_the_secant():
    """max(a, c) = c + relu(a − c)."""
    x, b = rows(9, 2, 3)
    d, d0 = x[:, 0] - x[:, 1], b[:, 0] - b[:, 1]
    secant = (d.relu() - d0.relu()) / (d - d0)
    for weights in (winners, path):
        torch.testing.assert_close(
            weights(x, b), torch.stack([secant, 1 - secant], -1), rtol=1e-12, atol=1e-14
        )


def test_sorted_increments_for_reference_zero():
    """Eq. (43): each increment is shared by the inputs at least as large."""
    x = torch.tensor([[5.0, 2.0, 3.0]], dtype=D)
    shares = shapley(x, torch.zeros_like(x)) * x
    assert shares.tolist() == [[2 / 3 + 1 / 2 + 2, 2 / 3, 2 / 3 + 1 / 2]]


@pytest.mark.parametrize("ties", [False, True])
def test_many_candidates_are_few_and_some_that_never_lead(ties):
    """Above 16 candidates the levels are sorted and not exchanged: the same weights."""
    x, b = rows(200, 5, 4, ties)
    b[:100] = b[:100].amin()  # in half of the rows everything rises
    filler = torch.full((200, 15), -50.0, dtype=D)
    many = shapley(torch.cat([x, filler], 1), torch.cat([b, filler], 1))
    torch.testing.assert_close(many[:, :5], shapley(x, b), rtol=1e-12, atol=1e-14)
    assert (many[:, 5:] == 0).all()


def test_the_layout_of_the_candidates_does_not_matter():
    x, b = rows(40, 4, 5)
    for weights in WEIGHTS.values():
        turned = weights(x.T.contiguous().T, b.T.contiguous().T)
        assert torch.equal(turned, weights(x, b))


def test_rows_do_not_depend_on_each_other():
    """Risers and fallers in one row of a dozen, in most rows, or in one alone: the same weights."""
    x, b = rows(60, 4, 6)
    b[6:] = b[6:].amin()  # everything rises in nine rows of ten
    together = shapley(x, b)
    alone = torch.cat([shapley(x[i : i + 1], b[i : i + 1]) for i in range(60)])
    torch.testing.assert_close(together, alone, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_shapley_in_lower_precision(dtype):
    """Heights are ordered by their bits; a few eps of each dtype."""
    x, b = (a.to(dtype) for a in rows(50, 4, 7))
    eps = torch.finfo(dtype).eps
    torch.testing.assert_close(shapley(x, b).to(D), shapley(x.to(D), b.to(D)), rtol=0, atol=40 * eps)
