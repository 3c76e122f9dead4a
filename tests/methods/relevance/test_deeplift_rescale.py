import threading

import pytest
import torch
from torch import nn

from taylorattr.errors import CaptureError, MissingRuleError, OptionError, PrecisionWarning, ShapeError
from taylorattr.methods.method import attribute
from taylorattr.methods.relevance.recording import record_at
from taylorattr.methods.relevance.rule import Rule
from tests.methods.relevance.networks import D, Written, convolutional, draw, perceptron, seeded, transformer


def test_gap_is_rounding_with_every_form_of_baseline_and_target():
    model, x = perceptron("GELU"), draw(4, 6)
    for baselines in (None, 0.3, draw(1, 6), draw(4, 6, seed=1)):
        for target in (1, [0, 1, 1, 0], torch.tensor([1, 0, 0, 1]), lambda out: out.sum(1)):
            result = attribute("deeplift_rescale", model, x, baselines, target=target)
            assert (result.gap.abs() <= 1e-13 * result.player_scores.abs().sum(1)).all()
    assert result.diagnostics["max_rule"] == "winners"


def test_blocks_of_examples_and_references_give_the_same():
    model, x, references = perceptron("Tanh"), draw(5, 6), draw(3, 6)
    whole = attribute("deeplift_rescale", model, x, target=[0, 1, 1, 0, 1])
    blocks = attribute("deeplift_rescale", model, x, target=[0, 1, 1, 0, 1], internal_batch_size=2)
    torch.testing.assert_close(whole.player_scores, blocks.player_scores, rtol=1e-12, atol=1e-14)
    averaged = attribute("deeplift_rescale", model, x, references=references, target=1)
    each = [attribute("deeplift_rescale", model, x, r[None], target=1).player_scores for r in references]
    torch.testing.assert_close(averaged.player_scores, torch.stack(each).mean(0))


def test_float32_follows_the_model():
    model, x = transformer().float(), draw(2, 5, 8).float()
    result = attribute("deeplift_rescale", model, x, target=(0, 1))
    size = result.player_scores.abs().sum(1)
    assert result.scores.dtype == torch.float32 and (result.gap.abs() < 1e-5 * size).all()
    model.double()


def test_one_hidden_layer_is_integrated_gradients():
    """Eq. (44); the quadrature stops at its default tolerance."""
    model = seeded(lambda: nn.Sequential(nn.Linear(4, 8), nn.Softplus(), nn.Linear(8, 1)))
    x, b = draw(2, 4), draw(1, 4)
    ours = attribute("deeplift_rescale", model, x, b).player_scores
    theirs = attribute("integrated_gradients", model, x, b).player_scores
    torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-8)


def test_max_rules_differ_and_are_named():
    model = convolutional(nn.MaxPool2d(3, 2), nn.MaxPool2d(2))
    x, b = draw(2, 2, 13, 13), draw(1, 2, 13, 13)
    found = {
        rule: attribute("deeplift_rescale", model, x, b, target=0, max_rule=rule)
        for rule in ("winners", "path", "shapley")
    }
    assert all((r.gap.abs() < 1e-12 * r.player_scores.abs().sum(1)).all() for r in found.values())
    assert not torch.allclose(found["winners"].player_scores, found["path"].player_scores)
    with pytest.raises(OptionError, match="max_rule='best'"):
        attribute("deeplift_rescale", model, x, b, target=0, max_rule="best")


def test_the_derivative_in_place_of_the_secant_is_found_by_the_balance():
    model = perceptron("GELU")

    def derivative(site, m):
        z = site.x[0].detach().requires_grad_()
        with torch.enable_grad():
            return torch.autograd.grad(site.call([z]), z, m)[0]

    with pytest.warns(PrecisionWarning, match=r"aten\.gelu\.default.*not complete"):
        result = attribute("deeplift_rescale", model, draw(2, 6), target=0, rules={"gelu": derivative})
    assert result.diagnostics["incomplete"]["module"] == "1"
    assert result.diagnostics["rules"] == ["gelu"]


def test_overrides_by_operation_module_and_predicate():
    model = seeded(
        lambda: nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 1))
    )
    x = draw(2, 3)
    seen = []

    class Through(Rule):
        name = "through"

        def pull(self, site, m):
            seen.append(site.node.module)
            return [m]

    with pytest.warns(PrecisionWarning):
        attribute("deeplift_rescale", model, x, rules={"relu": Through()})
    assert set(seen) == {"1", "3"}
    for matcher in ("3", lambda site: site.node.module == "3"):
        seen.clear()
        with pytest.warns(PrecisionWarning):
            attribute("deeplift_rescale", model, x, rules={matcher: Through()})
        assert set(seen) == {"3"}


def test_a_rule_for_an_operation_without_one_in_a_few_lines():
    model = lambda x: torch.linalg.inv((x + 3).reshape(-1, 2, 2)).flatten(1).sum(1)  # noqa: E731
    x, b = draw(2, 4), draw(1, 4)
    with pytest.raises(MissingRuleError, match=r"rules=\{'linalg_inv_ex'"):
        attribute("deeplift_rescale", model, x, b)

    def inverse(site, m):  # A⁻¹ − B⁻¹ = −A⁻¹(A − B)B⁻¹
        y, y0 = site.y, site.y0
        return -(y.mT @ m @ y0.mT + y0.mT @ m @ y.mT) / 2

    result = attribute("deeplift_rescale", model, x, b, rules={"linalg_inv_ex": inverse})
    assert (result.gap.abs() < 1e-13 * result.player_scores.abs().sum(1)).all()


def test_a_rule_for_an_operation_that_has_a_formula():
    w = draw(3, 3)

    def model(x):
        return (x @ w).cumprod(1).sum(1)

    x, b = draw(2, 3), draw(1, 3)

    def cumprod(site, m):
        z, z0 = site.x[0], site.b[0].expand_as(site.x[0])
        found = torch.zeros_like(z)
        for k in range(3):  # Δ(z1…zk) one factor after the other
            for i in range(k + 1):
                found[:, i] += m[:, k] * z[:, :i].prod(1) * z0[:, i + 1 : k + 1].prod(1)
        return found

    result = attribute("deeplift_rescale", model, x, b, rules={"cumprod": cumprod})
    own = attribute("deeplift_rescale", model, x, b).player_scores
    assert not torch.allclose(result.player_scores, own)
    assert (result.gap.abs() < 1e-13 * result.player_scores.abs().sum(1)).all()


@pytest.mark.parametrize(
    ("rules", "error", "match"),
    [
        ({"layer1": lambda site, m: [m]}, OptionError, "no operation and no module.*modules: 0, 1, 2, 3, 4"),
        ({"relu": 3}, OptionError, "is a int; expected a Rule or a function"),
        ({"relu": lambda site, m: m[:, :1]}, ShapeError, "multiplier of shape"),
        ({"relu": lambda site, m: [m, m]}, ShapeError, "2 multipliers for 1 operands"),
    ],
)
def test_rules_that_do_not_fit_are_refused(rules, error, match):
    with pytest.raises(error, match=match):
        attribute("deeplift_rescale", perceptron("ReLU"), draw(2, 6), target=0, rules=rules)


def test_another_branch_on_the_baseline_is_refused():
    def model(x):
        return x.sum(1) if x.sum() > 0 else x.exp().sum(1)

    x = torch.ones(1, 3, dtype=D)
    with pytest.raises(CaptureError, match="another branch on the baseline"):
        record_at(model, (x,), None).against((-x,))


def test_a_number_read_from_a_value_is_refused():
    def model(x):
        return x.sum(1) * x.sum().item()

    x = torch.ones(1, 3, dtype=D)
    with pytest.raises(CaptureError, match=r"escaped the recording \(aten._local_scalar_dense.default reads"):
        record_at(model, (x,), None)


def test_balance_on_request_names_every_operation():
    result = attribute("deeplift_rescale", perceptron("ReLU"), draw(2, 6), target=0, balance=True)
    first = result.diagnostics["balance"][0]
    assert [entry["op"] for entry in first][-2:] == ["aten.relu.default", "aten.addmm.default"]
    assert all(abs(entry["remainder"]) < 1e-14 and not entry["shares"] for entry in first)
    assert type(result).from_dict(result.to_dict()).diagnostics["balance"] == result.diagnostics["balance"]


def test_the_model_is_untouched_after_success_and_failure():
    model = convolutional(nn.MaxPool2d(3, 2), nn.MaxPool2d(2))
    state = {k: v.clone() for k, v in model.state_dict().items()}
    x = draw(2, 2, 13, 13)

    def fails(site, m):
        raise KeyboardInterrupt

    attribute("deeplift_rescale", model, x, target=0)
    with pytest.raises(KeyboardInterrupt):
        attribute("deeplift_rescale", model, x, target=0, rules={"relu": fails})
    assert all(torch.equal(v, state[k]) for k, v in model.state_dict().items())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    assert all(p.requires_grad and p.grad is None for p in model.parameters())


def test_two_threads_give_the_answers_of_one():
    model, xs = perceptron("GELU"), [draw(3, 6, seed=s) for s in range(4)]
    alone = [attribute("deeplift_rescale", model, x, target=0).player_scores for x in xs]
    together = [None] * 4

    def work(k):
        together[k] = attribute("deeplift_rescale", model, xs[k], target=0).player_scores

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    [t.start() for t in threads], [t.join() for t in threads]
    for a, b in zip(alone, together, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-13, atol=1e-15)


def test_a_module_called_twice_and_a_functional_call_are_seen():
    model = seeded(
        lambda: Written(lambda m, x: torch.relu(m.a(m.l(m.a(m.l(x))))), l=nn.Linear(4, 4), a=nn.Tanh())
    )
    result = attribute("deeplift_rescale", model, draw(2, 4), draw(1, 4), target=1)
    assert (result.gap.abs() <= 1e-13 * result.player_scores.abs().sum(1)).all()
