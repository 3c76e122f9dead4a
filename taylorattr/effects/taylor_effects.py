"""TaylorEffects: I(κ) per multi-index up to an order, its parts, and what the order leaves out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from taylorattr.aliases import Frame, MultiIndex
from taylorattr.effects.coalition_table import (
    Effect,
    HarsanyiEffects,
    largest,
    player_position,
)
from taylorattr.effects.examples import in_rows
from taylorattr.effects.notebook import table_html
from taylorattr.effects.result import Result
from taylorattr.errors import (
    OptionError,
    ShapeError,
    require_frame,
    require_per_example,
    require_whole_number,
)
from taylorattr.maths.multi_index import count_up_to, enumerate_up_to, monomials
from taylorattr.maths.subsets import Coalitions, ranks
from taylorattr.maths.subsets import count_up_to as subsets_up_to

SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True, eq=False, repr=False)
class TaylorEffects(Result):
    """Taylor effects I(κ) for every 1 ≤ |κ| ≤ order, eq. (1), in frame x eq. (6).

    Attributes:
        values: I(κ), shape (B, M), M = C(n+K, K) − 1, columns in the order of :attr:`multi_indices`.
        order: K.
        names: Names of the n players.
        frame: Where the series is expanded: ``baseline`` (at b) or ``input`` (at x towards b).
        delta: f(x) − f(b), shape (B,).
        f_input: f(x), shape (B,).
        f_baseline: f(b), shape (B,).
        converged: Whether the series was seen to reach x, shape (B,), bool.
        reasons: One sentence per example: why ``converged`` is what it is.
        tails: J(S) − Σ_{m≤K} J_m(S) per coalition, eq. (58), where it was computed, else None.
        diagnostics: What a reader must know about the computation; JSON-able.
    """

    example_axes: ClassVar = in_rows("values delta f_input f_baseline converged reasons tails")

    values: Tensor
    order: int
    names: tuple[str, ...]
    frame: Frame
    delta: Tensor
    f_input: Tensor
    f_baseline: Tensor
    converged: Tensor
    reasons: tuple[str, ...]
    tails: HarsanyiEffects | None = None
    diagnostics: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check that the parts fit together."""
        require_frame(self.frame)
        expected = count_up_to(self.n, self.order)
        if self.values.ndim != 2 or self.values.shape[1] != expected:
            raise ShapeError(
                f"values have shape {tuple(self.values.shape)}; expected (B, {expected}), one column per "
                f"multi-index of {self.n} players with 1 ≤ |κ| ≤ {self.order}"
            )
        vectors = {"delta": self.delta, "f_input": self.f_input, "f_baseline": self.f_baseline}
        require_per_example(self.values, converged=self.converged, **vectors)
        if len(self.reasons) != self.batch:
            raise ShapeError(f"{len(self.reasons)} reasons for {self.batch} examples; expected one each")

    @property
    def n(self) -> int:
        """Number of players."""
        return len(self.names)

    @property
    def batch(self) -> int:
        """Number of examples B."""
        return self.values.shape[0]

    @cached_property
    def multi_indices(self) -> np.ndarray:
        """κ of every column, shape (M, n), int16; by order, then as combinations_with_replacement."""
        return enumerate_up_to(self.n, self.order)

    def _slice(self, m: int) -> slice:
        if not 1 <= m <= self.order:
            raise OptionError(f"order {m} is not in the table; it holds 1 … {self.order}")
        return slice(count_up_to(self.n, m - 1), count_up_to(self.n, m))

    def order_values(self, m: int) -> Tensor:
        """Return the effects with |κ| = m, shape (B, C(n+m−1, m)).

        Raises:
            OptionError: If m is not 1 … order.
        """
        require_whole_number("m", m)
        return self.values[:, self._slice(m)]

    @property
    def first_order(self) -> Tensor:
        """I(e_i), shape (B, n)."""
        return self.order_values(1)

    @cached_property
    def independent_high(self) -> Tensor:
        """Σ_{m≥2} I(m·e_i): the independent part beyond first order, shape (B, n)."""
        total = torch.zeros_like(self.first_order)
        for m in range(2, self.order + 1):
            players = monomials(self.n, m)
            alone = np.flatnonzero(players[:, 0] == players[:, -1])
            total += self.order_values(m)[:, torch.from_numpy(alone)]
        return total

    @property
    def independent(self) -> Tensor:
        """ψ_i up to the order: first_order + independent_high, shape (B, n)."""
        return self.first_order + self.independent_high

    @cached_property
    def by_order(self) -> Tensor:
        """Σ_{|κ|=m} I(κ), shape (B, order), column m−1 for order m."""
        return torch.stack([self.order_values(m).sum(1) for m in range(1, self.order + 1)], dim=1)

    @property
    def remainder(self) -> Tensor:
        """Delta − Σ_κ I(κ): what the order leaves out, shape (B,)."""
        return self.delta - self.by_order.sum(1)

    @property
    def remainder_share(self) -> Tensor:
        """|remainder| / |delta|, shape (B,); 0 where both vanish. Small: the order is enough for the sum."""
        size = self.remainder.abs()
        return torch.where(size == 0, size, size / self.delta.abs())

    @cached_property
    def supports(self) -> np.ndarray:
        """Position of supp κ of every column among the coalitions with |S| ≤ order, shape (M,), int64."""
        starts = [subsets_up_to(self.n, s - 1) if s else 0 for s in range(min(self.order, self.n) + 1)]
        found = []
        for m in range(1, self.order + 1):
            players = monomials(self.n, m)
            first = np.ones(players.shape, dtype=bool)
            first[:, 1:] = players[:, 1:] != players[:, :-1]
            sizes = first.sum(axis=1)
            positions = np.empty(len(players), dtype=np.int64)
            for s in range(1, min(m, self.n) + 1):
                rows = np.flatnonzero(sizes == s)
                members = players[rows][first[rows]].reshape(-1, s)
                positions[rows] = starts[s] + ranks(members, self.n)
            found.append(positions)
        return np.concatenate(found)

    @cached_property
    def interactions(self) -> HarsanyiEffects:
        """J(S) = Σ_{supp κ = S} I(κ) over the terms up to the order; J({i}) is ψ_i so truncated."""
        return self._summed_by_support(1, self.order)

    def of_order(self, m: int) -> HarsanyiEffects:
        """Return J_m(S) = Σ_{supp κ = S, |κ| = m} I(κ) for every |S| ≤ m, eq. (57).

        Raises:
            OptionError: If m is not 1 … order.
        """
        self._slice(m)
        return self._summed_by_support(m, m)

    def _summed_by_support(self, first: int, last: int) -> HarsanyiEffects:
        size = min(last, self.n)
        coalitions = Coalitions(self.n, size)
        values = self.values.new_zeros(self.batch, len(coalitions))
        columns = slice(self._slice(first).start, self._slice(last).stop)
        values.index_add_(1, torch.from_numpy(self.supports[columns]), self.values[:, columns])
        values[:, 0] = self.f_baseline if self.frame == "baseline" else self.f_input
        return HarsanyiEffects(
            values=values,
            names=self.names,
            frame=self.frame,
            delta=self.delta,
            f_input=self.f_input,
            f_baseline=self.f_baseline,
            max_order=size,
            diagnostics={"orders": [first, last]},
            truncated_at=last,
        )

    def effect(self, powers: Mapping[str | int, int] | str | int | Iterable[str | int]) -> Tensor:
        """Return I(κ), shape (B,).

        Args:
            powers: ``{"radius": 2, "texture": 1}``, or the players with repeats
                ``("radius", "radius", "texture")``, or one player for its first-order effect.

        Raises:
            OptionError: If a player does not exist or |κ| is not 1 … order.
        """
        if isinstance(powers, Mapping):
            members = [p for p, power in powers.items() for _ in range(power)]
        else:
            members = [powers] if isinstance(powers, (str, int)) else list(powers)
        row = sorted(player_position(p, self.names) for p in members)
        block = self._slice(len(row))
        # a multiset a_0 ≤ a_1 ≤ … of n players is the combination a_j + j of n + m − 1, in the same order
        shifted = np.array([[a + j for j, a in enumerate(row)]])
        return self.values[:, block.start + int(ranks(shifted, self.n + len(row) - 1)[0])]

    def __getitem__(self, powers: Mapping[str | int, int] | str | int | Iterable[str | int]) -> Tensor:
        """Return I(κ): ``effects["radius", "radius", "texture"]``; see :meth:`effect`."""
        return self.effect(powers)

    def label(self, position: int) -> str:
        """Return the name of a column: radius² × texture."""
        kappa = self.multi_indices[position]
        return " × ".join(
            self.names[i] + (str(kappa[i]).translate(SUPERSCRIPTS) if kappa[i] > 1 else "")
            for i in np.flatnonzero(kappa)
        )

    def top(self, k: int = 10) -> list[list[Effect]]:
        """Return the k non-zero effects I(κ) largest in size for each example; the key is the multi-index."""
        return [self._top_of(example, k) for example in range(self.batch)]

    def _top_of(self, example: int, k: int) -> list[Effect]:
        row = self.values[example]
        positions, shares = largest(row, k)
        return [
            Effect(self.label(p), float(row[p]), share, self._kappa(p))
            for p, share in zip(positions, shares, strict=True)
        ]

    def _kappa(self, position: int) -> MultiIndex:
        return tuple(int(k) for k in self.multi_indices[position])

    def __repr__(self) -> str:
        """Show the largest effects with their names, delta, the remainder, convergence and the frame."""
        return self.summary()

    def _repr_html_(self) -> str:
        """Return a table with bars of the largest effects of the first examples."""
        shown = range(min(self.batch, 3))
        cautions = ["" if self.converged[e] else f"not converged: {self.reasons[e]}" for e in shown]
        tops = [self._top_of(e, 10) for e in shown]
        return table_html(repr(self).splitlines()[0], self.summary(k=0), tops, cautions)

    def summary(self, k: int = 8, examples: int = 3) -> str:
        """Return a text with the sums by order and the k largest effects of the first few examples."""
        lines = [
            f"TaylorEffects: {self.n} players, order {self.order}, frame {self.frame}, "
            f"{self.batch} example(s)",
        ]
        for e in range(min(self.batch, examples)):
            verdict = "converged" if bool(self.converged[e]) else "NOT CONVERGED"
            by_order = ", ".join(f"{m}: {float(v):+.4g}" for m, v in enumerate(self.by_order[e], start=1))
            lines += [
                f"  example {e}: f(x) = {float(self.f_input[e]):.6g}, f(b) = {float(self.f_baseline[e]):.6g},"
                f" delta = {float(self.delta[e]):.6g}",
                f"    by order: {by_order}; remainder {float(self.remainder[e]):+.3g} "
                f"({float(self.remainder_share[e]):.2%} of delta)",
                f"    {verdict}: {self.reasons[e]}",
            ]
            found = self._top_of(e, k)
            width = max((len(effect.name) for effect in found), default=0)
            lines += [f"    {t.name:<{width}}  {t.value:+.6g}  {t.share:6.1%}" for t in found]
        if self.batch > examples:
            lines.append(f"  … and {self.batch - examples} more examples")
        return "\n".join(lines)
