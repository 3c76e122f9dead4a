"""The operation at which a sum breaks is named, with the numbers before and after."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import taylorattr as ta
from taylorattr.criteria.blame.blame import blame
from taylorattr.criteria.blame.subnetworks import Operations
from tests.methods.networks import points, seeded


class Deep(nn.Module):
    """Convolution, functional GELU, pool, a residual block with a gate, softmax pooling, a layer norm."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 4, 3, padding=1)
        self.pool = nn.MaxPool2d(3, 2, padding=1)
        self.block = Block()
        self.norm = nn.LayerNorm(4)
        self.act = nn.Tanh()
        self.head = nn.Linear(4, 3)

    def forward(self, x):
        h = self.pool(F.gelu(self.stem(x)))
        h = self.block(h)
        tokens = h.flatten(2).transpose(1, 2)
        weights = torch.softmax(tokens.mean(-1), dim=-1)
        return self.head(self.act(self.norm((tokens * weights.unsqueeze(-1)).sum(1))))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.relu, self.gate = nn.Conv2d(4, 4, 1), nn.ReLU(), nn.Conv2d(4, 4, 1)

    def forward(self, h):
        return h + self.relu(self.conv(h)) * torch.sigmoid(self.gate(h))


def deep():
    return seeded(Deep(), seed=3), points(2, 1, 6, 6, seed=4), points(1, 1, 6, 6, seed=5)


NAMED = {"gelu": F.gelu, "relu": torch.relu, "sigmoid": torch.sigmoid, "tanh": torch.tanh}


def planted(rules=None, method="deeplift_rescale"):
    """Our own engine with the rule of an operation replaced."""

    def make(network, baselines, target):
        def of(rows):
            found = ta.attribute(method, network, rows, baselines, target=target, rules=rules)
            return found.scores

        return of

    return make


def derivative(name):
    function = NAMED[name]

    def rule(site, m):
        with torch.enable_grad():
            z = site.x[0].detach().clone().requires_grad_()
            (slope,) = torch.autograd.grad(function(z).sum(), z)
        return m * slope

    return {name: rule}


def doubled_skip(site, m):
    return [2 * m, m]


def product_at_baseline(site, m):
    return [(m * other).sum_to_size(own.shape) for own, other in zip(site.x, reversed(site.b), strict=True)]


pytestmark = pytest.mark.filterwarnings("ignore::taylorattr.errors.TaylorAttrWarning")

EXACT = 1e-6  # difference rules add up to 1e-13; a defect in a nearly linear gate moves the sum by 1e-4

DEFECTS = {
    "gelu by its derivative": (derivative("gelu"), "gelu"),
    "relu by its derivative": (derivative("relu"), "block.relu"),
    "sigmoid by its derivative": (derivative("sigmoid"), "block.sigmoid"),
    "tanh by its derivative": (derivative("tanh"), "act"),
    "skip counted twice": ({"add": doubled_skip}, "block.add"),
}


@pytest.mark.parametrize("name", DEFECTS)
def test_a_wrong_rule_of_one_operation_is_found(name):
    rules, operation = DEFECTS[name]
    model, x, b = deep()
    found = blame(planted(rules), model, x, b, target=1, tolerance=EXACT)
    assert (found.found, found.operation) == ("found", operation), found
    assert found.last == found.first == operation and found.alone == (operation,)
    assert found.after.status == "breaks" and (found.before is None or found.before.status == "holds")
    assert operation in found.statement


def test_two_faults_are_bracketed():
    model, x, b = deep()
    found = blame(planted(derivative("gelu") | derivative("tanh")), model, x, b, target=1, tolerance=EXACT)
    assert (found.first, found.last) == ("gelu", "act")
    assert set(found.alone) == {"gelu", "act"}
    assert "first fault on the way from the inputs is `gelu`" in found.statement


def test_a_rule_that_is_wrong_in_two_places_names_both():
    model, x, b = deep()
    found = blame(planted({"mul": product_at_baseline}), model, x, b, target=1, tolerance=EXACT)
    assert (found.first, found.last) == ("block.mul", "mul")


def test_a_healthy_method_is_not_blamed():
    model, x, b = deep()
    found = blame(planted(), model, x, b, target=1)
    assert found.found == "nothing" and not found
    assert "nothing to blame" in repr(found)


@pytest.mark.parametrize("which", ["suffix", "prefix", "isolated"])
def test_every_piece_of_a_healthy_model_adds_up(which):
    # completeness of the difference rules at every cut: sub-networks compute what the model computes
    model, x, b = deep()
    model = model.double()
    operations = Operations(model, (x[:1].double(),))
    ends = [operations.values((end[:1].double(),)) for end in (x, b)]
    for k in range(len(operations.nodes)):
        piece = getattr(operations, which)(k)
        rows, start = (tuple(end[name] for name in piece.leaves) for end in ends)
        if which == "suffix":
            assert torch.equal(piece.network(*rows), model(x[:1].double()))
        target = None if piece.reads_out else 1
        given = ta.attribute("deeplift_rescale", piece.network, rows, start, target=target)
        total, due = float(given.player_scores.sum()), float(given.delta)
        assert total == pytest.approx(due, abs=1e-10 * max(1.0, float(given.player_scores.abs().sum())))


def test_labels_name_module_paths_and_repeated_uses():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.act = Block(), nn.ReLU()

        def forward(self, x):
            return self.act(self.inner(self.act(x))) + x

    operations = Operations(seeded(Twice(), seed=1).double(), (points(1, 4, 2, 2).double(),))
    assert operations.labels == [
        "act", "inner.conv", "inner.relu", "inner.gate", "inner.sigmoid", "inner.mul", "inner.add",
        "act (use 2)", "add",
    ]  # fmt: skip


def test_sizes_follow_the_batch():
    class Reshapes(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.head = nn.Linear(4, 6), nn.Linear(3, 2)

        def forward(self, x):
            rows = x.size(0)
            h = self.first(x)
            return self.head(torch.tanh(h).view(rows * 2, 3)).view(rows, 4)

    model = seeded(Reshapes(), seed=2).double()
    operations = Operations(model, (points(1, 4).double(),))
    for k in range(len(operations.nodes)):
        piece = operations.suffix(k)
        rows = tuple(operations.values((points(1, 4).double(),))[name] for name in piece.leaves)
        assert torch.equal(
            piece.network(*(torch.cat([r, r]) for r in rows)), piece.network(*rows).repeat(2, 1)
        )


def test_the_models_are_copies():
    model, x, b = deep()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    blame(planted(), model, x, b, target=1)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not any(m._forward_hooks for m in model.modules())


def test_only_modules_are_taken_apart():
    with pytest.raises(ta.errors.OptionError, match="wrap it in a Module"):
        blame(planted(), lambda x: x.sum(1), points(1, 3), target=None)


def test_the_result_is_kept(tmp_path):
    model, x, b = deep()
    found = blame(planted({"add": doubled_skip}), model, x, b, target=1)
    again = type(found).load(found.save(tmp_path / "blame.json"))
    assert repr(again) == repr(found) and again.operation == "block.add"
