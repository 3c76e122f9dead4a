from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from taylorattr.maths.mobius import mobius
from taylorattr.maths.polynomials import by_support, evaluate, taylor_effects
from taylorattr.maths.subsets import Coalitions
from tests.strategies import points, polynomials


@given(st.data(), polynomials())
def test_effects_sum_to_delta_and_supports_are_mobius_effects(data, p):
    n = len(next(iter(p)))
    x, b = data.draw(points(n)), data.draw(points(n))
    effects = taylor_effects(p, x, b)
    assert sum(effects.values()) == evaluate(p, x) - evaluate(p, b)
    coalitions = Coalitions(n)
    v = [evaluate(p, [x[i] if i in t else b[i] for i in range(n)]) for t in coalitions]
    effect = mobius(np.array(v, dtype=object))
    sums = by_support(effects)
    assert all(effect[i] == sums.get(c, 0) for i, c in enumerate(coalitions) if c)


def test_hand_worked_effects():
    p = {(1, 0): 3, (0, 2): 1, (1, 2): 3}
    assert taylor_effects(p, (1, 2), (0, 0)) == {(1, 0): 3, (0, 2): 4, (1, 2): 12}
    half = Fraction(1, 2)
    assert taylor_effects({(2,): 1}, (1,), (half,)) == {(1,): half, (2,): Fraction(1, 4)}
