"""(R16)–(R18) RevealCancel's walk: multipliers of the positive and the negative part of every difference.

Carried are Δ and A = Δ⁺ − Δ⁻ ≥ |Δ| forwards, s = ½(m⁺ + m⁻) and d = ½(m⁺ − m⁻) backwards; a contribution is
m⁺Δ⁺ + m⁻Δ⁻ = sΔ + dA. A linear map W sends A to |W|A, s to Wᵀs and d to |W|ᵀd: a positive weight keeps a
part, a negative one makes it the other. So the method is one ordinary pass and one with |W|. A grows with
depth and d shrinks as 1/A; `maths.reveal_cancel` says how units keep their product.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from taylorattr.errors import NonFiniteError, OptionError
from taylorattr.methods.relevance import linear_map
from taylorattr.methods.relevance.maths.reveal_cancel import (
    PartMap,
    general_map,
    regrouped,
    relabelled,
    relu_map,
)
from taylorattr.methods.relevance.propagate import by_value, site_of
from taylorattr.methods.relevance.recording import Recording
from taylorattr.methods.relevance.rule import Pulled, Relevance, Rule, RuleTable
from taylorattr.methods.relevance.rules.units import Secant
from taylorattr.methods.relevance.site import Site, finite_difference, fit
from taylorattr.program.arguments import operands

Bookkeeping: TypeAlias = Literal["parts", "variables"]
"""Eq. (42): units keep their own two parts, or each value is one variable whose sign decides its group."""


@dataclass
class PartsWalk:
    """One forward and one backward pass.

    Attributes:
        recording: With a reference.
        rules: Difference rules.
        bookkeeping: How a unit's result is split for the next layer.
        tame: Whether both parts take the plain secant at functions whose slope has no bound (powers, exp).
        spreads: A of each value that is still to be read.
        maps: Of each unit, by its result.
        plain: Operations whose |M| is unknown: their result counts as one variable.
        sites: Of each operation, by its position: what a rule worked out forwards serves backwards.
        output_spread: A of the output, shape (B,).
    """

    recording: Recording
    rules: RuleTable
    bookkeeping: Bookkeeping = "parts"
    tame: bool = False
    spreads: dict[int, Tensor] = field(default_factory=dict)
    maps: dict[int, PartMap] = field(default_factory=dict)
    plain: dict[int, Rule] = field(default_factory=dict)
    sites: dict[int, Site] = field(default_factory=dict)
    output_spread: Tensor = field(init=False)

    def __post_init__(self) -> None:
        """Check the bookkeeping.

        Raises:
            OptionError: If there is none of that name.
        """
        if self.bookkeeping not in ("parts", "variables"):
            raise OptionError(f"bookkeeping={self.bookkeeping!r}; expected 'parts' or 'variables'")

    def run(self, seed: Tensor | None = None) -> list[Tensor]:
        """Return the contribution of every input element to Σ seed·(f(x) − f(b)).

        Args:
            seed: Multiplier of the output, shape (B,); ones where None.

        Returns:
            One tensor per input.

        Raises:
            NonFiniteError: If the parts outgrow the dtype.
        """
        with torch.no_grad():
            self._forward()
            return self._backward(seed)

    def _delta(self, index: int) -> Tensor:
        assert self.recording.reference is not None
        return finite_difference(self.recording.values[index], self.recording.reference[index])

    def _forward(self) -> None:
        program = self.recording.program
        kept = {program.output.index, *(ref.index for ref in program.inputs)}
        last = {i: k for k, node in enumerate(program.nodes) for i in operands(node) if i not in kept}
        for ref in program.inputs:
            self.spreads[ref.index] = self._delta(ref.index).abs()
        for k, node in enumerate(program.nodes):
            site = self.sites[k] = site_of(self.recording, node)
            self._push(site)
            for i in site.operands:
                if last.get(i) == k:
                    self.spreads.pop(i, None)
        still = torch.zeros_like(self.recording.output)  # an output that does not depend on the inputs
        self.output_spread = self.spreads.get(program.output.index, still)
        if not bool(torch.isfinite(self.output_spread).all()):
            self._refuse()

    def _push(self, site: Site) -> None:
        """Find A of an operation's results."""
        live = [i for i in site.outs if i is not None and self.recording.values[i].is_floating_point()]
        if not live:
            return
        rule = self.rules.find(site)
        spreads = [self.spreads[i] for i in site.operands]
        if isinstance(rule, Secant):
            self._unit(site, live[0], rule, spreads[0])
        elif len(live) > 1 and site.kind == "move":
            images = linear_map.push_all(site, spreads)
            for i, image in zip(site.outs, images, strict=False):
                if i is not None and image is not None:
                    self.spreads[i] = image
        else:
            image = rule.push_abs(site, spreads) if spreads else None
            if image is None:
                self.plain[live[0]] = rule
                image = self._delta(live[0]).abs()
            self.spreads[live[0]] = image

    def _refuse(self) -> None:
        """Name the operation at which the parts outgrew the dtype."""
        for site in self.sites.values():
            self._push(site)
            for i in site.outs:
                if i in self.spreads and not bool(torch.isfinite(self.spreads[i]).all()):
                    raise NonFiniteError(
                        f"the positive and negative parts outgrow {site.y.dtype} at {site.place}: layers "
                        "add sizes up. Pass dtype=torch.float64 or bookkeeping='variables'"
                    )

    def _unit(self, site: Site, index: int, rule: Secant, spread: Tensor) -> None:
        (z,), (z0,) = site.x, site.b
        if type(rule) is Secant and site.name == "relu":
            mean, tilt, ends, effect = relu_map(z0, z, site.y0, site.y, spread)
            if self.bookkeeping == "parts":  # an increasing unit exchanges nothing
                self.maps[index], self.spreads[index] = PartMap(mean, tilt), ends
                return
        else:
            effect = self._delta(index)
            mean, tilt, ends = self._general(site, rule, effect, spread)
        if self.bookkeeping == "parts":
            self.maps[index], self.spreads[index] = relabelled(mean, tilt, ends, effect)
        else:
            self.maps[index], self.spreads[index] = regrouped(mean, tilt, effect)

    def _general(
        self, site: Site, rule: Secant, effect: Tensor, spread: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        (z,), (z0,) = site.x, site.b

        def slope(start: Tensor, end: Tensor) -> Tensor:
            return rule.slope(site, start, end, site.call([start]), site.call([end]))

        def guarded(start: Tensor, end: Tensor) -> Tensor:
            """A chord across a pole is no secant."""
            secant = slope(start, end)
            if site.name not in _POLES:
                return secant
            return torch.where((start > 0) == (end > 0), secant, torch.nan)

        def nowhere(start: Tensor, end: Tensor) -> Tensor:
            return torch.full_like(z, torch.nan)

        tamed = self.tame and _without_bound(site)
        return general_map(z0, z, effect, spread, nowhere if tamed else guarded, slope)

    def _backward(self, seed: Tensor | None) -> list[Tensor]:
        program, recording = self.recording.program, self.recording
        seed = torch.ones_like(recording.output) if seed is None else seed
        sums: dict[int, Tensor] = {program.output.index: seed}
        halves: dict[int, Tensor] = {}
        for k in reversed(range(len(program.nodes))):
            site = self.sites.pop(k)
            s = [sums.pop(i, None) if i is not None else None for i in site.outs]
            d = [halves.pop(i, None) if i is not None else None for i in site.outs]
            if all(m is None for m in (*s, *d)):
                continue
            index = next(i for i in site.outs if i is not None)
            rule = self.rules.find(site)
            if index in self.maps:
                total, half = self._through_unit(site, index, s[0], d[0])
                _add(sums, site, [total], rule)
                _add(halves, site, [half], rule)
            elif index in self.plain:
                m = _sum(s[0], d[0] * self._delta(index).sign() if d[0] is not None else None)
                _add(sums, site, rule.pull_all(site, [m, *s[1:]]), rule)
            else:
                if any(m is not None for m in s):
                    _add(sums, site, rule.pull_all(site, s), rule)
                if any(m is not None for m in d):
                    _add(halves, site, self._pull_abs(site, rule, d), rule)
        return [self._score(ref.index, sums, halves) for ref in program.inputs]

    def _pull_abs(self, site: Site, rule: Rule, d: Sequence[Tensor | None]) -> Pulled:
        if sum(m is not None for m in d) > 1 or d[0] is None:
            return linear_map.pull(site, d)
        pulled = rule.pull_abs(site, d[0])
        if pulled is None:
            raise site.refuse(f"rule {rule.name!r} gives push_abs but no pull_abs; define both or neither")
        return pulled

    def _through_unit(
        self, site: Site, index: int, s: Tensor | None, d: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """(R17): the multipliers of the unit's input."""
        unit = self.maps.pop(index)
        s = torch.zeros_like(site.y) if s is None else s
        total, half = unit.pull(s, d)
        return fit(total, site.x[0]), fit(half, site.x[0])

    def _score(self, index: int, sums: dict[int, Tensor], halves: dict[int, Tensor]) -> Tensor:
        total = torch.zeros_like(self.recording.values[index])
        if index in sums:
            total = total + sums[index] * self._delta(index)
        if index in halves:
            total = total + halves[index] * self.spreads[index]
        return total


_POLES = frozenset({"reciprocal", "rsqrt", "log", "log2", "log10", "sqrt", "logit"})


def _sum(a: Tensor | None, b: Tensor | None) -> Tensor | None:
    return a if b is None else b if a is None else a + b


def _add(total: dict[int, Tensor], site: Site, pulled: Pulled | Relevance, rule: Rule) -> None:
    if isinstance(pulled, Relevance):
        raise site.refuse(f"rule {rule.name!r} gives relevances; RevealCancel carries multipliers")
    for i, g in by_value(site, pulled, rule):
        total[i] = total[i] + g if i in total else g


_STEEP = frozenset("exp exp2 expm1 sinh cosh square".split())


def _without_bound(site: Site) -> bool:
    """Whether the slope of a unit has no bound, so that secants to far points are as large as one likes."""
    exponent = site.named.get("exponent")
    return site.name in _STEEP or (site.name == "pow" and isinstance(exponent, (int, float)) and exponent > 1)
