import random

import numpy as np
import pytest
import torch

from taylorattr.analysis.rng import draws_random_numbers, preserved_rng, rng_state


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


def test_drawing_is_noticed():
    state = rng_state()
    assert not draws_random_numbers(state)
    for generator in (lambda: torch.rand(1), lambda: np.random.rand(), random.random):
        with preserved_rng():
            generator()
            assert draws_random_numbers(state)
