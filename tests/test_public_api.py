"""The public names are there, documented and typed."""

import ast
import inspect
import subprocess
import sys
import typing

import pytest

import taylorattr as ta

FUNCTIONS = (
    "attribute", "decompose", "harsanyi", "hvp", "hessian", "integrated_hessians", "symbolic_effects",
)  # fmt: skip
CLASSES = ("Players", "Attribution", "TaylorEffects", "HarsanyiEffects")


def test_all_lists_what_the_package_offers():
    assert set(FUNCTIONS) | set(CLASSES) <= set(ta.__all__)
    assert len(ta.__all__) == len(set(ta.__all__))
    for name in ta.__all__:
        assert hasattr(ta, name), f"__all__ names {name!r}, which taylorattr lacks"


@pytest.mark.parametrize(
    "module", (ta, ta.design, ta.evaluation, ta.graphs, ta.plot), ids=lambda m: m.__name__
)
def test_dir_lists_the_public_names_and_no_others(module):
    """Names that are imported later are there before their first use; helpers and files are not."""
    assert sorted(name for name in dir(module) if not name.startswith("_")) == sorted(module.__all__)


def test_dir_does_not_depend_on_what_was_used_before():
    code = "import taylorattr as ta; print(*(name for name in dir(ta) if name[0] != '_'), sep='\\n')"
    first = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert first.split() == sorted(ta.__all__)


def test_type_checkers_read_each_later_name_from_where_it_is_imported():
    tree = ast.parse(inspect.getsource(ta))
    for_checkers = {
        alias.name: node.module
        for branch in tree.body
        if isinstance(branch, ast.If) and ast.unparse(branch.test) == "TYPE_CHECKING"
        for node in branch.body
        if isinstance(node, ast.ImportFrom) and node.module != "taylorattr"
        for alias in node.names
    }
    assert for_checkers == ta._LATER


@pytest.mark.parametrize("name", FUNCTIONS + CLASSES)
def test_every_public_name_is_documented(name):
    documentation = inspect.getdoc(getattr(ta, name)) or ""
    assert len(documentation.splitlines()) > 3, f"taylorattr.{name} needs a docstring"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_public_function_is_typed(name):
    function = getattr(ta, name)
    hints = typing.get_type_hints(function)
    missing = [p for p in inspect.signature(function).parameters if p not in hints]
    assert not missing and "return" in hints, f"taylorattr.{name}: no type for {missing or 'the result'}"


def test_importing_the_package_imports_no_extra():
    extras = ("sklearn", "captum", "shap", "shapiq", "transformers", "matplotlib.pyplot", "sympy", "networkx")
    code = f"import sys, taylorattr; print([name for name in {extras} if name in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert shown.stdout.strip() == "[]"
