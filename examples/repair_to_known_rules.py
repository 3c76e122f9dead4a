"""From Gradient × Input by repair to Integrated Gradients, and from Occlusion-1 to the Shapley value.

Both give effects away too often: a term of order m m times, an effect of s players s times. A repair makes a
rule complete, and each of these two becomes one that has been known for decades: the kit recognises it, and
the network's scores are those of the method.
"""

# %%
from fractions import Fraction

import torch
from torch import nn

import taylorattr as ta

# %%
# Step 1: what is wrong. Gradient × Input has the ratio κ_i, Occlusion-1 the ratio 1[i ∈ S].

gradient = ta.design.attributor("gradient_x_input")
occlusion = ta.design.attributor("occlusion_1")
assert gradient.ratio((2, 1)).tolist() == [2, 1] and occlusion.ratio((2, 1)).tolist() == [1, 1]
assert gradient.report.complete.status == occlusion.report.complete.status == "fails"
print(gradient.report.complete.witness, "|", occlusion.report.complete.witness)

# %%
# Step 2: two repairs. Members' weights divided by their sum, eq. (54): κ_i/m. Or the nearest complete row,
# what is lacking added in equal parts, eq. (53): 1 + (1 − s)/s = 1/s.

integrated = ta.design.repair(gradient, "normalise", "gradient_normalised")
shapley = ta.design.repair(occlusion, "project", "occlusion_projected")
print(integrated.formula, "|", shapley.formula)
assert integrated.recognised is not None and shapley.recognised is not None
assert str(integrated.recognised) == "integrated_gradients (by algebra)"
assert str(shapley.recognised) == "shapley (by algebra)"
assert integrated.ratio((2, 1)).tolist() == [Fraction(2, 3), Fraction(1, 3)]
assert not integrated.unproved and not shapley.unproved  # all three criteria are proved, for every term

# %%
# The repair matters: Gradient × Input *projected* is another rule, with negative weights; on the simplex the
# larger exponent takes all (55).

projected = ta.design.repair(gradient, "project", "gradient_projected")
simplex = ta.design.repair(gradient, "simplex", "gradient_on_the_simplex")
assert projected.ratio((1, 5)).tolist() == [Fraction(-3, 2), Fraction(5, 2)]
assert simplex.ratio((1, 5)).tolist() == [0, 1]
assert projected.recognised is None and projected.report.complete.holds
# and a rule that needs no repair is left as it is
again = ta.design.repair(shapley, "project", "projected_twice")
assert again.recognised is not None and again.recognised.name == "shapley"

# %%
# Step 3: on a network the repaired rules give what the known methods give.

torch.manual_seed(0)
layers = nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 8), nn.Tanh(), nn.Linear(8, 3)
network = nn.Sequential(*layers).double().eval()
x = torch.randn(4, 6, dtype=torch.float64)
for repaired, name in ((integrated, "integrated_gradients"), (shapley, "shapley")):
    ours = ta.attribute(repaired, network, x, target=1)
    theirs = ta.attribute(name, network, x, target=1)
    assert ours.diagnostics["way"] == "method"  # what a rule equals, it is computed as
    assert torch.equal(ours.player_scores, theirs.player_scores)
    # it is not only renamed: the same scores come out of the repaired ratio and the network's effects
    if name == "shapley":
        table = ta.attribute(repaired, network, x, target=1, way="coalitions")
        assert torch.allclose(table.player_scores, theirs.player_scores, atol=1e-12)
    print(f"{repaired.name}: gap {float(ours.gap.abs().max()):.1e}")
    assert float(ours.gap.abs().max()) < 1e-6

small = 0.2 * x
series = ta.attribute(integrated, network, small, target=1, way="terms", order=6)
path = ta.attribute("integrated_gradients", network, small, target=1)
assert torch.allclose(series.player_scores, path.player_scores, atol=1e-5)  # what order 6 leaves out

# %%
# Step 4: before and after, in sum. Unrepaired scores do not add up to f(x) − f(b), repaired ones do.

for before, after in ((gradient, integrated), (occlusion, shapley)):
    gaps = [ta.attribute(rule, network, x, target=1).gap.abs().mean() for rule in (before, after)]
    print(f"{before.name}: gap {float(gaps[0]):.3f} -> {float(gaps[1]):.1e}")
    assert float(gaps[0]) > 100 * float(gaps[1])
