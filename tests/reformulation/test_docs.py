"""The code of docs/reformulation.md runs as it stands."""

import re
import runpy
from pathlib import Path

import torch

PAGE = Path(__file__).parents[2] / "docs" / "reformulation.md"


def test_the_page_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    script = tmp_path / "page.py"
    script.write_text("".join(code), encoding="utf-8")
    torch.manual_seed(0)  # the page does not seed its network, whose largest term need not be I(radius)
    names = runpy.run_path(str(script))
    assert names["result"].explained.all() and names["deep"].explained.all()
    assert (tmp_path / "result.json").exists()
    shown = capsys.readouterr().out
    assert "a_radius = 1·I(radius)" in shown and "FormalAllocation deeplift_rescale" in shown
    assert "κᵢ/m" in shown
