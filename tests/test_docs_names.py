"""Every name of this package that pages and docstrings mention is there."""

import ast
import importlib
import re
from pathlib import Path

import taylorattr as ta

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
CODE = sorted(
    path
    for folder in ("taylorattr", "proofs", "benchmarks", "examples", "docs")
    for path in (ROOT / folder).rglob("*.py")
)

DOTTED = re.compile(r"(?<![\w./-])(taylorattr|ta)((?:\.[A-Za-z_]\w*)+)")
FILES = ("py", "json", "html", "npz", "png", "pt2", "csv", "md")
"""What stands behind the last dot of a file's name, which is none of a module."""


def resolves(name):
    """Whether a dotted name is a module, or an attribute of one, however deep."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            value = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            if not hasattr(value, part):
                return part in getattr(value, "__annotations__", {}) or part in getattr(
                    value, "__dataclass_fields__", {}
                )
            value = getattr(value, part)
        return True
    return False


def names_in(text):
    for package, rest in DOTTED.findall(text):
        if rest.rsplit(".", 1)[1] not in FILES:
            yield ("taylorattr" if package == "ta" else package) + rest


def docstrings(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            yield node.value.value


def missing(texts):
    return sorted({name for text in texts for name in names_in(text) if not resolves(name)})


def test_names_on_pages_are_there():
    lost = {path.name: missing([path.read_text(encoding="utf-8")]) for path in PAGES}
    assert not any(lost.values()), {page: names for page, names in lost.items() if names}


def test_names_in_docstrings_are_there():
    lost = {str(path.relative_to(ROOT)): missing(docstrings(path)) for path in CODE}
    assert not any(lost.values()), {file: names for file, names in lost.items() if names}


def test_links_and_paths_on_pages_lead_somewhere():
    dead = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        links = re.findall(r"\]\(([!-~]+?)(?:#[^)]*)?\)", text)  # formulas, M[κ - 1](σ/Δ), are not ASCII
        paths = re.findall(r"\b(?:taylorattr|tests|docs|proofs|benchmarks|examples)/[\w/]*(?:\.\w+)?", text)
        dead += [
            f"{page.name}: {link}"
            for link in links
            if "://" not in link and not (page.parent / link).exists()
        ]
        dead += [f"{page.name}: {path}" for path in paths if not (ROOT / path).exists()]
    assert not dead


def test_the_search_can_fail():
    assert missing(["ta.audit and taylorattr.compat.captum.DeepLift, ta.no_such_name"]) == [
        "taylorattr.no_such_name"
    ]
    assert missing([f"ta.{ta.audit.__name__}, report.taylorattr.html"]) == []
