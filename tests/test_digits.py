"""The networks that other tests share are trained ones."""

import torch

from tests import digits


def test_both_networks_read_held_out_digits_and_draw_from_no_global_generator():
    state = torch.get_rng_state()
    assert digits.accuracy(digits.mlp()) >= 0.95 and digits.accuracy(digits.cnn()) >= 0.97
    assert torch.equal(state, torch.get_rng_state())
    assert digits.cnn() is digits.cnn()
