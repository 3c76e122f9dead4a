"""ROAR and KAR: remove, or keep, what a map calls important in all images, train again, and see what is lost.

Hooker et al. (2019), arXiv 1806.10758.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from taylorattr.analysis.inputs import input_tuple
from taylorattr.attribution import Attribution
from taylorattr.effects.checkpoint import Checkpoint
from taylorattr.effects.fingerprint import fingerprint
from taylorattr.errors import OptionError, ShapeError, require_whole_number
from taylorattr.evaluation.fills import Fill, replacements
from taylorattr.evaluation.method_maps import Method, labels_of, method_map, predicted_classes
from taylorattr.evaluation.protocol_result import Measured
from taylorattr.evaluation.ranking import Rank, permutations, ranking
from taylorattr.evaluation.sanity_checks import Train, trained_model
from taylorattr.program.isolate import preserved_rng

CONTROLS = ("random", "input")
"""Orders beside the map's: random, and by |x − mean|, which knows no model."""


@dataclass(frozen=True, eq=False, repr=False)
class Retraining(Measured):
    """Accuracy of networks trained anew on images from which pixels were removed.

    Measures, each a mean over shares and trainings: ``accuracy`` with the map's order, low where removal took
    what matters (``keep=False``), high where what was kept is enough (``keep=True``); ``random`` and
    ``input`` with these orders; ``original``, whether the given model is right about the whole image.
    Intervals of these are over test images; :meth:`standard_errors` is over trainings.

    Attributes:
        right: Share of trainings whose network is right, shape (orders, T, B), float64.
        trainings: Accuracy of each network, shape (orders, T, R), float64.
        original: Shape (B,), float64, 0 or 1.
        orders: ``map``, then the controls.
        shares: Share of the pixels removed, or kept, T numbers.
        keep: Whether the first pixels are kept and all others replaced.
        method: Name of the map.
        rank: ``signed`` or ``abs``.
        diagnostics: What a reader must know; JSON-able.
    """

    example_axes: ClassVar = {"right": 2, "original": 0}

    right: Tensor
    trainings: Tensor
    original: Tensor
    orders: tuple[str, ...]
    shares: tuple[float, ...]
    keep: bool
    method: str
    rank: str
    diagnostics: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check that the parts fit together."""
        shape = (len(self.orders), len(self.shares))
        if self.right.shape != (*shape, len(self.original)) or self.trainings.shape[:2] != shape:
            raise ShapeError(
                f"right {tuple(self.right.shape)} and trainings {tuple(self.trainings.shape)}; expected "
                f"{(*shape, len(self.original))} and {(*shape, 'R')}"
            )

    @property
    def measures(self) -> tuple[str, ...]:
        """Names of the numbers per example."""
        return ("accuracy", *self.orders[1:], "original")

    def curve(self, order: str = "map") -> Tensor:
        """Return the share of right networks for each test image and share of pixels, shape (B, T).

        Raises:
            OptionError: If there is no such order.
        """
        if order not in self.orders:
            raise OptionError(f"no order {order!r} here; there are {', '.join(self.orders)}")
        return self.right[self.orders.index(order)].T

    def accuracies(self, order: str = "map") -> Tensor:
        """Return the mean accuracy at each share, shape (T,)."""
        return self.curve(order).mean(0)

    def standard_errors(self, order: str = "map") -> Tensor:
        """Return the standard error over trainings of :meth:`accuracies`, shape (T,); NaN for one of them."""
        self.curve(order)
        runs = self.trainings[self.orders.index(order)]
        return runs.std(1) / runs.shape[1] ** 0.5 if runs.shape[1] > 1 else runs[:, 0] * float("nan")

    def _measure(self, name: str) -> Tensor:
        if name == "original":
            return self.original
        return self.curve("map" if name == "accuracy" else name).mean(1)

    def _question(self) -> tuple[tuple[str, Any], ...]:
        return (
            ("shares", self.shares),
            ("keep", self.keep),
            ("number of trainings", self.trainings.shape[2]),
            ("rank", self.rank),
            ("seed", self.diagnostics.get("seed")),
            ("predictions of the original model", self.original),
        )

    def __repr__(self) -> str:
        """Show the accuracy of every order at every share, with errors over trainings."""
        what = "kept, the others replaced (KAR)" if self.keep else "removed (ROAR)"
        head = (
            f"Retraining for {self.method}: {len(self.original)} test image(s), {self.trainings.shape[2]} "
            f"training(s) each; share {what}, {self.rank} ranks; original accuracy "
            f"{self.mean('original'):.3f}"
        )
        lines = [head, f"  {'':<8}" + "".join(f"{share:>15.0%}" for share in self.shares)]
        for order in self.orders:
            pairs = zip(self.accuracies(order), self.standard_errors(order), strict=True)
            lines.append(f"  {order:<8}" + "".join(f"  {float(a):.3f} ± {float(e):.3f}" for a, e in pairs))
        return "\n".join(lines)


def retraining(
    model: nn.Module,
    data: tuple[Tensor, Any],
    test: tuple[Tensor, Any],
    maps: Method | tuple[Any, Any],
    train: Train,
    *,
    shares: Sequence[float] = (0.1, 0.3, 0.5, 0.7, 0.9),
    keep: bool = False,
    fill: Fill = "mean",
    rank: Rank = "abs",
    trainings: int = 3,
    controls: Sequence[str] = CONTROLS,
    channel_dim: int = 1,
    checkpoint: str | os.PathLike[str] | None = None,
    seed: int = 0,
    show_progress: bool = False,
    name: str | None = None,
) -> Retraining:
    """Remove the most relevant pixels of every training and test image, train again, and see what is lost.

    Removed pixels lose all channels, and there is no other change: a network trained on whole images would
    not know what to make of holes, one trained on such images does. ``keep=True`` keeps these pixels and
    replaces all others (KAR). Random order and the order of |x − mean|, which knows no model, go through the
    same.

    What is known to come out of it: most single maps are no better than random order. It is slow by nature,
    orders × shares × trainings; :func:`road` is the cheap relative.

    Args:
        model: The trained model whose predictions the test maps explain; never changed.
        data: Training inputs (R, …) and labels (R,).
        test: Test inputs (B, …) and labels (B,).
        maps: A method (x, target) -> map, called with the training set and its labels, and with the test set
            and the predicted classes; or the two maps themselves.
        train: (x, y, seed) -> model from a new random initialisation, always by the same recipe.
        shares: Of the pixels of each image, in (0, 1].
        keep: Whether these are kept, and all others replaced.
        fill: ``mean`` (of each channel over the training set), ``zero``, ``blur``, a number or a tensor (1,
            …).
        rank: ``abs`` or ``signed``, which pixels come first.
        trainings: Networks per order and share, with seeds seed, seed + 1, …, the same for all orders.
        controls: Orders beside the map's, of ``random`` and ``input``; they are the same for all maps, so
            that one result of several can do without.
        channel_dim: Dimension with a mean for each entry.
        checkpoint: Folder where every network's answers are written as soon as it is trained; an interrupted
            call that is repeated goes on from there. It knows the data, the orders, the settings and the code
            of ``train``, not what that reads.
        seed: Of random orders, ties and trainings; the global generators are left alone.
        show_progress: Whether to show a progress bar.
        name: Of the map, as the result shows it.

    Returns:
        Answers and accuracies of all networks.

    Raises:
        OptionError: If an option is out of range, or train gives no model.
        ModelError: If train raises.
        ShapeError: If maps, inputs and labels do not fit.
        CheckpointError: If the folder belongs to other data, maps or settings, or is damaged.
        TaylorAttrError: As :func:`taylorattr.evaluation.localisation`.

    Source: Hooker et al. (2019), "A benchmark for interpretability methods in deep neural networks", arXiv
    1806.10758. Maps of test images explain the prediction and three trainings are the default by choice of
    this package; the paper has five.
    """
    shares = tuple(float(share) for share in shares)
    if not shares or not all(0 < share <= 1 for share in shares):
        raise OptionError(f"shares={shares!r}; expected shares of the pixels in (0, 1]")
    require_whole_number("trainings", trainings)
    if fill == "uniform":
        raise OptionError(
            "fill='uniform' draws new numbers for each image, which a network could learn to see"
        )
    unknown = [control for control in controls if control not in CONTROLS]
    if unknown:
        raise OptionError(f"controls: no {unknown[0]!r}; there are {', '.join(CONTROLS)}")
    sets = _checked(data, "data"), _checked(test, "test")
    (x, y), (x_test, y_test) = sets
    if x.shape[1:] != x_test.shape[1:]:
        raise ShapeError(f"data and test have examples {tuple(x.shape[1:])} and {tuple(x_test.shape[1:])}")
    with preserved_rng():
        predicted = predicted_classes(model, x_test)
        (scores, label), (test_scores, _) = _both_maps(maps, x, y, x_test, predicted)
        fills = [
            next(replacements(fill, (part,), reference=x, channel_dim=channel_dim))[0] for part, _ in sets
        ]
        orders = {"map": [ranking(s.flatten(1), rank, seed=seed) for s in (scores, test_scores)]}
        orders["random"] = [permutations(tuple(o.shape), seed + 1 + k) for k, o in enumerate(orders["map"])]
        mean = next(replacements("mean", (x,), channel_dim=channel_dim))[0][:1]
        orders["input"] = [
            ranking(method_map((part - mean).abs(), part, None)[0].flatten(1), seed=seed) for part, _ in sets
        ]
        orders = {o: both for o, both in orders.items() if o == "map" or o in controls}
        runs = [(o, t, r) for o in orders for t in shares for r in range(trainings)]
        answers = torch.zeros(len(runs), len(x_test), dtype=torch.float64)
        identity = fingerprint(
            *(x, y, x_test, y_test, fills[0][:1], shares, keep, trainings, seed),
            *(orders, getattr(train, "__code__", None)),
        )
        with _kept(checkpoint, identity, answers) as folder:
            known = [bool(row.all()) for row in folder.restore()] if folder else [False] * len(runs)
            missing = [run for run, there in enumerate(known) if not there]
            bar = tqdm(
                missing, unit="training", initial=sum(known), total=len(runs), disable=not show_progress
            )
            for run in bar:
                order, share, repeat = runs[run]
                changed = [
                    _replaced(part, replacement, sequence, share, keep, places.shape)
                    for (part, _), replacement, sequence, places in zip(
                        sets, fills, orders[order], (scores, test_scores), strict=True
                    )
                ]
                new = trained_model(train, changed[0], y, seed + repeat)
                answers[run] = (predicted_classes(new, changed[1]) == y_test).double()
                if folder:
                    folder.add(run, 0, len(x_test))
    table = answers.reshape(len(orders), len(shares), trainings, len(x_test))
    return Retraining(
        right=table.mean(2),
        trainings=table.mean(3),
        original=(predicted == y_test).double(),
        orders=tuple(orders),
        shares=shares,
        keep=keep,
        method=label if name is None else name,
        rank=rank,
        diagnostics={"seed": seed, "fill": fill if isinstance(fill, str) else "given", "resumed": sum(known)},
    )


def _checked(pair: tuple[Tensor, Any], name: str) -> tuple[Tensor, Tensor]:
    """Return inputs and labels that fit each other."""
    if not isinstance(pair, tuple) or len(pair) != 2:
        raise ShapeError(f"{name} is a {type(pair).__name__}; expected a pair (inputs, labels)")
    (x,) = input_tuple(pair[0])
    return x.detach(), labels_of(pair[1], len(x), f"labels of {name}")


def _both_maps(
    maps: Any, x: Tensor, y: Tensor, x_test: Tensor, predicted: Tensor
) -> tuple[tuple[Tensor, str], tuple[Tensor, str]]:
    """Return the maps of training and test set, each with the method's name."""
    if callable(maps) and not isinstance(maps, (Tensor, Attribution)):
        own, other = method_map(maps, x, y), method_map(maps, x_test, predicted)
    elif isinstance(maps, tuple) and len(maps) == 2:
        own, other = method_map(maps[0], x, y), method_map(maps[1], x_test, predicted)
    else:
        raise OptionError(
            f"maps is a {type(maps).__name__}; expected a method (x, target) -> map, or a pair: maps of the "
            "training and of the test inputs"
        )
    for (places, _), part in ((own, x), (other, x_test)):
        expected = part.flatten(1, -3).shape[:1] + part.shape[-2:] if part.ndim >= 4 else part.shape
        if places.shape != expected:
            raise ShapeError(
                f"the map has shape {tuple(places.shape)}; expected {tuple(expected)}, a number for every "
                "pixel"
            )
    return own, other


def _replaced(x: Tensor, fill: Tensor, order: Tensor, share: float, keep: bool, places: torch.Size) -> Tensor:
    """Return inputs with the first share of each order replaced, or all but these."""
    n = order.shape[1]
    first = order.argsort(1) < math.floor(share * n + 0.5)
    removed = (~first if keep else first).reshape(places).to(x.device)
    while removed.ndim < x.ndim:
        removed = removed.unsqueeze(1)  # one pixel, all channels
    return torch.where(removed, fill, x)


def _kept(checkpoint: Any, identity: str, answers: Tensor) -> Any:
    """Return the folder of answers, or nothing where none is asked for."""
    if checkpoint is None:
        return nullcontext()
    # there are no outputs to compare: the identity covers data and orders
    return Checkpoint(checkpoint, identity, answers.new_zeros(0), answers, interval=0.0)
