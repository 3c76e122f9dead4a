"""Results with known numbers, made without a model; and where the texts of a picture stand."""

import itertools

import numpy as np
import torch

from taylorattr.attribution import Attribution
from taylorattr.effects.coalition_table import HarsanyiEffects
from taylorattr.effects.taylor_effects import TaylorEffects
from taylorattr.evaluation.sanity_checks import SanityCheck
from taylorattr.maths.multi_index import count_up_to
from taylorattr.maths.subsets import Coalitions
from taylorattr.methods.extra.mip_in.mipin import MIPIN
from taylorattr.methods.extra.pruning import Pruning
from taylorattr.reformulation.result import Reformulation

LONG = "worst fractal dimension of the left side of the patient, measured twice"


def names(n):
    """Names of many lengths, the third with characters that mean something elsewhere."""
    odd = ["radius", LONG, "$x_1$ & <script>alert(1)</script>", "a_b^{2", "\\frac{1}{2}\n%"]
    return tuple(
        odd[i] if i < len(odd) else f"feature {i} of {LONG}"[: 8 + 3 * (i % 20)] + str(i) for i in range(n)
    )


def taylor(n=5, order=3, *, batch=1, seed=0, zero=False, labels=None):
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(batch, count_up_to(n, order), generator=generator, dtype=torch.float64)
    values = values * 0.0 if zero else values
    start = (
        torch.zeros(batch, dtype=torch.float64) if zero else torch.full((batch,), 0.7, dtype=torch.float64)
    )
    delta = values.sum(1) + (0.0 if zero else 0.25)
    rays = [
        {"players": [0], "radius": r, "remainder": 0.0, "passed": r is None or r > 1.1}
        for r in (0.4, 2.0, None)
    ]
    return TaylorEffects(
        values=values,
        order=order,
        names=labels or names(n),
        frame="baseline",
        delta=delta,
        f_input=start + delta,
        f_baseline=start,
        converged=torch.zeros(batch, dtype=torch.bool),
        reasons=("made up",) * batch,
        diagnostics={"examples": [{"rays": rays}] * batch},
    )


def harsanyi(n=5, max_order=None, *, seed=0, zero=False, labels=None):
    count = len(Coalitions(n, max_order))
    values = torch.randn(1, count, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    values = values * 0.0 if zero else values
    delta = values[:, 1:].sum(1)
    start = values[:, 0]
    return HarsanyiEffects(
        values=values, names=labels or names(n), frame="baseline", delta=delta, f_input=start + delta,
        f_baseline=start, max_order=max_order,
    )  # fmt: skip


def attribution(n=5, *, method="integrated_gradients", seed=0, zero=False, labels=None, shape=None):
    scores = torch.randn(1, n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    scores = scores * 0.0 if zero else scores
    total = scores.sum(1)
    return Attribution(
        player_scores=scores,
        scores=scores if shape is None else scores.reshape(1, *shape),
        method=method,
        frame="baseline",
        names=labels or names(n),
        f_input=total,
        f_baseline=torch.zeros_like(total),
    )


def reformulation(rule, effects):
    """The allocation of given effects by a rule without context."""
    direct = attribution(effects.n, method=rule, labels=effects.names)
    return Reformulation(
        method=rule, rule=rule, direct=direct, allocated=direct, effects=(effects,), context=({},)
    )


def check(n=5, *, seed=0, zero=False, labels=None, method="gradient", shape=(4, 4), batch=1):
    """A cascade of n steps, without a network; where all is 0, maps have no correlation."""
    generator = torch.Generator().manual_seed(seed)
    maps = torch.randn(batch, 1 + n, *shape, generator=generator) * (not zero)
    values = torch.rand(2, batch, n, generator=generator, dtype=torch.float64) * 2 - 1
    values = values * float("nan") if zero else values
    steps, kinds = labels or names(n), ("spearman", "absolute")
    return SanityCheck("cascading", steps, kinds, values, values[..., 0], method, maps=maps)


def pruning(n=5, *, seed=0, zero=False, labels=None, shape=(3, 4, 4), batch=1):
    """Masks of n calls of a ReLU."""
    generator = torch.Generator().manual_seed(seed)
    masks = tuple(torch.rand(batch, *shape, generator=generator) < (0.0 if zero else 0.3) for _ in range(n))
    shares = torch.stack([mask.reshape(batch, -1).double().mean(1) for mask in masks], 1)
    ones = torch.ones(batch, dtype=torch.float64)
    scores = torch.randn(batch, 1, 4, 4, generator=generator) * (not zero)
    return Pruning(0.7, n * masks[0][0].numel(), 7, labels or names(n), shares, 0 * ones, 0 * ones, 3 * ones,
                   2 * ones, masks=masks, map=scores)  # fmt: skip


def inverted(shape=(1, 4, 4), **options):
    """MIP-IN of a linear model with three outputs."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        size = int(np.prod(shape))
        net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(size, 3)).eval()
        return MIPIN(net, **options).fit(torch.rand(12, *shape))


def boxes(figure, axes=None):
    """Bounding boxes of all visible texts, tick labels included, as (text, box)."""
    renderer = figure.canvas.get_renderer()
    figure.draw(renderer)
    found = []
    for ax in axes or _all_axes(figure):
        texts = [*ax.texts, ax.title, ax._left_title, ax._right_title, ax.xaxis.label, ax.yaxis.label]
        if ax.axison:
            texts += [label for axis in (ax.xaxis, ax.yaxis) for label in _tick_labels(axis)]
        else:
            texts = [text for text in texts if text not in (ax.xaxis.label, ax.yaxis.label)]
        legend = ax.get_legend()
        texts += legend.get_texts() if legend else []
        for text in texts:
            if text.get_text().strip() and text.get_visible():
                found.append((text.get_text(), text.get_window_extent(renderer)))
    return found


def _tick_labels(axis):
    low, high = sorted(axis.get_view_interval())
    for tick in axis.get_major_ticks():
        if low <= tick.get_loc() <= high:
            yield from (text for text in (tick.label1, tick.label2) if text.get_visible())


def _all_axes(figure):
    outer = list(figure.axes)
    return [*outer, *itertools.chain.from_iterable(ax.child_axes for ax in outer)]


def collisions(figure, slack=1.0):
    """Pairs of texts whose boxes overlap by more than ``slack`` pixels both ways."""
    placed = boxes(figure)
    edges = np.array([[b.x0, b.y0, b.x1, b.y1] for _, b in placed])
    wide = np.minimum(edges[:, None, 2], edges[None, :, 2]) - np.maximum(edges[:, None, 0], edges[None, :, 0])
    high = np.minimum(edges[:, None, 3], edges[None, :, 3]) - np.maximum(edges[:, None, 1], edges[None, :, 1])
    touching = np.argwhere(np.triu((wide > slack) & (high > slack), 1))
    return [(placed[i][0], placed[j][0]) for i, j in touching]


def outside(figure, slack=2.0):
    """Texts that leave the figure."""
    width, height = figure.get_size_inches() * figure.dpi
    return [
        text
        for text, b in boxes(figure)
        if b.x0 < -slack or b.y0 < -slack or b.x1 > width + slack or b.y1 > height + slack
    ]
