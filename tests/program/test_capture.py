import math

import pytest
import torch
from torch import nn

from taylorattr.errors import CaptureError
from taylorattr.program import capture, replay
from taylorattr.program.capture import displaced
from tests.program.zoo import ZOO, scalar

X = torch.tensor([[0.5, -1.0, 2.0, 0.25]])


@pytest.mark.parametrize("name", ZOO)
def test_awkward_models_are_captured(name):
    model, inputs = ZOO[name]()
    program = capture(lambda *xs: scalar(model(*xs)), inputs, module=model)
    with torch.no_grad():
        # float32 against float64: a few hundred roundings of terms of order one
        torch.testing.assert_close(
            replay(program, tuple(x.double() for x in inputs)).float(),
            scalar(model(*(x.clone() for x in inputs))),
            rtol=1e-4,
            atol=1e-4,
        )


def test_a_branch_both_points_agree_on_is_a_note():
    program = capture(lambda x: (x if x.sum() > -100 else -x).sum(1), (X,))
    assert [n.kind for n in program.notes] == ["branch"]


def test_a_branch_the_second_point_does_not_take_is_a_note():
    """The program holds around its own point; the second point is drawn nearer until it does."""
    program = capture(lambda x: (x**2 if x.sum() > 1.5 else -x).sum(1), (X,), second_point=(-X,))
    assert [n.kind for n in program.notes] == ["branch"]
    assert replay(program, (-X.double(),)).item() == float((X.double() ** 2).sum())


def test_a_branch_does_not_hide_an_escaped_number():
    def forward(x):
        return (x * x.sum().item() if x.sum() > 1.5 else -x).sum(1)

    with pytest.raises(CaptureError, match="branches on a value.*reads a number"):
        capture(forward, (X,), second_point=(-X,))


def test_without_promotion_the_dtype_stays():
    layer = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4))
    program = capture(lambda x: layer(x).exp().sum(1), (X,), module=layer, dtype=None)
    assert replay(program, (X,)).dtype == torch.float32
    assert not any("native_layer_norm" in str(node.op) for node in program.nodes)


def test_the_second_point_moves_every_element():
    x, integers = torch.tensor([[0.0, 3.0, -2.0]]), torch.tensor([[1, 2]])
    moved, same = displaced((x, integers))
    assert (moved != x).all() and torch.equal(same, integers) and moved.dtype == x.dtype
    (from_zero,) = displaced((torch.zeros(1, 3),))
    assert (from_zero != 0).all()


def test_autograd_inside_the_model():
    """A forward that takes a gradient itself: the recorded operations are those of the backward pass."""

    def forward(x):
        return torch.func.grad(lambda y: (y**3).sum())(x).sum(1)

    program = capture(forward, (X,))
    # 3x² summed: two roundings
    torch.testing.assert_close(
        replay(program, (X.double(),)), (3 * X.double() ** 2).sum(1), rtol=1e-15, atol=0
    )


def test_keyword_and_nested_arguments_through_the_function():
    model = nn.MultiheadAttention(4, 2, batch_first=True).eval()
    padding = torch.tensor([[False, False, True]])
    x = torch.linspace(-1, 1, 12).reshape(1, 3, 4)

    def forward(x):
        out, weights = model(x, key=x, value=x, key_padding_mask=padding)
        return {"out": (out, weights)}["out"][0].sum((1, 2))

    program = capture(forward, (x,), module=model)
    with torch.no_grad():
        # float32 model against float64 program
        torch.testing.assert_close(replay(program, (x.double(),)).float(), forward(x), rtol=1e-5, atol=1e-5)


TRANSFORMERS = {
    "bert": ("BertConfig", "BertModel", {"vocab_size": 20}),
    "gpt2": ("GPT2Config", "GPT2Model", {"vocab_size": 20, "bos_token_id": 1, "eos_token_id": 1}),
    "llama": ("LlamaConfig", "LlamaModel", {"vocab_size": 20, "intermediate_size": 32}),
}


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_transformers_built_from_a_config(name):
    transformers = pytest.importorskip("transformers")
    config, model, options = TRANSFORMERS[name]
    torch.manual_seed(0)
    options = options | {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    network = getattr(transformers, model)(getattr(transformers, config)(**options)).eval()
    mask = torch.tensor([[1, 1, 1, 1, 0]])
    x = torch.randn(1, 5, 16)

    def forward(x):
        return network(inputs_embeds=x, attention_mask=mask).last_hidden_state[:, 0, 0]

    program = capture(forward, (x,), module=network)
    with torch.no_grad():
        single = forward(x)
        value = replay(program, (x.double(),))
        # float32 model against float64 program
        torch.testing.assert_close(value.float(), single, rtol=1e-4, atol=1e-5)
        double = network.double()
        expected = double(inputs_embeds=x.double(), attention_mask=mask).last_hidden_state[:, 0, 0]
        tolerance = 1e-5 if name == "llama" else 1e-12  # Llama casts to float32 in its norms and positions
        torch.testing.assert_close(value, expected, rtol=tolerance, atol=tolerance)


def test_a_scalar_that_two_symmetric_points_hide_is_seen():
    def even(x):
        return x.sum(1) * math.cos(float(x.sum()))

    point = (torch.tensor([[1.0, 2.0]]),)
    with pytest.raises(CaptureError, match="escaped"):
        capture(even, point, second_point=(-point[0],))
