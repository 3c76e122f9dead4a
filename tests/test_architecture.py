"""The tree's promises: imports point one way, a file is one concept, a name means one thing.

Every promise is one test over all files: they are read and parsed once, and a failure lists every offender.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "taylorattr"
FILES = sorted(PACKAGE.rglob("*.py"))

LAYERS = (
    ("errors",),
    ("aliases", "registry", "atomic", "memory", "tables"),
    ("files",),
    ("maths",),
    ("program",),
    ("analysis",),
    ("autodiff",),
    ("effects", "toys"),
    ("many_players",),
    ("attribution",),
    ("methods",),
    ("allocation",),
    ("reformulation", "criteria", "evaluation", "graphs"),
    ("design",),
    ("datasets",),
    ("prepared",),
    ("plot",),
    ("html",),
    ("compat",),
    ("__init__",),
    ("demo",),
    ("cli",),
    ("__main__",),
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}


ROOMS_OF_CRITERIA = (("three_criteria", "verdict"), ("paper", "blame"), ("probe", "audit"))
"""The same inside `criteria`: rooms of one row do not know each other."""


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in FILES}
SOURCES = {path: path.read_text(encoding="utf-8") for path in FILES}
TREES = {path: ast.parse(source) for path, source in SOURCES.items()}
LINES = {path: len(source.splitlines()) for path, source in SOURCES.items()}


def part_of(module: str) -> str:
    """The name in LAYERS that a dotted module belongs to."""
    _, *rest = module.split(".")
    return rest[0] if rest else "__init__"


def imports(path: Path, *, inside_functions: bool = False) -> Iterator[tuple[int, str]]:
    """Line and module of every import of this package; `from x import y` is x.y where that is a module."""
    nodes = ast.walk(TREES[path])
    if inside_functions:
        functions = (
            n for n in ast.walk(TREES[path]) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)
        )
        nodes = (inner for function in functions for inner in ast.walk(function))
    for node in nodes:
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = module_name(path).split(".")
                package = package if path.name == "__init__.py" else package[:-1]
                package = package[: len(package) - node.level + 1]
                base = ".".join([*package, base] if base else package)
            names = [f"{base}.{a.name}" if f"{base}.{a.name}" in MODULES else base for a in node.names]
        else:
            continue
        for name in names:
            if name.split(".")[0] == "taylorattr":
                yield node.lineno, name


def importers() -> dict[str, set[str]]:
    """Module -> the modules that import it."""
    by_module = defaultdict(set)
    for path in FILES:
        for _, module in imports(path):
            by_module[module].add(module_name(path))
    return by_module


def where(path: Path, line: int | None = None) -> str:
    return str(path.relative_to(ROOT)) + (f":{line}" if line else "")


def listed(offenders: list[str]) -> str:
    """The offenders of a failed promise, one a line."""
    return "\n  ".join(["", *offenders])


def test_every_part_has_a_place_in_the_layers():
    parts = {part_of(module): path for module, path in MODULES.items()}
    lost = [
        f"{where(path)}: give {part!r} a place in LAYERS" for part, path in parts.items() if part not in RANK
    ]
    assert not lost, listed(lost)


def test_imports_point_one_way():
    upward = []
    for path in FILES:
        here = part_of(module_name(path))
        for line, module in imports(path):
            there = part_of(module)
            if there != here and RANK.get(there, len(LAYERS)) >= RANK[here]:
                upward.append(f"{where(path, line)}: {here} must not import {module}")
    assert not upward, f"move what they need down to a lower layer:{listed(upward)}"


def test_rooms_of_criteria_point_one_way():
    rank = {room: row for row, rooms in enumerate(ROOMS_OF_CRITERIA) for room in rooms}
    backward = []
    for path in FILES:
        here = module_name(path).split(".")
        if here[1:2] != ["criteria"] or len(here) == 2:
            continue
        for line, module in imports(path):
            there = module.split(".")
            if there[1:2] == ["criteria"] and there[2:3] != here[2:3]:
                if len(there) == 2 or rank[there[2]] >= rank[here[2]]:
                    backward.append(f"{where(path, line)}: {here[2]} must not import {module}")
    assert not backward, listed(backward)


def test_no_import_inside_a_function_dodges_a_cycle():
    late = [
        where(path, line)
        for module, path in MODULES.items()
        # nothing imports these two, so a late import saves start-up time there and hides no cycle
        if part_of(module) not in ("cli", "__init__")
        for line, _ in imports(path, inside_functions=True)
    ]
    assert not late, f"import at the top of the file instead:{listed(late)}"


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


LONGEST_FILE = 500
"""Lines. A longer file holds more than one concept; the usual one has 50 to 400."""

CRUMB = 50
"""Lines below which a file that one other file alone imports is a part of that file."""

CRUMBS_LEFT, CLASS_NAMES_SHARED, NUMBER_NAMES_SHARED = 2, 2, 0
"""How many offenders are left of the three promises below. These numbers only sink."""


def test_no_file_is_a_heap():
    heaps = [f"{where(path)} has {lines} lines" for path, lines in LINES.items() if lines > LONGEST_FILE]
    assert not heaps, f"more than one concept in a file?{listed(heaps)}"


def test_no_file_is_a_crumb_of_another():
    """The counterweight: whoever reads the one importer reads this file too, so it belongs there.

    What a package's `__init__` imports, a rule or a method that registers itself, stands for itself.
    """
    imported_by = importers()
    crumbs = []
    for module, path in MODULES.items():
        if LINES[path] < CRUMB and path.name != "__init__.py" and len(imported_by[module]) == 1:
            (reader,) = imported_by[module]
            if MODULES[reader].name != "__init__.py":
                crumbs.append(f"{where(path)} ({LINES[path]} lines): only {reader} reads it")
    assert len(crumbs) <= CRUMBS_LEFT, f"merge a small file into the only one that uses it:{listed(crumbs)}"


def test_files_are_named_by_their_subject():
    nameless = [where(p) for p in FILES if p.stem in ("utils", "util", "helpers", "misc", "common")]
    assert not nameless, f"a file is named by its subject:{listed(nameless)}"


def test_a_class_name_names_one_class():
    homes = defaultdict(list)
    for path in FILES:
        for node in ast.walk(TREES[path]):
            if isinstance(node, ast.ClassDef):
                homes[node.name].append(where(path, node.lineno))
    shared = [f"{name}: {', '.join(places)}" for name, places in homes.items() if len(places) > 1]
    assert len(shared) <= CLASS_NAMES_SHARED, f"one class name, one class:{listed(shared)}"


def test_a_number_has_a_name_of_its_own():
    """A constant in two files is one fact written twice, or two facts under one name."""
    homes = defaultdict(list)
    for path in FILES:
        for name, line, value in numbers(TREES[path]):
            homes[name].append(f"{where(path, line)} = {value}")
    shared = [f"{name}: {', '.join(places)}" for name, places in homes.items() if len(places) > 1]
    assert len(shared) <= NUMBER_NAMES_SHARED, (
        f"import the fact from one file, or say in the name what each of them counts:{listed(shared)}"
    )


def numbers(tree: ast.Module) -> Iterator[tuple[str, int, str]]:
    """Name, line and written value of every constant of a module that is a number, `2**20` among them."""
    for node in tree.body:
        if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
            continue
        leaves = [n for n in ast.walk(node.value) if not isinstance(n, ast.operator | ast.unaryop)]
        arithmetic = all(isinstance(n, ast.BinOp | ast.UnaryOp | ast.Constant) for n in leaves)
        values = [n.value for n in leaves if isinstance(n, ast.Constant)]
        if arithmetic and all(type(value) in (int, float) for value in values):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(target, ast.Name):
                    yield target.id, node.lineno, ast.unparse(node.value)


def test_nothing_is_left_unfinished():
    marks = re.compile(rf"\b({'TO' + 'DO'}|{'FIX' + 'ME'}|{'X' * 3})\b")
    left = [
        f"{where(path, number)}: {line.strip()}"
        for path, source in SOURCES.items()
        for number, line in enumerate(source.splitlines(), 1)
        if marks.search(line)
    ]
    assert not left, listed(left)


def test_the_package_announces_its_types():
    assert (PACKAGE / "py.typed").is_file()


def test_equation_numbers_in_docstrings_exist():
    theory = (ROOT / "docs/theory.md").read_text(encoding="utf-8")
    stated = set(re.findall(r"^\*\*\((\d+[ab]?)\)\*\*", theory, re.M))
    unknown = [
        f"{where(path)} cites equations {missing}"
        for path, source in SOURCES.items()
        if (missing := sorted(set(re.findall(r"\beqs?\. \((\d+[ab]?)\)", source)) - stated))
    ]
    assert not unknown, f"docs/theory.md lacks them:{listed(unknown)}"
