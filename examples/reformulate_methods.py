"""What scores are made of: three methods on a polynomial, fourteen on a trained network, one on cells.

A reformulation puts the scores a method computes in its own way beside Σ_κ w_i(κ) I(κ), the same from effects
and ratios, and says what separates the two.
"""

# %%
from dataclasses import replace
from fractions import Fraction

import torch
from digits_cnn import images
from digits_cnn import make as convolutional_network
from sympy import Rational

import taylorattr as ta
from taylorattr.demo.breast_cancer import study
from taylorattr.demo.methods_beside_sums import (
    case_and_references,
    exact_ones_agree,
    methods_beside_sums,
    table_text,
)


def f(x: torch.Tensor) -> torch.Tensor:
    """Return 3r + r²t + 2rts for rows x = (r, t, s), shape (B, 3) -> (B,)."""
    r, t, s = x.T
    return 3 * r + r**2 * t + 2 * r * t * s


x = torch.tensor([[1.0, 2.0, 3.0]])
players = ta.Players.elements(x, names=("radius", "texture", "symmetry"))

# %%
# Three effects at x = (1, 2, 3) with baseline 0: I(radius) = 3, I(radius², texture) = 2 and
# I(radius, texture, symmetry) = 12. Integrated Gradients hands a term out by its exponents, κ_i/m.

integrated = ta.reformulate("integrated_gradients", f, x, players=players, order=3)
print(integrated, "\n")

third, two_thirds = Fraction(1, 3), Fraction(2, 3)
assert integrated.sentence("radius") == (
    "a_radius = ⅓·I(radius, texture, symmetry) + 1·I(radius) + ⅔·I(radius², texture)"
)
assert [(term.weight, term.value) for term in integrated.terms("radius")] == [
    (third, 12.0),
    (1, 3.0),
    (two_thirds, 2.0),
]
expected = torch.tensor([[4 + 3 + 4 / 3, 4 + 2 / 3, 4]], dtype=torch.float64)
assert torch.allclose(integrated.direct.player_scores, expected)
assert torch.allclose(integrated.allocated.player_scores, expected) and integrated.explained.all()

# %%
# Which effect gave how much to whom: a row per term, a column per input. Every row adds up to its effect, and
# so the scores add up to f(x) − f(b) = 17.

matrix = integrated.matrix()
assert torch.allclose(matrix.sum(1), integrated.effects[0].values[0])
assert torch.isclose(matrix.sum(), integrated.direct.delta[0])

# %%
# The Shapley value does not look at exponents: radius² × texture is halved, the interaction of three divided
# by three. It needs coalitions only, so the same sentence is exact for every model.

shapley = ta.reformulate("shapley", f, x, players=players)
print(shapley.sentence("radius"))
assert shapley.sentence("radius") == (
    "a_radius = ⅓·J(radius, texture, symmetry) + 1·J(radius) + ½·J(radius, texture)"
)
assert torch.allclose(shapley.matrix().sum(0), torch.tensor([8.0, 5.0, 4.0], dtype=torch.float64))

# %%
# Gradient × Input counts a term once for each power, so that the scores add up to 45 instead of 17. Seen from
# the input it is the first-order effect there, and nothing else.

gradient = ta.reformulate("gradient_x_input", f, x, players=players, order=3)
print(gradient.sentence("radius"))
assert [term.weight for term in gradient.terms("radius")] == [1, 2, 1]
assert float(gradient.direct.gap) == 17 - 45

seen_from_x = ta.reformulate("gradient_x_input", f, x, players=players, order=3, frame="input")
assert seen_from_x.sentence("radius") == "a_radius = 1·Iˣ(radius)"
assert torch.equal(seen_from_x.direct.player_scores, gradient.direct.player_scores)

# %%
# Fourteen methods on a network trained on real data: 10 measurements behind 30 features are the players,
# except for SmoothGrad, whose noise is drawn for every feature (terms up to order 3). Elsewhere terms are cut
# at order 4. What that leaves out is bounded, what nodes and samples change is added, and together they must
# explain the difference. Methods made of coalitions, or of units, leave nothing out.

trained = study()
measurements = ta.Players.columns(trained.measurements)
case, references = case_and_references(trained.cases, 49)
rows = methods_beside_sums(trained.network, case, measurements, references, names=trained.features)
print(table_text(rows))
assert len(rows) == 14 and all(row.explained for row in rows)
assert exact_ones_agree(rows, 1e-12)

by_name = {row.method: row.reformulation for row in rows}
for name in ("integrated_gradients", "shapley", "deeplift_rescale"):
    print(by_name[name].summary(k=1, terms=4), "\n")

# The bound follows the order down.
errors = []
for order in (2, 4, 6):
    result = ta.reformulate("integrated_gradients", trained.network, case, players=measurements, order=order)
    assert result.explained.all()
    errors.append(float(result.relative_difference[0]))
assert errors[2] < errors[1] < errors[0] and errors[2] < 1e-3

# %%
# Grad-CAM shares out the effects of the cells of a layer. Behind pool2 the head is linear: first order is
# everything, and cells that are 0 enter by their coefficients. Behind relu2 a max-pool bends the head at
# A = 0; in the frame of the input first order is everything for any head.

network = convolutional_network()
digit_images, digits = (part[-2:] for part in images())
for layer, rule in (("pool2", "grad_cam/coefficients"), ("relu2", "grad_cam/input")):
    cells = ta.reformulate("grad_cam", network, digit_images, target=digits, layer=layer, relu=False, order=1)
    assert cells.rule == rule and cells.explained.all()
    print(cells.summary(k=1, examples=1, terms=3), "\n")

# %%
# A ratio that is off by one percent is noticed: nothing explains the difference it makes.

right = ta.RULES["shapley"]
wrong = replace(right, symbolic=right.symbolic * Rational(101, 100))
off = ta.allocate(wrong, ta.harsanyi(f, x, players=players)).player_scores
assert ((off - shapley.direct.player_scores).abs() > shapley.allowed).all()
