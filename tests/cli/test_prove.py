"""`taylorattr prove` hands its arguments to the clone's proofs and their status back."""

import pytest

import taylorattr
from taylorattr.cli import main


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A tree whose proofs print their arguments and exit with the status that the first name says."""
    (tmp_path / "taylorattr").mkdir()
    (tmp_path / "proofs").mkdir()
    (tmp_path / "proofs" / "__init__.py").touch()  # a regular package, found before an installed clone
    monkeypatch.setattr(taylorattr, "__file__", str(tmp_path / "taylorattr" / "__init__.py"))
    return tmp_path


def test_in_the_clone(capfd):
    assert main(["prove", "mobius_inversion"]) == 0
    assert "1 of 1 proved" in capfd.readouterr().out


def test_arguments_and_status_are_passed_on(clone, capfd):
    (clone / "proofs" / "__main__.py").write_text("import sys; print(*sys.argv[1:]); sys.exit(1)")
    assert main(["prove", "one", "two", "--json", "--steps", "--list"]) == 1
    assert capfd.readouterr().out.split() == ["--list", "--steps", "--json", "one", "two"]


def test_from_an_installed_package_it_says_where_to_run(clone, capsys):
    assert main(["prove"]) == 2
    assert "clone the repository" in capsys.readouterr().err
