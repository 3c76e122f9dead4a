import math

import numpy as np

from taylorattr.maths.running_mean import RunningMean


def test_blocks_give_the_mean_and_error_of_the_whole():
    draws = np.random.default_rng(0).normal(1e6, 1, size=(37, 2, 3))  # far from zero: cancellation would show
    running = RunningMean()
    for part in (draws[:1], draws[1:1], draws[1:20], draws[20:]):
        running.add(part)
    assert running.count == 37
    assert np.abs(running.mean - draws.mean(0)).max() < 1e-8  # eps · 1e6, a few roundings
    assert np.allclose(running.error, draws.std(0, ddof=1) / math.sqrt(37), rtol=1e-8)


def test_one_draw_says_nothing_about_the_error():
    running = RunningMean()
    running.add(np.ones((1, 2)))
    assert np.isinf(running.error).all() and running.error.shape == (2,)
