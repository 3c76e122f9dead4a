"""The number of a model's output that a protocol follows while players are replaced one after the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor

from taylorattr.aliases import AnyTarget, Baselines, Tensors
from taylorattr.analysis.game import Game, blocks
from taylorattr.analysis.inputs import require_finite
from taylorattr.analysis.players import PlayersLike
from taylorattr.analysis.question import Question
from taylorattr.analysis.targets import TargetSelector, tensor_output
from taylorattr.errors import OptionError, TargetError

Output: TypeAlias = Literal["probability", "logit"]
"""Softmax over the classes, or the output as it is."""

CALL_BYTES = 64 * 2**20
"""Bytes up to which the widest tensor of one model call may grow."""

PROBABILITY_ROUNDING = 1e-4
"""How far rows of probabilities may be from adding up to 1."""


class Readout(TargetSelector):
    """A target of the softmax of the output, where that is asked for."""

    def __init__(self, target: AnyTarget, batch: int, softmax: bool) -> None:
        super().__init__(target, batch)
        self.softmax = softmax

    def select(self, output: Any, examples: Tensor, rows_of: Tensor | None = None) -> Tensor:
        """Return the followed number of each row, shape (R,)."""
        if self.softmax:
            logits = tensor_output(output)
            output = (logits if logits.is_floating_point() else logits.double()).softmax(1)
        return super().select(output, examples, rows_of)


class _Whole(TargetSelector):
    """The whole output, to read classes from."""

    def select(self, output: Any, examples: Tensor, rows_of: Tensor | None = None) -> Tensor:
        """Return the tensor the model gave for these rows."""
        whole = tensor_output(output)
        return whole if rows_of is None else whole[rows_of.to(whole.device)]


@dataclass(frozen=True)
class Followed:
    """A bound model that gives the number a protocol follows.

    Attributes:
        game: Model, inputs, fill and players; its ``scalar`` gives the number.
        target: Class of each example, (B,) int64, where there is one; else the target as given.
        diagnostics: What a reader must know of model and target.
    """

    game: Game
    target: Any
    diagnostics: dict[str, Any]

    @property
    def rows(self) -> int:
        """Rows per model call: the user's, else as many as memory suggests."""
        if self.game.internal_batch_size is not None:
            return self.game.internal_batch_size
        bytes_of_example = sum(x[0].numel() * x.element_size() for x in self.game.inputs)
        return int(min(max(CALL_BYTES // max(self.game.scalar.widest, bytes_of_example, 1), 1), 1024))

    def at(self, rows: tuple[Tensor, ...]) -> Tensor:
        """Return the number at points shaped like the inputs, one per example, (B,), float64 on the CPU.

        ``game.f_input`` is no substitute: it was taken before the class to follow was known.

        Raises:
            NonFiniteError: If a number is NaN or infinite.
        """
        values = []
        with torch.no_grad():
            for part in blocks(self.game.batch, self.rows):
                examples = torch.arange(part.start, part.stop)
                values.append(self.game.scalar.values(tuple(r[part] for r in rows), examples).double().cpu())
        outputs = torch.cat(values)
        require_finite(outputs, "the output")
        return outputs


def follow(
    model: Callable[..., Any],
    inputs: Tensors,
    fill: Baselines,
    *,
    target: AnyTarget,
    output: Output,
    players: PlayersLike,
    additional_forward_args: Any,
    dtype: torch.dtype | None,
    internal_batch_size: int | None,
) -> Followed:
    """Bind a model to the number a protocol follows.

    Args:
        model: Module or callable; never changed.
        inputs: Tensor (B, …) or tuple of them.
        fill: What removed elements are replaced with.
        target: None: the class the model predicts at the input; else captum's forms or a callable
            output -> (B,), whose number is taken as it is.
        output: ``probability`` or ``logit``.
        players: Which elements are replaced together.
        additional_forward_args: What the model takes after the inputs.
        dtype: Of the analysis; None: the model's own.
        internal_batch_size: Rows per model call.

    Returns:
        The bound model with the classes followed.

    Raises:
        OptionError: If output is neither of the two.
        TargetError: If there is no class to predict or no probability to take, or the target does not fit.
        TaylorAttrError: What `taylorattr.analysis.question.Question.game` finds.
    """
    if output not in ("probability", "logit"):
        raise OptionError(
            f"output={output!r}; it is 'probability' (softmax over dimension 1) or 'logit' (the output "
            "itself); for anything else pass target=, a callable output -> (B,)"
        )
    free = callable(target)
    game = Question(
        model,
        inputs,
        fill,
        target=_first_number if target is None else target,
        additional_forward_args=additional_forward_args,
        players=players,
        dtype=dtype,
        integers_allowed=True,
        internal_batch_size=internal_batch_size,
    ).game
    followed = Followed(game, target, dict(game.diagnostics))
    if free:
        return followed
    raw = outputs_at(followed)
    numbers = raw[0].numel()
    if numbers == 1:
        if output == "probability":
            raise TargetError(
                "the model gives one number per example, whose softmax is always 1; pass output='logit' to "
                "follow it as it is, or target=lambda z: z.sigmoid().reshape(-1) for a binary classifier"
            )
    elif target is None:
        if raw.ndim != 2:
            raise TargetError(
                f"the model's output has shape {tuple(raw.shape)}: no single class is predicted; pass target="
            )
        target = raw.argmax(1).cpu()
    # a second softmax would flatten probabilities that the model gives already
    softmax = output == "probability" and not _already_probabilities(raw)
    if output == "probability" and not softmax:
        followed.diagnostics["already_probabilities"] = True
    if numbers == 1 and target is None:
        return followed  # the first number is the only one
    game.scalar.selector = Readout(target, game.batch, softmax)
    each = game.scalar.selector.each
    if each is not None and each.shape[1] == 1:
        target = each[:, 0]
    elif isinstance(target, int):
        target = torch.full((game.batch,), target)
    return Followed(game, target, followed.diagnostics)


def outputs_at(followed: Followed, rows: tuple[Tensor, ...] | None = None) -> Tensor:
    """Return the whole output, (B, …), at points shaped like the inputs; None: at the inputs themselves.

    The scalar runs the model, so that calls are counted.
    """
    scalar, outputs = followed.game.scalar, []
    rows = followed.game.inputs if rows is None else rows
    # the selector is exchanged and put back: wrapping the model again would copy it and repeat the checks
    followed_number, scalar.selector = scalar.selector, _Whole(None, scalar.batch)
    try:
        with torch.no_grad():
            for part in blocks(scalar.batch, followed.rows):
                points = tuple(x[part] for x in rows)
                outputs.append(scalar.values(points, torch.arange(part.start, part.stop)))
    finally:
        scalar.selector = followed_number
    return torch.cat(outputs)


def _first_number(output: Any) -> Tensor:
    """Return a number per row of any output: what is followed until the output's shape is known."""
    tensor = tensor_output(output)
    return tensor.reshape(1, -1)[:, 0] if tensor.ndim == 0 else tensor.reshape(len(tensor), -1)[:, 0]


def _already_probabilities(raw: Tensor) -> bool:
    """Return whether every row lies on the simplex, as a model that ends in a softmax gives them."""
    return bool((raw >= 0).all()) and bool(((raw.sum(1) - 1).abs() <= PROBABILITY_ROUNDING).all())


def as_probabilities(raw: Tensor) -> Tensor:
    """Return rows of outputs as probabilities: their softmax, unless they are probabilities already."""
    return raw if _already_probabilities(raw) else raw.softmax(1)


def nested_outputs(
    followed: Followed,
    order: Tensor,
    counts: Tensor,
    fill: tuple[Tensor, ...] | None = None,
    *,
    bring_back: bool = False,
) -> Tensor:
    """Return the followed output with the first k players of an order replaced, for each k.

    Args:
        followed: The model with inputs and players.
        order: Players of each example, shape (B, n).
        counts: The k, shape (K,); each is evaluated once.
        fill: What stands in, tensors (B, …); None: the game's baselines.
        bring_back: Whether the first k are kept and all others replaced.

    Returns:
        Shape (B, K), float64 on the CPU.

    Raises:
        NonFiniteError: If an output is NaN or infinite; names example and step.
    """
    game = followed.game
    # steps that are rounded to the same number of players cost one call, not several
    unique, back = counts.unique(return_inverse=True)
    fill = tuple(b.to(x) for b, x in zip(fill or game.baselines, game.inputs, strict=True))
    rank = order.argsort(-1).to(game.device)
    steps = unique.to(game.device)
    outputs = torch.empty(game.batch * len(unique), dtype=torch.float64)
    with torch.no_grad():
        for part in blocks(len(outputs), followed.rows):
            index = torch.arange(part.start, part.stop, device=game.device)
            example, step = index // len(unique), steps[index % len(unique)]
            first = rank[example] < step[:, None]
            points = _points(game, example, first ^ bring_back, fill)
            outputs[part] = game.scalar.values(points, example.cpu()).double().cpu()
    values = outputs.reshape(game.batch, len(unique))
    replaced = "all but the first k of the players" if bring_back else "the first k players"
    require_finite(
        values, f"the output with {replaced} replaced (index: position among k = {unique.tolist()[:8]} …)"
    )
    return values[:, back]


def _points(game: Game, example: Tensor, replaced: Tensor, fill: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Return the inputs of each row with its replaced players (R, n) taken from the fill."""
    points = []
    for x, b, owner in zip(game.inputs, fill, game.maps, strict=True):
        chosen = replaced[:, owner.clamp_min(0).reshape(-1)].reshape(len(example), *owner.shape) & (
            owner >= 0
        )
        points.append(torch.where(chosen, b[example], x[example]))
    return tuple(points)
