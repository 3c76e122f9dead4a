"""Copies of a model are held as long as it stays as it is, and no longer."""

import gc
import weakref

import pytest
import torch
from torch import nn

import taylorattr.compat.captum as ours
from taylorattr.analysis import held_model as held
from taylorattr.analysis.held_model import held_model
from taylorattr.errors import DtypeError
from tests.autodiff.networks import points as normal


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.last = nn.Linear(5, 6), nn.Linear(6, 3)
        self.register_buffer("shift", torch.zeros(6))
        self.factor, self.table, self.plain = 1.0, {"power": 1}, torch.ones(6)

    def forward(self, x):
        h = self.first(x) + self.shift
        return self.last(torch.relu(h) ** self.table["power"] * self.factor * self.plain)


def attributed(name, model, x, attribution=None):
    attribution = attribution or getattr(ours, name)(model)
    baselines = {"baselines": normal(4, 5, seed=2).to(x)} if name.endswith("Shap") else {}
    return attribution.attribute(x, target=1, **baselines)


def doubled(model):
    with torch.no_grad():
        model.last.weight.mul_(2)


def hooked(model):
    model.first.register_forward_hook(lambda module, given, output: 2 * output)


def replaced(model):
    torch.manual_seed(7)
    model.last = nn.Linear(6, 3)


CHANGES = {
    "a step of an optimiser": doubled,
    "by .data": lambda model: model.last.weight.data.mul_(2),
    "other weights loaded": lambda model: model.load_state_dict(
        {name: 2 * value for name, value in model.state_dict().items()}
    ),
    "a buffer": lambda model: model.shift.add_(0.3),
    "an attribute": lambda model: setattr(model, "factor", 2.0),
    "an entry of an attribute": lambda model: model.table.update(power=2),
    "a tensor that is no buffer": lambda model: model.plain.mul_(2),
    "a hook": hooked,
    "a part": replaced,
    "its dtype": lambda model: model.double(),
}


@pytest.mark.filterwarnings("ignore::taylorattr.errors.PrecisionWarning")  # samples are few
@pytest.mark.parametrize(
    "name", ["Saliency", "LRP", "DeepLift", "DeepLiftShap", "GradientShap", "ShapleyValueSampling"]
)
@pytest.mark.parametrize("change", CHANGES)
def test_whatever_changes_is_explained_as_it_is(name, change, monkeypatch):
    model, x = Network().eval(), normal(3, 5)
    attribution = getattr(ours, name)(model)
    before = attributed(name, model, x, attribution)
    assert torch.equal(attributed(name, model, x, attribution), before)
    CHANGES[change](model)
    x = x.to(model.last.weight.dtype)
    found = attributed(name, model, x, attribution)
    monkeypatch.setattr(held, "_SHARED", weakref.WeakKeyDictionary())
    assert torch.equal(found, attributed(name, model, x))
    assert change == "its dtype" or not torch.allclose(found, before)


def test_copies_are_shared_by_all_who_ask_and_made_anew_after_a_change():
    model = Network().eval()
    first = held_model(model)
    assert held_model(model) is first and held_model(model, first) is first
    doubled(model)
    second = held_model(model, first)
    assert second is not first and held_model(model) is second
    assert held_model(lambda x: model(x)) is None


def test_a_large_model_is_compared_by_sums_and_not_kept(monkeypatch):
    monkeypatch.setattr(held, "MOST_BYTES", 0)
    model = Network().eval()
    own = held_model(model)
    assert held_model(model, own) is own and held_model(model) is not own
    model.last.weight.data.mul_(2)
    assert held_model(model, own) is not own


def test_what_is_held_does_not_keep_the_model():
    model = Network().eval()
    attributed("LRP", model, normal(3, 5))
    attributed("Saliency", model, normal(3, 5))
    gone, copies = weakref.ref(model), weakref.ref(held_model(model).private)
    del model
    gc.collect()
    assert gone() is None and copies() is None


class PartlyDetached(nn.Module):
    """Its gradient misses a part where the first input is positive."""

    def forward(self, x):
        return torch.where(x[:, 0] > 0, x[:, 1].detach() ** 2 + x[:, 1], x[:, 1] ** 2) + x[:, 0]


@pytest.mark.parametrize("name", ["Saliency", "InputXGradient"])
def test_a_wrong_gradient_is_refused_at_every_call(name):
    good, bad = torch.tensor([[-1.0, 2.0]]), torch.tensor([[1.0, 2.0]])
    attribution = getattr(ours, name)(PartlyDetached().eval())
    attribution.attribute(good)  # says nothing of other inputs
    for _ in range(2):  # and a refusal nothing of the next call
        with pytest.raises(DtypeError, match="not its derivative"):
            attribution.attribute(bad)
