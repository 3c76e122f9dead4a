"""PixelPerturbation: curves of an output while regions are replaced, and what they amount to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from taylorattr.errors import OptionError, ShapeError
from taylorattr.evaluation.areas import aopc, relative_change
from taylorattr.evaluation.measured import Measured


@dataclass(frozen=True, eq=False, repr=False)
class PixelPerturbation(Measured):
    """Outputs f(x^(k)) with the first counts[k] regions of three orders replaced.

    Measures: ``morf``, ``lerf`` and ``random`` are the areas over the curves,
    1/(L+1) Σ_k [f(x^(0)) − f(x^(k))]; ``abpc`` is morf − lerf. A good map has a high morf, a low lerf.

    Attributes:
        morf: Most relevant first, shape (B, L+1), float64.
        lerf: Least relevant first, likewise.
        counts: How many regions are replaced at each step, shape (L+1,), int64; counts[0] = 0.
        regions: Number of regions n.
        method: Name of the map.
        fill: What regions are replaced with: a name, or ``given``.
        rank: ``signed`` or ``abs``.
        output: ``probability``, ``logit`` or ``target`` (a callable).
        random: Mean over random orders, likewise; None where none was asked for.
        target: Class followed, (B,) int64; None where there is none.
        diagnostics: What a reader must know; JSON-able. ``tied`` is the mean share of regions whose score
            another has too, so that luck orders them.
    """

    morf: Tensor
    lerf: Tensor
    counts: Tensor
    regions: int
    method: str
    fill: str
    rank: str
    output: str
    random: Tensor | None = None
    target: Tensor | None = None
    diagnostics: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check that the parts fit together."""
        shape = (len(self.morf), len(self.counts))
        for name, curve in (("morf", self.morf), ("lerf", self.lerf), ("random", self.random)):
            if curve is not None and curve.shape != shape:
                raise ShapeError(f"{name} has shape {tuple(curve.shape)}; expected {shape}, (B, L+1)")

    @property
    def batch(self) -> int:
        """Number of examples B."""
        return len(self.morf)

    @property
    def f_input(self) -> Tensor:
        """f(x^(0)), shape (B,)."""
        return self.morf[:, 0]

    @property
    def shares(self) -> Tensor:
        """Share of the regions that is replaced at each step, shape (L+1,)."""
        return self.counts.double() / self.regions

    @property
    def measures(self) -> tuple[str, ...]:
        """Names of the numbers per example."""
        return ("morf", "lerf", "abpc") + (("random",) if self.random is not None else ())

    def curve(self, order: str) -> Tensor:
        """Return the outputs along an order, ``morf``, ``lerf`` or ``random``, shape (B, L+1).

        Raises:
            OptionError: If there is no such order.
        """
        curves = {"morf": self.morf, "lerf": self.lerf, "random": self.random}
        found = curves.get(order)
        if found is None:
            there = ", ".join(name for name, curve in curves.items() if curve is not None)
            raise OptionError(f"no order {order!r} here; there are {there}")
        return found

    def relative_change(self, order: str) -> Tensor:
        """Return 100·|f(x^(0)) − f(x^(k))| / |f(x^(0))| along an order, in per cent, shape (B, L+1)."""
        return relative_change(self.curve(order))

    def _measure(self, name: str) -> Tensor:
        if name == "abpc":
            return aopc(self.morf) - aopc(self.lerf)
        return aopc(self.curve(name))

    def _question(self) -> tuple[tuple[str, Any], ...]:
        return (
            ("counts", self.counts),
            ("number of regions", self.regions),
            ("fill", self.fill),
            ("output", self.output),
            ("target", self.target),
            ("random control", self.random),
            ("output at the inputs", self.f_input),
            ("rank", self.rank),
        )

    def __repr__(self) -> str:
        """Show the areas with their standard errors over examples."""
        return "\n".join(
            [
                f"PixelPerturbation of {self.method}: {self.batch} example(s), {self.regions} regions, "
                f"{len(self.counts) - 1} steps up to {float(self.shares[-1]):.0%}, fill {self.fill}, "
                f"{self.rank} ranks, {self.output}",
                *self._rows(),
            ]
        )
