"""Monomials as models: one effect each, at points that tell rules apart."""

import numpy as np
import pytest
import torch

import taylorattr as ta
from taylorattr.criteria.probe.monomials import Monomial, probe_points, ratios, scores
from taylorattr.criteria.probe.rule_from_monomials import classify
from taylorattr.maths.multi_index import enumerate_up_to


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_settings_are_generic(n):
    one, two, three = probe_points(n, np.random.default_rng(n))
    assert (np.sign(one.delta) == np.sign(two.delta)).all()
    assert (np.sign(one.delta) != np.sign(three.delta)).sum() == 1
    for where in (one, two, three):
        sizes = np.sort(np.abs(where.delta))
        assert (np.diff(sizes) > 0.01).all() and (np.abs(sizes - 1) > 0.01).all()
        assert (where.baseline != 0).all()
    assert not np.allclose(np.abs(one.delta), np.abs(two.delta))


def test_a_monomial_is_one_effect():
    (where, *_) = probe_points(3, np.random.default_rng(0))
    f = Monomial((2, 0, 1), where.baseline, 1.5)
    x, b = (torch.from_numpy(v)[None] for v in (where.x, where.baseline))
    effects = ta.decompose(f, x, b, order=4)
    live = {
        tuple(k): float(v) for k, v in zip(effects.multi_indices.tolist(), effects.values[0], strict=True)
    }
    own = live.pop((2, 0, 1))
    assert own == pytest.approx(1.5 * where.delta[0] ** 2 * where.delta[2], rel=1e-12)
    assert all(abs(v) < 1e-12 for v in live.values())


def test_kinds():
    where = probe_points(3, np.random.default_rng(0))
    kappas = enumerate_up_to(3, 4).astype(int)
    slack = np.full((3, len(kappas), 3), 1e-9)

    def kind(name, **context):
        read_off = [
            ta.RULES[name].ratios(kappas, {k: getattr(s, v) for k, v in context.items()}) for s in where
        ]
        return classify(np.stack(read_off), slack, kappas, where)[0]

    assert kind("integrated_gradients") == "U"
    assert kind("shapley") == "S"
    assert kind("deeplift_reveal_cancel", u="delta") == "G"
    assert kind("lrp_alpha_beta", u="delta") == "X"
    assert kind("gradient_x_input/plain_x", x="x", Delta="delta") == "X"


def test_a_wrong_number_of_scores_is_told():
    (where, *_) = probe_points(2, np.random.default_rng(0))
    with pytest.raises(ta.errors.ShapeError, match=r"gave 3 numbers, shape \(3,\), for 2 players"):
        scores(lambda f, x, b: torch.zeros(3), Monomial((1, 0), where.baseline), where.x, where.baseline)
    with pytest.raises(ta.errors.NonFiniteError, match="nan"):
        ratios(lambda f, x, b: torch.full((2,), float("nan")), np.array([[1, 0]]), where)
