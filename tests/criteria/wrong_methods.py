"""Correct methods with one defect, as callables around a method or as wrong rules of one operation.

``python -m tests.criteria.wrong_methods 100 700`` prints how many are accused on as many seeded networks,
from seed 700 on.
"""

import sys
import warnings
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

import taylorattr as ta
from taylorattr.criteria.audit.coalitions import full_masks
from tests.criteria.networks import smooth
from tests.methods.networks import points

Scores = Callable[[Tensor], Tensor]


def rescale(model, target=0, baseline=None) -> Scores:
    """The correct method the defects are planted in: DeepLIFT Rescale in the dtype of its rows."""

    def scores(rows: Tensor) -> Tensor:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ta.attribute("deeplift_rescale", model, rows, baseline, target=target).scores

    return scores


def around(change: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Scores]:
    """A defect that changes the scores of rows: (rows, scores) -> scores."""

    def made(model, baseline) -> Scores:
        right = rescale(model, 0, baseline)
        return lambda rows: change(rows, right(rows))

    return made


def first_call_differs(model, baseline) -> Scores:
    right, calls = rescale(model, 0, baseline), [0]

    def scores(rows):
        calls[0] += 1
        return right(rows) * (1.3 if calls[0] == 1 else 1.0)

    return scores


def predicted_class(model, baseline) -> Scores:
    def scores(rows):
        both = torch.stack([rescale(model, c, baseline)(rows) for c in (0, 1)])
        top = model(rows).argmax(1)
        return both[top, torch.arange(len(rows))]

    return scores


def random_answers(model, baseline) -> Scores:
    generator = torch.Generator().manual_seed(0)
    return lambda rows: torch.randn(rows.shape, generator=generator, dtype=rows.dtype)


def gradient_times_x(model, baseline) -> Scores:
    def scores(rows):
        with torch.enable_grad():
            x = rows.detach().requires_grad_()
            return torch.autograd.grad(model(x)[:, 0].sum(), x)[0] * rows

    return scores


def output_shared_out(model, baseline) -> Scores:
    right = rescale(model, 0, baseline)
    return lambda rows: right(rows) + model(rows)[:, :1].detach() / rows.shape[1]


def flip(rows: Tensor, a: Tensor) -> Tensor:
    return torch.cat([-a[:, :1], a[:, 1:]], dim=1)


def dropped(rows: Tensor, a: Tensor) -> Tensor:
    return torch.cat([torch.zeros_like(a[:, :1]), a[:, 1:]], dim=1)


WRAPPED: dict[str, tuple[Callable[..., Scores], str]] = {
    "one sign": (around(flip), ""),
    "absolute values": (around(lambda rows, a: a.abs()), ""),
    "clipped at 0": (around(lambda rows, a: a.clamp(min=0)), ""),
    "twice": (around(lambda rows, a: 2 * a), "factor"),
    "negated": (around(lambda rows, a: -a), "factor"),
    "one player dropped": (around(dropped), ""),
    "players swapped": (around(lambda rows, a: a[:, [1, 0, 3, 2]]), "order of players"),
    "blurred": (around(lambda rows, a: (a + a.roll(1, 1)) / 2), ""),
    "centred": (around(lambda rows, a: a - a.mean(1, keepdim=True)), ""),
    "thresholded": (around(lambda rows, a: a * (a.abs() > a.abs().amax(1, keepdim=True) / 3)), ""),
    "quantised": (
        around(
            lambda rows, a: (
                (a / a.abs().max().clamp(min=torch.finfo(a.dtype).tiny) * 4).round() * a.abs().max() / 4
            )
        ),
        "",
    ),
    "normalised by its largest": (
        around(lambda rows, a: a / a.abs().amax(1, keepdim=True).clamp(min=torch.finfo(a.dtype).tiny)),
        "normalised",
    ),
    "normalised by its sum": (
        around(lambda rows, a: a / a.abs().sum(1, keepdim=True).clamp(min=torch.finfo(a.dtype).tiny)),
        "normalised",
    ),
    "normalised over the batch": (
        around(lambda rows, a: a / a.abs().max().clamp(min=torch.finfo(a.dtype).tiny)),
        "not per-example",
    ),
    "constant": (around(lambda rows, a: torch.ones_like(a)), "constant"),
    "other output": (lambda model, baseline: rescale(model, 1, baseline), "other output"),
    "other baseline": (
        lambda model, baseline: rescale(model, 0, torch.full_like(baseline, 0.7)),
        "other baseline",
    ),
    "gradient times x": (gradient_times_x, "scores at baseline"),
    "f(x) shared out besides": (output_shared_out, ""),
    "stateful": (first_call_differs, "stateful"),
    "predicted class": (predicted_class, "predicted class"),
    "random": (random_answers, "random"),
}
"""Name -> (model, baseline) -> scores of rows (m, 4), and the misuse it should be called, "" for none."""


def gradient(site, m: Tensor, change=lambda args: args) -> list[Tensor]:
    """The plain gradient of one operation at x, its other arguments changed."""
    with torch.enable_grad():
        operands = [x.detach().requires_grad_() for x in site.x]
        args, kwargs = site.arguments(operands)
        result = site.node.op(*change(list(args)), **kwargs)
        result = result if isinstance(result, Tensor) else result[0]
        return list(torch.autograd.grad(result, operands, m.expand_as(result), allow_unused=True))


def weights_clamped(site, m: Tensor) -> list[Tensor]:
    def change(args):
        return [args[0], args[1].clamp(min=0), *args[2:]]

    return gradient(site, m, change)


def channel_dropped(site, m: Tensor) -> list[Tensor]:
    kept = m.clone()
    kept[:, 3] = 0
    return gradient(site, kept)


def head_positive(site, m: Tensor) -> list[Tensor]:
    def change(args):
        return [args[0], args[1], args[2].abs()]

    return gradient(site, m, change)


def dead_zone(site, m: Tensor) -> list[Tensor]:
    (z,), (z0,) = site.x, site.b
    delta = z - z0
    slope = torch.where(delta.abs() > 0.2, (site.y - site.y0) / delta, 0.0)
    return [m * slope]


def bias_swallowed(site, m: Tensor) -> list[Tensor]:
    """The bias of the convolution takes its share of every sum, as if the baseline did not have it too."""
    change = site.y - site.y0
    bias = site.arguments(list(site.x))[0][2].abs().reshape(1, -1, 1, 1)
    return gradient(site, m * change.abs() / (change.abs() + bias))


def duplicates_lost(site, m: Tensor) -> list[Tensor]:
    """The right shares of an overlapping pool, put back by an unpooling that keeps one window of several."""
    x, b = site.x[0], site.b[0].expand_as(site.x[0])
    (of_x, at_x), (of_b, at_b) = (F.max_pool2d(v, 3, 2, return_indices=True) for v in (x, b))
    cross = torch.maximum(of_x, of_b)
    back = F.max_unpool2d(m * (cross - of_b), at_x, 3, 2, output_size=x.shape)
    back = back + F.max_unpool2d(m * (of_x - cross), at_b, 3, 2, output_size=x.shape)
    return [torch.where(x == b, 0.0, back / (x - b))]


RULES: dict[str, tuple[dict, str]] = {
    "an activation by its gradient": ({"act": gradient}, "relu"),
    "every activation by its gradient": ({"relu": gradient}, "relu"),
    "a residual sum counted twice": ({"add": lambda site, m: [2 * m, 2 * m]}, "add"),
    "a branch of the sum lost": ({"add": lambda site, m: [m, torch.zeros_like(m)]}, "add"),
    "a branch doubled": ({"add": lambda site, m: [m, 2 * m]}, "add"),
    "a pool by the winners at x": ({"pool": gradient}, "max_pool2d"),
    "a pool whose duplicate winners are lost": ({"pool": duplicates_lost}, "max_pool2d"),
    "a bias that takes a share": ({"second": bias_swallowed}, "convolution"),
    "negative weights dropped": ({"second": weights_clamped}, "convolution"),
    "a channel dropped": ({"second": channel_dropped}, "convolution"),
    "a sum in place of a mean": ({"mean": lambda site, m: [9 * g for g in gradient(site, m)]}, "mean"),
    "weights of the head made positive": ({"head": head_positive}, "addmm"),
    "an activation with a dead zone": ({"act": dead_zone}, "relu"),
    "multipliers clipped": ({"second": lambda site, m: gradient(site, m.clamp(-0.05, 0.05))}, "convolution"),
    "a sign lost": ({"second": lambda site, m: gradient(site, m.abs())}, "convolution"),
}
"""Name -> rules of deeplift_rescale on `networks.Patches`, and the operation that should be blamed."""


def material(make: Callable[..., Scores], model, x: Tensor, b: Tensor) -> bool:
    """Whether a defect changes the scores by more than 2 % over all masked inputs, in the batch of all."""
    rows = torch.where(torch.from_numpy(full_masks(x.shape[1])), x, b)
    right = rescale(model, 0, b)(rows)
    return float((make(model, b)(rows) - right).norm() / right.norm()) > 0.02


def case(seed: int) -> tuple[torch.nn.Module, Tensor, Tensor]:
    """A network, an input and a baseline; scale of the output and dtype change with the seed."""
    model, x = smooth(4, seed), points(1, 4, seed=seed + 1000)
    with torch.no_grad():
        for parameter in (model.head.weight, model.head.bias):
            parameter.mul_((1e-8, 1.0, 1e8)[seed % 3])
    dtype = torch.float32 if seed % 2 else torch.float64
    return model.to(dtype), x.to(dtype), torch.full((1, 4), 0.3, dtype=dtype)


def main(count: int, start: int = 0) -> None:
    """Print the confusion table over seeded networks, four correct methods and three defects on each."""
    seen = dict.fromkeys(("right", "accused", "undecided", "planted", "caught", "told", "as meant"), 0)
    by_kind = {name: [0, 0, 0] for name in WRAPPED}  # planted, caught, named as meant
    for seed in range(start, start + count):
        model, x, b = case(seed)
        for right in (rescale(model, 0, b), "deeplift_rescale", "integrated_gradients", "shapley"):
            report = ta.audit(right, model, x, b, target=0)
            seen["right"] += 1
            seen["accused"] += report.exit_status == 1
            seen["undecided"] += report.exit_status == 3
            if report.exit_status:
                print("right but", right, seed, report)
        for k in range(3):
            name = list(WRAPPED)[(3 * seed + k) % len(WRAPPED)]
            make, kind = WRAPPED[name]
            if not material(make, model, x, b) and kind != "not per-example":
                continue
            report = ta.audit(make(model, b), model, x, b, target=0)
            kinds = [fault.kind for fault in report.misuse]
            seen["planted"] += 1
            seen["caught"] += report.exit_status == 1
            by_kind[name][0] += 1
            by_kind[name][1] += report.exit_status == 1
            by_kind[name][2] += kind in kinds
            if kind:
                seen["as meant"] += 1
                seen["told"] += kind in kinds
            if report.exit_status != 1 or (kind and kind not in kinds):
                print("missed" if report.exit_status != 1 else "another name", name, seed, kinds, report.each)
    print("| kind | planted | caught | named as meant |\n| --- | --- | --- | --- |")
    for name, (planted, caught, told) in by_kind.items():
        print(f"| {name} | {planted} | {caught} | {told if WRAPPED[name][1] else '–'} |")
    print(seen)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
