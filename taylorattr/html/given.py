"""What a report is made of: results sorted by what they are, and the examples that it shows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from taylorattr.attribution import Attribution
from taylorattr.criteria.audit.audit_report import AuditReport
from taylorattr.criteria.paper.criteria_report import CriteriaReport, CriteriaTable
from taylorattr.criteria.probe.probed_rule import ProbedRule
from taylorattr.effects.effects import HarsanyiEffects, InteractionIndex, TaylorEffects
from taylorattr.effects.integrated_hessians import IntegratedHessians
from taylorattr.effects.result import Result
from taylorattr.effects.symbolic import SymbolicEffects
from taylorattr.errors import OptionError
from taylorattr.html.source import Source
from taylorattr.reformulation.result import Reformulation

EXAMPLES = 4
"""Examples of a batch that a page shows unless it is told which."""

EFFECTS = 1000
"""Effects of one example that a page shows; the others are added up."""


@dataclass(frozen=True)
class Given:
    """Results of one report.

    Attributes:
        sources: Effects: Taylor's, Harsanyi's, indices, integrated Hessians.
        attributions: Scores of methods and of rules.
        reformulations: Scores beside the sums of effects that they are.
        criteria: Verdicts on paper.
        audits: Measured verdicts.
        probes: Rules read from a black box.
        others: Results without a section of their own, shown as text.
        examples: Numbers of the examples shown.
        batch: Largest number of examples of a result.
        most: Effects of one example that are shown.
    """

    sources: tuple[Source, ...] = ()
    attributions: tuple[Attribution, ...] = ()
    reformulations: tuple[Reformulation, ...] = ()
    criteria: tuple[CriteriaReport, ...] = ()
    audits: tuple[AuditReport, ...] = ()
    probes: tuple[ProbedRule, ...] = ()
    others: tuple[Result, ...] = ()
    examples: tuple[int, ...] = (0,)
    batch: int = 1
    most: int = EFFECTS

    @property
    def scores(self) -> tuple[Attribution, ...]:
        """Attributions, those inside reformulations among them."""
        return (*self.attributions, *(r.direct for r in self.reformulations))

    def shown(self, batch: int) -> tuple[int, ...]:
        """Return the examples of the page that a result of so many examples has."""
        return tuple(e for e in self.examples if e < batch)


@dataclass
class _Sorted:
    effects: list[Any] = field(default_factory=list)
    attributions: list[Attribution] = field(default_factory=list)
    reformulations: list[Reformulation] = field(default_factory=list)
    criteria: list[CriteriaReport] = field(default_factory=list)
    audits: list[AuditReport] = field(default_factory=list)
    probes: list[ProbedRule] = field(default_factory=list)
    others: list[Result] = field(default_factory=list)

    def put(self, result: object) -> None:
        """File a result under its kind.

        Raises:
            OptionError: If it is no result.
        """
        if isinstance(result, SymbolicEffects):
            result = result.to_taylor_effects() if result.exhaustive else result.to_harsanyi_effects()
        if isinstance(result, (TaylorEffects, HarsanyiEffects, InteractionIndex, IntegratedHessians)):
            self.effects.append(result)
        elif isinstance(result, Attribution):
            self.attributions.append(result)
        elif isinstance(result, Reformulation):
            self.reformulations.append(result)
        elif isinstance(result, CriteriaTable):
            self.criteria.extend(result.reports)
        elif isinstance(result, CriteriaReport):
            self.criteria.append(result)
        elif isinstance(result, AuditReport):
            self.audits.append(result)
        elif isinstance(result, ProbedRule):
            self.probes.append(result)
        elif isinstance(result, Result):
            self.others.append(result)
        else:
            listed = " (unpack a list with *)" if isinstance(result, (list, tuple)) else ""
            raise OptionError(
                f"a report is made of results, and a {type(result).__name__} is none{listed}; give what "
                "ta.decompose, harsanyi, attribute, reformulate, check, audit or probe returned"
            )


def given(results: Iterable[object], examples: Sequence[int] | None = None, most: int | None = None) -> Given:
    """Sort results by kind and choose the examples.

    Args:
        results: Any mix, in the order in which the page shows those of one kind.
        examples: Which examples of a batch are shown; None: the first ``EXAMPLES``.
        most: Effects of one example that are shown; None: ``EFFECTS``.

    Returns:
        The results by kind.

    Raises:
        OptionError: There is no result, something is none, or no result has such an example.
    """
    kinds = _Sorted()
    for result in results:
        kinds.put(result)
    if not any(vars(kinds).values()):
        raise OptionError("there is no result to report; give at least one, as report('page.html', effects)")
    most = EFFECTS if most is None else most
    if not isinstance(most, int) or isinstance(most, bool) or most < 1:
        raise OptionError(f"max_effects={most!r}; give a whole number, at least 1")
    sources = tuple(Source.of(effects, place) for place, effects in enumerate(kinds.effects))
    batch = max(
        [
            1,
            *(source.batch for source in sources),
            *(a.batch for a in kinds.attributions),
            *(r.direct.batch for r in kinds.reformulations),
            *(a.batch for a in kinds.audits),
        ]
    )
    return Given(
        sources=sources,
        attributions=tuple(kinds.attributions),
        reformulations=tuple(kinds.reformulations),
        criteria=tuple(kinds.criteria),
        audits=tuple(kinds.audits),
        probes=tuple(kinds.probes),
        others=tuple(kinds.others),
        examples=_examples(examples, batch),
        batch=batch,
        most=most,
    )


def _examples(examples: Sequence[int] | None, batch: int) -> tuple[int, ...]:
    if examples is None:
        return tuple(range(min(batch, EXAMPLES)))
    chosen = tuple(dict.fromkeys(examples))
    wrong = [e for e in chosen if not isinstance(e, int) or isinstance(e, bool) or not 0 <= e < batch]
    if wrong or not chosen:
        raise OptionError(
            f"examples={list(examples)!r}; give one or more of 0 … {batch - 1}, which the results hold"
        )
    return chosen
