"""Coalitions, references and examples are rows of one matrix: model calls are counted by its blocks."""

import pytest
import torch
from torch import nn

import taylorattr as ta
from taylorattr.errors import NonFiniteError

torch.set_num_threads(1)
X = torch.rand(100, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
BASELINE = torch.full((1, 6), 0.5, dtype=torch.float64)
SET = torch.rand(50, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
MOST_CALLS = 10


class Forest:
    """Stands for a model whose calls cost as much as thousands of rows; counts both."""

    def __init__(self):
        self.calls, self.most = 0, 0

    def __call__(self, x):
        self.calls += 1
        self.most = max(self.most, len(x))
        return (x[:, 0] * x[:, 1] + x[:, 2] * (x[:, 3] > 0.5) + x[:, 4] * x[:, 5]).detach()


EVALUATIONS = {
    "harsanyi": lambda f, x, **how: ta.harsanyi(f, x, **how).values,
    "harsanyi up to pairs": lambda f, x, **how: ta.harsanyi(f, x, max_order=2, **how).values,
    "harsanyi in frame input": lambda f, x, **how: ta.harsanyi(f, x, frame="input", **how).values,
} | {
    name: lambda f, x, name=name, **how: ta.attribute(name, f, x, **how).player_scores
    for name in ("shapley", "occlusion_1", "occlusion_patch")
}


def prediction_difference(f, x, references, **how):
    return ta.attribute("prediction_difference", f, x, references, **how).player_scores


@pytest.mark.parametrize("name", EVALUATIONS)
def test_a_hundred_rows_take_few_calls(name):
    forest = Forest()
    EVALUATIONS[name](forest, X, baselines=BASELINE)
    assert forest.calls <= MOST_CALLS


@pytest.mark.parametrize("name", EVALUATIONS)
def test_fifty_references_take_few_calls(name):
    forest = Forest()
    EVALUATIONS[name](forest, X[:4], references=SET)
    assert forest.calls <= MOST_CALLS


def test_prediction_difference_takes_few_calls():
    forest = Forest()
    found = prediction_difference(forest, X, SET[:10])
    assert forest.calls <= MOST_CALLS
    averaged = ta.attribute("occlusion_1", Forest(), X, references=SET[:10])
    torch.testing.assert_close(found, averaged.player_scores, rtol=0, atol=1e-15)


@pytest.mark.parametrize("rows", [7, 40, 200])
@pytest.mark.parametrize("name", EVALUATIONS)
def test_no_call_has_more_rows_than_allowed(name, rows):
    forest = Forest()
    ends = {"references": SET[:5]} if rows == 40 else {"baselines": BASELINE}
    EVALUATIONS[name](forest, X[:9], internal_batch_size=rows, **ends)
    assert forest.most <= rows


def test_calls_do_not_grow_with_the_examples_but_with_the_rows():
    counts = []
    for examples in (1, 10, 100):
        forest = Forest()
        ta.harsanyi(forest, X[:examples], BASELINE)
        counts.append(forest.calls)
    # of one example eight outputs are looked at again, in one call and not in three, and no row beside others
    assert counts[2] == counts[1] <= counts[0] + 4


@pytest.mark.parametrize("name", EVALUATIONS)
def test_a_batch_has_the_numbers_of_its_examples(name):
    """Bit for bit: the model adds up each row by itself."""
    together = EVALUATIONS[name](Forest(), X[:7], baselines=BASELINE)
    apart = [EVALUATIONS[name](Forest(), X[e : e + 1], baselines=BASELINE) for e in range(7)]
    assert torch.equal(together, torch.cat(apart))


def test_error_bounds_of_a_batch_are_those_of_its_examples():
    """Up to the rounding that they measure: other batches, other kernels."""
    model = nn.Sequential(nn.Linear(6, 32), nn.Tanh(), nn.Linear(32, 1)).double().eval()
    together = ta.harsanyi(model, X[:20], BASELINE).error_bound
    apart = torch.cat([ta.harsanyi(model, X[e : e + 1], BASELINE).error_bound for e in range(20)])
    ratio = together / apart
    assert 0.3 < float(ratio.min()) and float(ratio.max()) < 3


HARD = {
    "an argument and a target for each example": {
        "additional_forward_args": (torch.linspace(1, 2, 4, dtype=torch.float64)[:, None],),
        "target": [1, 0, 1, 1],
    },
    "an argument by keyword that is as long as the batch": {
        "additional_forward_args": {"bias": torch.arange(4.0, dtype=torch.float64)[:, None]},
        "target": torch.tensor([0, 1, 0, 1]),
    },
    "a shared argument": {
        "additional_forward_args": (ta.shared(torch.tensor([[2.0]], dtype=torch.float64)),),
        "target": 1,
    },
    "elements of no player at the input": {"players": ta.Players([[0, 1], [2]], rest="fixed"), "target": 0},
    "elements of no player at the baseline": {
        "players": ta.Players([[0, 1], [4]], rest="baseline"),
        "target": 0,
    },
}


def two_outputs(x, factor=1.0, bias=0.0):
    y = x[:, :3] * x[:, 3:] * factor + bias
    return torch.stack([y[:, 0] * y[:, 1], y[:, 1] + y[:, 2] * y[:, 0]], 1)


@pytest.mark.parametrize("case", HARD)
@pytest.mark.parametrize("name", EVALUATIONS)
def test_references_as_rows_are_the_mean_over_each(name, case):
    together = EVALUATIONS[name](two_outputs, X[:4], references=SET[:5], **HARD[case])
    each = [EVALUATIONS[name](two_outputs, X[:4], baselines=b[None], **HARD[case]) for b in SET[:5]]
    # five numbers of size one are added up, in two orders
    torch.testing.assert_close(together, torch.stack(each).mean(0), rtol=0, atol=1e-14)


def test_diagnostics_count_every_output_once():
    found = ta.harsanyi(Forest(), X[:3], references=SET[:7])
    assert found.diagnostics["evaluated"] == 3 * 7 * 64
    alone = ta.harsanyi(Forest(), X[:3], BASELINE)
    assert alone.diagnostics["evaluated"] == 3 * 64


@pytest.mark.parametrize("name", ["harsanyi", "shapley", "occlusion_1"])
def test_what_goes_wrong_against_one_reference_names_the_example(name):
    def model(x):
        return torch.where((x[:, 0] == SET[3, 0]) & (x[:, 1] == X[2, 1]), torch.inf, x.sum(1))

    with pytest.raises(NonFiniteError, match=r"example 2\b"):
        EVALUATIONS[name](model, X[:5], references=SET[:6])
