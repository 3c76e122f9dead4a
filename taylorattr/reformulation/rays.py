"""What an order leaves out of occlusion methods, from one-variable series along masked rays.

f(x) − f(x with W at the baseline) = Σ_{S∩W≠∅} J(S), and the terms above K in it are R_K(g_N) − R_K(g_{N∖W}),
g_T(t) = f(b + tΔ_T), eq. (58). Both remainders have Lagrange's form, eq. (59): one jet in one variable at
each point of the ray, whatever the number of players.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from taylorattr.analysis.players import Players
from taylorattr.effects.effects import TaylorEffects
from taylorattr.effects.taylor import decompose
from taylorattr.reformulation.request import Request, Rows
from taylorattr.reformulation.truncation import lagrange_bound

RAYS = 128
"""Most windows whose rays are looked at."""

PLACES = 5
"""Points of each ray."""


def ray_tails(request: Request, start: Rows, windows: Tensor) -> Tensor:
    """Return max |g_N^{(K+1)}|/(K+1)! + max |g_{N∖W}^{(K+1)}|/(K+1)! for every window, shape (B, W).

    Args:
        request: What is asked.
        start: Baselines.
        windows: Players of each window, shape (W, n), 0 or 1.
    """
    game = request.game(start)
    together = Players([list(range(sum(owner.numel() for owner in game.maps)))], names=("x − b",))
    shared: dict[str, Any] = request.shared | {"players": together}

    def expand(far: Rows, near: Rows, order: int) -> TaylorEffects:
        return decompose(request.model, far, near, order=order, with_tails=False, diagnose=False, **shared)

    def largest(end: Rows) -> Tensor:
        return lagrange_bound(_all, expand, end, game.baselines, request.order, points=PLACES)[:, 0]

    whole = largest(game.inputs)
    tails = []
    for window in windows.bool():
        held = [
            torch.where(owner >= 0, window[owner.cpu().clamp_min(0)].to(owner.device), False)
            for owner in game.maps
        ]
        ends = zip(held, game.baselines, game.inputs, strict=True)
        tails.append(whole + largest(tuple(torch.where(out, b, x) for out, b, x in ends)))
    return torch.stack(tails, dim=1)


def _all(kappas: np.ndarray, example: int) -> np.ndarray:
    return np.ones((len(kappas), 1))
