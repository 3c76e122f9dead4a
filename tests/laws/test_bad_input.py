"""Every bad call is answered in the package's words: what was given, what was expected, what to do.

A table of functions × bad arguments, more than 1,500 calls. Each answer is *actionable* (one of the package's
errors that says what is wrong and what to do), *vague* (one that does not), *raw* (another exception), or
*accepted*. Raw and vague answers are faults; so are accepted calls that cannot mean anything.
"""

import collections
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import taylorattr as ta
from taylorattr.errors import TaylorAttrError

NET = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double().eval()
X = torch.tensor([[0.5, -1.0, 0.7], [1.2, 0.3, -0.4]], dtype=torch.float64)


def effects() -> ta.HarsanyiEffects:
    return ta.harsanyi(NET, X, target=0)


def raising(*_: Any) -> Tensor:
    raise ZeroDivisionError("division by zero")


class Odd:
    """An object that is nothing."""


class RaisesSecond:
    """A model that fails from its second call on."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, z: Tensor) -> Tensor:
        self.calls += 1
        if self.calls > 1:
            raise KeyError("state")
        return z.sum(1)


class Counting:
    """A model whose output depends on how often it was called."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, z: Tensor) -> Tensor:
        self.calls += 1
        return z.sum(1) * self.calls


class Bad(NamedTuple):
    """A bad value of an argument."""

    what: str
    value: Any
    meaningless: bool = True
    """Whether accepting it is a fault."""


def inputs() -> list[Bad]:
    return [
        Bad("one row without a batch", X[0]),
        Bad("no dimension", torch.tensor(1.0)),
        Bad("too wide", torch.rand(2, 5).double()),
        Bad("too narrow", torch.rand(2, 2).double()),
        Bad("too many dimensions", torch.rand(2, 3, 4, 4).double()),
        Bad("an empty batch", torch.rand(0, 3).double()),
        Bad("no elements", torch.rand(2, 0).double()),
        Bad("None", None),
        Bad("a list", [[1.0, 2.0, 3.0]]),
        Bad("an array", X.numpy()),
        Bad("a number", 1.0),
        Bad("text", "x"),
        Bad("an empty tuple", ()),
        Bad("two tensors", (X, X)),
        Bad("a tuple with None", (X, None)),
        Bad("a dict", {"x": X}),
        Bad("NaN", X * float("nan")),
        Bad("infinity", X / 0),
        Bad("complex", X.to(torch.complex128)),
        Bad("sparse", X.to_sparse()),
        Bad("meta", torch.empty(2, 3, device="meta")),
        Bad("integers", torch.ones(2, 3).long()),
        Bad("bools", torch.ones(2, 3).bool()),
        Bad("quantised", torch.quantize_per_tensor(X.float(), 0.1, 0, torch.qint8)),
        Bad("nested", torch.nested.nested_tensor([X[0], X[1]])),
        Bad("a generator", (row for row in X)),
        Bad("an object", Odd()),
        Bad("different batch sizes", (X, X[:1])),
    ]


def models() -> list[Bad]:
    return [
        Bad("None", None),
        Bad("a class", nn.Linear),
        Bad("text", "model"),
        Bad("a state dict", NET.state_dict()),
        Bad("a tensor", X),
        Bad("an array", X.numpy()),
        Bad("a list of layers", [nn.Linear(3, 1)]),
        Bad("an object", Odd()),
        Bad("raises", raising),
        Bad("raises later", RaisesSecond()),
        Bad("takes nothing", lambda: X),
        Bad("takes two", lambda z, w: z.sum(1)),
        Bad("returns None", lambda z: None),
        Bad("returns text", lambda z: "x"),
        Bad("returns a float", lambda z: 1.0),
        Bad("returns an array", lambda z: z.detach().numpy().sum(1)),
        Bad("returns a list", lambda z: z.sum(1).tolist()),
        Bad("returns a dict", lambda z: {"logits": z}),
        Bad("returns a tuple", lambda z: (z, z)),
        Bad("returns a mean over the batch", lambda z: z.mean()),
        Bad("returns another batch size", lambda z: torch.cat([z, z])[:, 0]),
        Bad("returns nothing per row", lambda z: z[:, :0]),
        Bad("returns NaN", lambda z: z.sum(1) * float("nan")),
        Bad("returns infinity", lambda z: z.sum(1) / 0),
        Bad("returns complex", lambda z: z.sum(1) * 1j),
        Bad("returns strings of bools", lambda z: z.sum(1) > 0, False),
        Bad("changes its input", lambda z: z.mul_(2).sum(1)),
        Bad("random", lambda z: z.sum(1) + torch.rand(len(z))),
        Bad("keeps state", Counting()),
        Bad("another dtype", nn.Linear(3, 2).bfloat16(), False),
        Bad("on no device", nn.Linear(3, 2, device="meta")),
        Bad(
            "NaN weights", nn.Linear(3, 2).requires_grad_(False).apply(lambda m: m.weight.fill_(float("nan")))
        ),
        Bad("lazy", nn.LazyLinear(2), False),
        Bad("another width", nn.Linear(7, 2)),
        Bad("a convolution", nn.Conv2d(3, 2, 3)),
        Bad("an embedding", nn.Embedding(5, 2)),
        Bad("over numpy", lambda z: torch.from_numpy(z.numpy().sum(1)), False),
        Bad("a coroutine", _coroutine),
    ]


async def _coroutine(z: Tensor) -> Tensor:
    return z.sum(1)


def baselines() -> list[Bad]:
    return [
        Bad("text", "zeros"),
        Bad("a list", [0.0, 0.0, 0.0]),
        Bad("too wide", torch.zeros(1, 5)),
        Bad("another batch", torch.zeros(7, 3)),
        Bad("NaN", float("nan")),
        Bad("NaN tensor", torch.full((1, 3), float("nan"))),
        Bad("infinity", float("inf")),
        Bad("1e300", 1e300, False),
        Bad("complex", 1j),
        Bad("an object", Odd()),
        Bad("a tuple of two", (0.0, 0.0)),
        Bad("an empty tuple", ()),
        Bad("a class", torch.zeros),
        Bad("a dict", {"b": 0}),
        Bad("sparse", torch.zeros(1, 3).to_sparse()),
    ]


def targets() -> list[Bad]:
    return [
        Bad("out of range", 7),
        Bad("out of range below", -7),
        Bad("missing", None),
        Bad("text", "cat"),
        Bad("a float", 0.5),
        Bad("a bool", True),
        Bad("too many indices", (0, 1)),
        Bad("an empty tuple", ()),
        Bad("one too many", [0, 1, 0]),
        Bad("floats", torch.tensor([0.0, 1.0])),
        Bad("a matrix", torch.zeros(2, 2).long()),
        Bad("an object", Odd()),
        Bad("a dict", {0: 1}),
        Bad("a callable that raises", raising),
        Bad("a callable of another shape", lambda y: y),
        Bad("a callable that returns None", lambda y: None),
        Bad("NaN", float("nan")),
        Bad("a huge number", 10**30),
        Bad("a list of text", ["a", "b"]),
    ]


def players() -> list[Bad]:
    return [
        Bad("text", "tokens"),
        Bad("a number", 3),
        Bad("an object", Odd()),
        Bad("an empty list", []),
        Bad("an empty group", [[0, 1, 2], []]),
        Bad("overlap", [[0, 1], [1, 2]]),
        Bad("left out", [[0], [1]]),
        Bad("out of range", [[0, 1], [2, 9]]),
        Bad("negative", [[0, 1], [-1]]),
        Bad("floats", [[0.5], [1, 2]]),
        Bad("text inside", [["a"], [1, 2]]),
        Bad("None inside", [None, [0, 1, 2]]),
        Bad("a float mask", torch.zeros(3)),
        Bad("another shape", torch.zeros(5).long()),
        Bad("below −1", torch.tensor([0, 1, -5])),
        Bad("nobody", torch.full((3,), -1)),
        Bad("two masks", (torch.zeros(3).long(), torch.zeros(3).long())),
        Bad("a dict", {"a": [0], "b": [1, 2]}),
        Bad("a generator", (g for g in [[0], [1, 2]]), False),
        Bad("nested", [[[0]], [[1, 2]]]),
    ]


def extras() -> list[Bad]:
    return [
        Bad("too many", (1, 2)),
        Bad("a tensor", torch.ones(2)),
        Bad("a dict of unknown names", {"mask": 1}),
        Bad("an object", Odd()),
        Bad("text", "x"),
        Bad("a list", [1]),
    ]


def dtypes() -> list[Bad]:
    return [
        Bad("text", "float64"),
        Bad("integers", torch.int64),
        Bad("numpy's", np.float64),
        Bad("python's", float),
        Bad("complex", torch.complex64),
        Bad("a number", 64),
        Bad("an object", Odd()),
        Bad("a bool", torch.bool),
        Bad("a tensor", X),
    ]


def sizes(*allowed: Any, strict: bool = True) -> list[Bad]:
    """Values for a whole number ≥ 1; not strict: accepting them is no fault (a limit may be infinite)."""
    given = [
        0,
        -1,
        0.5,
        "2",
        None,
        True,
        float("nan"),
        float("inf"),
        [2],
        (1, 2),
        Odd(),
        torch.tensor(2.5),
        "all",
    ]
    never = ("'2'", "'all'", "[2]", "(1, 2)")
    return [
        Bad(repr(v)[:20], v, repr(v) in never or (strict and v is not True))
        for v in given
        if not any(v is a for a in allowed)
    ]


def seeds() -> list[Bad]:
    """A seed that nothing is drawn from need not be looked at."""
    return [Bad(b.what, b.value, False) for b in sizes(0, -1, None, True)]


def words() -> list[Bad]:
    return [
        Bad("unknown", "unknown"),
        Bad("None", None),
        Bad("a number", 3),
        Bad("a list", ["baseline"]),
        Bad("empty", ""),
        Bad("an object", Odd()),
        Bad("bytes", b"baseline"),
    ]


ANALYSIS: dict[str, Callable[[], list[Bad]]] = {
    "model": models,
    "inputs": inputs,
    "baselines": baselines,
    "target": targets,
    "players": players,
    "additional_forward_args": extras,
    "dtype": lambda: [b for b in dtypes()],
    "internal_batch_size": lambda: sizes(None),
}
"""Arguments that most functions share."""

OWN: dict[str, dict[str, Callable[[], list[Bad]]]] = {
    "harsanyi": {
        "max_order": lambda: sizes(None),
        "frame": words,
        "max_evaluations": lambda: sizes(None, strict=False),
        "checkpoint": lambda: [
            Bad("a number", 3),
            Bad("an object", Odd()),
            Bad("a list", ["x"]),
            Bad("a file", __file__),
            Bad("nowhere", "/proc/none/x"),
        ],
    },
    "decompose": {
        "order": sizes,
        "frame": words,
        "memory_limit": lambda: sizes(None, strict=False),
        "seed": seeds,
    },
    "degree_by_support": {"order": sizes, "frame": words},
    "hessian": {"memory_limit": lambda: sizes(None, strict=False)},
    "hvp": {"vectors": lambda: [Bad(b.what, b.value, False) for b in inputs()]},
    "integrated_hessians": {
        "n_nodes": lambda: sizes(None),
        "tolerance": lambda: sizes(0.5, True, strict=False),
    },
    "reformulate": {
        "method": words,
        "order": sizes,
        "frame": lambda: [b for b in words() if b.value is not None],
        "max_players": lambda: sizes(strict=False),
        "seed": seeds,
    },
    "audit": {
        "method": words,
        "max_order": lambda: sizes(None),
        "tol": lambda: sizes(None, 0.5, strict=False),
        "repeats": lambda: sizes(),
        "samples": lambda: sizes(0),
    },
    "attribute": {"method": words, "seed": seeds},
}


def asked(function: str, given: dict[str, Any]) -> Any:
    """Call a function with good arguments but for those given."""
    base: dict[str, Any] = {"model": NET, "inputs": X, "target": 0}
    own: dict[str, dict[str, Any]] = {
        "hvp": {"vectors": torch.ones_like(X)},
        "reformulate": {"method": "shapley", "order": 2},
        "audit": {"method": "gradient_x_input"},
        "attribute": {"method": "gradient_x_input"},
        "hessian": {"baselines": None},
        "decompose": {"order": 2},
        "degree_by_support": {"order": 2},
    }
    return getattr(ta, function)(**(base | own.get(function, {}) | given))


def shared(function: str) -> dict[str, Callable[[], list[Bad]]]:
    left_out = {
        "reformulate": {"dtype"},
        "degree_by_support": {"internal_batch_size"},
        "hvp": {"baselines", "players"},
    }
    found = {name: bad for name, bad in ANALYSIS.items() if name not in left_out.get(function, set())}
    return found | OWN.get(function, {})


SMALL: dict[str, tuple[Callable[..., Any], list[Bad]]] = {
    f"{module}.{name}": (getattr(getattr(ta, module), name), _values)
    for module, names in {
        "graphs": "backbone centrality communities weighted_degree to_adjacency sparse_concepts "
        "from_adjacency read_graph",
        "evaluation": "ranking tied_share aopc auc aup baseline_variance relative_change bootstrap_interval "
        "coalition_table",
        "design": "measure semivalue weighted_shapley ordered owen monotone_path power_path path sharing "
        "degree_tilted repair restrict symmetrise transport or_twin attributor load from_dict verify "
        "unregister to_dict recognise",
        "plot": "top_effects upset by_order network heat_map sentence allocation_flow convergence "
        "graph_comparison",
    }.items()
    for name in names.split()
    for _values in [
        [
            Bad("None", None),
            Bad("a number", 3),
            Bad("text", "unknown"),
            Bad("a list", [1]),
            Bad("an empty list", []),
            Bad("an object", Odd()),
            Bad("a dict", {"a": 1}),
            Bad("a class", nn.Linear),
            Bad("NaN", float("nan")),
            Bad("a function", raising),
        ]
    ]
}
"""Functions of one argument, with what is none of theirs."""

ALSO: dict[str, Callable[[], Any]] = {
    "interaction_graph(None)": lambda: ta.interaction_graph(None),
    "interaction_graph of a list": lambda: ta.interaction_graph([1]),
    "interaction_hypergraph(None)": lambda: ta.interaction_hypergraph(None),
    "allocate(shapley, None)": lambda: ta.allocate("shapley", None),
    "allocate(None, effects)": lambda: ta.allocate(None, effects()),
    "allocate with a list": lambda: ta.allocate("shapley", [1]),
    "check(None)": lambda: ta.check(None),
    "check of text": lambda: ta.check("unknown"),
    "compare_graphs(None, None)": lambda: ta.compare_graphs(None, None),
    "probe(None)": lambda: ta.probe(None),
    "probe of text": lambda: ta.probe("unknown"),
    "probe, no players": lambda: ta.probe("gradient_x_input", 0),
    "probe, order as text": lambda: ta.probe("gradient_x_input", 2, order="2"),
    "index of a number": lambda: effects().index(3),
    "index, no order": lambda: effects().index("SII", 0),
    "index, order as text": lambda: effects().index("SII", "2"),
    "order_values of text": lambda: effects().order_values("1"),
    "order_values(-1)": lambda: effects().order_values(-1),
    "top, k as text": lambda: effects().top("3"),
    "report without results": lambda: ta.report("page.html"),
    "report of None": lambda: ta.report("page.html", None),
    "report at a number": lambda: ta.report(3, effects()),
    "save at a number": lambda: effects().save(3),
    "save as .txt": lambda: effects().save("effects.txt"),
    "save nowhere": lambda: effects().save("/proc/none/effects.npz"),
    "load a number": lambda: ta.Result.load(3),
    "from_dict of a list": lambda: ta.Result.from_dict([1]),
    "from_dict, an unknown type": lambda: ta.Result.from_dict(
        {"format": "taylorattr-result", "version": 1, "type": []}
    ),
    "symbolic, order as text": lambda: ta.symbolic_effects(1, ["x"], [1], order="2"),
    "symbolic, no symbols": lambda: ta.symbolic_effects(1, None, [1]),
    "binds(None)": lambda: ta.binds(None),
    "Players(None)": lambda: ta.Players(None),
    "Players.from_mask(None)": lambda: ta.Players.from_mask(None),
    "Players.tokens of a list": lambda: ta.Players.tokens([1, 2]),
    "Players.grid of nothing": lambda: ta.Players.grid(torch.rand(1, 4, 4), None),
    "Players.grid of zeros": lambda: ta.Players.grid(torch.rand(1, 4, 4), (0, 0)),
    "METHODS of a number": lambda: ta.METHODS[3],
    "RULES of None": lambda: ta.RULES[None],
}

ACTIONABLE = re.compile(
    r"expected|pass|give|use |choose|drop|did you mean|known|needs?\b|must|has to|have to|write|check|add |"
    r"call |move|install|leave|return|group|lower|options|takes?\b|make|only|cannot|outside|"
    r"no .* (is|called)|run|say|load|one of|between|read|it is '|is square|shape \(R|kept as|are a "
)


def answer(call: Callable[[], Any], meaningless: bool = True) -> str:
    """Return ``actionable``, ``accepted``, or what is wrong with the answer."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            call()
        except TaylorAttrError as error:
            said = str(error)
            good = len(said) >= 25 and ACTIONABLE.search(said)
            return "actionable" if good else f"vague: {type(error).__name__}: {said[:80]}"
        except OSError as error:  # no such folder, no right to write: Python's own, which names the path
            return "actionable" if error.filename else f"raw: {error}"
        except Exception as error:
            return f"raw: {type(error).__name__}: {str(error).splitlines()[0][:80] if str(error) else ''}"
    return "accepted although it means nothing" if meaningless else "accepted"


FINE = ("actionable", "accepted")


def faults(calls: dict[str, tuple[Callable[[], Any], bool]]) -> collections.Counter[str]:
    return collections.Counter(
        {f"{what}: {a}": 1 for what, (c, m) in calls.items() if (a := answer(c, m)) not in FINE}
    )


def calls_of(function: str) -> dict[str, tuple[Callable[[], Any], bool]]:
    return {
        f"{argument}, {bad.what}": (
            (lambda a=argument, b=bad: asked(function, {a: b.value})),
            bad.meaningless,
        )
        for argument, values in shared(function).items()
        for bad in values()
    }


def calls_of_method(name: str) -> dict[str, tuple[Callable[[], Any], bool]]:
    given: dict[str, Any] = {"method": name}
    if ta.METHODS[name].references:
        given["baselines"] = torch.linspace(-1, 1, 12, dtype=torch.float64).reshape(4, 3)
    if name == "grad_cam":
        given |= {"layer": NET[0]}
    return {
        f"{argument}, {bad.what}": (
            (lambda a=argument, b=bad: asked("attribute", given | {a: b.value})),
            False,
        )
        for argument in ("model", "inputs", "baselines", "target", "players")
        for bad in ANALYSIS[argument]()
    }


def require_none(found: collections.Counter[str], count: int) -> None:
    listed = "\n".join(f"  {what}" for what in sorted(found))
    assert not found, f"{len(found)} of {count} bad calls are not answered:\n{listed}"


@pytest.mark.parametrize("function", [*OWN])
def test_bad_arguments_of_a_function_are_answered(function: str, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    calls = calls_of(function)
    require_none(faults(calls), len(calls))


@pytest.mark.every(3)
@pytest.mark.parametrize("name", list(ta.METHODS))
def test_bad_arguments_of_a_method_are_answered(name: str) -> None:
    calls = calls_of_method(name)
    require_none(faults(calls), len(calls))


def test_bad_arguments_of_small_functions_are_answered(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    calls = {
        f"{n}, {b.what}": ((lambda f=f, b=b: f(b.value)), False)
        for n, (f, values) in SMALL.items()
        for b in values
    }
    require_none(faults(calls), len(calls))


def test_bad_arguments_of_results_are_answered(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    require_none(faults({n: (c, True) for n, c in ALSO.items()}), len(ALSO))


def test_the_table_holds_fifteen_hundred_calls() -> None:
    count = sum(len(calls_of(f)) for f in OWN) + sum(len(calls_of_method(n)) for n in ta.METHODS)
    assert count + sum(len(values) for _, values in SMALL.values()) + len(ALSO) >= 1500
