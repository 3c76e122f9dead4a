"""Pixel and region perturbation: how the output falls while relevant regions are replaced.

Samek et al. (2017), arXiv 1509.06321.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor
from tqdm.auto import tqdm

from taylorattr.aliases import AnyTarget, Tensors
from taylorattr.analysis.inputs import input_tuple
from taylorattr.analysis.players import PlayersLike, resolve_players
from taylorattr.effects.examples import in_rows
from taylorattr.errors import OptionError, ShapeError, require_repetitions
from taylorattr.evaluation.areas import aopc, relative_change
from taylorattr.evaluation.fills import Fill, replacements
from taylorattr.evaluation.followed_output import Output, follow, nested_outputs
from taylorattr.evaluation.protocol_result import Measured
from taylorattr.evaluation.ranking import Rank, permutations, ranking, tied_share
from taylorattr.evaluation.region_scores import Maps, region_scores, regions
from taylorattr.program.isolate import preserved_rng

DEFAULT_STEPS = 100
"""Steps where none are asked for and there are at least as many regions."""


@dataclass(frozen=True, eq=False, repr=False)
class PixelPerturbation(Measured):
    """Outputs f(x^(k)) with the first counts[k] regions of three orders replaced.

    Measures: ``morf``, ``lerf`` and ``random`` are the areas over the curves,
    1/(L+1) Σ_k [f(x^(0)) − f(x^(k))]; ``abpc`` is morf − lerf. A good map has a high morf, a low lerf.

    Attributes:
        morf: Most relevant first, shape (B, L+1), float64.
        lerf: Least relevant first, likewise.
        counts: How many regions are replaced at each step, shape (L+1,), int64; counts[0] = 0.
        regions: Number of regions n.
        method: Name of the map.
        fill: What regions are replaced with: a name, or ``given``.
        rank: ``signed`` or ``abs``.
        output: ``probability``, ``logit`` or ``target`` (a callable).
        random: Mean over random orders, likewise; None where none was asked for.
        target: Class followed, (B,) int64; None where there is none.
        diagnostics: What a reader must know; JSON-able. ``tied`` is the mean share of regions whose score
            another has too, so that luck orders them.
    """

    example_axes: ClassVar = in_rows("morf lerf random target")

    morf: Tensor
    lerf: Tensor
    counts: Tensor
    regions: int
    method: str
    fill: str
    rank: str
    output: str
    random: Tensor | None = None
    target: Tensor | None = None
    diagnostics: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check that the parts fit together."""
        shape = (len(self.morf), len(self.counts))
        for name, curve in (("morf", self.morf), ("lerf", self.lerf), ("random", self.random)):
            if curve is not None and curve.shape != shape:
                raise ShapeError(f"{name} has shape {tuple(curve.shape)}; expected {shape}, (B, L+1)")

    @property
    def batch(self) -> int:
        """Number of examples B."""
        return len(self.morf)

    @property
    def f_input(self) -> Tensor:
        """f(x^(0)), shape (B,)."""
        return self.morf[:, 0]

    @property
    def shares(self) -> Tensor:
        """Share of the regions that is replaced at each step, shape (L+1,)."""
        return self.counts.double() / self.regions

    @property
    def measures(self) -> tuple[str, ...]:
        """Names of the numbers per example."""
        return ("morf", "lerf", "abpc") + (("random",) if self.random is not None else ())

    def curve(self, order: str) -> Tensor:
        """Return the outputs along an order, ``morf``, ``lerf`` or ``random``, shape (B, L+1).

        Raises:
            OptionError: If there is no such order.
        """
        curves = {"morf": self.morf, "lerf": self.lerf, "random": self.random}
        outputs = curves.get(order)
        if outputs is None:
            there = ", ".join(name for name, curve in curves.items() if curve is not None)
            raise OptionError(f"no order {order!r} here; there are {there}")
        return outputs

    def relative_change(self, order: str) -> Tensor:
        """Return 100·|f(x^(0)) − f(x^(k))| / |f(x^(0))| along an order, in per cent, shape (B, L+1)."""
        return relative_change(self.curve(order))

    def _measure(self, name: str) -> Tensor:
        if name == "abpc":
            return aopc(self.morf) - aopc(self.lerf)
        return aopc(self.curve(name))

    def _question(self) -> tuple[tuple[str, Any], ...]:
        """Return the settings, and outputs that maps do not change: at the inputs, along random orders."""
        return (
            ("counts", self.counts),
            ("number of regions", self.regions),
            ("fill", self.fill),
            ("output", self.output),
            ("target", self.target),
            ("random control", self.random),
            ("output at the inputs", self.f_input),
            ("rank", self.rank),
        )

    def __repr__(self) -> str:
        """Show the areas with their standard errors over examples."""
        return "\n".join(
            [
                f"PixelPerturbation of {self.method}: {self.batch} example(s), {self.regions} regions, "
                f"{len(self.counts) - 1} steps up to {float(self.shares[-1]):.0%}, fill {self.fill}, "
                f"{self.rank} ranks, {self.output}",
                *self._rows(),
            ]
        )


def pixel_perturbation(
    model: Callable[..., Any],
    inputs: Tensors,
    maps: Maps,
    *,
    target: AnyTarget = None,
    output: Output = "probability",
    region: int = 1,
    players: PlayersLike = None,
    fill: Fill = "mean",
    rank: Rank = "signed",
    steps: int | Sequence[int] | None = None,
    fraction: float = 1.0,
    random_repeats: int = 5,
    repeats: int = 10,
    reference: Tensors | None = None,
    channel_dim: int = 1,
    fill_range: tuple[float, float] | None = None,
    blur_sigma: float | None = None,
    additional_forward_args: Any = None,
    dtype: torch.dtype | None = None,
    seed: int = 0,
    internal_batch_size: int | None = None,
    show_progress: bool = False,
    name: str | None = None,
) -> PixelPerturbation:
    """Replace regions in the order of their relevance and follow the output.

    x^(0) = x, and x^(k) has the first counts[k] regions replaced, the most relevant first (MoRF), the least
    relevant first (LeRF), or in random order. AOPC = 1/(L+1) Σ_{k=0..L} [f(x^(0)) − f(x^(k))] per example,
    and ABPC = AOPC of MoRF − AOPC of LeRF.

    Regions of equal score are ordered by a seeded permutation, the same in both orders: a map that says
    nothing has ABPC 0 exactly. The draws of ``uniform`` and of the random orders depend on the seed and the
    regions alone, so that two maps are compared with equal luck.

    Args:
        model: Module or callable on torch tensors; never changed, analysed in eval behaviour.
        inputs: Tensor (B, …) or tuple of them; integers (token ids) too.
        maps: A method (x, target) -> map, called once with all inputs; an Attribution; or a tensor or array
            shaped like the inputs or (B, n), one score per region. Scores are summed over each region.
        target: What is followed: None for the class predicted at x; captum's forms; or a callable
            output -> (B,), whose number is taken as it is.
        output: ``probability``: softmax of the output over dimension 1 (not taken twice where the rows are
            probabilities already); ``logit``: the output itself.
        region: Side of square, non-overlapping patches, channels together; 1: single pixels.
        players: Regions of any kind: patches, columns, tokens.
        fill: ``mean``, ``zero``, ``uniform``, ``blur``, or a number or tensor to replace with; see
            :func:`taylorattr.evaluation.fills.replacements`, also for the next five.
        rank: ``signed``: maps as they are; ``abs``: by magnitude, after the sum over a region.
        steps: Number L of equal steps (rounded to whole regions); or the counts themselves, from 0, growing.
            None: one region per step, 100 steps at most.
        fraction: Share of the regions replaced at the end.
        random_repeats: Random orders per example; 0: no control.
        repeats: Draws of ``uniform``.
        reference: Set (R, …) whose mean and range are taken; None: the inputs themselves.
        channel_dim: Dimension with a mean and a range for each entry.
        fill_range: Of ``uniform``; the paper's is (0, 1).
        blur_sigma: Of ``blur``, in pixels.
        additional_forward_args: What the model takes after the inputs.
        dtype: Of the analysis; None: the model's own.
        seed: Of everything drawn; the global generators are left alone.
        internal_batch_size: Rows per model call; None: chosen from memory.
        show_progress: Whether to show a progress bar.
        name: Of the map, as the result shows it; None: the attribution's method or the function's name.

    Returns:
        The curves per example, with areas, errors over examples, and diagnostics.

    Raises:
        OptionError: If an option is out of range.
        ShapeError: If map and inputs do not fit.
        TargetError: If there is no class or probability to follow.
        NonFiniteError: NaN or infinity in a map or an output.
        TaylorAttrError: What :func:`taylorattr.analysis.question.Question.game` finds.

    Differs from the paper, which replaces 9×9 regions by draws from U[0, 1] over 100 steps and follows the
    score of the class: ``region=9, fill="uniform", fill_range=(0, 1), steps=range(101), output="logit"``.

    Example:
        >>> import torch
        >>> weights = torch.tensor([[1.0], [3.0], [2.0]])
        >>> found = pixel_perturbation(
        ...     lambda x: x @ weights, torch.ones(1, 3), weights.T, output="logit", fill="zero"
        ... )
        >>> found.morf.tolist(), found.mean("morf"), found.mean("lerf")
        ([[6.0, 3.0, 1.0, 0.0]], 3.5, 2.5)
    """
    tensors = input_tuple(inputs)
    require_repetitions("random_repeats", random_repeats, 0)

    def fills() -> Iterator[tuple[Tensor, ...]]:
        """Return the replacements from the beginning: they are drawn twice, never held all at once."""
        return replacements(
            fill,
            tensors,
            reference=reference,
            channel_dim=channel_dim,
            fill_range=fill_range,
            blur_sigma=blur_sigma,
            repeats=repeats,
            seed=seed,
        )

    followed = follow(
        model,
        inputs,
        next(fills()),
        target=target,
        output=output,
        players=regions(inputs, region, players),
        additional_forward_args=additional_forward_args,
        dtype=dtype,
        internal_batch_size=internal_batch_size,
    )
    game = followed.game
    scores, map_name = region_scores(maps, game, inputs, followed.target)
    counts = step_counts(game.n, steps, fraction)
    orders = {
        "morf": ranking(scores, rank, seed=seed),
        "lerf": ranking(scores, rank, least_first=True, seed=seed),
    }
    # another seed than that of ties, or the first random order would be the one that breaks them
    for r, drawn in enumerate(permutations((random_repeats, *scores.shape), seed + 1)):
        orders[f"random{r}"] = drawn
    draws = repeats if fill == "uniform" else 1
    runs: dict[str, list[Tensor]] = {key: [] for key in orders}
    with preserved_rng(), tqdm(total=draws * len(orders), unit="order", disable=not show_progress) as bar:
        for replacement in fills():
            for key, order in orders.items():
                runs[key].append(nested_outputs(followed, order, counts, replacement))
                bar.update()
    curves = {key: torch.stack(several) for key, several in runs.items()}
    random = [curve.mean(0) for key, curve in curves.items() if key.startswith("random")]
    diagnostics = followed.diagnostics | {
        "tied": float(tied_share(scores, rank).mean()),
        "random_repeats": random_repeats,
        "seed": seed,
    }
    if draws > 1:  # the error of the mean areas that the draws alone leave
        spread = {
            key: (c[..., :1] - c).mean((1, 2)).std() for key, c in curves.items() if key in ("morf", "lerf")
        }
        diagnostics["fill_standard_error"] = {key: float(s / draws**0.5) for key, s in spread.items()}
    return PixelPerturbation(
        morf=curves["morf"].mean(0),
        lerf=curves["lerf"].mean(0),
        counts=counts,
        regions=game.n,
        method=map_name if name is None else name,
        fill=fill if isinstance(fill, str) else "given",
        rank=rank,
        output="target" if callable(target) else output,
        random=torch.stack(random).mean(0) if random else None,
        target=followed.target if isinstance(followed.target, Tensor) else None,
        diagnostics=diagnostics,
    )


def pixel_removal(
    model: Callable[..., Any],
    inputs: Tensors,
    maps: Maps,
    *,
    percents: Sequence[float] = tuple(range(1, 11)),
    fill: Fill = "mean",
    **options: Any,
) -> PixelPerturbation:
    """Remove the most, or the least, relevant few per cent: by how much does the output change?

    Read ``result.relative_change("morf")`` and ``("lerf")``, 100·|p − p'|/p for each example; column k is
    ``percents[k − 1]``, column 0 nothing removed.

    Args:
        model: As in :func:`pixel_perturbation`.
        inputs: As there.
        maps: As there.
        percents: Growing, in (0, 100]; each rounded to whole regions, halves up, at least one.
        fill: As there; in inputs normalised by the data set's mean, ``mean`` of the data and 0 are the same.
        **options: The others of :func:`pixel_perturbation` but ``steps`` and ``fraction``.

    Returns:
        The curves at these percentages.

    Raises:
        OptionError: If a percentage is out of range, or an option.
        TaylorAttrError: As :func:`pixel_perturbation`.
    """
    shares = [float(p) for p in percents]
    if not shares or sorted(shares) != shares or not 0 < shares[0] <= shares[-1] <= 100:
        raise OptionError(f"percents={percents!r}; expected growing numbers in (0, 100]")
    clash = {"steps", "fraction"} & options.keys()
    if clash:
        raise OptionError(f"{', '.join(sorted(clash))} cannot be given here: percents= says what is removed")
    parts = regions(inputs, options.get("region", 1), options.get("players"))
    n = len(resolve_players(parts, input_tuple(inputs)))
    # at least one region, so that a small percentage of few regions is not nothing
    counts = [0] + [max(1, math.floor(p / 100 * n + 0.5)) for p in shares]
    return pixel_perturbation(model, inputs, maps, fill=fill, steps=counts, **options)


def step_counts(n: int, steps: int | Sequence[int] | None, fraction: float = 1.0) -> Tensor:
    """Return how many of n regions are replaced at each step, from 0, shape (L+1,), int64.

    Raises:
        OptionError: If steps or fraction are out of range.
    """
    if not 0 < fraction <= 1:
        raise OptionError(f"fraction={fraction!r}; expected a share of the regions in (0, 1]")
    if steps is None:
        steps = min(max(1, math.floor(fraction * n + 0.5)), DEFAULT_STEPS)
    if isinstance(steps, int):
        if steps < 1 or isinstance(steps, bool):
            raise OptionError(f"steps={steps}; expected a positive number of steps, or the counts themselves")
        return torch.tensor([math.floor(k * fraction * n / steps + 0.5) for k in range(steps + 1)])
    counts = [int(k) for k in steps]
    if len(counts) < 2 or counts[0] != 0 or sorted(counts) != counts or counts[-1] > n:
        raise OptionError(
            f"steps={counts[:6]}{' …' if len(counts) > 6 else ''}; counts start with 0, grow, and "
            f"end at most at the {n} regions there are"
        )
    return torch.tensor(counts)
