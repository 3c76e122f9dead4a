"""Every example runs and keeps what it asserts; the code of the README runs as it stands."""

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
QUICK = {"polynomial_by_hand"}
"""Run by `make test`. The others train networks, fit rules or draw every picture, and take up to a minute."""


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, marks=() if path.stem in QUICK else pytest.mark.slow) for path in EXAMPLES],
    ids=lambda path: path.stem,
)
def test_example(path):
    # a process of its own: it may seed the global generator, which the tests of this process share
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, str(path)], env=environment, capture_output=True, text=True, timeout=250, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_examples_are_there():
    assert len(EXAMPLES) >= 3


def test_readme(capsys, tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S)
    script = tmp_path / "readme.py"
    script.write_text(code, encoding="utf-8")
    names = runpy.run_path(str(script))
    assert "HarsanyiEffects" in capsys.readouterr().out
    assert names["effects"].first_order.shape == names["effects"].independent.shape == (2, 4)
    assert names["effects"].by_order.shape == (2, 4)
