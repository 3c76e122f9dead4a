"""Bars are the largest interactions, dots say who takes part, the title what the others amount to."""

import numpy as np
import pytest

from taylorattr.errors import OptionError
from taylorattr.plot import upset
from taylorattr.plot.labels import number
from tests.plot import results


@pytest.mark.parametrize("effects", [results.harsanyi(5), results.harsanyi(60, 2), results.taylor(6, 3)])
@pytest.mark.parametrize("least", (1, 2))
def test_bars_and_dots_are_the_effects_and_their_players(effects, least):
    table = getattr(effects, "interactions", effects)
    _, ax = upset(effects, 8, min_order=least, players=40)
    upper, lower = ax.child_axes
    bars = [bar.get_height() for bar in upper.patches]
    wanted = [e for e in table.top(10**6)[0] if len(e.key) >= least]
    assert bars[:8] == pytest.approx([e.value for e in wanted[:8]])
    rest = [e.value for e in wanted[8:]]
    assert bars[8] == pytest.approx(sum(rest))
    assert (
        f"sum to {number(sum(rest))}, Σ|·| {number(float(np.abs(rest).sum()), sign=False)}"
        in ax.get_title("left")
    )
    rows = [label.get_text() for label in lower.get_yticklabels()]
    marks = {c.get_gid(): c.get_offsets() for c in lower.collections if c.get_gid()}
    for column, effect in enumerate(wanted[:8]):
        assert len(marks[f"members:{column}"]) == len(effect.key)
        assert {x for x, _ in marks[f"members:{column}"]} == {float(column)}
    assert len(rows) == len({i for e in wanted[:8] for i in e.key})


def test_players_without_a_row_are_counted_in_one():
    _, ax = upset(results.harsanyi(60, 2), 10, players=5)
    lower = ax.child_axes[1]
    rows = [label.get_text() for label in lower.get_yticklabels()]
    assert len(rows) == 5 and rows[-1].endswith("other players")


def test_bad_input():
    with pytest.raises(OptionError, match="largest coalition"):
        upset(results.harsanyi(5, 1))
    with pytest.raises(OptionError, match="k=0"):
        upset(results.harsanyi(5), 0)
