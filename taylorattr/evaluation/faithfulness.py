"""Do the numbers of an attribution say what the output does: their sum, and their product with a change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor

from taylorattr.aliases import AnyTarget, Baselines, Tensors
from taylorattr.analysis.inputs import require_finite, require_floating
from taylorattr.effects.examples import in_rows
from taylorattr.errors import ShapeError, require_number, require_repetitions
from taylorattr.evaluation.method_maps import followed_logit, random_map
from taylorattr.evaluation.protocol_result import Measured
from taylorattr.evaluation.region_scores import Maps, region_scores
from taylorattr.program.isolate import preserved_rng


@dataclass(frozen=True, eq=False, repr=False)
class CompletenessGap(Measured):
    """How far the scores miss the change of the output they explain.

    Measures: ``gap`` = |Σ a − (f(x) − f(b))| / |f(x) − f(b)|, NaN where the output does not change;
        ``random``,
    the same for random scores of the same Σ|a|.

    Attributes:
        total: Σ a, shape (B,), float64.
        delta: f(x) − f(b), likewise.
        random: Likewise: the gap of random scores.
        method: Name of the map.
        target: Class followed, (B,) int64; None where there is none.
        diagnostics: What a reader must know; JSON-able.
    """

    example_axes: ClassVar = in_rows("total delta random target")

    total: Tensor
    delta: Tensor
    random: Tensor
    method: str
    target: Tensor | None = None
    diagnostics: dict[str, Any] = field(default_factory=dict)

    @property
    def measures(self) -> tuple[str, ...]:
        """Names of the numbers per example."""
        return ("gap", "random")

    def quantile(self, name: str, level: float) -> float:
        """Return a quantile of a measure over the examples that have it; NaN where none has."""
        values = self._numbers(name)
        return float(values.quantile(level)) if len(values) else float("nan")

    @property
    def median(self) -> float:
        """Median of the gap."""
        return self.quantile("gap", 0.5)

    @property
    def percentile_95(self) -> float:
        """95th percentile of the gap."""
        return self.quantile("gap", 0.95)

    def _measure(self, name: str) -> Tensor:
        return self.random if name == "random" else _relative(self.total, self.delta)

    def _question(self) -> tuple[tuple[str, Any], ...]:
        return (("target", self.target), ("change of the output", self.delta))

    def __repr__(self) -> str:
        """Show median and 95th percentile: a mean of ratios is ruled by small denominators."""
        without = f", undefined for {self.undefined('gap')}" if self.undefined("gap") else ""
        return (
            f"CompletenessGap of {self.method}: {len(self.total)} example(s){without}; median "
            f"{self.median:.3g}, 95 % below {self.percentile_95:.3g}; random scores: median "
            f"{self.quantile('random', 0.5):.3g}"
        )


@dataclass(frozen=True, eq=False, repr=False)
class Infidelity(Measured):
    """How far δ·a misses f(x) − f(x − δ) for random δ.

    Measures, with p = δ·a and q = f(x) − f(x − δ): ``infidelity`` = E(p − q)²; ``scaled`` = min_β E(βp − q)²,
    the same for a map of the best scale; ``normalised`` = scaled / E q², in [0, 1], 0 where a scale makes the
    map right and 1 where the map says nothing, NaN where the output does not change; ``random``, the
    normalised one of random maps.

    Attributes:
        moments: E p², E pq and E q² per example, shape (B, 3), float64.
        random: Shape (B,).
        method: Name of the map.
        noise: Standard deviation of δ.
        samples: Number of δ.
        target: Class followed, (B,) int64; None where there is none.
        diagnostics: What a reader must know; JSON-able.
    """

    example_axes: ClassVar = in_rows("moments random target")

    moments: Tensor
    random: Tensor
    method: str
    noise: float
    samples: int
    target: Tensor | None = None
    diagnostics: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check that the parts fit together."""
        if self.moments.shape != (len(self.random), 3):
            raise ShapeError(
                f"moments have shape {tuple(self.moments.shape)}; expected {(len(self.random), 3)}"
            )

    @property
    def measures(self) -> tuple[str, ...]:
        """Names of the numbers per example."""
        return ("infidelity", "scaled", "normalised", "random")

    @property
    def scale(self) -> Tensor:
        """β of each example, E pq / E p²; 0 for a map of zeros."""
        squares, products, _ = self.moments.unbind(1)
        return products / torch.where(squares > 0, squares, 1.0)

    def _measure(self, name: str) -> Tensor:
        squares, products, change = self.moments.unbind(1)
        if name == "random":
            return self.random
        if name == "infidelity":
            # three moments of nearly equal numbers cancel to a rounding error that may lie below 0
            return (squares - 2 * products + change).clamp_min(0.0)
        scaled = (change - products * self.scale).clamp_min(0.0)
        return scaled if name == "scaled" else scaled / torch.where(change > 0, change, torch.nan)

    def _question(self) -> tuple[tuple[str, Any], ...]:
        return (
            ("noise", self.noise),
            ("number of samples", self.samples),
            ("target", self.target),
            ("mean square of the output's change", self.moments[:, 2]),
        )

    def __repr__(self) -> str:
        """Show the three forms with their standard errors over examples."""
        head = (
            f"Infidelity of {self.method}: {len(self.moments)} example(s), {self.samples} changes of "
            f"standard deviation {self.noise:g}"
        )
        return "\n".join([head, *self._rows()])


def completeness_gap(
    model: Callable[..., Any],
    inputs: Tensors,
    maps: Maps,
    baselines: Baselines = None,
    *,
    target: AnyTarget = None,
    additional_forward_args: Any = None,
    seed: int = 0,
    name: str | None = None,
) -> CompletenessGap:
    """Return |Σ a − (f(x) − f(b))| / |f(x) − f(b)| per example.

    Args:
        model: Module or callable; never changed.
        inputs: Tensor (B, …) or tuple of them.
        maps: A method (x, target) -> map, an Attribution, or an array shaped like the inputs.
        baselines: None (zeros), number, tensor (1, …) or (B, …), or a tuple of these: what the scores are
            against.
        target: None: the class predicted at x (or the only output); captum's forms; or a callable.
        additional_forward_args: What the model takes after the inputs.
        seed: Of the random scores.
        name: Of the map, as the result shows it.

    Returns:
        The gaps, with their median and 95th percentile.

    Raises:
        ShapeError: If map and inputs do not fit.
        NonFiniteError: If a map has NaN or infinity.
        TaylorAttrError: What :func:`taylorattr.analysis.question.Question.game` finds.
    """
    followed = followed_logit(
        model, inputs, target, additional_forward_args=additional_forward_args, baselines=baselines
    )
    scores, map_name = region_scores(maps, followed.game, inputs, followed.target)
    control = random_map(scores, seed)
    control = control * (scores.abs().sum(1) / control.abs().sum(1))[:, None]
    delta = followed.at(followed.game.inputs) - followed.at(followed.game.baselines)
    return CompletenessGap(
        total=scores.sum(1),
        delta=delta,
        random=_relative(control.sum(1), delta),
        method=map_name if name is None else name,
        target=followed.target if isinstance(followed.target, Tensor) else None,
        diagnostics=followed.diagnostics | {"seed": seed},
    )


def infidelity(
    model: Callable[..., Any],
    inputs: Tensors,
    maps: Maps,
    *,
    differences: Tensor | None = None,
    noise: float = 0.1,
    samples: int = 100,
    target: AnyTarget = None,
    additional_forward_args: Any = None,
    internal_batch_size: int | None = None,
    seed: int = 0,
    name: str | None = None,
) -> Infidelity:
    """Return E_δ (δ·a − [f(x) − f(x − δ)])², δ ~ N(0, σ²) in every element, and its form free of scale.

    The changes depend on the seed alone, so that all maps meet the same ones. The default of σ is a choice of
    this
    package: give one in the units of the inputs.

    Args:
        model: Module or callable; never changed.
        inputs: Tensor (B, …) of floating-point numbers.
        maps: A method (x, target) -> map, an Attribution, or an array shaped like the inputs: change of the
            output per unit of input, as a gradient is.
        differences: For maps in units of the output, Σ a = f(x) − f(b): x − b, by which they are divided,
            element by element; 0 where x − b is 0.
        noise: σ.
        samples: Number of changes.
        target: As in :func:`completeness_gap`.
        additional_forward_args: As there.
        internal_batch_size: Rows per model call; None: chosen from memory.
        seed: Of the changes and the random maps.
        name: Of the map, as the result shows it.

    Returns:
        Infidelity per example in its three forms.

    Raises:
        OptionError: If noise or samples are out of range.
        DtypeError: If the inputs are integers.
        ShapeError: If map and inputs do not fit.
        NonFiniteError: If a map or an output has NaN or infinity.
        TaylorAttrError: What :func:`taylorattr.analysis.question.Question.game` finds.

    Source: Yeh et al. (2019), "On the (in)fidelity and sensitivity of explanations", arXiv 1901.09392,
        definition
    2.1; the best scale is theirs, too, the division by E q² a choice of this package.
    """
    require_number("noise", noise)
    require_repetitions("samples", samples)
    if not isinstance(inputs, Tensor):
        raise ShapeError(f"inputs are a {type(inputs).__name__}; infidelity changes one tensor (B, …)")
    require_floating((inputs,))
    followed = followed_logit(
        model,
        inputs,
        target,
        additional_forward_args=additional_forward_args,
        internal_batch_size=internal_batch_size,
    )
    game = followed.game
    scores, map_name = region_scores(maps, game, inputs, followed.target)
    if differences is not None:
        if differences.shape != inputs.shape:
            raise ShapeError(
                f"differences have shape {tuple(differences.shape)}; expected x − b, {tuple(inputs.shape)}"
            )
        step = differences.detach().cpu().double().reshape(scores.shape)
        scores = torch.where(step != 0, scores / torch.where(step != 0, step, 1.0), 0.0)
    both = torch.stack([scores, random_map(scores, seed + 1)], 1)
    moments = torch.zeros(game.batch, 2, 3, dtype=torch.float64)
    generator = torch.Generator().manual_seed(seed)
    (x,) = game.inputs
    with preserved_rng():
        f_input = followed.at((x,))
        for _ in range(samples):
            change = noise * torch.randn(scores.shape, generator=generator, dtype=torch.float64)
            moved = f_input - followed.at((x - change.reshape(x.shape).to(x),))
            said = (both * change[:, None]).sum(2)
            moments += torch.stack([said**2, said * moved[:, None], moved[:, None].expand(-1, 2) ** 2], 2)
    moments /= samples
    require_finite(moments, "the mean squares of the changes")
    control = Infidelity(moments[:, 1], torch.zeros(game.batch), "random", float(noise), samples)
    return Infidelity(
        moments=moments[:, 0].contiguous(),
        random=control.measure("normalised"),
        method=map_name if name is None else name,
        noise=float(noise),
        samples=samples,
        target=followed.target if isinstance(followed.target, Tensor) else None,
        diagnostics=followed.diagnostics | {"seed": seed},
    )


def _relative(total: Tensor, delta: Tensor) -> Tensor:
    """Return |total − delta| / |delta|; NaN where delta is 0."""
    return (total - delta).abs() / torch.where(delta != 0, delta.abs(), torch.nan)
