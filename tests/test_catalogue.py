"""Every method has a rule, a proof, a confirmation and a line of documentation; a failure names what to add.

The formula of each first row goes through the proof as its claim, and a changed one is refused.
"""

import inspect
from pathlib import Path

import pytest
import sympy as sp

import taylorattr as ta
from proofs.catalogue import THEOREMS
from proofs.theorem import ProofError, check
from taylorattr.allocation.symbols import STANDARD, i, kappa, m, n, p
from tests.proofs.test_formulas import FORMULAS

ROOT = Path(__file__).parents[1]


def named_in(name: str, *folders: str) -> bool:
    """Whether a test in one of the folders names it."""
    files = (path for folder in folders for path in (ROOT / folder).rglob("test_*.py"))
    return any(f'"{name}"' in path.read_text(encoding="utf-8") for path in files)


def missing(name: str) -> list[str]:
    """Return what a method still needs, each with the place where it goes."""
    rule = ta.RULES.get(name)
    lacks = {
        f"a rule: taylorattr/allocation/{name}.py, and its import in allocation/__init__.py": rule is None,
        f"a proof: proofs/{name}.py, and its line in proofs/catalogue.py": (
            rule is None or not (ROOT / "proofs" / f"{rule.proof}.py").is_file() or rule.proof not in THEOREMS
        ),
        f"a confirmation that its scores are that sum: tests/allocation/test_{name}.py": (
            not named_in(name, "tests/allocation", "tests/reformulation")
        ),
        f"a test of the method itself: tests/methods/…/test_{name}.py": not named_in(name, "tests/methods"),
        f"a section '### {name}' in docs/methods.md": (
            f"\n### {name}\n" not in (ROOT / "docs/methods.md").read_text(encoding="utf-8")
        ),
        "a row in the tables of docs/methods.md and docs/criteria.md: run `make tables`": any(
            f"| `{name}` |" not in (ROOT / page).read_text(encoding="utf-8")
            for page in ("docs/methods.md", "docs/criteria.md")
        ),
    }
    return [what for what, absent in lacks.items() if absent]


@pytest.mark.parametrize("name", ta.METHODS)
def test_a_method_has_all_that_belongs_to_it(name):
    assert not missing(name), f"{name} needs " + "; ".join(missing(name))


def test_a_failure_names_what_to_add():
    assert len(missing("mean_gradient")) == 6
    assert "proofs/mean_gradient.py" in missing("mean_gradient")[1]


def test_there_are_fifteen_and_their_rows_come_first():
    first_rows = [name for name, rule in ta.RULES.items() if not rule.variant and not rule.extra]
    assert first_rows == list(ta.METHODS) and len(first_rows) == 15


@pytest.mark.parametrize("name", ta.RULES)
def test_the_theorem_of_a_rule_exists(name):
    proof = ta.RULES[name].proof
    assert proof in THEOREMS, f"{name} names the theorem {proof!r}; add proofs/{proof}.py to the catalogue"
    assert (ROOT / "proofs" / f"{proof}.py").is_file()


def written_out(name: str, exponents, receiver: int, letter=i, sizes=None, **values) -> sp.Expr:
    """Return the formula of a rule for one term and receiver, counted from 1.

    Args:
        name: The rule.
        exponents: Those of the term.
        receiver: Who receives.
        letter: Its letter in the formula.
        sizes: Further sizes, by letter.
        **values: Quantity -> function of its indices, counted from 1.
    """
    rule = ta.RULES[name]
    formula = rule.symbolic.subs({**STANDARD, **rule.where})
    formula = formula.subs({letter: receiver, n: len(exponents)} | (sizes or {})).doit()
    return read(formula, kappa=lambda at: exponents[int(at) - 1], **values)


def read(node, **values) -> sp.Expr:
    """Return an expression with the entries of its quantities, innermost first."""
    if isinstance(node, sp.Indexed):
        return sp.sympify(values[str(node.base.label)](*(read(index, **values) for index in node.indices)))
    return node.func(*(read(part, **values) for part in node.args)) if node.args else node


def of_noise(exponents, rho):
    """The receiver is the first player; Δ_j = 1, so σ_j is ρ_j."""
    return written_out("smooth_grad", exponents, 1, sigma=lambda at: rho[int(at) - 1], Delta=lambda at: 1)


def of_coalition(name):
    def ratio(player, members):
        return written_out(name, [int(j in members) for j in range(1, max({player} | members) + 1)], player)

    return ratio


def of_window(members, window):
    """The receiver is any player of the window; the others have windows of their own."""
    exponents = [int(j in members) for j in range(1, max(members | window) + 1)]
    return written_out("occlusion_patch", exponents, min(window), patch=lambda at: 0 if at in window else at)


def of_cells(exponents, activations, position):
    positions = len(exponents[0])
    flat = [entry for row in exponents for entry in row]
    letters = sp.symbols("K Z", integer=True, positive=True)
    sizes = dict(zip(letters, (len(exponents), positions), strict=True))

    def number(channel, place):
        return (channel - 1) * positions + place

    return written_out("grad_cam", flat, position + 1, p, sizes, c=number)


def of_nodes(k, order, nodes, weights):
    formula = ta.RULES["integrated_gradients/quadrature"].symbolic.subs({kappa[i]: k, m: order})
    formula = formula.subs(sp.Symbol("Q", integer=True, positive=True), len(nodes)).doit()
    return read(formula, alpha=lambda at: nodes[int(at) - 1], omega=lambda at: weights[int(at) - 1])


def of_moments(k, order, moment):
    return read(ta.RULES["measure"].symbolic.subs({kappa[i]: k, m: order}), M=moment)


def of_path(player, exponents, powers):
    return written_out("power_path", exponents, player + 1, p=lambda at: powers[int(at) - 1])


CLAIMS = {name: claims["ratio"] for name, claims in FORMULAS} | {
    "smooth_grad": of_noise,
    "grad_cam": of_cells,
    "occlusion_1": of_coalition("occlusion_1"),
    "occlusion_patch": of_window,
    "prediction_difference": of_coalition("prediction_difference"),
    "integrated_gradients/quadrature": of_nodes,
    "measure": of_moments,
    "power_path": of_path,
}
"""Rule -> the formula of the package as a function of what its proof asks a ratio for."""


def test_every_proof_takes_the_formula_of_the_package():
    for name in ta.METHODS:
        proof = ta.RULES[name].proof
        assert "ratio" in inspect.signature(THEOREMS[proof].prove).parameters
        assert name in CLAIMS, (
            f"give {name} a claim in CLAIMS: its formula as proofs/{proof}.py calls a ratio"
        )


@pytest.mark.parametrize("name", CLAIMS)
def test_the_formula_of_the_package_is_proved(name):
    assert check(THEOREMS[ta.RULES[name].proof].prove(ratio=CLAIMS[name]))


@pytest.mark.parametrize("name", CLAIMS)
@pytest.mark.parametrize("change", ["a hundredth more", "nothing"])
def test_a_changed_formula_is_refused(name, change):
    factor = sp.Rational(101, 100) if change == "a hundredth more" else sp.Integer(0)
    with pytest.raises(ProofError):
        check(THEOREMS[ta.RULES[name].proof].prove(ratio=lambda *given: factor * CLAIMS[name](*given)))
