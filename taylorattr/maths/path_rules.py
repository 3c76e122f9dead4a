"""Quadrature rules on [0, 1] for gradients along a straight path."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias, get_args

import numpy as np

from taylorattr.errors import OptionError, require_repetitions
from taylorattr.maths.quadrature import gauss_legendre

PathRule: TypeAlias = Literal["gauss_legendre", "left", "right", "midpoint", "trapezoid"]
"""How ∫₀¹ h(α) dα is approximated; eq. (19) gives what each makes of every Taylor term."""

NODES_PER_PANEL = 64
"""Beyond this many Gauss nodes [0, 1] is divided into equal panels with a rule each.

One rule of hundreds of nodes is no better for a function with kinks, and takes seconds to compute.
"""


def path_rule(name: PathRule, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes α_q and weights ω_q of a rule with ``count`` evaluations; the weights add up to 1.

    Args:
        name: ``gauss_legendre`` (exact for degree ≤ 2·count − 1 up to 64 nodes, composite beyond), ``left``
            and ``right`` end points, ``midpoint``s, or ``trapezoid``.
        count: Number of nodes; at least 2 for ``trapezoid``.

    Returns:
        Two float64 arrays of shape (count,), nodes increasing.

    Raises:
        OptionError: If the name is unknown, or the count too small or beyond reason.
    """
    if name not in get_args(PathRule):
        raise OptionError(f"rule={name!r}; expected one of {', '.join(get_args(PathRule))}")
    least = 2 if name == "trapezoid" else 1
    require_repetitions(f"number of nodes for the rule {name}: count", count, least)
    if name == "gauss_legendre":
        return _composite_gauss(count)
    steps = np.arange(count, dtype=np.float64)
    even = np.full(count, 1 / count)
    if name == "left":
        return steps / count, even
    if name == "right":
        return (steps + 1) / count, even
    if name == "midpoint":
        return (steps + 0.5) / count, even
    weights = np.full(count, 1 / (count - 1))
    weights[[0, -1]] /= 2
    return steps / (count - 1), weights


def _composite_gauss(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a Gauss rule in each of the fewest equal panels, with as equal numbers of nodes as possible."""
    panels = -(-count // NODES_PER_PANEL)
    sizes = [count // panels + (p < count % panels) for p in range(panels)]
    rules = [gauss_legendre(size) for size in sizes]
    nodes = [(p + alphas) / panels for p, (alphas, _) in enumerate(rules)]
    return np.concatenate(nodes), np.concatenate([weights / panels for _, weights in rules])


MOST_NODES_RECOGNISED = 64
"""Up to this many nodes a rule is recognised by its moments."""


def rule_of_moments(moments: Sequence[float], tolerance: float) -> tuple[PathRule, int] | None:
    """Return the rule and the number of nodes that have these moments, the fewest nodes first.

    Args:
        moments: Σ_q ω_q α_q^k for k = 0, 1, ….
        tolerance: Difference up to which a moment is the same.

    Returns:
        Name and number of nodes; None where there is no such rule, or the moments are those of ∫₀¹ dα.
    """
    found = np.asarray(moments, dtype=np.float64)
    powers = np.arange(len(found))
    if np.abs(found - 1 / (powers + 1)).max() <= tolerance:
        return None
    for count in range(1, MOST_NODES_RECOGNISED + 1):
        for name in get_args(PathRule):
            if name == "trapezoid" and count < 2:
                continue
            nodes, weights = path_rule(name, count)
            if np.abs((nodes ** powers[:, None]) @ weights - found).max() <= tolerance:
                return name, count
    return None


def nodes_in_words(name: PathRule, count: int) -> str:
    """Return what is said of gradients averaged at the nodes of a rule."""
    sort = name.replace("_legendre", "").replace("gauss", "Gauss")
    words = f"gradients at {count} {sort} node{'s' * (count > 1)} of the path, a coarse quadrature"
    return words + {("left", 1): " (the baseline alone)", ("right", 1): " (the input alone)"}.get(
        (name, count), ""
    )
