"""Two measures on the straight path, and why Integrated Gradients is the only complete rule among them.

A rule that averages the gradients between baseline and input with a measure μ gives a term of order m the
weights κ_i M_{m−1}, M_k the moments of μ, eq. (70). They add up to m·M_{m−1}: complete means M_k = 1/(k + 1)
for every k, and a measure on [0, 1] is determined by its moments (Hausdorff), so it is the uniform one. Paths
on which the players move at different speeds are another matter: every monotone path is complete, eq. (64).
"""

# %%
from fractions import Fraction

import torch
from torch import nn

import taylorattr as ta

# %%
# Two densities: 2α looks near the input, 2(1 − α) near the baseline. The kit reads off their moments and how
# often they count a term of order m.

late = ta.design.measure("beta:2,1", "late")
early = ta.design.measure("beta:1,2", "early")
for rule in (late, early):
    counted = [sum(rule.ratio((m,))) for m in range(1, 5)]
    print(rule.name, rule.formula, [str(c) for c in counted])
    assert rule.report.no_leak.holds and rule.report.complete.status == "fails"
    assert rule.ways[0].name == "path"  # it costs what Integrated Gradients costs
assert [sum(late.ratio((m,))) for m in range(1, 4)] == [1, Fraction(4, 3), Fraction(3, 2)]  # 2m/(m + 1)
assert [sum(early.ratio((m,))) for m in range(1, 4)] == [1, Fraction(2, 3), Fraction(1, 2)]  # 2/(m + 1)

# %%
# Half of each is the uniform density, 2α/2 + 2(1 − α)/2 = 1, and the mixture is recognised as what it is.

half = ta.design.mix([late, early], [Fraction(1, 2), Fraction(1, 2)], "half_and_half")
assert half.recognised is not None and half.recognised.name == "integrated_gradients"
assert half.report.complete.holds

# %%
# No other mixture is complete, and whoever asks for a complete measure is told so.

for share in (Fraction(1, 3), Fraction(9, 10)):
    uneven = ta.design.mix([late, early], [share, 1 - share], f"uneven_{share.denominator}")
    assert uneven.report.complete.status == "fails"
try:
    ta.design.measure("beta:2,1", "wishful", complete=True)
except ta.errors.OptionError as error:
    print(error)
else:
    raise AssertionError("a measure that is not uniform was taken for complete")

# %%
# The argument itself: moments 1/(k + 1) up to some order are met by many measures, such as a quadrature.
# Gauss's with q nodes is complete for terms up to order 2q and fails at 2q + 1; only all moments force dα.

for nodes in (1, 2, 3):
    gauss = ta.design.quadrature("gauss_legendre", nodes, f"gauss_{nodes}")
    short = [float(1 - sum(gauss.ratio((m,)))) for m in range(1, 2 * nodes + 2)]
    assert max(map(abs, short[:-1])) < 1e-12 < abs(short[-1])
    print(f"{nodes} nodes: a term of order {2 * nodes + 1} is short of {short[-1]:.2e} of it")

# %%
# Monotone paths: player i arrives as t^{p_i}. Whatever the exponents, all three criteria hold, by theorem.

speeds = ([1, 2, 3, 4], [5, 1, 1, 5], [1, 1, 1, 1])
paths = [ta.design.power_path(p, f"path_{k}") for k, p in enumerate(speeds)]
for rule in paths:
    assert rule.report.coverage.holds and rule.report.no_leak.holds and rule.report.complete.holds
    assert not rule.unproved
assert paths[0].recognised is None and sum(paths[0].ratio((1, 1, 0, 3))) == 1

# %%
# On a network: the sums of the two measures miss f(x) − f(b) on either side, those of every path meet it.

torch.manual_seed(0)
network = nn.Sequential(nn.Linear(4, 24), nn.Tanh(), nn.Linear(24, 1)).double().eval()
x = 1.5 * torch.randn(5, 4, dtype=torch.float64)
gaps = {rule.name: ta.attribute(rule, network, x).gap.abs() for rule in (late, early, half, *paths)}
for name, gap in gaps.items():
    print(f"{name}: largest gap {float(gap.max()):.1e}")
scale = ta.attribute("integrated_gradients", network, x).player_scores.abs().sum(1)
assert float((gaps["late"] / scale).max()) > 0.01 and float((gaps["early"] / scale).max()) > 0.01
for name in ("half_and_half", "path_0", "path_1", "path_2"):
    assert float((gaps[name] / scale).max()) < 1e-5
# different complete rules are different: completeness leaves a choice
first, last = (ta.attribute(paths[k], network, x).player_scores for k in (0, 2))
assert float((first - last).abs().max()) > 0.01
integrated = ta.attribute("integrated_gradients", network, x).player_scores
assert torch.allclose(last, integrated, atol=1e-6)  # equal speeds: the straight path
