"""The code of docs/datasets.md runs, one block after the other."""

import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[1] / "docs/datasets.md").read_text(encoding="utf-8")


@pytest.mark.filterwarnings("ignore")
def test_its_code_runs_and_says_what_differs(capsys):
    names: dict[str, object] = {}
    for code in re.findall(r"```python\n(.*?)```", PAGE, re.S):
        exec(code, names)
    printed = capsys.readouterr().out
    assert "500 examples" in printed and "frame is left out there and 'input' here" in printed
