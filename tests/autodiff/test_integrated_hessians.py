import numpy as np
import pytest
import torch
from hypothesis import given

from taylorattr.analysis.question import Question
from taylorattr.autodiff.captured import capture_at
from taylorattr.autodiff.integrated_hessians import integrated_hessian
from taylorattr.errors import NonFiniteError
from taylorattr.maths.quadrature import log_gauss
from tests.strategies import polynomials

MEMORY = 10**9


def captured(game, walked):
    return capture_at(game.scalar, game.baseline(0), 0, game.input(0)) if walked else None


@pytest.mark.parametrize("walked", [True, False])
@given(polynomial=polynomials(max_variables=3, max_order=4))
def test_equals_its_allocation_on_polynomials(walked, polynomial):
    """Γ_ij = Σ_κ κ_iκ_j/|κ|² I(κ), eq. (65): at b = 0, x = 1 the effects are the coefficients."""
    n = len(next(iter(polynomial)))

    def f(x):
        total = 0 * x.sum(1)
        for kappa, coefficient in polynomial.items():
            term = coefficient * torch.ones_like(total)
            for i, k in enumerate(kappa):
                term = term * x[:, i] ** k
            total = total + term
        return total

    expected = np.zeros((n, n))
    gradients = np.zeros(n)
    for kappa, coefficient in polynomial.items():
        if any(kappa):
            k = np.array(kappa, dtype=float)
            expected += coefficient * np.outer(k, k) / k.sum() ** 2
            gradients += coefficient * k / k.sum()
    game = Question(f, torch.ones(1, n, dtype=torch.float64)).game
    program = captured(game, walked)
    matrix, integrated = integrated_hessian(
        game, 0, 3, memory_limit=MEMORY, program=program
    )  # exact up to degree 5 in s
    size = 1e-12 * (
        1 + sum(map(abs, polynomial.values()))
    )  # rounding, some of it divided by the node nearest 0
    assert np.abs(matrix.numpy() - expected).max() <= size
    assert np.abs(integrated.numpy() - gradients).max() <= size


@pytest.mark.parametrize("walked", [True, False])
def test_chunks_and_grouped_players(walked):
    def f(a, b):
        return (a.sum(1) * b.flatten(1).sum(1)).sin()

    inputs = (torch.tensor([[0.3, 0.2]]), torch.tensor([[[0.5], [0.1]]]))
    whole = Question(f, inputs).game
    grouped = Question(f, inputs, players=[[0, 2], [1, 3]]).game
    program = captured(whole, walked)
    matrix, gradients = integrated_hessian(whole, 0, 12, memory_limit=MEMORY, program=program)
    rows, _ = integrated_hessian(whole, 0, 12, memory_limit=MEMORY, internal_batch_size=1, program=program)
    torch.testing.assert_close(rows, matrix, rtol=1e-12, atol=1e-15)
    together, of_groups = integrated_hessian(
        grouped, 0, 12, memory_limit=MEMORY, program=captured(grouped, walked)
    )
    pool = torch.tensor([[1.0, 0, 1, 0], [0, 1, 0, 1]], dtype=torch.float64)
    torch.testing.assert_close(of_groups, pool @ gradients, rtol=1e-12, atol=0)
    # κ_g of a group is the sum of its members' κ, so shares of pairs add up
    torch.testing.assert_close(together, pool @ matrix @ pool.T, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("walked", [True, False])
def test_singular_points_are_said(walked):
    game = Question(lambda z: z.sqrt().sum(1), torch.ones(1, 2, dtype=torch.float64)).game
    cause = "aten.sqrt.*test_integrated_hessians"
    with pytest.raises(NonFiniteError, match=f"example 0 .*begins at the baseline: .*{cause}"):
        integrated_hessian(game, 0, 5, memory_limit=MEMORY, program=captured(game, walked))


def test_singular_points_on_the_way_are_said():
    node = float(log_gauss(3)[0][1])
    game = Question(lambda z: (z - node).abs().add(0).sqrt().sum(1), torch.ones(1, 2).double()).game
    with pytest.raises(NonFiniteError, match="begins on the way to the input: .*sqrt"):
        integrated_hessian(game, 0, 3, memory_limit=MEMORY, program=captured(game, True))
