import pytest
import torch
import torch.nn.functional as F
from torch import nn

from taylorattr.analysis import first_affine
from taylorattr.analysis.first_affine import find_first_affine
from taylorattr.analysis.masking import CoalitionValues
from taylorattr.analysis.question import Question
from tests.autodiff.networks import cnn, mlp, points

CLOSE = {"rtol": 1e-12, "atol": 1e-13}  # the same sum of a few dozen terms in another order


class Inplace(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(6, 5), nn.Linear(5, 1)

    def forward(self, x):
        return self.second(F.relu(self.first(x), inplace=True))


def affine_first():
    torch.manual_seed(0)
    weight, net = torch.randn(6, 5), mlp(6, 1)
    return {
        "linear": (mlp(6, 1), (2, 6)),
        "flatten": (nn.Sequential(nn.Flatten(), mlp(6, 1)).eval(), (2, 1, 2, 3)),
        "view": (lambda x: net(x.view(x.shape[0], -1)), (2, 3, 2)),
        "linear on tokens": (lambda x: F.linear(x, weight.T).tanh().sum((1, 2)), (2, 3, 6)),
        "matrix product": (lambda x: (x @ weight).tanh().sum(1), (2, 6)),
        "convolution": (nn.Sequential(cnn(), nn.Linear(3, 1)).eval(), (2, 1, 6, 6)),
        "convolution 1d": (
            nn.Sequential(
                nn.Conv1d(2, 3, 2, stride=2, bias=False), nn.SiLU(), nn.Flatten(), nn.Linear(9, 1)
            ).eval(),
            (2, 2, 6),
        ),
        "in-place activation": (Inplace().eval(), (2, 6)),
        "weight norm": (
            nn.Sequential(
                nn.utils.parametrizations.weight_norm(nn.Linear(6, 4)), nn.Tanh(), nn.Linear(4, 1)
            ).eval(),
            (2, 6),
        ),
    }


def not_affine_first():
    net, first = mlp(6, 1), nn.Linear(6, 6)
    return {
        "residual": lambda x: net(x + first(x)),
        "used later": lambda x: net(first(x).tanh()).squeeze(1) + x.sum(1),
        "activation first": lambda x: net(x.tanh()),
        "norm first": nn.Sequential(nn.LayerNorm(6), mlp(6, 1)).eval(),
        "twice": lambda x: net(x) + net(x),
        "hypernetwork": lambda x: torch.bmm(x.unsqueeze(1), x.unsqueeze(2) * first.weight).sum((1, 2)),
        "branch on values": lambda x: net(x) if bool((x == x).all()) else -net(x),
        "vector product": lambda x: x @ torch.ones(6, dtype=x.dtype),
    }


@pytest.mark.parametrize("tables", [True, False])
@pytest.mark.parametrize("name", affine_first())
def test_folding_equals_plain_forwards(name, tables, monkeypatch):
    if not tables:
        monkeypatch.setattr(first_affine, "_TABLE_BYTES", 0)
    model, shape = affine_first()[name]
    x, generator = points(*shape), torch.Generator().manual_seed(0)
    mask = torch.randint(5, shape[1:], generator=generator)
    mask.view(-1)[:5] = torch.arange(5)
    game = Question(model, x, points(*shape, seed=2), players=mask).game
    folded, plain = CoalitionValues(game, 1), CoalitionValues(game, 1, fold=False)
    assert folded.folded is not None and plain.folded is None
    assert (folded.folded.tables is not None) == tables
    for masks in (torch.arange(32), torch.arange(8, 16), torch.randperm(32, generator=generator)[:11]):
        torch.testing.assert_close(folded(masks), plain(masks), **CLOSE)


@pytest.mark.parametrize("name", not_affine_first())
def test_other_models_are_left_alone(name):
    game = Question(not_affine_first()[name], points(2, 6)).game
    assert find_first_affine(game, 0) is None


def test_integer_and_tuple_inputs_are_left_alone():
    embedding = nn.Embedding(5, 3)
    ids = Question(lambda i: embedding(i).sum((1, 2)), torch.ones(1, 3).long(), 0, integers_allowed=True).game
    assert find_first_affine(ids, 0) is None
    net = mlp(6, 1)
    assert (
        find_first_affine(Question(lambda a, b: net(a) + b[:, :1], (points(2, 6), points(2, 2))).game, 0)
        is None
    )


def test_a_wrong_fold_is_noticed_and_dropped(monkeypatch):
    real = first_affine._linear_part

    def wrong(*args):
        linear = real(*args)
        return None if linear is None else lambda rows: 1.001 * linear(rows)

    monkeypatch.setattr(first_affine, "_linear_part", wrong)
    game = Question(mlp(6, 1), points(1, 6)).game
    assert find_first_affine(game, 0) is not None and CoalitionValues(game, 0).folded is None


def test_another_path_at_some_coalition_falls_back_to_plain_forwards():
    net = mlp(6, 6)

    def branching(x):
        hidden = net(x)
        return hidden.sum(1) + (x.sum(1) if bool((hidden[:, 0] > 0).any()) else 0 * hidden[:, 0])

    x = points(1, 6)
    game = Question(lambda z: torch.cat([branching(row[None]) for row in z]), x).game
    plain, folded = CoalitionValues(game, 0, fold=False), CoalitionValues(game, 0, internal_batch_size=1)
    torch.testing.assert_close(folded(torch.arange(64)), plain(torch.arange(64)), **CLOSE)


def test_path_that_only_later_coalitions_take():
    """The branch reads the input again only where a late coalition makes the hidden sum large."""
    weight = torch.ones(4, 1)

    def model(x):
        hidden = x @ weight
        return hidden[:, 0] + (x[:, 0] if bool((hidden > 3.5).any()) else 0.0)

    game = Question(model, torch.ones(1, 4), internal_batch_size=1).game
    evaluate = CoalitionValues(game, 0)
    evaluate.folded = find_first_affine(game, 0)  # as if the verification had missed the branch
    assert evaluate.folded is not None
    assert evaluate(torch.arange(16)).tolist() == [bin(m).count("1") + (m == 15) for m in range(16)]
    assert evaluate.folded is None
