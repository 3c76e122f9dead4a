"""Formulas are read by a grammar of their own: what ratios say and nothing else; nothing runs or hangs."""

import json
import time
from fractions import Fraction as F

import pytest
import sympy as sp

import taylorattr as ta
from taylorattr.design.expressions import (
    FUNCTIONS,
    decode,
    encode,
    formula,
    reads_support_only,
)
from taylorattr.design.formula_limits import bounded_fraction
from taylorattr.design.letters import Indicator, choose, i, indexed, j, kappa, m, n, product, q, s, total
from taylorattr.errors import FormatError, OptionError

g = indexed("g")
half, third = sp.Rational(1, 2), sp.Rational(1, 3)

READ = {
    "0": sp.Integer(0),
    "1/n": 1 / n,
    "kappa[i]/m": kappa[i] / m,
    "kappa_i/m": kappa[i] / m,
    "-kappa[i]/3 + 1/3": third - kappa[i] / 3,
    "1 - -kappa[i]": 1 + kappa[i],
    "2*kappa[i]**-1": 2 / kappa[i],
    "kappa[i]^2/total(kappa[j]^2)": kappa[i] ** 2 / total(kappa[j] ** 2),
    "0.5*m": sp.Float(0.5) * m,
    "sqrt(2)*kappa[i]": sp.sqrt(2) * kappa[i],
    "kappa[0]": kappa[0],
    "Rational(1, 3)": third,
    "Indicator(kappa[i] > 0)/s": Indicator(kappa[i] > 0) / s,
    "Indicator((m > 1) & (s < 3))": Indicator(sp.And(m > 1, s < 3)),
    "Indicator(m > 1 and not s < 3)": Indicator(sp.And(m > 1, s >= 3)),
    "Indicator(m == 2 or s != 2)": Indicator(sp.Or(sp.Eq(m, 2), sp.Ne(s, 2))),
    "choose(m, s)/2**s": choose(m, s) / 2**s,
    "factorial(kappa[i])/factorial(m)": sp.factorial(kappa[i]) / sp.factorial(m),
    "Abs(g[i] - Max(m, s)) + Min(kappa[i], 2)": sp.Abs(g[i] - sp.Max(m, s)) + sp.Min(kappa[i], 2),
    "Piecewise((kappa[i], m > 2), (1/3, True))": sp.Piecewise((kappa[i], m > 2), (third, True)),
    "product(1 + g[j], j)**2": product(1 + g[j]) ** 2,
    "Sum(kappa[j], (j, 1, n))": total(kappa[j]),
    "total(kappa[q]*Indicator(g[q] > g[i]), q)": total(kappa[q] * Indicator(g[q] > g[i]), q),
    "  kappa[i] / m  ": kappa[i] / m,
}


@pytest.mark.parametrize("text", READ)
def test_text_is_the_formula_it_says(text):
    assert formula(text, ("g",)) == READ[text]


@pytest.mark.parametrize("text", [text for text in READ if "0.5" not in text])
def test_a_formula_comes_back_from_a_file(text):
    assert decode(json.loads(json.dumps(encode(formula(text, ("g",)))))) == READ[text]


def test_sympy_s_own_letters_are_taken_for_those_of_a_ratio():
    plain = sp.symbols("kappa_i m")
    assert formula(plain[0] / plain[1], ()) == kappa[i] / m
    assert formula(3, ()) == 3


def test_what_reads_only_the_support():
    for text, reads in (("Indicator(kappa[i] > 0)/s", True), ("kappa[i]", False), ("1/m", False),
                        ("Indicator(kappa[i] > 1)", False), ("1/n", True)):  # fmt: skip
        assert reads_support_only(formula(text, ())) is reads, text


NO_FORMULA = [
    "", "kappa[i]/", "[1]", "lambda: 1", "m.x", "kappa.__class__", "().__class__.__base__", "'a'", "1j",
    "1e999", "m if s else n", "kappa[i:j]", "kappa[i](2)", "total(*m)", "total(term=m)", "m > 1",
    "total(kappa[j], 'j')",
    "1 < m < 3", "Indicator(m)", "1/0", "Piecewise(1)", "s!", "{m}", "m := 2", "f'{m}'", "m @ n", "m // n",
    "Sum(kappa[j], j)", "(" * 300 + "m" + ")" * 300, "-" * 9000 + "m", "+".join("m" * 3000), "m" * 20000,
    "kappa[i", "1" * 5000, "yield m", "await m", "m; n", "Rational(1, 0)",
]  # fmt: skip


@pytest.mark.parametrize("text", NO_FORMULA, ids=range(len(NO_FORMULA)))
def test_what_is_no_formula_is_refused(text):
    with pytest.raises(OptionError):
        formula(text, ("g",))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("volume", "contains volume"),
        ("h[i]", r"contains h\[…\]"),
        ("kappa[i]*g", "contains g, which is no letter"),
        ("exp(m)", "calls exp, which a formula cannot; it may call total, product"),
        ("__import__('os')", "calls __import__"),
        ("kappa[i]**(m", "is no formula of a ratio"),
    ],
)
def test_names_that_a_ratio_does_not_know_are_named(text, words):
    with pytest.raises(OptionError, match=words):
        formula(text, ("g",))


def test_every_name_that_can_be_called_makes_an_expression():
    assert not {"eval", "exec", "getattr", "open", "sympify"} & set(FUNCTIONS)
    for name in FUNCTIONS:
        with pytest.raises(OptionError):
            formula(f"{name}('m')", ())


TOO_LARGE = [
    "9**9**9", "2**100000", "(1/3)**9999", "factorial(10**8)", "binomial(10**8, 10**7)", "choose(10**8, 2)",
    "Bernoulli(10**6)", "2**(2**(2**kappa[i]))", "factorial(factorial(m*m))", "m**m**m**m",
    "(kappa[i] + m + s + n)**5000", "((kappa[i] + m)**90*(m + s)**90*(s + n)**90)",
    "total(kappa[j], j, 10**9)",
    "Sum(Sum(kappa[j], (j, 1, 1000)), (q, 1, 1000))", "product(m, j, 10**7)",
]  # fmt: skip


@pytest.mark.parametrize("text", TOO_LARGE)
def test_what_would_take_for_ever_is_refused_at_once(text):
    start = time.process_time()
    with pytest.raises(OptionError):
        formula(text, ())
    assert time.process_time() - start < 2


@pytest.mark.parametrize(
    "data",
    [
        ["Pow", ["Rational", "10", "1"], ["Rational", "100000000", "1"]],
        ["factorial", ["Rational", "100000000", "1"]],
        ["Moment", ["Rational", "1000000", "1"], ["Rational", "2", "1"]],
        ["Rational", "1e99999999", "1"],
        ["Rational", "1", "0"],
        ["Sum", ["Rational", "1", "1"], [["j", "1"]]],
        ["Pow"],
        ["Symbol"],
        "kappa[i]",
        7,
        {"Pow": 1},
        [["Pow"], 1],
    ],
)
def test_files_are_bounded_too(data):
    start = time.process_time()
    with pytest.raises(FormatError, match="no expression of a ratio"):
        decode(data)
    assert time.process_time() - start < 2


def test_a_deep_or_endless_file_is_refused():
    deep = ["Rational", "1", "1"]
    for _ in range(500):
        deep = ["Abs", deep]
    with pytest.raises(FormatError, match="levels"):
        decode(deep)
    with pytest.raises(FormatError, match="entries"):
        decode(["Add", *[["Rational", "1", "1"]] * 20_000])


def recipe(argument, made_by="rule", key="ratio"):
    arguments = {key: argument}
    return {
        "format": "taylorattr-rule",
        "version": 1,
        "name": "read",
        "made_by": made_by,
        "arguments": arguments,
    }


def test_reading_a_file_runs_no_code(tmp_path):
    mark = tmp_path / "executed"
    code = f"__import__('pathlib').Path({str(mark)!r}).write_text('x')"
    path = tmp_path / "rule.json"
    path.write_text(json.dumps(recipe(code)))
    with pytest.raises(FormatError):
        ta.design.load(path)
    nested = recipe([{"rule": recipe(code)}, "shapley"], "mix", "rules")
    nested["arguments"]["weights"] = [1, 1]
    with pytest.raises(FormatError):
        ta.design.from_dict(nested)
    for text in (code, f"kappa[{code}]", f"total({code})", f"Indicator({code} > 0)"):
        with pytest.raises(OptionError):
            ta.design.rule("read", text)
    assert not mark.exists()


@pytest.mark.parametrize(
    "data",
    [
        recipe({"fraction": "1e99999999"}),
        recipe({"fraction": "1/0"}),
        recipe("gauss_legendre:20000", "measure", "given"),
        recipe("beta:1e99999999,1", "measure", "given"),
        recipe({"measure": {"beta": ["1e99999999", 1]}}, "measure", "given"),
        recipe({"measure": {"atoms": [["1e99999999"], [1]]}}, "measure", "given"),
        recipe({"measure": {"moments": [True, 1]}}, "measure", "given"),
        recipe({"array": [1], "shape": [10**12]}),
    ],
)
def test_numbers_of_a_file_are_bounded(data):
    start = time.process_time()
    with pytest.raises(FormatError):
        ta.design.from_dict(data)
    assert time.process_time() - start < 2


def test_a_file_that_is_lists_inside_lists_is_no_rule(tmp_path):
    path = tmp_path / "rule.json"
    path.write_text("[" * 200_000)
    with pytest.raises(FormatError, match="is no JSON"):
        ta.design.load(path)


def test_numbers_as_they_are_written():

    for text, value in (
        ("3", F(3)),
        (" -3/4 ", F(-3, 4)),
        ("0.75", F(3, 4)),
        ("7.5e-1", F(3, 4)),
        (".5", F(1, 2)),
    ):
        assert bounded_fraction(text) == value
    for text in ("", "1e99999999", "1e-99999999", "9" * 5000, "1/2/3", "inf", "nan", "0x10", "1_000", "٣"):
        with pytest.raises(ValueError):
            bounded_fraction(text)
