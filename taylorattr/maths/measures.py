"""Measures on [0, 1] with which gradients are averaged along a straight path, eq. (70).

A measure is known by its moments M_k = ∫ α^k dμ(α), exactly, and by quadratures that integrate against it.
Gauss rules come from the three-term recurrence of the measure's orthogonal polynomials, so q nodes are exact
for every M_k with k < 2q.
"""

from __future__ import annotations

import decimal
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

import numpy as np

from taylorattr.errors import OptionError
from taylorattr.maths.path_rules import path_rule
from taylorattr.maths.quadrature import GUARD_DIGITS, MAX_NODES, gauss_rule

Rule = tuple[np.ndarray, np.ndarray]
"""Nodes and weights, float64 (q,)."""

LARGEST_DEGREE = 48
"""A sequence of moments k -> M_k is asked for as many nodes as moments up to this degree determine."""

OUTSIDE = 1e-12
"""How far a node may lie outside [0, 1] by rounding; moments are exact, nodes float64."""

UNIFORM_MOMENTS = 16
"""Moments by which a measure is taken for the uniform one: as many as 8 nodes integrate."""


class Measure(ABC):
    """A signed measure on [0, 1]."""

    @abstractmethod
    def moment(self, k: int) -> Fraction:
        """Return M_k = ∫ α^k dμ(α)."""

    @abstractmethod
    def rule(self, count: int) -> Rule:
        """Return nodes and weights of a quadrature of about `count` nodes for ∫ h dμ."""

    @property
    def finite(self) -> bool:
        """Whether μ consists of atoms, which every rule then holds all of."""
        return False

    @property
    @abstractmethod
    def words(self) -> str:
        """What it is, for a reader."""


@dataclass(frozen=True)
class Atoms(Measure):
    """Σ_q ω_q δ_{α_q}.

    Args:
        places: α_q in [0, 1].
        masses: ω_q, of any sign.

    Raises:
        OptionError: A place outside [0, 1], or not one mass per place.
    """

    places: tuple[Fraction, ...]
    masses: tuple[Fraction, ...]

    def __post_init__(self) -> None:
        """Check places and masses."""
        if not self.places or len(self.places) != len(self.masses):
            raise OptionError(
                f"atoms have {len(self.places)} places and {len(self.masses)} masses; give one mass per place"
            )
        outside = [place for place in self.places if not 0 <= place <= 1]
        if outside:
            raise OptionError(f"an atom lies at {float(outside[0]):g}; places are in [0, 1], from b to x")

    def moment(self, k: int) -> Fraction:
        """Return Σ_q ω_q α_q^k."""
        pairs = zip(self.places, self.masses, strict=True)
        return sum((mass * place**k for place, mass in pairs), Fraction(0))

    def rule(self, count: int) -> Rule:
        """Return the atoms, however many are asked for."""
        return np.array([float(p) for p in self.places]), np.array([float(m) for m in self.masses])

    @property
    def finite(self) -> bool:
        """Atoms are all there is."""
        return True

    @property
    def words(self) -> str:
        """Σ ω δ_α."""
        pairs = list(zip(self.masses, self.places, strict=True))
        terms = " + ".join(("" if m == 1 else f"{m}·") + f"δ({p})" for m, p in pairs[:4])
        return terms + (f" + … ({len(pairs)} atoms)" if len(pairs) > 4 else "")


@dataclass(frozen=True)
class Beta(Measure):
    """The Beta(a, b) distribution; a = b = 1 is uniform.

    Args:
        a: Positive; large: near x.
        b: Positive; large: near the baseline.

    Raises:
        OptionError: If a parameter is not positive.
    """

    a: Fraction
    b: Fraction

    def __post_init__(self) -> None:
        """Check the parameters."""
        if not (self.a > 0 and self.b > 0):
            raise OptionError(f"Beta({self.a}, {self.b}): both parameters have to be positive")

    def moment(self, k: int) -> Fraction:
        """Return Π_{q<k} (a + q)/(a + b + q)."""
        value = Fraction(1)
        for q in range(k):
            value *= (self.a + q) / (self.a + self.b + q)
        return value

    def rule(self, count: int) -> Rule:
        """Return the Gauss–Jacobi rule, exact for M_k with k < 2·count."""
        return _jacobi(self.a, self.b, min(count, MAX_NODES))

    @property
    def words(self) -> str:
        """Uniform, or Beta(a, b)."""
        return "uniform" if self.a == self.b == 1 else f"Beta({self.a}, {self.b})"


@lru_cache(maxsize=64)
def _jacobi(a: Fraction, b: Fraction, count: int) -> Rule:
    """Return the Gauss rule of Beta(a, b): Jacobi polynomials with exponents b − 1 and a − 1 on [−1, 1]."""
    # rationals up to the last step: the coefficients are exact, whatever a and b are
    first, second = b - 1, a - 1  # of (1 − t) and of (1 + t), t = 2α − 1
    both = first + second
    alphas, betas = [(1 + (second - first) / (both + 2)) / 2], [Fraction(1)]
    for n in range(1, count):
        middle = 2 * n + both
        alphas.append((1 + (second**2 - first**2) / (middle * (middle + 2))) / 2)
        if n == 1:  # the general form is 0/0 where both = −1
            beta = 4 * (1 + first) * (1 + second) / ((2 + both) ** 2 * (3 + both))
        else:
            beta = 4 * n * (n + first) * (n + second) * (n + both) / (middle**2 * (middle + 1) * (middle - 1))
        betas.append(beta / 4)
    with decimal.localcontext() as context:
        context.prec = GUARD_DIGITS
        return gauss_rule([_decimal(v) for v in alphas], [_decimal(v) for v in betas])


class Moments(Measure):
    """The positive measure with given moments, as far as they determine a Gauss rule.

    Args:
        moments: M_0, M_1, …; a sequence, or k -> M_k for every k.
        words: What it is.

    Raises:
        OptionError: No positive measure on [0, 1] has these moments (Hausdorff), or their number is odd or 0.
    """

    def __init__(self, moments: Sequence[Fraction] | Callable[[int], Fraction], words: str = "") -> None:
        """Work out the recurrence once."""
        self.given = moments
        count = 2 * LARGEST_DEGREE if callable(moments) else len(moments)
        if count < 2 or count % 2:
            raise OptionError(
                f"{count} moment(s) are given; an even number of them, M_0 and M_1 at least, determines a "
                "quadrature: give one more, or leave the last one out"
            )
        values = [self.moment(k) for k in range(count)]
        self._alphas, self._betas, self._finite = recurrence(values)
        nodes, _ = self.rule(len(self._alphas))
        if nodes.min() < -OUTSIDE or nodes.max() > 1 + OUTSIDE:
            raise OptionError(
                "the measure with these moments reaches outside [0, 1]; moments of a measure on [0, 1] fall: "
                "M_k ≥ M_{k+1} ≥ 0 (Hausdorff)"
            )
        listed = ", ".join(str(v) for v in values[:4])
        self._words = words or f"the measure with moments {listed}, …"

    def moment(self, k: int) -> Fraction:
        """Return M_k.

        Raises:
            OptionError: If it is not given.
        """
        if callable(self.given):
            try:
                return self.given(k)
            except Exception as error:  # whatever a user's function may raise
                raise OptionError(
                    f"the moments are a function, and for k = {k} it raised {type(error).__name__}: {error}; "
                    "expected the number M_k for every k ≥ 0"
                ) from error
        if k >= len(self.given):
            raise OptionError(f"moment M_{k} is needed, and {len(self.given)} are given; pass more moments")
        return self.given[k]

    def rule(self, count: int) -> Rule:
        """Return the Gauss rule of at most `count` nodes."""
        size = min(count, len(self._alphas))
        with decimal.localcontext() as context:
            context.prec = GUARD_DIGITS
            return gauss_rule(self._alphas[:size], self._betas[:size])

    @property
    def nodes(self) -> int:
        """Most nodes that the moments determine."""
        return len(self._alphas)

    @property
    def finite(self) -> bool:
        """Whether the moments are those of finitely many atoms."""
        return self._finite

    @property
    def words(self) -> str:
        """As given, or its first moments."""
        return self._words


def recurrence(moments: Sequence[Fraction]) -> tuple[list[Decimal], list[Decimal], bool]:
    """Return α_j, β_j of the orthogonal polynomials of a measure, by Chebyshev's algorithm.

    Args:
        moments: M_0 … M_{2q−1}.

    Returns:
        Coefficients, at most q of each, and whether the measure is found to be a sum of that many atoms.

    Raises:
        OptionError: If no positive measure has these moments.
    """
    q = len(moments) // 2
    with decimal.localcontext() as context:
        # each step of the algorithm loses one to two digits; float64 would be used up after ten
        context.prec = GUARD_DIGITS + 4 * q
        previous = [Decimal(0)] * (2 * q)
        current = [_decimal(v) for v in moments[: 2 * q]]
        if current[0] <= 0:
            raise OptionError(f"M_0 = {float(moments[0]):g}; a positive measure has a positive mass")
        negligible = Decimal(10) ** -(GUARD_DIGITS // 2 + 2 * q)
        alphas, betas = [current[1] / current[0]], [current[0]]
        for j in range(1, q):
            following = [Decimal(0)] * (2 * q)
            for k in range(j, 2 * q - j):
                following[k] = current[k + 1] - alphas[-1] * current[k] - betas[-1] * previous[k]
            beta = following[j] / current[j - 1]
            if abs(beta) <= negligible:  # ‖p_j‖ = 0: p_j vanishes at all the mass there is
                return alphas, betas, True
            if beta < 0:
                raise OptionError(
                    f"no positive measure has the moments {', '.join(str(v) for v in moments[: 2 * j + 1])}: "
                    "their Hankel determinant is negative"
                )
            alphas.append(following[j + 1] / following[j] - current[j] / current[j - 1])
            betas.append(beta)
            previous, current = current, following
        return alphas, betas, False


@dataclass(frozen=True)
class Density(Measure):
    """g(α) dα with a density that is called on arrays of α; moments by quadrature, to rounding.

    Args:
        density: g, vectorised over numpy arrays.
        name: What it is.
    """

    density: Callable[[np.ndarray], np.ndarray]
    name: str = "g(α) dα"

    def moment(self, k: int) -> Fraction:
        """Return ∫ α^k g(α) dα by 256 nodes."""
        nodes, weights = self.rule(256)
        return Fraction(float(weights @ nodes**k))

    def rule(self, count: int) -> Rule:
        """Return Gauss–Legendre nodes with weights times g.

        Raises:
            OptionError: If g is not finite there, or gives no array of the nodes' shape.
        """
        nodes, weights = path_rule("gauss_legendre", count)
        try:
            values = np.asarray(self.density(nodes), dtype=np.float64)
        except Exception as error:  # whatever a user's function may raise
            raise OptionError(
                f"the density raised {type(error).__name__}: {error}, called with an array of {len(nodes)} "
                "places in [0, 1]; expected a function that returns its value at each of them"
            ) from error
        if values.shape != nodes.shape or not np.isfinite(values).all():
            raise OptionError(
                "the density gives "
                f"{'values that are not finite' if values.shape == nodes.shape else values.shape} "
                f"for {nodes.shape} places α in (0, 1); it has to be a finite function of an array"
            )
        return nodes, weights * values

    @property
    def words(self) -> str:
        """Its name."""
        return self.name


@dataclass(frozen=True)
class Blend(Measure):
    """Σ_k c_k μ_k.

    Args:
        parts: The measures.
        factors: c_k, of any sign.
    """

    parts: tuple[Measure, ...]
    factors: tuple[Fraction, ...]

    def moment(self, k: int) -> Fraction:
        """Return Σ c M_k."""
        pairs = zip(self.factors, self.parts, strict=True)
        return sum((factor * part.moment(k) for factor, part in pairs), Fraction(0))

    def rule(self, count: int) -> Rule:
        """Return the rules of all parts, one behind the other."""
        rules = [part.rule(count) for part in self.parts]
        weights = [float(c) * w for c, (_, w) in zip(self.factors, rules, strict=True)]
        return np.concatenate([nodes for nodes, _ in rules]), np.concatenate(weights)

    @property
    def finite(self) -> bool:
        """Whether all parts are atoms."""
        return all(part.finite for part in self.parts)

    @property
    def words(self) -> str:
        """Σ c·(μ)."""
        pairs = zip(self.factors, self.parts, strict=True)
        return " + ".join(f"{factor}·({part.words})" for factor, part in pairs)


def is_uniform(measure: Measure, degree: int = UNIFORM_MOMENTS) -> bool:
    """Return whether the first moments are those of the uniform measure, 1/(k + 1)."""
    return all(measure.moment(k) == Fraction(1, k + 1) for k in range(degree))


def plain_weights(nodes: np.ndarray) -> np.ndarray:
    """Return weights with which the same nodes integrate dα exactly for polynomials of degree < q.

    Used to see whether a gradient is resolved: its integral against dα is f(x) − f(b), which is known.

    Args:
        nodes: Shape (q,), distinct.
    """
    t = 2 * nodes - 1
    # Legendre polynomials on [−1, 1]: powers of the nodes would be singular to float64 from about 15 nodes on
    table = np.polynomial.legendre.legvander(t, len(nodes) - 1)
    integrals = np.zeros(len(nodes))
    integrals[0] = 1.0  # of P_0; those of P_1, P_2, … vanish
    return np.linalg.lstsq(table.T, integrals, rcond=None)[0]


def _decimal(value: Fraction) -> Decimal:
    """Return a rational to the digits of the decimal context."""
    return Decimal(value.numerator) / Decimal(value.denominator)
