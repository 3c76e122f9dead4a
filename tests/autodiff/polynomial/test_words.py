"""The split of top degrees: recombined, the words give φ(u)·λ exactly."""

from __future__ import annotations

import math

import pytest
import torch

from taylorattr.autodiff.polynomial.compose import Words, arrangements, partitions, top_terms
from taylorattr.autodiff.polynomial.ring import Ring
from taylorattr.autodiff.polynomial.walks import degrees


def test_partitions_of_five_into_parts_up_to_three():
    assert list(partitions(5, 3)) == [(3, 2), (3, 1, 1), (2, 2, 1), (2, 1, 1, 1), (1, 1, 1, 1, 1)]


def test_arrangements_count_orders():
    assert [arrangements(w) for w in [(1,), (2, 1), (1, 1, 1), (2, 1, 1), (2, 2, 1, 1)]] == [1, 2, 1, 3, 6]


@pytest.mark.parametrize("order", range(1, 10))
def test_degrees_meet(order):
    p, q = degrees(order)
    assert p + q + 1 == order
    assert 0 <= p - q <= 1


@pytest.mark.parametrize("order", range(2, 8))
def test_terms_are_the_coefficients_of_the_composition(order):
    """In one variable, with u = Σ_{a≤p} u_a t^a and λ = Σ_{j≤q} λ_j t^j, both of integers: exact."""
    p, q = degrees(order)
    u, lam, f = [0, 3, -2, 5, 7][: p + 1], [2, -3, 4, 1][: q + 1], [1, -2, 3, 5, -1, 2, 4, 3][: order + 1]
    powers = [[1] + [0] * order]
    for _ in range(order):
        previous = powers[-1]
        powers.append([sum(u[a] * previous[d - a] for a in range(min(p, d) + 1)) for d in range(order + 1)])
    composed = [sum(f[k] * powers[k][d] for k in range(order + 1)) for d in range(order + 1)]
    for d in range(p + 1, order + 1):
        expected = sum(lam[j] * composed[d - j] for j in range(min(q, d - p - 1) + 1))
        found = 0
        for (degree, right), terms in top_terms(order, p, q).items():
            if degree == d:
                for term in terms:
                    letters = math.prod(u[a] for a in (*right, *term.left))
                    found += lam[term.adjoint] * f[term.letters] * term.count * letters
        assert found == expected


@pytest.mark.parametrize("order", range(2, 8))
def test_both_factors_have_about_half_the_degree(order):
    p, q = degrees(order)
    for d, right in top_terms(order, p, q):
        assert max(sum(right), d - sum(right)) <= (order + 1) // 2 + (
            order >= 6
        )  # 2+2+2 has no cut in the middle


def test_words_multiply_blocks():
    ring = Ring(3)
    generator = torch.Generator().manual_seed(0)
    v = [None, *(torch.randint(-5, 6, (ring.width(d), 1, 2), generator=generator).double() for d in (1, 2))]
    words = Words(ring, v)
    by_hand = ring.multiply(v[2], 2, ring.multiply(v[1], 1, v[1], 1), 2)
    assert torch.allclose(words((2, 1, 1)), by_hand, rtol=1e-14, atol=0)
    assert (words((2, 2)) == ring.multiply(v[2], 2, v[2], 2)).all()
    assert Words(ring, [None, v[1], None])((2, 1)) is None
