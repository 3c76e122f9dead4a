"""The game of an analysis: f̃(t) = f(b + Σ_g t_g Δ_g) over n players, from t = 0 to t = 1."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch
from torch import Tensor

from taylorattr.analysis.guards import Outputs
from taylorattr.analysis.inputs import require_floating
from taylorattr.analysis.players import Players
from taylorattr.analysis.scalar import ScalarModel
from taylorattr.errors import DtypeError, ZeroDifferenceWarning, warn


@dataclass(eq=False)
class Game:
    """A model, a batch of inputs with baselines, and players; built by `Question.game`.

    Attributes:
        scalar: The model as f: rows -> (R,).
        inputs: x, tensors (B, …) in the analysis dtype; unnamed elements already at the baseline
            (``rest="baseline"``).
        baselines: b, likewise (B, …); unnamed elements already at the input (``rest="fixed"``).
        players: Which elements move together.
        maps: Player of every element of each input tensor, one example's shape; −1 for unnamed.
        outputs: f(x) and f(b), checked.
        diagnostics: What was found on the way, by name.
        internal_batch_size: Rows per model call the user asked for; None: chosen from memory.
        batch: Number of examples B.
        n: Number of players.
        names: Their names.
        dtype: Dtype of the analysis.
        device: Where it runs.
    """

    scalar: ScalarModel
    inputs: tuple[Tensor, ...]
    baselines: tuple[Tensor, ...]
    players: Players
    maps: tuple[Tensor, ...]
    outputs: Outputs
    diagnostics: dict[str, Any] = field(default_factory=dict)
    internal_batch_size: int | None = None
    batch: int = field(init=False)
    n: int = field(init=False)
    names: tuple[str, ...] = field(init=False)
    dtype: torch.dtype = field(init=False)
    device: torch.device = field(init=False)

    def __post_init__(self) -> None:
        """Note what every engine asks for, from the parts that decide it."""
        self.batch = self.inputs[0].shape[0]
        self.names = self.players.names
        self.n = len(self.names)
        self.dtype, self.device = self.scalar.dtype, self.scalar.device

    @property
    def f_input(self) -> Tensor:
        """f(x), shape (B,)."""
        return self.outputs.f_input

    @property
    def f_baseline(self) -> Tensor:
        """f(b), shape (B,)."""
        return self.outputs.f_baseline

    @property
    def delta(self) -> Tensor:
        """f(x) − f(b), shape (B,)."""
        return self.f_input - self.f_baseline

    def part(self, examples: Tensor) -> Game:
        """Return the game of some examples, once it is answered: their targets are not known to it."""
        return replace(
            self,
            inputs=tuple(x[examples] for x in self.inputs),
            baselines=tuple(b[examples] for b in self.baselines),
            outputs=self.outputs.part(examples),
            diagnostics=dict(self.diagnostics),
        )

    def input(self, example: int) -> tuple[Tensor, ...]:
        """Return x of one example, tensors (1, …)."""
        return tuple(x[example : example + 1] for x in self.inputs)

    def baseline(self, example: int) -> tuple[Tensor, ...]:
        """Return b of one example, tensors (1, …)."""
        return tuple(b[example : example + 1] for b in self.baselines)

    def directions(self, example: int) -> tuple[Tensor, ...]:
        """Return Δ masked to each player, one tensor (n, …) per input tensor.

        Raises:
            DtypeError: If the inputs are integers, between which there is no direction.
        """
        require_floating(self.inputs)
        result = []
        for x, b, owner in zip(self.inputs, self.baselines, self.maps, strict=True):
            delta = (x[example] - b[example]).reshape(-1)
            flat, place = owner.reshape(-1), torch.arange(owner.numel(), device=owner.device)
            named = flat >= 0
            block = delta.new_zeros(self.n, flat.numel())
            block[flat[named], place[named]] = delta[named]
            result.append(block.reshape(self.n, *owner.shape))
        return tuple(result)

    def points(self, t: Tensor, example: int) -> tuple[Tensor, ...]:
        """Return b + Σ_g t_g Δ_g for each row of t; exactly b at t_g = 0 and exactly x at t_g = 1.

        Args:
            t: Shape (R, n); differentiable.
            example: Which example's x and b.

        Returns:
            One tensor (R, …) per input tensor.

        Raises:
            DtypeError: If the inputs are integers and t is not made of zeros and ones.
        """
        result = []
        for x, b, owner in zip(self.inputs, self.baselines, self.maps, strict=True):
            weight = t[:, owner.clamp_min(0).reshape(-1)].reshape(t.shape[0], *owner.shape)
            if x.is_floating_point():
                result.append(torch.lerp(b[example], x[example], weight.to(x.dtype)))
                continue
            if not bool(((t == 0) | (t == 1)).all()):
                raise DtypeError(
                    f"inputs of {x.dtype} take only t = 0 (baseline) and t = 1 (input): there is nothing "
                    "between"
                )
            result.append(torch.where(weight != 0, x[example], b[example]))
        return tuple(result)

    def values(self, t: Tensor, example: int) -> Tensor:
        """Return f̃ at each row of t.

        Args:
            t: Shape (R, n); differentiable.
            example: Which example's x, b, target and extra arguments.

        Returns:
            Shape (R,).
        """
        t = t.to(device=self.device)
        examples = torch.full((t.shape[0],), example, dtype=torch.int64)
        return self.scalar.values(self.points(t, example), examples)


def blocks(total: int, size: int) -> Iterator[slice]:
    """Yield consecutive slices of at most `size` that cover range(total)."""
    for start in range(0, total, size):
        yield slice(start, min(start + size, total))


def move_unnamed(
    rest: Literal["fixed", "baseline"],
    maps: tuple[Tensor, ...],
    x: tuple[Tensor, ...],
    b: tuple[Tensor, ...],
) -> None:
    """Put the elements of no player where `rest` says, in place: at their input or at their baseline."""
    for owner, end, start in zip(maps, x, b, strict=True):
        unnamed = owner < 0
        if rest == "fixed":
            start[:, unnamed] = end[:, unnamed]
        else:
            end[:, unnamed] = start[:, unnamed]


def say_zero_difference(
    x: tuple[Tensor, ...], starts: Sequence[tuple[Tensor, ...]], diagnostics: dict[str, Any]
) -> None:
    """Warn of examples whose input is their baseline, and write their numbers into the diagnostics.

    Args:
        x: Inputs (B, …).
        starts: Baselines (B, …) or (1, …); of several, an input has to equal all.
        diagnostics: Written to.
    """
    same = torch.ones(x[0].shape[0], dtype=torch.bool, device=x[0].device)
    for b in starts:
        for end, start in zip(x, b, strict=True):
            if math.prod(end.shape[1:]):
                same &= (end == start).flatten(1).all(1) if end.ndim > 1 else end == start
        if not bool(same.any()):
            return
    equal = same.nonzero().reshape(-1).tolist()
    if equal:
        diagnostics["zero_difference"] = equal
        listed = ", ".join(map(str, equal[:5])) + (", …" if len(equal) > 5 else "")
        words = ("baseline", "another baseline") if len(starts) == 1 else ("every reference", "others")
        warn(
            f"input equals {words[0]} in example{'s' if len(equal) > 1 else ''} {listed}: every effect "
            f"there is zero; choose {words[1]}",
            ZeroDifferenceWarning,
        )


def sum_over_players(game: Game, elements: tuple[Tensor, ...]) -> Tensor:
    """Return the sum over each player's elements.

    Args:
        game: The game.
        elements: One tensor (R, …) per input tensor.

    Returns:
        Shape (R, n), in the dtype and on the device of the elements; unnamed elements are left out.
    """
    rows = elements[0].shape[0]
    if len(elements) == 1 and elements[0][0].numel() == game.n:
        owner = game.maps[0].reshape(-1)
        if bool((owner == torch.arange(game.n, device=owner.device)).all()):
            return elements[0].reshape(rows, -1)
    total = elements[0].new_zeros(rows, game.n + 1)  # the last column: unnamed elements
    for part, owner in zip(elements, game.maps, strict=True):
        place = torch.where(owner < 0, game.n, owner).reshape(-1)
        total.index_add_(1, place.to(part.device), part.reshape(rows, -1))
    return total[:, : game.n]
