"""The function that accepts and refuses proofs, and what every theorem has to say about itself."""

import importlib
import re
from pathlib import Path

import pytest
import sympy as sp

from proofs.catalogue import THEOREMS
from proofs.theorem import ProofError, Step, check

ROOT = Path(__file__).parents[2]
FILES = sorted(
    path.stem for path in (ROOT / "proofs").glob("*.py") if "\nTHEOREM = " in path.read_text(encoding="utf-8")
)

x, y = sp.symbols("x y")
n, k = sp.symbols("n k", integer=True, positive=True)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((x + y) ** 2, x**2 + 2 * x * y + y**2),
        (sp.binomial(n, k), sp.factorial(n) / sp.factorial(k) / sp.factorial(n - k)),
        (sp.binomial(n + 1, k + 1), sp.binomial(n, k) + sp.binomial(n, k + 1)),
        ((-1) ** (n + 1), -((-1) ** n)),
        (sp.sin(x) ** 2, 1 - sp.cos(x) ** 2),
        (2, 2),
    ],
)
def test_equal_sides_are_accepted(left, right):
    assert check([Step("the step", left, right)]) == [Step("the step", left, right)]


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((x + y) ** 2, x**2 + y**2),
        (sp.binomial(n + 1, k + 1), sp.binomial(n, k) - sp.binomial(n, k + 1)),
        ((-1) ** (n + 1), (-1) ** n),
        (sp.Function("f")(x), sp.Function("f")(y)),
        (sp.nan, 0),
        (sp.zoo, sp.zoo),  # ∞ − ∞ is not 0
        (sp.Rational(1, 10**30), 0),
    ],
)
def test_different_sides_are_refused(left, right):
    with pytest.raises(ProofError, match="the step: left − right = "):
        check([Step("the step", left, right)])


def test_one_false_step_among_true_ones_is_named():
    steps = [Step("first", x, x), Step("second", x, x + y), Step("third", x, x)]
    with pytest.raises(ProofError, match="second") as caught:
        check(steps)
    assert caught.value.difference == -y


def test_a_proof_without_steps_is_refused():
    with pytest.raises(ProofError, match="without a step"):
        check([])


def test_every_file_with_a_theorem_is_in_the_catalogue_under_its_own_name():
    assert sorted(THEOREMS) == FILES
    for name, theorem in THEOREMS.items():
        assert importlib.import_module(f"proofs.{name}").THEOREM is theorem


@pytest.mark.parametrize("name", THEOREMS)
def test_a_theorem_says_what_it_needs_where_it_is_from_and_how_far_it_goes(name):
    theorem = THEOREMS[name]
    docstring = importlib.import_module(f"proofs.{name}").__doc__
    for part in ("\nStatement: ", "\nHypotheses: ", "\nSource: "):
        assert part in docstring
    assert all((theorem.statement, theorem.source, theorem.covers, theorem.lifts))


def stated_equations():
    theory = (ROOT / "docs/theory.md").read_text(encoding="utf-8")
    return set(re.findall(r"^\*\*\((\d+[ab]?)\)\*\*|^\| (T\d+) \|", theory, re.M))


@pytest.mark.parametrize("name", THEOREMS)
def test_cited_equations_exist(name):
    docstring = importlib.import_module(f"proofs.{name}").__doc__
    sources = THEOREMS[name].source + docstring[docstring.index("\nSource: ") :]
    cited = set(re.findall(r"\((\d{1,2}[ab]?)\)|\b(T\d+)\b", sources))  # four digits are a year
    assert cited and cited <= stated_equations()
