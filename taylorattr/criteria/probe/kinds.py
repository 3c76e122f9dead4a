"""Which quantities a measured ratio depends on: κ alone, the support, signs of Δ, or Δ itself."""

from __future__ import annotations

import numpy as np

from taylorattr.allocation.rule import Kind
from taylorattr.criteria.paper.witness import monomial
from taylorattr.criteria.probe.monomials import Setting


def classify(
    ratios: np.ndarray, tolerance: np.ndarray, kappas: np.ndarray, settings: tuple[Setting, ...]
) -> tuple[Kind, str]:
    """Return U, S, G or X for ratios read in three settings, and what shows it.

    Args:
        ratios: Shape (3, M, n); settings 0 and 1 have Δ of the same signs, setting 2 other signs.
        tolerance: Differences that are noise, shape (3, M, n).
        kappas: Shape (M, n).
        settings: Where they were read.
    """
    same = _moved(ratios, tolerance, 0, 1)
    turned = _moved(ratios, tolerance, 0, 2)
    if same is not None:
        return "X", _shown(ratios, kappas, settings, *same, 1, "with Δ of the same signs")
    if turned is not None:
        return "G", _shown(ratios, kappas, settings, *turned, 2, "and equal for Δ of the same signs")
    within = _within_supports(ratios.mean(0), tolerance.max(0), kappas)
    if within is not None:
        row, other, player = within
        return "U", (
            f"the same for every Δ; terms of one support differ: player {player + 1} gets "
            f"{ratios[0, row, player]:.6g} of {monomial(kappas[row])} and "
            f"{ratios[0, other, player]:.6g} of {monomial(kappas[other])}"
        )
    if kappas.sum(1).max() < 2:
        return "U", "the same for every Δ; terms of order 1 do not tell supports from exponents"
    return "S", "the same for every Δ and for all terms of one support"


def _moved(ratios: np.ndarray, tolerance: np.ndarray, a: int, b: int) -> tuple[int, int] | None:
    beyond = np.abs(ratios[a] - ratios[b]) - (tolerance[a] + tolerance[b])
    row, player = np.unravel_index(int(beyond.argmax()), beyond.shape)
    return (int(row), int(player)) if beyond[row, player] > 0 else None


def _within_supports(
    ratios: np.ndarray, tolerance: np.ndarray, kappas: np.ndarray
) -> tuple[int, int, int] | None:
    masks = (kappas > 0) @ (1 << np.arange(kappas.shape[1]))
    for row, mask in enumerate(masks):
        first = int(np.flatnonzero(masks == mask)[0])
        beyond = np.abs(ratios[row] - ratios[first]) - tolerance[row] - tolerance[first]
        if beyond.max() > 0:
            return first, row, int(beyond.argmax())
    return None


def _shown(
    ratios: np.ndarray,
    kappas: np.ndarray,
    settings: tuple[Setting, ...],
    row: int,
    player: int,
    other: int,
    remark: str,
) -> str:
    one, two = (
        f"{ratios[t, row, player]:.6g} at Δ = ({', '.join(f'{v:.3g}' for v in settings[t].delta)})"
        for t in (0, other)
    )
    return f"player {player + 1} gets {one} and {two} of {monomial(kappas[row])}, {remark}"
