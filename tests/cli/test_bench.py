"""``taylorattr bench`` runs what lies in the source tree."""

import subprocess

import taylorattr
from taylorattr.cli import bench, main


def test_its_options_reach_the_benchmarks(monkeypatch, tmp_path):
    calls = []
    monkeypatch.setattr(subprocess, "call", lambda command, cwd: calls.append((command[1:], cwd)) or 0)
    table = tmp_path / "t.md"
    assert main(["bench", "--only", "harsanyi", "--quick", "--markdown", str(table)]) == 0
    command, folder = calls[0]
    assert command == ["-m", "benchmarks", "--only", "harsanyi", "--quick", "--markdown", str(table)]
    assert (folder / "benchmarks").is_dir()


def test_an_installed_package_says_where_the_benchmarks_are(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(bench.taylorattr, "__file__", str(tmp_path / "taylorattr" / "__init__.py"))
    assert main(["bench"]) == 2
    assert "clone the repository" in capsys.readouterr().err
    assert taylorattr is bench.taylorattr
