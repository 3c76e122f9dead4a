from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from taylorattr.methods.relevance.maths.reveal_cancel import general_map, regrouped, relabelled, relu_map

D = torch.float64
EPS = torch.finfo(D).eps


def draw(n, seed, growth):
    """Points, and A ≥ |Δ| of which a fifth is |Δ| itself: one part is empty."""
    generator = torch.Generator().manual_seed(seed)
    z0, z, more = torch.randn(3, n, dtype=D, generator=generator)
    more[::5] = 0
    return z0, z, (z - z0).abs() + growth * more.abs()


def exact_relu(z0, z, spread):
    """Eq. (41) in exact arithmetic: both parts and their effects."""

    def relu(a):
        return max(a, Fraction(0))

    z0, z, spread = (Fraction(float(a)) for a in (z0, z, spread))
    delta = z - z0
    rise, fall = (delta + spread) / 2, (delta - spread) / 2
    up = (relu(z0 + rise) - relu(z0) + relu(z) - relu(z0 + fall)) / 2
    down = (relu(z0 + fall) - relu(z0) + relu(z) - relu(z0 + rise)) / 2
    return (rise, up), (fall, down)


@given(seed=st.integers(0, 10**6), growth=st.sampled_from([0.1, 1.0, 1e4, 1e8, 1e12]))
def test_slopes_of_relu_are_the_exact_ones(seed, growth):
    """Where a part is no rounding, its slope, in [0, 1]; and of every part the effect, to eps of A and z."""
    z0, z, spread = draw(10, seed, growth)
    p, r, ends, _ = relu_map(z0, z, z0.relu(), z.relu(), spread)
    for i in range(10):
        small = 8 * EPS * float(spread[i] + z0[i].abs() + z[i].abs())
        groups = exact_relu(z0[i], z[i], spread[i])
        assert abs(float(ends[i]) - float(groups[0][1] - groups[1][1])) <= small
        for (part, effect), found in zip(groups, (p[i] + r[i], p[i] - r[i]), strict=True):
            assert abs(float(found) * float(part) - float(effect)) <= small
            if abs(part) > 0.01 * float(spread[i]):
                assert abs(float(found) - float(effect / part)) <= small / abs(float(part))


UNITS = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "softplus": torch.nn.functional.softplus,
    "silu": torch.nn.functional.silu,
    "falling": lambda z: -torch.nn.functional.gelu(z),
    "abs": torch.abs,
}


def unit_map(name, z0, z, spread):
    unit = UNITS[name]

    def slope(a, b):
        flat = a == b
        return torch.where(flat, 0.5, (unit(b) - unit(a)) / torch.where(flat, 1.0, b - a))

    effect = unit(z) - unit(z0)
    return *general_map(z0, z, effect, spread, slope, slope), effect


@pytest.mark.parametrize("growth", [1.0, 1e4, 1e8])
@pytest.mark.parametrize("name", UNITS)
def test_what_comes_in_goes_out_however_large_the_parts(name, growth):
    """sD + d·A_out = s_inΔ + d_inA to eps of its terms, for d of the size 1/A as in a walk."""
    z0, z, spread = draw(200, 3, growth)
    p, r, ends, effect = unit_map(name, z0, z, spread)
    s, d = torch.randn(2, 200, dtype=D, generator=torch.Generator().manual_seed(5))
    d = d / (1 + spread)
    for unit, out in (relabelled(p, r, ends, effect), regrouped(p, r, effect)):
        s_in, d_in = unit.pull(s, d)
        after, before = s * effect + d * out, s_in * (z - z0) + d_in * spread
        terms = (s * effect).abs() + (d * out).abs() + (s_in * (z - z0)).abs() + (d_in * spread).abs() + 1
        assert ((after - before).abs() <= 10 * EPS * terms).all()
        assert (out >= effect.abs() * (1 - 4 * EPS)).all()


@pytest.mark.parametrize("name", UNITS)
def test_general_units_average_both_orders(name):
    """q⁺ = ½[σ(z⁰+Δ⁺) − σ(z⁰) + σ(z) − σ(z⁰+Δ⁻)]/Δ⁺, and |Δy⁺| + |Δy⁻| is A of the result."""
    unit, (z0, z, spread) = UNITS[name], draw(50, 7, 2.0)
    p, r, ends, effect = unit_map(name, z0, z, spread)
    rise, fall = (z - z0 + spread) / 2, (z - z0 - spread) / 2
    up = (unit(z0 + rise) - unit(z0) + unit(z) - unit(z0 + fall)) / 2
    down = (unit(z0 + fall) - unit(z0) + unit(z) - unit(z0 + rise)) / 2
    torch.testing.assert_close((p + r) * rise, up, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close((p - r) * fall, down, rtol=1e-12, atol=1e-14)
    _, out = relabelled(p, r, ends, effect)
    torch.testing.assert_close(out, up.abs() + down.abs(), rtol=1e-12, atol=1e-14)


def test_relu_is_a_unit_like_the_others():
    z0, z, spread = draw(100, 11, 3.0)
    p, r, ends, effect = relu_map(z0, z, z0.relu(), z.relu(), spread)
    p2, r2, ends2, effect2 = unit_map("relu", z0, z, spread)
    apart = spread > (z - z0).abs() * (1 + 1e-9)  # the slope of an empty part is nobody's
    torch.testing.assert_close(p[apart], p2[apart], rtol=1e-11, atol=1e-13)
    torch.testing.assert_close(r[apart], r2[apart], rtol=1e-11, atol=1e-13)
    torch.testing.assert_close(ends, ends2, rtol=1e-12, atol=1e-14)
    assert torch.equal(effect, effect2)


def test_a_unit_nothing_reaches_gives_numbers():
    """Δ = A = 0, as where x and b agree; and A = 0 with a Δ that is rounding."""
    z0 = torch.tensor([1.0, -1.0, 0.0, 1.0], dtype=D)
    z = z0 + torch.tensor([0, 0, 0, EPS], dtype=D)
    spread = torch.zeros(4, dtype=D)
    p, r, ends, effect = relu_map(z0, z, z0.relu(), z.relu(), spread)
    for found in (p, r, ends, effect):
        assert torch.isfinite(found).all()
    assert (p.abs() <= 1).all()
    assert (r.abs() <= 0.5).all()


def test_an_empty_part_has_the_limit_of_its_slope_in_any_layout():
    """½[σ′(z⁰) + σ′(z)], also where rounding leaves 1e-16 in the part: a value that stays at 0 meets it."""
    z0 = torch.tensor([-2.0, -1.0, 1.0, 2.0], dtype=D).reshape(1, 1, 2, 2)
    z = z0 + torch.tensor([0.5, 3.0, -3.0, 1.0], dtype=D).reshape(1, 1, 2, 2)
    z = torch.cat([z, z0 + 0.25], 1).expand(3, 2, 2, 2)
    limit = ((z0 > 0).to(D) + (z > 0)) / 2
    for layout in (torch.contiguous_format, torch.channels_last):
        z = z.contiguous(memory_format=layout)
        for rounding in (0.0, EPS, -EPS):
            delta = z - z0
            p, r, *_ = relu_map(z0.expand(1, 2, 2, 2), z, z0.relu(), z.relu(), delta.abs() * (1 + rounding))
            empty = torch.where(delta > 0, p - r, p + r)
            torch.testing.assert_close(empty, limit, rtol=0, atol=1e-14)
