"""Integrated Gradients: Δ_i ∫₀¹ ∂_i f(b + αΔ) dα.

Between its kinks a piecewise linear network has one gradient, and the integral is exact; with a curved
function it is a quadrature. `_CurvedFunctions` sees which in one call: it saves a capture made in vain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from taylorattr.analysis.game import Game, sum_over_players
from taylorattr.analysis.question import Question
from taylorattr.autodiff.gradient import PathGradients, Rows
from taylorattr.autodiff.paths.integral import average_by_pieces
from taylorattr.autodiff.paths.operations import NotPiecewiseLinearError
from taylorattr.errors import CaptureError, OptionError, PrecisionWarning, warn
from taylorattr.maths.path_rules import PathRule, path_rule
from taylorattr.methods.method import Scores, method
from taylorattr.program.arguments import leaves
from taylorattr.program.isolate import preserved_rng
from taylorattr.program.operations import CURVED_FUNCTIONS

Mode = Literal["auto", "quadrature", "exact"]

LARGEST = 256
"""Most nodes per example where neither a number nor a tolerance is asked for."""

PIECES = 1024
"""Most pieces per example, on average, that ``auto`` takes: about the work of the default quadrature."""

PIECES_ASKED = 2**18
"""Most pieces per example, on average, where the exact mode is asked for."""

TOLERANCES = {torch.float64: 1e-6, torch.float32: 1e-4}
"""Completeness error, relative to Σ|scores|, at which the number of nodes stops growing by default."""

EXACT_TOLERANCES = {torch.float64: 1e-9, torch.float32: 1e-4}
"""Completeness error within which the pieces are taken to be all there are."""

SERIOUS = 1e-2
"""A relative completeness error that is warned of though no tolerance was asked for."""


@method("integrated_gradients", family="gradient", exactness="quadrature", chooses_mode=True)
def integrated_gradients(
    question: Question,
    *,
    n_steps: int | None = None,
    tol: float | None = None,
    rule: PathRule = "gauss_legendre",
    mode: Mode = "auto",
    linear_first: bool = True,
    multiply_by: Literal["delta", "none"] = "delta",
) -> Scores:
    """Return Δ_i ∫₀¹ ∂_i f(b + αΔ) dα: each term κ_i/|κ| times.

    A quadrature gives each term κ_i Σ_q ω_q α_q^{|κ|−1} times, eq. (19). For piecewise linear networks
    (affine operations, ReLU and its relatives, clamps, maxima, max-pools, masks) the exact mode finds the
    kinks on the path and integrates piece by piece, in single precision to its rounding.

    Args:
        question: What is asked.
        n_steps: Number of nodes; with ``tol`` the largest. None: doubled until the tolerance is met.
        tol: Stop as soon as the completeness error |f(x) − f(b) − Σ scores| is below tol·Σ|scores|, example
            by example; a warning says where it is not reached.
        rule: ``gauss_legendre``, ``left``, ``right``, ``midpoint`` or ``trapezoid``.
        mode: ``exact`` asks for the pieces, ``quadrature`` for nodes; ``auto`` takes the pieces where the
            network allows it with 1024 pieces per example on average, and neither ``n_steps``, ``tol`` nor
            another rule was asked for; else the diagnostics say why not.
        linear_first: Whether nodes may run past the first affine layer only (exact, faster).
        multiply_by: ``delta``, or ``none`` for the averaged gradient itself.

    Returns:
        Scores of the elements; diagnostics hold the way, nodes and completeness error of each example.

    Raises:
        OptionError: If an option is out of range, or ``exact`` is asked of a network it does not fit.

    Warns:
        PrecisionWarning: The completeness error is above the tolerance, or above 1 % where none was asked
            for.

    Source: eq. (18), (19), (20); Sundararajan et al. (2017), "Axiomatic attribution for deep networks",
    arXiv 1703.01365. Past kinks every rule converges only like 1/n_steps.
    """
    if multiply_by not in ("delta", "none"):
        raise OptionError(f"multiply_by={multiply_by!r}; expected 'delta' or 'none'")
    game = question.game
    found, reason = averaged_gradients(
        game, n_steps=n_steps, tol=tol, rule=rule, mode=mode, linear_first=linear_first
    )
    say_error(found, tol)
    if multiply_by == "none":
        scores = found.averages
    else:
        scores = _times_delta(game, found.averages)
    return Scores(
        elements=scores,
        diagnostics={
            "mode": found.mode,
            "rule": rule if found.mode == "quadrature" else "one gradient per piece",
            "n_steps": found.counts,
            "completeness_error": found.errors.tolist(),
            "linear_first": found.linear_first,
            "multiply_by": multiply_by,
        }
        | ({"last_change": found.changes} if found.changes else {})
        | ({"not_exact_because": reason} if reason else {}),
    )


@dataclass
class Averages:
    """Averaged gradients of all examples.

    Attributes:
        averages: ∫∇f, tensors (B, …).
        counts: Nodes or pieces per example.
        errors: |f(x) − f(b) − Σ scores| / Σ|scores| per example.
        mode: How.
        changes: Largest change of an example's player scores by its last doubling, over Σ|scores|; None where
            there was none.
        linear_first: Whether the nodes ran past the first affine layer only.
    """

    averages: Rows
    counts: list[int]
    errors: Tensor
    mode: str
    changes: list[float | None] | None = None
    linear_first: bool = False


def averaged_gradients(
    game: Game,
    *,
    n_steps: int | None,
    tol: float | None,
    rule: PathRule = "gauss_legendre",
    mode: Mode = "auto",
    linear_first: bool = True,
) -> tuple[Averages, str]:
    """Return ∫₀¹ ∇f(b + αΔ) dα of every example, and why the exact mode was not used, "" if it was.

    Args:
        game: The game.
        n_steps: As in `integrated_gradients`.
        tol: As in `integrated_gradients`.
        rule: As in `integrated_gradients`.
        mode: As in `integrated_gradients`.
        linear_first: As in `integrated_gradients`.

    Raises:
        OptionError: If an option is out of range, or ``exact`` is asked of a network it does not fit.
    """
    _check(n_steps, tol, rule, mode)
    plain = n_steps is None and tol is None and rule == "gauss_legendre"
    reason = _curved(game) if mode == "auto" and plain else ""
    if mode == "exact" or (mode == "auto" and plain and not reason):
        found, reason = _exact(game, PIECES_ASKED if mode == "exact" else PIECES)
        if found is not None:
            return found, ""
        if mode == "exact":
            raise OptionError(
                f"mode='exact' does not fit this model: {reason}. Use mode='quadrature' with tol= "
                "(kinks converge like 1/n_steps), or shapley and ta.harsanyi, which are exact for every model"
            )
    paths = PathGradients(game, linear_first=linear_first)
    found = _quadrature(game, paths, n_steps, tol, rule)
    found.linear_first = paths.linear_first
    return found, reason


def _check(n_steps: Any, tol: Any, rule: Any, mode: Any) -> None:
    path_rule(rule, 2 if n_steps is None else n_steps)
    if tol is not None and not tol > 0:
        raise OptionError(f"tol={tol!r}; expected a positive number or None")
    if mode not in ("auto", "quadrature", "exact"):
        raise OptionError(f"mode={mode!r}; expected 'auto', 'quadrature' or 'exact'")
    if mode == "exact" and (n_steps is not None or rule != "gauss_legendre"):
        raise OptionError("mode='exact' takes one gradient per piece; leave n_steps and rule out")


def _times_delta(game: Game, averages: Rows) -> Rows:
    ends = zip(averages, game.inputs, game.baselines, strict=True)
    return tuple(a * (x - b) for a, x, b in ends)


def completeness_error(game: Game, by_player: Tensor) -> Tensor:
    """Return |f(x) − f(b) − Σ scores| / Σ|scores| per example, float64 on the CPU; 0 where both vanish."""
    by_player = by_player.cpu().double()
    gap = (game.f_input.cpu().double() - game.f_baseline.cpu().double() - by_player.sum(1)).abs()
    return torch.where(gap == 0, gap, gap / by_player.abs().sum(1))


def _quadrature(
    game: Game, paths: PathGradients, n_steps: int | None, tol: float | None, rule: PathRule
) -> Averages:
    largest = LARGEST if n_steps is None else n_steps
    goal = tol
    if goal is None and n_steps is None:
        goal = TOLERANCES.get(game.dtype, 1e-2)
    ladder = [largest] if goal is None else _ladder(largest, 2 if rule == "trapezoid" else 1)
    averages = tuple(torch.zeros_like(x) for x in game.inputs)
    counts, errors = [0] * game.batch, torch.zeros(game.batch, dtype=torch.float64)
    changes: list[float | None] = [None] * game.batch
    before: Tensor | None = None
    open_ones = torch.arange(game.batch)
    for count in ladder:
        alphas, weights = (torch.from_numpy(a.copy()) for a in path_rule(rule, count))
        where = open_ones.to(game.device)
        for average, sum_ in zip(averages, paths.sums(alphas, weights, open_ones), strict=True):
            average[where] = sum_
        by_player = sum_over_players(game, _times_delta(game, averages)).cpu().double()
        errors = completeness_error(game, by_player)
        if before is not None:
            moved = (by_player - before).abs().amax(1) / by_player.abs().sum(1).clamp_min(1e-300)
            for example in open_ones.tolist():
                changes[example] = float(moved[example])
        before = by_player
        for example in open_ones.tolist():
            counts[example] = count
        if goal is not None:
            open_ones = open_ones[errors[open_ones] > goal]
        if not len(open_ones):
            break
    return Averages(averages, counts, errors, "quadrature", changes if len(ladder) > 1 else None)


def _ladder(largest: int, least: int) -> list[int]:
    """Return 4, 8, 16, … up to the largest number of nodes, which ends it."""
    rungs, count = [], max(4, least)
    while count < largest:
        rungs.append(count)
        count *= 2
    return [*rungs, largest]


def _curved(game: Game) -> str:
    """Return what in the model is known not to be piecewise linear, "" if nothing is: saves a capture."""
    with torch.no_grad(), preserved_rng():
        point = tuple(x.clone() for x in game.input(0))
        with _CurvedFunctions(point) as seen:
            game.scalar.values(point, torch.tensor([0]))
    return f"{min(seen.names)} is not affine between kinks" if seen.names else ""


def _exact(game: Game, most: int) -> tuple[Averages | None, str]:
    """Return the averages by pieces, or None and why the model does not fit."""
    try:
        found = average_by_pieces(game, most)
    except (CaptureError, NotPiecewiseLinearError) as error:
        return None, str(error)
    errors = completeness_error(game, sum_over_players(game, _times_delta(game, found.averages)))
    if bool((errors > EXACT_TOLERANCES.get(game.dtype, 1e-2)).any()):
        return None, f"the pieces found miss f(x) − f(b) by {float(errors.max()):.2g} of Σ|scores|"
    return Averages(found.averages, found.pieces.tolist(), errors, "exact"), ""


def say_error(found: Averages, tol: float | None, name: str = "integrated_gradients") -> None:
    """Warn where the completeness error is above the tolerance, or above 1 % where none was asked for."""
    limit = SERIOUS if tol is None else tol
    bad = (found.errors > limit).nonzero().reshape(-1).tolist()
    if bad:
        worst = max(bad, key=lambda e: float(found.errors[e]))
        warn(
            f"{name} of {len(bad)} example(s) miss f(x) − f(b): example {worst} by "
            f"{float(found.errors[worst]):.2g} of Σ|scores| with {found.counts[worst]} nodes (limit "
            f"{limit:g}). Pass a larger n_steps with tol=, dtype=torch.float64 if rounding is the cause; for "
            "piecewise linear networks mode='exact'",
            PrecisionWarning,
        )


class _CurvedFunctions(TorchFunctionMode):
    """Sees the curved torch functions that are applied to something that depends on the inputs.

    A curved function of constants (a softmax over learned weights of a mixture) curves nothing. What goes an
    unseen way (scripted code, in-place writes through a view) is missed; the capture finds it. The mark of
    what depends on the inputs is an attribute, which dies with its tensor and keeps nothing alive.

    Attributes:
        names: Their names, as in ``torch.nn.functional``.
    """

    _MARK = "_taylorattr_depends_on_the_inputs"

    def __init__(self, inputs: Sequence[Tensor]) -> None:
        super().__init__()
        self.names: set[str] = set()
        for x in inputs:
            setattr(x, self._MARK, True)

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if any(hasattr(t, self._MARK) for t in leaves(Tensor, (args, kwargs))):
            name = getattr(func, "__name__", "").rstrip("_")
            if name in CURVED_FUNCTIONS:
                self.names.add(name)
            written = args[:1] if name in ("__setitem__", "copy") else ()
            for tensor in leaves(Tensor, (result, written)):
                setattr(tensor, self._MARK, True)
        return result
