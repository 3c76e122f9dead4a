import random

import numpy as np
import pytest
import torch
from torch import nn
from torch.backends import mha, mkldnn

from taylorattr.errors import CaptureError
from taylorattr.program import Ref, record, replay
from taylorattr.program.arguments import map_leaves, operands, results
from taylorattr.program.isolate import unfused
from tests.program.zoo import ZOO, Written, scalar


def recorded(name, **options):
    model, inputs = ZOO[name]()
    return model, inputs, record(lambda *xs: scalar(model(*xs)), inputs, module=model, **options)


@pytest.mark.parametrize("name", ZOO)
def test_replay_equals_the_model_to_the_bit(name):
    model, inputs, program = recorded(name)
    with torch.no_grad(), unfused():
        expected = scalar(model(*(x.clone() for x in inputs)))
    if name == "buffers_written":  # the call above is the model's first: records leave no trace
        assert model.calls == 1
    with torch.no_grad(), unfused():
        assert torch.equal(replay(program, inputs), expected)


@pytest.mark.parametrize("name", ZOO)
def test_replay_equals_the_model_elsewhere(name):
    """Same operations, same kernels, same numbers: equality to the bit."""
    model, inputs, program = recorded(name)
    generator = torch.Generator().manual_seed(1)
    elsewhere = tuple(x + 0.01 * torch.rand(x.shape, generator=generator) for x in inputs)
    with torch.no_grad(), unfused():
        expected = scalar(model(*(x.clone() for x in elsewhere)))
        assert torch.equal(replay(program, elsewhere), expected)


@pytest.mark.parametrize("name", ZOO)
def test_nothing_of_the_model_changes(name):
    model, inputs = ZOO[name]()
    state = {k: v.clone() for k, v in model.state_dict().items()}
    versions = [p._version for p in model.parameters()]
    before = [x.clone() for x in inputs]
    attributes = [
        (m, {k: v for k, v in vars(m).items() if not k.startswith("_")})
        for m in model.modules()
        if not isinstance(m, torch.jit.ScriptModule)
    ]
    flags = [(m.training, len(m._forward_hooks), len(m._forward_pre_hooks)) for m in model.modules()]
    draws = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    switches = mha.get_fastpath_enabled(), mkldnn.enabled, torch.backends.cudnn.enabled
    record(lambda *xs: scalar(model(*xs)), inputs, module=model)
    assert all(torch.equal(v, state[k]) for k, v in model.state_dict().items())
    assert versions == [p._version for p in model.parameters()]
    assert all(torch.equal(a, b) for a, b in zip(inputs, before, strict=True))
    for module, names in attributes:
        assert {k: v for k, v in vars(module).items() if not k.startswith("_")} == names
    assert flags == [(m.training, len(m._forward_hooks), len(m._forward_pre_hooks)) for m in model.modules()]
    assert torch.equal(torch.get_rng_state(), draws[0])
    assert (random.getstate(), np.random.get_state()[1].tolist()) == draws[1:]
    assert (mha.get_fastpath_enabled(), mkldnn.enabled, torch.backends.cudnn.enabled) == switches


@pytest.mark.parametrize(
    "name", ["mlp", "in_place_writes", "lstm", "gru", "buffers_written", "convolutional_network"]
)
def test_kept_values_are_those_of_every_operation(name):
    model, inputs, program = recorded(name, keep_values=True)
    known = dict(program.constants) | program.values
    assert all(torch.equal(known[ref.index], x) for ref, x in zip(program.inputs, inputs, strict=True))
    for node in program.nodes:
        args, kwargs = map_leaves(Ref, lambda ref: known[ref.index], (node.args, node.kwargs))
        with unfused(recurrent=name in ("lstm", "gru")):  # the kernels the recording used
            made = node.op(*args, **kwargs)
        made = [made] if isinstance(node.out, Ref) else [made[i] for i, ref in enumerate(node.out) if ref]
        for index, value in zip(results(node), made, strict=True):
            assert torch.equal(known[index], value), node


def test_values_are_dropped_unless_asked_for():
    assert recorded("mlp")[2].values == {}


@pytest.mark.parametrize("name", ZOO)
def test_programs_are_pure_and_in_order(name):
    program = recorded(name)[2]
    known = {ref.index for ref in program.inputs} | program.constants.keys()
    for node in program.nodes:
        assert not node.op._schema.is_mutable
        assert set(operands(node)) <= known
        assert node.shape == tuple(node.shape) and node.where
        known |= set(results(node))
        known -= set(node.last_use)
    assert program.output.index in known


def test_operations_carry_module_and_line():
    model, inputs = ZOO["residual_functional"]()
    program = record(lambda x: scalar(model(x)), inputs, module=model)
    (relu, *_) = [n for n in program.nodes if n.op is torch.ops.aten.relu.default]
    linear = program.nodes[0]
    assert (linear.module, relu.module) == ("layers.0", "")
    file, line = relu.where.rsplit(":", 1)
    assert file.endswith("zoo.py")
    with open(file) as source:
        assert "F.relu(layer(x))" in source.readlines()[int(line) - 1]


def test_a_reused_module_appears_once_per_use():
    program = recorded("reused_module")[2]
    assert [n.module for n in program.nodes if n.op is torch.ops.aten.addmm.default] == ["lin", "lin"]


def test_operations_that_do_not_reach_the_output_are_dropped():
    program = record(lambda x: (x.sin().cos().sum() * 0, x.exp().sum(1))[1], (torch.ones(1, 2),))
    assert [str(n.op) for n in program.nodes] == ["aten.exp.default", "aten.sum.dim_IntList"]


def test_operations_between_constants_are_folded():
    weight = torch.ones(2)
    program = record(lambda x: (x * (weight.exp() + 1)).sum(1), (torch.ones(1, 2),))
    assert [str(n.op) for n in program.nodes] == ["aten.mul.Tensor", "aten.sum.dim_IntList"]
    assert [str(n.op) for n in program.prelude] == ["aten.exp.default", "aten.add.Tensor"]


def test_an_output_that_ignores_the_inputs_is_a_constant():
    program = record(lambda x: torch.full((1,), 2.0), (torch.ones(1, 2),))
    assert program.nodes == [] and replay(program, (torch.zeros(1, 2),)).tolist() == [2.0]


def test_an_output_that_is_the_input():
    program = record(lambda x: x, (torch.ones(1),))
    assert program.output == program.inputs[0]


def test_shape_only_operations_do_not_depend_on_the_input():
    program = record(lambda x: (x + torch.zeros_like(x) + x.new_full((2,), 3.0)).sum(1), (torch.ones(1, 2),))
    assert [str(n.op) for n in program.nodes] == [
        "aten.add.Tensor",
        "aten.add.Tensor",
        "aten.sum.dim_IntList",
    ]


def test_notes_say_what_was_read_and_where():
    def forward(x):
        if x.sum() > 0:
            x = x * x.sum().item()
        return x.sum(1)

    notes = record(forward, (torch.ones(1, 2),)).notes
    assert [n.kind for n in notes] == ["branch", "scalar"]
    assert all("test_record.py" in n.where for n in notes)


def test_reading_a_constant_is_no_note():
    scale = torch.tensor(3.0)
    assert record(lambda x: (x * scale.item()).sum(1), (torch.ones(1, 2),)).notes == []


def test_numpy_is_noted():
    def forward(x):
        return (x * float(x.numpy()[0, 0])).sum(1)

    (note,) = record(forward, (torch.ones(1, 2),)).notes
    assert (note.kind, note.op) == ("scalar", "Tensor.numpy")


def test_what_the_function_raises_passes_through():
    model = Written(lambda m, x: m.lin(x), lin=nn.Linear(3, 3))
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        record(model, (torch.ones(1, 2),), module=model)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def test_a_function_without_a_tensor_is_refused():
    with pytest.raises(CaptureError, match="returned float, expected one tensor"):
        record(lambda x: x.sum().item(), (torch.ones(1, 2),))  # type: ignore[arg-type, return-value]


def test_hooks_of_the_user_run_and_stay():
    model = nn.Sequential(nn.Linear(2, 2), nn.Tanh())
    handle = model[0].register_forward_hook(lambda m, args, out: out * 2)
    x = torch.ones(1, 2)
    program = record(lambda x: model(x).sum(1), (x,), module=model)
    with torch.no_grad():
        assert torch.equal(replay(program, (x,)), model(x).sum(1))
    assert handle.id in model[0]._forward_hooks


def test_writes_through_views_without_functionalize():
    """An old-style autograd function keeps functionalize away, so the tape follows the memory itself."""
    from tests.program.zoo import Cube

    def forward(x):
        h = Cube.apply(x)
        out = torch.zeros(1, 6)
        out[:, ::2] = h
        half = out.view(2, 3)[1]
        half += 1
        out[0, 4:].mul_(h[0, :2])
        return (out * torch.arange(6.0)).sum(1)

    x = torch.tensor([[0.5, -1.0, 2.0]])
    program = record(forward, (x,))
    for point in (x, -2 * x):
        assert torch.equal(replay(program, (point,)), forward(point))


def test_constants_are_copied_before_they_are_written():
    buffer = torch.ones(2)

    def forward(x):
        y = x * buffer
        buffer.add_(1)
        return (y * buffer).sum(1)

    program = record(forward, (torch.ones(1, 2),))
    assert replay(program, (torch.ones(1, 2),)).item() == 4.0
