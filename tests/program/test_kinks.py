import pytest
import torch
import torch.nn.functional as F
from torch import nn

from taylorattr.errors import CaptureError, ShapeError
from taylorattr.program import record
from taylorattr.program.kink_table import READERS, windows
from taylorattr.program.kinks import kink_nodes, segment_switches, switches

BASE = torch.tensor([[1.0, -1.0, 3.0, -0.5]])
POINT = torch.tensor([[-1.0, -2.0, 4.0, 0.5]])


def count(function, base=BASE, point=POINT):
    return switches(record(function, (base,)), (base,), (point,))


def below_zero_to(x, number):
    x = x.clone()
    x[x < 0] = number
    return x


# function -> gates that differ between BASE and POINT, gates of the program
CASES = {
    "relu": (lambda x: F.relu(x).sum(1), 2, 4),
    "relu_": (lambda x: F.relu_(x * 1).sum(1), 2, 4),
    "leaky_relu": (lambda x: F.leaky_relu(x).sum(1), 2, 4),
    "prelu": (lambda x: F.prelu(x, torch.tensor([0.2])).sum(1), 2, 4),
    "elu": (lambda x: F.elu(x).sum(1), 2, 4),
    "selu": (lambda x: F.selu(x).sum(1), 2, 4),
    "celu": (lambda x: F.celu(x).sum(1), 2, 4),
    "abs": (lambda x: x.abs().sum(1), 2, 4),
    "sign": (lambda x: x.sign().sum(1), 2, 4),
    "one norm": (lambda x: torch.linalg.vector_norm(x, 1, 1), 2, 4),
    "max norm": (lambda x: torch.linalg.vector_norm(x, torch.inf, 1), 0, 1),
    "two norm": (lambda x: torch.linalg.vector_norm(x, 2, 1), 0, 0),
    "hardtanh": (lambda x: F.hardtanh(x, -1.5, 3.5).sum(1), 2, 8),
    "relu6": (lambda x: F.relu6(x).sum(1), 2, 8),
    "hardswish": (lambda x: F.hardswish(x + 0.5).sum(1), 0, 8),
    "softshrink": (lambda x: F.softshrink(x, 0.7).sum(1), 2, 8),
    "threshold": (lambda x: F.threshold(x, 3.5, 0.0).sum(1), 1, 4),
    "clamp": (lambda x: x.clamp(-1.5, 3.5).sum(1), 2, 8),
    "clamp below": (lambda x: x.clamp(min=0).sum(1), 2, 4),
    "clamp_max": (lambda x: x.clamp_max(3.5).sum(1), 1, 4),
    "maximum": (lambda x: torch.maximum(x, -x).sum(1), 2, 4),
    "minimum": (lambda x: torch.minimum(x[:, :2], x[:, 2:]).sum(1), 0, 2),
    "amax": (lambda x: x.amax(1), 0, 1),
    "amin": (lambda x: x.amin(1), 0, 1),
    "max of the two ends": (lambda x: x[:, ::3].max(1).values, 1, 1),
    "max of all": (lambda x: x[:, ::3].max().reshape(1), 1, 1),
    "max_pool1d": (lambda x: F.max_pool1d(x[:, None], 2, 1).sum((1, 2)), 0, 3),
    "max_pool over both": (lambda x: F.max_pool1d(x[:, None, [0, 3]], 2).sum((1, 2)), 1, 1),
    "where": (lambda x: torch.where(x > 0, x.exp(), x).sum(1), 2, 4),
    "where both": (lambda x: torch.where((x > 0) & (x < 3.5), x.exp(), x).sum(1), 3, 8),
    "where of a cast": (lambda x: torch.where(x.relu().bool(), x.exp(), x).sum(1), 4, 8),
    "masked_fill": (lambda x: x.masked_fill(x < 0, 0.5).sum(1), 2, 4),
    "comparison as a factor": (lambda x: (x * (x > 0)).sum(1), 2, 4),
    "fixed mask": (lambda x: torch.where(torch.tensor([True, False, True, True]), x, x**2).sum(1), 0, 0),
    "mask assignment": (lambda x: below_zero_to(x, 0.5).sum(1), 2, 4),
    "signbit": (lambda x: (x * x.signbit()).sum(1), 2, 4),
    "copysign": (lambda x: torch.copysign(torch.full_like(x, 2.0), x).sum(1), 2, 8),
    "frac": (lambda x: (x * 1.5).frac().sum(1), 3, 4),
    "division with a remainder": (lambda x: torch.div(x, 2, rounding_mode="floor").sum(1), 3, 4),
    "division": (lambda x: torch.div(x, 2, rounding_mode=None).sum(1), 0, 0),
    "cast to integers": (lambda x: (x * 1.5).to(torch.int64).to(x.dtype).sum(1), 3, 4),
    "cast to floats": (lambda x: x.half().to(x.dtype).sum(1), 0, 0),
    "remainder of a number": (lambda x: (1 % (x + 5)).sum(1), 0, 4),
    "nan_to_num": (lambda x: x.log().nan_to_num().sum(1), 2, 4),
    "count_nonzero": (lambda x: x.sum(1) + x.relu().count_nonzero(1), 4, 8),
    "aminmax": (lambda x: x[:, ::3].aminmax(dim=1).max + x.aminmax().min, 2, 4),
    "median": (lambda x: x[:, [0, 2, 3]].median(1).values, 1, 1),
    "nanmedian": (lambda x: x[:, [0, 2, 3]].nanmedian(1).values, 1, 1),
    "smooth l1": (lambda x: F.smooth_l1_loss(x * 1.2, x * 0, reduction="none").sum(1), 2, 8),
    "huber": (lambda x: F.huber_loss(x, x * 0, reduction="none", delta=2.5).sum(1), 0, 8),
    "1-distance": (lambda x: F.pairwise_distance(x, torch.zeros(1, 4), p=1), 2, 4),
    "1-distances": (lambda x: torch.cdist(x, torch.tensor([[0.0, -1.5, 3.5, 0.0]]), p=1)[0], 4, 4),
    "2-distances": (lambda x: torch.cdist(x, torch.zeros(1, 4))[0], 0, 0),
    "complex magnitude": (lambda x: torch.complex(x, x * 2).abs().sum(1), 0, 0),
    "round": (lambda x: (x * 1.5).round().sum(1), 4, 4),
    "floor": (lambda x: (x / 2).floor().sum(1), 3, 4),
    "sort": (lambda x: (x.sort(1).values * torch.arange(4)).sum(1), 2, 4),
    "topk": (lambda x: x.topk(2).values.sum(1), 1, 2),
    "smooth": (lambda x: F.gelu(x).sum(1), 0, 0),
    "two layers": (lambda x: F.relu(F.relu(x) - 3.5).sum(1), 3, 8),
}


@pytest.mark.parametrize("name", CASES)
def test_gates_that_switch(name):
    function, switched, gates = CASES[name]
    result = count(function)
    assert (result.counts.tolist(), result.gates) == ([switched], gates)


def test_every_point_has_its_own_count():
    points = torch.cat([BASE, POINT, -BASE, -POINT])
    result = count(lambda x: F.relu(x).sum(1), point=points)
    assert result.counts.tolist() == [0, 2, 4, 2] and result.counts.dtype == torch.int64


def test_counts_name_their_operation():
    result = count(lambda x: (F.relu(x) + (x - 3.5).abs()).sum(1))
    assert [str(node.op) for node in result.nodes] == ["aten.relu.default", "aten.abs.default"]
    assert result.by_node.tolist() == [[2, 1]]


def test_zeros_are_counted_apart():
    """ReLU of 0 switches nowhere: which branch is active there is a convention."""
    result = count(lambda x: F.relu(x).sum(1), base=torch.zeros(1, 4))
    assert (result.counts.tolist(), result.zeros, result.ties) == ([0], 4, 0)


def test_ending_on_a_kink_is_no_switch():
    assert count(lambda x: F.relu(x).sum(1), point=torch.zeros(1, 4)).counts.tolist() == [0]


def test_ties_are_counted_apart():
    base = torch.tensor([[2.0, 2.0, 1.0, 0.0]])
    result = count(
        lambda x: x.amax(1), base=base, point=torch.tensor([[1.0, 2.0, 1.0, 0.0], [0.0, 0.0, 1.0, 0.0]])
    )
    assert (result.counts.tolist(), result.zeros, result.ties) == ([0, 1], 0, 1)


def test_several_inputs():
    program = record(lambda x, y: (F.relu(x) * y.abs()).sum(1), (BASE, BASE))
    result = switches(program, (BASE, BASE), (POINT, BASE))
    assert result.by_node.tolist() == [[2, 0]]


def test_a_way_may_pass_more_kinks_than_its_ends_show():
    """x² − 1 from −2 to 2 changes sign twice."""
    x = torch.tensor([[-2.0]])
    program = record(lambda x: F.relu(x**2 - 1).sum(1), (x,))
    assert switches(program, (x,), (-x,)).counts.tolist() == [0]
    assert segment_switches(program, (x,), (-x,), steps=7).counts.tolist() == [2]


def test_a_grid_point_on_the_kink_does_not_hide_it():
    """With 64 steps from −1 to 1 the middle is exactly 0."""
    x = torch.tensor([[-1.0]])
    program = record(lambda x: F.relu(x).sum(1), (x,))
    assert segment_switches(program, (x,), (-x,), steps=64).counts.tolist() == [1]


def test_the_winner_of_a_pool_changes_along_the_way():
    base, point = torch.tensor([[0.0, 0.9, -4.0]]), torch.tensor([[1.0, 0.9, 4.0]])
    program = record(lambda x: F.max_pool1d(x[:, None], 3).sum((1, 2)), (base,))
    # 0.9 leads, then x₂ overtakes at its last eighth: x₀ passes 0.9 later than x₂ does
    assert segment_switches(program, (base,), (point,)).counts.tolist() == [1]
    assert switches(program, (base,), (point,)).counts.tolist() == [1]


@pytest.mark.parametrize(
    "kernel, stride, padding, dilation, ceil",
    [
        (2, 2, 0, 1, False),
        (3, 2, 1, 1, True),
        (3, 1, 1, 2, False),
        ((2, 3), (1, 2), (1, 0), 1, True),
        (2, 3, 0, 1, True),
    ],
)
def test_windows_hold_the_candidates_of_max_pooling(kernel, stride, padding, dilation, ceil):
    x = torch.randn(1, 2, 7, 8, generator=torch.Generator().manual_seed(0))
    pooled = F.max_pool2d(x, kernel, stride, padding, dilation, ceil)
    listed = [v if isinstance(v, tuple) else (v, v) for v in (kernel, stride, padding, dilation)]
    assert torch.equal(windows(x, pooled.shape[2:], *listed).amax(-1), pooled)


def test_winner_counts_equal_changed_indices_of_the_pool():
    generator = torch.Generator().manual_seed(0)
    base, points = torch.randn(1, 2, 9, 9, generator=generator), torch.randn(5, 2, 9, 9, generator=generator)

    def pool(x):
        return F.max_pool2d(x, 3, 2, 1, ceil_mode=True, return_indices=True)

    program = record(lambda x: pool(x)[0].sum((1, 2, 3)), (base,))
    expected = (pool(points)[1] != pool(base)[1]).flatten(1).sum(1)
    assert torch.equal(switches(program, (base,), (points,)).counts, expected)


def test_three_dimensional_pools():
    generator = torch.Generator().manual_seed(0)
    base, points = (
        torch.randn(1, 1, 5, 5, 5, generator=generator),
        torch.randn(3, 1, 5, 5, 5, generator=generator),
    )
    program = record(lambda x: F.max_pool3d(x, 2).sum((1, 2, 3, 4)), (base,))
    expected = (
        F.max_pool3d(points, 2, return_indices=True)[1] != F.max_pool3d(base, 2, return_indices=True)[1]
    )
    assert torch.equal(switches(program, (base,), (points,)).counts, expected.flatten(1).sum(1))


def test_points_are_counted_one_by_one_where_vmap_cannot():
    def forward(x):
        h = F.relu(x)
        return h[h > -1].sum().reshape(1)

    assert count(forward).by_node.tolist() == [[2, 0]]


def test_a_program_that_holds_nowhere_else_is_refused():
    def forward(x):
        h = F.relu(x)
        return (h[h > 0] * torch.arange(2)).sum().reshape(1)

    with pytest.raises(CaptureError, match="cannot be evaluated away from its own point"):
        count(forward, point=torch.ones(1, 4))


def test_shapes_that_do_not_fit_are_refused():
    program = record(lambda x: F.relu(x).sum(1), (BASE,))
    with pytest.raises(ShapeError, match=r"base \(1, 4\) and points \(2, 3\)"):
        switches(program, (BASE,), (torch.ones(2, 3),))


def test_kink_nodes_of_a_network():
    model = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(18, 1), nn.GELU()
    )
    x = torch.randn(1, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    program = record(lambda x: model(x).sum(1), (x,), module=model)
    assert [(str(n.op), n.module) for n in kink_nodes(program)] == [
        ("aten.relu.default", "1"),
        ("aten.max_pool2d_with_indices.default", "2"),
    ]
    points = torch.randn(6, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    h, at = model[0](x), model[0](points)
    relu = ((h > 0) != (at > 0)).flatten(1).sum(1)
    assert torch.equal(switches(program, (x,), (points,)).by_node[:, 0], relu)


def test_every_reader_belongs_to_an_operation_that_is_out_of_place():
    assert not [op for op in READERS if op._schema.is_mutable]


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.norm(dim=1),
        lambda x: torch.cdist(x, x.sin())[0],
        lambda x: x.half().float().sum(1),
    ],
)
def test_norms_and_casts_of_smooth_networks_are_no_kinks(function):
    assert not kink_nodes(record(function, (BASE,)))
