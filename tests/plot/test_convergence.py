"""Bars are |order sums|, the curve is |remainder| after each order, dots are radii."""

import numpy as np
import pytest

from taylorattr.errors import OptionError
from taylorattr.plot import convergence
from tests.plot import results


def test_bars_and_curve_are_the_numbers_of_the_result():
    effects = results.taylor(4, 5)
    _, ax = convergence(effects)
    upper, lower = ax.child_axes
    tops = [bar.get_y() + bar.get_height() for bar in upper.patches]
    assert tops == pytest.approx(effects.by_order[0].abs().tolist())
    curve = next(line for line in upper.lines if line.get_gid() == "remainder")
    expected = np.abs(float(effects.delta[0]) - np.cumsum(effects.by_order[0].numpy()))
    assert curve.get_ydata() == pytest.approx(expected)
    radii = {c.get_gid(): [float(x) for x, _ in c.get_offsets()] for c in lower.collections}
    assert radii == {"trusted": [2.0, 10.0], "not trusted": [0.4]}  # no singularity stands at the edge


def test_a_series_that_ends_says_where():
    effects = results.taylor(2, 4)
    effects.values[:, effects.multi_indices.sum(1) > 2] = 0.0
    effects.delta[:] = effects.values.sum(1)
    _, ax = convergence(effects)
    label = ax.child_axes[0].get_xlabel()
    assert "sum 0 at order 3, 4" in label and "nothing remains from order 2 on" in label


def test_without_probed_rays_the_orders_fill_the_axes():
    effects = results.taylor(3, 3)
    effects.diagnostics.clear()
    _, ax = convergence(effects)
    assert len(ax.child_axes) == 1


def test_only_a_series_converges():
    with pytest.raises(OptionError, match="by_order"):
        convergence(results.harsanyi(3))
