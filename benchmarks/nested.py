"""The obvious other way to Taylor terms: torch.func transforms nested K deep; and the floors beside it."""

from __future__ import annotations

from collections.abc import Callable
from math import comb, factorial

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.contest import Computation
from taylorattr.maths.multi_index import exponents, monomials


def players_function(network: nn.Module, base: Tensor, directions: Tensor) -> Callable[[Tensor], Tensor]:
    """Return t ↦ f(b + Σ_g t_g Δ_g).

    Args:
        network: (R, …) -> (R,).
        base: b, shape (1, …).
        directions: Δ masked to each player, shape (n, …).

    Returns:
        Function of t, shape (n,) -> ().
    """

    def function(t: Tensor) -> Tensor:
        return network(base + torch.tensordot(t, directions, dims=1)).squeeze(0)

    return function


def derivative(function: Callable[[Tensor], Tensor], n: int, order: int) -> Computation:
    """Return the computation of the order-K derivative tensor alone, forward over … over reverse.

    Lower orders come on top of it for a table of all effects; leaving them out favours this side.

    Args:
        function: (n,) -> ().
        n: Number of players.
        order: K ≥ 1.

    Returns:
        Computation of a tensor with n^K entries.
    """
    nested = torch.func.jacrev(function)
    for _ in range(order - 1):
        nested = torch.func.jacfwd(nested)
    return lambda: nested(torch.zeros(n, dtype=torch.float64))


def coefficients(tensor: Tensor, order: int) -> np.ndarray:
    """Return ∂^κ f / κ! for |κ| = order, in the package's order, from the full derivative tensor."""
    n = tensor.shape[0]
    places = monomials(n, order)
    factorials = np.vectorize(factorial)(exponents(n, order)).prod(1)
    return tensor.detach().numpy()[tuple(places.T)] / factorials


def forwards(network: nn.Module, rows: int, example: Tensor, chunk: int = 1024) -> Computation:
    """Return the computation of plain forward passes of that many rows, in chunks.

    Args:
        network: (R, …) -> (R,).
        rows: Number of rows.
        example: One example, shape (1, …).
        chunk: Rows at a time.

    Returns:
        The computation.
    """
    batch = example.repeat(min(chunk, rows), *(1,) * (example.ndim - 1))
    whole, rest = divmod(rows, len(batch))

    def computation() -> None:
        with torch.no_grad():
            for _ in range(whole):
                network(batch)
            if rest:
                network(batch[:rest])

    return computation


def forwards_and_backwards(network: nn.Module, rows: int, example: Tensor, chunk: int = 1024) -> Computation:
    """Return the computation of forward passes of that many rows and the gradient of their sum.

    Args:
        network: (R, …) -> (R,).
        rows: Number of rows.
        example: One example, shape (1, …).
        chunk: Rows at a time.

    Returns:
        The computation.
    """
    sizes = [chunk] * (rows // chunk) + ([rows % chunk] if rows % chunk else [])
    batches = [example.repeat(size, *(1,) * (example.ndim - 1)).requires_grad_() for size in sizes]

    def computation() -> None:
        for batch in batches:
            torch.autograd.grad(network(batch).sum(), batch)

    return computation


def blocks(n: int, order: int) -> int:
    """Return C(n+K−1, K−1): the coefficients of degree below K, each of which passes every layer once."""
    return comb(n + order - 1, order - 1)
