"""The public names are there, documented and typed."""

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


@pytest.mark.parametrize("name", ("sklearn", "captum", "shap", "shapiq", "transformers", "matplotlib.pyplot"))
def test_importing_the_package_imports_no_extra(name):
    code = f"import sys, taylorattr; sys.exit({name!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
