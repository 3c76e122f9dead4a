"""Witnesses are real: the method itself, on the polynomial or unit of the witness, breaks the criterion."""

import re
from fractions import Fraction

import pytest
import torch

import taylorattr as ta

TERM = re.compile(r"x([₀-₉])([⁰¹²³⁴-⁹]?)")
DIGITS = {"₁": 1, "₂": 2, "₃": 3, "²": 2, "³": 3, "⁴": 4, "": 1}


def parsed(witness):
    """Return exponents, the context as text, weights and total of a witness about one term."""
    said, found = witness.rsplit(": weights (", 1)
    weights, total = found.split("), in total ")
    term, _, context = said.partition(" at ")
    exponents = {DIGITS[player]: DIGITS[power] for player, power in TERM.findall(term)}
    values = [float(Fraction(w.replace("−", "-"))) for w in weights.split(", ")]
    return exponents, context, values, float(Fraction(total.replace("−", "-")))


def monomial_at(centre, exponents):
    """Return Π (y_i − centre)^κ_i, whose only effect in the frame of the centre is this term."""

    def f(x):
        return torch.stack([(x[:, i - 1] - centre) ** k for i, k in exponents.items()]).prod(0)

    return f


POLYNOMIALS = [
    ("gradient_x_input", "complete", {}),
    ("gradient_x_input/input", "coverage", {}),
    ("gradient_x_input/input", "complete", {}),
    ("occlusion_1", "complete", {}),
    ("occlusion_1/input", "coverage", {}),
    ("occlusion_1/input", "complete", {}),
    ("occlusion_patch", "no_leak", {"windows": [[0, 1]]}),
    ("occlusion_patch", "complete", {"windows": [[0, 1]]}),
    ("occlusion_patch/shared", "no_leak", {"windows": [[0, 1]], "overlap": "shared"}),
    ("smooth_grad", "complete", {"mode": "exact", "stdev": 1.0}),
    ("prediction_difference", "complete", {}),
]


@pytest.mark.parametrize(("rule", "criterion", "options"), POLYNOMIALS)
def test_the_method_breaks_it_on_that_polynomial(every, rule, criterion, options):
    verdict = every[rule].verdict(criterion)
    exponents, _, weights, total = parsed(verdict.witness)
    frame = verdict.frame
    f = monomial_at(0.0 if frame == "baseline" else 1.0, exponents)
    n = len(weights)
    x, b = torch.ones(1, n, dtype=torch.float64), torch.zeros(1, n, dtype=torch.float64)
    effect = (f(x) - f(b)).item()
    model = f if rule != "smooth_grad" else Polynomial(exponents).eval()
    b = b.repeat(2, 1) if rule == "prediction_difference" else b  # it averages over several
    scores = ta.attribute(rule.partition("/")[0], model, x, b, **options).player_scores[0] / effect
    assert torch.allclose(scores, torch.tensor(weights, dtype=torch.float64), atol=1e-12)
    broken = {
        "coverage": not scores.any(),
        "no_leak": any(scores[i] for i in range(n) if i + 1 not in exponents),
        "complete": abs(scores.sum() - 1) > 1e-9,
    }
    assert broken[criterion] and abs(scores.sum() - total) < 1e-12


class Polynomial(torch.nn.Module):
    """A monomial as a module of products, which the exact mode of SmoothGrad takes."""

    def __init__(self, exponents):
        super().__init__()
        self.exponents = exponents

    def forward(self, x):
        out = torch.ones_like(x[:, 0])
        for i, k in self.exponents.items():
            for _ in range(k):
                out = out * x[:, i - 1]
        return out


def test_gradient_times_input_loses_an_effect(every):
    """2x₁ − x₁² at 1, eq. (12): an effect of 1, a gradient of 0."""
    assert every["gradient_x_input"].coverage.witness.startswith("2·x₁ − x₁²:")
    x, b = torch.ones(1, 1, dtype=torch.float64), torch.zeros(1, 1, dtype=torch.float64)
    result = ta.attribute("gradient_x_input", lambda x: 2 * x[:, 0] - x[:, 0] ** 2, x, b)
    assert result.player_scores.abs().max() == 0 and result.gap.item() == 1


def unit(weights, bias=None):
    """Return relu(w·x + c) as a network."""
    linear = torch.nn.Linear(len(weights), 1, bias=bias is not None).double()
    with torch.no_grad():
        linear.weight.copy_(torch.tensor([weights]))
        if bias is not None:
            linear.bias.fill_(bias)
    return torch.nn.Sequential(linear, torch.nn.ReLU()).eval()


def scores(method, model, x, **options):
    x = torch.tensor([x], dtype=torch.float64)
    return ta.attribute(method, model, x, **options).player_scores[0].tolist()


def test_lrp_epsilon_is_incomplete_on_its_unit(every):
    _, context, weights, _ = parsed(every["lrp_epsilon"].complete.witness)
    assert context == "c = 0, ε = 1/10, u = (1)"
    # the unit lies behind no other: z/d is met once at the linear layer
    found = scores("lrp_epsilon", unit([1.0]), [1.0], epsilon=0.1)
    assert found == pytest.approx(weights, rel=1e-12)


def test_lrp_epsilon_loses_an_effect_beside_its_constant(every):
    """c = 1, u = 1, effect 1 beside I(0) = −1: relu(1 − x₁) at 2 is such a unit with both signs turned."""
    assert "beside I(0) = −1" in every["lrp_epsilon"].coverage.witness
    model = unit([-1.0], 1.0)
    assert scores("lrp_epsilon", model, [2.0], epsilon=0.0) == [0.0]
    assert (model(torch.tensor([[2.0]]).double()) - model(torch.zeros(1, 1).double())).item() == -1


def test_lrp_alpha_beta_gives_a_pure_term_to_the_other_group(every):
    """x₁ − x₂ at (3, 1) has the effects 3 and −1; α = 1 gives 2 and 0: the second player's effect leaks."""
    exponents, context, weights, _ = parsed(every["lrp_alpha_beta"].no_leak.witness)
    assert exponents == {2: 1} and "u = (1, −1)" in context and weights == [1, 0]
    model = torch.nn.Sequential(torch.nn.Linear(2, 1, bias=False)).double().eval()
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[1.0, -1.0]]))
    assert scores("lrp_alpha_beta", model, [3.0, 1.0], alpha=1.0) == pytest.approx([2.0, 0.0])


@pytest.mark.filterwarnings("ignore:lrp_alpha_beta found 1 units:taylorattr.errors.PrecisionWarning")
def test_lrp_alpha_beta_is_incomplete_where_a_group_is_empty(every):
    """relu(x₁ + x₂) with α = 2 hands out twice its value, eq. (34)."""
    assert "some u_i < 0" in every["lrp_alpha_beta"].complete.condition
    assert sum(scores("lrp_alpha_beta", unit([1.0, 1.0]), [1.0, 1.0], alpha=2.0)) == pytest.approx(4.0)


def test_grad_cam_of_two_cells_of_mixed_sign():
    """y = A₁A₂ at (−1, 1) with a general head: both positions get 0, docs/theory.md row 5."""
    rule = ta.RULES["grad_cam/general"]
    shares = rule.ratio((1, 1), {"c": [[0, 1]], "A": [[-1, 1]]})
    assert not any(shares)
