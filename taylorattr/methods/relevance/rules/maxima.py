"""(R9), (R13)–(R15), (R29): maxima and max-pooling of any kernel, stride, padding, dilation and ceil mode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor

from taylorattr.errors import OptionError
from taylorattr.methods.relevance.maths import max_weights
from taylorattr.methods.relevance.rule import Pulled, Rule
from taylorattr.methods.relevance.rules.contests import MINIMA, contest
from taylorattr.methods.relevance.rules.windows import windows_of
from taylorattr.methods.relevance.site import Site

aten = torch.ops.aten

MaxRule: TypeAlias = Literal["winners", "path", "shapley"]
"""(R13), (R14), (R15): see `maths.max_weights`."""

_WEIGHTS = {"winners": max_weights.winners, "path": max_weights.path, "shapley": max_weights.shapley}
"""Form -> candidates at x and at b -> weights (…, k)."""


class MaxSecant(Rule):
    """Weights of the candidates times m, added over the windows that share an input.

    Attributes:
        form: Which weights; all are complete, and with two candidates winners and path are the secant of
            b + relu(a − b). A choice that the result names.
    """

    def __init__(self, form: MaxRule = "winners") -> None:
        if form not in _WEIGHTS:
            raise OptionError(f"max_rule={form!r}; expected one of {', '.join(_WEIGHTS)}")
        self.form: MaxRule = form
        self.name = f"max {form}"

    def pull(self, site: Site, m: Tensor) -> Pulled:
        """Return the weights times m, per operand."""
        if self.form == "winners" and site.name == "max_pool2d_with_indices":
            return [_pool_winners(site, m)]
        weights, windows = self._weights(site), windows_of(site)
        if windows is not None:
            return [windows.share(weights, m)]
        race = contest(site, reference=False)
        return race.back(weights * race.widened(m))

    def _weights(self, site: Site) -> Tensor:
        """Return the weights (…, k), worked out once."""
        if self.name not in site.memo:
            race = contest(site, reference=True)
            assert race.b is not None
            site.memo[self.name] = _WEIGHTS[self.form](race.x, race.b)
        return site.memo[self.name]

    def pull_abs(self, site: Site, m: Tensor) -> Pulled:
        """Return the same: no weight is negative."""
        return self.pull(site, m)

    def push_abs(self, site: Site, parts: Sequence[Tensor]) -> Tensor:
        """Return the weighted sum of each window."""
        weights, windows = self._weights(site), windows_of(site)
        if windows is not None:
            return windows.collect(weights, parts[0])
        return (weights * _amounts(site, parts)).sum(-1).reshape(site.y.shape)


def _amounts(site: Site, parts: Sequence[Tensor]) -> Tensor:
    """Return the entries of other tensors that stand where the candidates do, 0 for padding."""
    swapped = Site(
        site.node,
        dict(site.values) | dict(zip(site.operands, parts, strict=True)),
        None,
        site.active,
        site.readers,
        site.makers,
    )
    race = contest(swapped, reference=False)
    # a contest for a minimum is held between negatives: they are turned back
    sign = -1 if site.name in MINIMA else 1
    return torch.where(torch.isinf(race.x), 0.0, sign * race.x)


def _pool_winners(site: Site, m: Tensor) -> Tensor:
    """Return (R13) for 2-d pools by torch's own kernels, which take a list of winners and add overlaps.

    The share θ of m goes back to the winners at x, the rest to those at b.
    """
    x, b = site.x[0], site.b[0]
    y, w = _pool(site, x, site.outs, site.values)
    y0, v = _pool(site, b, site.outs, site.reference or {})
    v = v.expand_as(w)
    share = max_weights.winner_share(y, _read(x, v), _read(b.expand_as(x), w), y0.expand_as(y))
    a = site.named
    shape = (a["kernel_size"], a["stride"], a["padding"], a["dilation"], a["ceil_mode"])
    first = m * share
    total = aten.max_pool2d_with_indices_backward.default(first, x, *shape, w)
    rest = torch.sub(m, first, out=first)
    return total.add_(aten.max_pool2d_with_indices_backward.default(rest, x, *shape, v))


def _pool(site: Site, x: Tensor, outs: Sequence[int | None], values: Any) -> tuple[Tensor, Tensor]:
    """Return value and winners of a pool, as recorded or, where one of them was not kept, run again."""
    first, second = outs
    if first is not None and second is not None:
        return values[first], values[second]
    args, kwargs = site.arguments([x])
    return site.node.op(*args, **kwargs)


def _read(x: Tensor, index: Tensor) -> Tensor:
    """Return the entries of planes (…, H, W) at flat positions, in the shape of these."""
    flat = x.flatten(-2)
    return flat.gather(-1, index.flatten(-2)).reshape(index.shape)


class WinnerTakesAll(Rule):
    """(R29) LRP of a maximum, homogeneous of degree 1: the winner gets all, the first one of a tie."""

    name = "winner"

    def pull(self, site: Site, m: Tensor) -> Pulled:
        """Return m at the winner of each window."""
        a = site.named
        if site.name == "max_pool2d_with_indices":
            _, w = _pool(site, site.x[0], site.outs, site.values)
            shape = (a["kernel_size"], a["stride"], a["padding"], a["dilation"], a["ceil_mode"])
            return [aten.max_pool2d_with_indices_backward.default(m, site.x[0], *shape, w)]
        race = contest(site, reference=False)
        winner = race.x.max(-1, keepdim=True).indices
        one = torch.zeros_like(race.x).scatter_(-1, winner, 1.0)
        return race.back(one * race.widened(m))
