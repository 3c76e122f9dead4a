"""Every way of computing the scores gives the same ones."""

from __future__ import annotations

import numpy as np

from taylorattr.design.verify.law import Broken, Kept, NotApplicable, Outcome, law
from taylorattr.design.verify.laws.allocation import differs
from taylorattr.design.verify.problems import problems, smallest
from taylorattr.design.verify.subject import EXACT, Subject
from taylorattr.errors import BudgetError

COUNT = 3
SEEDS = 4
SAMPLES = 200

ERRORS = 5.0
"""Standard errors that a mean may be off by."""


@law("ways", "every way that can be taken gives the same scores, within the errors they state")
def ways(subject: Subject) -> Outcome:
    """Take each way by name on polynomials."""
    left_out = {"samples"} if subject.n <= EXACT else {"samples", "coalitions"}
    names = [
        name for name in dict.fromkeys(way.name for way in subject.designed.ways) if name not in left_out
    ]
    taken = []
    for name in names:
        try:
            for problem in problems(subject, COUNT):
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
        for seed in range(SEEDS):
            try:
                options = {"way": "samples", "samples": SAMPLES, "seed": subject.seed + seed}
                answer = subject.attribute(problem.model, x, b, **options)
            except BudgetError as error:
                return NotApplicable(str(error))
            if answer.standard_errors is None:
                return Broken("sampled scores come without standard errors", str(problem))
            means.append(answer.player_scores.numpy()[0])
            errors.append(answer.standard_errors.numpy()[0])
        off = np.abs(np.array(means) - expected)
        room = ERRORS * np.array(errors) + 1e-9 * (1 + np.abs(expected).sum())
        pooled = ERRORS * np.sqrt((np.array(errors) ** 2).mean(0) / SEEDS) + 1e-9 * (
            1 + np.abs(expected).sum()
        )
        if (off > room).any() or (np.abs(np.mean(means, 0) - expected) > pooled).any():
            return Broken(
                f"means of {SEEDS} seeds are {np.round(np.mean(means, 0), 6).tolist()} ± "
                f"{np.round(np.max(errors, 0), 6).tolist()} and the scores are {expected.tolist()}",
                str(problem),
            )
    return Kept(f"2 polynomials with {SEEDS} seeds of {SAMPLES} orders")
