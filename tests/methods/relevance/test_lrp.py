"""LRP-ε, α–β, Deep Taylor and composites: conservation by name, and independent matrix definitions."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from taylorattr.errors import MissingRuleError, OptionError
from taylorattr.methods.method import attribute
from taylorattr.methods.relevance.composites import COMPOSITES
from tests.methods.relevance.networks import (
    ACTIVATIONS,
    NETWORKS,
    POOLS,
    D,
    Written,
    convolutional,
    draw,
    perceptron,
    readout,
    seeded,
    transformer,
)

EXACT = {"rtol": 1e-12, "atol": 1e-14}


def dense(bias=True, depth=3):
    def build():
        parts = []
        for _ in range(depth):
            parts += [nn.Linear(5, 5, bias=bias), nn.ReLU()]
        return nn.Sequential(*parts, nn.Linear(5, 2, bias=bias))

    return seeded(build)


def assert_accounted_for(result):
    """f(x) = Σ scores + Σ named shares, example by example, and no operation has a remainder."""
    for e, ledger in enumerate(result.diagnostics["balance"]):
        size = max([abs(entry["incoming"]) for entry in ledger])
        shares = sum(result.diagnostics["shares"][e].values())
        assert abs(float(result.conservation[e]) - shares) <= 1e-11 * size
        assert all(abs(entry["remainder"]) <= 1e-12 * size for entry in ledger)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("constant", ["pass", "share"])
def test_activations_conserve_up_to_named_shares(name, constant):
    options = {"epsilon": 1e-3, "constant": constant, "balance": True}
    assert_accounted_for(attribute("lrp_epsilon", perceptron(name), draw(3, 6), target=1, **options))


@pytest.mark.parametrize("name", [n for n in NETWORKS if n != "two inputs"])
def test_networks_conserve_up_to_named_shares(name):
    model, (x,), _ = NETWORKS[name]
    result = attribute("lrp_epsilon", readout(model), x, balance=True)
    assert_accounted_for(result)


@pytest.mark.parametrize("attention", ["frozen", "uniform", "tangent"])
def test_attention_rules_conserve(attention):
    result = attribute(
        "lrp_epsilon", transformer(), draw(2, 5, 8), target=(0, 1), attention=attention, balance=True
    )
    assert_accounted_for(result)
    assert result.diagnostics["attention"] == attention


@pytest.mark.parametrize("pools", POOLS)
def test_lrp_0_is_gradient_times_input_on_relu_networks(pools):
    """Eq. (32), with biases, BatchNorm and overlapping pools."""
    model, x = convolutional(*POOLS[pools]), draw(2, 2, 13, 13)
    ours = attribute("lrp_epsilon", model, x, target=0, epsilon=0.0)
    theirs = attribute("gradient_x_input", model, x, target=0)
    torch.testing.assert_close(ours.player_scores, theirs.player_scores, **EXACT)


def test_without_biases_lrp_0_is_rescale_at_zero_and_conserves():
    model, x = dense(bias=False), draw(4, 5)
    lrp = attribute("lrp_epsilon", model, x, target=1, epsilon=0.0)
    torch.testing.assert_close(
        lrp.player_scores, attribute("deeplift_rescale", model, x, target=1).player_scores, **EXACT
    )
    torch.testing.assert_close(lrp.conservation, torch.zeros(4, dtype=D), rtol=0, atol=1e-14)


def layers(model):
    return [(m.weight, m.bias) for m in model if isinstance(m, nn.Linear)]


def by_matrices(model, x, share):
    """R walked down a ReLU stack with share(a, w, c, z, R) -> R of the inputs, one row at a time."""
    rows = []
    for row in x:
        activations = [row]
        for w, c in layers(model):
            activations.append(F.relu(w @ activations[-1] + c))
        w, c = layers(model)[-1]
        relevance = torch.zeros(2, dtype=D)
        relevance[1] = (w @ activations[-2] + c)[1]
        for (w, c), a in zip(reversed(layers(model)), reversed(activations[:-1]), strict=True):
            relevance = share(a, w, c, w @ a + c, relevance)
        rows.append(relevance.detach())
    return torch.stack(rows)


def epsilon_share(a, w, c, z, relevance):
    stable = z + 1e-2 * torch.where(z < 0, -1.0, 1.0).to(D)
    return (w * a).T @ (relevance / stable)


def alpha_beta_share(alpha):
    def share(a, w, c, z, relevance):
        u = w * a
        top, low = u.clamp(min=0), u.clamp(max=0)
        p, q = top.sum(1) + c.clamp(min=0), low.sum(1) + c.clamp(max=0)
        up = torch.where(p == 0, 0.0, relevance / p)
        down = torch.where(q == 0, 0.0, relevance / q)
        return alpha * top.T @ up - (alpha - 1) * low.T @ down

    return share


def gamma_share(a, w, c, z, relevance):
    u = w * a
    sign = torch.where(z >= 0, 1.0, -1.0).to(D)[:, None]
    favoured = torch.where(u * sign > 0, u, 0.0)
    bias = torch.where(c * sign[:, 0] > 0, c, 0.0)
    divisor = z + 0.25 * (favoured.sum(1) + bias) + 1e-6 * sign[:, 0]
    return (u + 0.25 * favoured).T @ (relevance / divisor)


def test_epsilon_is_the_matrix_definition():
    model, x = dense(), draw(4, 5)
    ours = attribute("lrp_epsilon", model, x, target=1, epsilon=1e-2).player_scores
    torch.testing.assert_close(ours, by_matrices(model, x, epsilon_share), **EXACT)


@pytest.mark.parametrize("alpha", [1.0, 2.0, 3.0])
def test_alpha_beta_is_the_matrix_definition_on_signed_inputs(alpha):
    model, x = dense(), draw(4, 5)
    ours = attribute("lrp_alpha_beta", model, x, target=1, alpha=alpha, balance=True)
    torch.testing.assert_close(
        ours.player_scores, by_matrices(model, x, alpha_beta_share(alpha)), rtol=1e-11, atol=1e-13
    )
    assert_accounted_for(ours)


def test_gamma_is_the_matrix_definition():
    from taylorattr.methods.relevance.rules.lrp_weights import Gamma

    model, x = dense(), draw(4, 5)
    ours = attribute("lrp_epsilon", model, x, target=1, rules={"addmm": Gamma(0.25)}).player_scores
    torch.testing.assert_close(ours, by_matrices(model, x, gamma_share), **EXACT)


@pytest.mark.parametrize(
    ("weights", "x", "expected"), [([1.0, -1.0], [1.0, -1.0], [1, 1]), ([3.0, -1.0], [1.0, 2.0], [1, 0])]
)
def test_alpha_1_beta_0_splits_by_the_sign_of_the_contribution(weights, x, expected):
    w = torch.tensor(weights, dtype=D)[:, None]
    result = attribute("lrp_alpha_beta", lambda x: (x @ w)[:, 0], torch.tensor([x], dtype=D), alpha=1.0)
    assert result.player_scores.tolist() == [expected]


def test_an_empty_group_is_a_named_loss():
    """Eq. (34): relu(x1 + x2) has no negative group, so α = 2 gives 2f and the share −f."""
    w = torch.ones(2, 1, dtype=D)
    x = torch.ones(1, 2, dtype=D)
    result = attribute("lrp_alpha_beta", lambda x: (x @ w).relu()[:, 0], x, alpha=2.0, balance=True)
    assert result.player_scores.tolist() == [[2.0, 2.0]]
    assert result.diagnostics["shares"] == [{"empty group": -2.0}]


def test_a_residual_sum_splits_by_value():
    result = attribute(
        "lrp_epsilon", lambda x: (x + x.relu()).sum(1), torch.tensor([[3.0, -3]], dtype=D), epsilon=0.0
    )
    assert result.player_scores.tolist() == [[6.0, -3.0]]


def test_z_plus_conserves_without_biases_and_ignores_them():
    """Eq. (38): relu(x1 + 1) at 1 hands out 2; relu(1 − x1) at ½ loses everything."""
    model = lambda x: (x.abs() @ torch.ones(3, 2, dtype=D)).relu().sum(1)  # noqa: E731
    x = draw(2, 3)
    result = attribute("deep_taylor", model, x)
    torch.testing.assert_close(result.conservation, torch.zeros(2, dtype=D), rtol=0, atol=1e-14)

    def unit(w):
        layer = nn.Linear(1, 1).to(D)
        layer.weight.data.fill_(w), layer.bias.data.fill_(1.0)
        return nn.Sequential(layer, nn.ReLU()).eval()

    assert attribute("deep_taylor", unit(1.0), torch.ones(1, 1, dtype=D)).player_scores.item() == 2
    lost = attribute("deep_taylor", unit(-1.0), torch.full((1, 1), 0.5, dtype=D), balance=True)
    assert lost.player_scores.item() == 0 and lost.diagnostics["shares"] == [{"empty group": 0.5}]


@pytest.mark.parametrize(
    ("first", "expected"), [("z_plus", [2.0, 0.0]), ("w2", [1.0, 1.0]), ("z_B", [1.0, 1.0])]
)
def test_first_layer_rules_on_the_neuron_of_the_table(first, expected):
    """relu(x1 − x2) at (3, 1), box [0, 4]: rows 12 of the master table."""
    w = torch.tensor([[1.0], [-1.0]], dtype=D)
    bounds = {"low": 0.0, "high": 4.0} if first == "z_B" else {}
    result = attribute(
        "deep_taylor",
        lambda x: (x @ w).relu()[:, 0],
        torch.tensor([[3.0, 1]], dtype=D),
        first=first,
        **bounds,
    )
    torch.testing.assert_close(result.player_scores, torch.tensor([expected], dtype=D))


@pytest.mark.parametrize("name", COMPOSITES)
def test_composites_account_for_everything(name):
    model, x = convolutional(*POOLS["k3 s2 padded ceil"]), draw(2, 2, 13, 13)
    result = attribute("lrp_epsilon", model, x, target=0, composite=name, balance=True)
    assert_accounted_for(result)
    rules = [entry["rule"] for entry in result.diagnostics["balance"][0] if "convolution" in entry["op"]]
    second = {
        "EpsilonPlus": "alpha1beta0",
        "EpsilonAlpha2Beta1": "alpha2beta1",
        "EpsilonGammaBox": "gamma(0.25)",
        "ExcitationBackprop": "alpha1beta0",
    }
    first = "flat" if name.endswith("Flat") else "z_B" if name.endswith("Box") else None
    hidden = second[name.removesuffix("Flat")]
    assert rules == [hidden, first or hidden]
    dense = [entry["rule"] for entry in result.diagnostics["balance"][0] if "addmm" in entry["op"]]
    assert dense == ["alpha1beta0" if name == "ExcitationBackprop" else "epsilon(1e-06)"]


def test_z_plus_of_a_composite_is_the_matrix_definition_with_positive_biases():
    """α1β0 on signed inputs with c⁺ in the denominator, for convolutions of a 1 × 1 image."""
    dense_net, x = dense(), draw(4, 5)
    parts = []
    for part in dense_net:
        if isinstance(part, nn.Linear):
            conv = nn.Conv2d(part.in_features, part.out_features, 1).to(D)
            conv.weight.data, conv.bias.data = part.weight.data[..., None, None], part.bias.data
            part = conv
        parts.append(part)
    model = nn.Sequential(nn.Unflatten(1, (5, 1, 1)), *parts, nn.Flatten()).eval()
    ours = attribute("lrp_epsilon", model, x, target=1, composite="EpsilonPlus").player_scores
    expected = by_matrices(dense_net, x, alpha_beta_share(1.0))
    torch.testing.assert_close(ours, expected, rtol=1e-11, atol=1e-13)


def test_excitation_backprop_sums_to_the_output_whatever_the_biases():
    model, x = dense(), draw(4, 5)
    result = attribute("lrp_epsilon", model, x, target=1, composite="ExcitationBackprop", merge=False)
    kept = result.conservation.abs() <= 1e-12
    lost = torch.zeros(4, dtype=torch.bool)
    lost[result.diagnostics.get("nothing_shared", [])] = True
    assert (kept | lost).all() and kept.any()


def test_merging_batch_norm_is_the_folded_network():
    model, x = convolutional(*POOLS["dilated"]), draw(2, 2, 13, 13)
    folded = nn.Sequential(*model)
    folded[0] = nn.utils.fusion.fuse_conv_bn_eval(model[0], model[1])
    folded = nn.Sequential(*[part for i, part in enumerate(folded) if i != 1])
    for method, options in (("lrp_epsilon", {"epsilon": 0.1}), ("lrp_alpha_beta", {"alpha": 2.0})):
        ours = attribute(method, model, x, target=0, merge=True, **options).player_scores
        torch.testing.assert_close(
            ours, attribute(method, folded.eval(), x, target=0, **options).player_scores, **EXACT
        )
        assert not torch.allclose(ours, attribute(method, model, x, target=0, **options).player_scores)


def test_merging_two_dense_layers_is_their_product():
    model = seeded(lambda: nn.Sequential(nn.Linear(4, 5), nn.Linear(5, 3), nn.ReLU(), nn.Linear(3, 1)))
    one = nn.Linear(4, 3).to(D)
    one.weight.data = model[1].weight.data @ model[0].weight.data
    one.bias.data = model[1].weight.data @ model[0].bias.data + model[1].bias.data
    product = nn.Sequential(one, *model[2:]).eval()
    x = draw(3, 4)
    ours = attribute("lrp_alpha_beta", model, x, merge=True).player_scores
    torch.testing.assert_close(
        ours, attribute("lrp_alpha_beta", product, x).player_scores, rtol=1e-11, atol=1e-13
    )


def test_an_exploding_relevance_is_said():
    """σ(z)/(z + ε) of a sigmoid near z = 0 is as unstable as published; the share variant is not."""
    w = torch.tensor([[1.0], [-1.0]], dtype=D)
    x = torch.tensor([[1.0, 1 - 1e-7]], dtype=D)
    model = lambda x: (x @ w).sigmoid()[:, 0]  # noqa: E731
    assert attribute("lrp_epsilon", model, x).diagnostics["larger_than_output"] == [0]
    assert "larger_than_output" not in attribute("lrp_epsilon", model, x, constant="share").diagnostics


@pytest.mark.parametrize(
    ("method", "options", "match"),
    [
        ("lrp_epsilon", {"epsilon": -1.0}, "epsilon=-1.0; expected a number ≥ 0"),
        ("lrp_epsilon", {"composite": "EpsilonPlusFlt"}, "did you mean 'EpsilonPlusFlat'"),
        ("lrp_epsilon", {"constant": "keep"}, "constant='keep'"),
        ("lrp_epsilon", {"attention": "none"}, "attention='none'"),
        ("lrp_alpha_beta", {"alpha": 2.0, "beta": 0.5}, "expected alpha − beta = 1"),
        ("lrp_alpha_beta", {"alpha": 0.5}, "beta ≥ 0"),
        ("deep_taylor", {"first": "wsquare"}, "first='wsquare'"),
        ("deep_taylor", {"first": "z_B", "low": 2.0, "high": 3.0}, "outside the box"),
    ],
)
def test_bad_options_are_refused(method, options, match):
    with pytest.raises(OptionError, match=match):
        attribute(method, dense(), draw(2, 5), target=0, **options)


def test_baselines_are_refused():
    with pytest.raises(OptionError, match="against 0"):
        attribute("lrp_epsilon", dense(), draw(2, 5), 1.0, target=0)


def test_a_weighted_rule_on_a_product_of_activations_is_refused():
    from taylorattr.methods.relevance.rules.lrp_weights import AlphaBeta

    model = Written(lambda m, x: x @ x.mT)
    with pytest.raises(MissingRuleError, match="constant weights"):
        attribute("lrp_epsilon", model, draw(1, 3, 3), target=(0, 0), rules={"bmm": AlphaBeta(1.0)})


def test_an_exclusive_readout_is_needed_only_for_vectors():
    x = draw(2, 6)
    result = attribute("lrp_epsilon", readout(perceptron("ReLU")), x, balance=True)
    assert_accounted_for(result)


def test_a_value_that_an_operation_reads_twice_gets_both_relevances():
    """The flat rule gives relevances, which the join of x with itself hands back to x twice."""
    layer = seeded(lambda: nn.Linear(6, 1, bias=False))
    x = draw(2, 3)
    result = attribute(
        "lrp_epsilon", lambda x: layer(torch.cat([x, x], 1)), x, target=0, composite="EpsilonPlusFlat"
    )
    output = layer(torch.cat([x, x], 1)).detach()
    assert torch.allclose(result.scores, output / 3 * torch.ones(3, dtype=output.dtype), atol=1e-12)
