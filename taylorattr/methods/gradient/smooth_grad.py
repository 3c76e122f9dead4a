"""SmoothGrad×Input: Δ_i E ∂_i f(x + ξ), ξ Gaussian."""

from __future__ import annotations

import math
import numbers
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from taylorattr.analysis.game import Game
from taylorattr.analysis.question import Question
from taylorattr.autodiff.captured import captured_program
from taylorattr.autodiff.gradient import Rows
from taylorattr.autodiff.polynomial.engine import expand
from taylorattr.errors import CaptureError, OptionError
from taylorattr.maths.multi_index import enumerate_up_to
from taylorattr.methods.gradient.gradient_x_input import Multiplier, multipliers
from taylorattr.methods.gradient.sampling import require_sample_count, sample_mean
from taylorattr.methods.method import Scores, method
from taylorattr.program.affine import NotPolynomialError, polynomial_degree
from taylorattr.program.program import Program


@method("smooth_grad", family="gradient", exactness="sampled")
def smooth_grad(
    question: Question,
    *,
    n_samples: int = 50,
    stdev: Any = None,
    noise_level: float = 0.15,
    mode: Literal["sample", "exact"] = "sample",
    multiply_by: Multiplier = "delta",
    tol: float | None = None,
) -> Scores:
    """Return Δ_i E ∂_i f(x + ξ), ξ_j ~ N(0, σ_j²) independent.

    ``exact`` takes the expectation of a polynomial model term by term from its Taylor coefficients at x, the
    coefficient form of eq. (16): it needs no division by Δ_j and so also stands where Δ_j = 0, eq. (17).

    Args:
        question: What is asked.
        n_samples: Noisy copies of each example (the same noise for all); with ``tol`` the largest number.
        stdev: σ: a number, a tensor that broadcasts to one example, or a tuple of these per input. None:
            noise_level·(largest − smallest element) of each example and input.
        noise_level: See ``stdev``.
        mode: ``sample``, or ``exact`` for polynomial models.
        multiply_by: ``delta`` (Δ), ``input`` (x) or ``none``.
        tol: Stop when every standard error is below tol·Σ|scores|.

    Returns:
        Scores of the elements, with standard errors when sampled.

    Raises:
        OptionError: If an option is out of range, or the model is no polynomial and ``exact`` was asked for.

    Source: eq. (14)-(17); Smilkov et al. (2017), "SmoothGrad: removing noise by adding noise", arXiv
    1706.03825.
    Players of several elements: the noise is independent for each element.
    """
    if mode not in ("sample", "exact"):
        raise OptionError(f"mode={mode!r}; expected 'sample' or 'exact'")
    game = question.game
    sigmas = deviations(game, stdev, noise_level)
    factors = multipliers(game, multiply_by)
    said = {"mode": mode, "multiply_by": multiply_by, "largest_stdev": max(float(s.max()) for s in sigmas)}
    if mode == "exact":
        gradients, degree = smoothed_gradient(game, sigmas)
        scores = tuple(g * m for g, m in zip(gradients, factors, strict=True))
        return Scores(elements=scores, diagnostics=said | {"degree": degree})
    noise = _Noise(question, n_samples)

    def draw(samples: slice, examples: slice) -> tuple[Rows, Rows]:
        at = tuple(
            x[None, examples] + s[None, examples] * z[:, None]
            for x, s, z in zip(game.inputs, sigmas, noise(samples), strict=True)
        )
        return at, tuple(m[None, examples] for m in factors)

    found = sample_mean(question, draw, n_samples, tol)
    return Scores(
        elements=found.elements,
        standard_errors=found.standard_errors,
        diagnostics=said | {"n_samples": found.count, "seed": question.seed},
    )


class _Noise:
    """Standard normal numbers of one example's shape, one set per sample, the same however they are cut."""

    def __init__(self, question: Question, n_samples: int) -> None:
        require_sample_count(n_samples)
        self._game = question.game
        self._seeds: list[int] = torch.randint(2**62, (n_samples,), generator=question.generator()).tolist()

    def __call__(self, samples: slice) -> Rows:
        rows = [self._one(seed) for seed in self._seeds[samples]]
        return tuple(torch.stack(parts) for parts in zip(*rows, strict=True))

    def _one(self, seed: int) -> Rows:
        generator = torch.Generator().manual_seed(seed)
        return tuple(
            torch.randn(x.shape[1:], generator=generator, dtype=torch.float64).to(x)
            for x in self._game.inputs
        )


def deviations(game: Game, stdev: Any, noise_level: float) -> Rows:
    """Return σ of every element, shaped like the inputs; 0 for elements of no player."""
    if not isinstance(noise_level, numbers.Real) or not float(noise_level) >= 0:
        raise OptionError(f"noise_level={noise_level!r}; expected a number ≥ 0")
    parts = stdev if isinstance(stdev, tuple) else (stdev,) * len(game.inputs)
    if len(parts) != len(game.inputs):
        raise OptionError(
            f"{len(parts)} standard deviations for {len(game.inputs)} inputs; expected one for each"
        )
    found = []
    for part, x, owner in zip(parts, game.inputs, game.maps, strict=True):
        sigma = _relative(x, float(noise_level)) if part is None else _given(part, x)
        found.append(torch.where(owner >= 0, sigma, torch.zeros_like(sigma)))
    return tuple(found)


def _relative(x: Tensor, noise_level: float) -> Tensor:
    flat = x.reshape(len(x), -1)
    spread = flat.amax(1) - flat.amin(1)
    return (noise_level * spread).reshape(-1, *([1] * (x.ndim - 1))).expand(x.shape)


def _given(stdev: Any, x: Tensor) -> Tensor:
    try:
        sigma = torch.as_tensor(stdev, dtype=x.dtype, device=x.device).expand(x.shape)
    except (RuntimeError, TypeError, ValueError) as error:
        raise OptionError(
            f"stdev={stdev!r} does not broadcast to one example {tuple(x.shape[1:])}; pass a number or such "
            "a tensor"
        ) from error
    if not bool((sigma >= 0).all()) or not bool(torch.isfinite(sigma).all()):
        raise OptionError("stdev holds a negative number, NaN or infinity; a standard deviation is ≥ 0")
    return sigma


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
