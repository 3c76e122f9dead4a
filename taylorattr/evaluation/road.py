"""ROAD: remove pixels so that their neighbours stand in for them, and see what a network still reads.

Rong et al. (2022), arXiv 2202.00449.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from taylorattr.aliases import AnyTarget
from taylorattr.errors import OptionError, ShapeError, TargetError, require_instance, require_number
from taylorattr.evaluation.followed_output import as_probabilities, outputs_at
from taylorattr.evaluation.method_maps import followed_logit, image_maps, method_map
from taylorattr.evaluation.protocol_result import Measured
from taylorattr.evaluation.ranking import Rank, permutations, ranking
from taylorattr.evaluation.region_scores import Maps
from taylorattr.program.isolate import preserved_rng

NEIGHBOURS = tuple(
    (down, right, 1 / 6 if down == 0 or right == 0 else 1 / 12)
    for down in (-1, 0, 1)
    for right in (-1, 0, 1)
    if (down, right) != (0, 0)
)
"""Steps to the eight neighbours of a pixel with their weights: 1/6 across an edge, 1/12 across a corner."""

ORDERS = ("morf", "lerf", "random")
"""Most relevant first, least relevant first, random."""


@dataclass(frozen=True, eq=False, repr=False)
class Road(Measured):
    """What a network reads in images whose pixels were imputed from their neighbours.

    Measures: ``morf``, ``lerf`` and ``random``, the mean over shares of whether the class is still predicted;
    ``gap`` = lerf − morf, large for a good map, 0 on average for a random one; the same of its probability
    under ``probability_…``.

    Attributes:
        right: Whether the class is predicted, shape (3, B, T), float64; orders morf, lerf, random.
        probability: Its probability, likewise.
        shares: Share of the pixels that is removed, T numbers.
        target: The class, (B,) int64.
        method: Name of the map.
        rank: ``signed`` or ``abs``.
        diagnostics: What a reader must know; JSON-able.
    """

    example_axes: ClassVar = {"right": 1, "probability": 1, "target": 0}

    right: Tensor
    probability: Tensor
    shares: tuple[float, ...]
    target: Tensor
    method: str
    rank: str
    diagnostics: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check that the parts fit together."""
        shape = (len(ORDERS), len(self.target), len(self.shares))
        if self.right.shape != shape or self.probability.shape != shape:
            raise ShapeError(
                f"right {tuple(self.right.shape)} and probability {tuple(self.probability.shape)}; expected "
                f"{shape}"
            )

    @property
    def measures(self) -> tuple[str, ...]:
        """Names of the numbers per example."""
        own = (*ORDERS, "gap")
        return own + tuple(f"probability_{name}" for name in own)

    def curve(self, order: str, of: str = "right") -> Tensor:
        """Return ``right`` or ``probability`` along an order, shape (B, T).

        Raises:
            OptionError: If there is no such order or number.
        """
        if order not in ORDERS or of not in ("right", "probability"):
            raise OptionError(
                f"no {of!r} of {order!r}; there are right and probability of {', '.join(ORDERS)}"
            )
        return getattr(self, of)[ORDERS.index(order)]

    def _measure(self, name: str) -> Tensor:
        of, order = ("probability", name.removeprefix("probability_")) if "_" in name else ("right", name)
        if order == "gap":
            return (self.curve("lerf", of) - self.curve("morf", of)).mean(1)
        return self.curve(order, of).mean(1)

    def _question(self) -> tuple[tuple[str, Any], ...]:
        return (
            ("shares", self.shares),
            ("target", self.target),
            ("rank", self.rank),
            ("random control", self.curve("random", "probability")),
        )

    def __repr__(self) -> str:
        """Show the measures with their standard errors over examples."""
        settings = f"{len(self.shares)} shares, {self.rank} ranks"
        head = f"Road of {self.method}: {len(self.target)} image(s), {settings}"
        return "\n".join([head, *self._rows()])


def road(
    model: Callable[..., Any],
    inputs: Tensor,
    maps: Maps,
    *,
    target: AnyTarget = None,
    shares: Sequence[float] = (0.1, 0.3, 0.5, 0.7, 0.9),
    rank: Rank = "abs",
    noise: float = 0.01,
    seed: int = 0,
    show_progress: bool = False,
    name: str | None = None,
) -> Road:
    """Replace pixels in the order of a map by means of their neighbours, and read on with the same network.

    No network is trained: what is removed is filled from its neighbours, so that the image stays near those
    the network knows and the shape of the hole tells it little.

    Args:
        model: Module or callable with outputs (B, K); never changed.
        inputs: Images (B, C, H, W).
        maps: A method (x, target) -> map, called once with all images; an Attribution; or a map.
        target: The class whose prediction is watched: None, the one predicted at the whole image; or labels
            (B,), which makes ``right`` the accuracy.
        shares: Of the pixels of each image, in (0, 1).
        rank: ``abs`` or ``signed``, which pixels come first.
        noise: Standard deviation of the numbers added to imputed pixels, in units of the inputs; the default
            is that of the authors' code.
        seed: Of noise, random orders and ties.
        show_progress: Whether to show a progress bar.
        name: Of the map, as the result shows it.

    Returns:
        Predictions and probabilities for the three orders.

    Raises:
        OptionError: If an option is out of range.
        TargetError: If there is no single class to watch.
        ShapeError: If maps do not fit the images.
        NonFiniteError: If a map or an output has NaN or infinity.
        TaylorAttrError: What :func:`taylorattr.analysis.question.Question.game` finds.

    Source: Rong et al. (2022), "A consistent and efficient evaluation strategy for attribution methods",
        arXiv
    2202.00449.
    """
    shares = tuple(float(share) for share in shares)
    if not shares or not all(0 < share < 1 for share in shares):
        raise OptionError(f"shares={shares!r}; expected shares of the pixels in (0, 1)")
    require_instance("inputs", inputs, Tensor, "images (B, C, H, W)")
    if inputs.ndim != 4:
        raise ShapeError(f"inputs have shape {tuple(inputs.shape)}; expected images (B, C, H, W)")
    followed = followed_logit(model, inputs, target)
    watched = followed.target
    if not isinstance(watched, Tensor):
        raise TargetError("road watches one class per image: a model with outputs (B, K), and target a class")
    scores, map_name = method_map(maps, inputs, watched)
    flat = image_maps(scores, "road").flatten(1)
    orders = (
        ranking(flat, rank, seed=seed),
        ranking(flat, rank, least_first=True, seed=seed),
        permutations(tuple(flat.shape), seed + 1),
    )
    numbers = torch.zeros(2, len(ORDERS), len(inputs), len(shares), dtype=torch.float64)
    (x,) = followed.game.inputs
    with preserved_rng():
        bar = tqdm(total=len(ORDERS) * len(shares), unit="share", disable=not show_progress)
        for k, order in enumerate(orders):
            place = order.argsort(1)
            for t, share in enumerate(shares):
                count = min(max(1, math.floor(share * flat.shape[1] + 0.5)), flat.shape[1] - 1)
                removed = (place < count).reshape(scores.shape)
                # the same noise for all orders, so that maps are compared with equal luck
                changed = noisy_linear_imputation(x, removed, noise=noise, seed=seed + 2 + t)
                outputs = outputs_at(followed, (changed,)).cpu().double()
                chances = as_probabilities(outputs)
                numbers[0, k, :, t] = (outputs.argmax(1) == watched).double()
                numbers[1, k, :, t] = chances.gather(1, watched[:, None])[:, 0]
                bar.update()
        bar.close()
    return Road(
        right=numbers[0].contiguous(),
        probability=numbers[1].contiguous(),
        shares=shares,
        target=watched,
        method=map_name if name is None else name,
        rank=rank,
        diagnostics=followed.diagnostics | {"seed": seed, "noise": float(noise)},
    )


def noisy_linear_imputation(images: Tensor, removed: Tensor, *, noise: float = 0.01, seed: int = 0) -> Tensor:
    """Return images whose removed pixels are weighted means of their neighbours, plus noise.

    Every removed pixel satisfies Σ_j w_ij (x_i − x_j) = 0 over its neighbours j inside the image, 1/6 for the
    four across an edge and 1/12 for the four across a corner, those that are removed themselves among them:
    one sparse linear system per image.

    Args:
        images: Shape (B, C, H, W).
        removed: Shape (B, H, W), bool; at least one pixel of each image stays.
        noise: Standard deviation of the normal numbers that are added to removed pixels.
        seed: Of these.

    Returns:
        Shape, dtype and device of the images.

    Raises:
        OptionError: If noise is negative, or nothing of an image is left.
        ShapeError: If the two do not fit.

    Source: Rong et al. (2022), arXiv 2202.00449, section 4.
    """
    if noise != 0:
        require_number("noise", noise)
    if (
        images.ndim != 4
        or removed.shape != (len(images), *images.shape[2:])
        or removed.dtype is not torch.bool
    ):
        raise ShapeError(
            f"images {tuple(images.shape)}, removed {tuple(removed.shape)} {removed.dtype}; expected (B, C, "
            "H, W) and bools (B, H, W)"
        )
    if bool(removed.flatten(1).all(1).any()):
        raise OptionError("removed: nothing is left of an image, so that there is nothing to impute from")
    generator = torch.Generator().manual_seed(seed)
    drawn = noise * torch.randn(images.shape, generator=generator, dtype=torch.float64)
    known = images.detach().cpu().double().numpy()
    holes = removed.cpu().numpy()
    filled = np.stack([_solved(image, hole) for image, hole in zip(known, holes, strict=True)])
    changed = torch.from_numpy(filled) + drawn
    return torch.where(removed[:, None].to(images.device), changed.to(images), images)


def _solved(image: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Return an image (C, H, W) whose hole (H, W) solves the linear system."""
    from scipy.sparse import coo_array
    from scipy.sparse.linalg import spsolve  # loading it takes about a second

    if not hole.any():
        return image
    height, width = hole.shape
    number = np.full(hole.shape, -1)
    number[hole] = np.arange(hole.sum())
    row, column = np.nonzero(hole)
    diagonal, right = np.zeros(len(row)), np.zeros((len(row), len(image)))
    rows, columns, weights = [], [], []
    for down, across, weight in NEIGHBOURS:
        r, c = row + down, column + across
        inside = (0 <= r) & (r < height) & (0 <= c) & (c < width)
        own, r, c = np.nonzero(inside)[0], r[inside], c[inside]
        diagonal[own] += weight
        unknown = hole[r, c]
        right[own[~unknown]] += weight * image[:, r[~unknown], c[~unknown]].T
        rows.append(own[unknown])
        columns.append(number[r[unknown], c[unknown]])
        weights.append(np.full(int(unknown.sum()), -weight))
    everyone = np.arange(len(row))
    entries = np.concatenate([diagonal, *weights])
    places = np.concatenate([everyone, *rows]), np.concatenate([everyone, *columns])
    matrix = coo_array((entries, places), shape=(len(row), len(row))).tocsc()
    solution = spsolve(matrix, right).reshape(len(row), len(image))
    result = image.copy()
    result[:, hole] = solution.T
    return result
