"""Does a map change with the class it explains? Distances between the maps of two classes of one input."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor

from taylorattr.aliases import Tensors
from taylorattr.effects.examples import in_rows
from taylorattr.errors import OptionError, ShapeError, TargetError
from taylorattr.evaluation.followed_output import outputs_at
from taylorattr.evaluation.method_maps import Method, followed_logit, method_map, random_map
from taylorattr.evaluation.protocol_result import Measured


@dataclass(frozen=True, eq=False, repr=False)
class ClassSensitivity(Measured):
    """Distances between maps of two random classes.

    Measures: ``distance`` between maps of unit norm, 0 (the same) … √2 (orthogonal) … 2 (opposite), 0 where a
        map
    is all zeros; ``raw`` between the maps as they are; ``random``, between independent random maps of unit
    norm. A map that does not look at the class has distance 0, a random one too.

    Attributes:
        distance: Shape (B,), float64.
        raw: Likewise, in units of the map.
        random: Likewise.
        classes: The two classes of each example, shape (B, 2), int64.
        method: Name of the map.
        diagnostics: ``zero`` counts the maps that are all zeros, of 2B; ``zero_maps`` of each example.
    """

    example_axes: ClassVar = in_rows("distance raw random classes")

    distance: Tensor
    raw: Tensor
    random: Tensor
    classes: Tensor
    method: str
    diagnostics: dict[str, Any] = field(default_factory=dict)

    @property
    def measures(self) -> tuple[str, ...]:
        """Names of the numbers per example."""
        return ("distance", "raw", "random")

    def _measure(self, name: str) -> Tensor:
        return getattr(self, name)

    def _question(self) -> tuple[tuple[str, Any], ...]:
        return (("classes", self.classes),)

    def __repr__(self) -> str:
        """Show the distances with their standard errors over examples."""
        zero = sum(self.diagnostics.get("zero_maps", ()))
        note = f", {zero} maps of zeros" if zero else ""
        return "\n".join(
            [f"ClassSensitivity of {self.method}: {len(self.raw)} example(s){note}", *self._rows()]
        )


def class_sensitivity(
    model: Callable[..., Any],
    inputs: Tensors,
    method: Method,
    *,
    classes: Tensor | None = None,
    seed: int = 0,
    name: str | None = None,
) -> ClassSensitivity:
    """Draw two different classes for each input, and measure how far apart their maps are.

    ‖a(x, c₁)/‖a(x, c₁)‖ − a(x, c₂)/‖a(x, c₂)‖‖₂ per example. The division by the norms is a choice of this
    package: without it the scale of a method decides. Classes depend on the seed alone, so that all methods
        meet
    the same ones.

    Args:
        model: Module or callable with outputs (B, K); never changed.
        inputs: Tensor (B, …) or tuple of them: images, tables, anything.
        method: (x, target) -> map, called twice with all inputs.
        classes: Pairs of classes, shape (B, 2), to use instead of random ones.
        seed: Of the classes and the random maps.
        name: Of the map, as the result shows it.

    Returns:
        The distances per example.

    Raises:
        OptionError: If method cannot be called, or the classes are not two different ones.
        TargetError: If the model has fewer than two classes.
        ShapeError: If maps or classes do not fit.
        NonFiniteError: If a map has NaN or infinity.
        TaylorAttrError: What :func:`taylorattr.analysis.question.Question.game` finds.

    Source: the class-label sensitivity of the paper on MIP-IN, arXiv 2104.06629, without the norms.
    """
    if not callable(method):
        raise OptionError(
            f"method is a {type(method).__name__}; two maps of each input are needed, so pass (x, target) -> "
            "map"
        )
    followed = followed_logit(model, inputs, lambda outputs: outputs.reshape(len(outputs), -1)[:, 0])
    game = followed.game
    if classes is None:
        outputs = outputs_at(followed)
        count = outputs.shape[1] if outputs.ndim == 2 else 1
        if count < 2:
            raise TargetError(
                f"the model gives outputs {tuple(outputs.shape)}; two classes need (B, K) with K ≥ 2, or "
                "pass classes="
            )
        generator = torch.Generator().manual_seed(seed)
        first = torch.randint(count, (game.batch,), generator=generator)
        other = (first + 1 + torch.randint(count - 1, (game.batch,), generator=generator)) % count
        pairs = torch.stack([first, other], 1)
    else:
        pairs = torch.as_tensor(classes)
        if pairs.shape != (game.batch, 2) or pairs.is_floating_point():
            raise ShapeError(f"classes have shape {tuple(pairs.shape)}; expected integers ({game.batch}, 2)")
        pairs = pairs.detach().cpu().long()
        if bool((pairs[:, 0] == pairs[:, 1]).any()):
            raise OptionError("classes: an example has the same class twice; expected two different ones")
    (one, map_name), (two, _) = (method_map(method, inputs, pairs[:, k].clone()) for k in range(2))
    if one.shape != two.shape:
        raise ShapeError(f"maps of the two classes have shapes {tuple(one.shape)} and {tuple(two.shape)}")
    one, two = one.flatten(1), two.flatten(1)
    zero = torch.stack([(m == 0).all(1) for m in (one, two)])
    random = _unit(random_map(one, seed + 1)) - _unit(random_map(two, seed + 2))
    return ClassSensitivity(
        distance=torch.where(zero.any(0), 0.0, (_unit(one) - _unit(two)).norm(dim=1)),
        raw=(one - two).norm(dim=1),
        random=random.norm(dim=1),
        classes=pairs,
        method=map_name if name is None else name,
        diagnostics=game.diagnostics
        | {"zero": int(zero.sum()), "zero_maps": zero.sum(0).tolist(), "seed": seed},
    )


def _unit(maps: Tensor) -> Tensor:
    """Return maps (B, n) of unit norm; zeros stay."""
    norm = maps.norm(dim=1, keepdim=True)
    return maps / torch.where(norm > 0, norm, 1.0)
