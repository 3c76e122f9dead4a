"""Tables of effects with numbers that add up exactly."""

import numpy as np
import torch
from hypothesis import strategies as st

from taylorattr.effects.coalition_table import HarsanyiEffects


def harsanyi_of(values, names=None, frame="baseline", max_order=None):
    """Effects J(S), shape (B, C), as a result."""
    values = torch.as_tensor(np.atleast_2d(values), dtype=torch.float64)
    n = int(np.log2(values.shape[1])) if names is None else len(names)
    total = values[:, 1:].sum(1)
    return HarsanyiEffects(
        values=values,
        names=tuple(names or (f"p{i}" for i in range(n))),
        frame=frame,
        delta=total,
        f_input=values[:, 0] + total,
        f_baseline=values[:, 0],
        max_order=max_order,
    )


@st.composite
def effect_tables(draw, min_players=1, max_players=5, min_batch=1, max_batch=1):
    """Full tables of whole numbers: sums are exact."""
    n = draw(st.integers(min_players, max_players))
    batch = draw(st.integers(min_batch, max_batch))
    numbers = st.lists(st.integers(-20, 20), min_size=batch << n, max_size=batch << n)
    return harsanyi_of(np.array(draw(numbers), dtype=float).reshape(batch, 1 << n))
