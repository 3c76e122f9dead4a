"""The code of the parts of docs/systems.md on PruneGrad and Integrated Gradients runs; options are named."""

import re
from pathlib import Path

import pytest
import torch

import taylorattr as ta

PAGE = (Path(__file__).parents[3] / "docs/systems.md").read_text(encoding="utf-8")
PART = PAGE[PAGE.index("## PruneGrad") :]


@pytest.mark.filterwarnings("ignore")
def test_its_code_runs_one_block_after_the_other():
    names: dict[str, object] = {}
    with torch.random.fork_rng(devices=[]):
        for code in re.findall(r"```python\n(.*?)```", PART, re.S):
            exec(code, names)
    assert sum(names["kept"]).tolist() == [names["found"].kept] * 4
    assert names["both"].player_scores.shape == names["both"].standard_errors.shape == (4, 4)


@pytest.mark.parametrize("name", ["prune_grad", *ta.EXTENSIONS])
def test_every_option_is_named(name):
    options = {**ta.SYSTEMS, **ta.EXTENSIONS}[name].options
    assert not [option for option in options if f"`{option}`" not in PART and f"`{option}=" not in PART]
