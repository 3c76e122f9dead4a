"""No text is run: not from a file, not from an argument; and no short text computes for ever or fills the
memory.
"""

import os
import re
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sympy as sp
import torch

import taylorattr as ta
from taylorattr.design.files import MAKERS
from taylorattr.errors import TaylorAttrError

SECONDS = 3
"""Processor time in which a refusal has to come, in a child that is stopped then."""

x = sp.Symbol("x")


def document(made_by: str, **arguments: Any) -> dict[str, Any]:
    """A rule as `ta.design.to_dict` writes it."""
    return {
        "format": "taylorattr-rule",
        "version": 1,
        "name": "from_a_file",
        "made_by": made_by,
        "arguments": arguments,
    }


def read(made_by: str, **arguments: Any) -> Callable[[], Any]:
    return lambda: ta.design.from_dict(document(made_by, **arguments))


# ------------------------------------------------------------------------------------------------ code

PAYLOADS: dict[str, str] = {
    "import": "__import__('pathlib').Path({mark!r}).write_text('x')",
    "inside a formula": "kappa[i]/m + 0*len(open({mark!r}, 'w').name)",
    "lambda": "(lambda: open({mark!r}, 'w').close() or 1)()*kappa[i]/m",
    "attribute": "m.__class__.__init__.__globals__['__builtins__']['open']({mark!r}, 'w')",
    "comprehension": "[open({mark!r}, 'w') for _ in (1,)][0]",
    "in a subscript": "kappa[open({mark!r}, 'w')]/m",
    "in a call": "Max(1, open({mark!r}, 'w'))",
    "f-string": "f\"{{open({mark!r}, 'w')}}\"",
}
"""Text that makes a file when it is evaluated."""

DOORS: dict[str, Callable[[str], Any]] = {
    "rule": lambda text: ta.design.rule("from_text", text),
    "rule, index of an attribute": lambda text: ta.design.rule(
        "from_text", f"a[{text}]/m", attributes={"a": [1, 2]}
    ),
    "file": lambda text: ta.design.from_dict(document("rule", ratio=text)),
    "file, rule in a mixture": lambda text: ta.design.from_dict(
        document("mix", rules=[{"rule": document("rule", ratio=text)}, "shapley"], weights=[1, 1])
    ),
    "file, name of a node": lambda text: ta.design.from_dict(
        document("rule", ratio={"expression": [text, 1]})
    ),
    "file, name of a symbol": lambda text: ta.design.from_dict(
        document("rule", ratio={"expression": ["Symbol", text, {}]})
    ),
    "file, name of an indexed quantity": lambda text: ta.design.from_dict(
        document("rule", ratio={"expression": ["Indexed", ["Symbol", text, {}], ["Symbol", "i", {}]]})
    ),
    **{
        f"file, {maker}": lambda text, maker=maker: ta.design.from_dict(
            document(maker, given=text, rule=text)
        )
        for maker in MAKERS
    },
    "measure": ta.design.measure,
    "weights of a mixture": lambda text: ta.design.mix(["shapley", "integrated_gradients"], [text, 1]),
    "attribute": lambda text: ta.design.rule("from_text", "a[i]*kappa[i]/m", attributes={"a": [text, 1]}),
    "table": lambda text: ta.design.rule("from_text", {(1, 0): [text, 0]}),
    "symbolic_effects": lambda text: ta.symbolic_effects(text, [x], [1]),
    "symbolic_effects, symbols": lambda text: ta.symbolic_effects(x, [text], [1]),
    "symbolic_effects, inputs": lambda text: ta.symbolic_effects(x, [x], [text]),
    "symbolic_effects, inputs by name": lambda text: ta.symbolic_effects(x, [x], {x: text}),
    "symbolic_effects, baselines": lambda text: ta.symbolic_effects(x, [x], [1], [text]),
}
"""Everything that takes text, or could take text for something else."""


@pytest.mark.parametrize("door", DOORS)
def test_text_is_never_run(door: str, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    for what, payload in PAYLOADS.items():
        with pytest.raises(TaylorAttrError):
            DOORS[door](payload.format(mark=str(mark)))
        assert not mark.exists(), f"{door}: {what} was run"


RUNS_TEXT = re.compile(r"\b(sympify|parse_expr|eval|exec|lambdify)\(")
ALLOWED = re.compile(r"\.eval\(|def eval\(|\.exec\(")


def test_the_package_calls_nothing_that_runs_text() -> None:
    found = []
    for path in sorted(Path(ta.__file__).parent.rglob("*.py")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            code = line.partition("#")[0]
            if RUNS_TEXT.search(ALLOWED.sub("", code)) and not code.lstrip().startswith(('"', "'", "`")):
                found.append(f"{path.name}:{number}: {code.strip()}")
    assert not found, "text may reach these: " + "; ".join(found)


# ---------------------------------------------------------------------------------------------- bounds


def whole(value: int) -> list[Any]:
    return ["Rational", str(value), "1"]


J, M, N = (["Symbol", name, {}] for name in "jmn")


def up_to(body: Any, high: Any, loop: str = "Sum") -> list[Any]:
    return [loop, body, [[["Symbol", "j", {"integer": True}], whole(1), high]]]


NESTED: Any = whole(1)
for _ in range(5000):
    NESTED = ["Add", NESTED, M]

EXPRESSIONS: dict[str, Any] = {
    "10**(10**8)": ["Pow", whole(10), whole(10**8)],
    "(2**4000)**(10**5)": ["Pow", whole(2**4000), whole(10**5)],
    "factorial(10**8)": ["factorial", whole(10**8)],
    "binomial(10**8, 5*10**7)": ["binomial", whole(10**8), whole(5 * 10**7)],
    "Moment(10**6, 2)": ["Moment", whole(10**6), whole(2)],
    "Bernoulli(10**5)": ["Bernoulli", whole(10**5)],
    "m**(10**9)": ["Pow", M, whole(10**9)],
    "2**(m**40)": ["Pow", whole(2), ["Pow", M, whole(40)]],
    "factorial(10**8*m)": ["factorial", ["Mul", M, whole(10**8)]],
    "a sum of 10**9 terms": up_to(whole(1), whole(10**9)),
    "a sum of n**40 terms": up_to(J, ["Pow", N, whole(40)]),
    "sums in sums": up_to(up_to(up_to(J, whole(10**4)), whole(10**4)), whole(10**4)),
    "a product of 10**9 factors": up_to(whole(2), whole(10**9), "Product"),
    "5000 nested sums": NESTED,
}

TEXTS = (
    "9**9**9",
    "2**2**2**2**2**2",
    "factorial(10**8)",
    "binomial(10**9, 10**8)",
    "kappa[i]**(10**9)",
    "total(1, j, 10**10)",
    "1e999999999",
    "0x" + "f" * 100_000,
    "(" * 5000 + "m" + ")" * 5000,
    "+".join(["kappa[i]"] * 5000),
    "-" * 5000 + "m",
    "kappa[i]/m*10**(10**9)",
    "m" + "**m" * 200,
    "\x00",
    "m;m",
    "m\nm",
    "",
)

MEASURES = (
    "beta:1e99999999,1",
    "beta:1,1e-99999999",
    "gauss_legendre:20000",
    "left:10000000",
    "midpoint:1000000",
)


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def chained(depth: int) -> dict[str, Any]:
    rule = document("rule", ratio="kappa[i]/m")
    for _ in range(depth):
        rule = document("or_twin", rule={"rule": rule})
    return rule


HUGE: dict[str, Callable[[], Any]] = {
    **{f"file: {what}": read("rule", ratio={"expression": e}) for what, e in EXPRESSIONS.items()},
    **{f"text: {text[:20]!r}": lambda text=text: ta.design.rule("from_text", text) for text in TEXTS},
    **{f"measure: {text}": lambda text=text: ta.design.measure(text) for text in MEASURES},
    "file: a fraction": read("rule", ratio={"fraction": "1e99999999"}),
    "file: a weight": read("weighted_shapley", weights=[{"fraction": "1e99999999"}, 1]),
    "file: a measure": read("measure", given={"measure": {"beta": ["1e99999999", 1]}}),
    "file: lists in lists": read("rule", ratio=nested(5000)),
    "file: rules in rules": lambda: ta.design.from_dict(chained(2000)),
    "symbolic_effects: order": lambda: ta.symbolic_effects(sp.exp(x), [x], [3], order=10**6),
    "symbolic_effects: text": lambda: ta.symbolic_effects(x, [x], ["1e99999999"]),
    "quadrature of a million nodes": lambda: ta.design.quadrature("midpoint", 10**6),
}


def answer(call: Callable[[], Any]) -> str:
    """Return how a child that makes the call ends: ``refused``, ``accepted``, ``hangs``, the exception."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        torch.set_num_threads(1)
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        try:
            call()
            said = "accepted"
        except TaylorAttrError:
            said = "refused"
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"[:200]
        os.write(writer, said.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        said = pipe.read().decode()
    os.waitpid(child, 0)
    return said or "hangs"


@pytest.mark.parametrize("what", HUGE)
def test_what_would_take_for_ever_is_refused_at_once(what: str) -> None:
    assert answer(HUGE[what]) == "refused"


@pytest.mark.parametrize(
    "text",
    [
        "kappa[i]/m",
        "Indicator(kappa[i] > 0)/s",
        "total(kappa[j]**2)/m**2*kappa[i]/m + kappa[i]/m - kappa[i]*total(kappa[j]**2)/m**3",
        "Piecewise((1, Eq(m, 1)), (kappa[i]/m, True))",
        "kappa[i]*choose(m, 2)/m/choose(m, 2)",
        "2**(m - 1)*kappa[i]/m/2**(m - 1)",
        "Max(kappa[i], 0)/m",
        "factorial(s)/factorial(s - 1)*kappa[i]/m/s",
    ],
)
def test_formulas_of_every_day_are_read_as_before(text: str) -> None:
    letters = {
        "kappa": ta.design.letters.kappa,
        **{
            name: getattr(ta.design.letters, name)
            for name in ("i", "j", "m", "s", "n", "total", "choose", "Indicator")
        },
    }
    expected = sp.sympify(text, letters)
    assert sp.simplify(ta.design.rule("every_day", text).rule.symbolic - expected) == 0
