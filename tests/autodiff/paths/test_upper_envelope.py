"""Where the largest of several lines changes: against all crossings of all pairs."""

from itertools import combinations

import pytest
import torch

from taylorattr.autodiff.paths.upper_envelope import changes_of_maximum


def by_all_pairs(left, right):
    """Crossings of two lines that no third line lies above."""
    found = []
    for i, j in combinations(range(len(left)), 2):
        before, after = left[i] - left[j], right[i] - right[j]
        if before * after < 0:
            place = before / (before - after)
            values = torch.lerp(left, right, place)
            if values.max() <= values[i] + 1e-12:  # rounding of values of size 1
                found.append(float(place))
    return sorted(found)


@pytest.mark.parametrize("k", [2, 3, 9, 25])
def test_every_change_is_found_and_nothing_else(k):
    generator = torch.Generator().manual_seed(k)
    left, right = torch.randn(2, 200, k, generator=generator, dtype=torch.float64)
    contest, place = changes_of_maximum(left, right)
    for row in range(len(left)):
        expected = by_all_pairs(left[row], right[row])
        assert place[contest == row].sort().values.tolist() == pytest.approx(expected, abs=1e-12)


def test_a_line_that_wins_at_one_end_only_by_a_tie_is_no_change():
    left = torch.tensor([[0.0, 0.0, -1.0], [0.0, 1.0, 1.0], [1e-17, 0.0, -1.0]]).double()
    right = torch.tensor([[0.0, 2.0, 1.0], [3.0, 3.0, 2.0], [0.0, 2.0, 1.0]]).double()
    contest, _ = changes_of_maximum(left, right)
    assert contest.tolist() == []


def test_equal_lines_never_change():
    line = torch.ones(4, 5).double()
    assert changes_of_maximum(line, 2 * line)[0].tolist() == []
    assert changes_of_maximum(line[:0], line[:0])[1].shape == (0,)
