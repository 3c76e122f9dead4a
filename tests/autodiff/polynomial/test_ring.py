"""Products of blocks against exact integer arithmetic: no tolerance."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from taylorattr.autodiff.polynomial import ring as ring_module
from taylorattr.autodiff.polynomial.ring import Ring
from tests.autodiff.polynomial.dictionary_polynomials import from_block, times, to_block

DEGREES = st.tuples(st.integers(1, 4), st.integers(0, 3), st.integers(0, 3), st.integers(0, 2**20))


def integers(seed: int, *shape: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(-9, 10, shape, generator=generator).double()


@given(DEGREES)
def test_multiply_is_the_product_of_polynomials(case):
    n, a, b, seed = case
    ring = Ring(n)
    x, y = integers(seed, ring.width(a), 2, 3), integers(seed + 1, ring.width(b), 2, 3)
    product = ring.multiply(x, a, y, b)
    for e in range(2):
        for unit in range(3):
            exact = times(from_block(x[:, e, unit], n, a), from_block(y[:, e, unit], n, b))
            assert (product[:, e, unit] == to_block(exact, n, a + b)).all()


@given(DEGREES)
def test_row_loop_equals_one_call(case):
    n, a, b, seed = case
    ring = Ring(n)
    x, y = integers(seed, ring.width(a), 1, 4), integers(seed + 1, ring.width(b), 1, 4)
    together = ring.multiply(x, a, y, b)
    limit, ring_module.ONE_CALL_ELEMENTS = ring_module.ONE_CALL_ELEMENTS, 0
    try:
        assert (ring.multiply(x, a, y, b) == together).all()
        assert (ring.multiply(x, a, y, b, together.clone()) == 2 * together).all()
    finally:
        ring_module.ONE_CALL_ELEMENTS = limit


@given(DEGREES)
def test_square_is_the_product_with_itself(case):
    n, a, _, seed = case
    ring = Ring(n)
    x = integers(seed, ring.width(a), 2, 3)
    assert (ring.square(x, a) == ring.multiply(x, a, x, a)).all()


@given(DEGREES)
def test_powers_of_a_linear_form(case):
    n, d, _, seed = case
    ring = Ring(n)
    v = integers(seed, n, 1, 2)
    power, product = v, v
    for degree in range(2, d + 2):
        power = ring.next_power(v, degree, power)
        product = ring.multiply(v, 1, product, degree - 1)
        assert torch.allclose(power, product, rtol=1e-14, atol=0)  # d/κ_i is not always a whole number


@given(DEGREES)
def test_large_squares_and_products_are_written_in_pieces(case):
    n, a, b, seed = case
    ring = Ring(n)
    v = integers(seed, n, 2, 3)
    x, y = integers(seed, ring.width(a), 1, 2, 2, 3), integers(seed + 1, ring.width(b), 1, 2, 3, 2)
    square, product = ring.next_power(v, 2, v), ring.matmul(x, a, y, b)
    limits = ring_module.LARGE_SQUARE, ring_module.ONE_CALL_ELEMENTS
    ring_module.LARGE_SQUARE = ring_module.ONE_CALL_ELEMENTS = 0
    try:
        assert (ring.next_power(v, 2, v) == square).all()
        assert (ring.matmul(x, a, y, b) == product).all()
    finally:
        ring_module.LARGE_SQUARE, ring_module.ONE_CALL_ELEMENTS = limits


@given(DEGREES)
def test_matmul_multiplies_matrices_of_polynomials(case):
    n, a, b, seed = case
    ring = Ring(n)
    x, y = integers(seed, ring.width(a), 2, 3, 2, 4), integers(seed + 1, ring.width(b), 2, 3, 4, 3)
    product = ring.matmul(x, a, y, b)
    slow = sum(
        ring.multiply(x[..., :, k, None].contiguous(), a, y[..., k, None, :].contiguous(), b)
        for k in range(4)
    )
    assert (product == slow).all()
    assert (ring.matmul(x, a, y, b, product.clone()) == 2 * product).all()


@given(DEGREES)
def test_contract_sums_the_product_over_units(case):
    n, a, b, seed = case
    ring = Ring(n)
    for examples in (1, 3):
        x, y = integers(seed, ring.width(a), examples, 5), integers(seed + 1, ring.width(b), examples, 5)
        out = integers(seed + 2, ring.width(a + b), examples)
        expected = out + ring.multiply(x, a, y, b).sum(-1)
        ring.contract(x, a, y, b, out)
        assert (out == expected).all()


def test_value_shapes_broadcast():
    ring = Ring(2)
    x, y = integers(1, 2, 1, 3, 1), integers(2, 3, 1, 1, 4)
    wide = ring.multiply(x.expand(2, 1, 3, 4), 1, y.expand(3, 1, 3, 4), 2)
    assert (ring.multiply(x, 1, y, 2) == wide).all()


def test_rays_are_multiplied_one_by_one():
    x, y = integers(1, 1, 5, 3), integers(2, 1, 5, 3)
    assert (Ring(1).multiply(x, 2, y, 3) == x * y).all()
