"""Breakpoints on paths, and values carried from one grid to a finer one."""

import pytest
import torch

from taylorattr.autodiff.paths.grid import Lines, PathGrid, Steps, TooManyPiecesError

CPU = torch.device("cpu")


def cut_twice():
    """Two paths; the first is cut at 0.5 and then at 0.25, the second at 0.75."""
    grid = PathGrid(2, CPU, 100)
    line = Lines(torch.tensor([[0.0], [4.0], [1.0], [3.0]]).double().requires_grad_(), 0)
    steps = Steps(torch.tensor([[7], [7], [8], [8]]), 0)
    grid.cut(torch.tensor([0, 2]), torch.tensor([0.5, 0.75]).double())
    grid.cut(torch.tensor([0]), torch.tensor([0.5]).double())
    return grid, line, steps


def test_places_are_in_order_and_values_straight_between():
    grid, line, steps = cut_twice()
    assert grid.alphas.tolist() == [0, 0.25, 0.5, 1, 0, 0.75, 1]
    assert grid.owners.tolist() == [0, 0, 0, 0, 1, 1, 1]
    assert grid.current(line)[:, 0].tolist() == [0, 1, 2, 4, 1, 2.5, 3]
    assert grid.current(steps)[:, 0].tolist() == [7, 7, 7, 7, 8, 8, 8]
    assert grid.lengths.tolist() == [0.25, 0.25, 0.5, 0, 0.75, 0.25, 0]
    assert grid.middles(grid.current(line))[:, 0].tolist() == [0.5, 1.5, 3, 3, 1.75, 2.75, 2.75]
    assert grid.before(torch.arange(7)).tolist() == [0, 0, 1, 2, 4, 4, 5]


def test_derivatives_of_new_pieces_add_up_in_the_old_one():
    grid, line, _ = cut_twice()
    leaf = line.rows
    (gradient,) = torch.autograd.grad(
        grid.current(line), leaf, torch.tensor([[1.0, 2, 4, 8, 16, 32, 64]]).T.double()
    )
    assert gradient[:, 0].tolist() == [7, 8, 48, 64]


def test_equal_places_are_one_and_ends_are_none():
    grid = PathGrid(1, CPU, 100)
    grid.cut(torch.tensor([0, 0, 0, 0]), torch.tensor([0.5, 0.0, 0.5, 1.0]).double())
    assert grid.alphas.tolist() == [0, 0.5, 1]


def test_passings_of_numbers_and_tensors():
    grid = PathGrid(1, CPU, 100)
    rows = torch.tensor([[-1.0, 0.0], [3.0, 2.0]]).double()
    row, unit, share = grid.passings(rows, [0.0, torch.tensor([5.0, 1.0]).double()])
    assert row.tolist() == [0, 0, 0] and unit.tolist() == [0, 1, 1]
    assert share.tolist() == [0.25, 0, 0.5]


def test_too_many_breakpoints_say_how_many():
    grid = PathGrid(1, CPU, 4)
    with pytest.raises(TooManyPiecesError) as caught:
        grid.cut(torch.zeros(3, dtype=torch.int64), torch.tensor([0.1, 0.2, 0.3]).double())
    assert caught.value.count == 5
