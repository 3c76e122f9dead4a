import pytest
import torch

from taylorattr.analysis.question import Question
from taylorattr.autodiff.curvature import Curvature
from taylorattr.autodiff.hessian import hessian
from taylorattr.errors import FallbackWarning, MissingRuleError

from .networks import points

X = 1 + points(2, 3).double().abs()


def curvature(f, x=X):
    scalar, point = Question(f, x).point
    return Curvature(scalar, point, torch.arange(len(x)))


@pytest.mark.parametrize(
    "f",
    [
        lambda z: torch.special.bessel_j0(z).sum(1),
        lambda z: torch.special.bessel_j0(z[:, 0]) + z.prod(1),
    ],
)
def test_an_operation_torch_cannot_differentiate_is_named(f):
    with pytest.raises(
        MissingRuleError, match=r"bessel_j0.* has no derivative .*test_curvature.*ta.harsanyi"
    ):
        hessian(f, X)
    with pytest.raises(MissingRuleError, match="bessel_j0"):
        curvature(f)


def test_a_detached_factor_is_differentiated():
    """(ψ²)″ = 2ψ′² + 2ψψ″, of which torch sees half where one ψ is detached."""
    psi, psi1, psi2 = (torch.special.digamma(X), *(torch.special.polygamma(k, X) for k in (1, 2)))
    with pytest.warns(FallbackWarning, match="do not follow its values"):
        rows = curvature(lambda z: (torch.special.digamma(z) * torch.special.digamma(z).detach()).sum(1))
    (ours,) = rows.reverse((torch.ones(1, 2, 3).double(),))
    torch.testing.assert_close(ours[0], 2 * psi1**2 + 2 * psi * psi2, rtol=1e-12, atol=1e-13)  # rounding
    torch.testing.assert_close(rows.gradient[0], 2 * psi * psi1, rtol=1e-12, atol=1e-13)


def test_functions_without_dependence_have_none():
    rows = curvature(lambda z: torch.full((len(z),), 3.0).double())
    assert not rows.fallback and not rows.gradient[0].any()
    assert not rows.reverse((torch.ones(1, 2, 3).double(),))[0].any()
