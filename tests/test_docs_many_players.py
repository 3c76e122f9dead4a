"""The code of docs/many_players.md runs, one block after the other."""

import re
from pathlib import Path

PAGE = (Path(__file__).parents[1] / "docs/many_players.md").read_text(encoding="utf-8")


def test_its_code_runs_and_finds_the_pair(capsys):
    names: dict = {}
    for code in re.findall(r"```python\n(.*?)```", PAGE, re.S):
        exec(code, names)
    found = names["found"]
    assert found.top(1, order=2)[0][0].name == "x3 × x141" and found.way == ("corners",)
    assert max(c["spent"] for c in found.confidence) <= 3_000
    assert "pairs were measured" in capsys.readouterr().out
