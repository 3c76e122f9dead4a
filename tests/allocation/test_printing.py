import re

import pytest
import sympy as sp

import taylorattr as ta
from taylorattr.allocation.printing import latex, text
from taylorattr.allocation.symbols import Moment, i, indexed, j, kappa, m, n, product, q, s, total

LEAKS = (
    "Indexed", "Piecewise", "Sum", "Product", "Indicator", "Moment", "Bernoulli", "binomial", "factorial",
    "Eq(", "Max(", "Min(", "kappa", "True", "False", "*", "ExprCondPair",
)  # fmt: skip


@pytest.mark.parametrize("name", ta.RULES)
def test_text_of_every_rule_is_free_of_sympy(name):
    line = ta.RULES[name].formula
    assert line and "\n" not in line
    assert not [leak for leak in LEAKS if leak in line], line
    assert line.count("(") == line.count(")") and line.count("[") == line.count("]")
    assert line.count("{") == line.count("}")


@pytest.mark.parametrize("name", ta.RULES)
def test_latex_of_every_rule_is_balanced_and_free_of_sympy(name):
    line = ta.RULES[name].latex
    assert not re.search(r"Indexed|Piecewise|Indicator|Moment|ExprCondPair|operatorname\{(Ber|bin)", line), (
        line
    )
    assert line.count("{") == line.count("}") and line.count(r"\left") == line.count(r"\right")
    assert line.count(r"\begin{cases}") == line.count(r"\end{cases}")


def test_formulas_read_as_in_a_paper():
    shown = {name: ta.RULES[name].formula for name in ta.RULES}
    assert shown["integrated_gradients"] == "κᵢ/m"
    assert shown["shapley"] == "1[κᵢ > 0]/s"
    assert shown["integrated_gradients/quadrature"] == "κᵢ·(Σ_q α[q]^(m - 1)·ω[q])"
    assert shown["grad_cam"] == "(Σₖ κ[cₖₚ])"
    assert shown["semivalue"] == "1[κᵢ > 0]·(Σ_{q=0…n - 1} C(n - s, q - s + 1)·p[q])"
    assert shown["smooth_grad/input"] == "κᵢ·(Πⱼ E[(σⱼ/Δⱼ·Z)^(κⱼ - 1[i = j])])"
    assert ta.RULES["integrated_gradients"].latex == r"\frac{{\kappa}_{i}}{m}"
    assert ta.RULES["shapley"].latex == r"\frac{\mathbf{1}\left[{\kappa}_{i} > 0\right]}{s}"


def test_ends_of_loops_are_shown_unless_everything_is_meant():
    assert (
        text(total(kappa[j] + 1)) == "(Σⱼ (κⱼ + 1))" and latex(product(kappa[j])) == r"\prod_{j} {\kappa}_{j}"
    )
    assert text(sp.Sum(q, (q, 1, m))) == "(Σ_q q)"
    part = sp.Sum(kappa[j] + 1, (j, 2, n - 1))
    assert text(part) == "(Σ_{j=2…n - 1} (κⱼ + 1))"
    assert latex(part) == r"\sum_{j=2}^{n - 1} \left({\kappa}_{j} + 1\right)"
    two = sp.Sum(kappa[j] * q, (j, 1, n), (q, 0, 2))
    assert text(two) == "(Σ_{q=0…2} Σⱼ q·κⱼ)"


def test_powers_signs_and_moments():
    plus, c0, rho = sp.Symbol("kappa_plus"), sp.Symbol("c0"), indexed("rho")
    assert text(plus**2 / c0 + s**12) == "s^12 + κ₊²/c₀" and latex(plus) == r"\kappa^{+}"
    assert latex(Moment(kappa[i], rho[i])) == r"M_{{\kappa}_{i}}\left({\rho}_{i}\right)"
    assert latex(Moment(m, rho[i]) ** 2).endswith("^{2}")
    assert text(Moment(m, rho[i], n)) == "E[(n + ρᵢ·Z)^(m)]"


def test_a_context_called_by_a_word_is_printed_as_in_the_theory():
    names = ("deep_taylor/z_B", "lrp_epsilon/input_frame", "occlusion_patch")
    box, unit, patch = (ta.RULES[name] for name in names)
    assert box.formula.startswith("(wᵢ·xᵢ - hᵢ·min(0, wᵢ) - lᵢ·max(0, wᵢ))/")
    assert "{h}_{i}" in box.latex and "{l}_{j}" in box.latex and not re.search("high|low", box.latex)
    assert unit.formula.startswith("y·1[m = 1 and κᵢ = 1]/(d·σ′(z)), with")
    assert r"{d \sigma'(z)}" in unit.latex
    assert r"{\mathrm{patch}}_{i}" in patch.latex
    assert latex(sp.Symbol("rate_x")) == r"rate_{x}" and text(sp.Symbol("rate_x")) == "rate_x"


def test_subscripts_of_several_signs():
    after = sp.Symbol("mu_{s+1}")
    assert text(after) == "μₛ₊₁" and latex(after) == r"\mu_{s+1}"
    assert ta.RULES["integrated_hessians"].formula == "κᵢ₂·κᵢ/m²"
    assert r"\ mu" not in ta.RULES["lime"].latex and r"\ \mu_{s+1} = " in ta.RULES["lime"].latex


def test_abbreviations_follow_the_formula():
    a = sp.Symbol("a")
    assert text(a * m, {a: total(kappa[j])}) == "a·m, with a = (Σⱼ κⱼ)"
    assert latex(a * m, {a: total(kappa[j])}) == r"a m,\quad a = \sum_{j} {\kappa}_{j}"
