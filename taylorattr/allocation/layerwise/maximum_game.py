"""A maximum as a component: its coalition effects shared equally, 1/s; docs/theory.md eq. (43).

The game is T ↦ max(x on T, b elsewhere). For b = 0 and x ≥ 0 its shares are the sorted increments; in
general max = ∫ 1[some candidate exceeds t] dt, and at a level t that u candidates exceed at x only and d at b
only (and none at both) a riser gets d!(u−1)!/(u+d)! and a faller −(d−1)!u!/(u+d)!.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from taylorattr.allocation.layerwise.components import Component, Values
from taylorattr.errors import MissingRuleError
from taylorattr.program.arguments import named
from taylorattr.program.pool_places import pool_places


def equal_shares(x: Tensor, b: Tensor) -> Tensor:
    """Return φ_i/Δ_i of the maximum of k candidates, in [0, 1]; 0 where Δ_i = 0.

    Args:
        x: Candidates at x, shape (…, k); −∞ for none.
        b: Candidates at b, likewise.
    """
    k = x.shape[-1]
    # what somebody reaches at both points belongs to no coalition's change
    common = torch.minimum(x, b).amax(-1, keepdim=True)
    height, rises = (torch.maximum(x, b) - common).clamp(min=0), (x > b).to(x.dtype)
    ordered, order = height.sort(-1, descending=True)
    width = ordered - torch.cat([ordered[..., 1:], torch.zeros_like(ordered[..., :1])], -1)
    risers = rises.gather(-1, order).cumsum(-1)
    size = torch.arange(1, k + 1, dtype=x.dtype)
    fallers = size - risers
    choose = torch.tensor([[math.comb(j, u) for u in range(k + 1)] for j in range(1, k + 1)], dtype=x.dtype)
    ways = choose[torch.arange(k).expand(risers.shape), risers.long()]
    # level j lies between the heights of ranks j and j + 1; everyone of a rank up to j exceeds it
    up = torch.where(risers > 0, width / (ways * risers.clamp(min=1)), 0.0)
    down = torch.where(fallers > 0, width / (ways * fallers.clamp(min=1)), 0.0)
    totals = [part.flip(-1).cumsum(-1).flip(-1) for part in (up, down)]
    amount = torch.where(rises.gather(-1, order) > 0, *totals)
    change = torch.where(torch.isinf(x), 0.0, (x - b).abs())
    shares = torch.zeros_like(height).scatter(-1, order, amount)
    return torch.where(change == 0, 0.0, shares / torch.where(change == 0, 1.0, change))


@dataclass(frozen=True, eq=False)
class MaximumGame:
    """The shares of one operation.

    Attributes:
        operation: The maximum.
        places: Flat positions of the candidates in the operand, shape (results, k); None for two operands.
        weights: φ/Δ, shape (E, results, k).
        shapes: Shape of each operand, (E, …).
    """

    operation: Component
    places: Tensor | None
    weights: Tensor
    shapes: dict[int, torch.Size]

    @classmethod
    def of(cls, operation: Component, x: Values, b: Values) -> MaximumGame:
        """Return the game of a maximum between two points.

        Raises:
            MissingRuleError: If a maximum of two has a constant operand of another shape.
        """
        shapes = {i: x[i].shape[1:] for i in operation.inputs}
        sign = -1.0 if operation.name in ("min", "amin", "minimum", "fmin") else 1.0
        if len(operation.inputs) > 1:
            at_x, at_b = (
                torch.stack(torch.broadcast_tensors(*(sign * v[i][0] for i in operation.inputs)), -1)
                for v in (x, b)
            )
            flat = [t.reshape(t.shape[0], -1, t.shape[-1]) for t in (at_x, at_b)]
            return cls(operation, None, equal_shares(*flat), shapes)
        slot = next(iter(shapes))
        places, repeated = _candidates(operation, x[slot].shape[2:], x[operation.out].shape[2:])
        rows = [sign * v[slot].reshape(v[slot].shape[1], -1)[:, places] for v in (x, b)]
        rows = [torch.where(repeated, -torch.inf, row) for row in rows]
        return cls(operation, places, equal_shares(*rows), shapes)

    def pull(self, m: Tensor) -> Values:
        """Return the multipliers of the operands for one (C, E, …) of the result; overlaps add up."""
        per_candidate = m.reshape(*m.shape[:2], -1, 1) * self.weights
        below: Values = {}
        for k, (slot, shape) in enumerate(self.shapes.items()):
            if self.places is None:
                wide = per_candidate[..., k].reshape(m.shape)
                below[slot] = wide.sum_to_size(m.shape[0], *shape)  # an operand may have been broadcast
                continue
            total = per_candidate.new_zeros(*m.shape[:2], shape[1:].numel())
            total.index_add_(2, self.places.reshape(-1), per_candidate.flatten(2))
            below[slot] = total.reshape(m.shape[0], *shape)
        return below

    def push(self, parts: Values, like: Tensor) -> Tensor:
        """Return Σ weights·parts for parts (1, E, …) of the operands, in the shape of the result."""
        total = torch.zeros_like(like)
        for k, slot in enumerate(self.shapes):
            if self.places is None:
                total = total + self.weights[..., k].reshape(like.shape) * parts[slot]
                continue
            flat = parts[slot].reshape(like.shape[1], -1)[:, self.places]
            total = total + (self.weights * flat).sum(-1).reshape(like.shape)
        return total


def _candidates(operation: Component, shape: torch.Size, out: torch.Size) -> tuple[Tensor, Tensor]:
    """Return flat positions (results, k), and which entries repeat an earlier one, as padding of a window."""
    a = named(operation.node.op, operation.node.args, operation.node.kwargs)
    grid = torch.arange(shape.numel()).reshape(shape)
    if "pool" in operation.name:
        count = next((n for n in (1, 2, 3) if f"{n}d" in operation.name), 2)
        inside = pool_places(operation.name, a, shape[-count:], out[-count:])
        lead = grid.reshape(-1, shape[-count:].numel())[:, :1, None]
        places = (lead + inside[None]).reshape(-1, inside.shape[1])
    elif "other" in a and a["other"] is not None:
        raise MissingRuleError(
            f"no layer-wise ratio for {operation.place}: write a maximum against a constant as clamp"
        )
    else:
        dims = a.get("dim")
        dims = [dims] if isinstance(dims, int) else list(dims or range(len(shape)))
        last = list(range(len(shape) - len(dims), len(shape)))
        places = grid.movedim(dims, last).flatten(-len(dims)).reshape(out.numel(), -1)
    same = places[:, :, None] == places[:, None, :]
    return places, same.tril(-1).any(-1)
