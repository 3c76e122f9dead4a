"""The smallest set of effects that explains a share of the output change: sparse concepts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from taylorattr.effects.coalition_table import Effect, HarsanyiEffects
from taylorattr.effects.taylor_effects import TaylorEffects
from taylorattr.errors import NonFiniteError, OptionError, require_instance
from taylorattr.graphs.pair_table import check_example


@dataclass(frozen=True)
class SparseConcepts:
    """The largest effects of one example, enough of them to explain a share.

    Attributes:
        effects: The effects, largest in size first; ``share`` is that of Σ|J|.
        explained: Their sum, in units of the output.
        delta: f(x) − f(b).
        share_of_delta: explained / delta; NaN where delta is 0.
        share_of_size: Σ|chosen| / Σ|J|.
        left_out: Number of other non-zero effects.
    """

    effects: tuple[Effect, ...]
    explained: float
    delta: float
    share_of_delta: float
    share_of_size: float
    left_out: int

    def __repr__(self) -> str:
        lines = [
            f"SparseConcepts: {len(self.effects)} effects explain {self.share_of_delta:.1%} of delta "
            f"{self.delta:.6g} and hold {self.share_of_size:.1%} of Σ|effects|; {self.left_out} left out"
        ]
        return "\n".join([*lines, *(f"  {e.value:+.6g}  {e.name}" for e in self.effects)])


def sparse_concepts(
    effects: TaylorEffects | HarsanyiEffects, share: float = 0.9, *, of: str = "delta", example: int = 0
) -> SparseConcepts:
    """Return the fewest effects, taken by size, that explain a share of the output change.

    With ``of="delta"``: the shortest list of the largest effects from which on the sum stays within
    (1 − share)·|delta| of delta, however many of the next ones are added; a sum that comes near by chance and
    leaves again does not count. With ``of="size"``: the fewest effects with Σ|J| ≥ share · Σ|J|, a minimum
    over all sets.

    Args:
        effects: Taylor effects I(κ) or Harsanyi effects J(S).
        share: From 0 to 1.
        of: ``delta`` or ``size``.
        example: Which example of the batch.

    Raises:
        OptionError: An option is out of range; delta is 0 where a share of it is asked for; or all effects
            together do not come that near to delta (a truncated table).
        NonFiniteError: An effect is not finite.

    Source: Li & Zhang (2023), "Does a neural network really encode symbolic concepts?", on sparsity.
    """
    require_instance(
        "effects", effects, (TaylorEffects, HarsanyiEffects), "those of ta.decompose or ta.harsanyi"
    )
    if not 0 < share <= 1 or of not in ("delta", "size"):
        raise OptionError(f"share={share!r}, of={of!r}; share is above 0 and at most 1, of delta or size")
    check_example(example, effects.batch)
    skip = 1 if isinstance(effects, HarsanyiEffects) else 0
    values = effects.values[example, skip:].double().cpu().numpy()
    if not np.isfinite(values).all():
        raise NonFiniteError(f"the effects of example {example} hold NaN or infinity")
    delta = float(effects.delta[example])
    order = np.argsort(-np.abs(values), kind="stable")  # equal sizes in the order of the table, each time
    sizes = np.abs(values[order])
    total = float(sizes.sum())
    # sums of up to 2^n numbers: what rounding may do to them is not a share left unexplained
    slack = len(values) * np.finfo(float).eps * total
    if of == "size":
        enough = np.cumsum(sizes) >= share * total - slack
        count = int(enough.argmax()) + 1 if total > 0 else 0
    else:
        count = _within(np.cumsum(values[order]), delta, (1 - share) * abs(delta) + slack)
    chosen = order[:count]
    explained = float(values[chosen].sum())
    size = float(sizes[:count].sum())
    return SparseConcepts(
        effects=tuple(effects.top(count)[example]),
        explained=explained,
        delta=delta,
        share_of_delta=explained / delta if delta else float("nan"),
        share_of_size=size / total if total else 1.0,
        left_out=int((sizes[count:] > 0).sum()),
    )


def _within(sums: np.ndarray, delta: float, room: float) -> int:
    """Return the length of the shortest prefix from which on every sum is within room of delta."""
    if delta == 0:
        raise OptionError("delta is 0, so no share of it can be explained; use of='size'")
    # the last sum outside decides: a prefix that is near by chance, and left again, does not count
    outside = np.flatnonzero(np.abs(delta - sums) > room)
    if len(outside) and outside[-1] == len(sums) - 1:
        raise OptionError(
            f"all effects of the table add up to {float(sums[-1]):.6g}, and delta is {delta:.6g}; compute "
            "more orders, take a smaller share, or use of='size'"
        )
    return int(outside[-1]) + 2 if len(outside) else 1
