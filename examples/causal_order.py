"""A rule for players that come in an order: size first, then shape, texture last.

The Shapley value shares every interaction equally. Where some players come before others — a tumour's size
before its texture — one may want the earlier ones to keep all that they explain alone, and the later ones to
get what they add. That is a random order that goes stage by stage; all three criteria hold, by theorem.
"""

# %%
import torch

import taylorattr as ta
from taylorattr.demo.breast_cancer import study

trained = study()
players = ta.Players.columns(trained.measurements)  # 30 columns as 10 measurements: mean, error, worst
cases = trained.cases[:6].double()

STAGES = {"radius": 0, "perimeter": 0, "area": 0, "texture": 2}
stages = {name: STAGES.get(name, 1) for name in players.names}

# %%
# The rule: an effect goes to its members of the latest stage, equally.

rule = ta.design.ordered(stages, "size_before_texture")
print(rule, "\n")
verdicts = rule.report
assert verdicts.coverage.holds and verdicts.no_leak.holds and verdicts.complete.holds and not rule.unproved

ordered = ta.attribute(rule, trained.network, cases, players=players, dtype=torch.float64)
shapley = ta.attribute("shapley", trained.network, cases, players=players, dtype=torch.float64)
assert ordered.diagnostics["way"] == "coalitions"  # 2^10 of them: exact
for scores in (ordered, shapley):
    assert float(scores.gap.abs().max()) < 1e-10

# %%
# What it promises can be read off the network itself: the first stage gets together what the model says when
# it knows the size alone, the second what shape adds to that, texture the rest.

size = [k for k, name in enumerate(players.names) if stages[name] == 0]
shape = [k for k, name in enumerate(players.names) if stages[name] == 1]
(texture,) = (k for k, name in enumerate(players.names) if stages[name] == 2)


def knowing(members: list[int]) -> torch.Tensor:
    """Return the network's output with the columns of some measurements, the rest at the average patient."""
    known = torch.zeros_like(cases)
    for member in members:
        columns = trained.measurements[players.names[member]]
        known[:, columns] = cases[:, columns]
    with torch.no_grad():
        return trained.network.double()(known).squeeze(1)


values = [knowing(members) for members in ([], size, size + shape, [*size, *shape, texture])]
for members, before, after in zip((size, shape, [texture]), values, values[1:], strict=False):
    assert torch.allclose(ordered.player_scores[:, members].sum(1), after - before, atol=1e-10)

# %%
# What changed against Shapley: effects that cross stages, and no others. The difference of the scores is the
# sum of these effects, weighted with the difference of the shares.

effects = ta.harsanyi(trained.network, cases, players=players)
expected = torch.zeros_like(ordered.player_scores)
crossing = torch.zeros(len(cases), dtype=torch.float64)
for mask in range(1, 1 << len(stages)):
    members = [k for k in range(len(stages)) if mask >> k & 1]
    levels = [stages[players.names[k]] for k in members]
    if len(set(levels)) == 1:
        continue
    last = [k for k, level in zip(members, levels, strict=True) if level == max(levels)]
    crossing += effects.values[:, mask].abs()
    expected[:, last] += effects.values[:, mask, None] / len(last)
    expected[:, members] -= effects.values[:, mask, None] / len(members)
difference = ordered.player_scores - shapley.player_scores
assert torch.allclose(difference, expected, atol=1e-10)
assert bool((difference.abs().sum(1) / 2 <= crossing).all())

for case in range(2):
    largest = difference[case].abs().argsort(descending=True)[:4].tolist()
    print(f"case {case}: effects across stages {float(crossing[case]):.3f}; gained or lost by the order:")
    for k in largest:
        before, after = (float(scores.player_scores[case, k]) for scores in (shapley, ordered))
        print(f"  {players.names[k]:<18} {before:+.3f} -> {after:+.3f}")

# %%
# Both ends of the family: everybody in one stage is Shapley; everybody in a stage of one's own is the
# marginal contributions in that order.

together = ta.design.ordered(dict.fromkeys(players.names, 0), "all_at_once")
alike = ta.attribute(together, trained.network, cases, players=players, dtype=torch.float64)
assert torch.allclose(alike.player_scores, shapley.player_scores, atol=1e-10)

one_by_one = ta.design.ordered(list(range(len(stages))), "one_by_one")
chain = ta.attribute(one_by_one, trained.network, cases, players=players, dtype=torch.float64).player_scores
steps = [knowing(list(range(k))) for k in range(len(stages) + 1)]
assert torch.allclose(chain, torch.stack(steps, 1).diff(dim=1), atol=1e-10)

# %%
# For many players the orders are drawn, stage by stage, with standard errors. Here both can be had and agree.

drawn = ta.attribute(
    rule, trained.network, cases, players=players, dtype=torch.float64, way="samples", samples=400
)
assert drawn.standard_errors is not None
apart = (drawn.player_scores - ordered.player_scores).abs()
assert bool((apart <= 5 * drawn.standard_errors + 1e-12).all())
# orders telescope: sums, also those of the stages, have no error at all
assert float(drawn.gap.abs().max()) < 1e-10
assert torch.allclose(drawn.player_scores[:, size].sum(1), values[1] - values[0], atol=1e-10)
worst, error = float(apart.max()), float(drawn.standard_errors.max())
print(f"drawn orders: off by at most {worst:.1e}, standard error {error:.1e}")
