import pytest
import torch

from taylorattr.errors import ShapeError
from taylorattr.program import Node, Program, Ref, capture, record, replay, walk
from taylorattr.program.capture import displaced
from tests.program.zoo import ZOO, scalar

aten = torch.ops.aten


class Shapes:
    """An algebra that carries nothing but shapes."""

    def apply(self, node, args, kwargs):
        if isinstance(node.out, Ref):
            return node.shape
        return [node.shape for _ in node.out]


def programs(name):
    model, inputs = ZOO[name]()
    program = capture(lambda *xs: scalar(model(*xs)), inputs, module=model)
    return program, tuple(x.double() for x in inputs)


@pytest.mark.parametrize("name", sorted(ZOO))
def test_any_algebra_can_walk(name):
    program, inputs = programs(name)
    assert walk(program, [tuple(x.shape) for x in inputs], Shapes()) == (1,)


@pytest.mark.parametrize("name", sorted(ZOO.keys() - {"boolean_indexing"}))
def test_replay_under_vmap_equals_a_loop(name):
    program, inputs = programs(name)
    points = tuple(torch.stack([a, b, b]) for a, b in zip(inputs, displaced(inputs), strict=True))
    together = torch.vmap(lambda *xs: replay(program, xs))(*points)
    apart = torch.stack([replay(program, tuple(x[i] for x in points)) for i in range(3)])
    # batched kernels sum in another order: a few dozen roundings of terms of order one
    torch.testing.assert_close(together, apart, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("name", sorted(ZOO))
def test_replay_is_differentiable_twice(name):
    """Autograd and torch.func agree; both differentiate the same operations."""
    program, inputs = programs(name)
    directions = tuple(torch.linspace(-1, 1, x.numel(), dtype=x.dtype).reshape(x.shape) for x in inputs)

    def along(s):
        moved = tuple(x + s * v for x, v in zip(inputs, directions, strict=True))
        return replay(program, moved).sum()

    zero = torch.zeros((), dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(along(zero), zero, create_graph=True)
    # programs of one linear operation have no second derivative: autograd then has no graph
    if slope.requires_grad:
        (curvature,) = torch.autograd.grad(slope, zero, allow_unused=True)
        expected = torch.func.jacfwd(torch.func.grad(along))(zero.detach())
        curvature = torch.zeros_like(expected) if curvature is None else curvature
        torch.testing.assert_close(curvature, expected, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(slope.detach(), torch.func.grad(along)(zero.detach()), rtol=1e-12, atol=1e-12)


def test_replay_leaves_the_program_as_it_is():
    program, inputs = programs("lstm")
    values = [replay(program, inputs) for _ in range(3)]
    assert torch.equal(values[0], values[1]) and torch.equal(values[0], values[2])


def test_arguments_of_every_form():
    """Literal, value, list of values, value inside a list beside literals, keyword value, no argument."""
    x, y, c = Ref(0), Ref(1), Ref(2)
    nodes = [
        Node(aten.cat.default, ([x, y, c], 1), {}, Ref(3)),
        Node(aten.index.Tensor, (Ref(3), [None, Ref(4)]), {}, Ref(5)),
        Node(aten.clamp.Tensor, (Ref(5),), {"min": x}, Ref(6)),
        Node(aten.unbind.int, (Ref(6), 1), {}, (None, Ref(7))),
    ]
    constants = {2: torch.tensor([[5.0]]), 4: torch.tensor([2, 0])}
    program = Program((x, y), constants, nodes, Ref(7))
    inputs = torch.tensor([[1.0]]), torch.tensor([[3.0]])
    assert replay(program, inputs).tolist() == [1.0]


def test_constants_are_in_no_release_list():
    for name in ("mlp", "lstm", "transformer_encoder"):
        program, _ = programs(name)
        released = [i for node in program.nodes for i in node.last_use]
        assert len(released) == len(set(released)) and not set(released) & program.constants.keys()


def test_a_wrong_number_of_inputs_is_refused():
    program = record(lambda x: x.sum(1), (torch.ones(1, 2),))
    with pytest.raises(ShapeError, match="2 inputs given; the program was captured with 1"):
        replay(program, (torch.ones(1, 2), torch.ones(1, 2)))
