"""Saved rules come back as they were, from plain data; what has no plain form is refused."""

import json

import numpy as np
import pytest
import sympy as sp
import torch

import taylorattr as ta
from taylorattr import toys
from taylorattr.design.expressions import decode, encode
from taylorattr.design.letters import Indicator, i, indexed, j, kappa, m, n, s, total
from taylorattr.errors import FormatError, OptionError

design = ta.design

MAKERS = {
    "formula": lambda: design.rule("saved", kappa[i] ** 2 / total(kappa[j] ** 2)),
    "formula with attributes": lambda: design.rule(
        "saved",
        Indicator(kappa[i] > 0) * indexed("gain")[i] / total(indexed("gain")[j] * Indicator(kappa[j] > 0)),
        attributes={"gain": {"x0": 1, "x1": 2, "x2": 4}},
    ),
    "table": lambda: design.rule("saved", {(1,): [1], (2,): [1], (1, 1): [0.5, 0.5]}),
    "table of coalitions": lambda: design.rule(
        "saved", {frozenset(c): [1] + [0] * (len(c) - 1) for c in COALITIONS}
    ),
    "semivalue": lambda: design.semivalue([0.25, 0.25, 0.25], name="saved"),
    "beta measure": lambda: design.measure("beta:2,1", name="saved"),
    "atoms": lambda: design.measure(([0.25, 1.0], [0.5, 0.5]), name="saved"),
    "moments": lambda: design.measure([1, 0.75, 0.6, 0.5], name="saved"),
    "power path": lambda: design.power_path({"x0": 1, "x1": 2, "x2": 0.5}, name="saved"),
    "weights": lambda: design.weighted_shapley([1, 2, 3], name="saved"),
    "stages": lambda: design.ordered([0, 1, 1], name="saved"),
    "groups": lambda: design.owen([0, 1, 1], name="saved"),
    "tilt": lambda: design.degree_tilted(0.5, name="saved"),
    "twin": lambda: design.or_twin("occlusion_1", name="saved"),
    "interaction": lambda: design.interaction("sii", 2, name="saved"),
    "mixture": lambda: design.mix(
        ["shapley", design.owen([0, 1, 1], name="inner")], [0.5, 0.5], name="saved"
    ),
    "repair": lambda: design.repair("gradient_x_input", "simplex", name="saved"),
    "restriction": lambda: design.restrict("integrated_gradients", size=1, name="saved"),
    "listed supports": lambda: design.restrict("shapley", supports=[(0,), (0, 2)], name="saved"),
    "monotone path": lambda: design.monotone_path([[0, 0, 0], [1, 0.5, 0], [1, 1, 1]], name="saved"),
    "symmetrised": lambda: design.symmetrise(design.ordered([0, 1, 1], name="inner"), name="saved"),
    "transport": lambda: design.transport("occlusion_1", name="saved"),
    "built-in with a quantity": lambda: design.attributor("measure/beta", a=2, b=1),
}  # fmt: skip


COALITIONS = ((0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2))


@pytest.mark.every(3)
@pytest.mark.filterwarnings("ignore::taylorattr.errors.PrecisionWarning")
@pytest.mark.parametrize("kind", MAKERS)
def test_a_rule_comes_back_with_its_ratio_verdicts_ways_and_scores(kind, tmp_path):
    rule = MAKERS[kind]()
    again = design.load(design.save(rule, tmp_path / "rule.json"))
    assert (again.name, again.formula, again.report.to_dict()) == (
        rule.name,
        rule.formula,
        rule.report.to_dict(),
    )
    assert [way.words for way in again.ways] == [way.words for way in rule.ways]
    kappas = np.array([[1, 0, 0], [0, 1, 1], [0, 2, 0], [1, 0, 1]])
    assert (again.rule.exact_ratios(kappas) == rule.rule.exact_ratios(kappas)).all()
    network = toys.mlp((3, 8, 1), "tanh", dtype=torch.float64)
    x = torch.tensor([[0.3, -0.4, 0.2]], dtype=torch.float64)
    first, second = (ta.attribute(r, network, x).player_scores for r in (rule, again))
    assert torch.equal(first, second)


def test_what_a_file_holds_is_plain_data():
    data = design.to_dict(MAKERS["mixture"]())
    assert json.loads(json.dumps(data)) == data
    assert data["made_by"] == "mix" and data["name"] == "saved"


def test_a_function_is_refused_with_what_to_do():
    with pytest.raises(FormatError, match="made from a Python function cannot be saved; keep the module"):
        design.to_dict(design.rule("saved", lambda S: [1 / len(S)] * len(S)))
    with pytest.raises(FormatError, match="is a Python function and cannot be saved; give moments"):
        design.to_dict(design.measure(lambda alpha: 2 * alpha, name="saved"))


def test_nothing_half_written_is_left(tmp_path):
    path = tmp_path / "rule.json"
    path.write_text("an older file")
    with pytest.raises(FormatError):
        design.save(design.rule("saved", lambda S: [1 / len(S)] * len(S)), path)
    assert path.read_text() == "an older file" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "not a designed rule"),
        ({"format": "taylorattr-rule", "version": 9}, "format version 9"),
        ({"format": "taylorattr-rule", "version": 1, "made_by": "eval", "name": "a"}, "no rule can"),
        (
            {"format": "taylorattr-rule", "version": 1, "made_by": "rule", "name": "a",
             "arguments": {"ratio": {"expression": ["exec", ["Symbol", "x", {}]]}}},
            "is no expression of a ratio",
        ),
        (
            {"format": "taylorattr-rule", "version": 1, "made_by": "semivalue", "name": "a",
             "arguments": {"q": 1}},
            "no rule can be made of this",
        ),
    ],
)  # fmt: skip
def test_data_of_another_form_is_refused(data, message):
    with pytest.raises(FormatError, match=message):
        design.from_dict(data)


def test_files_of_another_kind_are_refused(tmp_path):
    with pytest.raises(OptionError, match="kept as .json"):
        design.save(MAKERS["tilt"](), tmp_path / "rule.npz")
    (tmp_path / "rule.json").write_text("{")
    with pytest.raises(FormatError, match="is no JSON"):
        design.load(tmp_path / "rule.json")


@pytest.mark.parametrize(
    "expression",
    [
        kappa[i] / m,
        Indicator(kappa[i] > 0) / s,
        total(sp.Min(kappa[j], 2)) / (n + sp.factorial(m)),
        sp.Piecewise((kappa[i], m > 2), (sp.Rational(1, 3), True)),
        sp.Product(1 + indexed("a")[j], (j, 1, n)) ** 2,
        Indicator(sp.And(m > 1, sp.Ne(s, 2))) * sp.Abs(indexed("a")[i] - sp.Max(m, s)),
    ],
)
def test_an_expression_comes_back_equal(expression):
    assert decode(json.loads(json.dumps(encode(expression)))) == expression


def test_an_expression_that_no_ratio_has_is_refused():
    with pytest.raises(FormatError, match="contains sin cannot be saved"):
        encode(sp.sin(sp.Symbol("x")))
