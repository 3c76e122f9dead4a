import functools
import threading

import pytest
import torch
from torch import nn

from taylorattr.analysis.private_model import copy_model, own_modules
from taylorattr.errors import ShapeError
from tests.autodiff.networks import mlp, points


class Awkward(nn.Module):
    """What deepcopy refuses: a lock; and what it would not promote: plain tensors, unregistered modules."""

    def __init__(self, lock=True):
        super().__init__()
        self.net = mlp(outputs=1)
        self.scale = torch.full((4,), 2.0)
        self.others = [nn.Linear(4, 1)]
        if lock:
            self.lock = threading.Lock()

    def forward(self, x):
        return self.net(x * self.scale) + self.others[0](x)


class Owner:
    def __init__(self, net):
        self.net = net

    def __call__(self, x):
        return self.net(x)

    def doubled(self, x):
        return 2 * self.net(x)


GLOBAL = mlp(outputs=1)


def uses_global(x):
    return GLOBAL(x)


def used_as_default(x, net=GLOBAL):
    return net(x)


def callables():
    net = mlp(outputs=1)
    return {
        "module": net,
        "closure": lambda x: net(x),
        "nested closure": lambda x: [net(row[None])[0] for row in x][0][None],
        "global": uses_global,
        "default": used_as_default,
        "partial": functools.partial(lambda model, x: model(x), net),
        "bound method": net.forward,
        "object": Owner(net),
        "method of an object": Owner(net).doubled,
        "list in closure": (lambda nets: lambda x: nets[0](x) + nets[1](x))([net, net]),
        "compiled": torch.compile(net, backend="eager"),
        "parallel": nn.DataParallel(net),
        "with lock": Awkward().eval(),
        "scripted": torch.jit.script(net),
    }


@pytest.mark.parametrize("name", callables())
def test_copy_computes_the_same_in_float64_and_leaves_the_original_alone(name):
    model = callables()[name]
    x = points(1, 4)
    copied = copy_model(model, dtype=torch.float64)
    with torch.no_grad():
        result, expected = copied.function(x.double()), model(x)
    assert result.dtype is torch.float64
    # float32 rounding of a sum of eight products, all of order one
    assert torch.allclose(result, expected.double(), atol=1e-6, rtol=0)
    assert expected.dtype is torch.float32
    assert len(copied.modules) >= 1
    own = {id(p) for module in own_modules(model) for p in module.parameters()}
    private = [p for module in copied.modules for p in module.parameters()]
    assert private and not any(id(p) in own or p.requires_grad for p in private)


def test_closure_tensors_are_private_and_promoted():
    weight = torch.ones(4, requires_grad=True)
    copied = copy_model(lambda x: x @ weight, dtype=torch.float64)
    assert copied.function(torch.ones(1, 4, dtype=torch.float64)).dtype is torch.float64
    weight.data.zero_()
    assert copied.function(torch.ones(1, 4, dtype=torch.float64)) == 4


def test_python_state_of_a_closure_stays_the_users():
    net, calls = mlp(outputs=1), 0

    def counting(x):
        nonlocal calls
        calls += 1
        return net(x)

    copy_model(counting).function(points(1, 4))
    assert calls == 1


def test_tied_parameters_stay_tied():
    net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    net[1].weight = net[0].weight
    (copied,) = copy_model(net, dtype=torch.float64).modules
    assert copied[0].weight is copied[1].weight


def test_non_leaf_weights_are_copied():
    with pytest.warns(FutureWarning):  # torch's own: the old weight norm keeps its weight as a plain tensor
        net = nn.utils.weight_norm(nn.Linear(4, 1))
    net(points(1, 4))
    assert copy_model(net, dtype=torch.float64).function(points(1, 4).double()).dtype is torch.float64


def test_integer_and_complex_buffers_keep_their_kind():
    net = nn.Module()
    net.register_buffer("whole", torch.arange(3))
    net.register_buffer("phase", torch.ones(2, dtype=torch.complex64))
    (copied,) = copy_model(net, dtype=torch.float64).modules
    assert copied.whole.dtype is torch.int64
    assert copied.phase.dtype is torch.complex128


def test_mode_is_seen_and_changed_only_in_the_copy():
    net = nn.Sequential(nn.Linear(2, 2), nn.Dropout())
    copied = copy_model(net)
    assert copied.was_training and not any(m.training for m in copied.modules[0].modules())
    assert all(m.training for m in net.modules())
    assert not copy_model(net.eval()).was_training


def test_a_module_never_run_is_refused():
    with pytest.raises(ShapeError, match=r"'weight' has no shape yet.*run the model once"):
        copy_model(nn.LazyLinear(1))


class Shared(nn.Module):
    """One layer under two names, in a dict, with a hook, a tied parameter and a plain tensor."""

    def __init__(self):
        super().__init__()
        self.a = self.b = nn.Linear(2, 2)
        self.parts = nn.ModuleDict({"c": nn.Sequential(nn.Linear(2, 2), nn.Tanh())})
        self.parts["c"][0].weight = self.a.weight
        self.table, self.options = [torch.ones(2)], {"scale": 2.0, "seen": {1, 2}}
        self.calls = 0
        self.a.register_forward_hook(self.count)

    def count(self, module, args, output):
        self.calls += 1

    def forward(self, x):
        return self.parts["c"](self.b(self.a(x))) * self.options["scale"] + self.table[0]


def test_sharing_inside_a_module_survives_and_nothing_is_shared_with_the_user():
    model = Shared().eval()
    (module,) = copy_model(model).modules
    assert module.a is module.b and module.parts["c"][0].weight is module.a.weight
    assert module.options == model.options and module.options is not model.options
    assert module.options["seen"] is not model.options["seen"]
    x = torch.randn(3, 2, generator=torch.Generator().manual_seed(0))
    assert torch.equal(module(x), model(x))
    assert (module.calls, model.calls) == (2, 2)  # the copy's hook counts on the copy
    theirs = {t.data_ptr() for t in (*model.parameters(), *model.table)}
    assert theirs.isdisjoint(t.data_ptr() for t in (*module.parameters(), *module.table))


def test_whether_anything_was_converted_is_said():
    model = nn.Linear(2, 1).double()
    assert not copy_model(model).converted and not copy_model(model, dtype=torch.float64).converted
    assert copy_model(model, dtype=torch.float32).converted
    table = torch.ones(2)
    assert copy_model(lambda x: x * table, dtype=torch.float64).converted


def test_what_two_layers_share_they_share_in_the_copy():
    first, second = nn.Linear(2, 2), nn.Linear(2, 2)
    first.store = second.store = {}  # type: ignore[assignment]
    first.seen = second.seen = set()  # type: ignore[assignment]
    copied = copy_model(nn.Sequential(first, second)).modules[0]
    assert copied[0].store is copied[1].store is not first.store  # type: ignore[index]
    assert copied[0].seen is copied[1].seen is not first.seen  # type: ignore[index]
