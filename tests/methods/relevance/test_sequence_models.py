"""Recurrent cells, attention with masks, encoder layers, tiny language models: every relevance method."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from taylorattr.methods.method import attribute
from tests.methods.relevance.networks import D, Written, draw, readout, recurrent, seeded, transformer

DIFFERENCE = ("deeplift_rescale", "deeplift_reveal_cancel", "deep_shap")
RELEVANCE = ("lrp_epsilon", "lrp_alpha_beta", "deep_taylor")


def attention(**options):
    def forward(m, x):
        return m.a(x, x, x, need_weights=False, **options)[0]

    return seeded(lambda: Written(forward, a=nn.MultiheadAttention(8, 2, batch_first=True)))


def with_weights():
    def forward(m, x):
        values, weights = m.a(x, x.tanh(), x)
        return values.sum(2) + weights.square().sum(2)

    return seeded(lambda: Written(forward, a=nn.MultiheadAttention(8, 2, batch_first=True)))


def heads(x):
    return x.unflatten(-1, (2, 4)).transpose(1, 2)


CAUSAL = torch.ones(5, 5).triu(1).bool()
PADDED = torch.tensor([[False] * 4 + [True]]).expand(2, 5)

MODELS = {
    "lstm": (recurrent(nn.LSTM), (2, 3, 3)),
    "gru": (recurrent(nn.GRU), (2, 3, 3)),
    "rnn": (recurrent(nn.RNN), (2, 3, 3)),
    "lstm, two layers both ways": (
        seeded(
            lambda: Written(lambda m, x: m.r(x)[0], r=nn.LSTM(3, 4, 2, bidirectional=True, batch_first=True))
        ),
        (2, 3, 3),
    ),
    "lstm cell": (seeded(lambda: Written(lambda m, x: m.r(x)[1], r=nn.LSTMCell(3, 4))), (2, 3)),
    "gru cell": (seeded(lambda: Written(lambda m, x: m.r(x, m.r(x)), r=nn.GRUCell(3, 4))), (2, 3)),
    "attention": (attention(), (2, 5, 8)),
    "causal attention": (attention(attn_mask=CAUSAL, is_causal=True), (2, 5, 8)),
    "padded attention": (attention(key_padding_mask=PADDED), (2, 5, 8)),
    "attention with its weights": (with_weights(), (2, 5, 8)),
    "scaled dot product, causal": (
        lambda x: F.scaled_dot_product_attention(heads(x), heads(x.tanh()), heads(x), is_causal=True),
        (2, 5, 8),
    ),
    "scaled dot product, float mask": (
        lambda x: F.scaled_dot_product_attention(
            heads(x), heads(x.tanh()), heads(x), attn_mask=torch.linspace(-1, 1, 25, dtype=D).reshape(5, 5)
        ),
        (2, 5, 8),
    ),
    "encoder": (transformer("gelu", False), (2, 5, 8)),
    "encoder, norm first": (transformer("relu", True), (2, 5, 8)),
    "decoder": (
        seeded(
            lambda: Written(
                lambda m, x: m.d(x, x.flip(1), tgt_mask=CAUSAL),
                d=nn.TransformerDecoderLayer(8, 2, 16, batch_first=True),
            )
        ),
        (2, 5, 8),
    ),
}


@pytest.mark.parametrize("method", DIFFERENCE)
@pytest.mark.parametrize("name", MODELS)
def test_difference_rules_are_complete(name, method):
    model, shape = MODELS[name]
    result = attribute(method, readout(model), draw(*shape), draw(1, *shape[1:], seed=3))
    size = result.player_scores.abs().sum(1)
    assert (result.gap.abs() <= 1e-9 * size).all() and "incomplete" not in result.diagnostics
    assert (size > 0).all()


def assert_accounted_for(result):
    for e, ledger in enumerate(result.diagnostics["balance"]):
        size = max(abs(entry["incoming"]) for entry in ledger)
        shares = result.diagnostics["shares"][e].values()
        assert all(abs(entry["remainder"]) <= 1e-10 * size for entry in ledger)
        assert abs(float(result.conservation[e]) - sum(shares)) <= 1e-9 * size


@pytest.mark.filterwarnings("ignore::taylorattr.errors.PrecisionWarning")  # relevance that z⁺ loses is said
@pytest.mark.parametrize("method", RELEVANCE)
@pytest.mark.parametrize("name", MODELS)
def test_relevance_is_accounted_for(name, method):
    model, shape = MODELS[name]
    assert_accounted_for(attribute(method, readout(model), draw(*shape), balance=True))


@pytest.mark.parametrize("attention", ["uniform", "tangent"])
@pytest.mark.parametrize("name", ["causal attention", "padded attention", "encoder"])
def test_relevance_through_patterns_is_accounted_for(name, attention):
    model, shape = MODELS[name]
    options = {"attention": attention, "balance": True}
    assert_accounted_for(attribute("lrp_epsilon", readout(model), draw(*shape), **options))


def test_positions_behind_a_causal_mask_get_nothing():
    model, shape = MODELS["causal attention"]
    first = lambda x: model(x)[:, 1].sum(1)  # noqa: E731
    for method in (*DIFFERENCE, "lrp_epsilon"):
        scores = attribute(
            method, first, draw(*shape), *([] if "lrp" in method else [draw(1, 5, 8, seed=3)])
        ).scores
        assert bool(scores[:, :2].any()) and not bool(scores[:, 2:].any())


def language_model(kind):
    transformers = pytest.importorskip("transformers")
    sizes = {"vocab_size": 11, "attention_probs_dropout_prob": 0.0, "hidden_dropout_prob": 0.0}
    if kind == "bert":
        config = transformers.BertConfig(
            hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=12, **sizes
        )
        net = seeded(lambda: transformers.BertModel(config))
    else:
        config = transformers.GPT2Config(
            vocab_size=11,
            n_positions=8,
            n_embd=8,
            n_layer=2,
            n_head=2,
            resid_pdrop=0,
            embd_pdrop=0,
            attn_pdrop=0,
        )
        net = seeded(lambda: transformers.GPT2Model(config))
    return seeded(lambda: Written(lambda m, x: m.net(inputs_embeds=x).last_hidden_state[:, -1], net=net))


@pytest.mark.filterwarnings("ignore::taylorattr.errors.PrecisionWarning")
@pytest.mark.parametrize("kind", ["bert", "gpt2"])
def test_tiny_language_models(kind):
    model = language_model(kind)
    x, b = draw(2, 4, 8), draw(1, 4, 8, seed=3)
    for method in DIFFERENCE:
        result = attribute(method, model, x, b, target=3)
        assert (result.gap.abs() <= 1e-9 * result.player_scores.abs().sum(1)).all(), method
    for method in RELEVANCE:
        assert_accounted_for(attribute(method, model, x, target=3, balance=True))
