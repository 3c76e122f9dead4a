"""Mutation testing: does a test fail when a line of the package is wrong?

``python -m tests.mutants taylorattr/maths --count 60 --seed 0`` draws 60 changes of the files given:
a comparison, a sign, a constant, an element of a list, … Each is made alone in a copy of the tree, and
the tests of that file run. A mutant that no test notices has survived: either a law is missing, or the
change makes no difference. Not collected by pytest. docs/testing.md has the rates, and what survived
for a reason.
"""

import argparse
import ast
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]

COMPARISONS = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
OPERATORS = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult,
    ast.FloorDiv: ast.Mult, ast.Mod: ast.FloorDiv, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
    ast.LShift: ast.RShift, ast.RShift: ast.LShift,
}  # fmt: skip
NAMES = {
    "min": "max", "max": "min", "any": "all", "all": "any", "amin": "amax", "amax": "amin",
    "argmin": "argmax", "argmax": "argmin", "minimum": "maximum", "maximum": "minimum", "floor": "ceil",
    "ceil": "floor", "zeros": "ones", "ones": "zeros", "zeros_like": "ones_like", "ones_like": "zeros_like",
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """One change: the file, where in it, and the text that stands there instead."""

    path: str
    line: int
    start: int  # offsets in the encoded file
    end: int
    before: str
    after: str

    def applied(self, source: bytes) -> bytes:
        """Return the file with the change."""
        return source[: self.start] + self.after.encode() + source[self.end :]

    def __str__(self) -> str:
        short = [" ".join(text.split())[:80] for text in (self.before, self.after)]
        return f"{self.path}:{self.line}: {short[0]}  →  {short[1]}"


def changed(node: ast.AST) -> Iterator[ast.AST | str]:
    """Every change of one node: what stands in its place, as a tree or as text."""
    match node:
        case ast.Compare(left, [operator], right) if type(operator) in COMPARISONS:
            yield ast.Compare(left, [COMPARISONS[type(operator)]()], right)
        case ast.BinOp(left, operator, right) if type(operator) in OPERATORS:
            yield ast.BinOp(left, OPERATORS[type(operator)](), right)
        case ast.BoolOp(operator, values):
            yield ast.BoolOp(ast.Or() if isinstance(operator, ast.And) else ast.And(), values)
        case ast.UnaryOp(ast.Not() | ast.USub() | ast.Invert(), operand):
            yield operand
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value) | float(value)):
            yield ast.Constant(value + 1)
            yield ast.Constant(value - 1)
        case ast.List(elements, ast.Load()) | ast.Tuple(elements, ast.Load()) | ast.Set(elements):
            if len(elements) > 1 or isinstance(node, ast.List) and elements:
                for gone in range(len(elements)):
                    yield type(node)(elements[:gone] + elements[gone + 1 :], ctx=ast.Load())
        case ast.Dict(keys, values):
            for gone in range(len(keys)):
                yield ast.Dict(keys[:gone] + keys[gone + 1 :], values[:gone] + values[gone + 1 :])
        case ast.IfExp(test, body, orelse):
            yield ast.IfExp(ast.UnaryOp(ast.Not(), test), body, orelse)
        case ast.Call(ast.Name(name), arguments, keywords) if name in NAMES:
            yield ast.Call(ast.Name(NAMES[name]), arguments, keywords)
        case ast.Call(ast.Attribute(owner, name), arguments, keywords) if name in NAMES:
            yield ast.Call(ast.Attribute(owner, NAMES[name]), arguments, keywords)
        case ast.Call(ast.Attribute(owner, "abs"), [], []):
            yield owner
        case ast.Return(value) if value is not None and not isinstance(value, ast.Constant):
            yield "return None"
        case ast.AugAssign() | ast.Expr(ast.Call()):
            yield "pass"


def mutants(path: Path) -> list[Mutant]:
    """Every mutant of a file; annotations, decorators, messages of errors and `__all__` stay as they are."""
    source = path.read_bytes()
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    name = str(path.relative_to(ROOT))
    found = []

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.Raise | ast.JoinedStr | ast.Import | ast.ImportFrom):
            return
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return
        if isinstance(node, ast.expr | ast.stmt):
            start, end = (
                starts[line - 1] + column
                for line, column in (
                    (node.lineno, node.col_offset),
                    (node.end_lineno or 0, node.end_col_offset or 0),
                )
            )
            before = source[start:end].decode()
            for other in changed(node):
                after = (
                    other if isinstance(other, str) else f"({ast.unparse(ast.fix_missing_locations(other))})"
                )
                found.append(Mutant(name, node.lineno, start, end, before, after))
        if isinstance(node, ast.If | ast.While):
            test = source[starts[node.test.lineno - 1] + node.test.col_offset :]
            length = len(ast.get_source_segment(source.decode(), node.test).encode())  # type: ignore[union-attr]
            start = len(source) - len(test)
            before = source[start : start + length].decode()
            found.append(Mutant(name, node.lineno, start, start + length, before, f"not ({before})"))
        for field, value in ast.iter_fields(node):
            if field in ("annotation", "returns", "decorator_list", "type_comment"):
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    visit(child)

    visit(ast.parse(source))
    return found


def tests_of(path: str) -> list[str]:
    """The test files of a file: its mirror, those that import it, those beside its mirror or around it."""
    module = path.removesuffix(".py").removesuffix("/__init__")
    mirror = ROOT / "tests" / Path(*Path(module).parts[1:-1], f"test_{Path(module).name}.py")
    dotted = module.replace("/", ".")
    parent, _, last = dotted.rpartition(".")
    imports = re.compile(rf"\b{re.escape(dotted)}\b|from {re.escape(parent)} import .*\b{last}\b")
    room = ROOT / "tests" / Path(module).parts[1]
    files = [
        test
        for test in sorted((ROOT / "tests").rglob("test_*.py"))
        if imports.search(test.read_text("utf-8"))
    ]
    folders = [
        folder for folder in mirror.parents if folder.is_relative_to(room)
    ]  # its own, and those around it
    near = [test for folder in folders for test in sorted(folder.glob("test_*.py"))]
    ordered = dict.fromkeys([mirror] if mirror.is_file() else [])
    ordered |= dict.fromkeys(sorted(files, key=lambda test: not test.is_relative_to(room)))
    ordered |= dict.fromkeys(near)
    return [str(test.relative_to(ROOT)) for test in ordered]


def outcome(folder: Path, tests: list[str], seconds: int) -> tuple[str, float]:
    """Run tests in a fork of this process, which has imported what takes long.

    Returns:
        passed, failed or timed out, and the CPU time. The limit is one of CPU time: a busy machine kills no
        mutant.
    """
    started = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    child = os.fork()
    if child == 0:
        os.setsid()
        os.chdir(folder)
        sys.path[:0] = [str(folder)]
        for name in [name for name in sys.modules if name.partition(".")[0] == "tests"]:
            del sys.modules[name]  # this file's own package, which is not the copy's
        sys.dont_write_bytecode = True
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 1)
        os.dup2(silent, 2)
        import pytest

        options = [
            "-x",
            "-q",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:xdist",
            "-p",
            "no:doctest",
            "-o",
            "addopts=",
        ]
        os._exit(int(pytest.main([*options, "-m", "not slow", *tests])))
    patience = time.monotonic() + 20 * seconds
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done or time.monotonic() > patience:
            break
        time.sleep(0.05)
    if not done:
        os.killpg(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - started
    if os.WIFSIGNALED(status):
        return "timed out", used
    return ("passed" if os.WEXITSTATUS(status) in (0, 5) else "failed"), used


def main() -> int:
    """Draw mutants, run their tests, print what survived."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__.splitlines()[0])
    parser.add_argument("paths", nargs="+", type=Path, help="files or folders of the package")
    parser.add_argument("--count", type=int, default=60, help="how many mutants are drawn")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--list", action="store_true", help="print the mutants and run nothing")
    arguments = parser.parse_args()
    files = sorted(
        {
            file.resolve()
            for path in arguments.paths
            for file in ([path] if path.is_file() else path.rglob("*.py"))
        }
    )
    every = [mutant for file in files for mutant in mutants(file)]
    drawn = random.Random(arguments.seed).sample(every, min(arguments.count, len(every)))
    drawn.sort(key=lambda mutant: (mutant.path, mutant.line))
    print(f"{len(drawn)} of {len(every)} mutants in {len(files)} files, seed {arguments.seed}", flush=True)
    if arguments.list:
        print(*drawn, sep="\n")
        return 0
    os.environ |= {"OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
    import hypothesis  # noqa: F401
    import networkx  # noqa: F401
    import pytest  # noqa: F401
    import sympy  # noqa: F401
    import torch.export  # noqa: F401

    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shown = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
        for file in shown.stdout.splitlines():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / file, folder / file)
        tests = {mutant.path: tests_of(mutant.path) for mutant in drawn}
        as_it_is, seconds = outcome(folder, list(dict.fromkeys(sum(tests.values(), []))), 3000)
        if as_it_is != "passed":
            print("no mutant was made: a test fails as the tree is")
            return 1
        for mutant in drawn:
            source = (folder / mutant.path).read_bytes()
            (folder / mutant.path).write_bytes(mutant.applied(source))
            # what loops for ever is stopped after the time that all these tests take together, and some
            result, used = outcome(folder, tests[mutant.path], round(20 + seconds))
            (folder / mutant.path).write_bytes(source)
            verdict = {"passed": "survived", "failed": "killed"}.get(result, result)
            counts[verdict] += 1
            print(f"{verdict:9} {used:5.0f}s  {mutant}", flush=True)
    print(", ".join(f"{count} {verdict}" for verdict, count in counts.most_common()))
    print(f"killed or timed out: {len(drawn) - counts['survived']} of {len(drawn)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
