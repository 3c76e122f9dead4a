"""The code of docs/allocation.md runs as it stands."""

import re
import runpy
from fractions import Fraction
from pathlib import Path

import taylorattr as ta

PAGE = Path(__file__).parents[2] / "docs" / "allocation.md"


def test_the_page_runs(tmp_path):
    code = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    script = tmp_path / "page.py"
    script.write_text("".join(code), encoding="utf-8")
    names = runpy.run_path(str(script))
    # κ = (2, 1), ρ = (½, ¼): 2·M_1(½)·M_1(¼) = 2 and 1·M_2(½)·M_0(¼) = 1 + ¼
    assert list(names["rule"].ratio((2, 1), {"sigma": [1, 1], "Delta": [2, 4]})) == [2, Fraction(5, 4)]
    assert names["quiet"].needs["Delta"] == names["rule"].needs["Delta"] and "quiet" not in ta.RULES


def test_the_page_lists_what_every_rule_reads():
    rows = re.findall(r"^\| `([^`]+)` \| `([^`]+)` \|", PAGE.read_text(encoding="utf-8"), re.M)
    assert rows == [(name, need) for name, rule in ta.RULES.items() for need in rule.needs]
