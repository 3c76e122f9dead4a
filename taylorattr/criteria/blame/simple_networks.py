"""Is a method wrong by itself? It is asked about networks of one unit, in which no operation can be missed.

A method that misses one sort of operation is right on units of another sort. One that is wrong on a linear
map, or on every sort of unit, would break the sum at the first nonlinear operation of any model, which is
innocent.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from taylorattr.criteria.blame.cuts import Example, SumCheck, scores_of
from taylorattr.maths.path_rules import nodes_in_words, rule_of_moments

START, END = -1.2, 1.7
"""Where every unit stands at b and at x: on both sides of a kink at 0, past the linear part of a sigmoid."""

HIGHEST_POWER = 8
"""Powers of one feature whose sums tell the nodes of a quadrature."""

SAME_SUMS_OF_POWERS = 1e-5
"""Difference of moments up to which they are those of a quadrature."""

FEWEST_WRONG_SORTS = 2
"""Sorts of units that must have been taken, and all be wrong, for the method to be wrong by itself."""


class Feature(nn.Module):
    """One feature of the inputs, moved linearly from START at b to END at x, through one unit.

    Args:
        x: Inputs, each (1, …).
        b: Baselines, likewise.
        unit: What follows.
        shape: Shape of the model's output of one row: every entry is the unit, whichever is the target.
        ends: Values of the feature at b and at x; with a start of None it is a multiple of x, without a bias.
    """

    def __init__(
        self,
        x: tuple[Tensor, ...],
        b: tuple[Tensor, ...],
        unit: nn.Module,
        shape: tuple[int, ...],
        ends: tuple[float | None, float] = (START, END),
    ) -> None:
        super().__init__()
        flat_x, flat_b = (torch.cat([part.reshape(1, -1) for part in parts], dim=1) for parts in (x, b))
        start, end = ends
        step = flat_x if start is None else flat_x - flat_b
        self.first = nn.Linear(flat_x.shape[1], 1, dtype=flat_x.dtype)
        self.unit = unit
        self.last = nn.Linear(1, max(1, int(np.prod(shape))), bias=False, dtype=flat_x.dtype)
        with torch.no_grad():
            self.first.weight.copy_(step / step.square().sum() * (end - (start or 0.0)))
            self.first.bias.copy_(
                0.0 * self.first.bias if start is None else start - self.first.weight @ flat_b[0]
            )
            self.last.weight.fill_(1.0)
        self.shape = shape
        self.eval().requires_grad_(False)

    def forward(self, *inputs: Tensor) -> Tensor:
        """Return the unit in the shape of the model's output."""
        flat = torch.cat([part.reshape(len(part), -1) for part in inputs], dim=1)
        return self.last(self.unit(self.first(flat))).reshape(len(flat), *self.shape)


class KthPower(nn.Module):
    """The k-th power."""

    def __init__(self, k: int) -> None:
        super().__init__()
        self.k = k

    def forward(self, z: Tensor) -> Tensor:
        """Return z^k."""
        return z**self.k


UNITS: dict[str, type[nn.Module]] = {"ReLU": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}
"""Sorts of units, which every library knows as modules, for sums of f(x) − f(b)."""

UNITS_FROM_ZERO: dict[str, type[nn.Module]] = {"tanh": nn.Tanh, "GELU": nn.GELU, "SiLU": nn.SiLU}
"""The same for sums of f(x): units with σ(0) = 0 that are no multiples of a line, on which the gradient times
x is right."""


def wrong_by_itself(
    check: SumCheck, x: tuple[Tensor, ...], b: tuple[Tensor, ...], target: Any, shape: tuple[int, ...]
) -> str:
    """Return in what way a method is wrong whatever the model, empty where it is not, or takes no such unit.

    Args:
        check: The method, and what its scores should add up to.
        x: Inputs, each (1, …).
        b: Baselines, likewise.
        target: Which output is explained.
        shape: Shape of the model's output of one row.
    """
    if not _moves(x, b):
        return ""
    names = tuple(f"input {k}" for k in range(len(x)))
    example = Example(dict(zip(names, x, strict=True)), dict(zip(names, b, strict=True)), target)
    difference = check.law == "difference"

    def status(unit: nn.Module) -> str:
        network = Feature(x, b, unit, shape, ends=(START if difference else None, END))
        return check.cut("whole", "unit", network, names, [example], reads_out=False).status

    if status(nn.Identity()) == "breaks":
        return (
            "the method is wrong on a linear map already: its scores are changed afterwards, or answer "
            "another question"
        )
    units = UNITS if difference else UNITS_FROM_ZERO
    answers = {name: status(unit()) for name, unit in units.items()}
    taken = [name for name in answers if answers[name] != "refused"]
    if len(taken) < FEWEST_WRONG_SORTS or any(answers[name] == "holds" for name in taken):
        return ""
    nodes = quadrature(check, x, b, target, shape) if difference else ""
    return f"wrong at every nonlinear one ({', '.join(taken)} by themselves)" + (
        f"; {nodes}" if nodes else ""
    )


def _moves(x: tuple[Tensor, ...], b: tuple[Tensor, ...]) -> bool:
    """Return whether a feature of the inputs can lead from b to x."""
    floating = all(part.is_floating_point() for part in (*x, *b))
    return floating and not all(torch.equal(one, two) for one, two in zip(x, b, strict=True))


def quadrature(
    check: SumCheck, x: tuple[Tensor, ...], b: tuple[Tensor, ...], target: Any, shape: tuple[int, ...]
) -> str:
    """Return the nodes at which a method averages gradients; empty where it does nothing of the kind.

    Of h^k, with h = 0 at b and 1 at x, it gives k·Σ ω_q α_q^{k−1}: the moments of its nodes.
    """
    if not _moves(x, b):
        return ""
    moments = []
    for k in range(1, HIGHEST_POWER + 1):
        try:
            network = Feature(x, b, KthPower(k), shape, ends=(0.0, 1.0))
            parts = scores_of(check.make, network, x, b, target)
        except Exception:  # a library that does not take powers shows no moments
            return ""
        moments.append(sum(float(part.double().sum()) for part in parts) / k)
    rule = rule_of_moments(moments, SAME_SUMS_OF_POWERS)
    return "" if rule is None else f"it averages {nodes_in_words(*rule)}: use more nodes"
