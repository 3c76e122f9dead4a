"""The code of docs/evaluation.md runs, one block after the other, and its table is what the code finds."""

import re
from pathlib import Path

import pytest
import torch

import taylorattr as ta

PAGE = (Path(__file__).parents[2] / "docs/evaluation.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_its_code_runs_and_finds_what_it_says():
    names: dict[str, object] = {}
    with torch.random.fork_rng():
        for code in re.findall(r"```python\n(.*?)```", PAGE, re.S):
            exec(code, names)
    row = r"^\| `(\w+)` \| ([\d.]+) ± ([\d.]+) \| ([\d.]+) ± ([\d.]+) \| ([\d.]+)"
    rows = {name: list(map(float, numbers)) for name, *numbers in re.findall(row, PAGE, re.M)}
    assert {*names["curves"], "random"} == rows.keys()
    # another machine's rounding may train another network; the ranges over five seeds are 0.04, 0.06, 0.09
    ranges = {"morf": 0.04, "lerf": 0.06, "abpc": 0.09}
    for name, result in names["curves"].items():
        for (measure, range_), said in zip(ranges.items(), rows[name][::2], strict=True):
            assert result.mean(measure) == pytest.approx(said, abs=range_)
        assert result.mean("random") == pytest.approx(rows["random"][0], abs=0.04)
        assert result.mean("morf") > result.mean("random") + 0.2 > result.mean("lerf") + 0.3
    assert names["verdict"].passes and "dominated by the input" in names["verdict"].caveat
    assert names["boxes"].shape == (150, 4) and names["distances"].mean("distance") > 1
    assert names["gap"].median < 0.05 and names["slope"].mean("normalised") < 0.5
    assert names["imputed"].mean("gap") > 0.1
    assert torch.allclose(names["together"].joint, names["same"].joint, rtol=0, atol=1e-4)
    assert names["together"].mean("gain") > 0 and names["kept"].holds == (True, True, False)
    # eight players, logits of size 20 in float32 and in float64
    assert torch.allclose(names["by_model"].recovery, names["by_table"], rtol=0, atol=1e-4)


def test_it_names_everything_the_package_offers_for_use():
    hidden = {"Measured", "Difference", "PixelPerturbation", "PlayerCurves", "coalition_table", "ranking"}
    hidden |= {"relative_change", "tied_share", "soft_ranks", "SanityCheck", "SanityVerdict"}
    hidden |= {"Localisation", "ClassSensitivity", "CompletenessGap", "Infidelity"}
    hidden |= {"Retraining", "Road", "InteractionDeletion", "Principles", "RankCorrelation"}
    missing = [name for name in ta.evaluation.__all__ if name not in hidden and f"{name}" not in PAGE]
    assert not missing, f"docs/evaluation.md does not mention {missing}"
