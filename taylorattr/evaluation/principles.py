"""Three principles of a method, measured where effects are known, and how they go with its scores.

Deng et al. (2020), arXiv 2008.09695, and (2021), arXiv 2105.13841, name the principles.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from taylorattr.effects.result import Result
from taylorattr.errors import (
    OptionError,
    PrecisionWarning,
    ShapeError,
    require_repetitions,
    require_whole_number,
)
from taylorattr.evaluation.objectives import agreement
from taylorattr.evaluation.ranking import score_tensor
from taylorattr.maths.multi_index import enumerate_up_to
from taylorattr.methods import attribute
from taylorattr.methods.method import METHODS
from taylorattr.program.isolate import preserved_rng
from taylorattr.toys import Polynomial

AttributeFunction: TypeAlias = Callable[[Polynomial, Tensor, Tensor | None], Any]
"""(f, x, b) -> n scores; x and b are (1, n), float64; b is None: the method's own baseline."""

EXACT, SAMPLED = 1e-3, 0.05
"""Largest gap and leak with which a principle holds, for methods that are exact and that draw samples."""

POLYNOMIALS_OF_BIAS = 4
"""Over which P3 is averaged: one alone may happen to agree with the mean over baselines."""

UNBIASED = 0.1
"""Largest relative distance between a method's own map and its mean over baselines."""


@dataclass(frozen=True, eq=False, repr=False)
class Principles(Result):
    """How far a method keeps three principles.

    Attributes:
        method: Name of the method.
        gap: P1, Σ_κ |1 − Σ_i w_i(κ)|·|I(κ)| / Σ_κ |I(κ)|: effects not handed out, or more than once.
        leak: P2, Σ_κ |I(κ)|·Σ_{i∉supp κ} |w_i(κ)| / Σ_κ |I(κ)|: shares of inputs that are not in the effect.
        bias: mean_b ‖a(x; b) − ā‖₁ / ‖ā‖₁, ā the mean over baselines: what a choice of the baseline decides.
        distance: ‖a(x) − ā‖₁ / ‖ā‖₁ of the method's own map, P3.
        tolerance: Up to which P1 and P2 hold.
        diagnostics: Settings, and what could not be read.
    """

    method: str
    gap: float
    leak: float
    bias: float
    distance: float
    tolerance: float
    diagnostics: dict[str, Any] = field(default_factory=dict)

    @property
    def holds(self) -> tuple[bool, bool, bool]:
        """Whether low approximation error, correct assignment and unbiased baselines hold."""
        return (self.gap <= self.tolerance, self.leak <= self.tolerance, self.distance <= UNBIASED)

    @property
    def count(self) -> int:
        """Number of principles that hold, 0 … 3."""
        return sum(self.holds)

    def __repr__(self) -> str:
        """Show the three numbers with their verdicts."""
        words = ["holds" if held else "fails" for held in self.holds]
        return (
            f"{self.method}: {self.count} of 3 principles. P1 gap {self.gap:.3g} {words[0]}, P2 leak "
            f"{self.leak:.3g} {words[1]}, P3 own map {self.distance:.3g} from the mean over baselines "
            f"{words[2]} (bias of one baseline {self.bias:.3g})"
        )


@dataclass(frozen=True, eq=False, repr=False)
class RankCorrelation(Result):
    """Spearman's ρ of two numbers over methods.

    Attributes:
        rho: ρ; NaN where one side is constant.
        low: Lower end of the bootstrap interval.
        high: Upper end.
        methods: Names of the methods.
        counts: The first number of each.
        scores: The second.
        level: Coverage of the interval.
        diagnostics: ``undefined`` counts bootstrap samples with a constant side, left out.
    """

    rho: float
    low: float
    high: float
    methods: tuple[str, ...]
    counts: Tensor
    scores: Tensor
    level: float
    diagnostics: dict[str, Any] = field(default_factory=dict)

    @property
    def sign(self) -> str:
        """``positive`` or ``negative`` where the interval excludes 0, else ``not told apart from 0``."""
        if self.low > 0:
            return "positive"
        return "negative" if self.high < 0 else "not told apart from 0"

    def __repr__(self) -> str:
        """Show ρ with its interval and its sign."""
        return (
            f"Spearman ρ {self.rho:+.2f} over {len(self.methods)} methods, {self.level:.0%} interval "
            f"[{self.low:+.2f}, {self.high:+.2f}]: {self.sign}"
        )


def principles(
    attribute_fn: AttributeFunction | str,
    *,
    n_players: int = 3,
    order: int = 4,
    baselines: int = 16,
    sampled: bool | None = None,
    seed: int = 0,
    name: str | None = None,
) -> Principles:
    """Measure three principles on polynomials whose effects are known.

    A polynomial has every term of 1 ≤ |κ| ≤ order with random coefficients. Shares w_i(κ) = a_i / I(κ) are
    read off one term at a time, from baseline 0. Low approximation error (P1) holds where the shares of every
    effect add up to 1, correct contribution assignment (P2) where inputs outside an effect get none of it,
    both up to 10⁻³, or 0.05 for methods that draw samples. Unbiased baseline selection (P3) holds where the
    map that a method gives of itself is within 0.1 of the mean of its maps over random baselines in [0, 1]ⁿ,
    of which 0 is a corner: it averages them, or needs none. These measured forms are choices of this package.

    A method that reads a network's layers answers here by its rules for products and sums; on networks of
    ReLUs its shares are others, which :func:`taylorattr.audit` measures.

    Args:
        attribute_fn: (f, x, b) -> n scores, as :func:`taylorattr.probe` takes it; with b None the method's
            own choice of baselines. Or a name in ``ta.METHODS``: its own choice is 0, and for methods that
            take a reference set that of the random baselines.
        n_players: Number of inputs.
        order: Highest |κ|.
        baselines: Number of random baselines.
        sampled: Whether the method draws samples; None: whether a method of the package's own does, else no.
        seed: Of coefficients, input and baselines.
        name: Of the method, as the result shows it.

    Returns:
        The three numbers.

    Raises:
        OptionError: If an option is out of range, or the method cannot be asked.
        ShapeError: If it gives another number of scores.
        TaylorAttrError: What the method raises.

    Source: the principles are those of arXiv 2008.09695 and 2105.13841.
    """
    for option, value in (("n_players", n_players), ("order", order), ("baselines", baselines)):
        require_whole_number(option, value)
    random = np.random.default_rng(seed)
    kappas = [tuple(row) for row in enumerate_up_to(n_players, order).tolist() if any(row)]
    terms = dict(zip(kappas, random.uniform(-1, 1, len(kappas)).tolist(), strict=True))
    signs = random.choice([-1.0, 1.0], (1, n_players))
    x = torch.from_numpy(signs * random.uniform(0.5, 1.5, (1, n_players)))
    points = torch.from_numpy(random.uniform(0.0, 1.0, (baselines, n_players)))
    if isinstance(attribute_fn, str):
        name = attribute_fn if name is None else name
        own_function = _named(attribute_fn, points)
        sampled = _draws(attribute_fn, x) if sampled is None else sampled
        attribute_fn = own_function
    if not callable(attribute_fn):
        raise OptionError(
            f"attribute_fn is a {type(attribute_fn).__name__}; expected a function (f, x, b) -> n scores, or "
            "a name"
        )
    zero = torch.zeros_like(x)
    size = gap = leak = 0.0
    with preserved_rng():
        for kappa, coefficient in terms.items():
            shares = _scores(attribute_fn, Polynomial({kappa: coefficient}), x, zero)
            effect = coefficient * float(torch.prod(x[0] ** torch.tensor(kappa)))
            outside = torch.tensor(kappa) == 0
            size += abs(effect)
            gap += abs(effect - float(shares.sum()))
            leak += float(shares[outside].abs().sum())
        bias = distance = 0.0
        for _ in range(POLYNOMIALS_OF_BIAS):
            whole = Polynomial(dict(zip(kappas, random.uniform(-1, 1, len(kappas)).tolist(), strict=True)))
            maps = torch.stack([_scores(attribute_fn, whole, x, b[None]) for b in points])
            own, mean = _scores(attribute_fn, whole, x, None), maps.mean(0)
            norm = POLYNOMIALS_OF_BIAS * float(mean.abs().sum())
            bias += float((maps - mean).abs().sum(1).mean()) / norm
            distance += float((own - mean).abs().sum()) / norm
    return Principles(
        method=(name or getattr(attribute_fn, "__name__", "method")),
        gap=gap / size,
        leak=leak / size,
        bias=bias,
        distance=distance,
        tolerance=SAMPLED if sampled else EXACT,
        diagnostics={"n_players": n_players, "order": order, "baselines": baselines, "seed": seed},
    )


def _named(name: str, points: Tensor) -> AttributeFunction:
    """Return one of the package's methods as a function of a polynomial, an input and a baseline."""
    method = METHODS[name]
    if method.explains != "inputs":
        raise OptionError(f"{name} explains {method.explains}, not inputs, of which a polynomial has shares")

    def attribute_fn(f: Polynomial, x: Tensor, b: Tensor | None) -> Tensor:
        if method.zero_baseline:
            baseline = None
        elif b is None:
            baseline = points if method.references else None
        else:
            baseline = b
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PrecisionWarning)  # sets of one reference are what is asked about
            return attribute(name, f, x, baseline).player_scores[0]

    return attribute_fn


def _draws(name: str, x: Tensor) -> bool:
    """Return whether a method draws samples: it is said to, or its scores come with errors."""
    if METHODS[name].exactness == "sampled":
        return True
    line = Polynomial({(1,) + (0,) * (x.shape[1] - 1): 1.0})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PrecisionWarning)
        return attribute(name, line, x).standard_errors is not None


def _scores(attribute_fn: AttributeFunction, f: Polynomial, x: Tensor, b: Tensor | None) -> Tensor:
    """Return a method's n scores, float64."""
    scores = score_tensor(attribute_fn(f, x, b)).detach().cpu().double().reshape(-1)
    if len(scores) != x.shape[1]:
        raise ShapeError(f"the method gave {len(scores)} scores; expected {x.shape[1]}, one per input")
    return scores


def rank_correlation(
    counts: Sequence[float] | Tensor,
    scores: Sequence[float] | Tensor,
    methods: Sequence[str] | None = None,
    *,
    level: float = 0.95,
    samples: int = 10_000,
    seed: int = 0,
) -> RankCorrelation:
    """Return Spearman's ρ of two numbers over methods, with a percentile bootstrap over the methods.

    Args:
        counts: A number per method, such as how many principles or criteria hold.
        scores: Another, such as ABPC; methods where one of the two is NaN are left out.
        methods: Their names.
        level: Coverage of the interval.
        samples: Number of bootstrap samples.
        seed: Of their draws.

    Returns:
        ρ, its interval and its sign as found.

    Raises:
        ShapeError: If there are not as many of each, or fewer than 3 methods with both.
        OptionError: If level or samples are out of range.
    """
    one, other = (torch.as_tensor(v, dtype=torch.float64).reshape(-1) for v in (counts, scores))
    names = tuple(methods) if methods is not None else tuple(f"method {i}" for i in range(len(one)))
    if not len(one) == len(other) == len(names):
        raise ShapeError(
            f"{len(one)} counts, {len(other)} scores and {len(names)} names; expected one of each"
        )
    both = ~(one.isnan() | other.isnan())
    one, other = one[both], other[both]
    if len(one) < 3:
        raise ShapeError(
            f"{len(one)} method(s) with both numbers; a correlation over methods needs at least 3"
        )
    if not 0 < level < 1:
        raise OptionError(f"level={level!r}; expected a number between 0 and 1, such as 0.95")
    require_repetitions("samples", samples)
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randint(len(one), (samples, len(one)), generator=generator)
    drawn = agreement(one[rows], other[rows], "spearman")
    there = drawn[~drawn.isnan()]
    tail = (1 - level) / 2
    ends = (
        there.quantile(torch.tensor([tail, 1 - tail]).double()).tolist() if len(there) else [float("nan")] * 2
    )
    return RankCorrelation(
        rho=float(agreement(one, other, "spearman")),
        low=ends[0],
        high=ends[1],
        methods=tuple(n for n, there_too in zip(names, both.tolist(), strict=True) if there_too),
        counts=one,
        scores=other,
        level=level,
        diagnostics={"samples": samples, "seed": seed, "undefined": int(drawn.isnan().sum())},
    )
