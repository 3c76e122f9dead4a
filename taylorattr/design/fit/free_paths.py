"""What is free along a path: a measure on the straight one, eq. (70), or exponents of players, eq. (64)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from taylorattr.design.designed import DesignedRule
from taylorattr.design.families import measure, power_path
from taylorattr.design.fit.examples import Examples
from taylorattr.design.fit.freedom import Freedom, Search, fractions_of, freedom, on_grid, shortened, whole
from taylorattr.design.ways.paths import SMALLEST_EXPONENT
from taylorattr.errors import OptionError
from taylorattr.maths.measures import Beta
from taylorattr.maths.path_rules import path_rule


@freedom("measure")
class Masses(Freedom):
    """A positive measure of mass 1, so that what is linear stays whole.

    Args:
        n: Number of players.
        shape: ``masses``: at fixed places, softmax of θ; at θ = 0 the weights of a quadrature of IG.
            ``beta``: Beta(a, b) with a = e^{θ_1}, b = e^{θ_2}.
        nodes: Number of places, or the places themselves, in [0, 1]; a number for ``beta``.
    """

    neutral = "integrated_gradients"

    def __init__(
        self, n: int, shape: Literal["masses", "beta"] = "masses", nodes: int | Sequence[float] | None = None
    ) -> None:
        if shape not in ("masses", "beta"):
            raise OptionError(f"shape={shape!r}; a measure is fitted as 'masses' at places or as 'beta'")
        self.n, self.shape = n, shape
        self.search: Search = "gradient" if shape == "masses" else "evolution"
        self.approximate = shape == "beta"
        if shape == "beta":
            count = whole("nodes", 32 if nodes is None else nodes, 2, 64)
            places, weights = path_rule("gauss_legendre", count)
            self.count = 2
        elif nodes is None or isinstance(nodes, int):
            places, weights = clenshaw_curtis(whole("nodes", 17 if nodes is None else nodes, 2, 257))
            self.count = len(places)
        else:
            places = np.array([float(place) for place in nodes])
            if len(places) < 2 or places.min() < 0 or places.max() > 1:
                raise OptionError(f"nodes={list(nodes)!r}; expected two places or more, in [0, 1]")
            weights = np.full(len(places), 1 / len(places))
            self.count = len(places)
        self.places, self.weights = torch.from_numpy(places), torch.from_numpy(weights)

    def natural(self, theta: Tensor) -> Tensor:
        """Return the masses, or a and b."""
        return (theta + self.weights.log()).softmax(0) if self.shape == "masses" else theta.exp()

    def rounded(self, natural: Tensor) -> Tensor:
        """Return masses in steps of 10⁻⁶ adding up to 1 exactly, or a and b to six digits."""
        return on_grid(natural, 1) if self.shape == "masses" else shortened(natural)

    def scores(self, natural: Tensor, examples: Examples) -> Tensor:
        """Return Σ_q μ_q Δ_i ∂_i f(b + α_q Δ)."""
        key = ("gradients", tuple(self.places.tolist()))
        # on the straight path all players are at the same place
        places = self.places[:, None].expand(-1, self.n)
        gradients = examples.facts(key, lambda: examples.source.gradients(places))
        return gradients @ (natural if self.shape == "masses" else self._beta_weights(natural))

    def neutral_scores(self, examples: Examples) -> Tensor:
        """Return those of Integrated Gradients, by its own method."""
        return examples.facts("neutral", lambda: examples.source.attributed(self.neutral))

    def parameters(self, natural: Tensor) -> dict[str, Any]:
        """Return places and masses, or a and b."""
        if self.shape == "beta":
            return {"a": float(natural[0]), "b": float(natural[1])}
        return {"places": self.places.tolist(), "masses": natural.tolist()}

    @classmethod
    def rule(cls, parameters: Mapping[str, Any], name: str) -> DesignedRule:
        """Build the rule of the measure."""
        if "a" in parameters:
            a, b = fractions_of([parameters["a"], parameters["b"]])
            return measure(Beta(a, b), name)
        pairs = zip(fractions_of(parameters["places"]), fractions_of(parameters["masses"]), strict=True)
        atoms: list[tuple[Fraction, Fraction]] = [(place, mass) for place, mass in pairs if mass]
        return measure(([place for place, _ in atoms], [mass for _, mass in atoms]), name)

    def _beta_weights(self, natural: Tensor) -> Tensor:
        """Return ω_q Σ_k (2k+1) P_k(α_q) ∫P_k dμ: exact where the gradient is a polynomial of degree < Q."""
        a, b = fractions_of(natural.tolist())
        count = len(self.places)
        places, masses = Beta(a, b).rule(-(-count // 2))
        moments = masses @ np.polynomial.legendre.legvander(2 * places - 1, count - 1)
        at_nodes = np.polynomial.legendre.legvander(2 * self.places.numpy() - 1, count - 1)
        return self.weights * torch.from_numpy(at_nodes @ (moments * (2 * np.arange(count) + 1)))


def clenshaw_curtis(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes (1 − cos(πk/(q−1)))/2, both ends among them, and the interpolating polynomial's weights.

    Args:
        count: q ≥ 2.

    Source: Clenshaw & Curtis (1960).
    """
    angles = np.pi * np.arange(count) / (count - 1)
    table = np.cos(np.outer(np.arange(count), angles))  # T_k at the nodes, k = 0 … q−1
    k = np.arange(count)
    mean = np.where(k % 2 == 0, 1 / (1.0 - k.astype(float) ** 2 + (k == 1)), 0.0)  # of T_k on [−1, 1]
    weights = np.linalg.solve(table, mean)
    return (1 - np.cos(angles)) / 2, weights


@freedom("power_path")
class PathExponents(Freedom):
    """p_i = e^{θ_i}, as a whole divided by the geometric mean, which leaves the path as it is.

    Every look at new exponents runs the model on new paths.

    Args:
        n: Number of players.
        n_steps: Nodes on the path while searching; the fitted rule chooses its own.
    """

    neutral = "integrated_gradients"
    approximate = True
    search: Search = "evolution"

    def __init__(self, n: int, n_steps: int = 16) -> None:
        self.n, self.count = n, n
        self.n_steps = whole("n_steps", n_steps, 1)

    def natural(self, theta: Tensor) -> Tensor:
        """Return p."""
        return (theta - theta.mean()).exp()

    def rounded(self, natural: Tensor) -> Tensor:
        """Return p to six digits."""
        return shortened(natural)

    def scores(self, natural: Tensor, examples: Examples) -> Tensor:
        """Return Σ_q ω_q p_i t_q^{p_i − 1} Δ_i ∂_i f(b + Δ∘t_q^p)."""

        def computed() -> Tensor:
            nodes, omegas = (torch.from_numpy(part) for part in path_rule("gauss_legendre", self.n_steps))
            p = natural * max(1.0, SMALLEST_EXPONENT / float(natural.min()))
            t = nodes[:, None]
            speeds = omegas[:, None] * p * t ** (p - 1)
            return (examples.source.gradients(t**p) * speeds.T).sum(-1)

        return examples.facts(("power path", tuple(natural.tolist())), computed)

    def neutral_scores(self, examples: Examples) -> Tensor:
        """Return those of Integrated Gradients, by its own method."""
        return examples.facts("neutral", lambda: examples.source.attributed(self.neutral))

    def parameters(self, natural: Tensor) -> dict[str, Any]:
        """Return the exponents."""
        return {"exponents": natural.tolist()}

    @classmethod
    def rule(cls, parameters: Mapping[str, Any], name: str) -> DesignedRule:
        """Build the path rule."""
        return power_path(fractions_of(parameters["exponents"]), name)
