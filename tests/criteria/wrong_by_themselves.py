"""Methods that are wrong by themselves, and right ones on functions that look wrong: what the audit says.

``python -m tests.criteria.wrong_by_themselves 12 9000`` prints, by kind, on as many seeded networks from seed
9000 on: how many defects were caught and named, how often an innocent operation was blamed, and how often a
right method was accused.
"""

import itertools
import math
import re
import sys
import warnings
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

import taylorattr as ta

Scores = Callable[[Tensor], Tensor]


def gradients(model, target, at: Tensor) -> Tensor:
    at = at.detach().requires_grad_()
    return torch.autograd.grad(model(at)[:, target].sum(), at)[0]


def along(model, baselines, target, rows: Tensor, nodes, weights) -> Tensor:
    """Σ_q ω_q Δ ∂f at b + α_q Δ."""
    step = rows - baselines
    pairs = zip(nodes, weights, strict=True)
    return step * sum(float(w) * gradients(model, target, baselines + float(u) * step) for u, w in pairs)


GAUSS = (np.polynomial.legendre.leggauss(40)[0] + 1) / 2, np.polynomial.legendre.leggauss(40)[1] / 2


def integrated(model, baselines, target, rows: Tensor) -> Tensor:
    return along(model, baselines, target, rows, *GAUSS)


def nodes(places, weights) -> Callable[..., Scores]:
    return lambda model, baselines, target: (
        lambda rows: along(model, baselines, target, rows, places, weights)
    )


def even(count: int, shift: float) -> Callable[..., Scores]:
    return nodes((np.arange(count) + shift) / count, np.full(count, 1 / count))


def gauss(count: int) -> Callable[..., Scores]:
    places, weights = np.polynomial.legendre.leggauss(count)
    return nodes((places + 1) / 2, weights / 2)


def semivalue(weight: Callable[[int, int], float]) -> Callable[..., Scores]:
    """Σ_T p(|T|)(v(T ∪ i) − v(T))."""

    def make(model, baselines, target) -> Scores:
        def scores(rows: Tensor) -> Tensor:
            n, out = rows.shape[1], torch.zeros_like(rows)

            def value(members: Tensor) -> Tensor:
                with torch.no_grad():
                    return model(baselines + members * (rows - baselines))[:, target]

            for i in range(n):
                for rest in itertools.product((0.0, 1.0), repeat=n - 1):
                    without = torch.tensor(rest[:i] + (0.0,) + rest[i:], dtype=rows.dtype)
                    joined = without.clone()
                    joined[i] = 1
                    out[:, i] += (value(joined) - value(without)) * weight(int(sum(rest)), n)
            return out

        return scores

    return make


def around(change: Callable[..., Tensor]) -> Callable[..., Scores]:
    """Right scores, changed: (model, b, target, rows, scores) -> scores."""

    def make(model, baselines, target) -> Scores:
        return lambda rows: change(model, baselines, target, rows, integrated(model, baselines, target, rows))

    return make


def of(function: Callable[..., Tensor]) -> Callable[..., Scores]:
    """Right scores of another function: (model, target, inputs) -> values (m, 1)."""

    def make(model, baselines, target) -> Scores:
        return lambda rows: integrated(lambda z: function(model, target, z), baselines, 0, rows)

    return make


def cached(model, baselines, target) -> Scores:
    kept: list[Tensor] = []

    def scores(rows: Tensor) -> Tensor:
        if not kept:
            kept.append(integrated(model, baselines, target, rows[-1:]))
        return kept[0].expand_as(rows)

    return scores


def of_another_layer(model, baselines, target) -> Scores:
    cut = model[:-2] if isinstance(model, nn.Sequential) else model
    return lambda rows: integrated(cut, baselines, 0, rows)


def plain_gradient(model, baselines, target) -> Scores:
    return lambda rows: gradients(model, target, rows)


def gradient_times_input(model, baselines, target) -> Scores:
    return lambda rows: gradients(model, target, rows) * rows


def from_zero(model, baselines, target) -> Scores:
    return lambda rows: integrated(model, torch.zeros_like(baselines), target, rows)


def kept(k: int) -> Callable[..., Tensor]:
    return lambda m, b, t, x, a: a * (a.abs() >= a.abs().topk(k, 1).values[:, -1:])


def rescaled(model, baselines, target, rows: Tensor, a: Tensor) -> Tensor:
    return a * (model(rows)[:, target].detach() / a.sum(1)).nan_to_num(0, 0, 0)[:, None]


def one_changed(place: int, factor: float) -> Callable[..., Tensor]:
    def change(model, baselines, target, rows, a):
        a = a.clone()
        a[:, place] *= factor
        return a

    return change


def equal_shares(model, baselines, target, rows: Tensor, a: Tensor) -> Tensor:
    return a.mean(1, keepdim=True).expand_as(a)


NODES, WEIGHTS = r"node|quadrature", r"weight of its effect"
SPREAD = r"smooth|neighbour|spread"

BY_THEMSELVES: dict[str, tuple[Callable[..., Scores], str]] = {
    "three left nodes": (even(3, 0.0), NODES),
    "four right nodes": (even(4, 1.0), NODES),
    "one midpoint": (even(1, 0.5), NODES),
    "two midpoints": (even(2, 0.5), NODES),
    "two Gauss nodes": (gauss(2), NODES),
    "trapezoid of two": (nodes([0.0, 1.0], [0.5, 0.5]), NODES),
    "six nodes, a weight of 1/5 each": (nodes(np.arange(6) / 5, np.full(6, 0.2)), ""),
    "the path to 0.9 only": (nodes(GAUSS[0] * 0.9, GAUSS[1]), ""),
    "the path from the middle": (nodes(0.5 + GAUSS[0] / 2, GAUSS[1]), ""),
    "gradient at the input, times Δ": (even(1, 1.0), NODES),
    "gradient at the baseline, times Δ": (even(1, 0.0), NODES),
    "gradient, not times Δ": (plain_gradient, r"baseline"),
    "gradient times x": (gradient_times_input, r"baseline"),
    "from a baseline of zero": (from_zero, r"baseline"),
    "Banzhaf's weights": (semivalue(lambda t, n: 2.0 ** (1 - n)), WEIGHTS),
    "a semivalue, p = 0.3": (semivalue(lambda t, n: 0.3**t * 0.7 ** (n - 1 - t)), WEIGHTS),
    "occlusion of each": (semivalue(lambda t, n: float(t == n - 1)), r"occlusion"),
    "each alone": (semivalue(lambda t, n: float(t == 0)), r"alone"),
    "alone and last, half each": (semivalue(lambda t, n: 0.5 * ((t == 0) + (t == n - 1))), WEIGHTS),
    "Shapley's weights without C(n−1, t)": (semivalue(lambda t, n: 1 / n / 2 ** (n - 1) * n), WEIGHTS),
    "half of it": (around(lambda m, b, t, x, a: 0.5 * a), r"times the change"),
    "minus": (around(lambda m, b, t, x, a: -a), r"times the change"),
    "rescaled to f(x)": (around(rescaled), r"f\(x\) and not"),
    "f(b) shared out besides": (
        around(lambda m, b, t, x, a: a + m(b)[:, t].detach()[:, None] / a.shape[1]),
        r"f\(x\) and not",
    ),
    "of the softmax": (of(lambda m, t, z: torch.softmax(m(z), 1)[:, t : t + 1]), r"softmax"),
    "of the log-softmax": (of(lambda m, t, z: torch.log_softmax(m(z), 1)[:, t : t + 1]), r"log-softmax"),
    "of the sigmoid": (of(lambda m, t, z: torch.sigmoid(m(z))[:, t : t + 1]), r"sigmoid"),
    "of the exponential": (of(lambda m, t, z: torch.exp(m(z))[:, t : t + 1]), r"exponential"),
    "of another output": (of(lambda m, t, z: m(z)[:, 2:]), r"output 2"),
    "of the sum of outputs": (of(lambda m, t, z: m(z).sum(1, keepdim=True)), ""),
    "of a margin between outputs": (of(lambda m, t, z: m(z)[:, t : t + 1] - m(z)[:, :1]), ""),
    "another layer's unit": (of_another_layer, r"another layer"),
    "a cached first answer": (cached, r"same for every input|first call"),
    "smoothed over three": (
        around(lambda m, b, t, x, a: (a.roll(1, 1) + a + a.roll(-1, 1)) / 3),
        SPREAD,
    ),
    "smoothed (1, 2, 1)/4": (
        around(lambda m, b, t, x, a: (a.roll(1, 1) + 2 * a + a.roll(-1, 1)) / 4),
        SPREAD,
    ),
    "equal shares of all": (around(equal_shares), SPREAD),
    "only the top one": (around(kept(1)), r"largest|dropped"),
    "only the top two": (around(kept(2)), r"largest|dropped"),
    "small ones dropped": (
        around(lambda m, b, t, x, a: a * (a.abs() > 0.3 * a.abs().amax(1, keepdim=True))),
        r"largest|dropped",
    ),
    "clipped at 0": (around(lambda m, b, t, x, a: a.clamp_min(0)), r"clipped"),
    "absolute": (around(lambda m, b, t, x, a: a.abs()), r"absolute|signs"),
    "squared": (around(lambda m, b, t, x, a: a * a), ""),
    "square root of the size": (around(lambda m, b, t, x, a: a.sign() * a.abs().sqrt()), ""),
    "log of the size": (around(lambda m, b, t, x, a: a.sign() * a.abs().log1p()), ""),
    "softmax of the scores": (around(lambda m, b, t, x, a: torch.softmax(a, 1)), ""),
    "of length 1": (
        around(lambda m, b, t, x, a: a / a.norm(dim=1, keepdim=True).clamp_min(1e-300)),
        r"normalised",
    ),
    "rounded to tenths": (around(lambda m, b, t, x, a: (a * 10).round() / 10), ""),
    "noise added": (around(lambda m, b, t, x, a: a + 0.1 * torch.sin(1e6 * x)), ""),
    "first player dropped": (around(one_changed(0, 0.0)), r"single players|dropped"),
    "last player doubled": (around(one_changed(-1, 2.0)), r"single players"),
    "one sign": (around(one_changed(1, -1.0)), r"single players|signs"),
    "mean subtracted": (around(lambda m, b, t, x, a: a - a.mean(1, keepdim=True)), r"mean"),
    "players rolled": (around(lambda m, b, t, x, a: a.roll(1, 1)), r"another order"),
}
"""Kind -> recipe, and what names it ("": anything but an operation)."""

RIGHT: dict[str, Callable[..., Scores]] = {
    "Integrated Gradients, 40 Gauss nodes": gauss(40),
    "Integrated Gradients, 200 midpoints": even(200, 0.5),
    "Shapley values": semivalue(lambda t, n: 1 / (n * math.comb(n - 1, t))),
}


def flat(function: Callable[[Tensor], Tensor], n: int) -> nn.Module:
    class Function(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.stack([function(x), function(x) * 2, function(x) - 1], 1)

    return Function()


FLAT = {
    "sum": lambda x: x.sum(1),
    "signed sum": lambda x: x[:, 0] - x[:, 1] + x[:, 2:].sum(1),
    "product": lambda x: x.prod(1),
    "parity": lambda x: (math.pi * x.sum(1)).cos(),
    "majority": lambda x: torch.sigmoid(60 * (x.sum(1) - 2.5)),
    "saturated": lambda x: torch.tanh(30 * x.sum(1)),
}
"""Functions of inputs of ones that move by equal steps."""


class OneGelu(nn.Module):
    """The method's fault is in one GELU: its gradient at x is taken in place of the secant."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(4, 8), nn.Linear(8, 8), nn.Linear(8, 3)
        self.first, self.second = nn.Tanh(), nn.GELU()

    def forward(self, x: Tensor) -> Tensor:
        return self.c(self.second(self.b(self.first(self.a(x)))))


class Secant(torch.autograd.Function):
    """An activation at two halves of a batch, x and b, whose gradient is the secant between them."""

    @staticmethod
    def forward(ctx, z: Tensor, function) -> Tensor:
        ctx.save_for_backward(z)
        ctx.function = function
        return function(z)

    @staticmethod
    def backward(ctx, up: Tensor):
        (z,) = ctx.saved_tensors
        half = len(z) // 2
        step = z[:half] - z[half:]
        change = ctx.function(z[:half]) - ctx.function(z[half:])
        slope = torch.where(step == 0, torch.zeros_like(step), change / step)
        return up * torch.cat([slope, slope]), None


def wrong_at_gelu(model, baselines, target) -> Scores:
    """Rescale of every module activation but GELU, which passes its gradient at x on."""

    def scores(rows: Tensor) -> Tensor:
        handles = [
            module.register_forward_hook(lambda m, args, out: Secant.apply(args[0], type(m)().forward))
            for module in model.modules()
            if isinstance(module, (nn.Tanh, nn.ReLU, nn.Sigmoid))
        ]
        try:
            both = torch.cat([rows, baselines.expand_as(rows)]).detach().requires_grad_()
            gradient = torch.autograd.grad(model(both)[: len(rows), target].sum(), both)[0]
        finally:
            for handle in handles:
                handle.remove()
        return gradient[: len(rows)] * (rows - baselines)

    return scores


CURVED = 2.0
"""Times the usual weights: networks so curved that a few nodes do not do."""


def network(seed: int, outputs: int = 3) -> tuple[nn.Module, Tensor, Tensor]:
    torch.manual_seed(seed)
    act = (nn.GELU, nn.Tanh, nn.SiLU, nn.Softplus)[seed % 4]
    n = 4 + seed % 2
    layers = nn.Linear(n, 8), act(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, outputs)
    model = nn.Sequential(*layers).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(CURVED)
    return model, torch.randn(1, n).double() * 1.5, torch.randn(1, n).double() * 0.4


def main(count: int, start: int) -> None:
    """Print the tables by kind."""
    torch.set_default_dtype(torch.float64)
    warnings.simplefilter("ignore")
    print("| kind | material | caught | named | an operation blamed |\n| --- | --- | --- | --- | --- |")
    totals = np.zeros(4, dtype=int)
    named_due = 0
    for name, (make, words) in BY_THEMSELVES.items():
        numbers = np.zeros(4, dtype=int)
        for seed in range(start, start + count):
            model, x, b = network(seed)
            right, got = (m(model, b, 1)(x).detach() for m in (gauss(40), make))
            if float((right - got).norm() / right.norm()) < 0.02:
                continue
            report = ta.audit(ta.binds(make), model, x, b, target=1)
            said = bool(words) and re.search(words, re.sub(r"\s+", " ", str(report))) is not None
            accused = report.exit_status == 1
            numbers += [1, accused, said, bool(report.blame and report.blame.operation)]
            if not accused or (words and not said):
                print(
                    f"<!-- {name} {seed}: {[m.kind for m in report.misuse]} {report.complete.status} -->",
                    file=sys.stderr,
                )
        totals += numbers
        named_due += numbers[0] if words else 0
        named = f"{numbers[2]} of {numbers[0]}" if words else "–"
        print(f"| {name} | {numbers[0]} | {numbers[1]} | {named} | {numbers[3]} |", flush=True)
    print(f"| **all** | {totals[0]} | {totals[1]} | {totals[2]} of {named_due} | {totals[3]} |\n")
    print("| right method | on | audits | accused | undecided |\n| --- | --- | --- | --- | --- |")
    for name, make in RIGHT.items():
        sets = {
            "networks": [network(seed) for seed in range(start, start + count)],
            "functions of equal steps": [
                (flat(f, n), torch.ones(1, n), torch.zeros(1, n)) for f in FLAT.values() for n in (4, 5)
            ],
        }
        for where, cases in sets.items():
            status = []
            for model, x, b in cases:
                right = make(model, b, 1)(x).detach().sum()
                change = (model(x) - model(b))[0, 1]
                if abs(float(right - change)) > 1e-3 * abs(float(change)):
                    continue  # a quadrature that does not resolve a jump is not right there
                status.append(ta.audit(ta.binds(make), model, x, b, target=1).exit_status)
            print(f"| {name} | {where} | {len(status)} | {status.count(1)} | {status.count(3)} |", flush=True)
    blamed = []
    for seed in range(start, start + count):
        torch.manual_seed(seed)
        model, x, b = OneGelu().eval(), torch.randn(1, 4) * 1.5, torch.randn(1, 4) * 0.4
        report = ta.audit(ta.binds(wrong_at_gelu), model, x, b, target=1)
        if report.complete.status == "fails":
            blamed.append(report.blame.operation if report.blame else "")
    print(
        f"\nA fault at one GELU: {len(blamed)} audits fail, {blamed.count('second')} blame it, others: "
        f"{sorted(set(blamed) - {'second'})}"
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
