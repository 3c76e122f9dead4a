"""The cells are the scores, the others' row their sum, and the last rows Σ scores and f(x) − f(b)."""

import numpy as np
import pytest

from taylorattr.errors import OptionError
from taylorattr.plot import comparison
from taylorattr.plot.labels import number
from tests.plot import results


@pytest.mark.parametrize("n", (1, 5, 60))
@pytest.mark.parametrize("relative", (False, True))
def test_the_columns_add_up_to_the_scores(n, relative):
    given = [results.attribution(n, seed=seed) for seed in range(4)]
    _, ax = comparison(given, relative=relative)
    table = np.asarray(ax.images[0].get_array())
    scores = np.stack([a.player_scores[0].numpy() for a in given])
    if relative:
        scores = scores / np.abs(scores).sum(axis=1, keepdims=True)
    assert table.sum(axis=0) == pytest.approx(scores.sum(axis=1))
    assert len(table) == min(n, 13)
    if n == 60:
        assert ax.get_yticklabels()[12].get_text() == "48 others together"
        kept = {round(float(v), 12) for v in table[:12].ravel()}
        assert kept <= {round(float(v), 12) for v in scores.ravel()}
    texts = [text.get_text() for text in ax.texts]
    assert texts[-8:-4] == [number(float(v)) for v in scores.sum(axis=1)]


def test_different_players_are_refused():
    with pytest.raises(OptionError, match="same players"):
        comparison([results.attribution(5), results.attribution(4)])
    with pytest.raises(OptionError, match="at least one"):
        comparison([])
    with pytest.raises(OptionError, match="as a list"):
        comparison(results.attribution(5))
    with pytest.raises(OptionError, match="2 labels for 1"):
        comparison([results.attribution(5)], labels=["a", "b"])
