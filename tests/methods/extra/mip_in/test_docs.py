"""The code of the MIP-IN part of docs/systems.md runs, and finds what the page says."""

import re
from pathlib import Path

import pytest
import torch

import taylorattr as ta

PAGE = (Path(__file__).parents[4] / "docs/systems.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_its_code_runs_and_finds_what_it_says():
    part = PAGE[PAGE.index("## MIP-IN") :].split("\n## ")[0]
    names: dict[str, object] = {}
    with torch.random.fork_rng(devices=[]):
        for code in re.findall(r"```python\n(.*?)```", part, re.S):
            exec(code, names)
    x, held_out, net, mip = (names[name] for name in ("x", "held_out", "net", "mip"))
    torch.testing.assert_close(names["source"] + names["distractor"], x[held_out])
    torch.testing.assert_close(names["map_"].shape, torch.Size([4, 1, 8, 8]))
    report = mip.report(x[held_out])
    assert report.complete and report.minimal
    assert report.agreement == pytest.approx(0.98, abs=0.02)
    assert report.distractor_agreement < 0.1
    # the column of one unit is the direction of its data: no allocation
    weight = torch.tensor([[1.0], [0.0]], dtype=torch.float64)
    rows = torch.tensor([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]], dtype=torch.float64)
    column = ta.MIPIN(lambda z: z @ weight, top="logits", ridge=1e-12).fit(rows).attribution(rows[:1], 0)
    torch.testing.assert_close(column, torch.ones(1, 2, dtype=torch.float64))
