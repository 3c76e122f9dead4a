"""The attributor on small networks: smooth ones inside the radius of their series, ReLU for coalitions."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from taylorattr.design.verify.law import Broken, Kept, NotApplicable, Outcome, law
from taylorattr.design.verify.subject import Subject, allowed
from taylorattr.effects.taylor import decompose
from taylorattr.toys import mlp

FINE = 9
"""Order of the reference table of few players."""

COALITIONS = 7
"""Players up to which all effects of coalitions are formed by their definition."""

REST = 1e-5
"""Of Σ|scores|: what orders above the reference table may add inside the radius."""


@law("networks", "the attributor's scores are Σ w·I on networks, within the error it states")
def networks(subject: Subject) -> Outcome:
    """Ask about tanh networks, and ReLU networks where coalitions are all that counts."""
    if subject.obstacle or subject.n > COALITIONS:
        return NotApplicable(
            subject.obstacle or f"{subject.n} players: effects are formed for {COALITIONS} at most"
        )
    if subject.designed.rule.reach is not None:
        return NotApplicable(f"the ratio is given up to order {subject.designed.rule.reach}")
    activations = ("tanh", "relu") if subject.support else ("tanh",)
    for activation, seed in itertools.product(activations, range(2)):
        model, x, b = network(subject, activation, seed)
        expected = (
            _of_coalitions(subject, model, x, b) if subject.support else _of_terms(subject, model, x, b)
        )
        answer = subject.attribute(model, x, b)
        room = allowed(answer) + (0 if subject.support else REST * np.abs(expected).sum())
        off = np.abs(answer.player_scores.numpy() - expected)
        if (off > room).any():
            return Broken(
                f"way {answer.diagnostics.get('way')!r} is off by {off.max():.2g} where "
                f"{float(room.max()):.2g} is stated",
                f"mlp(({subject.n}, 5, 1), {activation!r}, seed={seed}) at x = {x[0].tolist()}",
            )
    return Kept(" and ".join(activations) + " networks")


def network(subject: Subject, activation: str, seed: int) -> tuple[nn.Module, Tensor, Tensor]:
    """Return a network (B, n) -> (B,), an input and a baseline near each other.

    Args:
        subject: The rule.
        activation: Of the network.
        seed: Of its weights and of the input.
    """
    layers = mlp((subject.n, 5, 1), activation, seed=seed, dtype=torch.float64)
    model = nn.Sequential(layers, nn.Flatten(0)).eval()
    generator = torch.Generator().manual_seed(subject.seed + seed)
    size = 0.3 if activation == "tanh" else 2.0
    x = size * torch.randn(1, subject.n, generator=generator, dtype=torch.float64)
    return model, x, torch.zeros_like(x)


def _of_coalitions(subject: Subject, model: nn.Module, x: Tensor, b: Tensor) -> np.ndarray:
    """Return Σ_S w_S J(S) by the definition of J, eq. (3) and (8)."""
    n = subject.n
    members = [c for size in range(n + 1) for c in itertools.combinations(range(n), size)]
    rows = torch.stack([torch.where(torch.tensor([k in c for k in range(n)]), x[0], b[0]) for c in members])
    with torch.no_grad():
        values = dict(zip(members, model(rows).tolist(), strict=True))
    everybody = tuple(range(n))
    total: np.ndarray | float = 0.0
    for c in members[1:]:
        effect = 0.0
        for size in range(len(c) + 1):
            for part in itertools.combinations(c, size):
                seen = part if subject.frame == "baseline" else tuple(k for k in everybody if k not in part)
                effect += (-1) ** (len(c) - size) * values[seen]
        effect = effect if subject.frame == "baseline" else -effect
        weights = subject.ratio([int(k in c) for k in range(n)])
        total = total + effect * np.array([float(w) for w in weights])
    return np.asarray(total)[None]


def _of_terms(subject: Subject, model: nn.Module, x: Tensor, b: Tensor) -> np.ndarray:
    order = FINE if subject.n <= 4 else 5
    effects = decompose(model, x, b, order=order, frame=subject.frame, with_tails=False)
    if subject.names is not None:
        effects = replace(effects, names=subject.names)
    return subject.designed.allocate(effects).player_scores.numpy()
