"""One function, written in many ways: scores, modes and verdicts must not depend on the spelling.

Each group is one function of six hidden values; the network around it is the same. Where a rule depends on
the spelling by definition, the test says so with the reason.
"""

import warnings

import pytest
import torch
import torch.nn.functional as F

import taylorattr as ta
from taylorattr.errors import MissingRuleError

SAME = 1e-9
"""Of the largest score: rounding of a dozen operations in double precision, with room for ε = 0 divisions."""

PAIRS = torch.tensor([0, 0, 1, 1, 2, 2])
PICKED = torch.tensor([4, 0, 0, 3])
MASK = torch.tensor([True, False, True, True, False, True])
TRIANGLE = torch.ones(6, 6, dtype=torch.float64).triu()


def eye(n):
    return torch.eye(n, dtype=torch.float64)


def matrix_of(function, n=6):
    """The matrix of a linear function of rows."""
    return function(eye(n))


def accumulated(h):
    zeros = h.new_zeros(len(h), 3)
    rows = torch.arange(len(h))[:, None].expand(len(h), 6)
    return zeros.index_put((rows, PAIRS.expand(len(h), 6)), h, accumulate=True)


def assigned(h, where, value):
    copy = h.clone()
    copy[:, where] = value
    return copy


def written(h, left, right):
    out = h.new_zeros(len(h), left + 6 + right)
    out[:, left : left + 6] = h
    return out


def slices(h, size, step):
    return [h[:, k : k + size] for k in range(0, 6 - size + 1, step)]


def strided(h, size, step):
    count = (6 - size) // step + 1
    return h.contiguous().as_strided((len(h), count, size), (6, step, 1))


def pooled(h):
    return F.conv1d(h[:, None], torch.full((1, 1, 3), 1 / 3, dtype=h.dtype), stride=3)[:, 0]


def stretched(h):
    return F.interpolate(h[:, None], size=9, mode="linear")[:, 0]


GROUPS = {
    "sums of pairs": {
        "reshape": lambda h: h.reshape(-1, 3, 2).sum(2),
        "view": lambda h: h.view(-1, 3, 2).sum(-1),
        "unflatten": lambda h: h.unflatten(1, (3, 2)).sum(2),
        "index_add": lambda h: h.new_zeros(len(h), 3).index_add(1, PAIRS, h),
        "scatter_add": lambda h: h.new_zeros(len(h), 3).scatter_add(1, PAIRS.expand(len(h), 6), h),
        "scatter_reduce": lambda h: h.new_zeros(len(h), 3).scatter_reduce(
            1, PAIRS.expand(len(h), 6), h, "sum"
        ),
        "index_put": accumulated,
        "matmul": lambda h: h @ eye(3).repeat_interleave(2, 0),
        "einsum": lambda h: torch.einsum("bi,ij->bj", h, eye(3).repeat_interleave(2, 0)),
        "bmm": lambda h: torch.bmm(h.view(-1, 3, 2), h.new_ones(1, 2, 1).expand(len(h), 2, 1))[:, :, 0],
        "conv1d": lambda h: F.conv1d(h[:, None], h.new_ones(1, 1, 2), stride=2)[:, 0],
        "unfold": lambda h: h.unfold(1, 2, 2).sum(2),
        "stack": lambda h: torch.stack([h[:, 0::2], h[:, 1::2]]).sum(0),
        "add": lambda h: h[:, 0::2] + h[:, 1::2],
        "avg_pool": lambda h: F.avg_pool1d(h[:, None], 2)[:, 0] * 2,
    },
    "picked entries": {
        "index": lambda h: h[:, PICKED],
        "index_select": lambda h: h.index_select(1, PICKED),
        "gather": lambda h: h.gather(1, PICKED.expand(len(h), 4)),
        "take_along_dim": lambda h: torch.take_along_dim(h, PICKED.expand(len(h), 4), 1),
        "stack of selects": lambda h: torch.stack([h[:, i] for i in PICKED.tolist()], 1),
        "cat of slices": lambda h: torch.cat([h[:, i : i + 1] for i in PICKED.tolist()], 1),
        "embedding": lambda h: F.embedding(PICKED, h.T).T,
        "unbind": lambda h: torch.stack([h.unbind(1)[i] for i in PICKED.tolist()], 1),
        "one-hot matmul": lambda h: h @ F.one_hot(PICKED, 6).to(h).T,
    },
    "repeated": {
        "tile": lambda h: h.tile(1, 2),
        "repeat": lambda h: h.repeat(1, 2),
        "cat": lambda h: torch.cat([h, h], 1),
        "expand": lambda h: h[:, None].expand(-1, 2, -1).reshape(len(h), 12),
        "index": lambda h: h[:, torch.arange(12) % 6],
        "flip twice": lambda h: torch.cat([h, h.flip(1).flip(1)], 1),
    },
    "each twice": {
        "repeat_interleave": lambda h: h.repeat_interleave(2, 1),
        "expand": lambda h: h[:, :, None].expand(-1, -1, 2).reshape(len(h), 12),
        "nearest": lambda h: F.interpolate(h[:, None], scale_factor=2)[:, 0],
        "stack": lambda h: torch.stack([h, h], 2).flatten(1),
        "index": lambda h: h[:, torch.arange(12) // 2],
    },
    "masked": {
        "where": lambda h: torch.where(MASK, h, 0.0),
        "masked_fill": lambda h: h.masked_fill(~MASK, 0.0),
        "times mask": lambda h: h * MASK.to(h),
        "assignment": lambda h: assigned(h, ~MASK, 0.0),
        "index_fill": lambda h: h.index_fill(1, torch.tensor([1, 4]), 0.0),
        "scatter": lambda h: h.scatter(1, torch.tensor([[1, 4]]).expand(len(h), 2), 0.0),
        "select_scatter": lambda h: h.select_scatter(h.new_zeros(len(h)), 1, 1).select_scatter(
            h.new_zeros(len(h)), 1, 4
        ),
        "cat": lambda h: torch.cat([h[:, :1], h[:, :1] * 0, h[:, 2:4], h[:, :1] * 0, h[:, 5:]], 1),
    },
    "padded": {
        "pad": lambda h: F.pad(h, (2, 1)),
        "cat": lambda h: torch.cat([h.new_zeros(len(h), 2), h, h.new_zeros(len(h), 1)], 1),
        "assignment": lambda h: written(h, 2, 1),
        "slice_scatter": lambda h: torch.slice_scatter(h.new_zeros(len(h), 9), h, 1, 2, 8),
        "index_copy": lambda h: h.new_zeros(len(h), 9).index_copy(1, torch.arange(2, 8), h),
        "matmul": lambda h: h @ eye(9)[2:8],
    },
    "windows": {
        "unfold": lambda h: h.unfold(1, 3, 1).flatten(1),
        "as_strided": lambda h: strided(h, 3, 1).flatten(1),
        "stack of slices": lambda h: torch.stack(slices(h, 3, 1), 1).flatten(1),
        "im2col": lambda h: F.unfold(h[:, None, None], (1, 3)).mT.flatten(1),
        "cat": lambda h: torch.cat(slices(h, 3, 1), 1),
    },
    "rearranged": {
        "roll": lambda h: h.roll(2, 1),
        "cat": lambda h: torch.cat([h[:, 4:], h[:, :4]], 1),
        "split": lambda h: torch.cat(h.split([4, 2], 1)[::-1], 1),
        "chunk": lambda h: torch.cat([h.chunk(3, 1)[2], *h.chunk(3, 1)[:2]], 1),
        "flips": lambda h: torch.cat([h.flip(1)[:, :2].flip(1), h.flip(1)[:, 2:].flip(1)], 1),
        "index": lambda h: h[:, torch.arange(-2, 4)],
        "permute": lambda h: h.view(-1, 3, 2).permute(1, 0, 2)[[2, 0, 1]].permute(1, 0, 2).reshape(-1, 6),
    },
    "means of windows": {
        "avg_pool1d": lambda h: F.avg_pool1d(h[:, None], 3)[:, 0],
        "adaptive": lambda h: F.adaptive_avg_pool1d(h[:, None], 2)[:, 0],
        "avg_pool2d": lambda h: F.avg_pool2d(h[:, None, None], (1, 3)).flatten(1),
        "mean": lambda h: h.view(-1, 2, 3).mean(2),
        "unfold": lambda h: h.unfold(1, 3, 3).mean(2),
        "conv1d": pooled,
        "matmul": lambda h: h @ (eye(2).repeat_interleave(3, 0) / 3),
        "stack": lambda h: torch.stack([h[:, 0::3], h[:, 1::3], h[:, 2::3]]).mean(0),
        "sum": lambda h: h.view(-1, 2, 3).sum(2) / 3,
        "chain of adds": lambda h: (h[:, 0::3] + h[:, 1::3] + h[:, 2::3]) / 3,
    },
    "interpolated": {
        "interpolate": stretched,
        "matmul": lambda h: h @ matrix_of(stretched),
        "einsum": lambda h: torch.einsum("ij,bi->bj", matrix_of(stretched), h),
    },
    "running sums": {
        "cumsum": lambda h: h.cumsum(1),
        "matmul": lambda h: h @ TRIANGLE,
        "baddbmm": lambda h: torch.baddbmm(h.new_zeros(1, 1, 6), h[:, None], TRIANGLE.expand(len(h), 6, 6))[
            :, 0
        ],
        "conv1d": lambda h: F.conv1d(h[:, None], h.new_ones(1, 1, 6), padding=5)[:, 0, :6],
        "sums of slices": lambda h: torch.stack([h[:, : k + 1].sum(1) for k in range(6)], 1),
    },
}
"""Affine functions of activations: group -> spelling -> function (B, 6) -> (B, k)."""

RELUS = {
    "relu": F.relu,
    "clamp": lambda z: z.clamp(min=0),
    "clamp_min": lambda z: torch.clamp_min(z, 0),
    "clamp to a tensor": lambda z: z.clamp(min=z.new_zeros(6)),
    "threshold": lambda z: F.threshold(z, 0, 0),
    "maximum": lambda z: torch.maximum(z, torch.zeros_like(z)),
    "maximum of a scalar": lambda z: torch.maximum(z, z.new_zeros(())),
    "leaky_relu": lambda z: F.leaky_relu(z, 0.0),
    "prelu": lambda z: F.prelu(z, z.new_zeros(1)),
    "hardtanh": lambda z: F.hardtanh(z, 0.0, 1e6),
    "largest of a stack": lambda z: torch.stack([z, torch.zeros_like(z)], -1).amax(-1),
}

LARGEST = {
    "amax": lambda h: h.view(-1, 3, 2).amax(2),
    "max": lambda h: h.view(-1, 3, 2).max(2).values,
    "maximum": lambda h: torch.maximum(h[:, 0::2], h[:, 1::2]),
    "max_pool1d": lambda h: F.max_pool1d(h[:, None], 2)[:, 0],
    "adaptive": lambda h: F.adaptive_max_pool1d(h[:, None], 3)[:, 0],
    "topk": lambda h: h.view(-1, 3, 2).topk(1, 2).values[..., 0],
    "sort": lambda h: h.view(-1, 3, 2).sort(2).values[..., 1],
    "kthvalue": lambda h: h.view(-1, 3, 2).kthvalue(2, 2).values,
    "minus the smallest": lambda h: -(-h).view(-1, 3, 2).amin(2),
    "cummax": lambda h: h.view(-1, 3, 2).cummax(2).values[..., 1],
    "scatter_reduce": lambda h: h.new_full((len(h), 3), -9.0).scatter_reduce(
        1, PAIRS.expand(len(h), 6), h, "amax", include_self=False
    ),
}


class Net(torch.nn.Module):
    """Affine, a way of activating it, a way of putting the activations together, affine."""

    def __init__(self, way, unit=torch.relu):
        super().__init__()
        torch.manual_seed(1)
        self.first = torch.nn.Linear(4, 6).double()
        self.way, self.unit = way, unit
        with torch.no_grad():
            width = way(torch.zeros(2, 6, dtype=torch.float64)).shape[1]
        self.last = torch.nn.Linear(width, 1).double()

    def forward(self, x):
        return self.last(self.way(self.unit(self.first(x))))


X = torch.rand(2, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)

METHODS = {
    "integrated_gradients": {},
    "lrp_epsilon": {"epsilon": 0.0},
    "lrp_alpha_beta": {"epsilon": 0.0},
    "deep_taylor": {},
    "deeplift_rescale": {},
    "deeplift_reveal_cancel": {},
}


def attributed(name, net, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ta.attribute(name, net, X, **options)


def explained(name, net, **options):
    """What reformulate says: explained or not, example by example; "refused" where it names an operation."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return bool(ta.reformulate(name, net, X, **options).explained.all())
        except MissingRuleError:
            return "refused"


def close(one, two):
    return float((one - two).abs().max()) <= SAME * max(1.0, float(two.abs().max()))


def pairs(groups):
    return [(group, spelling) for group, ways in groups.items() for spelling in list(ways)[1:]]


def reference(group):
    return next(iter(GROUPS[group].values()))


EPSILON_DEPENDS = {
    ("sums of pairs", "avg_pool"): "ε is absolute, so a mean is stabilised at another size than a sum",
    ("means of windows", "sum"): "ε is absolute, so a sum is stabilised at another size than a mean",
    ("means of windows", "chain of adds"): "every sum of a chain is stabilised, and one sum once",
    ("picked entries", "one-hot matmul"): "a product is stabilised, a move is not",
    ("padded", "matmul"): "a product is stabilised, a move is not",
}
"""Spellings whose LRP-ε differs by definition when ε > 0; with ε = 0 they agree like all others."""

LAYERWISE = ("lrp_epsilon", "lrp_alpha_beta", "deep_taylor", "deeplift_rescale", "deeplift_reveal_cancel")


def assert_same(plain, other, methods=METHODS):
    assert close(other(X), plain(X))
    for name, options in methods.items():
        one, two = attributed(name, plain, **options), attributed(name, other, **options)
        assert close(two.player_scores, one.player_scores), name
        assert two.diagnostics.get("mode") == one.diagnostics.get("mode"), name


@pytest.mark.every(3)
@pytest.mark.parametrize("group, spelling", pairs(GROUPS), ids=lambda v: v.replace(" ", "_"))
def test_an_affine_function_has_the_same_scores_however_it_is_written(group, spelling):
    plain, other = Net(reference(group)), Net(GROUPS[group][spelling])
    assert_same(plain, other)
    assert attributed("integrated_gradients", other).diagnostics["mode"] == "exact"
    one, two = (attributed("lrp_epsilon", net).player_scores for net in (plain, other))
    assert close(two, one) != ((group, spelling) in EPSILON_DEPENDS)


@pytest.mark.every(3)
@pytest.mark.parametrize("group, spelling", pairs(GROUPS), ids=lambda v: v.replace(" ", "_"))
def test_a_right_method_is_explained_however_the_function_is_written(group, spelling):
    net = Net(GROUPS[group][spelling])
    assert {name: explained(name, net) for name in LAYERWISE} == dict.fromkeys(LAYERWISE, True)


TWO_PARTS = {k: v for k, v in METHODS.items() if k != "deeplift_reveal_cancel"}
"""RevealCancel has two rules here by definition: a unit adds its parts in both orders, a maximum shares by
the Shapley value of its candidates; they agree for b + relu(a − b), not for a candidate that is 0."""


@pytest.mark.parametrize("spelling", list(RELUS)[1:], ids=lambda v: v.replace(" ", "_"))
def test_a_relu_has_the_same_scores_however_it_is_written(spelling):
    plain, other = (Net(lambda h: h, unit) for unit in (F.relu, RELUS[spelling]))
    assert_same(plain, other, TWO_PARTS if spelling == "largest of a stack" else METHODS)
    assert attributed("integrated_gradients", other).diagnostics["mode"] == "exact"
    assert all(explained(name, other) is True for name in LAYERWISE)


BY_MASK = {
    "where": lambda z: torch.where(z > 0, z, 0.0),
    "times comparison": lambda z: z * (z > 0),
    "masked_fill": lambda z: z.masked_fill(z <= 0, 0.0),
    "assignment": lambda z: z.index_put((z <= 0,), z.new_zeros(())),
}


@pytest.mark.parametrize("spelling", BY_MASK, ids=lambda v: v.replace(" ", "_"))
def test_a_relu_by_a_mask_has_the_same_scores_and_is_refused_by_name_where_ratios_are_asked_for(spelling):
    """RevealCancel takes a choice as one variable; a one-layer ratio of a choice is not defined."""
    plain, other = (Net(lambda h: h, unit) for unit in (F.relu, BY_MASK[spelling]))
    assert_same(plain, other, TWO_PARTS)
    assert attributed("integrated_gradients", other).diagnostics["mode"] == "exact"
    assert all(explained(name, other) == "refused" for name in LAYERWISE)


RANKED = {"topk", "sort", "kthvalue"}
"""Choices by rank: relevance passes through, one-layer ratios refuse them by name."""


@pytest.mark.parametrize("spelling", list(LARGEST)[1:], ids=lambda v: v.replace(" ", "_"))
def test_a_maximum_has_the_same_scores_however_it_is_written(spelling):
    plain, other = (Net(way, lambda z: z) for way in (LARGEST["amax"], LARGEST[spelling]))
    methods = METHODS
    if spelling == "scatter_reduce":  # its formula masks by −∞, whose straight lines are not numbers
        methods = {k: v for k, v in METHODS.items() if k != "integrated_gradients"}
    assert_same(plain, other, methods)
    expected = "refused" if spelling in RANKED else True
    assert all(explained(name, other) == expected for name in LAYERWISE)


class Layer(torch.nn.Module):
    """relu(affine), then one dense layer with learned weights, written in some way."""

    WAYS = {
        "linear": lambda h, w, b: F.linear(h, w, b),
        "addmm": lambda h, w, b: torch.addmm(b, h, w.T),
        "conv1d": lambda h, w, b: F.conv1d(h[:, :, None], w[:, :, None], b)[:, :, 0],
        "baddbmm": lambda h, w, b: torch.baddbmm(b, h[None], w.T[None])[0],
        "matmul + bias": lambda h, w, b: h @ w.T + b,
        "einsum + bias": lambda h, w, b: torch.einsum("bi,oi->bo", h, w) + b,
        "bmm + bias": lambda h, w, b: torch.bmm(h[:, None], w.T.expand(len(h), -1, -1))[:, 0] + b,
        "products summed": lambda h, w, b: (h[:, None] * w).sum(2) + b,
    }

    def __init__(self, way):
        super().__init__()
        torch.manual_seed(3)
        self.first, self.second = torch.nn.Linear(4, 6).double(), torch.nn.Linear(6, 3).double()
        self.last, self.way = torch.nn.Linear(3, 1).double(), way

    def forward(self, x):
        h = torch.relu(self.first(x))
        return self.last(torch.relu(self.WAYS[self.way](h, self.second.weight, self.second.bias)))


NO_LAYER = {"products summed"}
"""Products that are summed are no weighted sum, for the operations do not say that a layer is meant: α–β and
Deep Taylor divide them by ε. The other methods do not tell them apart."""


@pytest.mark.parametrize("way", list(Layer.WAYS)[1:], ids=lambda v: v.replace(" ", "_"))
def test_a_layer_has_the_same_scores_however_it_is_written(way):
    plain, other = Layer("linear"), Layer(way)
    by_sign = ("lrp_alpha_beta", "deep_taylor") if way in NO_LAYER else ()
    assert_same(plain, other, {k: v for k, v in METHODS.items() if k not in by_sign})
    assert all(explained(name, other) is True for name in LAYERWISE)


@pytest.mark.parametrize("spelling", ["index_add", "scatter_add", "matmul", "einsum", "unfold", "index_put"])
def test_effects_and_verdicts_do_not_depend_on_the_spelling(spelling):
    plain, other = Net(reference("sums of pairs")), Net(GROUPS["sums of pairs"][spelling])
    one, two = (ta.decompose(net, X[:1], order=3) for net in (plain, other))
    assert close(two.values, one.values)
    reports = [ta.audit("integrated_gradients", net, X[:1]) for net in (plain, other)]
    one, two = ([str(verdict).partition(";")[0] for verdict in report.verdicts] for report in reports)
    assert one == two
    assert close(torch.as_tensor(reports[1].deficit), torch.as_tensor(reports[0].deficit))
