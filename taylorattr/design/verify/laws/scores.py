"""Scores are Σ_κ w_i(κ) I(κ): on polynomials, on networks, by every way, and read off by a probe."""

from __future__ import annotations

import itertools
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp
import torch
from torch import Tensor, nn

from taylorattr.aliases import MultiIndex
from taylorattr.criteria.probe.probe import probe
from taylorattr.design.verify.law import Broken, Kept, NotApplicable, Outcome, law
from taylorattr.design.verify.problems import Problem, how_many, network, problems, smallest
from taylorattr.design.verify.subject import MOST_TABLE_PLAYERS, Subject, allowed
from taylorattr.effects.symbolic import symbolic_effects
from taylorattr.effects.taylor import decompose
from taylorattr.errors import BudgetError
from taylorattr.maths.frames import other_frame_ratio

POLYNOMIALS = 8
"""Polynomials that the attributor and ``ta.allocate`` are asked about."""


@law("allocation", "ta.allocate over exact effects is Σ w_i(κ) I(κ), eq. (10), to the last digit")
def allocation(subject: Subject) -> Outcome:
    """Add up exact effects of sympy, and of the definition."""
    if subject.n > MOST_TABLE_PLAYERS:
        return NotApplicable(f"{subject.n} players have too many coalitions for a symbolic table")
    for problem in problems(subject, POLYNOMIALS):
        if _allocated(subject, problem) != subject.shares(problem.effects):
            small = smallest(
                problem, lambda p: _allocated(subject, p) != subject.shares(p.effects), free=subject.free
            )
            return Broken(
                f"ta.allocate gives {_words(_allocated(subject, small))}, and Σ w·I is "
                f"{_words(subject.shares(small.effects))}",
                str(small),
            )
    return Kept(
        f"{how_many(subject, POLYNOMIALS)} polynomials of order ≤ {subject.order} of {subject.n} players, "
        "exactly"
    )


def _allocated(subject: Subject, problem: Problem) -> list[Fraction]:
    """Return the scores that ``ta.allocate`` gives, exactly."""
    symbols = sp.symbols([f"x{k}" for k in range(problem.n)])
    terms = [c * sp.prod([v**k for v, k in zip(symbols, kappa, strict=True)]) for kappa, c in problem.terms]
    effects = symbolic_effects(sp.Add(*terms), symbols, problem.x, problem.b, frame=subject.frame)
    renamed: Any = effects
    if subject.names is not None and problem.n == subject.n:
        renamed = replace(effects, names=subject.names)
    scores = subject.designed.allocate(renamed)
    return [Fraction(text) for text in scores.diagnostics["exact"]]


@law("attributor", "the attributor's scores are Σ w_i(κ) I(κ) of the model, within the error it states")
def attributor_law(subject: Subject) -> Outcome:
    """Ask the attributor about polynomials."""
    if subject.obstacle:
        return NotApplicable(subject.obstacle)
    for problem in problems(subject, POLYNOMIALS):
        if differs(subject, problem):
            small = smallest(problem, lambda p: bool(differs(subject, p)), free=subject.free)
            return Broken(differs(subject, small), str(small))
    return Kept(
        f"{how_many(subject, POLYNOMIALS)} polynomials of order ≤ {subject.order} of {subject.n} players"
    )


def differs(subject: Subject, problem: Problem, **options: Any) -> str:
    """Return how the attributor's scores differ from Σ w·I; empty where they do not.

    Args:
        subject: The rule.
        problem: What is asked.
        **options: Of the attributor.
    """
    x, b = problem.ends
    expected = np.array([[float(v) for v in subject.shares(problem.effects)]])
    answer = subject.attribute(problem.model, x, b, order=subject.order, **options)
    off = np.abs(answer.player_scores.numpy() - expected)
    room = allowed(answer)
    if (off <= room).all():
        return ""
    way = answer.diagnostics.get("way", "")
    return (
        f"way {way!r} gives {_numbers(answer.player_scores.numpy()[0])}, and Σ w·I is "
        f"{_numbers(expected[0])}; off by {off.max():.2g} where {float(room.max()):.2g} is stated"
    )


def _words(values: list[Fraction]) -> str:
    """Return exact numbers as they are written."""
    return "(" + ", ".join(map(str, values)) + ")"


def _numbers(values: np.ndarray) -> str:
    """Return numbers to six digits."""
    return "(" + ", ".join(f"{v:.6g}" for v in values) + ")"


REFERENCE_ORDER = 9
"""Order of the reference table of few players."""

MOST_COALITION_PLAYERS = 7
"""Players up to which all effects of coalitions are formed by their definition."""

ALLOWED_REST = 1e-5
"""Of Σ|scores|: what orders above the reference table may add inside the radius."""


@law("networks", "the attributor's scores are Σ w·I on networks, within the error it states")
def networks(subject: Subject) -> Outcome:
    """Ask about tanh networks, and ReLU networks where coalitions are all that counts."""
    if subject.obstacle or subject.n > MOST_COALITION_PLAYERS:
        return NotApplicable(
            subject.obstacle
            or f"{subject.n} players: effects are formed for {MOST_COALITION_PLAYERS} at most"
        )
    if subject.designed.rule.reach is not None:
        return NotApplicable(f"the ratio is given up to order {subject.designed.rule.reach}")
    activations = ("tanh", "relu") if subject.support else ("tanh",)
    for activation, seed in itertools.product(activations, range(2)):
        model, x, b = network(subject, activation, seed)
        expected = (
            _of_coalitions(subject, model, x, b) if subject.support else _of_terms(subject, model, x, b)
        )
        answer = subject.attribute(model, x, b)
        room = allowed(answer) + (0 if subject.support else ALLOWED_REST * np.abs(expected).sum())
        off = np.abs(answer.player_scores.numpy() - expected)
        if (off > room).any():
            return Broken(
                f"way {answer.diagnostics.get('way')!r} is off by {off.max():.2g} where "
                f"{float(room.max()):.2g} is stated",
                f"mlp(({subject.n}, 5, 1), {activation!r}, seed={seed}) at x = {x[0].tolist()}",
            )
    return Kept(" and ".join(activations) + " networks")


def _of_coalitions(subject: Subject, model: nn.Module, x: Tensor, b: Tensor) -> np.ndarray:
    """Return Σ_S w_S J(S) by the definition of J, eq. (3) and (8)."""
    n = subject.n
    members = [c for size in range(n + 1) for c in itertools.combinations(range(n), size)]
    rows = torch.stack([torch.where(torch.tensor([k in c for k in range(n)]), x[0], b[0]) for c in members])
    with torch.no_grad():
        values = dict(zip(members, model(rows).tolist(), strict=True))
    everybody = tuple(range(n))
    total: np.ndarray | float = 0.0
    for c in members[1:]:
        effect = 0.0
        for size in range(len(c) + 1):
            for part in itertools.combinations(c, size):
                # seen from x, a coalition is who has been taken away
                present = (
                    part if subject.frame == "baseline" else tuple(k for k in everybody if k not in part)
                )
                effect += (-1) ** (len(c) - size) * values[present]
        effect = effect if subject.frame == "baseline" else -effect
        weights = subject.ratio([int(k in c) for k in range(n)])
        total = total + effect * np.array([float(w) for w in weights])
    return np.asarray(total)[None]


def _of_terms(subject: Subject, model: nn.Module, x: Tensor, b: Tensor) -> np.ndarray:
    """Return Σ_κ w(κ) I(κ) of a network from a table of high order."""
    order = REFERENCE_ORDER if subject.n <= 4 else 5
    effects = decompose(model, x, b, order=order, frame=subject.frame, with_tails=False)
    if subject.names is not None:
        effects = replace(effects, names=subject.names)
    return subject.designed.allocate(effects).player_scores.numpy()


POLYNOMIALS_OF_A_WAY = 3
"""Polynomials that each way is asked about."""

SAMPLE_SEEDS, ORDERS_OF_A_SEED = 4, 200
"""Seeds with which scores are sampled, and orders drawn with each."""

ALLOWED_ERRORS_OF_A_MEAN = 5.0
"""Standard errors that a mean may be off by."""


@law("ways", "every way that can be taken gives the same scores, within the errors they state")
def ways(subject: Subject) -> Outcome:
    """Take each way by name on polynomials."""
    left_out = {"samples"} if subject.n <= MOST_TABLE_PLAYERS else {"samples", "coalitions"}
    names = [
        name for name in dict.fromkeys(way.name for way in subject.designed.ways) if name not in left_out
    ]
    taken = []
    for name in names:
        try:
            for problem in problems(subject, POLYNOMIALS_OF_A_WAY):
                if differs(subject, problem, way=name):
                    small = smallest(
                        problem, lambda p, name=name: bool(differs(subject, p, way=name)), free=subject.free
                    )
                    return Broken(differs(subject, small, way=name), str(small))
        except BudgetError:
            continue
        taken.append(name)
    return Kept(", ".join(taken)) if taken else NotApplicable("no way but sampling can be taken")


@law("samples", "sampled scores are unbiased, and off by as much as their standard errors say")
def samples(subject: Subject) -> Outcome:
    """Sample with several seeds; single means within 5 standard errors, and their mean as well."""
    if "samples" not in {way.name for way in subject.designed.ways}:
        return NotApplicable("the rule is not sampled")
    for problem in problems(subject, 2):
        x, b = problem.ends
        expected = np.array([float(v) for v in subject.shares(problem.effects)])
        means, errors = [], []
        for seed in range(SAMPLE_SEEDS):
            try:
                options = {"way": "samples", "samples": ORDERS_OF_A_SEED, "seed": subject.seed + seed}
                answer = subject.attribute(problem.model, x, b, **options)
            except BudgetError as error:
                return NotApplicable(str(error))
            if answer.standard_errors is None:
                return Broken("sampled scores come without standard errors", str(problem))
            means.append(answer.player_scores.numpy()[0])
            errors.append(answer.standard_errors.numpy()[0])
        off = np.abs(np.array(means) - expected)
        room = ALLOWED_ERRORS_OF_A_MEAN * np.array(errors) + 1e-9 * (1 + np.abs(expected).sum())
        pooled = ALLOWED_ERRORS_OF_A_MEAN * np.sqrt((np.array(errors) ** 2).mean(0) / SAMPLE_SEEDS) + 1e-9 * (
            1 + np.abs(expected).sum()
        )
        if (off > room).any() or (np.abs(np.mean(means, 0) - expected) > pooled).any():
            return Broken(
                f"means of {SAMPLE_SEEDS} seeds are {np.round(np.mean(means, 0), 6).tolist()} ± "
                f"{np.round(np.max(errors, 0), 6).tolist()} and the scores are {expected.tolist()}",
                str(problem),
            )
    return Kept(f"2 polynomials with {SAMPLE_SEEDS} seeds of {ORDERS_OF_A_SEED} orders")


PROBED_PLAYERS = 5
"""Players up to which all monomials are asked about."""

PROBED_WHERE_FREE = 2
"""Players that are enough where the rule takes any number."""

READING_ERROR = 1e-6
"""Difference of a ratio that is rounding or fine quadrature."""


@law("probe", "ta.probe reads the rule's own ratio off its attributor, monomial by monomial")
def own_ratio(subject: Subject) -> Outcome:
    """Probe the attributor as a black box."""
    if subject.obstacle or not subject.to_players:
        return NotApplicable(subject.obstacle or "coalitions receive, not players")
    if subject.n > PROBED_PLAYERS:
        return NotApplicable(f"{subject.n} players have too many monomials")
    order = min(3, subject.order)

    def black_box(f: nn.Module, x: Tensor, b: Tensor) -> Tensor:
        return subject.attribute(f, x, b, order=subject.order).player_scores[0]

    probed = probe(black_box, PROBED_WHERE_FREE if subject.free else subject.n, order, seed=subject.seed)
    wrong = []
    for row, kappa in enumerate(map(tuple, probed.multi_indices.tolist())):
        expected = np.array([float(w) for w in _seen_from_baseline(subject, kappa)])
        off = np.abs(probed.ratios[:, row].numpy() - expected).max()
        if off > READING_ERROR * max(1.0, np.abs(expected).max()):
            wrong.append((sum(kappa), kappa, probed.ratios[0, row].tolist(), expected.tolist()))
    if not len(probed.ratios):
        return Broken("the attributor took no monomials: " + "; ".join(probed.evidence))
    if wrong:
        _, kappa, read, expected = min(wrong)
        return Broken(
            f"the probe reads {np.round(read, 6).tolist()} and the ratio is {expected}", f"κ = {kappa}"
        )
    return Kept(f"{len(probed.multi_indices)} monomials in {len(probed.ratios)} settings")


def _seen_from_baseline(subject: Subject, kappa: MultiIndex) -> list[Fraction]:
    """Return the ratio on effects expanded at b, which a probe reads whatever the rule's own frame."""

    def ratio(term: MultiIndex) -> np.ndarray:
        return np.array(subject.ratio(term), dtype=object)

    return list(ratio(kappa) if subject.frame == "baseline" else other_frame_ratio(ratio)(kappa))
