"""The game of an analysis: f̃(t) = f(b + Σ_g t_g Δ_g) over n players, from t = 0 to t = 1."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from taylorattr.aliases import AnyTarget, Baselines, Tensors
from taylorattr.analysis.guards import Outputs, check_point, first_rows
from taylorattr.analysis.inputs import baseline_tuple, input_tuple, require_floating
from taylorattr.analysis.players import Players, PlayersLike, player_maps, resolve_players
from taylorattr.analysis.rng import preserved_rng
from taylorattr.analysis.scalar import ScalarModel, Trial
from taylorattr.errors import DtypeError, OptionError, TaylorAttrError, ZeroDifferenceWarning, warn


@dataclass(eq=False)
class Game:
    """A model, a batch of inputs with baselines, and players; built by `bind`.

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
    """

    scalar: ScalarModel
    inputs: tuple[Tensor, ...]
    baselines: tuple[Tensor, ...]
    players: Players
    maps: tuple[Tensor, ...]
    outputs: Outputs
    diagnostics: dict[str, Any] = field(default_factory=dict)
    internal_batch_size: int | None = None

    @property
    def batch(self) -> int:
        """Number of examples B."""
        return self.inputs[0].shape[0]

    @property
    def n(self) -> int:
        """Number of players n."""
        return len(self.players)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the players."""
        return self.players.names

    @property
    def dtype(self) -> torch.dtype:
        """Dtype of the analysis."""
        return self.scalar.dtype

    @property
    def device(self) -> torch.device:
        """Device of the analysis."""
        return self.scalar.device

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


def bind(
    model: Callable[..., Any],
    inputs: Tensors,
    baselines: Baselines = None,
    *,
    target: AnyTarget = None,
    additional_forward_args: Any = None,
    players: PlayersLike = None,
    dtype: torch.dtype | None = torch.float64,
    integers_allowed: bool = False,
    internal_batch_size: int | None = None,
    input_later: bool = False,
    baseline_later: bool = False,
) -> Game:
    """Check everything a user passes once, and build the game.

    Args:
        model: Module or callable on torch tensors; never changed.
        inputs: Tensor (B, …) or tuple of them.
        baselines: None (zeros), number, tensor (1, …) or (B, …), or a tuple of these.
        target: Captum's TargetType or a callable output -> (B,).
        additional_forward_args: What the model takes after the inputs; a non-tuple is wrapped; tensors of
            leading size B hold one entry per example.
        players: Integer mask(s), index lists or `Players`; None: every element.
        dtype: Dtype of the analysis; None keeps the model's own.
        integers_allowed: Whether integer inputs (token ids) and integer outputs are accepted.
        internal_batch_size: Rows per model call; None: chosen from memory.
        input_later: Whether f(x) is left to the caller, who runs the model on all of x in any case and gives
            its values to ``game.outputs.settle``; whoever reads ``game.f_input`` before has it evaluated.
        baseline_later: Whether f(b) is left to the caller as well, who gives it to
            ``game.outputs.settle_baseline``.

    Returns:
        The game, with f(x) and f(b) of every example.

    Raises:
        ShapeError: Shapes or batch sizes that do not fit, an empty batch, an output without batch dimension,
            or a model whose rows depend on each other.
        DtypeError: Integer inputs where derivatives are needed, or without an integer baseline.
        NonFiniteError: NaN or infinity in inputs, baselines, parameters or output.
        TargetError: A target missing, out of range or of the wrong form.
        PlayerError: Players that overlap, leave elements out or have names that do not fit.
        NondeterministicModelError: Different outputs for the same input.
        InputMutationError: The model writes to its input.
        OptionError: internal_batch_size below 1, or a dtype that is not floating-point.
        TaylorAttrError: What all of these are.
    """
    if internal_batch_size is not None and (
        not isinstance(internal_batch_size, int) or internal_batch_size < 1
    ):
        raise OptionError(f"internal_batch_size={internal_batch_size!r}; expected a positive integer or None")
    if dtype is not None and not dtype.is_floating_point:
        raise OptionError(f"dtype={dtype}; expected a floating-point dtype such as torch.float64")
    with torch.inference_mode(False), preserved_rng():
        given = input_tuple(inputs)
        if not integers_allowed:
            require_floating(given)
        start = baseline_tuple(baselines, given)
        group = resolve_players(players, given)
        x, b = tuple(map(_own, given)), tuple(map(_own, start))
        maps = player_maps(group, given)
        _apply_rest(group, maps, x, b)

        def tried_on(trial: Trial) -> ScalarModel:
            return ScalarModel(
                model,
                x,
                target=target,
                additional_forward_args=additional_forward_args,
                dtype=dtype,
                integers_allowed=integers_allowed,
                trial=trial,
            )

        try:
            scalar = tried_on(first_rows(x, b, later=input_later, both=baseline_later))
        except TaylorAttrError:
            if not baseline_later:
                raise
            baseline_later = False  # a model that does not run on one row may run on two
            scalar = tried_on(first_rows(x, b, later=input_later))
        x, b = (tuple(_cast(part, scalar) for part in end) for end in (x, b))
        maps = tuple(m.to(scalar.device) for m in maps)
        outputs = Outputs(
            scalar, x, b, later=input_later, both=baseline_later, internal_batch_size=internal_batch_size
        )
        diagnostics = dict(scalar.diagnostics)
        _say_zero_difference(x, b, diagnostics)
    return Game(scalar, x, b, group, maps, outputs, diagnostics, internal_batch_size)


def bind_point(
    model: Callable[..., Any],
    inputs: Tensors,
    *,
    target: AnyTarget = None,
    additional_forward_args: Any = None,
    dtype: torch.dtype | None = torch.float64,
) -> tuple[ScalarModel, tuple[Tensor, ...]]:
    """Check what a derivative at the inputs alone needs: no baseline, no players.

    Args:
        model: As in `bind`.
        inputs: As in `bind`, floating-point.
        target: As in `bind`.
        additional_forward_args: As in `bind`.
        dtype: As in `bind`.

    Returns:
        The model as f, and the inputs (B, …) in the analysis dtype.

    The errors are those of `bind`.
    """
    with torch.inference_mode(False), preserved_rng():
        given = input_tuple(inputs)
        require_floating(given)
        scalar = ScalarModel(
            model,
            given,
            target=target,
            additional_forward_args=additional_forward_args,
            dtype=dtype,
            trial=first_rows(given, given, later=False),
        )
        x = tuple(_cast(_own(part), scalar) for part in given)
        check_point(scalar, x)
    return scalar, x


def blocks(total: int, size: int) -> Iterator[slice]:
    """Yield consecutive slices of at most `size` that cover range(total)."""
    for start in range(0, total, size):
        yield slice(start, min(start + size, total))


def _own(tensor: Tensor) -> Tensor:
    return tensor.detach().clone(memory_format=torch.contiguous_format)


def _cast(tensor: Tensor, scalar: ScalarModel) -> Tensor:
    dtype = scalar.dtype if tensor.is_floating_point() else tensor.dtype
    return tensor.to(device=scalar.device, dtype=dtype)


def _apply_rest(
    players: Players, maps: tuple[Tensor, ...], x: tuple[Tensor, ...], b: tuple[Tensor, ...]
) -> None:
    for owner, end, start in zip(maps, x, b, strict=True):
        unnamed = owner < 0
        if players.rest == "fixed":
            start[:, unnamed] = end[:, unnamed]
        elif players.rest == "baseline":
            end[:, unnamed] = start[:, unnamed]


def _say_zero_difference(x: tuple[Tensor, ...], b: tuple[Tensor, ...], diagnostics: dict[str, Any]) -> None:
    same = torch.ones(x[0].shape[0], dtype=torch.bool, device=x[0].device)
    for end, start in zip(x, b, strict=True):
        if math.prod(end.shape[1:]):
            same &= (end == start).flatten(1).all(1) if end.ndim > 1 else end == start
    equal = same.nonzero().reshape(-1).tolist()
    if equal:
        diagnostics["zero_difference"] = equal
        listed = ", ".join(map(str, equal[:5])) + (", …" if len(equal) > 5 else "")
        warn(
            f"input equals baseline in example{'s' if len(equal) > 1 else ''} {listed}: every effect "
            "there is zero; choose another baseline",
            ZeroDifferenceWarning,
        )
