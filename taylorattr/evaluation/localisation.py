"""Does a map point at the object? How much of it, and which of its pixels, lie inside bounding boxes.

Schulz et al. (2020), arXiv 2001.00396, for the first; Zhang et al. (2016), arXiv 1608.00507, for the last.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeAlias

import numpy as np
import torch
from torch import Tensor

from taylorattr.aliases import AnyTarget, Tensors
from taylorattr.effects.examples import in_rows
from taylorattr.errors import OptionError, ShapeError, require_repetitions
from taylorattr.evaluation.method_maps import followed_logit, image_maps, method_map, random_map
from taylorattr.evaluation.protocol_result import Measured
from taylorattr.evaluation.ranking import Rank, importance, ranking, tied_share
from taylorattr.evaluation.region_scores import Maps

Boxes: TypeAlias = Tensor | np.ndarray | Sequence[Any]
"""A box (top, left, bottom, right) per image, a list of boxes per image, or a mask (B, H, W) of bools."""


@dataclass(frozen=True, eq=False, repr=False)
class Localisation(Measured):
    """How much of a map lies inside the boxes; NaN where the boxes cover too much of the image.

    Measures: ``top``, share of the n highest pixels inside, n the number of pixels in the boxes; ``mass``,
    Σ_in |m| / Σ |m|, NaN for a map of zeros; ``pointing``, 1 where the highest pixel is inside; ``chance``,
    n / pixels, which all three have on average for a random map; ``random``, the top share of random maps.

    Attributes:
        top: Shape (B,), float64, as the others.
        mass: See above.
        pointing: See above.
        chance: See above.
        random: See above.
        method: Name of the map.
        rank: ``signed`` or ``abs``.
        target: Class that maps explain, (B,) int64; None where there is none.
        diagnostics: ``skipped`` counts images whose boxes cover more than ``most_covered``; ``tied`` is the
            mean share of pixels whose number another has too, so that luck orders them.
    """

    example_axes: ClassVar = in_rows("top mass pointing chance random target")

    top: Tensor
    mass: Tensor
    pointing: Tensor
    chance: Tensor
    random: Tensor
    method: str
    rank: str
    target: Tensor | None = None
    diagnostics: dict[str, Any] = field(default_factory=dict)

    @property
    def measures(self) -> tuple[str, ...]:
        """Names of the numbers per example."""
        return ("top", "mass", "pointing", "chance", "random")

    def _measure(self, name: str) -> Tensor:
        return getattr(self, name)

    def _question(self) -> tuple[tuple[str, Any], ...]:
        # images that were skipped are NaN here, and NaN is not equal to itself
        covered = self.chance.nan_to_num(-1.0)
        return (
            ("boxes", covered),
            ("target", self.target),
            ("rank", self.rank),
            ("seed", self.diagnostics.get("seed")),
        )

    def __repr__(self) -> str:
        """Show the shares with their standard errors over images."""
        skipped = int(self.top.isnan().sum())
        head = (
            f"Localisation of {self.method}: {len(self.top)} image(s), {skipped} skipped, {self.rank} ranks"
        )
        return "\n".join([head, *self._rows()])


def localisation(
    model: Callable[..., Any],
    inputs: Tensors,
    maps: Maps,
    boxes: Boxes,
    *,
    target: AnyTarget = None,
    rank: Rank = "abs",
    most_covered: float = 0.33,
    random_repeats: int = 5,
    seed: int = 0,
    name: str | None = None,
) -> Localisation:
    """Say how much of a map lies inside the bounding boxes of the object.

    Args:
        model: Module or callable; never changed. It says which class a method is asked about.
        inputs: Images (B, C, H, W).
        maps: A method (x, target) -> map, called once with all images; an Attribution; or a map.
        boxes: (top, left, bottom, right) per image in pixels, rows top … bottom − 1 and columns left … right
            − 1; or a list of such boxes per image; or a mask (B, H, W) of bools.
        target: None: the class predicted at each image; usually the object's own.
        rank: ``abs``: pixels by the magnitude of the sum over channels; ``signed``: as they are.
        most_covered: Images whose boxes cover a larger share of their pixels are skipped: chance alone is
            high.
        random_repeats: Number of random maps.
        seed: Of ties and random maps.
        name: Of the map, as the result shows it.

    Returns:
        The shares per image, beside random maps.

    Raises:
        OptionError: If an option is out of range, or a box is outside its image or empty.
        ShapeError: If boxes or maps do not fit the images.
        NonFiniteError: If a map has NaN or infinity.
        TaylorAttrError: What :func:`taylorattr.analysis.question.Question.game` finds.

    Source: the evaluation of Schulz et al. (2020), "Restricting the flow", arXiv 2001.00396, for the top
        share and
    the limit of 33 %.
    """
    if not isinstance(most_covered, (int, float)) or not 0 < most_covered <= 1:
        raise OptionError(f"most_covered={most_covered!r}; expected a share of the image in (0, 1]")
    require_repetitions("random_repeats", random_repeats)
    if not isinstance(inputs, Tensor) or inputs.ndim < 3:
        raise ShapeError("localisation needs images, one tensor (B, C, H, W)")
    inside = box_masks(boxes, len(inputs), inputs.shape[-2:])
    followed = followed_logit(model, inputs, target)
    scores, map_name = method_map(maps, inputs, followed.target)
    flat, marked = image_maps(scores, "localisation").flatten(1), inside.flatten(1)
    order = ranking(flat, rank, seed=seed)
    size, total = (flat.abs() * marked).sum(1), flat.abs().sum(1)
    controls = [
        _top(ranking(random_map(flat, seed + 1 + r), seed=seed), marked) for r in range(random_repeats)
    ]
    numbers = {
        "top": _top(order, marked),
        "mass": size / torch.where(total > 0, total, torch.nan),
        "pointing": marked.gather(1, order[:, :1])[:, 0].double(),
        "chance": marked.double().mean(1),
        "random": torch.stack(controls).mean(0),
    }
    skipped = numbers["chance"] > most_covered
    return Localisation(
        **{key: torch.where(skipped, torch.nan, values) for key, values in numbers.items()},
        method=map_name if name is None else name,
        rank=rank,
        target=followed.target if isinstance(followed.target, Tensor) else None,
        diagnostics=followed.diagnostics
        | {
            "skipped": int(skipped.sum()),
            "most_covered": most_covered,
            "tied": float(tied_share(importance(flat, rank)).mean()),
            "seed": seed,
        },
    )


def _top(order: Tensor, inside: Tensor) -> Tensor:
    """Return which share of the first n pixels of an order is inside, n the number of pixels inside."""
    count = inside.sum(1, keepdim=True)
    first = torch.arange(inside.shape[1]) < count
    return (inside.gather(1, order) & first).sum(1).double() / count[:, 0]


def box_masks(boxes: Boxes, batch: int, size: Sequence[int]) -> Tensor:
    """Return which pixels are inside a box, shape (B, H, W), bool.

    Raises:
        OptionError: If a box is outside its image, empty, or no box.
        ShapeError: If there is not an entry per image, or a mask has another shape.
    """
    height, width = size
    if isinstance(boxes, (Tensor, np.ndarray)):
        boxes = torch.as_tensor(boxes)
        if boxes.dtype is torch.bool:
            if boxes.shape != (batch, height, width):
                raise ShapeError(
                    f"boxes are a mask {tuple(boxes.shape)}; expected {(batch, height, width)}, one per image"
                )
            if not bool(boxes.flatten(1).any(1).all()):
                raise OptionError("boxes: a mask marks no pixel; leave out images without an object")
            return boxes.cpu()
        boxes = boxes.tolist()
    if not isinstance(boxes, Sequence) or len(boxes) != batch:
        count = len(boxes) if isinstance(boxes, Sequence) else f"a {type(boxes).__name__}"
        raise ShapeError(f"boxes: {count} for {batch} images; expected one entry per image")
    inside = torch.zeros(batch, height, width, dtype=torch.bool)
    for image, entry in enumerate(boxes):
        entry = entry.tolist() if isinstance(entry, (Tensor, np.ndarray)) else list(entry)
        several = entry if entry and isinstance(entry[0], (list, tuple, Tensor, np.ndarray)) else [entry]
        for box in several:
            top, left, bottom, right = _corners(box, image)
            if not (0 <= top < bottom <= height and 0 <= left < right <= width):
                raise OptionError(
                    f"boxes: ({top}, {left}, {bottom}, {right}) of image {image} is empty or outside its "
                    f"{height}×{width} pixels; expected 0 ≤ top < bottom ≤ {height}, 0 ≤ left < right ≤ "
                    f"{width}"
                )
            inside[image, top:bottom, left:right] = True
    return inside


def _corners(box: Any, image: int) -> list[int]:
    """Return the four whole numbers of a box."""
    corners = list(box) if isinstance(box, (list, tuple, Tensor, np.ndarray)) else [box]
    if len(corners) != 4 or any(float(c) != int(c) for c in corners):
        raise OptionError(
            f"boxes: {box!r:.60} of image {image}; expected (top, left, bottom, right), whole numbers of "
            "pixels"
        )
    return [int(c) for c in corners]
