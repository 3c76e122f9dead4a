"""``taylorattr prove`` and ``bench`` hand their arguments to the clone's packages, and the status back."""

import pytest

import taylorattr
from taylorattr.cli import main
from taylorattr.cli.clone import COMMANDS

PRINT_ARGUMENTS = "import os, sys; print(os.getcwd(), *sys.argv[1:]); sys.exit(1)"


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A source tree whose proofs and benchmarks print where they run and what they are told."""
    tree = tmp_path / "clone"
    for package in ("taylorattr", "proofs", "benchmarks"):
        (tree / package).mkdir(parents=True)
        (tree / package / "__init__.py").touch()  # a regular package, found before an installed clone
    monkeypatch.setattr(taylorattr, "__file__", str(tree / "taylorattr" / "__init__.py"))
    return tree


def test_in_the_clone(capfd):
    assert main(["prove", "mobius_inversion"]) == 0
    assert "1 of 1 proved" in capfd.readouterr().out
    assert main(["bench", "--only", "no such row"]) == 2
    assert "no row is called" in capfd.readouterr().err


@pytest.mark.parametrize("command", COMMANDS)
def test_arguments_and_status_are_passed_on(command, tree, tmp_path, monkeypatch, capfd):
    package, _ = COMMANDS[command]
    (tree / package / "__main__.py").write_text(PRINT_ARGUMENTS)
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / package).mkdir(parents=True)  # of the user, who did not mean it
    (elsewhere / package / "__main__.py").write_text("raise SystemExit(7)")
    monkeypatch.chdir(elsewhere)
    arguments = ["--markdown", "t.md", "one", "--help", "two"]
    assert main([command, *arguments]) == 1
    # in the user's folder, so that a FILE is where the user means it
    assert capfd.readouterr().out.split() == [str(elsewhere), *arguments]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_from_an_installed_package_it_says_where_to_run(command, arguments, tree, capsys):
    assert main([command, *arguments]) == 2
    assert "clone the repository" in capsys.readouterr().err


def test_they_are_listed_among_the_commands(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capsys.readouterr().out
    assert all(summary in text for _, summary in COMMANDS.values())
