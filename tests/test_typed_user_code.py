"""Type checkers accept what a user writes, and find a user's mistakes at their lines."""

import ast
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import taylorattr as ta

ROOT = Path(__file__).parents[1]
SCRIPT, MISTAKES = (ROOT / "tests/typed" / f"users_{name}.py" for name in ("script", "mistakes"))


def mypy(folder: Path) -> list[tuple[str, int, str]]:
    """File, line and message of every error that mypy finds in copies of the two scripts."""
    pytest.importorskip("mypy", reason="mypy is not installed: the dev extra")
    options = ["--config-file=", "--check-untyped-defs", f"--cache-dir={folder / 'cache'}"]
    # silent: errors of the user's files alone, as where the package is installed; not every library has stubs
    options += ["--follow-imports=silent", "--disable-error-code=import-untyped"]
    shown = subprocess.run(
        [sys.executable, "-m", "mypy", *options, SCRIPT.name, MISTAKES.name],
        cwd=folder, env=os.environ | {"MYPYPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert shown.returncode in (0, 1), shown.stdout + shown.stderr
    errors = re.findall(r"^(\w+\.py):(\d+): error: (.*)$", shown.stdout, re.M)
    return [(name, int(line), message) for name, line, message in errors]


def pyright(folder: Path) -> list[tuple[str, int, str]]:
    """File, line and message of every error that pyright finds in copies of the two scripts."""
    pytest.importorskip("pyright", reason="pyright is not installed: the dev extra")
    settings = {"include": ["."], "extraPaths": [str(ROOT)], "typeCheckingMode": "standard"}
    (folder / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable]
    shown = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert shown.returncode in (0, 1), shown.stdout + shown.stderr
    return [
        (Path(error["file"]).name, error["range"]["start"]["line"] + 1, error["message"])
        for error in json.loads(shown.stdout)["generalDiagnostics"]
        if error["severity"] == "error"
    ]


@pytest.mark.slow
@pytest.mark.parametrize("checker", [mypy, pyright])
def test_a_checker_accepts_the_script_and_finds_the_mistakes(checker, tmp_path):
    for path in (SCRIPT, MISTAKES):
        shutil.copy(path, tmp_path)
    errors = checker(tmp_path)
    assert not [error for error in errors if error[0] == SCRIPT.name]
    marked = re.finditer(r"# mistake$", source := MISTAKES.read_text(encoding="utf-8"), re.M)
    lines = {source.count("\n", 0, mark.start()) + 1 for mark in marked}
    assert {line for name, line, _ in errors if name == MISTAKES.name} == lines


@pytest.mark.slow
def test_the_script_runs(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    names = runpy.run_path(str(SCRIPT))
    assert "<title>a page</title>" in names["page"].read_text(encoding="utf-8")


def test_the_script_uses_every_public_name():
    used = {
        node.attr
        for node in ast.walk(ast.parse(SCRIPT.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "ta"
    }
    assert set(ta.__all__) - used == {"Result"}  # the base class of the others: nobody makes one
