"""What a report is made of: results sorted by what they are, and the examples that the page shows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from taylorattr.attribution import Attribution
from taylorattr.criteria.audit.audit_report import AuditReport
from taylorattr.criteria.paper.criteria_report import CriteriaReport, CriteriaTable
from taylorattr.criteria.probe.probed_rule import ProbedRule
from taylorattr.effects.coalition_table import HarsanyiEffects, InteractionIndex
from taylorattr.effects.integrated_hessians import IntegratedHessians
from taylorattr.effects.result import Result
from taylorattr.effects.symbolic import SymbolicEffects
from taylorattr.effects.taylor_effects import TaylorEffects
from taylorattr.errors import OptionError
from taylorattr.html.text import count
from taylorattr.reformulation.result import Reformulation

Effects: TypeAlias = TaylorEffects | HarsanyiEffects | InteractionIndex | IntegratedHessians
"""Every result that holds effects of players."""

DEFAULT_EXAMPLES = 4
"""Examples of a batch that a page shows unless it is told which."""

DEFAULT_MAX_EFFECTS = 1000
"""Effects of one example that a page lists and draws unless it is told how many; the others are added up."""


@dataclass(frozen=True)
class EffectSource:
    """One result that holds effects, as the page names it.

    Attributes:
        key: Its name in the page, part of the keys of its tables and graphs.
        effects: The result.
        label: What it is, in a line.
    """

    key: str
    effects: Effects
    label: str

    @classmethod
    def of(cls, effects: Effects, number: int) -> EffectSource:
        """Return the source of a result; ``number`` counts the results that hold effects."""
        return cls(f"s{number}", effects, _label(effects))

    @property
    def batch(self) -> int:
        """Number of examples."""
        return len(self.effects.delta)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the players."""
        return self.effects.names

    def finite(self, example: int) -> bool:
        """Return whether every effect of an example is a finite number."""
        return bool(np.isfinite(self.effects.values[example].detach().cpu().numpy()).all())


def _label(effects: Effects) -> str:
    """Return kind, number of players, reach and frame of a result, parted by dots."""
    players = count(len(effects.names), "player")
    if isinstance(effects, IntegratedHessians):
        return f"Integrated Hessians · {players}"
    frame = f"frame {effects.frame}"
    if isinstance(effects, TaylorEffects):
        return f"Taylor effects · {players} · orders up to {effects.order} · {frame}"
    what = f"index {effects.index}" if isinstance(effects, InteractionIndex) else "exact effects"
    reach = (
        f"all {len(effects.coalitions):,} coalitions" if effects.full else f"|S| ≤ {effects.largest_order}"
    )
    if isinstance(effects, HarsanyiEffects) and effects.truncated_at is not None:
        what = f"effects summed over Taylor terms up to order {effects.truncated_at}"
    return f"{what[0].upper()}{what[1:]} · {players} · {reach} · {frame}"


@dataclass(frozen=True)
class Contents:
    """Results of one report.

    Attributes:
        sources: Effects: Taylor's, Harsanyi's, indices, integrated Hessians.
        attributions: Scores of methods and of rules.
        reformulations: Scores beside the sums of effects that they are.
        criteria: Verdicts on paper.
        audits: Measured verdicts.
        probes: Rules read from a black box.
        others: Results without a section of their own, shown as text.
        examples: Numbers of the examples on the page.
        batch: Largest number of examples of a result.
        max_effects: Effects of one example that are listed and drawn.
    """

    sources: tuple[EffectSource, ...]
    attributions: tuple[Attribution, ...]
    reformulations: tuple[Reformulation, ...]
    criteria: tuple[CriteriaReport, ...]
    audits: tuple[AuditReport, ...]
    probes: tuple[ProbedRule, ...]
    others: tuple[Result, ...]
    examples: tuple[int, ...]
    batch: int
    max_effects: int

    @property
    def scores(self) -> tuple[Attribution, ...]:
        """Attributions, those inside reformulations among them."""
        return (*self.attributions, *(r.direct for r in self.reformulations))

    def examples_of(self, batch: int) -> tuple[int, ...]:
        """Return the examples of the page that a result of so many examples has."""
        return tuple(e for e in self.examples if e < batch)


def contents_of(
    results: Iterable[object], examples: Sequence[int] | None = None, max_effects: int | None = None
) -> Contents:
    """Sort results by kind and choose the examples.

    Args:
        results: Any mix, in the order in which the page shows those of one kind.
        examples: Which examples of a batch are shown; None: the first ``DEFAULT_EXAMPLES``.
        max_effects: Effects of one example that are shown; None: ``DEFAULT_MAX_EFFECTS``.

    Returns:
        The results by kind.

    Raises:
        OptionError: There is no result, something is none, or no result has such an example.
    """
    kinds: dict[str, list] = {name: [] for name in ("effects", *_KINDS)}
    for result in results:
        _file(result, kinds)
    if not any(kinds.values()):
        raise OptionError("there is no result to report; give at least one, as report('page.html', effects)")
    limit = DEFAULT_MAX_EFFECTS if max_effects is None else max_effects
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
        raise OptionError(f"max_effects={limit!r}; give a whole number, at least 1")
    sources = tuple(EffectSource.of(effects, number) for number, effects in enumerate(kinds.pop("effects")))
    batches = [source.batch for source in sources]
    batches += [result.batch for result in (*kinds["attributions"], *kinds["audits"])]
    batches += [result.direct.batch for result in kinds["reformulations"]]
    batch = max([1, *batches])  # verdicts on paper have no examples: the page then has one, the number 0
    return Contents(
        sources=sources,
        examples=_checked_examples(examples, batch),
        batch=batch,
        max_effects=limit,
        **{name: tuple(filed) for name, filed in kinds.items()},
    )


_KINDS: dict[str, type[Result]] = {
    "attributions": Attribution,
    "reformulations": Reformulation,
    "criteria": CriteriaReport,
    "audits": AuditReport,
    "probes": ProbedRule,
    "others": Result,
}
"""Field of the contents -> class of its results; ``others`` is last, since every result is a Result."""


def _file(result: object, kinds: dict[str, list]) -> None:
    """Put a result where its kind belongs.

    Raises:
        OptionError: If it is no result.
    """
    if isinstance(result, SymbolicEffects):
        result = result.to_taylor_effects() if result.exhaustive else result.to_harsanyi_effects()
    if isinstance(result, (TaylorEffects, HarsanyiEffects, InteractionIndex, IntegratedHessians)):
        kinds["effects"].append(result)
        return
    if isinstance(result, CriteriaTable):
        kinds["criteria"].extend(result.reports)
        return
    for name, kind in _KINDS.items():
        if isinstance(result, kind):
            kinds[name].append(result)
            return
    unpack = " (unpack a list with *)" if isinstance(result, (list, tuple)) else ""
    raise OptionError(
        f"a report is made of results, and a {type(result).__name__} is none{unpack}; give what "
        "ta.decompose, harsanyi, attribute, reformulate, check, audit or probe returned"
    )


def _checked_examples(examples: Sequence[int] | None, batch: int) -> tuple[int, ...]:
    """Return the numbers of the examples to show, each once.

    Raises:
        OptionError: If one of them is not in the batch, or there is none.
    """
    if examples is None:
        return tuple(range(min(batch, DEFAULT_EXAMPLES)))
    chosen = tuple(dict.fromkeys(examples))
    # True and False are whole numbers to Python; as an example's number they are a mistake
    wrong = [e for e in chosen if not isinstance(e, int) or isinstance(e, bool) or not 0 <= e < batch]
    if wrong or not chosen:
        raise OptionError(
            f"examples={list(examples)!r}; give one or more of 0 … {batch - 1}, which the results hold"
        )
    return chosen
