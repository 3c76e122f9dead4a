"""Shapley values: exact from all coalitions, or estimated from sampled orders or coalitions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from taylorattr import memory
from taylorattr.analysis.coalition_outputs import CoalitionOutputs, unchanged
from taylorattr.analysis.question import Question
from taylorattr.effects.harsanyi import MAX_EVALUATIONS
from taylorattr.errors import BudgetError, OptionError, PrecisionWarning, require_repetitions, warn
from taylorattr.maths.permutations import chain_members, contributions, paired_ranks
from taylorattr.maths.running_mean import RunningMean
from taylorattr.maths.semivalues import shapley_values
from taylorattr.maths.shapley_kernel import kernel_coalitions, kernel_estimate
from taylorattr.methods.method import Scores, method

ALGORITHMS = ("auto", "exact", "permutation", "kernel")

EXACT_PLAYERS = 16
"""Up to this many players ``auto`` evaluates all 2^n coalitions."""

DEFAULT_ORDERS = 100
"""Orders sampled when nothing is said: 50 pairs."""

MOST_WITH_TOLERANCE = 100
"""With a tolerance and no count, up to this many times the default are drawn."""

KERNEL_PLAYERS = 4096
"""The kernel estimator solves a system of n equations; beyond this many take orders."""

_FOLDED_PLAYERS = 20
_BLOCK_BYTES = 32 * 2**20
_FIRST_LOOK = 30


@method("shapley", family="occlusion", integers=True)
def shapley(
    question: Question,
    *,
    algorithm: str = "auto",
    samples: int | None = None,
    tol: float | None = None,
    max_evaluations: int | None = MAX_EVALUATIONS,
) -> Scores:
    """The mean of v(T∪i) − v(T) over all orders in which the players can join.

    a_i = Σ_{T∌i} (v(T∪i) − v(T))/(n C(n−1, |T|)) = Σ_{S∋i} J(S)/|S|, eq. (27). The scores add up to
    f(x) − f(b) with every algorithm.

    Args:
        question: What is asked.
        algorithm: ``exact``: all 2^n coalitions. ``permutation``: sampled orders, each with its reverse;
            unbiased. ``kernel``: weighted least squares on sampled coalitions and their complements; often
            closer for the same number of outputs, unbiased only in the limit. ``auto``: exact up to 16
            players and within ``max_evaluations``, else permutation; ``diagnostics["algorithm"]`` says which.
        samples: Number of orders (default 100, each costs n − 1 outputs) or of coalitions (default
            2n + 2048); rounded up to pairs. With ``tol`` the most that are drawn, by default 100 times these.
        tol: Stop when every standard error is at most this share of Σ|scores|, in every example.
        max_evaluations: Refuse to compute more than this many outputs exactly; None: no limit.

    Returns:
        Scores of the players; with standard errors where they are estimated.

    Raises:
        OptionError: If an option is out of range.
        BudgetError: If exact values need more outputs or memory than allowed, or the kernel's system is too
            large.
        NonFiniteError: If an output is NaN or infinite.

    Source: Shapley (1953); for the estimators :mod:`taylorattr.maths.permutations` and
    :mod:`taylorattr.maths.shapley_kernel`.
    """
    _check_options(algorithm, samples, tol)
    game = question.game
    chosen = algorithm
    if algorithm == "auto":
        small = game.n <= EXACT_PLAYERS
        affordable = max_evaluations is None or game.batch << min(game.n, 62) <= max_evaluations
        chosen = "exact" if small and affordable else "permutation"
    if game.n == 1:
        chosen = "exact"  # one order only
    if chosen == "exact":
        _check_budget(game.batch, game.n, max_evaluations)
        values, errors, diagnostics = _exact(question), None, {"outputs_per_example": 1 << game.n}
    else:
        estimate = _by_orders if chosen == "permutation" else _by_kernel
        values, errors, diagnostics = estimate(question, samples, tol)
    scores = torch.from_numpy(values)
    still = unchanged(game)
    diagnostics = {"algorithm": chosen, "chosen_by": algorithm} | diagnostics
    if errors is not None:
        return Scores(
            players=scores.masked_fill(still, 0),
            standard_errors=torch.from_numpy(errors).masked_fill(still, 0),
            diagnostics=diagnostics,
        )
    return Scores(players=scores.masked_fill(still, 0), diagnostics=diagnostics)


def _exact(question: Question) -> np.ndarray:
    game = question.game
    count = 1 << game.n
    values = np.empty((game.batch, game.n))
    empty, full = _ends(question)
    with CoalitionOutputs(
        question.game, fold=True, total=game.batch * count, show_progress=question.show_progress
    ) as outputs:
        for part, outcomes in outputs(lambda start, stop: torch.arange(start, stop), count):
            table = outcomes.numpy()
            table[:, 0], table[:, -1] = empty[part], full[part]  # what the gap is measured against
            values[part] = shapley_values(table)
    return values


def _ends(question: Question) -> tuple[np.ndarray, np.ndarray]:
    """Return f(b) and f(x), float64."""
    game = question.game
    return game.f_baseline.double().cpu().numpy(), game.f_input.double().cpu().numpy()


Estimate = tuple[np.ndarray, np.ndarray, dict[str, Any]]


def _by_orders(question: Question, samples: int | None, tol: float | None) -> Estimate:
    """Average marginal contributions over pairs of orders, a block of pairs at a time."""
    game = question.game
    n, generator = game.n, np.random.default_rng(question.seed % 2**63)
    pairs = _pairs(samples, DEFAULT_ORDERS, tol)
    empty, full = _ends(question)
    mean = RunningMean()
    with CoalitionOutputs(
        question.game, fold=n <= _FOLDED_PLAYERS, show_progress=question.show_progress
    ) as outputs:
        at_once = max(1, _BLOCK_BYTES // (16 * n * max(game.batch, 1)))
        at_once = min(at_once, max(_FIRST_LOOK, 16 * outputs.rows // (2 * n)))
        while mean.count < pairs:
            ranks = paired_ranks(generator, n, min(at_once, pairs - mean.count))
            table = outputs.table(_chain(ranks), len(ranks) * (n - 1)).numpy()
            found = contributions(table, ranks, empty, full)
            mean.add(found.reshape(game.batch, -1, 2, n).mean(2).swapaxes(0, 1))
            if _reached(mean.mean, mean.error, tol) and mean.count >= _FIRST_LOOK:
                break
    said = {"orders": 2 * mean.count, "outputs_per_example": 2 * mean.count * (n - 1)}
    return mean.mean, mean.error, said | _precision(mean.mean, mean.error, tol)


def _chain(ranks: np.ndarray) -> Callable[[int, int], Tensor]:
    return lambda start, stop: torch.from_numpy(chain_members(ranks, start, stop))


def _by_kernel(question: Question, samples: int | None, tol: float | None) -> Estimate:
    """Fit sampled coalitions and their complements, doubling their number until the tolerance is met."""
    game = question.game
    n, generator = game.n, np.random.default_rng(question.seed % 2**63)
    if n > KERNEL_PLAYERS:
        raise BudgetError(
            f"algorithm='kernel' solves a system of {n} equations (limit {KERNEL_PLAYERS}); use "
            "algorithm='permutation', or group variables with players=..."
        )
    pairs = max(_pairs(samples, 2 * n + 2048, tol), n)
    empty, full = _ends(question)
    delta = full - empty
    coalitions, halves = np.empty((0, n), dtype=bool), np.empty((game.batch, 0))
    wanted = pairs if tol is None else min(pairs, max(n + 1024, 2 * n))
    with CoalitionOutputs(
        question.game, fold=n <= _FOLDED_PLAYERS, show_progress=question.show_progress
    ) as outputs:
        while True:
            drawn = kernel_coalitions(generator, n, wanted - len(coalitions))
            table = outputs.table(_with_complements(drawn), 2 * len(drawn)).numpy()
            differences = table[:, 0::2] - table[:, 1::2]
            coalitions = np.concatenate([coalitions, drawn])
            halves = np.concatenate([halves, differences / 2], axis=1)
            values, errors = kernel_estimate(coalitions, halves, delta)
            if wanted >= pairs or _reached(values, errors, tol):
                break
            wanted = min(pairs, 2 * wanted)
    said = {"coalitions": 2 * len(coalitions), "outputs_per_example": 2 * len(coalitions)}
    return values, errors, said | _precision(values, errors, tol)


def _with_complements(drawn: np.ndarray) -> Callable[[int, int], Tensor]:
    def members(start: int, stop: int) -> Tensor:
        place = np.arange(start, stop)
        return torch.from_numpy(drawn[place // 2] ^ (place % 2 == 1)[:, None])

    return members


def _pairs(samples: int | None, default: int, tol: float | None) -> int:
    if samples is None:
        samples = default * (1 if tol is None else MOST_WITH_TOLERANCE)
    return max(1, -(-samples // 2))


def _relative(values: np.ndarray, errors: np.ndarray) -> float:
    """Return the largest standard error as a share of Σ|scores|, over all examples."""
    size = np.abs(values).sum(axis=1)
    worst = errors.max(axis=1)
    return float(np.divide(worst, size, out=np.where(worst > 0, np.inf, 0.0), where=size > 0).max())


def _reached(values: np.ndarray, errors: np.ndarray, tol: float | None) -> bool:
    return tol is not None and _relative(values, errors) <= tol


def _precision(values: np.ndarray, errors: np.ndarray, tol: float | None) -> dict[str, Any]:
    found = _relative(values, errors)
    if tol is not None and found > tol:
        warn(
            f"the largest standard error is {found:.2g} of Σ|scores|, above tol={tol:g}, after all samples; "
            "allow more with samples=, or loosen tol",
            PrecisionWarning,
        )
    return {"largest_relative_error": found} | ({} if tol is None else {"tol": tol, "reached": found <= tol})


def _check_options(algorithm: str, samples: int | None, tol: float | None) -> None:
    if algorithm not in ALGORITHMS:
        raise OptionError(f"algorithm={algorithm!r}; expected one of {', '.join(map(repr, ALGORITHMS))}")
    require_repetitions("samples", samples, optional=True)
    if tol is not None and not (isinstance(tol, (int, float)) and 0 < tol < float("inf")):
        raise OptionError(f"tol={tol!r}; expected a positive number, a share of Σ|scores|, or None")
    if algorithm == "exact" and (samples is not None or tol is not None):
        raise OptionError("algorithm='exact' draws no samples; leave samples= and tol= out")


def _check_budget(batch: int, n: int, max_evaluations: int | None) -> None:
    remedy = "use algorithm='permutation' or 'kernel', or group variables with players=..."
    needed = 6 * 8 << n
    free = memory.available(needed)
    if needed > free:
        raise BudgetError(
            f"exact Shapley values of {n} players need all 2**{n} outputs at once, "
            f"{memory.in_words(needed)}, and {memory.in_words(free)} may be used here: {remedy}"
        )
    if max_evaluations is not None and batch << n > max_evaluations:
        raise BudgetError(
            f"exact Shapley values of {n} players need 2**{n} outputs for each of {batch} example(s), more "
            f"than max_evaluations={max_evaluations:,}: {remedy}, or allow it with max_evaluations=None"
        )
