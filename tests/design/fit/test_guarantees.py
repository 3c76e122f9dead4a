"""What a family keeps holds wherever its parameters are, and the built rule is the one that was scored."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import taylorattr as ta
from taylorattr.analysis.question import Question
from taylorattr.design.fit.examples import Examples, Source
from taylorattr.design.fit.freedom import LARGEST_THETA, freed
from tests.design.fit.models import every_pair, inputs, smooth

COMPLETE = {
    "weighted_shapley": {},
    "sharing": {},
    "sharing by coalitions": {"by": "coalitions"},
    "sharing of pairs": {"largest": 2},
    "ordered": {},
    "power_path": {},
    "degree_tilted": {},
    "mix": {"rules": ["integrated_gradients", "shapley"]},
}
NO_LEAK = {"semivalue": {}, "measure": {}, "measure beta": {"shape": "beta"}}


@pytest.mark.every(3)
@pytest.mark.parametrize("case", [*COMPLETE, *NO_LEAK])
@given(seed=st.integers(0, 2**31))
@settings(max_examples=6)
def test_criteria_hold_at_random_parameters(case, seed):
    n = 3
    free = freed(case.split()[0], n, (COMPLETE | NO_LEAK)[case])
    generator = np.random.default_rng(seed)
    theta = torch.from_numpy(generator.uniform(-LARGEST_THETA, LARGEST_THETA, free.count)).clone()
    rule = free.rule(free.parameters(free.rounded(free.natural(theta))), "anywhere")
    kappas = np.array([[1, 0, 0], [0, 2, 0], [1, 1, 0], [0, 3, 1], [2, 1, 1], [1, 0, 4]])
    context = rule.attributes.context(["a", "b", "c"], "anywhere") or None
    ratios = rule.rule.exact_ratios(kappas, context)
    assert (ratios[kappas == 0] == 0).all()  # exactly
    for criterion in free.keeps:
        level = "effect" if criterion == "coverage" else "term"
        assert rule.report.verdict(criterion, level=level).holds, criterion
    if case in COMPLETE:
        assert set(free.keeps) == {"coverage", "no_leak", "complete"}
        # exact, but for shares that no fraction equals
        assert (ratios.sum(1) == 1).all() or case == "degree_tilted"
        assert max(abs(float(s - 1)) for s in ratios.sum(1)) < 1e-12
    else:
        assert set(free.keeps) == {"no_leak"} and free.only_complete
    if case == "semivalue":
        assert ratios[0, 0] == 1 and ratios[1, 1] == 1  # independent effects stay whole, exactly
    if case == "measure":
        assert ratios[0, 0] == 1  # what is linear stays whole


@pytest.mark.parametrize("case", [*COMPLETE, *NO_LEAK])
def test_scores_of_the_search_are_those_of_the_built_rule(case):
    model, x = smooth(), inputs(4, 3) / 4
    if case == "degree_tilted":
        model = every_pair(3)
    source = Source(Question(model, (x,), dtype=None), [None])
    free = freed(case.split()[0], 3, (COMPLETE | NO_LEAK)[case])
    theta = torch.randn(free.count, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    natural = free.rounded(free.natural(theta))
    scores = free.scores(natural, Examples(source))[0]
    rule = free.rule(free.parameters(natural), "built")
    own = rule.attribute(model, x, **free.options).player_scores
    assert torch.allclose(scores, own, atol=2e-6 * float(own.abs().max()))  # quadratures of the rule: 1e-6
    rows = torch.tensor([2, 0, 2])
    if case != "power_path":
        assert torch.allclose(free.scores(natural, Examples(source).take(rows))[0], scores[rows], atol=1e-14)


@pytest.mark.parametrize("case", [*COMPLETE, *NO_LEAK])
def test_the_beginning_is_the_rule_that_it_is_called(case):
    model, x = smooth(), inputs(4, 3) / 4
    if case == "degree_tilted":
        model = every_pair(3)
    free = freed(case.split()[0], 3, (COMPLETE | NO_LEAK)[case])
    source = Examples(Source(Question(model, (x,), dtype=None), [None]))
    start = free.scores(free.rounded(free.natural(free.start())), source)[0]
    if case == "mix":
        names = ("integrated_gradients", "shapley")
        expected = sum(ta.attribute(name, model, x).player_scores for name in names) / 2
    else:
        expected = ta.attribute(free.neutral, model, x).player_scores
        assert torch.allclose(free.neutral_scores(source)[0], expected, atol=1e-9)
    assert torch.allclose(start, expected, atol=2e-6)


def test_a_mixture_keeps_what_its_parts_keep():
    leaky = freed("mix", 3, {"rules": ["occlusion_1", "shapley"]})
    assert set(leaky.keeps) == {"no_leak"}
    repaired = ta.design.repair("occlusion_1", name="occlusion_repaired_here")
    assert "complete" in freed("mix", 3, {"rules": [repaired, "integrated_gradients"]}).keeps


def test_numbers_on_the_grid_add_up_exactly():
    from taylorattr.design.fit.freedom import fractions_of, on_grid

    generator = torch.Generator().manual_seed(0)
    for n in (2, 5, 17):
        for _ in range(20):
            values = torch.rand(n, generator=generator, dtype=torch.float64)
            values = n * values / values.sum()
            rounded = on_grid(values, n)
            assert sum(fractions_of(rounded.tolist()), Fraction(0)) == n
            assert (rounded - values).abs().max() <= 1.01e-6 and (rounded >= 0).all()
