"""What results of protocols share: numbers per example, their mean with error and interval, differences."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import Tensor

from taylorattr.effects.result import Result
from taylorattr.errors import OptionError, ShapeError, require_repetitions

DRAWN_ENTRIES = 1 << 19
"""Values drawn at a time: 4 MiB of float64."""


class Measured(Result, abstract=True):
    """A result with named numbers per example; NaN where an example has no such number.

    Means, errors, intervals and differences are over the examples that have one; :meth:`undefined` counts the
    others.
    """

    @property
    @abstractmethod
    def measures(self) -> tuple[str, ...]:
        """Names of the numbers."""

    @abstractmethod
    def _measure(self, name: str) -> Tensor:
        """Return one of them, shape (B,)."""

    @abstractmethod
    def _question(self) -> tuple[tuple[str, Any], ...]:
        """Return by name what two results must share to be compared."""

    def measure(self, name: str) -> Tensor:
        """Return a number per example, shape (B,), float64; :attr:`measures` lists them.

        Raises:
            OptionError: If there is no such number.
        """
        if name not in self.measures:
            raise OptionError(f"no measure {name!r} here; there are {', '.join(self.measures)}")
        return self._measure(name)

    def undefined(self, name: str) -> int:
        """Return how many examples have no such number."""
        return int(self.measure(name).isnan().sum())

    def _numbers(self, name: str) -> Tensor:
        """Return a measure of the examples that have it."""
        values = self.measure(name)
        return values[~values.isnan()]

    def mean(self, name: str) -> float:
        """Return the mean of a measure over the examples; NaN where none has it."""
        return float(self._numbers(name).mean())

    def standard_error(self, name: str) -> float:
        """Return the standard error of that mean, s/√B over examples; NaN for one example."""
        values = self._numbers(name)
        return float(values.std() / len(values) ** 0.5) if len(values) > 1 else float("nan")

    def interval(
        self, name: str, *, level: float = 0.95, samples: int = 10_000, seed: int = 0
    ) -> tuple[float, float]:
        """Return a bootstrap interval of that mean; see :func:`bootstrap_interval`."""
        return bootstrap_interval(self._numbers(name).numpy(), level=level, samples=samples, seed=seed)

    def _rows(self) -> list[str]:
        """Return a line per measure with its mean and error, for the results' texts."""
        width = max(map(len, self.measures))
        lines = []
        for name in self.measures:
            without = f"  (undefined for {self.undefined(name)})" if self.undefined(name) else ""
            lines.append(
                f"  {name:<{width}}  {self.mean(name):8.4f} ± {self.standard_error(name):.4f}{without}"
            )
        return lines


@dataclass(frozen=True, eq=False, repr=False)
class Difference(Result):
    """A measure of one result minus that of another on the same examples.

    Attributes:
        measure: Which number.
        methods: Names of the first and the second.
        values: First minus second, for the examples where both exist, shape (B,).
        low: Lower end of the interval of the mean.
        high: Upper end.
        level: Coverage of the interval.
        diagnostics: Number of bootstrap samples and their seed.
    """

    measure: str
    methods: tuple[str, str]
    values: Tensor
    low: float
    high: float
    level: float
    diagnostics: dict[str, Any] = field(default_factory=dict)

    @property
    def mean(self) -> float:
        """Mean difference."""
        return float(self.values.mean())

    @property
    def standard_error(self) -> float:
        """Standard error of the mean difference, from the spread of the pairs."""
        return float(self.values.std() / len(self.values) ** 0.5)

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval lies on one side of 0."""
        return self.low > 0 or self.high < 0

    def __repr__(self) -> str:
        """Show mean, error and interval."""
        first, second = self.methods
        return (
            f"Difference in {self.measure}, {first} − {second}, {len(self.values)} example(s): "
            f"{self.mean:+.4g} ± {self.standard_error:.2g}, "
            f"{self.level:.0%} interval [{self.low:.4g}, {self.high:.4g}]"
        )


def difference(
    first: Measured,
    second: Measured,
    measure: str,
    *,
    level: float = 0.95,
    samples: int = 10_000,
    seed: int = 0,
) -> Difference:
    """Return how a measure differs between two maps of the same examples, with a paired bootstrap interval.

    Args:
        first: A result of a protocol.
        second: Another, of the same protocol with the same settings on the same examples.
        measure: One of ``first.measures``.
        level: Coverage of the interval of the mean difference.
        samples: Number of bootstrap means.
        seed: Of their draws.

    Returns:
        The differences of all pairs, their mean and its interval.

    Raises:
        OptionError: If the results answer different questions, or there is no such measure.
        ShapeError: If there are fewer than two examples.
    """
    if type(first) is not type(second):
        raise OptionError(f"a {type(first).__name__} and a {type(second).__name__} have nothing to compare")
    for (name, one), (_, other) in zip(first._question(), second._question(), strict=True):
        if not _same(one, other):
            raise OptionError(
                f"the two results differ in {name}, so that their difference is not one of maps; run both "
                "with the same model, inputs and settings"
            )
    values = first.measure(measure) - second.measure(measure)
    values = values[~values.isnan()]
    if len(values) < 2:
        raise ShapeError("one example has no spread; compare on at least 2")
    low, high = bootstrap_interval(values.numpy(), level=level, samples=samples, seed=seed)
    methods = (str(getattr(first, "method", "first")), str(getattr(second, "method", "second")))
    return Difference(measure, methods, values, low, high, level, {"samples": samples, "seed": seed})


def _same(one: Any, other: Any) -> bool:
    """Return whether two settings are equal; tensors of numbers up to what two runs in float32 differ by."""
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        if one.shape != other.shape:
            return False
        if not one.is_floating_point():
            return bool((one == other).all())
        return np.allclose(one.numpy(), other.numpy(), rtol=1e-4, atol=1e-6)
    return type(one) is type(other) and one == other


def bootstrap_interval(
    values: np.ndarray, *, level: float = 0.95, samples: int = 10_000, seed: int = 0
) -> tuple[float, float]:
    """Return a bootstrap interval of the mean of independent values.

    Bias-corrected and accelerated, as ``scipy.stats.bootstrap`` has it: quantiles of the means of B values
    drawn with replacement, at levels corrected for the median bias of these means and for the skewness of
    the values.

    Args:
        values: Shape (B,), B ≥ 2.
        level: Of coverage, in (0, 1).
        samples: Number of means drawn.
        seed: Of the draws.

    Returns:
        Lower and upper end; both the mean where all values are equal. With fewer than about 20 values such
        intervals are somewhat too narrow.

    Raises:
        ShapeError: If there are fewer than two values.
        OptionError: If level or samples are out of range.

    Source: Efron (1987), "Better bootstrap confidence intervals".
    """
    try:
        values = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise OptionError(
            f"values are a {type(values).__name__}; expected an array (B,) of numbers"
        ) from None
    if values.ndim != 1 or len(values) < 2:
        raise ShapeError(
            f"values of shape {values.shape}; an interval over examples needs at least 2 of them"
        )
    if not 0 < level < 1:
        raise OptionError(f"level={level!r}; expected a number between 0 and 1, such as 0.95")
    require_repetitions("samples", samples, 2)
    if (values == values[0]).all():  # the correction for skewness would be 0/0
        return float(values[0]), float(values[0])
    from scipy.stats import DegenerateDataWarning, bootstrap  # loading it takes about a second

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", DegenerateDataWarning)
        for method in ("BCa", "percentile"):
            interval = bootstrap(
                (values,),
                np.mean,
                n_resamples=samples,
                batch=max(1, DRAWN_ENTRIES // len(values)),
                confidence_level=level,
                method=method,
                rng=np.random.default_rng(seed),
            ).confidence_interval
            # the correction needs draws on both sides of the mean, which a handful of samples may not have
            if np.isfinite(interval).all():
                break
    return float(interval.low), float(interval.high)
