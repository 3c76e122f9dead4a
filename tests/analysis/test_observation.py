"""What a call does beside returning is seen, and the user's generators are left as they were."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from torch import nn

from taylorattr.analysis.scalar import Watch
from taylorattr.program.isolate import preserved_rng, rng_state


def test_widest_tensor_and_total_are_counted_in_bytes():
    net = nn.Sequential(nn.Linear(3, 50), nn.Tanh(), nn.Linear(50, 2)).double()
    with Watch() as seen:
        net(torch.ones(7, 3, dtype=torch.float64))
    assert seen.widest == 7 * 50 * 8
    assert seen.total >= 7 * (50 + 50 + 2) * 8
    assert "linear" in seen.operations


def test_loss_of_precision_is_found_where_a_finer_tensor_becomes_coarser():
    x = torch.ones(3, dtype=torch.float64)
    with Watch() as seen:
        x.sin() + torch.ones(3)  # float32 constants lower nothing
    assert seen.lowest is None
    with Watch() as seen:
        x.to(torch.float32).double()
    assert (seen.lowest, seen.lowered_by) == (torch.float32, "to")
    with Watch() as seen:
        buffer = torch.zeros(3)
        buffer[:] = x
        buffer.double()
    assert seen.lowest is torch.float32


def draw():
    return torch.rand(2).tolist(), np.random.rand(2).tolist(), random.random()


@pytest.mark.parametrize("failure", [None, ValueError, KeyboardInterrupt])
def test_generators_are_as_before_whatever_happens(failure):
    np.random.standard_normal()  # numpy keeps the second of a pair: it must survive too
    before = rng_state()
    expected = draw()
    torch.set_rng_state(before["torch"][0])
    np.random.set_state(before["numpy"])
    random.setstate(before["python"])
    try:
        with preserved_rng():
            draw()
            if failure is not None:
                raise failure
    except BaseException as error:
        assert type(error) is failure
    assert draw() == expected


GENERATORS = (lambda: torch.rand(1), lambda: np.random.rand(), random.random)


def test_drawing_is_noticed():
    for draws, call in ((False, lambda: torch.ones(1)), *((True, draw) for draw in GENERATORS)):
        with preserved_rng() as seen:
            call()
        assert seen.happened is draws
