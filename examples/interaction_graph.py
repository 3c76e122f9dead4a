"""Interaction graphs of a network on breast-cancer data: one case, two classes, what a method makes of them.

The network and the data are those of ``taylorattr demo``. Ten measurements, each with its mean, error and
worst value, are the players; their 2¹⁰ effects are exact.
"""

# %%
import tempfile
from pathlib import Path

import taylorattr as ta
from taylorattr.demo.breast_cancer import study
from taylorattr.graphs import (
    allocated_effects,
    backbone,
    communities,
    dataset_graph,
    read_graph,
    sparse_concepts,
    strongest_cliques,
    weighted_degree,
    write_graph,
)

trained = study()
players = ta.Players.columns(trained.measurements)
malignant, benign = trained.cases[trained.malignant][:24], trained.cases[~trained.malignant][:24]
effects = ta.harsanyi(trained.network, malignant, players=players)

# %%
# One case. Nodes are what each measurement does alone, edges what pairs do beyond that.

graph = ta.interaction_graph(effects)
strongest = sorted(graph.edges(data="strength"), key=lambda edge: -abs(edge[2]))[:5]
print(
    f"delta {graph.graph['delta']:+.3f}; nodes and edges hold {graph.graph['shown_share']:.1%} of Σ|effects|"
)
for one, other, strength in strongest:
    print(f"  {strength:+.4f}  {one} × {other}")

alone = sum(graph.nodes[name]["independent"] for name in graph)
pairs = sum(strength for *_, strength in graph.edges(data="strength"))
larger = effects.by_order[0, 2:].sum().item()
left = effects.order_values(2)[0].sum().item() - pairs  # pairs no larger than rounding
assert abs(left) < 1e-9
assert abs(alone + pairs + larger - graph.graph["delta"]) < 1e-9  # 1023 numbers of size 1

# %%
# With all orders folded into pairs (Shapley-Taylor), nodes and edges add up to delta by themselves.

folded = ta.interaction_graph(effects, index="STII", threshold=0.0)
total = sum(folded.nodes[name]["independent"] for name in folded)
total += sum(strength for *_, strength in folded.edges(data="strength"))
assert abs(total - graph.graph["delta"]) < 1e-9
assert abs(folded.graph["shown_share"] - 1.0) < 1e-9

# %%
# It is a networkx graph, so everything networkx knows applies; some measures have names here.

degrees = weighted_degree(folded)
print("most interacting:", ", ".join(sorted(degrees, key=lambda name: -degrees[name])[:3]))
print("communities:", [sorted(group) for group in communities(folded)])
print("strongest triangle:", strongest_cliques(folded, 3, 1)[0].members)
assert backbone(folded).number_of_edges() == len(folded) - 1

concepts = sparse_concepts(effects, 0.9)
print(f"{len(concepts.effects)} of {2**10 - 1} effects bring the sum within a tenth of delta for good")
assert abs(concepts.delta - concepts.explained) <= 0.1 * abs(concepts.delta)

# %%
# Many cases: the mean of every edge, how sure it is, and in how many cases it has that sign.

many = dataset_graph(effects)
for one, other, edge in sorted(many.edges(data=True), key=lambda edge: -edge[2]["weight"])[:5]:
    print(
        f"  {edge['strength']:+.4f} [{edge['low']:+.4f}, {edge['high']:+.4f}]  same sign in "
        f"{(1 + edge['stability']) / 2:.0%} of {many.graph['inputs']} cases  {one} × {other}"
    )
    assert edge["low"] <= edge["strength"] <= edge["high"]

# %%
# Two classes: do malignant and benign cases interact in the same way? Cases change sides 999 times.

others = ta.harsanyi(trained.network, benign, players=players)
between = ta.compare_graphs(effects, others)
print(between)
within = ta.compare_graphs(
    ta.harsanyi(trained.network, malignant[::2], players=players),
    ta.harsanyi(trained.network, malignant[1::2], players=players),
)
print(f"malignant against malignant: p = {within.p_value:.2f}")
assert between.p_value is not None and between.p_value < 0.01
assert within.p_value is not None and within.p_value > 0.05

# %%
# A method against the effects: Occlusion-1 hands every pair out twice, the Shapley value once.

for rule, factor in (("occlusion_1", 2.0), ("shapley", 1.0)):
    handed = ta.interaction_graph(allocated_effects(rule, effects), threshold=0.0)
    for one, other, strength in strongest:
        assert abs(handed.edges[one, other]["strength"] - factor * strength) < 1e-9

# %%
# Files that other programs open, and that read back exactly; a picture.

with tempfile.TemporaryDirectory() as folder:
    for suffix in (".graphml", ".gexf", ".json", ".dot"):
        again = read_graph(write_graph(graph, Path(folder) / f"case{suffix}"))
        assert dict(again.nodes) == dict(graph.nodes) and again.graph == graph.graph
        assert all(again.edges[pair] == graph.edges[pair] for pair in graph.edges)
    figure, _ = ta.plot.network(many)
    figure.savefig(Path(folder) / "malignant.png", dpi=150)
    figure, _ = ta.plot.hypergraph(effects)
    figure.savefig(Path(folder) / "case.png", dpi=150)
