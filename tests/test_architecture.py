"""The tree's promises: imports point one way, files stay small, nothing is unfinished."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "taylorattr"
FILES = sorted(PACKAGE.rglob("*.py"))

LAYERS = (
    ("errors",),
    ("aliases", "registry", "atomic", "memory", "tables"),
    ("maths",),
    ("program",),
    ("analysis",),
    ("autodiff",),
    ("effects", "toys"),
    ("attribution",),
    ("allocation", "methods"),
    ("reformulation", "criteria", "evaluation", "graphs"),
    ("design",),
    ("plot",),
    ("html",),
    ("compat",),
    ("__init__",),
    ("cli",),
    ("__main__",),
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in FILES}


def part_of(module: str) -> str:
    """The name in LAYERS that a dotted module belongs to."""
    _, *rest = module.split(".")
    return rest[0] if rest else "__init__"


def imports(path: Path, *, inside_functions: bool = False) -> Iterator[tuple[int, str]]:
    """Line and module of every import of this package; `from x import y` is x.y where that is a module."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = ast.walk(tree)
    if inside_functions:
        functions = (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))
        nodes = (inner for function in functions for inner in ast.walk(function))
    for node in nodes:
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = module_name(path).split(".")
                package = package if path.name == "__init__.py" else package[:-1]
                package = package[: len(package) - node.level + 1]
                base = ".".join([*package, base] if base else package)
            found = [f"{base}.{a.name}" if f"{base}.{a.name}" in MODULES else base for a in node.names]
        else:
            continue
        for name in found:
            if name.split(".")[0] == "taylorattr":
                yield node.lineno, name


def where(path: Path, line: int) -> str:
    return f"{path.relative_to(ROOT)}:{line}"


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_imports_point_one_way(path):
    here = part_of(module_name(path))
    assert here in RANK, f"{path.relative_to(ROOT)}: give {here!r} a place in LAYERS"
    for line, module in imports(path):
        there = part_of(module)
        assert there in RANK, f"{where(path, line)}: give {there!r} a place in LAYERS"
        assert there == here or RANK[there] < RANK[here], (
            f"{where(path, line)}: {here} must not import {module}; move what it needs down to a lower layer"
        )


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_no_import_inside_a_function_dodges_a_cycle(path):
    if part_of(module_name(path)) in ("cli", "__init__"):
        return  # nothing imports these, so a late import saves start-up time and hides no cycle
    late = [where(path, line) for line, _ in imports(path, inside_functions=True)]
    assert not late, f"import at the top of the file instead: {late}"


def test_no_module_imports_itself_through_others():
    graph = {name: {module for _, module in imports(path)} & MODULES.keys() for name, path in MODULES.items()}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, f"circular import: {' -> '.join((*trail[trail.index(name) :], name))}"
        if name not in done:
            for other in sorted(graph[name] - {name}):
                visit(other, (*trail, name))
            done.add(name)

    for name in sorted(graph):
        visit(name, ())


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_one_concept_one_small_file(path):
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= 400, f"{path.relative_to(ROOT)} has {lines} lines: more than one concept?"
    assert path.stem not in ("utils", "util", "helpers", "misc", "common"), f"name {path.name} by its subject"


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_nothing_is_left_unfinished(path):
    text = path.read_text(encoding="utf-8")
    marks = [mark for mark in ("TO" + "DO", "FIX" + "ME", "X" * 3) if re.search(rf"\b{mark}\b", text)]
    assert not marks, f"{path.relative_to(ROOT)} still says {marks}"


def test_the_package_announces_its_types():
    assert (PACKAGE / "py.typed").is_file()


def test_equation_numbers_in_docstrings_exist():
    theory = (ROOT / "docs/theory.md").read_text(encoding="utf-8")
    stated = set(re.findall(r"^\*\*\((\d+[ab]?)\)\*\*", theory, re.M))
    for path in FILES:
        cited = re.findall(r"\beqs?\. \((\d+[ab]?)\)", path.read_text(encoding="utf-8"))
        unknown = sorted(set(cited) - stated)
        assert not unknown, f"{path.relative_to(ROOT)} cites equations {unknown}, which docs/theory.md lacks"
