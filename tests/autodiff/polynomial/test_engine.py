"""Laws of the entry points: engines agree, batch is a loop, rays are the diagonal, f is linear."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from taylorattr.autodiff.polynomial.engine import expand, expand_batch, jets, supported
from taylorattr.autodiff.polynomial.nested import expand_nested
from taylorattr.errors import BudgetError, DtypeError, MissingRuleError, OptionError, ShapeError
from taylorattr.maths import multi_index
from taylorattr.program.capture import capture
from tests.strategies import polynomials


def net(seed: int = 0, n: int = 4) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Linear(n, 8), nn.GELU(), nn.LayerNorm(8), nn.Linear(8, 6), nn.Tanh(), nn.Linear(6, 1)
    ).double()


def captured(model: nn.Module, n: int = 4, dtype: torch.dtype = torch.float64):
    return capture(
        lambda x: model(x)[:, 0], (torch.full((1, n), 0.3, dtype=torch.float64),), module=model, dtype=dtype
    )


def example(seed: int, n: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1, n, generator=generator, dtype=torch.float64)
    return x, torch.randn(n, n, generator=generator, dtype=torch.float64)


def close(a: torch.Tensor, b: torch.Tensor, relative: float = 1e-12) -> bool:
    """Equal to a share of the largest entry."""
    return bool((a - b).abs().max() <= relative * b.abs().max().clamp_min(1e-6))


@given(polynomials(min_variables=2, max_variables=3), st.integers(0, 100))
def test_polynomials_are_reproduced_exactly(terms, seed):
    """At a whole point along whole directions coefficients are whole numbers, up to rounding."""
    n = len(next(iter(terms)))
    generator = torch.Generator().manual_seed(seed)
    x = torch.randint(-2, 3, (1, n), generator=generator).double()

    def f(x):
        total = x[:, 0] * 0
        for kappa, c in terms.items():
            monomial = torch.ones_like(x[:, 0])
            for i, k in enumerate(kappa):
                for _ in range(k):
                    monomial = monomial * x[:, i]
            total = total + c * monomial
        return total

    found = expand(capture(f, (x,)), (x,), (torch.eye(n).double(),), 5)
    for d, block in enumerate(found):
        for kappa, value in zip(multi_index.exponents(n, d).tolist(), block.tolist(), strict=True):
            exact = sum(
                c
                * math.prod(
                    math.comb(m, k) * int(x[0, i]) ** (m - k)
                    for i, (m, k) in enumerate(zip(mu, kappa, strict=True))
                )
                for mu, c in terms.items()
                if all(m >= k for m, k in zip(mu, kappa, strict=True))
            )
            assert value == pytest.approx(
                exact, abs=1e-9
            )  # the repeated factors are summed in floating point


@pytest.mark.parametrize("order", range(7))
def test_engines_agree(order):
    program, (x, directions) = captured(net()), example(1)
    full = expand(program, (x,), (directions,), order, engine="full")
    auto = expand(program, (x,), (directions,), order)
    assert len(auto) == order + 1
    for d, (a, b) in enumerate(zip(auto, full, strict=True)):
        assert a.shape == (multi_index.count(4, d),)
        assert close(a, b)
    if order <= 5:
        for a, b in zip(auto, expand_nested(program, (x,), (directions,), order), strict=True):
            assert close(a, b, 1e-10)


@pytest.mark.parametrize("engine", ["auto", "full", "nested"])
def test_batch_is_a_loop(engine):
    program = captured(net())
    pairs = [example(seed) for seed in range(5)]
    bases = torch.cat([x for x, _ in pairs])
    directions = torch.stack([d for _, d in pairs])
    together = expand_batch(program, (bases,), (directions,), 3, engine=engine)
    for e, (x, d) in enumerate(pairs):
        for a, b in zip(together, expand(program, (x,), (d,), 3), strict=True):
            assert close(a[e], b)


def test_memory_limit_changes_chunks_not_numbers():
    program = captured(net())
    bases = torch.randn(6, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    directions = torch.eye(4).double().expand(6, 4, 4)
    for a, b in zip(
        expand_batch(program, (bases,), (directions,), 3),
        expand_batch(program, (bases,), (directions,), 3, memory_limit=40_000),
        strict=True,
    ):
        assert close(a, b)


@given(st.integers(0, 50))
def test_rays_are_diagonals_of_the_table(seed):
    program, (x, directions) = captured(net()), example(seed)
    generator = torch.Generator().manual_seed(seed)
    t = torch.randn(3, 4, generator=generator, dtype=torch.float64)
    along = jets(program, (x,), (t @ directions,), 5)
    for d, block in enumerate(expand(program, (x,), (directions,), 5)):
        powers = torch.stack(
            [(t ** torch.tensor(k)).prod(1) for k in multi_index.exponents(4, d).tolist()], 1
        )
        assert close(along[:, d], powers @ block, 1e-10)


def test_jets_in_chunks(monkeypatch):
    program, (x, directions) = captured(net()), example(2)
    whole = jets(program, (x,), (directions,), 8)
    monkeypatch.setattr("taylorattr.autodiff.polynomial.engine.WIDEST_BLOCK", 1)
    assert torch.allclose(jets(program, (x,), (directions,), 8), whole, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("engine", ["collapsed", "full"])
def test_coefficients_are_linear_in_the_function(engine):
    f, g = net(0), net(1)
    x, directions = example(3)
    parts = [expand(captured(m), (x,), (directions,), 4, engine=engine) for m in (f, g)]
    both = capture(lambda x: 2 * f(x)[:, 0] - 3 * g(x)[:, 0], (x,))
    for a, b, c in zip(expand(both, (x,), (directions,), 4, engine=engine), *parts, strict=True):
        assert close(a, 2 * b - 3 * c)


def test_permuted_players_permute_coefficients():
    program, (x, directions) = captured(net()), example(4)
    order = torch.tensor([2, 0, 3, 1])
    plain = expand(program, (x,), (directions,), 4)
    permuted = expand(program, (x,), (directions[order],), 4)
    for d in range(5):
        rows = multi_index.exponents(4, d).tolist()
        place = {tuple(k): i for i, k in enumerate(rows)}
        for i, kappa in enumerate(rows):
            back = [0] * 4
            for position, player in enumerate(order.tolist()):
                back[player] = kappa[position]
            assert permuted[d][i] == pytest.approx(float(plain[d][place[tuple(back)]]), rel=1e-9, abs=1e-12)


def test_truncated_series_is_the_function_to_the_next_power():
    """Independent of any automatic differentiation: the error falls like ε^{K+1}."""
    model, (x, directions) = net(), example(5)
    blocks = expand(captured(model), (x,), (directions,), 4)
    t = torch.tensor([0.3, -0.2, 0.4, 0.1], dtype=torch.float64)
    errors = []
    for size in (0.1, 0.05):
        powers = [
            torch.stack(
                [((size * t) ** torch.tensor(k)).prod() for k in multi_index.exponents(4, d).tolist()]
            )
            for d in range(5)
        ]
        value = sum(float(p @ b) for p, b in zip(powers, blocks, strict=True))
        with torch.no_grad():
            errors.append(abs(value - float(model(x + (size * t) @ directions)[0, 0])))
    assert errors[0] < 1e-5
    assert errors[1] < errors[0] / 20  # 2^5 = 32, less the next term


def test_several_inputs_share_the_players():
    def f(x, y):
        return (torch.tanh(x) @ y.transpose(1, 2)).sum((1, 2)).sin()

    generator = torch.Generator().manual_seed(0)
    x, y = (torch.randn(1, 3, 2, generator=generator, dtype=torch.float64) for _ in range(2))
    dx, dy = (torch.randn(4, 3, 2, generator=generator, dtype=torch.float64) for _ in range(2))
    program = capture(f, (x, y))
    for a, b in zip(
        expand(program, (x, y), (dx, dy), 4), expand_nested(program, (x, y), (dx, dy), 4), strict=True
    ):
        assert close(a, b)


def test_second_order_with_many_players_is_chunked():
    n = 300
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(n, 700), nn.GELU(), nn.Linear(700, 1)).double()
    x = torch.randn(2, n, dtype=torch.float64)
    program = capture(lambda x: model(x)[:, 0], (x[:1],))
    directions = torch.eye(n).double().expand(2, n, n)
    chunked = expand_batch(program, (x,), (directions,), 2)
    for a, b in zip(chunked, expand_batch(program, (x,), (directions,), 2, engine="collapsed"), strict=True):
        assert close(a, b)


@pytest.mark.parametrize("order", [1, 2, 4, 6])
def test_float32_keeps_single_precision(order):
    model, (x, directions) = net(), example(9)
    double = expand(captured(model), (x,), (directions,), order)
    single = captured(model, dtype=torch.float32)
    found = expand(single, (x.float(),), (directions.float(),), order)
    for a, b in zip(found, double, strict=True):
        assert a.dtype == torch.float32
        assert close(a.double(), b, 5e-6)  # 1e-7 times the condition of the layers


def test_a_constant_function_has_no_effects():
    program = capture(lambda x: torch.ones_like(x[:, 0]) * 3, (torch.zeros(1, 2),))
    base, directions = (torch.zeros(1, 2).double(),), (torch.eye(2).double(),)
    for engine in ("auto", "full"):
        values = [block.tolist() for block in expand(program, base, directions, 2, engine=engine)]
        assert values == [[3.0], [0.0, 0.0], [0.0, 0.0, 0.0]]


def test_an_affine_function_ends_at_order_one():
    model = nn.Linear(3, 1).double()
    x = torch.randn(1, 3, generator=torch.Generator().manual_seed(0)).double()
    program = capture(lambda x: model(x)[:, 0], (x,))
    for engine in ("auto", "full"):
        found = expand(program, (x,), (torch.eye(3).double(),), 3, engine=engine)
        assert torch.allclose(found[1], model.weight.detach()[0])
        assert not found[2].any()
        assert not found[3].any()


def test_missing_rules_are_named():
    class Weird(nn.Module):
        def forward(self, x):
            return torch.special.bessel_j0(x).sum(1)

    model = nn.Sequential(nn.Linear(2, 3), Weird())
    program = capture(lambda x: model(x), (torch.randn(1, 2),), module=model)
    assert [str(node.op) for node in supported(program)] == ["aten.special_bessel_j0.default"]
    with pytest.raises(MissingRuleError, match=r"special_bessel_j0.*module '1'.*test_engine\.py:\d+"):
        expand(program, (torch.zeros(1, 2).double(),), (torch.eye(2).double(),), 2)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"order": -1}, OptionError, "order -1 given"),
        ({"engine": "magic"}, OptionError, "expected one of auto, collapsed"),
        ({"engine": "tangents", "order": 3}, OptionError, "computes order 2"),
        ({"directions": (torch.zeros(4, 3).double(),)}, ShapeError, "do not fit"),
        ({"base": (torch.zeros(1, 4),)}, DtypeError, "float32 given to a program of torch.float64"),
        ({"directions": ()}, ShapeError, "one of each per input"),
        ({"memory_limit": 10}, BudgetError, r"lower order=, or group variables into fewer players"),
    ],
)
def test_bad_arguments(change, error, message):
    x, directions = example(0)
    arguments = {"base": (x,), "directions": (directions,), "order": 2} | change
    with pytest.raises(error, match=message):
        expand(captured(net()), **arguments)


def test_jets_refuse_what_does_not_fit():
    program, (x, directions) = captured(net()), example(0)
    with pytest.raises(OptionError, match="order -2"):
        jets(program, (x,), (directions,), -2)
    with pytest.raises(ShapeError, match="do not fit"):
        jets(program, (x,), (directions[:, :2],), 2)


def test_torch_state_is_left_alone():
    program, (x, directions) = captured(net()), example(0)
    before = (
        torch.get_num_threads(),
        torch.get_default_dtype(),
        torch.is_grad_enabled(),
        torch.get_rng_state(),
    )
    expand(program, (x,), (directions,), 3)
    jets(program, (x,), (directions,), 3)
    after = (
        torch.get_num_threads(),
        torch.get_default_dtype(),
        torch.is_grad_enabled(),
        torch.get_rng_state(),
    )
    assert before[:3] == after[:3]
    assert torch.equal(before[3], after[3])
