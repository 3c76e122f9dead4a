"""Signals sent down a chain: while the inverses are fitted, and for reading an explanation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor
from tqdm.auto import tqdm

from taylorattr.analysis.game import blocks
from taylorattr.errors import BudgetError, ConvergenceWarning, warn
from taylorattr.memory import available, in_words
from taylorattr.methods.extra.mip_in.chain import Chain
from taylorattr.methods.extra.mip_in.inverses import (
    BATCH,
    FittedInverse,
    Pool,
    back,
    fit_convolution,
    fit_linear,
    rearranged_back,
    spread,
    unpool,
    weight_shapes,
)
from taylorattr.methods.extra.mip_in.layers import run, with_switches

aten = torch.ops.aten

Top: TypeAlias = Literal["positive", "logits", "softmax"]
"""S_L of the logits y: max(y, 0), y, or softmax(y)."""

TOPS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "positive": lambda y: y.clamp_min(0),
    "logits": lambda y: y,
    "softmax": lambda y: y.softmax(1),
}

UNEXPLAINED = 0.9
"""Relative error of a layer above which its inverse is said to explain hardly anything."""


@dataclass(frozen=True)
class Inverses:
    """A chain with an inverse of every layer.

    Attributes:
        chain: The layers.
        fitted: Weights of linear layers and convolutions, by position in the chain.
        local: Whether signals are masked by the ReLU pattern of the example.
        pool: Where signals of a max-pool go.
    """

    chain: Chain
    fitted: Mapping[int, FittedInverse]
    local: bool
    pool: Pool

    def above(self, chain: Chain) -> Inverses:
        """Return the inverses of the last layers, where `chain` consists of these."""
        gone = len(self.chain.layers) - len(chain.layers)
        return Inverses(
            chain, {i - gone: g for i, g in self.fitted.items() if i >= gone}, self.local, self.pool
        )

    def masked(self, i: int) -> bool:
        """Return whether the signal at X_i is masked: behind a ReLU, and at a feature map that is the bottom.

        A feature map is masked where it is 0 whatever made it, a max-pool of ReLUs too; the input never is.
        """
        return self.local and (self._behind_relu(i) or (i == 0 and self.chain.inside is not None))

    def switched(self, i: int) -> bool:
        """Return whether layer i sends its signal to the places of the example's maxima."""
        return self.pool == "switch" and self.chain.layers[i].kind == "max_pool"

    def _behind_relu(self, i: int) -> bool:
        return i > 0 and self.chain.layers[i - 1].kind == "relu"

    def down(
        self, i: int, s: Tensor, x: Tensor | None, switches: Tensor | None, *, affine: bool = False
    ) -> Tensor:
        """Return the signal at X_i of a signal at X_{i+1}, shapes (N, …).

        Args:
            i: Position of the layer in between.
            s: Signal at X_{i+1}.
            x: X_i where the signal is masked, else None.
            switches: Places of the maxima where layer i is switched, else None.
            affine: Whether biases of the inverses are added.
        """
        layer = self.chain.layers[i]
        if layer.kind in ("linear", "convolution"):
            s = back(layer, self.fitted[i], s, affine=affine)
        elif layer.kind == "max_pool":
            s = unpool(layer, s, switches)
        elif layer.kind == "average":
            s = spread(layer, s)
        elif layer.kind == "move":
            s = rearranged_back(layer, s)
        if x is None:
            return s
        # a ReLU's values are never negative, so that ≠ 0 is > 0, for which torch has one pass
        return aten.threshold_backward(s, x, 0) if self._behind_relu(i) else s * (x != 0)

    def read(self, x: Tensor, seed: Callable[[Tensor], Tensor]) -> Tensor:
        """Return Σ_k A_k w_k at the bottom of a batch of bottom values.

        Args:
            x: X_0, shape (N, …).
            seed: Logits (N, K) -> w, shape (N, K).

        Returns:
            Shape of X_0, linear in w: biases of the inverses take no part.
        """
        kept: list[tuple[Tensor | None, Tensor | None]] = []
        for i, layer in enumerate(self.chain.layers):
            masking, switches = x if self.masked(i) else None, None
            if self.switched(i):
                x, switches = with_switches(layer, x)
            else:
                x = run(layer, x)
            kept.append((masking, switches))
        s = seed(x)
        for i in reversed(range(len(kept))):
            s = self.down(i, s, *kept.pop())
        return s


def fit_inverses(
    chain: Chain,
    rows: Tensor,
    *,
    top: Top,
    local: bool,
    pool: Pool,
    bias: bool,
    ridge: float,
    steps: int,
    seed: int,
    show_progress: bool,
) -> tuple[Inverses, dict[str, float]]:
    """Fit every inverse from the top down, each to the signal that those above it send.

    Held at a time are the signal at one layer and the values at the next; values are computed anew from the
    bottom for every layer, never kept for the whole network.

    Returns:
        The inverses, and Σ‖g_l(S_l) − X_{l−1}‖² / Σ‖X_{l−1}‖² by the layer's name.

    Raises:
        BudgetError: If the values of one layer take more memory than there is.
    """
    _require_memory(chain, len(rows))
    generator = torch.Generator().manual_seed(seed)
    fitted: dict[int, FittedInverse] = {}
    inverses = Inverses(chain, fitted, local, pool)
    errors: dict[str, float] = {}
    # a feature map in the middle costs a pass through all that lies below it, so it is computed once
    bottom = rows if chain.inside is None else torch.cat([chain.bottom(p) for p in chain.parts(rows)])

    def values(i: int) -> Tensor:
        return torch.cat([chain.forward(part, 0, i) for part in chain.parts(bottom)])

    convolutions = sum(layer.kind == "convolution" for layer in chain.layers)
    epoch_steps = -(-len(rows) // BATCH)
    total = convolutions * -(-steps // epoch_steps) * epoch_steps
    with torch.no_grad(), tqdm(total=total, unit="step", disable=not show_progress) as bar:
        s = TOPS[top](values(len(chain.layers)))
        for i in reversed(range(len(chain.layers))):
            layer = chain.layers[i]
            bar.set_description(layer.name)
            x = None
            if layer.kind in ("linear", "convolution"):
                x = values(i)
                if layer.kind == "linear":
                    fitted[i] = fit_linear(s, x, ridge, bias)
                else:
                    shapes = weight_shapes(layer)
                    fitted[i] = fit_convolution(
                        layer, shapes, s, x, steps=steps, bias=bias, generator=generator, tick=bar.update
                    )
                errors[layer.name] = _relative_error(chain, inverses, i, s, x)
            s = _all_down(chain, inverses, i, s, x, bottom)
    _say_unexplained(errors)
    return inverses, dict(reversed(errors.items()))


def _all_down(
    chain: Chain, inverses: Inverses, i: int, s: Tensor, x: Tensor | None, bottom: Tensor
) -> Tensor:
    """Return the signal of all examples one layer further down."""
    parts = []
    for part in blocks(len(s), chain.rows_at_a_time):
        here = x[part] if x is not None else None
        if here is None and (inverses.masked(i) or inverses.switched(i)):
            here = chain.forward(bottom[part].to(chain.device, chain.dtype), 0, i)
        switches = None
        if inverses.switched(i) and here is not None:
            switches = with_switches(chain.layers[i], here)[1]
        masking = here if inverses.masked(i) else None
        parts.append(inverses.down(i, s[part], masking, switches, affine=True))
    return torch.cat(parts)


def _relative_error(chain: Chain, inverses: Inverses, i: int, s: Tensor, x: Tensor) -> float:
    """Return Σ‖g(S_l) − X_{l−1}‖² / Σ‖X_{l−1}‖²; where X is 0, 0 for a guess of 0 and else 1."""
    missed = present = 0.0
    for part in blocks(len(s), chain.rows_at_a_time):
        guess = back(chain.layers[i], inverses.fitted[i], s[part], affine=True)
        missed += float((guess - x[part]).double().square().sum())
        present += float(x[part].double().square().sum())
    return missed / present if present else float(missed > 0)


def _require_memory(chain: Chain, count: int) -> None:
    """Refuse data whose signals do not fit: those at a layer, at the next one, and its values."""
    sizes = [torch.Size(layer.before).numel() for layer in chain.layers]
    sizes.append(torch.Size(chain.layers[-1].after).numel())
    most = max(2 * below + above for below, above in zip(sizes[:-1], sizes[1:], strict=True))
    needed = most * count * chain.dtype.itemsize
    if chain.device.type == "cpu" and needed > available(needed):
        raise BudgetError(
            f"the signals of {count} examples at two neighbouring layers take {in_words(needed)}, more "
            f"than there is to plan with ({in_words(available())}); pass a smaller max_samples=, or "
            "invert the layers above a feature map only: layer="
        )


def _say_unexplained(errors: Mapping[str, float]) -> None:
    bad = {name: error for name, error in errors.items() if not error <= UNEXPLAINED}
    if bad:
        listed = ", ".join(f"{name} ({error:.2f})" for name, error in bad.items())
        warn(
            f"inverses leave more than {UNEXPLAINED:.0%} of the values they were fitted to: {listed}. "
            "The signal below is hardly informed; train longer (steps=), on more data, or see whether the "
            "model's outputs vary at all",
            ConvergenceWarning,
        )
