"""Mistakes that a type checker finds before the script runs, each on a line that ends in `# mistake`."""

import torch

import taylorattr as ta

model = torch.nn.Linear(3, 1)
x = torch.rand(2, 3)

effects = ta.decompose(model, x)
exact = ta.harsanyi(model, x)
scores = ta.attribute("shapley", model, x)
report = ta.check("shapley")
found = ta.reformulate("shapley", model, x)

ta.decompoze(model, x)  # mistake
ta.decompose(model, x, order="4")  # mistake
ta.decompose(model)  # mistake
ta.harsanyi(model, x, frame="bottom")  # mistake
exact.interactions_of_order_two()  # mistake
ta.attribute(model, x, method="shapley")  # mistake
scores.player_scores.no_such_method()  # mistake
ta.allocate(exact, "shapley")  # mistake
print(report.completeness)  # mistake
ta.reformulate("shapley", model, x, order=None)  # mistake
print(found.explain)  # mistake
ta.probe(3)  # mistake
ta.plot.heat_map(scores).savefig("map.png")  # mistake
ta.plot.by_order(scores)  # mistake
ta.graphs.allocated_effect("shapley", exact)  # mistake
ta.design.repair("occlusion_1", method="scale")  # mistake
ta.report(scores, "page.html")  # mistake
