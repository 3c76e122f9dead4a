"""The table of methods × ratios is what the rules say."""

import re

import taylorattr as ta
from taylorattr.allocation.formulas import FormulaTable, formulas
from taylorattr.tables import WIDTH


def test_it_has_every_rule_in_order():
    table = formulas()
    assert [f.name for f in table.formulas] == list(ta.RULES)
    for f in table.formulas:
        rule = ta.RULES[f.name]
        assert (f.text, f.latex, f.source) == (rule.formula, rule.latex, rule.source)
        assert (f.kind, f.frame, f.level) == (rule.kind, rule.frame, rule.granularity)


def test_text_is_readable():
    lines = repr(formulas()).splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert "    wᵢ(κ) = κᵢ/m" in lines


def test_markdown_and_latex_have_a_row_each():
    table = formulas(ta.RULES[name] for name in ("shapley", "lrp_alpha_beta"))
    rows = table.to_markdown().splitlines()
    assert len(rows) == 4 and len({len(re.findall(r"(?<!\\)\|", row)) for row in rows}) == 1
    text = table.to_latex()
    assert text.count("\n") == 4 and r"lrp\_alpha\_beta" in text and r"\kappa" in text


def test_latex_formulas_have_no_signs_latex_does_not_know():
    """Names of authors may have letters of their own; signs may not."""
    assert not {c for c in formulas().to_latex() if ord(c) > 0x24F}


def test_it_is_a_result(tmp_path):
    table = formulas()
    assert repr(FormulaTable.load(table.save(tmp_path / "formulas.json"))) == repr(table)
