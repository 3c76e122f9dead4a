"""``ta.probe``: which allocation rule a black box is, read from its answers on made-up functions.

Monomials are asked about first: a method that looks at the function alone shows its ratios there. Methods
that read the operations of a network show themselves on single units; where these say otherwise, they are
believed.
"""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from taylorattr.allocation.rule import RULES
from taylorattr.criteria.probe.activation_units import ACTIVATIONS, ActivationReadings, read_activations
from taylorattr.criteria.probe.known_rules import matches
from taylorattr.criteria.probe.monomials import (
    STANDARD_ERRORS,
    AttributeFn,
    ProbePoint,
    additivity_gap,
    probe_points,
    read_monomials,
    repeatable,
)
from taylorattr.criteria.probe.power_units import Responses, error_in_brief, responses
from taylorattr.criteria.probe.probed_rule import ProbedRule
from taylorattr.criteria.probe.rule_from_monomials import MonomialAnswer
from taylorattr.criteria.probe.rule_from_units import rule_of_units
from taylorattr.errors import BudgetError, OptionError, TaylorAttrWarning, require_whole_number
from taylorattr.methods import attribute
from taylorattr.methods.method import SYSTEMS, AnyMethod, Attributes, find
from taylorattr.program.isolate import preserved_rng

REPEATS = 24
"""Calls per monomial for a method that draws random numbers."""

LARGEST_ADDITIVITY_GAP = 1e-4
"""Relative gap of a(f + g) from which a method is no allocation; stabilisers of relevance rules are below."""

UNIT_TOLERANCES = 10
"""How many tolerances of a ratio the scores of a unit may be off: stabilisers ε count there."""

ACTIVATIONS_WHEN_NOISY = ("ReLU", "Softplus", "Tanh", "GELU")
"""Activations that a method which draws random numbers is asked about."""


def probe(
    attribute_fn: AttributeFn | str | Attributes,
    n_players: int = 3,
    order: int = 4,
    *,
    symmetric: bool = False,
    contexts: Mapping[str, Mapping[str, Any]] | None = None,
    reference_offsets: Any = None,
    tolerance: float = 1e-6,
    repeats: int = REPEATS,
    seed: int = 0,
) -> ProbedRule:
    """Say which allocation rule an attribution of any library is, from its answers alone.

    Monomials (y − b)^κ give w_i(κ) = a_i/Δ^κ, eq. (49), for three Δ: equal readings are a ratio of κ, others
    depend on the signs of Δ or on Δ. Methods that read a network's operations show themselves on single units
    σ(w·x + c): z^m with a residual where the ratio is no function of κ and signs, eq. (51), and activations,
    whose scores are compared with closed forms. The method is only called; its random numbers do not move the
    global generators.

    Args:
        attribute_fn: ``(f, x, b) -> n scores`` from any library: f is a module (B, n) -> (B,), x and b are
            float64 tensors of shape (1, n). Or a name in ``ta.METHODS``, or a designed rule. Where it
            raises, it is taken to refuse that function.
        n_players: Number of players; rules by sign need 2, most others are told apart with 3.
        order: Highest |κ|; C(n + order, order) − 1 monomials in three settings, eq. (50).
        symmetric: Whether to read one term of each set of permuted terms and check a few others.
        contexts: Rule or method -> what it reads besides κ and cannot be read off, such as
            ``{"smooth_grad": {"sigma": …}}``. Δ, x, u, α and ε are known or read off.
        reference_offsets: References less b, shape (R, n), for a method that averages over such a set.
        tolerance: Difference of a ratio that is rounding or fine quadrature, not another rule.
        repeats: Calls per function, for a method that answers differently when asked again.
        seed: Of settings, units and of the global generators while the method runs.

    Returns:
        Ratios, kind, name or nearest rule, verdicts, evidence.

    Raises:
        BudgetError: More monomials or repeats than anybody can wait for.
        OptionError: n_players or order below 1, repeats below 2, or a method that takes no function.

    Source: docs/theory.md §7, eq. (49) to (51).
    """
    for name, value in {"n_players": n_players, "order": order, "repeats": repeats}.items():
        require_whole_number(name, value, 0)
    if n_players < 1 or order < 1 or repeats < 2:
        raise OptionError(
            f"n_players={n_players}, order={order}, repeats={repeats}; expected at least 1, 1 and 2"
        )
    if repeats > MOST_REPEATS or math.comb(n_players + order, min(n_players, order)) > MOST_MONOMIALS:
        raise BudgetError(
            f"n_players={n_players:,}, order={order:,}, repeats={repeats:,} ask for more than "
            f"{MOST_MONOMIALS:,} monomials or {MOST_REPEATS:,} repeats; 3 players and order 4 tell most "
            "rules apart"
        )
    offsets = np.zeros((1, n_players)) if reference_offsets is None else np.asarray(reference_offsets, float)
    if offsets.ndim != 2 or offsets.shape[1] != n_players:
        raise OptionError(f"reference_offsets have shape {offsets.shape}; expected (R, {n_players})")
    cautions: list[str] = []
    if isinstance(attribute_fn, str) and attribute_fn in SYSTEMS:
        cautions.append(
            f"{attribute_fn} is a system, not a rule: it looks at a whole network, and these functions have "
            "one neuron at most, so what is read here is about single units; ta.audit measures it on yours"
        )
    if isinstance(attribute_fn, str | Attributes):
        attribute_fn = black_box(attribute_fn, reference_offsets=offsets if offsets.any() else None)
    counted = Counted(attribute_fn)
    with preserved_rng():
        torch.manual_seed(seed)
        np.random.seed(seed)
        random = np.random.default_rng(seed)
        own = dict(contexts or {})
        points = probe_points(n_players, random)
        on_monomials, evidence = _monomials(
            counted, points, order, repeats, symmetric, tolerance, own, offsets, random
        )
        evidence = [*cautions, *evidence]
        noisy = on_monomials.noisy
        activations = read_activations(
            counted,
            n_players,
            random,
            repeats=repeats if noisy else 1,
            also=tuple(match.name for match in on_monomials.known if match.equal),
            names=ACTIVATIONS_WHEN_NOISY if noisy else tuple(ACTIVATIONS),
        )
        if on_monomials.table is None and not activations.distances:
            raise OptionError(
                f"attribute_fn(f, x, b) took neither monomials nor single units ({evidence[-1]}); "
                "expected a name in ta.METHODS or a "
                f"function of (f, x, b). f is a "
                f"module (B, {n_players}) -> (B,); x and b are float64 tensors of shape (1, {n_players})"
            )
        probed, why = None, []
        if on_monomials.table is not None:
            probed, why = on_monomials.rule(own, offsets, random)
        if probed is not None and probed.name:
            confirmed = _confirmed(probed, activations, tolerance)
            if confirmed is not None:
                if confirmed.kind != probed.kind:
                    why.append(
                        f"kind {confirmed.kind}: that of {confirmed.name}; higher orders would show it"
                    )
                return replace(confirmed, calls=counted.calls, evidence=(*evidence, *why))
        answers, refusal = _units(counted, n_players, order, random)
        of_units, why_of_units = rule_of_units(
            on_monomials, answers, activations, own, UNIT_TOLERANCES * tolerance
        )
        if probed is not None and not _reads_network(probed, of_units, activations, tolerance):
            of_units, why_of_units = replace(probed, unit_residual=of_units.unit_residual), why
    return replace(of_units, calls=counted.calls, evidence=(*evidence, *refusal, *why_of_units))


@dataclass
class Counted:
    """A black box and how often it was called."""

    function: AttributeFn
    calls: int = 0

    def __call__(self, f: Any, x: Tensor, b: Tensor) -> Any:
        """Ask it."""
        self.calls += 1
        return self.function(f, x, b)


def _monomials(
    attribute: AttributeFn,
    points: tuple[ProbePoint, ...],
    order: int,
    repeats: int,
    symmetric: bool,
    tolerance: float,
    own: Mapping[str, Mapping[str, Any]],
    offsets: np.ndarray,
    random: np.random.Generator,
) -> tuple[MonomialAnswer, list[str]]:
    """Return what monomials show, and sentences about how they were read."""
    evidence = []
    try:
        if repeatable(attribute, points[0], order):
            repeats = 1
        else:
            evidence.append(f"equal calls differ: each function was asked {repeats} times")
        gap, noise = additivity_gap(attribute, points[0], random, repeats)
        table = read_monomials(
            attribute, points, order, repeats=repeats, symmetric=symmetric, tolerance=tolerance
        )
    except Exception as error:  # a method that needs layers raises whatever its library does
        return MonomialAnswer(points), [f"monomials: refused ({error_in_brief(error)})"]
    additive = gap <= max(LARGEST_ADDITIVITY_GAP, STANDARD_ERRORS * noise)
    if not additive:
        evidence.append(
            f"not additive: a(f + g) differs from a(f) + a(g) by {gap:.2g} of the largest score, so no "
            "ratios describe the method; what single monomials show is listed"
        )
    remark = f"; {table.remark}" if table.remark else ""
    evidence.append(f"{table.probes} monomials of order ≤ {order} in {len(points)} settings{remark}")
    slack = table.tolerance(tolerance)
    known = tuple(matches(table.ratios, slack, table.kappas, points, own, offsets))
    return MonomialAnswer(points, table, slack, known, additive), evidence


def _units(
    attribute: AttributeFn, n: int, order: int, random: np.random.Generator
) -> tuple[list[Responses], list[str]]:
    """Return responses of units z^m, or what the method said."""
    try:
        return responses(attribute, n, order, random), []
    except Exception as error:  # z^m is no layer that every library knows
        return [], [f"units z^m: refused ({error_in_brief(error)})"]


def _confirmed(probed: ProbedRule, activations: ActivationReadings, tolerance: float) -> ProbedRule | None:
    """Return the rule that monomials show where single units do not say otherwise, else None.

    Of rules that monomials do not tell apart, those stay that also give the units' scores.
    """
    names = (probed.name, *probed.same_ratio)
    known = [name for name in names if any(name in table for table in activations.distances.values())]
    fitting = list(names)
    if known and activations.leading(UNIT_TOLERANCES * tolerance):
        coarse = "integrated_gradients" in names  # a quadrature is coarse where a unit has a kink
        explaining = [name for name in known if activations.explained_by(name, tolerance, coarse=coarse)]
        if not explaining:
            return None
        fitting = [*explaining, *(name for name in names if name not in known)]
    # orders that were not read may tell U from S
    kind = RULES[fitting[0]].kind if {probed.kind, RULES[fitting[0]].kind} == {"U", "S"} else probed.kind
    return replace(
        probed,
        name=fitting[0],
        nearest=fitting[0],
        same_ratio=tuple(fitting[1:]),
        kind=kind,
        activations=activations.rules(tolerance),
    )


def _reads_network(
    probed: ProbedRule, of_units: ProbedRule, activations: ActivationReadings, tolerance: float
) -> bool:
    """Whether units show a rule, and another than the one that monomials are nearest to."""
    if probed.name:
        return True
    if not of_units.name and not activations.leading(UNIT_TOLERANCES * tolerance):
        return False
    if of_units.name and RULES[of_units.name].symbolic == RULES[probed.nearest].symbolic:
        return of_units.seen_on == "activations"
    return True


class Shifted(nn.Module):
    """y -> f(b + y), for methods that know no baseline but 0."""

    def __init__(self, f: Callable[[Tensor], Tensor], baseline: Tensor) -> None:
        super().__init__()
        self.f = f
        self.baseline = baseline
        self.eval()

    def forward(self, y: Tensor) -> Tensor:
        """Return the value at b + y."""
        return self.f(self.baseline + y)


def black_box(method: AnyMethod, *, reference_offsets: Any = None, **options: Any) -> AttributeFn:
    """Return a method of this package as ``attribute_fn(f, x, b) -> (n,)``, each call with a fresh seed.

    A method that knows no baseline but 0 is asked about y -> f(b + y).

    Args:
        method: Its name, or a designed rule.
        reference_offsets: For methods over a reference set: references less b, shape (R, n); None: b itself.
        **options: Its options.

    Raises:
        OptionError: No such method, or one that explains a layer and not the input (``grad_cam``).
    """
    entry = find(method)
    if entry.explains == "layer":
        raise OptionError(
            "grad_cam explains the positions of a layer, which monomials and single units do not have; "
            "ta.check('grad_cam') says what it does with the cells' effects"
        )
    seeds = itertools.count()

    def ask(f: Any, x: Tensor, b: Tensor) -> Tensor:
        """Return the method's scores of one function."""
        start: Tensor | None = b
        if entry.zero_baseline:
            f, x, start = Shifted(f, b) if bool(b.any()) else f, x - b, None
        elif entry.references:
            # two equal rows are one reference, and no set that was forgotten
            moved = np.zeros((2, x.shape[1])) if reference_offsets is None else np.asarray(reference_offsets)
            start = b + torch.as_tensor(moved, dtype=b.dtype)
        with warnings.catch_warnings():  # about functions that nobody but the probe has
            warnings.simplefilter("ignore", TaylorAttrWarning)
            return attribute(entry, f, x, start, seed=next(seeds), **options).player_scores[0]

    return ask


MOST_MONOMIALS = 100_000
"""Monomials at most, of which each is a call of the method."""

MOST_REPEATS = 100_000
"""Calls per function at most of a method that answers differently when asked again."""
