from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from taylorattr.effects.taylor_effects import TaylorEffects
from taylorattr.errors import OptionError, ShapeError
from taylorattr.maths.multi_index import enumerate_up_to
from taylorattr.maths.polynomials import by_support, evaluate, taylor_effects
from tests.strategies import points, polynomials

NAMES = ("radius", "texture")


def vector(*values):
    return torch.tensor([float(v) for v in values], dtype=torch.float64)


def from_terms(terms, n, order, *, names=None, f_baseline=0, delta=None, frame="baseline"):
    """TaylorEffects of one example from {κ: I(κ)}."""
    row = [float(terms.get(tuple(map(int, k)), 0)) for k in enumerate_up_to(n, order)]
    delta = vector(sum(terms.values()) if delta is None else delta)
    return TaylorEffects(
        values=torch.tensor([row], dtype=torch.float64),
        order=order,
        names=names or tuple(f"x{i}" for i in range(n)),
        frame=frame,
        delta=delta,
        f_input=delta + float(f_baseline),
        f_baseline=vector(f_baseline),
        converged=torch.tensor([True]),
        reasons=("polynomial",),
    )


@st.composite
def cases(draw):
    p = draw(polynomials())
    n = len(next(iter(p)))
    x, b = draw(points(n, denominator=2)), draw(points(n, denominator=2))
    return p, n, taylor_effects(p, x, b), x, b, draw(st.integers(1, 5))


@given(cases())
def test_parts_are_sums_of_terms(case):
    # values are dyadic rationals of few bits, so every float64 sum below is exact
    p, n, terms, x, b, order = case
    delta = evaluate(p, x) - evaluate(p, b)
    effects = from_terms(terms, n, order, f_baseline=evaluate(p, b), delta=delta)
    kept = {k: v for k, v in terms.items() if sum(k) <= order}
    unit = [tuple(int(i == j) for j in range(n)) for i in range(n)]
    assert effects.first_order[0].tolist() == [float(kept.get(e, 0)) for e in unit]
    alone = by_support(kept)
    assert effects.independent[0].tolist() == [float(alone.get((i,), 0)) for i in range(n)]
    assert torch.equal(effects.independent_high, effects.independent - effects.first_order)
    orders = [sum((v for k, v in kept.items() if sum(k) == m), Fraction(0)) for m in range(1, order + 1)]
    assert effects.by_order[0].tolist() == [float(v) for v in orders]
    assert effects.remainder.item() == float(delta - sum(kept.values()))
    interactions = effects.interactions
    assert interactions.truncated_at == order and interactions.largest_order == min(order, n)
    for position, coalition in enumerate(interactions.coalitions):
        expected = alone.get(coalition, 0) if coalition else evaluate(p, b)
        assert interactions.values[0, position].item() == float(expected)


@given(cases())
def test_lookup_by_powers_repeats_and_position(case):
    _, n, terms, _, _, order = case
    effects = from_terms(terms, n, order)
    for position, row in enumerate(effects.multi_indices):
        kappa = tuple(map(int, row))
        repeats = [i for i, k in enumerate(kappa) for _ in range(k)]
        value = effects.values[:, position]
        assert torch.equal(effects[tuple(reversed(repeats))], value)
        assert torch.equal(effects.effect({f"x{i}": k for i, k in enumerate(kappa)}), value)
    assert torch.equal(effects["x0"], effects.first_order[:, 0])


def test_top_and_labels():
    effects = from_terms({(1, 0): 3, (0, 2): -4, (1, 2): 12}, 2, 3, names=NAMES)
    (top,) = effects.top(5)
    assert [(e.name, e.value, e.key) for e in top] == [
        ("radius × texture²", 12.0, (1, 2)),
        ("texture²", -4.0, (0, 2)),
        ("radius", 3.0, (1, 0)),
    ]
    assert sum(e.share for e in top) == pytest.approx(1, abs=1e-15)


def test_remainder_share_when_nothing_or_everything_is_left():
    assert from_terms({(1,): 2}, 1, 1).remainder_share.tolist() == [0.0]
    assert from_terms({(1,): 2}, 1, 1, delta=4).remainder_share.tolist() == [0.5]
    assert from_terms({(1,): 0}, 1, 1, delta=0).remainder_share.tolist() == [0.0]
    assert from_terms({(1,): 2}, 1, 1, delta=0).remainder_share.tolist() == [float("inf")]


def test_the_constant_of_interactions_follows_the_frame():
    for frame, constant in (("baseline", 5.0), ("input", 7.0)):
        effects = from_terms({(1, 0): 2}, 2, 2, f_baseline=5, frame=frame)
        assert effects.interactions[()].item() == constant and effects.interactions.frame == frame


def test_repr_shows_what_a_reader_must_know():
    text = repr(from_terms({(1, 0): 3, (0, 2): 4}, 2, 2, names=NAMES, delta=8))
    for part in (
        "frame baseline",
        "order 2",
        "radius",
        "texture²",
        "delta = 8",
        "12.50%",
        "converged: polynomial",
    ):
        assert part in text


def test_what_is_not_in_the_table_is_refused():
    effects = from_terms({(1, 0): 3}, 2, 2)
    for call in (lambda: effects.order_values(3), lambda: effects[0, 0, 0], lambda: effects[()]):
        with pytest.raises(OptionError, match="is not in the table; it holds 1 … 2"):
            call()
    with pytest.raises(OptionError, match="no player is called 'x2'"):
        effects["x2"]


def test_parts_that_do_not_fit_are_refused():
    zero = vector(0)
    parts = dict(order=2, names=NAMES, frame="baseline", delta=zero, f_input=zero, f_baseline=zero)
    with pytest.raises(ShapeError, match=r"expected \(B, 5\), one column per multi-index of 2 players"):
        TaylorEffects(zero[None], converged=torch.tensor([True]), reasons=("",), **parts)
    with pytest.raises(ShapeError, match=r"converged has shape \(2,\)"):
        TaylorEffects(zero.expand(1, 5), converged=torch.tensor([True, True]), reasons=("",), **parts)
    with pytest.raises(ShapeError, match="0 reasons for 1 examples"):
        TaylorEffects(zero.expand(1, 5), converged=torch.tensor([True]), reasons=(), **parts)
