"""The code of docs/audit.md runs, one block after the other."""

import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[1] / "docs/audit.md").read_text(encoding="utf-8")


@pytest.mark.filterwarnings("ignore")
def test_its_code_runs_and_finds_what_it_says():
    names: dict[str, object] = {}
    for code in re.findall(r"```python\n(.*?)```", PAGE, re.S):
        exec(code, names)
    assert "gradient_x_input" in str(names["probed"])
