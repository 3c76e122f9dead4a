"""The audit accuses nobody who is right, and where the method itself is wrong it blames no operation.

Each wrong method is wrong by itself: its nodes, its weights, its sums, its state. What can be told is told; a
part of the network is named only where the fault is there.
"""

import itertools
import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import taylorattr as ta
import taylorattr.compat.adapters

Scores = Callable[[Tensor], Tensor]


def gradients(model: Any, target: int | None, at: Tensor) -> Tensor:
    at = at.detach().requires_grad_()
    out = model(at)
    out = out if target is None or out.ndim == 1 else out[:, target]
    return torch.autograd.grad(out.sum(), at)[0]


def integrated(
    model: Any, b: Tensor, target: int | None, rows: Tensor, nodes: int = 40, kind: str = "gauss"
) -> Tensor:
    """Integrated Gradients by a quadrature."""
    if kind == "gauss":
        places, weights = np.polynomial.legendre.leggauss(nodes)
        places, weights = (places + 1) / 2, weights / 2
    else:
        shift = {"left": 0.0, "right": 1.0, "midpoint": 0.5}[kind]
        places, weights = (np.arange(nodes) + shift) / nodes, np.full(nodes, 1 / nodes)
    total = sum(
        w * gradients(model, target, b + float(u) * (rows - b)) for u, w in zip(places, weights, strict=True)
    )
    return total * (rows - b)


def semivalue(weight: Callable[[int, int], float]) -> Callable[[Any, Tensor, int], Scores]:
    """Σ_T p(|T|)(v(T ∪ i) − v(T)) with weights of one's own."""

    def make(model: Any, baselines: Tensor, target: int) -> Scores:
        def scores(rows: Tensor) -> Tensor:
            n, out = rows.shape[1], torch.zeros_like(rows)
            for i in range(n):
                for T in itertools.product((0.0, 1.0), repeat=n - 1):
                    t = torch.tensor(T[:i] + (0.0,) + T[i:], dtype=rows.dtype)
                    u = t.clone()
                    u[i] = 1
                    with torch.no_grad():
                        step = model(baselines + u * (rows - baselines)) - model(
                            baselines + t * (rows - baselines)
                        )
                    out[:, i] += (step if step.ndim == 1 else step[:, target]) * weight(int(sum(T)), n)
            return out

        return scores

    return make


shapley = semivalue(lambda t, n: 1 / (n * math.comb(n - 1, t)))


def exact(model: Any, baselines: Tensor, target: int) -> Scores:
    return lambda rows: integrated(model, baselines, target, rows)


def audited(
    make: Callable[..., Scores], model: nn.Module, x: Tensor, b: Tensor, target: int | None = None
) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ta.audit(ta.binds(make), model, x, b, target=target)


class Of(nn.Module):
    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


# ------------------------------------------------------------------------- nobody is accused who is right

FLAT: dict[str, tuple[Callable[[Tensor], Tensor], Tensor]] = {
    "sum at ones": (lambda x: x.sum(1), torch.ones(1, 6)),
    "mean at ones": (lambda x: x.mean(1), torch.ones(1, 5)),
    "signed sum": (lambda x: x[:, 0] - x[:, 1] + x[:, 2] - x[:, 3], torch.ones(1, 4)),
    "or": (lambda x: x.amax(1), torch.ones(1, 4)),
    "and": (lambda x: x.prod(1), torch.ones(1, 4)),
    "parity": (lambda x: (math.pi * x.sum(1)).cos(), torch.ones(1, 4)),
    "majority": (lambda x: torch.sigmoid(60 * (x.sum(1) - 2.5)), torch.ones(1, 5)),
    "saturated sigmoid": (lambda x: torch.sigmoid(60 * (x.sum(1) - 0.5)), torch.ones(1, 4)),
    "saturated tanh": (lambda x: torch.tanh(30 * x.sum(1)), torch.ones(1, 4)),
    "one player matters": (lambda x: x[:, 0].clone(), torch.ones(1, 4)),
    "two equal players": (lambda x: x[:, 0] + x[:, 1], torch.ones(1, 4)),
    "at least two": (lambda x: (x.sum(1) - 1).clamp(0, 1), torch.ones(1, 4)),
    "relu of a sum": (lambda x: F.relu(x.sum(1) - 0.5), torch.ones(1, 4)),
    "unit norm": (lambda x: (x.square().sum(1) + 1e-12).sqrt(), torch.eye(4)[:1]),
    "equal weights, other inputs": (lambda x: 2 * x.sum(1), torch.full((1, 4), -3.0)),
}
"""Functions that move by equal steps, or saturate."""


@pytest.mark.parametrize("method", ["integrated gradients", "shapley"])
@pytest.mark.parametrize("model", FLAT)
def test_a_correct_method_is_not_called_wrong(model: str, method: str) -> None:
    function, x = FLAT[model]
    x = x.double()
    made = shapley if method == "shapley" else exact
    if method != "shapley" and model in (
        "majority",
        "saturated sigmoid",
        "saturated tanh",
        "or",
        "at least two",
        "relu of a sum",
        "unit norm",
    ):
        pytest.skip("a quadrature of forty nodes is not exact there")
    found = audited(made, Of(function), x, torch.zeros_like(x))
    assert found.complete.status in ("holds", "holds_to")
    assert [m.kind for m in found.misuse] == []
    assert not (found.blame and found.blame.operation)


@pytest.mark.parametrize("by", ["its largest", "its sum"])
def test_normalised_scores_are_still_found(by: str) -> None:
    torch.manual_seed(0)
    model, x = (
        nn.Sequential(nn.Linear(4, 6), nn.GELU(), nn.Linear(6, 1)).double().eval(),
        torch.randn(1, 4).double(),
    )

    def make(model: Any, baselines: Tensor, target: int) -> Scores:
        def scores(rows: Tensor) -> Tensor:
            a = integrated(model, baselines, 0, rows)
            size = a.abs().amax(1, keepdim=True) if by == "its largest" else a.abs().sum(1, keepdim=True)
            return a / size.clamp_min(1e-300)

        return scores

    assert [m.kind for m in audited(make, model, x, torch.zeros_like(x), 0).misuse] == ["normalised"]


# ----------------------------------------------------------------- nobody is blamed who is innocent


def network(seed: int = 3, outputs: int = 3) -> tuple[nn.Module, Tensor, Tensor]:
    torch.manual_seed(seed)
    model = (
        nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, outputs))
        .double()
        .eval()
    )
    return model, torch.randn(1, 4).double() * 1.3, torch.randn(1, 4).double() * 0.4


def around(change: Callable[[Any, Tensor, Tensor, Tensor], Tensor]) -> Callable[..., Scores]:
    """A defect of right scores: (model, b, rows, scores) -> scores."""

    def make(model: Any, baselines: Tensor, target: int) -> Scores:
        return lambda rows: change(model, baselines, rows, integrated(model, baselines, target, rows))

    return make


def nodes(count: int, kind: str) -> Callable[..., Scores]:
    return lambda model, baselines, target: (
        lambda rows: integrated(model, baselines, target, rows, count, kind)
    )


def cached(model: Any, baselines: Tensor, target: int) -> Scores:
    """Answers every call with the first answer, repeated."""
    kept: list[Tensor] = []

    def scores(rows: Tensor) -> Tensor:
        if not kept:
            kept.append(integrated(model, baselines, target, rows[-1:]))
        return kept[0].expand_as(rows)

    return scores


def of_probability(model: Any, baselines: Tensor, target: int) -> Scores:
    return lambda rows: integrated(lambda z: torch.softmax(model(z), 1), baselines, target, rows)


def of_another_layer(model: Any, baselines: Tensor, target: int) -> Scores:
    cut = model[:-2] if isinstance(model, nn.Sequential) else model
    return lambda rows: integrated(cut, baselines, 0, rows)


def top_k(model: Any, b: Tensor, rows: Tensor, a: Tensor) -> Tensor:
    return a * (a.abs() >= a.abs().topk(2, 1).values[:, -1:])


ITSELF: dict[str, tuple[Callable[..., Scores], str]] = {
    "three left nodes": (nodes(3, "left"), "node|quadrature"),
    "four right nodes": (nodes(4, "right"), "node|quadrature"),
    "two Gauss nodes": (nodes(2, "gauss"), "node|quadrature"),
    "one midpoint": (nodes(1, "midpoint"), "node|quadrature"),
    "Banzhaf's weights": (semivalue(lambda t, n: 2.0 ** (1 - n)), "weights|semivalue|Banzhaf"),
    "a semivalue, p = 0.3": (semivalue(lambda t, n: 0.3**t * 0.7 ** (n - 1 - t)), "weights|semivalue"),
    "occlusion of each": (semivalue(lambda t, n: float(t == n - 1)), "weights|semivalue|occlusion"),
    "each alone": (semivalue(lambda t, n: float(t == 0)), "weights|semivalue|alone"),
    "half of it": (around(lambda m, b, x, a: 0.5 * a), "factor|times"),
    "three times": (around(lambda m, b, x, a: 3 * a), "factor|times"),
    "minus": (around(lambda m, b, x, a: -a), "factor|times|sign"),
    "rescaled to f(x)": (
        around(lambda m, b, x, a: a * (m(x)[:, 1].detach() / a.sum(1)).nan_to_num(0, 0, 0)[:, None]),
        r"f\(x\)",
    ),
    "f(b) shared out besides": (
        around(lambda m, b, x, a: a + m(b)[:, 1].detach()[:, None] / 4),
        r"f\(b\)|f\(x\)|baseline",
    ),
    "of the softmax": (of_probability, "softmax|probab"),
    "a cached first answer": (cached, "same for every input|constant|first|state|cache"),
    "another layer's output": (of_another_layer, "another|other"),
    "smoothed over neighbours": (
        around(lambda m, b, x, a: (a.roll(1, 1) + a + a.roll(-1, 1)) / 3),
        "smooth|neighbour|spread",
    ),
    "only the top two": (around(top_k), "largest|top|dropped|kept"),
    "clipped at 0": (around(lambda m, b, x, a: a.clamp_min(0)), "negative|clipped|absolute"),
    "absolute": (around(lambda m, b, x, a: a.abs()), "negative|clipped|absolute"),
    "squared": (around(lambda m, b, x, a: a * a), ""),
    "log of the size": (around(lambda m, b, x, a: a.sign() * a.abs().log1p()), ""),
    "noise added": (around(lambda m, b, x, a: a + 0.1 * torch.sin(1e6 * x)), ""),
    "rounded to tenths": (around(lambda m, b, x, a: (a * 10).round() / 10), ""),
    "first player dropped": (around(lambda m, b, x, a: torch.cat([a[:, :1] * 0, a[:, 1:]], 1)), ""),
    "gradient, not times Δ": (lambda model, b, target: lambda rows: gradients(model, target, rows), ""),
    "gradient times x": (lambda model, b, target: lambda rows: gradients(model, target, rows) * rows, ""),
    "mean subtracted": (around(lambda m, b, x, a: a - a.mean(1, keepdim=True)), ""),
}
"""A method that is wrong by itself -> what the report may say of it ("": anything but an operation)."""


@pytest.mark.every(3)
@pytest.mark.parametrize("seed", [3, 11])
@pytest.mark.parametrize("method", ITSELF)
def test_no_operation_is_blamed_for_the_method(method: str, seed: int) -> None:
    import re

    make, words = ITSELF[method]
    model, x, b = network(seed)
    found = audited(make, model, x, b, target=1)
    statuses = found.complete.status, found.no_leak.status
    assert any(s in ("fails", "undecided", "holds_to") for s in statuses) or found.misuse
    blamed = found.blame and found.blame.operation
    assert not blamed, f"{blamed} is innocent: {found.blame.statement}"
    assert not words or re.search(words, str(found)), f"nothing is said of it: {found}"


class Residual(nn.Module):
    """A residual sum, one branch of which may be cut from the gradient."""

    def __init__(self, cut: bool = False) -> None:
        super().__init__()
        self.a, self.b, self.c, self.cut = nn.Linear(5, 8), nn.Linear(8, 8), nn.Linear(8, 3), cut

    def forward(self, x: Tensor) -> Tensor:
        h = F.gelu(self.a(x))
        return self.c((h.detach() if self.cut else h) + F.gelu(self.b(h)))


@pytest.mark.every(3)
@pytest.mark.parametrize("seed", range(8))
def test_sums_of_no_output_are_not_those_of_another(seed: int) -> None:
    torch.manual_seed(seed)
    model = Residual().double().eval()
    x, b = torch.randn(1, 5).double() * 1.3, torch.randn(1, 5).double() * 0.4

    def make(model: Any, baselines: Tensor, target: int) -> Scores:
        cut = Residual(True).to(baselines.dtype).eval()
        cut.load_state_dict(model.state_dict()) if isinstance(model, Residual) else None
        return lambda rows: integrated(cut if isinstance(model, Residual) else model, baselines, target, rows)

    assert "other output" not in [m.kind for m in audited(make, model, x, b, target=1).misuse]


def test_the_scores_of_another_output_are_still_found() -> None:
    model, x, b = network()
    found = audited(
        lambda m, start, target: lambda rows: integrated(m, start, 2, rows), model, x, b, target=1
    )
    assert [m.kind for m in found.misuse] == ["other output"]


# ------------------------------------------------------------------------------- third-party methods


class TakesMask(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 1)

    def forward(self, e: Tensor, mask: Tensor) -> Tensor:
        return self.layer(torch.tanh(e * mask.unsqueeze(-1)).sum(1))


@pytest.mark.parametrize(
    "name", ["captum:IntegratedGradients", "captum:FeatureAblation", "captum:ShapleyValues"]
)
def test_methods_of_other_libraries_take_further_arguments(name: str) -> None:
    pytest.importorskip("captum")
    torch.manual_seed(0)
    e, mask = torch.randn(1, 4, 4), torch.tensor([[1.0, 1.0, 1.0, 0.0]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = ta.audit(
            name, TakesMask().eval(), e, target=0, players=ta.Players.tokens(e), additional_forward_args=mask
        )
    assert found.complete.status in ("holds", "holds_to") or name == "captum:FeatureAblation"


class MadeInForward(nn.Module):
    """A module made inside forward, which libraries that hook modules never see."""

    def __init__(self) -> None:
        super().__init__()
        self.l, self.o = nn.Linear(4, 6), nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.o(nn.ReLU()(self.l(x)))


@pytest.mark.parametrize("seed", range(3))
def test_a_module_made_inside_forward_is_named_and_not_its_neighbour(seed: int) -> None:
    pytest.importorskip("captum")
    torch.manual_seed(seed)
    model, x = MadeInForward().eval(), torch.randn(1, 4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = ta.audit("captum:DeepLift", model, x, torch.zeros(1, 4), target=0)
    if found.complete.status == "fails":
        assert found.blame and "relu" in found.blame.operation.lower()


def test_the_last_line_says_whether_the_numbers_can_be_used() -> None:
    model, x, b = network()
    for make in (exact, ITSELF["half of it"][0]):
        last = str(audited(make, model, x, b, target=1)).strip().splitlines()[-1]
        assert "use" in last.lower()


def test_a_coarse_quadrature_is_called_that_by_probe() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = ta.probe(lambda model, x, b: integrated(model, b, None, x, 3, "left"), 2, 3)
    assert "quadrature" in str(found)
