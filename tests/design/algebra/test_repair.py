"""Repairs against quadratic programmes and the numbers of eq. (55)."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
import torch

import taylorattr as ta
from taylorattr.design.algebra.repair import on_simplex
from taylorattr.errors import OptionError
from taylorattr.toys import Polynomial, mlp

F = Fraction
KAPPAS = [k for k in itertools.product(range(4), repeat=3) if 0 < sum(k) <= 4]


def nearest_row(row, inside):
    """min Σ (w' − w)² with w' = 0 outside and Σ w' = 1, by the normal equations of Lagrange."""
    members = [k for k, there in enumerate(inside) if there]
    size = len(members)
    system = np.zeros((size + 1, size + 1))
    system[:size, :size] = np.eye(size)
    system[:size, size] = system[size, :size] = 1
    solved = np.linalg.solve(system, [*(float(row[k]) for k in members), 1.0])
    found = np.zeros(len(row))
    found[members] = solved[:size]
    return found


def nearest_on_simplex(row, inside):
    """The same with w' ≥ 0: the best of the solutions on every face."""
    members = [k for k, there in enumerate(inside) if there]
    best, distance = None, np.inf
    for size in range(1, len(members) + 1):
        for face in itertools.combinations(members, size):
            found = nearest_row(row, [k in face for k in range(len(row))])
            off = sum((float(row[k]) - found[k]) ** 2 for k in members)
            if (found >= -1e-12).all() and off < distance:
                best, distance = found, off
    return best


@pytest.mark.parametrize("name", ["gradient_x_input", "occlusion_1", "occlusion_1/input"])
def test_projections_are_the_nearest_rows(name):
    base = ta.design.attributor(name)
    project = ta.design.repair(base, name="test_project")
    simplex = ta.design.repair(base, "simplex", name="test_simplex")
    for kappa in KAPPAS:
        row, inside = base.ratio(kappa), [k > 0 for k in kappa]
        np.testing.assert_allclose(project.ratio(kappa).astype(float), nearest_row(row, inside), atol=1e-12)
        np.testing.assert_allclose(
            simplex.ratio(kappa).astype(float), nearest_on_simplex(row, inside), atol=1e-12
        )


def test_leaks_are_dropped_before_the_rest_is_shared():
    leaky = ta.design.rule("test_leaky", "1/n")
    fixed = ta.design.repair(leaky, name="test_fixed")
    assert list(fixed.ratio((2, 1, 0))) == [F(1, 2), F(1, 2), 0]
    assert fixed.recognised.name == "shapley"


@pytest.mark.parametrize("seed", range(30))
def test_the_simplex_by_brute_force(seed):
    random = np.random.default_rng(seed)
    n = int(random.integers(1, 6))
    row = np.array([F(int(v), 4) for v in random.integers(-8, 9, n)], dtype=object)
    inside = random.random(n) < 0.7
    inside[int(random.integers(n))] = True
    found = on_simplex(row, inside)
    assert sum(found) == 1 and all(w >= 0 for w in found) and not any(found[~inside])
    np.testing.assert_allclose(found.astype(float), nearest_on_simplex(row, inside), atol=1e-12)


def test_the_numbers_of_equation_55():
    rows = {"project": [F(-3, 2), F(5, 2)], "simplex": [0, 1], "normalise": [F(1, 6), F(5, 6)]}
    for method, row in rows.items():
        fixed = ta.design.repair("gradient_x_input", method, name=f"test_{method}")
        assert list(fixed.ratio((1, 5))) == row
        assert all(fixed.report.verdict(c).holds for c in ("coverage", "no_leak", "complete"))


def test_repairs_that_have_a_name_say_so_by_algebra():
    cases = [("occlusion_1", "project", "shapley"), ("gradient_x_input", "normalise", "integrated_gradients")]
    cases += [("occlusion_1", "normalise", "shapley")]
    for base, method, name in cases:
        found = ta.design.repair(base, method, name="test_repaired").recognised
        assert (found.name, found.how) == (name, "by algebra"), (base, method)
    zero = ta.design.repair(ta.design.rule("test_zero", "0"), name="test_repaired")
    assert (zero.recognised.name, zero.recognised.how) == ("shapley", "by algebra")
    assert ta.design.repair("gradient_x_input", name="test_repaired").recognised is None


def test_a_complete_rule_is_its_own_repair():
    groups = ta.design.owen([1, 1, 2], name="test_groups")
    for method in ("project", "normalise"):
        fixed = groups
        for step in range(4):
            fixed = ta.design.repair(fixed, method, name=f"test_again{step}")
        assert [list(fixed.ratio(k)) for k in KAPPAS] == [list(groups.ratio(k)) for k in KAPPAS]


def test_what_cannot_be_normalised():
    alone = ta.design.rule("test_alone", "kappa[i]*Indicator(m <= 1)")
    with pytest.raises(OptionError, match=r"κ = \(2,\) the weights \(0\)"):
        ta.design.repair(alone, "normalise")
    signed = ta.design.rule("test_signed", "Indicator(kappa[i] > 0)*(2 - kappa[i])")
    with pytest.raises(OptionError, match="cannot be divided"):
        ta.design.repair(signed, "normalise")
    with pytest.raises(OptionError, match="expected 'project', 'simplex' or 'normalise'"):
        ta.design.repair("occlusion_1", "clip")


def test_repaired_scores_on_a_network_are_those_of_the_value_space():
    """Eq. (56) by hand: a_i + Σ_{S∋i} (J(S) − Σ_k A_k(S))/|S|, from attributions of masked inputs."""
    model = torch.nn.Sequential(
        mlp((3, 5, 1), "softplus", seed=3, dtype=torch.float64), torch.nn.Flatten(0)
    ).eval()
    x = torch.tensor([[1.5, -2.0, 1.0]], dtype=torch.float64)
    sets = [c for s in range(4) for c in itertools.combinations(range(3), s)]
    rows = torch.stack([torch.where(torch.tensor([k in c for k in range(3)]), x[0], 0.0) for c in sets])
    masked = ta.attribute("gradient_x_input", model, rows[1:]).player_scores
    a = torch.cat([torch.zeros(1, 3, dtype=torch.float64), masked])  # nobody moves: nobody gets anything
    v = model(rows).detach()
    expected = a[-1].clone()
    for c in sets[1:]:
        signs = {d: (-1) ** (len(c) - len(d)) for d in sets if set(d) <= set(c)}
        shares = sum(sign * a[sets.index(d)] for d, sign in signs.items())
        lacking = sum(sign * v[sets.index(d)] for d, sign in signs.items()) - shares.sum()
        expected[list(c)] += lacking / len(c)
    rule = ta.design.repair("gradient_x_input", name="test_repaired")
    found = rule(model, x)
    assert found.diagnostics["way"] == "measured"
    np.testing.assert_allclose(found.player_scores[0], expected, atol=1e-12)
    assert abs(float(found.gap)) < 1e-12


def test_repaired_scores_of_a_polynomial_are_exact():
    f = Polynomial({(1, 5): 1, (2, 0): 3})
    x = torch.tensor([[1.0, 1.0]], dtype=torch.float64)
    rule = ta.design.repair("gradient_x_input", name="test_repaired")
    assert rule(f, x).player_scores[0].tolist() == pytest.approx([-1.5 + 3, 2.5])


def test_leaks_of_a_function_are_dropped_too():
    leaky = ta.design.rule("test_leaky", lambda kappa: [F(1, 4)] * len(kappa))
    for method, row in (("project", [F(1, 2), F(1, 2), 0]), ("simplex", [F(1, 2), F(1, 2), 0])):
        assert list(ta.design.repair(leaky, method, name="test_fixed").ratio((3, 1, 0))) == row
    uneven = ta.design.rule("test_uneven", lambda kappa: [F(k + 1, 8) for k in kappa])
    assert list(ta.design.repair(uneven, name="test_fixed").ratio((2, 0, 0))) == [1, 0, 0]
    assert list(ta.design.repair(uneven, name="test_fixed").ratio((2, 1, 0))) == [F(9, 16), F(7, 16), 0]
