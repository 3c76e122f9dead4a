"""Where the largest of several straight lines changes."""

from __future__ import annotations

import torch
from torch import Tensor

_MEETING_ROUNDINGS = 8
"""Lines nearer than this many roundings of the largest value at the two ends are taken to meet."""


def changes_of_maximum(left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
    """Return where the maximum of k lines passes from one line to another.

    The maximum is convex and follows each line once at most, so it changes at most k − 1 times. The lines
    that win at the two ends of an interval cross once between. If none of the others lies above the crossing
    it is a change; else the highest there is one of the maximum's lines and divides the interval in two. A
    crossing is therefore a change or a new line: at most 2k rounds, which all contests take together.

    Args:
        left: Values of the lines at 0, shape (P, k), P independent contests.
        right: Values at 1, likewise.

    Returns:
        Contests, int64 (C,), and shares of the way in (0, 1), float64 (C,); those of a contest in no order.
    """
    # in float64, since a share is a quotient of differences, in which digits cancel
    left, right = left.double(), right.double()
    ends = torch.maximum(left.abs().amax(1), right.abs().amax(1))
    tiny = (_MEETING_ROUNDINGS * torch.finfo(torch.float64).eps * ends)[:, None]
    first = _winner(left, right, tiny)
    last = _winner(right, left, tiny)
    contest = (first != last).nonzero().reshape(-1)
    first, last = first[contest], last[contest]
    contests, shares = [], []
    for _ in range(2 * left.shape[1]):
        if not len(contest):
            break
        start, end = left[contest], right[contest]
        behind = _of(start, first) - _of(start, last)
        ahead = _of(end, last) - _of(end, first)
        share = behind / (behind + ahead)
        between = (share > 0) & (share < 1)  # drops the NaN of lines that are equal at both ends
        contest, first, last, share = (t[between] for t in (contest, first, last, share))
        values = torch.lerp(left[contest], right[contest], share[:, None])
        top, highest = values.max(1)
        change = top <= _of(values, first) + tiny[contest, 0]
        contests.append(contest[change])
        shares.append(share[change])
        open_ones = ~change
        contest, first, last, highest = (t[open_ones] for t in (contest, first, last, highest))
        contest = torch.cat([contest, contest])
        first, last = torch.cat([first, highest]), torch.cat([highest, last])
    if not contests:
        return contest, left.new_zeros(0)
    return torch.cat(contests), torch.cat(shares)


def _winner(here: Tensor, there: Tensor, tiny: Tensor) -> Tensor:
    """Return the line that wins at an end; of equal ones that which leads at the other end."""
    level = here >= here.amax(1, keepdim=True) - tiny
    return torch.where(level, there, -torch.inf).argmax(1)


def _of(values: Tensor, line: Tensor) -> Tensor:
    """Return from each row of values (P, k) that of one line."""
    return values.gather(1, line[:, None])[:, 0]
