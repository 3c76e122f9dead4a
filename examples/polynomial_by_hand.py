"""A polynomial by hand.

f = 3x₀ + x₁² + 3x₀x₁² at x = (1, 2) with baseline 0. Each monomial is one effect, small enough to check by
hand: a first-order effect, a high-order independent effect of one input, an interaction effect of two.
"""

# %%
import sympy
import torch

import taylorattr as ta


def f(x: torch.Tensor) -> torch.Tensor:
    """Return 3x₀ + x₁² + 3x₀x₁² for rows x, shape (B, 2) -> (B,)."""
    return 3 * x[:, 0] + x[:, 1] ** 2 + 3 * x[:, 0] * x[:, 1] ** 2


x = torch.tensor([[1.0, 2.0]])
effects = ta.decompose(f, x, order=3)
print(effects)

assert effects.first_order.tolist() == [[3.0, 0.0]]
assert effects.independent_high.tolist() == [[0.0, 4.0]]
assert effects.interactions[0, 1].item() == 12.0
assert effects.remainder.item() == 0.0 and effects.converged.item()

# %%
# The same effects without derivatives, from the four values of f with inputs switched on and off; and once
# more with exact arithmetic, from the formula.

exact = ta.harsanyi(f, x)
assert [exact[0].item(), exact[1].item(), exact[0, 1].item()] == [3.0, 4.0, 12.0]

x0, x1 = sympy.symbols("x0 x1")
symbolic = ta.symbolic_effects(3 * x0 + x1**2 + 3 * x0 * x1**2, (x0, x1), inputs=(1, 2))
assert symbolic.harsanyi == {(0,): 3, (1,): 4, (0, 1): 12}

# %%
# Three attribution methods are three ways to hand these effects out. Integrated Gradients shares I(κ) by
# κ_i/|κ|: the 12 of x₀x₁² goes ⅓ to x₀ and ⅔ to x₁. The Shapley value shares J(S) equally. Occlusion-1 gives
# all of J(S) to every member of S, so the interaction is counted twice.

kappa = torch.as_tensor(effects.multi_indices, dtype=torch.float64)
integrated_gradients = (effects.values[0][:, None] * kappa / kappa.sum(1, keepdim=True)).sum(0)
shapley = exact.index("SV").values[0, 1:]
occlusion = torch.cat([f(x) - f(x * torch.tensor(present)) for present in ([0.0, 1.0], [1.0, 0.0])])

print("Integrated Gradients", integrated_gradients.tolist())
print("Shapley             ", shapley.tolist())
print("Occlusion-1         ", occlusion.tolist())

assert torch.allclose(integrated_gradients, torch.tensor([7.0, 12.0], dtype=torch.float64))
assert torch.allclose(shapley, torch.tensor([9.0, 10.0], dtype=torch.float64))
assert occlusion.tolist() == [15.0, 16.0]
assert occlusion.sum() == 31.0 and exact.delta.item() == 19.0
