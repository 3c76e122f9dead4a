"""Where the largest of several straight lines changes."""

from __future__ import annotations

import torch
from torch import Tensor

_ROUNDINGS = 8
"""Lines nearer than this many roundings of the largest value are taken to meet."""


def changes_of_maximum(left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
    """Return where the maximum of k lines passes from one line to another.

    Two lines that win at the two ends cross once between. If none of the others lies above the crossing it is
    a change, else the highest divides the interval in two: at most 2k crossings are looked at.

    Args:
        left: Values of the lines at 0, shape (P, k), P independent contests.
        right: Values at 1, likewise.

    Returns:
        Contests, int64 (C,), and places in (0, 1), float64 (C,); several for one contest in no order.
    """
    left, right = left.double(), right.double()
    ends = torch.maximum(left.abs().amax(1), right.abs().amax(1))
    tiny = (_ROUNDINGS * torch.finfo(torch.float64).eps * ends)[:, None]
    first = _winner(left, right, tiny)
    last = _winner(right, left, tiny)
    contest = (first != last).nonzero().reshape(-1)
    first, last = first[contest], last[contest]
    contests, places = [], []
    for _ in range(2 * left.shape[1]):
        if not len(contest):
            break
        start, end = left[contest], right[contest]
        behind = _of(start, first) - _of(start, last)
        ahead = _of(end, last) - _of(end, first)
        place = behind / (behind + ahead)
        between = (place > 0) & (place < 1)
        contest, first, last, place = (t[between] for t in (contest, first, last, place))
        values = torch.lerp(left[contest], right[contest], place[:, None])
        top, highest = values.max(1)
        change = top <= _of(values, first) + tiny[contest, 0]
        contests.append(contest[change])
        places.append(place[change])
        open_ones = ~change
        contest, first, last, highest = (t[open_ones] for t in (contest, first, last, highest))
        contest = torch.cat([contest, contest])
        first, last = torch.cat([first, highest]), torch.cat([highest, last])
    if not contests:
        return contest, left.new_zeros(0)
    return torch.cat(contests), torch.cat(places)


def _winner(here: Tensor, there: Tensor, tiny: Tensor) -> Tensor:
    """Return the line that wins at an end; of equal ones that which leads at the other end."""
    level = here >= here.amax(1, keepdim=True) - tiny
    return torch.where(level, there, -torch.inf).argmax(1)


def _of(values: Tensor, line: Tensor) -> Tensor:
    return values.gather(1, line[:, None])[:, 0]
