"""DesignedRule: a rule with its verdicts, what it guarantees, and the ways in which it is computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from taylorattr import tables
from taylorattr.allocation.allocate import Effects, allocate, require_domain
from taylorattr.allocation.context import REQUIRED
from taylorattr.allocation.rule import AllocationRule
from taylorattr.analysis.question import Question
from taylorattr.attribution import Attribution
from taylorattr.criteria.paper.criteria_report import CriteriaReport
from taylorattr.criteria.verdict import Criterion
from taylorattr.design.attributes import PlayerAttributes
from taylorattr.design.guarantees import guarantees, proved, unproved
from taylorattr.design.recognise import Recognised
from taylorattr.design.ways.interface import Budget, Way
from taylorattr.effects.harsanyi import MAX_EVALUATIONS
from taylorattr.errors import BudgetError, OptionError
from taylorattr.methods.method import AttributionMethod, attribute
from taylorattr.methods.scores import Scores


@dataclass(frozen=True, eq=False, repr=False)
class DesignedRule:
    """An allocation rule that is checked, and runs on networks.

    Attributes:
        rule: Its ratios, as in ``ta.RULES``.
        report: Its verdicts on the criteria, as `ta.check` gives them.
        ways: How its scores can be computed, the preferred ones first.
        recognised: The built-in rule it equals or resembles; None: it has no name yet.
        attributes: What it knows of each player.
        parameters: Arguments of the function that made it.
        origin: Name of that function in `ta.design`.
    """

    rule: AllocationRule
    report: CriteriaReport
    ways: tuple[Way, ...]
    recognised: Recognised | None = None
    attributes: PlayerAttributes = field(default_factory=PlayerAttributes)
    parameters: dict[str, Any] = field(default_factory=dict)
    origin: str = ""

    @property
    def name(self) -> str:
        """Its name."""
        return self.rule.name

    @property
    def formula(self) -> str:
        """The ratio on one line."""
        return self.rule.formula

    @property
    def guarantees(self) -> tuple[str, ...]:
        """What holds for every model, in words, each with its reason."""
        return guarantees(self.rule, self.report)

    @property
    def unproved(self) -> tuple[str, ...]:
        """Criteria that held wherever they were looked at, but without a proof for every term."""
        return unproved(self.report)

    def ratio(self, kappa: Sequence[int]) -> np.ndarray:
        """Return w(κ) exactly, one ``Fraction`` per player."""
        return self.rule.ratio(kappa)

    def context(self, players: Sequence[str]) -> dict[str, Any]:
        """Return what the ratio reads besides κ, by name, with the attributes in the order of some players.

        Args:
            players: Their names.
        """
        fixed = {name: need.default for name, need in self.rule.needs.items() if need.default is not REQUIRED}
        return fixed | self.attributes.context(players, self.name)

    def allocate(self, effects: Effects) -> Attribution:
        """Return Σ w·I over effects, as ``ta.allocate`` does; attributes are matched by names."""
        return allocate(self, effects)

    def attribute(self, model: Any, inputs: Any, baselines: Any = None, **options: Any) -> Attribution:
        """Return the scores of a prediction: ``ta.attribute(rule, model, inputs, …)``.

        Args:
            model: Module or callable on torch tensors; never changed.
            inputs: Tensor (B, …) or tuple of them.
            baselines: As in ``ta.attribute``.
            **options: As in ``ta.attribute``; of the rule itself ``way``, ``n_steps``, ``tol``, ``samples``,
                ``order``, ``max_evaluations``.
        """
        return attribute(self, model, inputs, baselines, **options)

    __call__ = attribute

    @property
    def attribution_method(self) -> AttributionMethod:
        """The rule as a method, which ``ta.attribute`` and ``ta.audit`` take."""
        return AttributionMethod(
            name=self.name,
            function=self._function(),
            family="rule",
            frame=self.rule.frames[0],
            references=False,
            zero_baseline=False,
            integers=any(way.name in ("coalitions", "samples") for way in self.ways),
            summary=f"wᵢ(κ) = {self.formula}",
            owner=self,
        )

    def _function(self) -> Any:
        """Return the scores of a question with the options that the method lists, see `attribute`."""

        def scores(
            question: Question,
            *,
            way: str = "auto",
            n_steps: int | None = None,
            tol: float | None = None,
            samples: int | None = None,
            order: int | None = None,
            max_evaluations: int | None = MAX_EVALUATIONS,
        ) -> Scores:
            return self.scores(question, Budget(n_steps, tol, samples, order, max_evaluations), way)

        return scores

    def scores(self, question: Question, budget: Budget, way: str = "auto") -> Scores:
        """Return the players' scores, with the way that was taken, its cost and its error in the diagnostics.

        Args:
            question: What is asked.
            budget: How much may be computed.
            way: Name of a way; ``auto``: the first one without an obstacle.

        Raises:
            OptionError: If there is no such way, or it cannot be taken here.
            BudgetError: If no way can be taken.
        """
        game = question.game
        context = self.attributes.context(game.names, self.name)
        require_domain(self.rule, game.n, game.batch, context)
        chosen, passed_over = self._choose(question, budget, way, context)
        scores = chosen.scores(question, budget, context)
        origin: dict[str, Any] = {"way": chosen.name, "computed_by": chosen.words, "ratio": self.formula}
        if passed_over:
            origin["passed_over"] = passed_over
        return Scores(
            players=scores.players,
            elements=scores.elements,
            standard_errors=scores.standard_errors,
            names=scores.names,
            frame=self.rule.frames[0],
            diagnostics=origin | scores.diagnostics,
        )

    def _choose(
        self, question: Question, budget: Budget, way: str, context: dict[str, Any]
    ) -> tuple[Way, list[str]]:
        """Return the first way without an obstacle, and why those before it were passed over."""
        names = list(dict.fromkeys(each.name for each in self.ways))
        if way != "auto" and way not in names:
            raise OptionError(f"{self.name} has no way {way!r}; it has: auto, {', '.join(names)}")
        obstacles = []
        for each in self.ways:
            if way not in ("auto", each.name):
                continue
            reason = each.obstacle(question, budget, context, asked=way != "auto")
            if not reason:
                return each, obstacles
            obstacles.append(f"{each.name}: {reason}")
        raise BudgetError(f"{self.name} cannot be computed here: {'; '.join(obstacles)}")

    def __repr__(self) -> str:
        """Show the ratio, the guarantees, what is unproved, what fails, and how it is computed."""
        head = f"{self.name}: wᵢ(κ) = {self.formula}"
        lines = [tables.paragraph(head, 4)]
        if self.recognised is not None:
            lines.append(tables.paragraph(self.recognised.statement, 6, first="  "))
        lines += [tables.paragraph(f"✓ {words}", 6, first="  ") for words in self.guarantees]
        lines += [tables.paragraph(f"? {words}", 6, first="  ") for words in self.unproved]
        lines += [
            tables.paragraph(f"✗ {v.criterion} ({v.level}s): {v.witness}", 6, first="  ")
            for v in self.report.in_frame(self.rule.frames[0]).verdicts
            if v.status == "fails"
        ]
        lines += [
            tables.paragraph(f"{way.name}: {way.words}", 6, first="  computed by ") for way in self.ways
        ]
        return "\n".join(lines)


def keeps(rule: DesignedRule, criterion: Criterion) -> bool:
    """Return whether a criterion of terms is proved for a rule in its own frame, without a condition."""
    verdict = rule.report.verdict(criterion, frame=rule.rule.frames[0])
    return verdict.holds and proved(verdict)


def shared(rules: Sequence[DesignedRule], criterion: Criterion, statement: str) -> dict[str, str]:
    """Return {criterion: statement} if every rule is proved to keep it, else nothing."""
    return {criterion: statement} if all(keeps(rule, criterion) for rule in rules) else {}
