"""What a user writes: every public name, and what is read from results. Checkers accept it, and it runs."""

import tempfile
from pathlib import Path
from typing import assert_type, cast

import matplotlib.figure
import networkx as nx
import numpy as np
import sympy as sp
import torch

import taylorattr as ta

torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1)).eval()
x = torch.rand(2, 4)
folder = Path(tempfile.mkdtemp())

# arguments that all examples share
weighted = ta.attribute(
    "gradient_x_input",
    lambda z, weights: (z @ weights)[:, 0],
    x,
    additional_forward_args=ta.shared(torch.ones(4, 1)),
)
assert_type(weighted, ta.Attribution)

# decompose
players = ta.Players.elements(x, names=["height", "width", "depth", "mass"])
effects = ta.decompose(model, x, order=4, players=players)
assert_type(effects, ta.TaylorEffects)
print(
    effects.first_order.shape, effects.by_order.sum(), effects.remainder.abs().max(), effects.converged.all()
)
exact = ta.harsanyi(model, x, players=players)
assert_type(exact, ta.HarsanyiEffects)
assert_type(effects.interactions, ta.HarsanyiEffects)
shapley_values = exact.index("SV")
assert_type(shapley_values, ta.InteractionIndex)
for largest in exact.top(3):  # of each example
    assert_type(largest, list[ta.Effect])
by_degree = ta.degree_by_support(model, x, order=3)
assert_type(by_degree, tuple[ta.HarsanyiEffects, ...])
second = ta.hessian(model, x)
assert_type(second, torch.Tensor)
product = ta.hvp(model, x, torch.ones_like(x))
hessians = ta.integrated_hessians(model, x)
assert_type(hessians, ta.IntegratedHessians)
a, b = sp.symbols("a b")
symbolic = ta.symbolic_effects(3 * a + b**2 + 3 * a * b**2, (a, b), (1, 2))
assert_type(symbolic, ta.SymbolicEffects)

# attribute
scores = ta.attribute("integrated_gradients", model, x, baselines=0, target=0, players=players)
assert_type(scores, ta.Attribution)
assert_type(scores.player_scores, torch.Tensor)
assert_type(scores.gap, torch.Tensor)
if isinstance(scores.scores, torch.Tensor):
    print(scores.scores.sum(), scores.method, scores.frame)
print(*ta.METHODS)
image = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 3)).eval()
heat = ta.attribute("gradient_x_input", image, torch.rand(1, 1, 4, 4), target=2)
several = ta.attribute("occlusion_1", image, torch.rand(1, 1, 4, 4), outputs="all")
each = cast(ta.ByOutput[ta.Attribution], several)
assert_type(each[2], ta.Attribution)
print([each[output].gap for output in each])

# many questions to one model, and whole data sets
prepared = ta.prepare(model, target=0, like=x)
assert_type(prepared, ta.Prepared)
assert_type(prepared.decompose(x, order=2), ta.TaylorEffects)
assert_type(prepared.attribute("shapley", x), ta.Attribution)
assert_type(ta.harsanyi(prepared, x), ta.HarsanyiEffects)
rows = ta.map_dataset("harsanyi", prepared, torch.rand(6, 4))
assert_type(rows, ta.DatasetResult)
print(len(rows), rows.concat())

# systems beside the methods, and extensions of them
print(*ta.SYSTEMS, *ta.EXTENSIONS)
inverses = ta.MIPIN(image, top="logits").fit(torch.rand(20, 1, 4, 4))
assert_type(inverses, ta.MIPIN)
assert_type(inverses.contrast(torch.rand(1, 1, 4, 4), 2), torch.Tensor)
print(inverses.report(torch.rand(20, 1, 4, 4)).complete)
gated = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.ReLU(), torch.nn.Linear(6, 2)).eval()
pruning = ta.prune(gated, torch.rand(2, 4), target=0, sparsity=0.5)
assert_type(pruning, ta.Pruning)
assert_type(pruning.summary(), str)
ta.plot.kept_neurons(pruning, torch.rand(2, 4))

# many players
pairs = ta.interactions(model, x, order=2, budget=1_000)
assert_type(pairs, ta.Interactions)
assert_type(pairs.top(3)[0], list[ta.Interaction])
game = ta.coalition_game(model, x)
assert_type(game, ta.CoalitionGame)
print(pairs["x0", "x1"], pairs.way, game.values([[1] * game.n]))

# reformulate
found = ta.reformulate("integrated_gradients", model, x, order=6)
assert_type(found, ta.Reformulation)
print(found.sentence("x0"), found.explained, found.difference.abs().max())
shared = ta.allocate("shapley", exact)
assert_type(shared, ta.Attribution)
assert_type(ta.RULES["shapley"], ta.AllocationRule)
print(ta.RULES["shapley"].symbolic, ta.RULES["integrated_gradients"].ratio([1, 2]))

# check, probe, audit
on_paper = ta.check("occlusion_1")
assert_type(on_paper, ta.CriteriaReport)
assert_type(on_paper.complete, ta.Verdict)
table = ta.check(["shapley", "occlusion_1"])
assert_type(table, ta.CriteriaTable)


probed = ta.probe("occlusion_1", n_players=2, order=3)
assert_type(probed, ta.ProbedRule)
on_network = ta.audit("occlusion_1", model, x)
assert_type(on_network, ta.AuditReport)
print(on_network.complete.status, on_network.complete.holds, on_network.leak, on_network.deficit)
wrapped = ta.binds(lambda model, baselines, target: lambda inputs: torch.zeros_like(inputs))

# graphs
graph = ta.interaction_graph(effects, top=5)
assert_type(graph, nx.Graph)
hypergraph = ta.interaction_hypergraph(exact, max_order=2)
compared = ta.compare_graphs(graph, ta.interaction_graph(exact))
assert_type(compared, ta.graphs.GraphComparison)
assert_type(ta.graphs.to_adjacency(graph), np.ndarray)
print(ta.graphs.centrality(graph), ta.graphs.communities(graph), ta.graphs.strongest_cliques(graph)[:1])
again = ta.graphs.read_graph(ta.graphs.write_graph(graph, folder / "graph.json"))
concepts = ta.graphs.sparse_concepts(exact, 0.9)
assert_type(ta.graphs.allocated_effects("shapley", exact), ta.HarsanyiEffects)
averaged = ta.graphs.dataset_graph(exact, n_bootstrap=20)

# plot
for figure, axes in (
    ta.plot.allocation_flow(found),
    ta.plot.by_order(effects),
    ta.plot.comparison([scores, shared]),
    ta.plot.convergence(effects),
    ta.plot.graph_comparison(compared),
    ta.plot.heat_map(heat),
    ta.plot.hypergraph(hypergraph),
    ta.plot.network(graph),
    ta.plot.sentence(scores),
    ta.plot.top_effects(effects, 5),
    ta.plot.upset(exact),
    ta.plot.waterfall(exact),
    ta.plot.beeswarm(exact),
    ta.plot.importance(exact),
):
    assert_type(figure, matplotlib.figure.Figure)
    axes.set_title("a title")
with ta.plot.palette("orange-purple"):
    ta.plot.top_effects(exact)

# design
mine = ta.design.rule("my_rule", lambda kappa: np.asarray(kappa) / sum(kappa))
assert_type(mine, ta.design.DesignedRule)
mixed = ta.design.mix(["shapley", "occlusion_1"], [0.5, 0.5])
print(mixed.report.complete.holds, ta.design.repair("occlusion_1").rule.name, ta.design.recognise(mine.rule))
checked = ta.design.verify(mine, laws=["allocation"], raises=False)
assert_type(checked, ta.design.Verification)
print(ta.attribute(mine, model, x).player_scores)
ta.design.save(mixed, folder / "mixed.json")
assert_type(ta.design.load(folder / "mixed.json"), ta.design.DesignedRule)

# evaluation
ranks = ta.evaluation.ranking(scores.player_scores)
assert_type(ranks, torch.Tensor)
curves = ta.evaluation.player_curves(model, x, scores)
assert_type(curves, ta.evaluation.PlayerCurves)
print(ta.evaluation.aup(curves.deletion), ta.evaluation.recovery_curve(exact, scores.player_scores).shape)

# files, the page, errors
exact.save(folder / "exact.npz")
assert_type(ta.HarsanyiEffects.load(folder / "exact.npz"), ta.HarsanyiEffects)
page = ta.report(folder / "page.html", effects, exact, scores, found, on_paper, on_network, title="a page")
assert_type(page, Path)
try:
    ta.harsanyi(model, torch.rand(1, 4), max_evaluations=2)
except ta.errors.BudgetError as error:
    print(error)
