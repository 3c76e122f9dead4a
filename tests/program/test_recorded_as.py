"""Operations that a recording writes as what they are made of are gone from it, and worth the same."""

import itertools

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from taylorattr.program.formulas import grid_sampler
from taylorattr.program.record import record
from taylorattr.program.recorded_as import RECORDED_AS
from taylorattr.program.walk import replay


def normal(*shape):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(len(shape)))


GRID = normal(2, 3, 4, 2) * 1.3
GRID_3D = normal(2, 2, 3, 2, 3) * 1.3
BAGS = torch.tensor([0, 3, 2, 3, 1, 0, 2])
OFFSETS = torch.tensor([0, 3, 3, 5])
MATRIX = normal(4, 4) + 4 * torch.eye(4, dtype=torch.float64)
CLASSES = torch.tensor([[0, 1, 2], [1, -100, 0]])


def bag(**settings):
    return lambda w: F.embedding_bag(BAGS, w, OFFSETS, **settings)


def packed(x):
    inside = nn.utils.rnn.pack_padded_sequence(
        x, torch.tensor([3, 5]), batch_first=True, enforce_sorted=False
    )
    return nn.utils.rnn.pad_packed_sequence(inside, batch_first=True, total_length=6)[0]


def with_holes(x):
    return torch.where(torch.arange(x.shape[-1]) == 1, torch.nan, x)


CALLS = {
    "nansum": (lambda x: with_holes(x).nansum(1), [(2, 4)]),
    "nansum of all": (lambda x: with_holes(x).nansum(), [(2, 4)]),
    "nanmean": (lambda x: with_holes(x).nanmean(1, keepdim=True), [(2, 4)]),
    "ldexp": (lambda x: torch.ldexp(x, torch.tensor([1, -2, 0, 3])), [(2, 4)]),
    "block_diag": (lambda x, y: torch.block_diag(x, torch.ones(1, 2), y), [(2, 3), (3,)]),
    "sparse": (lambda x: torch.sparse.mm(MATRIX.to_sparse(), x), [(4, 3)]),
    "sparse, by rows": (lambda x: MATRIX.relu().to_sparse_csr() @ x, [(4, 3)]),
    "sparse, added": (lambda x, y: torch.sparse.addmm(x, MATRIX.to_sparse(), y), [(4, 3), (4, 3)]),
    "sparse, vector": (lambda x: MATRIX.to_sparse() @ x, [(4,)]),
    "put": (lambda x, y: x.put(torch.tensor([0, -1, 3]), y), [(2, 4), (3,)]),
    "put, accumulated": (lambda x, y: x.put(torch.tensor([0, 3, 3]), y, True), [(2, 4), (3,)]),
    **{
        f"index_reduce, {way}, {own}": (
            lambda x, y, way=way, own=own: x.index_reduce(
                1, torch.tensor([0, 2, 0]), y, way, include_self=own
            ),
            [(2, 4), (2, 3)],
        )
        for way in ("mean", "amax", "prod")
        for own in (True, False)
    },
    **{
        f"segment_reduce, {way}": (
            lambda x, way=way: torch.segment_reduce(x, way, lengths=torch.tensor([2, 1, 3])),
            [(6, 2)],
        )
        for way in ("sum", "mean", "max", "min", "prod")
    },
    "segment_reduce, offsets": (
        lambda x: torch.segment_reduce(x, "sum", offsets=torch.tensor([0, 2, 2, 6])),
        [(6, 2)],
    ),
    **{f"bag, {mode}": (bag(mode=mode), [(4, 3)]) for mode in ("sum", "mean", "max")},
    **{f"bag, {mode}, padded": (bag(mode=mode, padding_idx=3), [(4, 3)]) for mode in ("sum", "mean", "max")},
    "bag, last offset": (bag(mode="sum", include_last_offset=True), [(4, 3)]),
    "bag, weights": (
        lambda w, s: F.embedding_bag(BAGS, w, OFFSETS, mode="sum", per_sample_weights=s),
        [(4, 3), (7,)],
    ),
    "packed": (packed, [(2, 5, 3)]),
    "nll, rows": (lambda x: F.nll_loss(x, CLASSES, reduction="none"), [(2, 3, 3)]),
    "nll, mean": (lambda x: F.nll_loss(x, CLASSES, torch.tensor([1.0, 2, 3]).to(x)), [(2, 3, 3)]),
    "nll, sum": (lambda x: F.nll_loss(x, CLASSES, reduction="sum"), [(2, 3, 3)]),
    "binary_cross_entropy": (
        lambda x: F.binary_cross_entropy(x.sigmoid(), torch.full((2, 3), 0.3).to(x)),
        [(2, 3)],
    ),
    "soft_margin_loss": (lambda x: F.soft_margin_loss(x, torch.ones(2, 3).to(x)), [(2, 3)]),
    "pdist": (lambda x: F.pdist(x), [(4, 3)]),
    "affine_grid": (lambda t: F.affine_grid(t, (2, 1, 3, 4), align_corners=False), [(2, 2, 3)]),
    "affine_grid, 3-d": (lambda t: F.affine_grid(t, (2, 1, 3, 4, 2), align_corners=True), [(2, 3, 4)]),
    "solve": (lambda b: torch.linalg.solve(MATRIX, b), [(4, 2)]),
    "solve, vector": (lambda b: torch.linalg.solve(MATRIX, b), [(4,)]),
    "solve, right": (lambda b: torch.linalg.solve(MATRIX, b, left=False), [(2, 4)]),
    "solve, triangular": (lambda b: torch.linalg.solve_triangular(MATRIX, b, upper=True), [(4, 2)]),
    "solve, Cholesky": (
        lambda b: torch.cholesky_solve(b, torch.linalg.cholesky(MATRIX @ MATRIX.mT)),
        [(4, 2)],
    ),
    "solve, LU": (lambda b: torch.linalg.lu_solve(*torch.linalg.lu_factor(MATRIX), b), [(4, 2)]),
    "bincount": (lambda x: torch.bincount(torch.tensor([0, 2, 0, 3]), weights=x, minlength=5), [(4,)]),
    "istft": (
        lambda x: torch.istft(
            torch.stft(x, 8, 4, window=torch.ones(8).to(x), return_complex=True) * 0.5,
            8,
            4,
            window=torch.ones(8).to(x),
            length=24,
        ),
        [(2, 24)],
    ),
    "conv1d": (lambda x, w: F.conv1d(x, w, normal(6), 2, 1, 2, 3), [(2, 6, 9), (6, 2, 3)]),
    "conv2d": (lambda x, w, b: F.conv2d(x, w, b, (2, 1), (0, 2)), [(2, 2, 5, 4), (3, 2, 2, 3), (3,)]),
    "conv3d": (lambda x, w: F.conv3d(x, w, padding=1), [(1, 2, 3, 3, 2), (1, 2, 2, 2, 1)]),
    "constant image": (lambda w: F.conv2d(normal(2, 2, 4, 4), w), [(3, 2, 2, 2)]),
    "transposed": (lambda x, w: F.conv_transpose2d(x, w, None, 2, 1, 1), [(2, 2, 3, 3), (2, 3, 3, 3)]),
    "transposed, groups": (
        lambda x, w: F.conv_transpose1d(x, w, normal(4), 3, 0, 1, 2, 2),
        [(2, 4, 3), (4, 2, 2)],
    ),
    **{
        f"grid_sample, {mode}, {padding}, {corners}": (
            lambda x, m=mode, p=padding, corners=corners: F.grid_sample(x, GRID, m, p, corners),
            [(2, 2, 5, 4)],
        )
        for mode, padding, corners in itertools.product(
            ("bilinear", "nearest", "bicubic"), ("zeros", "border", "reflection"), (True, False)
        )
    },
    **{
        f"grid_sample, 3-d, {mode}, {padding}": (
            lambda x, mode=mode, padding=padding: F.grid_sample(x, GRID_3D, mode, padding, False),
            [(2, 2, 3, 4, 2)],
        )
        for mode, padding in itertools.product(("bilinear", "nearest"), ("zeros", "border", "reflection"))
    },
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_what_is_recorded_is_worth_the_same_and_holds_at_other_points(name):
    function, shapes = CALLS[name]
    points = tuple(normal(*shape) for shape in shapes)
    program = record(function, points)
    in_use = {"convolution", "mm", "bmm", "mv", "addmm", "baddbmm"}  # as far as they are linear, and dense
    assert {node.op.overloadpacket.__name__ for node in program.nodes}.isdisjoint(RECORDED_AS.keys() - in_use)
    for xs in (points, tuple(x.flip(0) * 0.7 + 0.1 for x in points)):
        assert torch.allclose(replay(program, xs), function(*xs), atol=1e-12)


def test_a_convolution_with_constant_weights_stays_whole():
    program = record(lambda x: F.conv1d(x, torch.ones(1, 1, 2)), (torch.randn(1, 1, 4),))
    assert [node.op.overloadpacket.__name__ for node in program.nodes] == ["convolution"]


def test_an_operation_that_a_rule_names_stays_whole():
    program = record(lambda x: x.nansum(1), (torch.randn(2, 4),), whole=frozenset({"nansum"}))
    assert [node.op.overloadpacket.__name__ for node in program.nodes] == ["nansum"]


@pytest.mark.parametrize("corners", [True, False])
@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("space", [(5, 4), (3, 4, 5)])
def test_a_moving_grid_has_a_formula_with_the_values_and_the_derivatives_of_torch(space, padding, corners):
    x, grid = normal(2, 3, *space), normal(2, *[3] * len(space), len(space))
    grid.view(-1)[:4] = torch.tensor([-1.0, 0.0, 1.0, -1.0])  # places on pixels, where it bends
    x, grid = x.requires_grad_(), grid.requires_grad_()
    theirs = F.grid_sample(x, grid, "bilinear", ("zeros", "border")[padding], corners)
    ours = grid_sampler(x, grid, 0, padding, corners)
    assert torch.allclose(ours, theirs, atol=1e-12)
    weights = normal(*theirs.shape)
    for mine, other in zip(
        torch.autograd.grad((ours * weights).sum(), (x, grid)),
        torch.autograd.grad((theirs * weights).sum(), (x, grid)),
        strict=True,
    ):
        assert torch.allclose(mine, other, atol=1e-12)
