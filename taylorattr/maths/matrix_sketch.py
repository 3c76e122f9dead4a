"""A symmetric matrix from few of its products with vectors, and how much of it they leave unexplained.

Two forms are tried on the products Y = A Z with random signs Z:

- *low rank*, Y (ZᵀY)⁺ Yᵀ, exact where A has no larger rank than there are products: the Hessian of a network
  has at most the rank of its narrowest layer;
- *sparse*, row by row: the entries that explain the products, largest first, refitted together at every step
  (orthogonal matching pursuit), then symmetrised.

Products that neither form has seen say how good it is: for random signs z, E‖(A − Â)z‖² = ‖A − Â‖_F², so
their mean is an unbiased estimate of the squares of everything that is missed, and its spread gives an error.
One part of them chooses between the forms, another judges the choice.

Sources: Halko, Martinsson & Tropp (2011) for the low-rank form (Nyström); Tropp & Gilbert (2007) for the
sparse one; Hutchinson (1990) for the estimate.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Products = Callable[[np.ndarray], np.ndarray]
"""Vectors (n, R) -> A times each of them, (n, R)."""

HELD_OUT = 4
"""Products that choose, and as many again that judge."""

FIRST_PROBES = 16
"""Products the forms are first made of."""

ENTRIES_PER_ROW = 24
"""Largest number of entries of a row that the sparse form looks for."""


@dataclass(frozen=True)
class MatrixSketch:
    """What few products tell of a matrix.

    Attributes:
        matrix: Â, symmetric, shape (n, n).
        form: ``low rank`` or ``sparse``.
        products: Products taken in all.
        unexplained: Estimate of ‖A − Â‖_F² / ‖A‖_F² from products that had no part in Â.
        unexplained_error: Standard error of that.
    """

    matrix: np.ndarray
    form: str
    products: int
    unexplained: float
    unexplained_error: float


def sketch(
    products: Products, n: int, most: int, generator: np.random.Generator, *, enough: float = 1e-12
) -> MatrixSketch:
    """Return what few products tell; the number of probes doubles until they explain the matrix.

    Args:
        products: The matrix, which should be symmetric.
        n: Its size.
        most: Products that may be taken, at least 2·`HELD_OUT` + 1.
        generator: Draws the probes.
        enough: Stop when this share of ‖A‖_F² or less is unexplained.
    """
    held = _signs(generator, n, 2 * HELD_OUT)
    images = products(held)
    choosing, judging = slice(0, HELD_OUT), slice(HELD_OUT, None)
    z, y = np.zeros((n, 0)), np.zeros((n, 0))
    while True:
        wanted = min(max(FIRST_PROBES, 2 * z.shape[1]), most - 2 * HELD_OUT, n)
        more = _signs(generator, n, wanted - z.shape[1])
        z, y = np.concatenate([z, more], axis=1), np.concatenate([y, products(more)], axis=1)
        forms = {"low rank": low_rank(z, y), "sparse": sparse(z, y)}
        missed = {name: _missed(a, held[:, choosing], images[:, choosing])[0] for name, a in forms.items()}
        form = min(missed, key=lambda name: missed[name])
        if missed[form] <= enough or wanted >= min(n, most - 2 * HELD_OUT):
            share, error = _missed(forms[form], held[:, judging], images[:, judging])
            return MatrixSketch(forms[form], form, z.shape[1] + 2 * HELD_OUT, share, error)


def low_rank(z: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return Y (ZᵀY)⁺ Yᵀ, symmetrised, shape (n, n).

    Directions in which ZᵀY is no larger than its rounding are left out of the inverse.
    """
    core = z.T @ y
    values, vectors = np.linalg.eigh((core + core.T) / 2)
    large = np.abs(values) > len(z) * np.finfo(np.float64).eps * max(np.abs(values).max(initial=0.0), 1e-300)
    basis = y @ vectors[:, large]
    return (basis / values[large]) @ basis.T


def sparse(z: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the symmetric part of a matrix of few entries per row with A Z ≈ Y, shape (n, n).

    At most a third as many entries per row as there are products: more would fit anything. And at most
    `ENTRIES_PER_ROW`, as each is refitted with all before it.
    """
    n, count = z.shape
    found = np.zeros((n, n))
    most = min(max(1, count // 3), ENTRIES_PER_ROW)
    gram = z @ z.T  # of the players' probes, (n, n)
    matched = y @ z.T
    for row in range(n):
        chosen: list[int] = []
        correlation = matched[row].copy()
        size = float(np.linalg.norm(y[row]))
        weights = np.zeros(0)
        while len(chosen) < most and size > 0:
            correlation[chosen] = 0
            chosen.append(int(np.abs(correlation).argmax()))
            weights = np.linalg.lstsq(gram[np.ix_(chosen, chosen)], matched[row, chosen], rcond=None)[0]
            if float(np.linalg.norm(y[row] - weights @ z[chosen])) <= 1e-10 * size:
                break
            correlation = matched[row] - weights @ gram[chosen]
        found[row, chosen] = weights
    return (found + found.T) / 2


def _signs(generator: np.random.Generator, n: int, count: int) -> np.ndarray:
    return generator.integers(0, 2, size=(n, max(count, 0))) * 2.0 - 1.0


def _missed(matrix: np.ndarray, z: np.ndarray, images: np.ndarray) -> tuple[float, float]:
    """Return the estimate of ‖A − Â‖_F² / ‖A‖_F² and its standard error."""
    squares = ((images - matrix @ z) ** 2).sum(0)
    scale = float((images**2).sum(0).mean())
    if scale == 0:
        return 0.0, 0.0
    return float(squares.mean()) / scale, float(squares.std(ddof=1)) / len(squares) ** 0.5 / scale
