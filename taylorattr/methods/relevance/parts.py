"""(R16)–(R18) RevealCancel's walk: multipliers of the positive and the negative part of every difference.

Carried are Δ and A = Δ⁺ − Δ⁻ ≥ |Δ| forwards, s = ½(m⁺ + m⁻) and d = ½(m⁺ − m⁻) backwards; a contribution is
m⁺Δ⁺ + m⁻Δ⁻ = sΔ + dA. A linear map W sends A to |W|A, s to Wᵀs and d to |W|ᵀd: a positive weight keeps a
part, a negative one makes it the other. So the method is one ordinary pass and one with |W|.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from taylorattr.errors import OptionError
from taylorattr.methods.relevance import linear_map
from taylorattr.methods.relevance.kinds import kind_of
from taylorattr.methods.relevance.maths.reveal_cancel import PartSlopes, part_slopes
from taylorattr.methods.relevance.propagate import by_value, site_of
from taylorattr.methods.relevance.recording import Recording
from taylorattr.methods.relevance.rule import Pulled, Relevance, Rule, RuleTable
from taylorattr.methods.relevance.rules.units import Secant
from taylorattr.methods.relevance.site import Site, finite_difference

Bookkeeping: TypeAlias = Literal["parts", "variables"]
"""Eq. (42): units keep their own two parts, or each value is one variable whose sign decides its group."""


@dataclass
class PartsWalk:
    """One forward and one backward pass.

    Attributes:
        recording: With a reference.
        rules: Difference rules.
        bookkeeping: How a unit's result is split for the next layer.
        spreads: A of each value.
        slopes: Of each unit, by its result.
        plain: Operations whose |M| is unknown: their result counts as one variable.
        sites: Of each operation, by its position: what a rule worked out forwards serves backwards.
    """

    recording: Recording
    rules: RuleTable
    bookkeeping: Bookkeeping = "parts"
    spreads: dict[int, Tensor] = field(default_factory=dict)
    slopes: dict[int, PartSlopes] = field(default_factory=dict)
    plain: dict[int, Rule] = field(default_factory=dict)
    sites: dict[int, Site] = field(default_factory=dict)

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
        """
        with torch.no_grad():
            self._forward()
            return self._backward(seed)

    def _delta(self, index: int) -> Tensor:
        assert self.recording.reference is not None
        return finite_difference(self.recording.values[index], self.recording.reference[index])

    def _forward(self) -> None:
        for ref in self.recording.program.inputs:
            self.spreads[ref.index] = self._delta(ref.index).abs()
        for k, node in enumerate(self.recording.program.nodes):
            site = self.sites[k] = site_of(self.recording, node)
            live = [i for i in site.outs if i is not None and self.recording.values[i].is_floating_point()]
            if not live:
                continue
            rule = self.rules.find(site)
            spreads = [self.spreads[i] for i in site.operands]
            if isinstance(rule, Secant):
                self._unit(site, rule, spreads[0])
            elif len(live) > 1 and kind_of(site) == "move":
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

    def _unit(self, site: Site, rule: Secant, spread: Tensor) -> None:
        (z,), (z0,) = site.x, site.b

        def slope(start: Tensor, end: Tensor) -> Tensor:
            return rule.slope(site, start, end, site.call([start]), site.call([end]))

        def guarded(start: Tensor, end: Tensor) -> Tensor:
            """A chord across a pole is no secant."""
            found = slope(start, end)
            if site.name not in _POLES:
                return found
            return torch.where((start > 0) == (end > 0), found, torch.nan)

        parts = part_slopes(z0, z, spread, guarded, slope)
        index = next(i for i in site.outs if i is not None)
        self.slopes[index] = parts
        if self.bookkeeping == "parts":
            self.spreads[index] = parts.effect_up.abs() + parts.effect_down.abs()
        else:
            self.spreads[index] = self._delta(index).abs()

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
            if index in self.slopes:
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
        given = rule.pull_abs(site, d[0])
        if given is None:
            raise site.refuse(f"rule {rule.name!r} gives push_abs but no pull_abs; define both or neither")
        return given

    def _through_unit(
        self, site: Site, index: int, s: Tensor | None, d: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """(R17): the multiplier of each part, as sum and half difference."""
        parts = self.slopes[index]
        s = torch.zeros_like(site.y) if s is None else s
        if d is None:
            up, down = parts.up * s, parts.down * s
        elif self.bookkeeping == "parts":
            up = parts.up * (s + d * parts.effect_up.sign())
            down = parts.down * (s + d * parts.effect_down.sign())
        else:
            m = s + d * self._delta(index).sign()
            up, down = parts.up * m, parts.down * m
        return (up + down) / 2, (up - down) / 2

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


def _add(total: dict[int, Tensor], site: Site, given: Pulled | Relevance, rule: Rule) -> None:
    if isinstance(given, Relevance):
        raise site.refuse(f"rule {rule.name!r} gives relevances; RevealCancel carries multipliers")
    for i, g in by_value(site, given, rule):
        total[i] = total[i] + g if i in total else g
