"""What only resembles a built-in rule does not run as it: recognition is proved, or the rule runs as
itself.
"""

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import taylorattr as ta
from taylorattr.errors import OptionError


def exact_scores(rule: Any, effects: dict[tuple[int, ...], float]) -> list[float]:
    """Σ w_i(κ)·I(κ), with the ratios the rule itself gives."""
    n = len(next(iter(effects)))
    totals = [0.0] * n
    for kappa, effect in effects.items():
        for i, weight in enumerate(rule.ratio(kappa)):
            totals[i] += float(weight) * effect
    return totals


def product(x: Tensor) -> Tensor:
    return x.prod(1)


def power(k: int) -> Callable[[Tensor], Tensor]:
    return lambda x: x[:, 0] ** k


RESEMBLING: dict[str, tuple[Any, dict[str, Any], int, Callable[[Tensor], Tensor], tuple[int, ...]]] = {
    **{
        f"nothing to coalitions of {s}": (
            f"Piecewise((0, Eq(s, {s})), (Min(kappa[i], 1)/s, True))",
            {},
            s,
            product,
            (1,) * s,
        )
        for s in (5, 6, 7, 9)
    },
    **{
        f"nothing to order {m}": (f"Piecewise((0, Eq(m, {m})), (kappa[i]/m, True))", {}, 2, power(m), (m, 0))
        for m in (7, 9, 17)
    },
    "twice beyond six": (
        "Piecewise((2*Indicator(kappa[i] > 0)/s, s > 6), (Indicator(kappa[i] > 0)/s, True))",
        {},
        7,
        product,
        (1,) * 7,
    ),
    "a function, nothing to eight": (
        lambda S: [0.0 if len(S) == 8 else 1 / len(S)] * len(S),
        {},
        8,
        product,
        (1,) * 8,
    ),
    "a function, the first beyond six": (
        lambda S: [1 / len(S)] * len(S) if len(S) < 7 else [1.0] + [0.0] * (len(S) - 1),
        {},
        7,
        product,
        (1,) * 7,
    ),
    "a function of κ, order 20": (
        lambda kappa: [0.0 if sum(kappa) == 20 else k / sum(kappa) for k in kappa],
        {},
        2,
        power(20),
        (20, 0),
    ),
    "an exponent of 11": ("Piecewise((0, Eq(kappa[i], 11)), (kappa[i]/m, True))", {}, 2, power(11), (11, 0)),
}
"""Name -> ratio, options, players, function with one effect, that effect."""


@pytest.mark.parametrize("name", RESEMBLING)
def test_a_rule_that_resembles_another_runs_as_itself(name: str) -> None:
    ratio, options, n, function, kappa = RESEMBLING[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            rule = ta.design.rule("resembling", ratio, **options)
        except OptionError:
            return  # refused by its own words: no symmetric rule, no completeness
        expected = torch.tensor([exact_scores(rule, {kappa: 1.0})], dtype=torch.float64)
        try:
            found = ta.attribute(rule, function, torch.ones(1, n, dtype=torch.float64), order=sum(kappa))
        except (ta.errors.BudgetError, OptionError):
            found = ta.attribute(rule, function, torch.ones(1, n, dtype=torch.float64))
    assert torch.allclose(found.player_scores, expected, atol=1e-9), (
        f"computed by {found.diagnostics.get('way')}, recognised as {rule.recognised}"
    )
    assert rule.recognised is None or not rule.recognised.proved


@pytest.mark.parametrize(
    ("ratio", "name"),
    [
        ("kappa[i]/m", "integrated_gradients"),
        ("Indicator(kappa[i] > 0)/s", "shapley"),
        ("Min(kappa[i], 1)/s", "shapley"),
        ("kappa[i]/total(kappa[j])", "integrated_gradients"),
    ],
)
def test_what_algebra_proves_is_recognised(ratio: str, name: str) -> None:
    found = ta.design.rule("the_same", ratio).recognised
    assert found is not None and (found.name, found.proved) == (name, True)


@pytest.mark.parametrize("s", [5, 6, 7, 8])
def test_completeness_is_not_promised_for_a_rule_that_breaks_it(s: int) -> None:
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            rule = ta.design.rule(
                "promised", f"Piecewise((0, Eq(s, {s})), (Indicator(kappa[i] > 0)/s, True))", complete=True
            )
    except OptionError:
        return
    words = " ".join([repr(rule), *(str(w.message) for w in said)])
    assert "complete" not in " ".join(rule.guarantees), "a guarantee that does not hold"
    assert any(
        word in words for word in ("unproved", "not proved", "without a proof", "searched", "looked at")
    )
