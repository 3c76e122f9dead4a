"""One walk serves all examples whose directions are multiples of common ones."""

import pytest
import torch

import taylorattr as ta
from taylorattr.analysis.question import Question
from taylorattr.effects import series
from taylorattr.effects.common_directions import common_directions
from taylorattr.effects.series import TaylorSeries


def seeded(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def model(x, y):
    return (torch.tanh(x.sum(1)) * y.flatten(1).sum(1)).exp()


X, Y = 0.3 * seeded(5, 2), 0.3 * seeded(5, 2, 2, seed=1)
X[3, 1] = 0.0


def found(frame="baseline", **options):
    asked = TaylorSeries(Question(model, (X, Y), **options), frame)
    return common_directions(asked.game, asked.points, asked.steps), asked


@pytest.mark.parametrize("players", [None, [[1], [4], [0], [5], [2], [3]]])
def test_directions_are_ratios_times_powers_of_two(players):
    scaled, asked = found(players=players)
    assert scaled is not None and scaled.ratios.abs().max() <= 1
    for part in scaled.directions:
        used = part[part != 0]
        assert torch.equal(torch.frexp(used)[0], torch.full_like(used, 0.5))
    for e in range(5):
        for one, common in zip(asked.directions(e), scaled.directions, strict=True):
            ratio = scaled.ratios[e].reshape(-1, *[1] * (common.dim() - 1))
            assert torch.equal(one, ratio * common)


def test_there_are_none_for_groups_several_points_or_the_frame_at_the_inputs():
    assert found(players=[[0, 1], [2, 3, 4, 5]])[0] is None
    assert found(baselines=(0.1 * seeded(5, 2, seed=3), 0.0))[0] is None
    assert found("input")[0] is None


def test_a_batch_takes_one_walk(monkeypatch):
    walked, expand_batch = [], series.expand_batch

    def counted(program, bases, directions, order, **options):
        walked.append(len(bases[0]))
        return expand_batch(program, bases, directions, order, **options)

    monkeypatch.setattr(series, "expand_batch", counted)
    together = ta.decompose(model, (X, Y), order=3, diagnose=False, with_tails=False)
    assert walked == [1]
    alone = ta.decompose(model, (X[3:4], Y[3:4]), order=3, diagnose=False, with_tails=False)
    assert torch.allclose(together.values[3], alone.values[0], rtol=1e-13, atol=0)


def test_an_example_with_steps_too_small_to_multiply_is_walked_alone():
    """Beside steps of 1e74 the squared ratio of steps of 1e-85 loses its digits; the effects are 1e-12."""
    x = torch.tensor([[1e-85, 1e-85], [1e74, 1e74]], dtype=torch.float64)
    effects = ta.decompose(lambda z: (1e79 * z).square().sum(1), x, order=2, diagnose=False, with_tails=False)
    assert effects.order_values(2)[0].tolist() == pytest.approx([1e-12, 0, 1e-12], rel=1e-12, abs=0)
