import pytest
import torch

from taylorattr.errors import CaptureError
from taylorattr.program import record, replay
from taylorattr.program.canonical import out_of_place

aten = torch.ops.aten


@pytest.mark.parametrize(
    "op, pure",
    [
        (aten.add_.Tensor, aten.add.Tensor),
        (aten.mul_.Scalar, aten.mul.Scalar),
        (aten.sigmoid_.default, aten.sigmoid.default),
        (aten.clamp_.Tensor, aten.clamp.Tensor),
        (aten.add.out, aten.add.Tensor),
        (aten.index_put_.default, aten.index_put.default),
        (aten.fill_.Scalar, aten.fill.Scalar),
    ],
)
def test_out_of_place_counterparts(op, pure):
    assert out_of_place(op) is pure


def names(function, x):
    program = record(function, (x,))
    assert torch.equal(replay(program, (x,)), function(x))
    return [str(node.op).removeprefix("aten.") for node in program.nodes]


X = torch.tensor([[1.0, -2.0, 3.0]])


@pytest.mark.parametrize(
    "fill",
    [
        torch.zeros_like,
        torch.ones_like,
        lambda x: torch.full_like(x, 2.5),
        lambda x: x.new_zeros(3),
        lambda x: x.new_full((1, 3), 4.0),
        lambda x: x.new_ones(3, dtype=torch.int64),
        lambda x: x.new_zeros(3, dtype=torch.bool),
        lambda x: torch.empty_like(x).fill_(7),
        lambda x: torch.empty_like(x).zero_(),
        lambda x: torch.empty(3).copy_(torch.arange(3)),
    ],
)
def test_fills_are_constants(fill):
    assert names(lambda x: (x * fill(x)).sum(1), X) == ["mul.Tensor", "sum.dim_IntList"]


def test_copies_are_their_source():
    assert names(lambda x: torch.empty(1, 3).copy_(x).sum(1), X) == ["sum.dim_IntList"]
    assert names(lambda x: torch.empty(2, 3).copy_(x).sum(0)[:1], X)[0] == "expand.default"
    assert names(lambda x: torch.empty(1, 3, dtype=torch.float64).copy_(x).sum(1), X)[0] == "_to_copy.default"


def test_layout_copies_and_detaches_are_bypassed():
    def forward(x):
        return x.clone().detach().t().contiguous().view(1, 3).sum(1)

    assert names(forward, X) == ["t.default", "view.default", "sum.dim_IntList"]


def test_open_slices_get_their_end():
    program = record(lambda x: x[:, 1:].sum(1), (X,))
    assert program.nodes[0].args[1:] == (1, 1, 3)


def test_batch_statistics_do_not_touch_the_running_ones():
    running = torch.zeros(2), torch.ones(2)

    def forward(x):
        mean, variance = (r.clone() for r in running)
        return torch.nn.functional.batch_norm(x, mean, variance, training=True).exp().sum((1, 2))

    x = torch.arange(6.0).reshape(1, 2, 3)
    program = record(forward, (x,))
    (node,) = [n for n in program.nodes if n.op is aten.native_batch_norm.default]
    assert node.args[3:5] == (None, None)
    assert torch.equal(replay(program, (x,)), replay(program, (x,)))


@torch.library.custom_op("taylorattr_test::write", mutates_args=("x",))
def write(x: torch.Tensor) -> None:
    x.add_(1)


def test_a_write_without_counterpart_is_refused_by_name():
    def forward(x):
        y = x * 1
        write(y)
        return y.sum(1)

    line = forward.__code__.co_firstlineno + 2
    with pytest.raises(
        CaptureError, match=rf"write.* no out-of-place form \(module '', .*canonical.py:{line}"
    ):
        record(forward, (X,))


def test_writes_to_lists_of_tensors():
    def forward(x):
        y = x * 1
        torch._foreach_mul_([y], 3.0)
        return y.sum(1)

    assert names(forward, X) == ["mul.Tensor", "_foreach_mul.Scalar", "sum.dim_IntList"]


def test_a_number_put_where_a_mask_is_true_is_where():
    def masked(x):
        x = x.clone()
        x[x < 0] = 0.5
        return x.sum(1)

    assert names(masked, X) == ["lt.Scalar", "where.self", "sum.dim_IntList"]
    program = record(masked, (X,))
    assert torch.equal(replay(program, (-X,)), masked(-X))


def test_values_put_where_a_mask_is_true_stay_as_they_are():
    def masked(x):
        x = x.clone()
        x[torch.tensor([[True, False, True]])] = torch.tensor([4.0, 5.0])
        return x.sum(1)

    assert "index_put.default" in names(masked, X)
