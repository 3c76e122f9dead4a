"""Named composites: which LRP rule for which layer.

========================== ============== ============= ===========
name                       first layers   convolutions  dense layers
========================== ============== ============= ===========
``EpsilonPlus``            as the others  α1β0          ε
``EpsilonPlusFlat``        flat           α1β0          ε
``EpsilonAlpha2Beta1``     as the others  α2β1          ε
``EpsilonAlpha2Beta1Flat`` flat           α2β1          ε
``EpsilonGammaBox``        z^B            γ = ¼         ε
``ExcitationBackprop``     as the others  z⁺, no bias   z⁺, no bias
========================== ============== ============= ===========

Signed contributions, biases c⁺ and c⁻ in the denominators except where it says no bias; activations pass
relevance on, sums of activations and average pools use ε, maxima give all to the winner, BatchNorm is folded
into the layer before it. First layers are the weighted sums with no other between them and the input, in
every branch.

Source: Montavon et al. (2019), "Layer-wise relevance propagation: an overview"; Kohlbrenner et al. (2020),
arXiv 1910.09840; Lapuschkin et al. (2019), arXiv 1902.10178 (flat); Zhang et al. (2018), arXiv 1608.00507
(excitation backprop).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from torch import Tensor

from taylorattr.methods.relevance.propagate import site_of
from taylorattr.methods.relevance.recording import Recording
from taylorattr.methods.relevance.rule import Matcher, Rule
from taylorattr.methods.relevance.rules.lrp_weights import AlphaBeta, Box, FixedShares, Gamma
from taylorattr.methods.relevance.site import Site
from taylorattr.program.arguments import results
from taylorattr.program.program import Node
from taylorattr.registry import Registry

Bounds: TypeAlias = None | float | Tensor
"""A bound of the first layer's input; None: what the example shows."""

Assignment: TypeAlias = Callable[[Recording], Sequence[tuple[Matcher, Rule]]]
"""Recording -> pairs of matcher and rule, first match wins."""

COMPOSITES: Registry[Callable[[Bounds, Bounds], Assignment]] = Registry("composite")
"""Name -> builder from the bounds of the first layer's input."""


def composite_rules(name: str, low: Bounds = None, high: Bounds = None) -> Assignment:
    """Return the assignment of a named composite.

    Args:
        name: One of the table above.
        low: Lower bound of the first layers' input, for the box.
        high: Upper bound.

    Raises:
        OptionError: If there is no composite of that name.
    """
    return COMPOSITES[name](low, high)


def first_layers(recording: Recording) -> set[int]:
    """Return the results of the weighted sums with no other weighted sum between them and the input."""
    behind: set[int] = set()
    first: set[int] = set()
    for node in recording.program.nodes:
        site = site_of(recording, node)
        weighted = site.kind == "weights"
        seen = any(i in behind for i in (*site.operands, *site.switches))
        if weighted and not seen:
            first.update(results(node))
        if weighted or seen:
            behind.update(results(node))
    return first


def first_layer(rule: Rule) -> Assignment:
    """Return the assignment of one rule to the first layers."""
    return lambda recording: [(_among(first_layers(recording)), rule)]


def bounded_first_layer(low: Bounds, high: Bounds) -> Assignment:
    """Return the assignment of z^B to the first layers; a bound that is None is read off each example.

    Where `boxes_need_one_example`, the recording must hold a single one.
    """

    def assign(recording: Recording) -> Sequence[tuple[Matcher, Rule]]:
        pairs: list[tuple[Matcher, Rule]] = []
        for number, maker in _first_layers(recording):
            x = site_of(recording, maker).x[0]
            rows = x.reshape(recording.batch, -1) if _by_example(recording, maker) else x.reshape(1, -1)
            lowest = _spread(rows.amin(1), x) if low is None else low
            highest = _spread(rows.amax(1), x) if high is None else high
            pairs.append((_among({number}), Box(lowest, highest)))
        return pairs

    return assign


def boxes_need_one_example(recording: Recording) -> bool:
    """Whether the smallest and largest input of an example are found only where it is recorded alone.

    Its rows in a first layer's input are known while nothing but entrywise operations and views lies between
    the two: those keep the entries in order, examples first.

    Args:
        recording: Of some examples.

    Returns:
        Whether it must be recorded again, one example at a time.
    """
    return recording.batch > 1 and not all(
        _by_example(recording, node) for _, node in _first_layers(recording)
    )


def _first_layers(recording: Recording) -> list[tuple[int, Node]]:
    """Return the first layers with the numbers of their results."""
    return [(i, recording.makers[i]) for i in sorted(first_layers(recording)) if i in recording.makers]


def _by_example(recording: Recording, node: Node) -> bool:
    """Whether the entries of a layer's input lie in memory order example by example."""
    inputs = {ref.index for ref in recording.program.inputs}
    (index,) = site_of(recording, node).operands[:1]
    while index not in inputs:
        site = site_of(recording, recording.makers[index])
        same = site.entrywise and site.y.shape == site.x[0].shape
        if len(site.operands) != 1 or not (same or site.name in ("view", "_unsafe_view", "reshape")):
            return False
        (index,) = site.operands
    return recording.values[index].shape[0] == recording.batch


def _spread(bounds: Tensor, x: Tensor) -> Tensor:
    """One number per example, at every entry of x."""
    return bounds.reshape(-1, 1).expand(-1, x.numel() // len(bounds)).reshape(x.shape)


def _among(numbers: set[int]) -> Callable[[Site], bool]:
    def matches(site: Site) -> bool:
        return any(i in numbers for i in site.outs)

    return matches


def _weighted(site: Site) -> bool:
    return site.kind == "weights"


def _build(first: str | None, where: Matcher, rule: Rule) -> Callable[[Bounds, Bounds], Assignment]:
    def build(low: Bounds, high: Bounds) -> Assignment:
        def assign(recording: Recording) -> Sequence[tuple[Matcher, Rule]]:
            pairs: list[tuple[Matcher, Rule]] = []
            if first == "flat":
                pairs += first_layer(FixedShares("one"))(recording)
            elif first == "box":
                pairs += bounded_first_layer(low, high)(recording)
            return [*pairs, (where, rule)]

        return assign

    return build


for _name, _first, _where, _rule in (
    ("EpsilonPlus", None, "convolution", AlphaBeta(1.0, 0.0)),
    ("EpsilonPlusFlat", "flat", "convolution", AlphaBeta(1.0, 0.0)),
    ("EpsilonAlpha2Beta1", None, "convolution", AlphaBeta(2.0, 1.0)),
    ("EpsilonAlpha2Beta1Flat", "flat", "convolution", AlphaBeta(2.0, 1.0)),
    ("EpsilonGammaBox", "box", "convolution", Gamma(0.25)),
    ("ExcitationBackprop", None, _weighted, AlphaBeta(1.0, 0.0, "ignore")),
):
    COMPOSITES.register(_name)(_build(_first, _where, _rule))
