"""Grouping units by the players they depend on changes nothing but the time."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from taylorattr.autodiff.polynomial import contraction
from taylorattr.autodiff.polynomial.engine import expand_batch
from taylorattr.program.capture import capture


def patches(count: int) -> torch.Tensor:
    """Directions of the square patches of a 1 × 8 × 8 image, (count, 1, 8, 8)."""
    side = int(count**0.5)
    image = torch.randn(1, 8, 8, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    rows = torch.arange(8) * side // 8
    owner = rows[:, None] * side + rows[None, :]
    return torch.stack([torch.where(owner == g, image, 0.0) for g in range(count)])


@pytest.mark.parametrize("order", [2, 3])
@pytest.mark.parametrize("activation", [nn.GELU, nn.Tanh])
def test_grouped_equals_dense(order, activation, monkeypatch):
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1), activation(), nn.MaxPool2d(2), nn.Conv2d(3, 2, 2), activation(),
        nn.Flatten(), nn.Linear(18, 1),
    ).double()  # fmt: skip
    x = torch.randn(2, 1, 8, 8, dtype=torch.float64)
    program = capture(lambda x: model(x)[:, 0], (x[:1],), module=model)
    directions = patches(16).expand(2, 16, 1, 8, 8)
    dense = expand_batch(program, (x,), (directions,), order, engine="collapsed")
    used = []
    monkeypatch.setattr(contraction, "WORTH_GROUPING", 0)
    groups = contraction.groups
    monkeypatch.setattr(contraction, "groups", lambda active: used.append(1) or groups(active))
    grouped = expand_batch(program, (x,), (directions,), order, engine="collapsed")
    assert used
    for a, b in zip(grouped, dense, strict=True):
        assert (a - b).abs().max() <= 1e-13 * b.abs().max()


@given(st.integers(1, 6), st.integers(1, 200), st.integers(0, 1000))
def test_every_unit_is_in_one_group_with_its_players(n, units, seed):
    active = torch.rand(n, units, generator=torch.Generator().manual_seed(seed)) < 0.4
    seen = torch.zeros(units, dtype=torch.int64)
    for group in contraction.groups(active):
        for players, chunk, valid in zip(group.players, group.units, group.valid, strict=True):
            for unit in chunk[valid].tolist():
                assert active[:, unit].nonzero()[:, 0].tolist() == players.tolist()
                seen[unit] += 1
    assert torch.equal(seen, active.any(0).long())


def test_patterns_with_equal_sums_are_told_apart(monkeypatch):
    monkeypatch.setattr(torch, "randint", lambda *_, **__: torch.ones(3, dtype=torch.int64))
    active = torch.tensor([[1, 0, 0, 1], [0, 1, 0, 1], [0, 0, 1, 0]]).bool()
    found = {tuple(players.tolist()) for group in contraction.groups(active) for players in group.players}
    assert found == {(0,), (1,), (2,), (0, 1)}
