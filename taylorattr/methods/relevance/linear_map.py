"""The linear part of an operation: forwards, transposed, and with its weights' signs taken apart.

By hand for matrix products, convolutions, factors and shapes that occur everywhere; every other linear
operation is run again under autograd, which for rearrangements costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor

from taylorattr.methods.relevance.site import Site, fit

aten = torch.ops.aten

Part: TypeAlias = Literal["all", "abs", "positive", "negative", "square", "one"]
"""Which weights w: w, |w|, max(w, 0), min(w, 0), w², 1."""

_PARTS: dict[Part, Callable[[Tensor], Tensor]] = {
    "all": lambda w: w,
    "abs": torch.abs,
    "positive": lambda w: w.clamp(min=0),
    "negative": lambda w: w.clamp(max=0),
    "square": torch.square,
    "one": torch.ones_like,
}

Slots: TypeAlias = list[Tensor | None]
"""One tensor per operand."""


def pull(site: Site, m: Sequence[Tensor | None] | Tensor, part: Part = "all") -> Slots:
    """Return Lᵀm for each operand.

    Args:
        site: A linear operation.
        m: Multiplier of each result (None: nobody reads it), or of the only one.
        part: Which weights; operations without weights have coefficients ≥ 0, signs of differences aside.

    Returns:
        One tensor in the shape of each operand.
    """
    ms = [m] if isinstance(m, Tensor) else list(m)
    if site.name in _PULLS and ms[0] is not None:
        return _PULLS[site.name](site, ms[0], _PARTS[part])
    return _autograd_pull(site, ms)


def push(site: Site, parts: Sequence[Tensor], part: Part = "all", constant: Tensor | None = None) -> Tensor:
    """Return L applied to other operands, the operation's own additive constants dropped.

    Args:
        site: A linear operation with one result that matters.
        parts: One tensor in the shape of each operand.
        part: Which weights.
        constant: Added to the result, against which it broadcasts.

    Returns:
        Shape of the first result.
    """
    if constant is not None:
        if site.name == "convolution" and constant.numel() == site.y.shape[1]:
            return _convolution_push(site, parts, _PARTS[part], constant.reshape(-1))
        return push(site, parts, part) + constant
    if site.name in _PUSHES:
        return _PUSHES[site.name](site, parts, _PARTS[part])
    return _autograd_push(site, parts)[0]


def push_all(site: Site, parts: Sequence[Tensor]) -> list[Tensor | None]:
    """Return what `push` returns for every result of a rearrangement."""
    return list(_autograd_push(site, parts))


def _run(site: Site) -> tuple[list[Tensor], list[Tensor]]:
    """Run the operation again with gradients; return leaves and results."""
    leaves = [x.detach().requires_grad_() for x in site.x]
    args, kwargs = site.arguments(leaves)
    result = site.node.op(*args, **kwargs)
    return leaves, [result] if isinstance(result, Tensor) else list(result)


def _autograd_pull(site: Site, m: Sequence[Tensor | None], create_graph: bool = False) -> Slots:
    with torch.enable_grad():
        leaves, results = _run(site)
        pairs = [
            (r, g.expand_as(r)) for r, g in zip(results, m, strict=False) if g is not None and r.requires_grad
        ]
        if not pairs:
            return [None] * len(leaves)
        ends, grads = zip(*pairs, strict=True)
        return list(torch.autograd.grad(ends, leaves, grads, allow_unused=True, create_graph=create_graph))


def _autograd_push(site: Site, parts: Sequence[Tensor]) -> list[Tensor]:
    """L a as the transpose of the transpose: the derivative of ⟨Lᵀm, a⟩ by m."""
    with torch.enable_grad():
        leaves, results = _run(site)
        probes = [torch.zeros_like(r).requires_grad_() if r.requires_grad else None for r in results]
        live = [(r, p) for r, p in zip(results, probes, strict=True) if p is not None]
        ends, seeds = zip(*live, strict=True)
        back = torch.autograd.grad(ends, leaves, seeds, allow_unused=True, create_graph=True)
        total = sum((g * a).sum() for g, a in zip(back, parts, strict=True) if g is not None)
        assert isinstance(total, Tensor)
        pushed = iter(torch.autograd.grad(total, seeds, allow_unused=True))
    images = [next(pushed) if p is not None else None for p in probes]
    return [
        image if image is not None else torch.zeros_like(r) for r, image in zip(results, images, strict=True)
    ]


Weights = Callable[[Tensor], Tensor]


def _convolution_pull(site: Site, m: Tensor, part: Weights) -> Slots:
    _only_the_input(site, "input")
    a = site.named
    w = part(a["weight"])
    shape = (a["stride"], a["padding"], a["dilation"], a["transposed"], a["output_padding"], a["groups"])
    back = aten.convolution_backward.default(m, a["input"], w, None, *shape, [True, False, False])
    return [back[0]]


def _convolution_push(
    site: Site, parts: Sequence[Tensor], part: Weights, constant: Tensor | None = None
) -> Tensor:
    _only_the_input(site, "input")
    a = site.named
    shape = (a["stride"], a["padding"], a["dilation"], a["transposed"], a["output_padding"], a["groups"])
    return aten.convolution.default(parts[0], part(a["weight"]), constant, *shape)


def _only_the_input(site: Site, name: str) -> None:
    if not (site.is_operand(name) and len(site.operands) == 1):
        raise site.refuse(
            "its weights depend on the input; pass rules={...} with a rule for it, or write it as a matrix "
            "product of activations"
        )


def _matrix_pull(added: str | None, left: str, right: str) -> Callable[[Site, Tensor, Weights], Slots]:
    """Return the pull of β·added + α·left·right; these are the names in the order of the arguments."""

    def run(site: Site, m: Tensor, part: Weights) -> Slots:
        a = site.named
        ms: Slots = []
        scale = a.get("alpha", 1)
        weighted = m * scale if scale != 1 else m
        if added and site.is_operand(added):
            ms.append(fit(m * a.get("beta", 1), a[added]))
        if site.is_operand(left):
            ms.append(_times_transpose(weighted, part(a[right]), a[left]))
        if site.is_operand(right):
            ms.append(_transpose_times(part(a[left]), weighted, a[right]))
        return ms

    return run


def _times_transpose(m: Tensor, w: Tensor, like: Tensor) -> Tensor:
    if w.dim() == 1:  # matrix or vector times a constant vector
        return m.unsqueeze(-1) * w if like.dim() == 2 else m * w
    return m @ w.mT


def _transpose_times(w: Tensor, m: Tensor, like: Tensor) -> Tensor:
    if like.dim() == 1:
        return (w.mT @ m) if w.dim() == 2 else w * m
    return w.mT @ m


def _matrix_push(
    added: str | None, left: str, right: str
) -> Callable[[Site, Sequence[Tensor], Weights], Tensor]:
    def run(site: Site, parts: Sequence[Tensor], part: Weights) -> Tensor:
        a = site.named
        moving = dict(zip((n for n in (added, left, right) if n and site.is_operand(n)), parts, strict=True))
        total: Tensor | None = None
        if left in moving or right in moving:
            one, two = (moving[n] if n in moving else part(a[n]) for n in (left, right))
            total = one @ two * a.get("alpha", 1)
        if added in moving:
            shift = moving[added] * a.get("beta", 1)
            total = shift.expand_as(site.y) if total is None else total + shift
        assert total is not None
        return total

    return run


def _linear_pull(site: Site, m: Tensor, part: Weights) -> Slots:
    _only_the_input(site, "input")
    return [m @ part(site.named["weight"])]


def _linear_push(site: Site, parts: Sequence[Tensor], part: Weights) -> Tensor:
    _only_the_input(site, "input")
    return parts[0] @ part(site.named["weight"]).mT


def _factor(site: Site) -> Any:
    """The constant factor of a product or quotient."""
    a = site.named
    other = a["self"] if site.is_operand("other") else a["other"]
    return 1 / other if site.name == "div" else other


def _signed(value: Any, part: Weights) -> Any:
    if isinstance(value, Tensor):
        return part(value if value.is_floating_point() else value.to(torch.float64)).to(value.dtype)
    return float(part(torch.tensor(value, dtype=torch.float64)))


def _scale_pull(site: Site, m: Tensor, part: Weights) -> Slots:
    return [fit(m * _signed(_factor(site), part), site.x[0])]


def _scale_push(site: Site, parts: Sequence[Tensor], part: Weights) -> Tensor:
    return (parts[0] * _signed(_factor(site), part)).expand_as(site.y)


def channel_scale(site: Site) -> Tensor:
    """The factor γ/√(variance + eps) of an evaluated BatchNorm, one per channel, ready to broadcast."""
    a = site.named
    scale = (a["running_var"] + a["eps"]).rsqrt()
    if a["weight"] is not None:
        scale = scale * a["weight"]
    return scale.reshape([-1 if i == 1 else 1 for i in range(a["input"].dim())])


def _batch_norm_pull(site: Site, m: Tensor, part: Weights) -> Slots:
    _only_the_input(site, "input")
    return [m * part(channel_scale(site))]


def _batch_norm_push(site: Site, parts: Sequence[Tensor], part: Weights) -> Tensor:
    return parts[0] * part(channel_scale(site))


def _signs(site: Site, part: Weights) -> list[float]:
    """Coefficients of add, sub, rsub and neg for their operands."""
    a = site.named
    alpha = a.get("alpha", 1)
    by_name = {"add": (1, alpha), "sub": (1, -alpha), "rsub": (-alpha, 1), "neg": (-1, 0)}[site.name]
    signs = [s for name, s in zip(("self", "other"), by_name, strict=True) if site.is_operand(name)]
    return [float(part(torch.tensor(s, dtype=torch.float64))) for s in signs]


def _sum_pull(site: Site, m: Tensor, part: Weights) -> Slots:
    return [fit(m if s == 1 else m * s, x) for s, x in zip(_signs(site, part), site.x, strict=True)]


def _sum_push(site: Site, parts: Sequence[Tensor], part: Weights) -> Tensor:
    total = torch.zeros_like(site.y)
    for s, a in zip(_signs(site, part), parts, strict=True):
        total = total + (a if s == 1 else a * s)
    return total


def _view_pull(site: Site, m: Tensor, part: Weights) -> Slots:
    return [m.reshape(site.x[0].shape)]


def _view_push(site: Site, parts: Sequence[Tensor], part: Weights) -> Tensor:
    return parts[0].reshape(site.y.shape)


def _select_pull(site: Site, m: Tensor, part: Weights) -> Slots:
    a = site.named
    return [aten.select_backward.default(m, list(site.x[0].shape), a["dim"], a["index"])]


def _slice_pull(site: Site, m: Tensor, part: Weights) -> Slots:
    a, x = site.named, site.x[0]
    size = x.shape[a["dim"]]
    start, end = (
        a[name] if a[name] is not None else default for name, default in (("start", 0), ("end", size))
    )
    return [aten.slice_backward.default(m, list(x.shape), a["dim"], start, end, a["step"])]


_VIEWS = ("view", "_unsafe_view", "reshape", "squeeze", "unsqueeze", "flatten")

_MATRICES = {
    "mm": (None, "self", "mat2"),
    "bmm": (None, "self", "mat2"),
    "mv": (None, "self", "vec"),
    "dot": (None, "self", "tensor"),
    "addmm": ("self", "mat1", "mat2"),
    "baddbmm": ("self", "batch1", "batch2"),
    "addmv": ("self", "mat", "vec"),
}

_PULLS: dict[str, Callable[[Site, Tensor, Weights], Slots]] = {
    "convolution": _convolution_pull,
    "linear": _linear_pull,
    "native_batch_norm": _batch_norm_pull,
    "_native_batch_norm_legit": _batch_norm_pull,
    "_native_batch_norm_legit_no_training": _batch_norm_pull,
    **{name: _matrix_pull(*names) for name, names in _MATRICES.items()},
    **dict.fromkeys(("mul", "div"), _scale_pull),
    **dict.fromkeys(("add", "sub", "rsub", "neg"), _sum_pull),
    "select": _select_pull,
    "slice": _slice_pull,
    **dict.fromkeys(_VIEWS, _view_pull),
}

_PUSHES: dict[str, Callable[[Site, Sequence[Tensor], Weights], Tensor]] = {
    "convolution": _convolution_push,
    "linear": _linear_push,
    "native_batch_norm": _batch_norm_push,
    "_native_batch_norm_legit": _batch_norm_push,
    "_native_batch_norm_legit_no_training": _batch_norm_push,
    **{name: _matrix_push(*names) for name, names in _MATRICES.items()},
    **dict.fromkeys(("mul", "div"), _scale_push),
    **dict.fromkeys(("add", "sub", "rsub", "neg"), _sum_push),
    **dict.fromkeys(_VIEWS, _view_push),
}
