"""Black boxes with ratios known by construction, some with a planted defect.

They answer monomials and sums of these from their table and refuse everything else, as a method does that has
only effects. ``python -m tests.criteria.plants 400 7`` prints how many are named and caught, drawn by seed 7.
"""

from __future__ import annotations

import collections
import sys
from dataclasses import dataclass, field

import numpy as np
import torch

from taylorattr.allocation import RULES
from taylorattr.criteria import ProbedRule, probe
from taylorattr.criteria.probe.monomials import Monomial, SumOfModels
from taylorattr.maths.multi_index import enumerate_up_to

DEFECTS = ("one ratio off by 1 %", "leak of one term", "order dropped", "sign error")


@dataclass
class Table:
    """attribute_fn whose ratios are a rule's, with entries of κ changed."""

    rule: str
    context: dict = field(default_factory=dict)
    changed: dict = field(default_factory=dict)
    """κ -> function of the row w(κ)."""

    def __call__(self, f, x, b):
        if isinstance(f, SumOfModels):
            return sum(self(part, x, b) for part in f.parts)
        if not isinstance(f, Monomial):
            raise TypeError("only monomials")
        delta = (x - b)[0].numpy()
        known = {"Delta": delta, "x": x[0].numpy(), "u": delta, **self.context}
        rule = RULES[self.rule]
        row = rule.ratios(np.array([f.kappa]), {k: v for k, v in known.items() if k in rule.needs})[0]
        if f.kappa in self.changed:
            row = self.changed[f.kappa](row)
        return row * np.prod(delta ** np.array(f.kappa)) * f.scale


def bases(n):
    return [
        Table("gradient_x_input"),
        Table("integrated_gradients"),
        Table("occlusion_1"),
        Table("shapley"),
        Table("semivalue/banzhaf"),
        Table("measure/first_order"),
        Table("gradient_x_input/plain_x"),
        Table("smooth_grad", {"sigma": np.linspace(0.2, 0.5, n)}),
        Table("deeplift_reveal_cancel"),
        Table("lrp_alpha_beta"),
        Table("deep_taylor"),
    ]


def plant(defect, n, order, base, random):
    """The box with a defect, and the κ it is at."""
    kappas = [tuple(k) for k in enumerate_up_to(n, order).tolist()]
    plain = Table(base.rule, base.context)
    given = {k: plain(Monomial(k, np.zeros(n)), *_at(n)) for k in kappas}
    if defect == "order dropped":
        held = sorted({sum(k) for k in kappas if np.abs(given[k]).max() > 0})
        m = held[random.integers(len(held))]
        where = [k for k in kappas if sum(k) == m and np.abs(given[k]).max() > 0]
        change = {k: (lambda row: 0 * row) for k in where}
    elif defect == "leak of one term":
        where = [k for k in kappas if sum(k) == 3 and min(k) == 0]
        where = [where[random.integers(len(where))]]
        player = int(random.choice(np.flatnonzero(np.array(where[0]) == 0)))
        change = {where[0]: lambda row: row + 0.1 * (np.arange(n) == player)}
    else:
        where = [k for k in kappas if np.abs(given[k]).max() > 0]
        where = [where[random.integers(len(where))]]
        player = int(np.abs(given[where[0]]).argmax())
        factor = 1.01 if defect.startswith("one") else -1.0
        change = {where[0]: lambda row: np.where(np.arange(n) == player, factor * row, row)}
    return Table(base.rule, base.context, change), set(where)


def _at(n):
    """x and b with Δ of alternating signs, as in the first setting of a probe."""
    x = torch.linspace(0.7, 1.6, n, dtype=torch.float64) * (-1.0) ** torch.arange(n)
    return x[None], torch.zeros(1, n, dtype=torch.float64)


def outcome(found: ProbedRule, rule: str, where: set) -> str:
    """What became of a box: named rightly, accused; caught and localised, caught elsewhere, missed."""
    if not where:
        return "named" if rule in (found.name, *found.same_ratio) else "accused"
    if found.name:
        return "missed"
    same = found.nearest == rule or RULES[found.nearest].symbolic == RULES[rule].symbolic
    return "localised" if same and {kappa for kappa, *_ in found.misfits} == where else "caught"


def confusion(count, seed=0):
    random = np.random.default_rng(seed)
    table = collections.Counter()
    for at in range(count):
        n = int(random.choice([3, 4]))
        choice = bases(n)
        base = choice[random.integers(len(choice))]
        if at % 2:
            defect = DEFECTS[random.integers(len(DEFECTS))]
            box, where = plant(defect, n, 4, base, random)
        else:
            defect, box, where = "none", base, set()
        found = probe(box, n_players=n, order=4, seed=int(random.integers(1 << 30)))
        result = outcome(found, base.rule, where)
        table[defect, result] += 1
        if result in ("accused", "missed", "caught"):
            print(
                defect, result, base.rule, sorted(where)[:4], found.nearest, found.misfits[:3], found.distance
            )
    return table


if __name__ == "__main__":
    for (defect, result), number in sorted(confusion(*map(int, sys.argv[1:])).items()):
        print(f"{defect:24} {result:10} {number}")
