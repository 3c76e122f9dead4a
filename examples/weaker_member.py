"""Invent a rule: every interaction goes to the weaker of its members.

Integrated Gradients favours the player with the larger exponent, Shapley shares equally. Here the member with
the *smaller* exponent gets the term — in x²y it is y that adds what was not there before — or the member that
is weaker by a number known of each player. Both are checked, compared with what exists, and run.
"""

# %%
import warnings
from fractions import Fraction

import numpy as np
import torch

import taylorattr as ta
from taylorattr.demo.breast_cancer import study
from taylorattr.demo.one_prediction import choose_cases


def weaker(kappa: tuple[int, ...]) -> list[Fraction]:
    """Return equal shares for the members with the smallest exponent, 0 for everybody else."""
    least = min(power for power in kappa if power)
    chosen = [power == least for power in kappa]
    return [Fraction(int(each), sum(chosen)) for each in chosen]


# %%
# One line makes it a rule: it is tried on every small term, told what it keeps, and computed.

rule = ta.design.rule("to_the_weaker", weaker, complete=True)
print(rule, "\n")
assert rule.recognised is None  # nobody has named it
verdicts = {v.criterion: v.status for v in rule.report.verdicts if v.frame == "baseline"}
assert set(verdicts.values()) == {"holds"}
assert rule.ratio((2, 1, 0)).tolist() == [0, 1, 0]  # Integrated Gradients: ⅔, ⅓
assert rule.ratio((1, 1, 3)).tolist() == [Fraction(1, 2), Fraction(1, 2), 0]

# %%
# On f = 3x₀ + x₁² + 3x₀x₁² at (1, 2): effects 3, 4 and 12. The interaction has x₁ twice, so x₀ gets it all.

x = torch.tensor([[1.0, 2.0]])
by_hand = ta.attribute(rule, lambda z: 3 * z[:, 0] + z[:, 1] ** 2 + 3 * z[:, 0] * z[:, 1] ** 2, x, order=5)
assert torch.allclose(by_hand.player_scores, torch.tensor([[3 + 12.0, 4]], dtype=torch.float64), atol=1e-5)

# %%
# On a network: ten measurements of a breast-cancer case, the log-odds of a malignant tumour. A rule that
# reads exponents and is no path has no integral; it is the weighted sum of Taylor effects, and what the
# orders leave out is said. The case is the demonstration's, whose series is seen to converge.

trained = study()
players = ta.Players.columns(trained.measurements)
chosen, _ = choose_cases(trained, players, order=4)
case = trained.cases[chosen : chosen + 1].double()
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    scores = ta.attribute(rule, trained.network, case, players=players, dtype=torch.float64, order=5)
effects = ta.decompose(trained.network, case, order=5, players=players)
shared = rule.allocate(effects)
print(scores.summary(5))
assert torch.allclose(scores.player_scores, shared.player_scores, atol=1e-12)
assert scores.diagnostics["way"] == "terms"
# complete: all terms of the table are handed out, and the gap is what the table leaves out
assert torch.allclose(scores.gap, effects.remainder, atol=1e-12)
(estimate,) = scores.diagnostics["error"]["relative"]
missing = float(scores.gap.abs() / scores.player_scores.abs().sum())
print(f"left out of the scores: estimated {estimate:.1%}, in sum {missing:.1%}")
assert 0 < missing <= estimate < 0.05
# above one per cent the estimate is not passed over in silence
assert any("are not enough for 1 example(s)" in str(warning.message) for warning in caught)

# %%
# What did the choice change? Terms of one player go to that player under every rule without leak; the rules
# differ in the interactions alone.

integrated = ta.allocate("integrated_gradients", effects)
change = shared.player_scores - integrated.player_scores
moved = float(change.abs().sum()) / 2
assert abs(float(change.sum())) < 1e-12  # nothing is made or lost
names = np.array(players.names)
most = int(change[0].abs().argmax())
print(f"{moved:.3f} changes hands; most at {names[most]}: {float(change[0, most]):+.3f}")
together = effects.interactions.values[0, 1:].abs().sum() - effects.independent.abs().sum()
assert 0 < moved <= float(together)  # at most what players do together

# %%
# The second way to be weak: by a number known of each player, here how little its mean correlates with the
# diagnosis. The ratio reads coalitions only, and so it is exact for every model, without a series. It has a
# name too: in proportion to 1/strength it is a weighted Shapley value.

strength = {}
for name, columns in trained.measurements.items():
    both = torch.stack([trained.cases[:, columns[0]], trained.malignant.float()])
    strength[name] = round(0.05 + float(torch.corrcoef(both)[0, 1].abs()), 3)


def in_proportion(S: tuple[int, ...], strength: list[float]) -> list[float]:
    """Return shares of the members of S in proportion to 1/strength."""
    total = sum(1 / strength[j] for j in S)
    return [1 / strength[i] / total for i in S]


softly = ta.design.rule("weaker_gets_more", in_proportion, attributes={"strength": strength})
weighted = ta.design.weighted_shapley({name: 1 / value for name, value in strength.items()}, "by_weakness")
soft = ta.attribute(softly, trained.network, case, players=players, dtype=torch.float64)
known = ta.attribute(weighted, trained.network, case, players=players, dtype=torch.float64)
assert soft.diagnostics["way"] == "coalitions"
assert torch.allclose(soft.player_scores, known.player_scores, atol=1e-10)
assert float(soft.gap.abs()) < 1e-10
# what the function only shows on small terms, the family proves for all
assert softly.unproved and not weighted.unproved
print(soft.summary(5))
