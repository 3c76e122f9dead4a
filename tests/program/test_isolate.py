import random

import numpy as np
import pytest
import torch
from torch import nn

from taylorattr.program.isolate import preserved_rng, untouched


class Busy(nn.Module):
    """Changes everything a forward can reach but its parameters."""

    def __init__(self):
        super().__init__()
        self.register_buffer("total", torch.zeros(2))
        self.register_buffer("rebound", torch.zeros(2))
        self.calls, self.cache = 0, None

    def forward(self, x):
        self.total += x
        self.rebound = self.rebound + x
        self.calls += 1
        self.cache = x
        self.extra = x
        random.random(), np.random.rand(), torch.rand(1)
        return x


@pytest.mark.parametrize("interrupted", [False, True])
def test_a_forward_leaves_no_trace(interrupted):
    model = Busy()
    total, rebound = model.total, model.rebound
    states = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    try:
        with untouched(model):
            model(torch.ones(2))
            assert model.calls == 1 and model.total.sum() == 2
            if interrupted:
                raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass
    assert model.total is total and model.rebound is rebound
    assert not total.any() and not rebound.any()
    assert (model.calls, model.cache, hasattr(model, "extra")) == (0, None, False)
    assert torch.equal(torch.get_rng_state(), states[0])
    assert (random.getstate(), np.random.get_state()[1].tolist()) == states[1:]


@pytest.fixture
def numpy_generator():
    before = np.random.get_state()
    np.random.seed(0)
    yield
    np.random.set_state(before)


DRAWS = {
    "torch": lambda: torch.rand(1),
    "numpy": lambda: np.random.rand(),
    "a normal number": lambda: np.random.randn(),  # makes two, one of which waits
    "Python": lambda: random.random(),
}


@pytest.mark.parametrize("waiting", [False, True])
@pytest.mark.parametrize("draw", DRAWS)
def test_every_draw_is_seen_and_put_back(numpy_generator, draw, waiting):
    for _ in range(2):  # what numpy was asked before is not asked again
        with preserved_rng() as drawn:
            pass
        assert not drawn.happened
    if waiting:
        np.random.randn()
    with preserved_rng() as drawn:
        first = DRAWS[draw]()
    assert drawn.happened
    with preserved_rng() as drawn:
        assert DRAWS[draw]() == first
    assert drawn.happened
