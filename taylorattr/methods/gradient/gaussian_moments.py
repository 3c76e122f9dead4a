"""E ∇f(x + ξ) of a polynomial model, exactly: Gaussian moments times Taylor coefficients at x."""

from __future__ import annotations

import math

import numpy as np
import torch

from taylorattr.analysis.game import Game
from taylorattr.autodiff.captured import captured_program
from taylorattr.autodiff.gradient import Rows
from taylorattr.autodiff.polynomial.engine import expand
from taylorattr.errors import CaptureError, OptionError
from taylorattr.maths.multi_index import enumerate_up_to
from taylorattr.program.affine import NotPolynomialError, polynomial_degree
from taylorattr.program.program import Program


def normal_moments(order: int) -> np.ndarray:
    """Return E Z^k of a standard normal number for k = 0 … order: (k − 1)!! for even k, else 0."""
    return np.array([0.0 if k % 2 else math.prod(range(1, k, 2)) for k in range(order + 1)])


def smoothed_gradient(game: Game, sigmas: Rows) -> tuple[Rows, int]:
    """Return E ∇f(x + ξ), ξ_j ~ N(0, σ_j²) independent, of every example, and the degree of f.

    With c_κ = ∂^κ f(x) u^κ/κ! along u_j = σ_j (1 where σ_j = 0):
    E ∂_i f = (1/u_i) Σ_κ κ_i c_κ E(ρ_iZ)^{κ_i−1} Π_{j≠i} E(ρ_jZ)^{κ_j}, ρ_j = σ_j/u_j. Only κ with κ_i odd
    and every other κ_j even contribute.

    Args:
        game: The game; its players do not enter, every element is a variable.
        sigmas: σ, shaped like the inputs.

    Returns:
        Tensors shaped like the inputs, and the largest degree.

    Raises:
        OptionError: If the model is not a polynomial that the Taylor engine can walk.

    Source: eq. (16) in coefficient form, eq. (17).
    """
    found, degrees = [], []
    program, degree = _polynomial(game, 0)
    for example in range(game.batch):
        if example and game.scalar.varies:
            program, degree = _polynomial(game, example)
        sizes = [s[example].numel() for s in sigmas]
        sigma = torch.cat([s[example].reshape(-1) for s in sigmas])
        scale = torch.where(sigma > 0, sigma, torch.ones_like(sigma))
        units = torch.diag(scale).split(sizes, dim=1)
        directions = [u.reshape(-1, *s.shape[1:]) for u, s in zip(units, sigmas, strict=True)]
        coefficients = torch.cat(expand(program, game.input(example), directions, degree)[1:])
        gradient = _expectation(coefficients.cpu().double().numpy(), sigma.cpu().double().numpy(), degree)
        parts = torch.from_numpy(gradient).to(scale).div(scale).split(sizes)
        found.append([p.reshape(s.shape[1:]) for p, s in zip(parts, sigmas, strict=True)])
        degrees.append(degree)
    return tuple(torch.stack(parts) for parts in zip(*found, strict=True)), max(degrees)


def _polynomial(game: Game, example: int) -> tuple[Program, int]:
    """Return the model captured for an example, and its degree.

    Raises:
        OptionError: If it cannot be captured, branches on values, or is no polynomial.
    """
    try:
        program = captured_program(game.scalar, game.input(example), example)
        degree = polynomial_degree(program)
    except (CaptureError, NotPolynomialError) as error:
        raise OptionError(f"mode='exact' is for polynomial models: {error}; use mode='sample'") from error
    if program.notes:
        raise OptionError(
            "mode='exact' is for polynomial models; this one branches on values or freezes a number "
            f"({program.notes[0].where}); use mode='sample'"
        )
    return program, max(degree, 1)


def _expectation(coefficients: np.ndarray, sigma: np.ndarray, degree: int) -> np.ndarray:
    """Return Σ_κ κ_i c_κ E(ρ_iZ)^{κ_i−1} Π_{j≠i} E(ρ_jZ)^{κ_j} for every i."""
    n = len(sigma)
    kappa = enumerate_up_to(n, degree)
    odd = kappa % 2 == 1
    kept = np.flatnonzero(odd.sum(1) == 1)
    kappa, owner = kappa[kept].astype(np.int64), odd[kept].argmax(1)
    powers = kappa.copy()
    powers[np.arange(len(kept)), owner] -= 1
    moments = normal_moments(degree)[powers]
    moments = np.where((sigma == 0) & (powers > 0), 0.0, moments).prod(1)
    weights = kappa[np.arange(len(kept)), owner] * moments
    return np.bincount(owner, weights=weights * coefficients[kept], minlength=n)
