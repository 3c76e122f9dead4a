"""The model is as it was after success, failure and interruption; threads share it without harm."""

import contextlib
import threading

import pytest
import torch
from torch import nn

import taylorattr as ta
from tests.methods.networks import points, seeded


class Network(nn.Module):
    """A convolution, BatchNorm, an in-place ReLU, a head; counts its forward passes over all copies."""

    calls = 0
    stop_at = None

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(inplace=True))
        self.head = nn.Linear(48, 2)

    def forward(self, x):
        Network.calls += 1
        if Network.stop_at is not None and Network.calls >= Network.stop_at[0]:
            raise Network.stop_at[1]
        return self.head(self.features(x).flatten(1))


@pytest.fixture
def model():
    Network.calls, Network.stop_at = 0, None
    yield seeded(Network())
    Network.stop_at = None


X = points(2, 1, 6, 6)


def run(name, model, x=X):
    options = {"samples": 4} if name == "shapley" else {}
    if name == "integrated_gradients":
        options = {"n_steps": 64}
    baselines = points(4, 1, 6, 6, seed=3) if ta.METHODS[name].references else None
    return ta.attribute(name, model, x, baselines, target=1, **options).player_scores


def snapshot(model):
    """Everything a user could notice: parameters, buffers, flags, gradients, hooks, attributes, RNG."""
    hooks = [
        (
            len(m._forward_hooks),
            len(m._forward_pre_hooks),
            len(m._backward_hooks),
            m.training,
            sorted(vars(m)),
        )
        for m in model.modules()
    ]
    flags = [(p.requires_grad, p.grad is None, p._version, p.data_ptr()) for p in model.parameters()]
    return hooks, flags, [t.clone() for t in model.state_dict().values()], torch.get_rng_state()


def assert_same(one, other):
    assert one[:2] == other[:2]
    assert all(torch.equal(a, b) for a, b in zip(one[2], other[2], strict=True))
    assert torch.equal(one[3], other[3])


@pytest.mark.parametrize("name", list(ta.METHODS))
def test_the_model_is_untouched_after_success_failure_and_interruption(name, model):
    model.head.weight.requires_grad_(False)
    before = snapshot(model)
    run(name, model)
    passes = Network.calls
    assert_same(before, snapshot(model))
    for error in (RuntimeError("half way"), KeyboardInterrupt()):
        for stop in {1, 2, (passes + 1) // 2, passes}:
            Network.calls, Network.stop_at = 0, (stop, error)
            # the last pass of a relevance method looks for values that left torch, at another point; a model
            # that cannot run there is not asked, but an interruption is one
            skipped = stop == passes and isinstance(error, RuntimeError)
            with contextlib.suppress(RuntimeError) if skipped else pytest.raises(type(error)):
                run(name, model)
            assert_same(before, snapshot(model))
    Network.stop_at = None
    assert_same(before, snapshot(model))


@pytest.mark.filterwarnings("ignore::taylorattr.errors.TaylorAttrWarning")
@pytest.mark.parametrize("name", list(ta.METHODS))
def test_threads_with_one_model_give_the_answers_of_one(name, model):
    rows = [X[:1], X[1:], X.flip(2)]
    alone = [run(name, model, row) for row in rows]
    found = [None] * len(rows)

    def work(i):
        found[i] = run(name, model, rows[i])

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(rows))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one, other in zip(alone, found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-14)  # kernels may split sums otherwise
