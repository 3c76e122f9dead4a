"""Orders follow the scores; ties are luck of a seed, never of a number."""

import numpy as np
import pytest
import torch

from taylorattr.errors import NonFiniteError, OptionError, ShapeError
from taylorattr.evaluation import ranking, tied_share


def scores(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_the_largest_comes_first_whatever_the_shape():
    given = scores(4, 3, 7)
    expected = np.argsort(-given.numpy(), axis=-1)
    assert (ranking(given).numpy() == expected).all()
    assert (ranking(given, "abs").numpy() == np.argsort(-given.abs().numpy(), axis=-1)).all()
    assert (ranking(given.numpy(), least_first=True).numpy() == expected[..., ::-1]).all()
    assert (ranking(given[0, 0]).numpy() == expected[0, 0]).all()


def test_reversed_scores_give_the_other_end_first_with_ties_too():
    given = scores(5, 8).round()  # ties
    assert (ranking(-given) == ranking(given, least_first=True)).all()
    assert (ranking(3.5 * given) == ranking(given)).all()


def test_ties_are_shuffled_by_the_seed_and_alike_for_all_candidates():
    flat = torch.zeros(2, 400, 6)
    order = ranking(flat)
    assert (order == ranking(flat)).all() and (order != ranking(flat, seed=1)).any()
    assert (order[0] == order[1]).all()
    # each player is first in 400/6 ± 7.5 of the examples: 4.5 standard deviations
    first = np.bincount(order[0, :, 0].numpy(), minlength=6)
    assert (np.abs(first - 400 / 6) < 34).all()
    half = torch.tensor([[1.0, 0.0, 0.0, 2.0]])
    assert ranking(half, seed=5)[0, :2].tolist() == [3, 0]


def test_the_share_of_ties():
    assert tied_share(torch.tensor([[1.0, 2.0, 2.0, 3.0], [0, 0, 0, 0], [1, 2, 3, 4]])).tolist() == [
        0.5,
        1,
        0,
    ]
    assert tied_share(torch.tensor([1.0, -1.0]), "abs") == 1


def test_the_global_generators_are_left_alone():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    ranking(torch.zeros(3, 4))
    assert (torch.get_rng_state() == before).all()


def test_what_has_no_rank_is_refused():
    with pytest.raises(NonFiniteError, match=r"nan at index \[0, 1\]"):
        ranking(torch.tensor([[1.0, float("nan")]]))
    with pytest.raises(OptionError, match="'signed'"):
        ranking(torch.ones(2), "magnitude")
    with pytest.raises(ShapeError, match="a number per player"):
        ranking(torch.tensor(1.0))
