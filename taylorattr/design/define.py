"""``ta.design.rule``: an attribution rule from a function, a formula or a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import sympy as sp

from taylorattr.allocation.rule import AllocationRule, Domain, Kind
from taylorattr.criteria.paper.algebra import in_other_frame
from taylorattr.criteria.paper.cases import cases
from taylorattr.design.attributes import PlayerAttributes
from taylorattr.design.build import build, require_free
from taylorattr.design.designed import DesignedRule
from taylorattr.design.expressions import formula, reads_support_only
from taylorattr.design.function_ratio import Level, function_evaluator, level_of, table_evaluator
from taylorattr.design.guarantees import asymmetry
from taylorattr.errors import OptionError

ANY_MODEL = Domain("every function")
"""Where a rule of coalitions holds."""

SERIES = Domain("functions whose Taylor series converges at x", series=True)
"""Where a rule of terms holds."""


def rule(
    name: str,
    ratio: Any,
    frame: Literal["baseline", "input", "both"] = "baseline",
    *,
    kind: Literal["U", "S"] | None = None,
    attributes: Mapping[str, Any] | None = None,
    complete: bool | None = None,
    source: str = "",
) -> DesignedRule:
    """Define an attribution rule by its ratio w_i(κ), check it, and get an attributor.

    Args:
        name: Its name, under which ``ta.RULES`` and ``ta.attribute`` find it. A rule of one's own may be
            defined again, a built-in one may not.
        ratio: One of

            - a Python function of κ, a tuple of n exponents, that returns n weights; or of a coalition S, a
              sorted tuple of players, if its first argument is called S, coalition, support or members: then
              |S| weights of the members, or n. Further arguments are attributes by name, and ``n``;
            - a sympy expression, or text, in ``kappa[i]``, m = |κ|, s = |supp κ| and attributes ``name[i]``,
              with the letters of `taylorattr.design.letters`;
            - a table: multi-indices -> weights, or coalitions -> weights with ``kind="S"``;
            - a rule of ``ta.RULES``, or its name.
        frame: Where the effects are expanded that it shares out; ``both`` for a ratio that gives the same
            scores in either.
        kind: ``S`` if it reads only which players are in a term, ``U`` if it reads the exponents. None: read
            off the ratio.
        attributes: What the rule may know of each player: name -> one number per player, or {player's name:
            number}.
        complete: True promises that every term's weights add up to 1, which is checked.
        source: Where it comes from.

    Returns:
        The rule with its verdicts, guarantees and ways; calling it attributes.

    Raises:
        OptionError: A ratio that raises, is no number or has the wrong length for some κ (the smallest is
            named), players that are told apart without attributes, a promise that does not hold, a name that
            is taken.

    Example:
        >>> import taylorattr as ta
        >>> halves = ta.design.rule("equal_shares", lambda S: [1 / len(S)] * len(S))
        >>> halves.recognised.name, halves.report.complete.holds
        ('shapley', True)
    """
    require_free(name)
    arguments = {"ratio": ratio, "frame": frame, "kind": kind, "attributes": attributes, "source": source}
    known = PlayerAttributes.of(attributes)
    if isinstance(ratio, DesignedRule):
        ratio = ratio.rule
    if isinstance(ratio, AllocationRule):
        raise OptionError(f"{ratio.name} is a rule already; ta.design.attributor({ratio.name!r}) runs it")
    if isinstance(ratio, Mapping):
        made = _from_table(name, ratio, frame, kind, known, source)
    elif isinstance(ratio, sp.Basic | str | int):
        made = _from_formula(name, ratio, frame, kind, known, source)
    elif callable(ratio):
        made = _from_function(name, ratio, frame, kind or level_of(ratio), known, source)
    else:
        raise OptionError(
            f"the ratio of {name} is a {type(ratio).__name__}; expected a function of κ or S, a sympy "
            "expression, or a table"
        )
    if not known.values and not (made.needs or isinstance(ratio, Mapping)):
        _require_symmetry(made)
    if frame == "both":
        _require_self_dual(made)
    return build(made, attributes=known, origin="rule", parameters=arguments, complete=complete)


def _require_symmetry(made: AllocationRule) -> None:
    """Raise OptionError if a rule without attributes tells players apart."""
    uneven = asymmetry(made)
    if uneven is not None:
        raise OptionError(
            f"{made.name} tells players apart by their number: {uneven}; what a rule may know of players is "
            "said with attributes={'name': one number per player}"
        )


def _require_self_dual(made: AllocationRule) -> None:
    """Raise OptionError unless the ratio gives the same scores from either end, eq. (9a)."""
    for case in cases(made):
        table = made.exact_ratios(case.kappas, case.context)
        differ = (in_other_frame(case.kappas, table) != table).any(axis=1)
        if differ.any():
            kappa = tuple(case.kappas[int(differ.argmax())].tolist())
            raise OptionError(
                f"{made.name} was said to hold in both frames, and at κ = {kappa} the same scores take "
                "other shares of the effects seen from x (eq. 9a); name the frame the ratio is meant in"
            )


def _kind(level: Level, known: PlayerAttributes) -> Kind:
    """Return the kind of a ratio, which with attributes depends on the context."""
    return "X" if known.values else level


def _from_function(
    name: str, ratio: Callable[..., Any], frame: Any, level: Level, known: PlayerAttributes, source: str
) -> AllocationRule:
    """Return the rule of a Python function of κ or of a coalition."""
    if level not in ("U", "S"):
        raise OptionError(f"kind={level!r}; expected 'U' (a function of κ), 'S' (of the coalition), or None")
    word = getattr(ratio, "__name__", "w").replace("<lambda>", "w")
    argument = "S" if level == "S" else "κ"
    return AllocationRule(
        name=name,
        symbolic=sp.Symbol(f"{word}({argument})[i]"),
        kind=_kind(level, known),
        frame=frame,
        granularity="support" if level == "S" else "term",
        domain=ANY_MODEL if level == "S" else SERIES,
        source=source or "a function",
        proof="",
        needs=known.needs,
        tried=known.tried,
        extra=True,
        evaluator=function_evaluator(ratio, level, tuple(known.values)),
    )


def _from_formula(
    name: str, ratio: Any, frame: Any, kind: Any, known: PlayerAttributes, source: str
) -> AllocationRule:
    """Return the rule of a formula, support-level where it reads 1[κ > 0] and s alone."""
    expression = formula(ratio, tuple(known.values))
    support = reads_support_only(expression)
    if kind == "S" and not support:
        raise OptionError(
            f"{name} was said to read coalitions only, and its ratio {expression} reads exponents"
        )
    support = support and kind != "U"
    return AllocationRule(
        name=name,
        symbolic=expression,
        kind=_kind("S" if support else "U", known),
        frame=frame,
        granularity="support" if support else "term",
        domain=ANY_MODEL if support else SERIES,
        source=source or "a formula",
        proof="",
        needs=known.needs,
        tried=known.tried,
        extra=True,
    )


def _from_table(
    name: str, table: Mapping[Any, Any], frame: Any, kind: Any, known: PlayerAttributes, source: str
) -> AllocationRule:
    """Return the rule of a table of terms or of coalitions."""
    if known.values:
        raise OptionError(f"{name}: a table has no use for attributes; write its weights for these players")
    level: Level = "S" if kind == "S" or all(isinstance(key, frozenset) for key in table) else "U"
    evaluator, players, reach = table_evaluator(table, level)
    return AllocationRule(
        name=name,
        symbolic=sp.Symbol(f"table({'S' if level == 'S' else 'κ'})[i]"),
        kind=level,
        frame=frame,
        granularity="support" if level == "S" else "term",
        domain=ANY_MODEL if level == "S" else SERIES,
        source=source or "a table",
        proof="",
        extra=True,
        evaluator=evaluator,
        reach=reach if level == "U" else None,
        players=players,
    )
