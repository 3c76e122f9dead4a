"""What a graph shows of effects: one number per player, one per pair, for every example of a batch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from taylorattr.aliases import Frame
from taylorattr.errors import NonFiniteError, OptionError


@dataclass(frozen=True, eq=False)
class PairTable:
    """Numbers of the nodes and edges of interaction graphs, one graph per example.

    Attributes:
        names: Names of the n players.
        kind: What an edge is: ``pair`` J({i,j}), ``total`` Σ_{S⊇{i,j}}|J(S)|, the name of an index,
            ``hessian``, ``integrated_hessians``, or ``scores`` (no edges).
        strengths: Of the edges, shape (B, n, n), symmetric, zero diagonal.
        signs: −1, 0 or 1, same shape; of a total the sign of Σ_{S⊇{i,j}} J(S).
        independent: ψ_i, shape (B, n); its first-order and its high-order part where effects are Taylor's.
        interactions: Σ_{S∋i, |S|≥2} J(S) and the same of |J(S)|, shape (B, n) each.
        alone: Part of Σ|J| that node i shows, shape (B, n).
        covered: Part of Σ|J| that an edge shows, shape (B, n, n): 1/C(|S|, 2) of an effect folded into pairs.
        total: Σ|J| over the table, shape (B,).
        rounding: Bound of the rounding error of one strength, shape (B,).
        reach: How far the table goes, in words.
        frame: Where the effects are taken; None for a Hessian at one point.
        delta: f(x) − f(b), shape (B,), or None.
        f_input: f(x), shape (B,), or None.
        f_baseline: f(b), shape (B,), or None.
    """

    names: tuple[str, ...]
    kind: str
    strengths: np.ndarray
    signs: np.ndarray
    independent: np.ndarray
    interactions: np.ndarray
    interactions_size: np.ndarray
    alone: np.ndarray
    covered: np.ndarray
    total: np.ndarray
    rounding: np.ndarray
    reach: str
    first_order: np.ndarray | None = None
    high_order: np.ndarray | None = None
    frame: Frame | None = None
    delta: np.ndarray | None = None
    f_input: np.ndarray | None = None
    f_baseline: np.ndarray | None = None

    @property
    def n(self) -> int:
        """Number of players."""
        return len(self.names)

    @property
    def batch(self) -> int:
        """Number of examples B."""
        return len(self.total)


def check_example(example: int, batch: int) -> None:
    """Raise OptionError unless there is such an example."""
    if batch == 0:
        raise OptionError("the result holds no example, so there is no graph to make of it")
    if not isinstance(example, int) or not 0 <= example < batch:
        raise OptionError(f"example={example}; the result holds examples 0 … {batch - 1}")


def check_finite(table: PairTable, examples: Iterable[int]) -> None:
    """Raise NonFiniteError if an effect of one of these examples is NaN or infinite."""
    for example in examples:
        if not np.isfinite(table.total[example]):
            raise NonFiniteError(
                f"the effects of example {example} hold NaN or infinity; look at the model's outputs there, "
                "or leave the example out"
            )


def hollow(matrix: np.ndarray) -> np.ndarray:
    """Return matrices with a zero diagonal, shape (…, n, n)."""
    return matrix * (1.0 - np.eye(matrix.shape[-1]))


def numbers(tensor: Tensor) -> np.ndarray:
    """Return a tensor as float64."""
    return tensor.detach().double().cpu().numpy()
