"""Terms read off by interpolation, against the ratios that theory states."""

import numpy as np
import pytest
import torch

import taylorattr as ta
from taylorattr.criteria.audit.term_audit import audit_terms
from tests.criteria.networks import smooth
from tests.methods.networks import points

X = torch.tensor([[0.8, -0.6]], dtype=torch.float64)


def polynomial(x):
    return x[:, 0] ** 2 * x[:, 1] + 3 * x[:, 0] * x[:, 1] + x[:, 1] ** 3 - x[:, 0]


@pytest.mark.parametrize("name", ["gradient_x_input", "integrated_gradients"])
def test_ratios_of_a_polynomial_are_those_of_the_rule(name):
    report = audit_terms(name, polynomial, X, order=3, **({} if name[0] == "g" else {"n_steps": 4}))
    exact = ta.decompose(polynomial, X, order=3)
    # the inverse Vandermonde matrix of nine nodes amplifies rounding, by up to 1e4 on these powers
    assert torch.allclose(report.effects, exact.values, atol=1e-10)
    for m, kappa in enumerate(report.multi_indices.tolist()):
        expected = np.asarray(ta.RULES[name].ratio(kappa), dtype=float)
        given = torch.from_numpy(expected) * exact.values[0, m]
        assert torch.allclose(report.allocation[0, :, m], given.double(), atol=1e-9)


def test_gradients_count_a_term_of_order_k_k_times_and_complete_rules_once():
    model, x = smooth(2, 4), 0.3 * points(1, 2, seed=5)
    gradient = audit_terms("gradient_x_input", model, x, target=0)
    assert gradient.slope[0].tolist() == pytest.approx([1, 2, 3], rel=1e-3)  # the series is cut at 9 nodes
    for name in ("deeplift_rescale", "shapley"):
        report = audit_terms(name, model, x, target=0)
        assert float(report.deficit.max()) < 1e-7 and float(report.tail[0]) < 1e-4


def test_a_leak_of_one_term_is_seen():
    def wrong(rows):
        scores = ta.attribute("shapley", polynomial, rows).scores.clone()
        scores[:, 1] += 0.01 * rows[:, 0] ** 2
        return scores

    report = audit_terms(wrong, polynomial, X)
    leak = report.allocation[0, 1, report.multi_indices.tolist().index([2, 0])]
    assert float(leak) == pytest.approx(0.01 * 0.64, abs=1e-9)
    assert float(report.leak[0, 1]) > 1e-3 and float(report.leak[0, 2]) < 1e-8


def test_kinks_show_in_the_tail():
    smooth_one = audit_terms("shapley", polynomial, X)
    kinked = audit_terms("shapley", lambda x: torch.relu(x[:, 0] + x[:, 1] + 0.1), X)
    # rounding is amplified by 1e4 for each player, more on the highest powers
    assert float(smooth_one.tail[0]) < 1e-5 < 1e-3 < float(kinked.tail[0])


def test_the_report_reads_back(tmp_path):
    report = audit_terms("shapley", polynomial, X)
    report.save(tmp_path / "r.json")
    assert repr(type(report).load(tmp_path / "r.json")) == repr(report) and "counted" in repr(report)
    assert repr(report).startswith("Terms of shapley: 2 players, ")


def test_grids_beyond_the_limit_are_refused():
    with pytest.raises(ta.errors.BudgetError, match="points"):
        audit_terms("shapley", smooth(6, 1), points(1, 6), target=0)
    with pytest.raises(ta.errors.OptionError, match="order"):
        audit_terms("shapley", polynomial, X, order=3, nodes=3)
