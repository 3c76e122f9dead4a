"""Contractions in chunks of units, and which degrees of a product meet first."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from taylorattr.autodiff.polynomial import contraction
from taylorattr.autodiff.polynomial.engine import expand_batch
from taylorattr.autodiff.polynomial.ring import Ring
from taylorattr.program.capture import capture


@pytest.mark.parametrize("order", [2, 3, 4, 5])
def test_chunks_of_units_change_nothing(order, monkeypatch):
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(3, 150), nn.GELU(), nn.Unflatten(1, (15, 10)),
        nn.Linear(10, 8), nn.Tanh(), nn.Flatten(), nn.Linear(120, 1),
    ).double()  # fmt: skip
    x = torch.randn(2, 3, dtype=torch.float64)
    program = capture(lambda x: model(x)[:, 0], (x[:1],), module=model)
    directions = torch.eye(3).double().expand(2, 3, 3)
    whole = expand_batch(program, (x,), (directions,), order, engine="collapsed")
    monkeypatch.setattr(contraction, "CHUNK_ELEMENTS", 1)  # chunks of 64 units
    chunked = expand_batch(program, (x,), (directions,), order, engine="collapsed")
    for a, b in zip(chunked, whole, strict=True):
        assert (a - b).abs().max() <= 1e-13 * b.abs().max()


@pytest.mark.parametrize("order", [2, 3, 4, 5, 6, 7])
def test_products_add_every_triple_of_degrees_once(order):
    """Σ_j ⟨λ_j, x_a∘y_b⟩ over j + a + b = d in whole numbers: exact."""
    p, q = order // 2, order - 1 - order // 2
    ring, generator = Ring(2), torch.Generator().manual_seed(order)

    def poly(highest):
        return [
            torch.randint(-5, 6, (ring.width(d), 1, 4), generator=generator).double()
            for d in range(highest + 1)
        ]

    x, y, lam = poly(p), poly(p), poly(q)
    totals = {d: torch.zeros(ring.width(d), 1, dtype=torch.float64) for d in range(p + 1, order + 1)}
    contraction.bilinear(ring, (x, y), lam, totals, order, ring.multiply, ring.multiply)
    for d, total in totals.items():
        expected = torch.zeros_like(total)
        for j in range(q + 1):
            for a in range(1, p + 1):
                b = d - j - a
                if 1 <= b <= p and a + b > p:
                    product = ring.multiply(lam[j], j, ring.multiply(x[a], a, y[b], b), a + b)
                    expected += product.sum(-1)
        assert (total == expected).all()
