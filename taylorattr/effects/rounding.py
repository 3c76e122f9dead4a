"""How far rounding can have moved an effect: measured on the model, propagated through the butterfly.

An effect of order s is a signed sum of 2^s outputs, so an error η of one output can become 2^s·η, while true
effects usually shrink with s. The bound tells which orders are numbers and which are noise.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

SAMPLE = (8, 32)
"""Fewest and most coalitions of an example that are evaluated a second time, and in the next precision, by
unfolded forwards; between them an eighth of all, so that this stays an eighth of the work."""

SAFETY = 8.0
"""The largest of 32 errors stands for that of 2^20 outputs, that of 8 for those of 64: near-normal errors
would need a factor of 2.5."""

SMALL_BATCH = 11
"""Rows per second evaluation: other kernels, other order of summation."""

SECOND_CALLS = 3
"""Model calls of a second evaluation at most, whatever the rows: a call may cost more than many rows."""

PARTNER = {
    torch.float64: torch.float32,
    torch.float32: torch.float64,
    torch.float16: torch.float32,
    torch.bfloat16: torch.float32,
}
"""The precision an output is compared with: lower for float64, higher for the rest."""


def unit_roundoff(dtype: torch.dtype) -> float:
    """Return half the distance from 1 to the next number of the dtype."""
    return torch.finfo(dtype).eps / 2


def sample(columns: int, seed: int = 0) -> list[int]:
    """Return up to 32 different columns of a table: the first, the last, and seeded ones between."""
    fewest, most = SAMPLE
    wanted = min(max(columns // 8, fewest), most)
    if columns <= wanted:
        return list(range(columns))
    drawn = np.random.default_rng(seed).integers(1, columns - 1, size=wanted - 2)
    return [0, *sorted({int(p) for p in drawn}), columns - 1]


def second_batch(rows: int) -> int:
    """Return the rows per call of a second evaluation."""
    return max(SMALL_BATCH, -(-rows // SECOND_CALLS))


def hidden_precision(values: Tensor) -> Tensor:
    """Return the unit roundoff outputs (…, R) show, (…): float32's if they fit 24 bits but not 16, else 0.

    A model that computes in float32 inside and hands back float64 is not improved by promotion; its outputs
    are float32 numbers. Short dyadic numbers (integer outputs, toy networks) are exact in either.
    """
    if values.dtype != torch.float64:
        return torch.zeros(values.shape[:-1], dtype=torch.float64)
    mantissa = torch.frexp(values).mantissa * 2**16
    short = (mantissa == mantissa.round()).all(-1)
    fitting = (values.float().double() == values).all(-1)
    return torch.where(fitting & ~short, unit_roundoff(torch.float32), 0.0).double()


def output_error(values: Tensor, again: Tensor, partner: Tensor | None, inside: torch.dtype) -> Tensor:
    """Return a bound η of the rounding error of one output, for each example, shape (…).

    Args:
        values: Outputs as they stand in the table, shape (…, R).
        again: The same outputs by other kernels in the same dtype, shape (…, R).
        partner: The same outputs in the partner precision (see :data:`PARTNER`), or None where the
            model does not run in it.
        inside: Lowest dtype the model is known to compute in; that of the values if nothing is known.

    Returns:
        max of: 8 × the largest difference between the two evaluations; 8 × the largest difference to the
        partner precision, times the ratio of unit roundoffs where the partner is the coarser one (2⁻²⁹ for
        float64 against float32); 4 unit roundoffs of the largest output. The unit roundoff is that of
        ``inside``, or of float32 where the outputs are seen to be float32 numbers. Where the partner
        tells nothing, 64 unit roundoffs of the largest output.
    """
    known = max(unit_roundoff(values.dtype), unit_roundoff(inside))
    u = hidden_precision(again).clamp_min(known)
    again = again.double()
    largest, spread = again.abs().amax(-1), (values.double() - again).abs().amax(-1)
    untold = torch.maximum(SAFETY * spread, 64 * u * largest)
    if partner is None:
        return untold
    if unit_roundoff(inside) > max(unit_roundoff(values.dtype), unit_roundoff(partner.dtype)):
        return untold  # both compute in the coarser dtype inside
    difference = (again - partner.double()).abs().amax(-1)
    scale = (u / unit_roundoff(partner.dtype)).clamp_max(1.0)
    told = torch.maximum(SAFETY * torch.maximum(spread, scale * difference), 4 * u * largest)
    return torch.where(torch.isfinite(partner).all(-1), told, untold)


def error_bound(eta: Tensor | float, largest: Tensor | float, dtype: torch.dtype, orders: int) -> Tensor:
    """Return the bound per order: 2^s (η + γ_s max|v|), γ_s = s·u/(1 − s·u), for s = 0 … orders.

    2^s η is what the outputs' errors can add up to; γ_s 2^s max|v| is the rounding of the s subtractions that
    every term of J(S) passes through (Higham, Accuracy and Stability of Numerical Algorithms, §3.1).

    Args:
        eta: Bound of the error of one output, of each example (…).
        largest: max |v(T)|, likewise.
        dtype: Of the table.
        orders: Largest |S|.

    Returns:
        Shape (…, orders + 1), float64.
    """
    s, u = torch.arange(orders + 1, dtype=torch.float64), unit_roundoff(dtype)
    eta, largest = (torch.as_tensor(part, dtype=torch.float64)[..., None] for part in (eta, largest))
    return (eta + largest * s * u / (1 - s * u)) * 2**s
