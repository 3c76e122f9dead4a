"""Entries chosen by their rank: sort, topk, median, k-th value, mode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from taylorattr.errors import OptionError
from taylorattr.methods.relevance import linear_map
from taylorattr.methods.relevance.maths import order_weights
from taylorattr.methods.relevance.rule import Pulled, Rule
from taylorattr.methods.relevance.site import Site

OrderRule: TypeAlias = Literal["path", "shapley"]
"""Integrated gradients or Shapley values of the order statistic, see `maths.order_weights`."""

_WEIGHTS = {"path": order_weights.path, "shapley": order_weights.shapley}
"""Form -> entries at x and at b, ranks -> weights (N, R, k)."""

WIDEST = 128
"""Entries whose order may differ between x and b; the work grows with their third power."""


class OrderSecant(Rule):
    """A permutation where the order is the same at x and b; else weights of the order statistics.

    Both weights are complete; which one is a choice that the result names. The order of maxima is the same
    choice: (R14) is ``path``, (R15) ``shapley``.

    Attributes:
        form: Which weights.
    """

    def __init__(self, form: OrderRule = "path") -> None:
        if form not in _WEIGHTS:
            raise OptionError(f"order_rule={form!r}; expected 'path' or 'shapley'")
        self.form: OrderRule = form
        self.name = f"order {form}"

    def pull(self, site: Site, m: Tensor) -> Pulled:
        """Return m at the entries chosen, or shared out."""
        weights = self._weights(site)
        if weights is None:
            return linear_map.pull(site, m)
        shares = (weights * _rows(site, m).unsqueeze(-1)).sum(1)
        return [_unrowed(site, shares)]

    def pull_abs(self, site: Site, m: Tensor) -> Pulled:
        """Return the same: no weight is negative."""
        return self.pull(site, m)

    def push_abs(self, site: Site, parts: Sequence[Tensor]) -> Tensor:
        """Return the chosen or weighted entries."""
        weights = self._weights(site)
        if weights is None:
            return linear_map.push(site, parts)
        total = (weights * _entries(site, parts[0]).unsqueeze(1)).sum(-1)
        x, dim = site.x[0], _dim(site)
        if dim is None:
            return total.reshape(site.y.shape)
        moved = total.reshape(*x.movedim(dim, -1).shape[:-1], -1).movedim(-1, dim)
        return moved.reshape(site.y.shape)

    def _weights(self, site: Site) -> Tensor | None:
        """Return the weights (N, R, k), worked out once; None where every order is the same at both ends."""
        if self.name not in site.memo:
            site.memo[self.name] = self._worked_out(site)
        return site.memo[self.name]

    def _worked_out(self, site: Site) -> Tensor | None:
        """Return what `_weights` keeps.

        Raises:
            MissingRuleError: If the order differs and there are too many entries, or a mode jumps.
        """
        if site.name != "mode":
            x, b = _entries(site, site.x[0]), _entries(site, site.b[0].expand_as(site.x[0]))
            if torch.equal(x.argsort(dim=-1, stable=True), b.argsort(dim=-1, stable=True)):
                return None
            if x.shape[-1] > WIDEST:
                raise site.refuse(
                    f"the order of {x.shape[-1]} entries differs between input and baseline, and shares are "
                    f"worked out for at most {WIDEST}; use a baseline with the same order, or max and min"
                )
            return _WEIGHTS[self.form](x, b, _ranks(site, x.shape[-1]))
        args, kwargs = site.arguments()
        at_b, named = site.arguments(at_b=True)
        place_at_x, place_at_b = site.node.op(*args, **kwargs)[1], site.node.op(*at_b, **named)[1]
        if not torch.equal(place_at_x, place_at_b.expand_as(place_at_x)):
            raise site.refuse(
                "the most frequent value is another entry at the baseline, and it jumps between them; use a "
                "baseline with the same mode, or the median"
            )
        return None


def _dim(site: Site) -> int | None:
    """Return the dimension ranked over, None for all of the tensor."""
    if str(site.node.op).endswith(("median.default", "nanmedian.default")):
        return None
    return int(site.named.get("dim", -1)) if site.x[0].dim() else None


def _entries(site: Site, x: Tensor) -> Tensor:
    """Return a tensor like the operand as (N, k), a row for each set of entries that are ranked."""
    dim = _dim(site)
    return x.reshape(1, -1) if dim is None else x.movedim(dim, -1).flatten(0, -2)


def _unrowed(site: Site, rows: Tensor) -> Tensor:
    """Return rows (N, k) in the shape of the operand: the inverse of `_entries`."""
    x, dim = site.x[0], _dim(site)
    return rows.reshape(x.shape) if dim is None else rows.reshape(x.movedim(dim, -1).shape).movedim(-1, dim)


def _rows(site: Site, m: Tensor) -> Tensor:
    """Return a multiplier of the result as (N, R)."""
    dim = _dim(site)
    if dim is None:
        return m.reshape(1, 1)
    if m.dim() < site.x[0].dim():
        m = m.unsqueeze(dim)
    return m.movedim(dim, -1).flatten(0, -2)


def _ranks(site: Site, k: int) -> Tensor:
    """Return the ranks of the result's entries, counted from the largest."""
    a, device = site.named, site.x[0].device
    if site.name == "sort":
        ranks = list(range(k)) if a["descending"] else list(range(k - 1, -1, -1))
    elif site.name == "topk":
        if not a["sorted"]:
            raise site.refuse("the order of its result is not defined; pass sorted=True")
        ranks = list(range(a["k"])) if a["largest"] else [k - 1 - i for i in range(a["k"])]
    elif site.name == "kthvalue":
        ranks = [k - a["k"]]
    else:  # the lower of two medians
        ranks = [k - 1 - (k - 1) // 2]
    return torch.tensor(ranks, device=device)
