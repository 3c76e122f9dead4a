"""Fit: a rule with fitted parameters, what it gains on examples it has not seen, and what it keeps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from taylorattr import tables
from taylorattr.criteria.paper.criteria_report import CriteriaReport
from taylorattr.design.build import attributor
from taylorattr.design.designed import DesignedRule
from taylorattr.design.fit.examples import Examples
from taylorattr.design.fit.freedom import FREEDOMS
from taylorattr.design.fit.objective import Objective
from taylorattr.effects.result import Result
from taylorattr.evaluation.protocol_result import bootstrap_interval
from taylorattr.registry import DESIGNS


@dataclass(frozen=True, eq=False, repr=False)
class Fit(Result):
    """What `taylorattr.design.fit` found.

    Attributes:
        name: Name of the fitted rule.
        family: The family it is of.
        objective: What it was fitted for.
        maximise: Whether large is good.
        parameters: The fitted parameters; with the family they are the rule.
        against: Name of the rule compared with.
        train_value: Objective of the fitted rule on the training examples.
        train_against: Objective of the rule compared with, likewise.
        values: Objective of the fitted rule on the held-out examples, (H,); () where the objective is one
            number for all.
        values_against: Objective of the rule compared with, likewise.
        gain: How much better the fitted rule is on the held-out examples: positive is better, whether large
            or small is good.
        low: Lower end of the interval of the gain, over held-out examples in pairs.
        high: Upper end.
        level: Its coverage.
        keeps: Criterion -> theorem by which every rule of the family keeps it.
        report: The criteria of the fitted rule.
        history: Restart, evaluations so far, objective on the training examples: shape (K, 3).
        counts: Examples to fit on, and held out.
        names: The players.
        cost: What was computed, by name.
        reason: Why nothing was fitted; empty where something was.
        diagnostics: Settings, and how far scores of the built rule are from those it was fitted by.
    """

    name: str
    family: str
    objective: str
    maximise: bool
    parameters: dict[str, Any]
    against: str
    train_value: float
    train_against: float
    values: Tensor
    values_against: Tensor
    gain: float
    low: float
    high: float
    level: float
    keeps: dict[str, str]
    report: CriteriaReport
    history: Tensor
    counts: tuple[int, ...]
    names: tuple[str, ...]
    cost: dict[str, int] = field(default_factory=dict)
    reason: str = ""
    diagnostics: dict[str, Any] = field(default_factory=dict)

    @property
    def rule(self) -> DesignedRule:
        """The fitted rule; built again from family and parameters where it is not there, as after loading."""
        if self.reason:
            return attributor(self.name)
        known = DESIGNS.get(self.name)
        if known is not None and known.rule.formula == self.report.formula and known.report is self.report:
            return known
        return FREEDOMS[self.family].rule(self.parameters, self.name)

    @property
    def fitted(self) -> bool:
        """Whether anything was fitted."""
        return not self.reason

    @property
    def value(self) -> float:
        """Mean objective of the fitted rule on the held-out examples; NaN where nothing was fitted."""
        return float(self.values.mean()) if self.values.numel() else float("nan")

    @property
    def value_against(self) -> float:
        """Mean objective of the rule compared with, likewise."""
        return float(self.values_against.mean()) if self.values_against.numel() else float("nan")

    @property
    def sentence(self) -> str:
        """What was gained, in words."""
        if self.reason:
            return self.reason
        interval = f"{self.level:.0%} interval [{self.low:.3g}, {self.high:.3g}]"
        which = f"{self.counts[1]} held-out examples"
        if self.low > 0:
            return f"better than {self.against} by {self.gain:.3g} on {which}, {interval}"
        if self.high < 0:
            return (
                f"worse than {self.against} by {-self.gain:.3g} on {which}, {interval}: what was fitted does "
                "not carry over"
            )
        return f"no gain over {self.against}: the {interval} of {self.gain:+.3g} on {which} contains 0"

    def __repr__(self) -> str:
        """Show the objective of both rules, the gain, and what is kept by construction."""
        if self.reason:
            reason = tables.paragraph(self.reason, 4, first="  ")
            return f"Fit of {self.family}: nothing fitted\n{reason}"
        better = "large" if self.maximise else "small"
        width = max(len(self.name), len(self.against))
        rows = (
            (self.name, self.train_value, self.value),
            (self.against, self.train_against, self.value_against),
        )
        wanted = f"{self.objective} ({better} is good)"
        lines = [
            f"Fit of {self.family} for {wanted}: {self.name}, {len(self.names)} players",
            *(
                f"  {name:<{width}}  {train:.5g} on {self.counts[0]} fitted example(s), {held:.5g} held out"
                for name, train, held in rows
            ),
            tables.paragraph(self.sentence, 4, first="  "),
        ]
        lines += [
            tables.paragraph(f"✓ {criterion} by construction, at every parameter value: {why}", 6, first="  ")
            for criterion, why in self.keeps.items()
        ]
        spent = ", ".join(f"{count:,} {what}" for what, count in self.cost.items())
        return "\n".join([*lines, tables.paragraph(f"cost: {spent}", 4, first="  ")])


def nothing(
    family: str, objective: str, maximise: bool, only: str, keeps: dict[str, str], level: float
) -> Fit:
    """Return the one complete member of a family, to which nothing was fitted.

    Args:
        family: The family.
        objective: What it would have been fitted for.
        maximise: Whether large is good.
        only: Name of that member.
        keeps: What the family keeps.
        level: Of the interval.
    """
    theorem = {
        "shapley": "of all semivalues Shapley's is the only complete one (eq. 63)",
        "integrated_gradients": "of all measures on the straight path the uniform one is the only complete "
        "one, which is Integrated Gradients (eq. 70)",
    }[only]
    rule = attributor(only)
    empty = torch.empty(0, dtype=torch.float64)
    return Fit(
        name=only,
        family=family,
        objective=objective,
        maximise=maximise,
        parameters={},
        against=only,
        train_value=float("nan"),
        train_against=float("nan"),
        values=empty,
        values_against=empty.clone(),
        gain=0.0,
        low=0.0,
        high=0.0,
        level=level,
        keeps=keeps,
        report=rule.report,
        history=torch.empty(0, 3, dtype=torch.float64),
        counts=(0, 0),
        names=(),
        reason=f"{theorem}: with complete=True there is nothing to fit, and {only} is the rule",
    )


RESAMPLES = 1000
"""Resamples of the examples where the objective is one number for all of them."""


def gain_interval(
    objective: Objective,
    examples: Examples,
    first: tuple[Tensor, Tensor],
    second: tuple[Tensor, Tensor],
    level: float,
    seed: int,
) -> tuple[float, float, float]:
    """Return the mean gain of the first rule over the second, and its interval.

    Differences of pairs where there is a number per example, bias-corrected and accelerated; where there is
    one number for all examples, it is taken again of examples drawn with replacement, the same ones for both.

    Args:
        objective: What is measured.
        examples: The held-out examples.
        first: Scores (R, B, n) and objective of the first rule.
        second: Likewise of the second.
        level: Coverage.
        seed: Of the draws.
    """
    difference = objective.sign * (first[1] - second[1])
    mean = float(difference.mean())
    if difference.ndim:
        return mean, *bootstrap_interval(difference.numpy(), level=level, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    gains = []
    for _ in range(RESAMPLES):
        rows = torch.randint(len(examples), (len(examples),), generator=generator)
        drawn = examples.take(rows)
        each = [objective.values(scores[:, rows], drawn, "resamples") for scores, _ in (first, second)]
        gains.append(objective.sign * float(each[0] - each[1]))
    low, high = np.quantile(gains, [(1 - level) / 2, (1 + level) / 2])
    return mean, float(low), float(high)
