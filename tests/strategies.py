"""Hypothesis strategies several tests share."""

from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

from taylorattr.maths.multi_index import enumerate_up_to


@st.composite
def games(draw, min_players=0, max_players=5, batch=None):
    """Integer tables v of shape (2^n,), or (batch, 2^n): exact, so laws hold without a tolerance."""
    n = draw(st.integers(min_players, max_players))
    shape = (1 << n,) if batch is None else (batch, 1 << n)
    size = int(np.prod(shape))
    values = draw(st.lists(st.integers(-50, 50), min_size=size, max_size=size))
    return np.array(values, dtype=np.int64).reshape(shape)


@st.composite
def polynomials(draw, min_variables=1, max_variables=3, max_order=4, max_terms=6):
    """{κ: integer coefficient}, a few terms, constant term included at times."""
    n = draw(st.integers(min_variables, max_variables))
    multi_indices = [tuple(map(int, kappa)) for kappa in enumerate_up_to(n, max_order)] + [(0,) * n]
    chosen = draw(st.lists(st.sampled_from(multi_indices), min_size=1, max_size=max_terms, unique=True))
    coefficients = st.integers(-5, 5).filter(bool)
    return {kappa: draw(coefficients) for kappa in chosen}


@st.composite
def points(draw, n, denominator=4):
    """n exact rationals that floats hold exactly as well (denominators are powers of two)."""
    return tuple(Fraction(draw(st.integers(-8, 8)), denominator) for _ in range(n))
