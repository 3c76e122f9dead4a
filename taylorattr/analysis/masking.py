"""v(T) = f(x on T, b elsewhere) for many coalitions T."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from taylorattr.analysis.first_affine import FirstAffine, OtherPathError, find_first_affine
from taylorattr.analysis.game import Game, blocks
from taylorattr.analysis.shared_rows import columns_at
from taylorattr.errors import NonFiniteError, PlayerError
from taylorattr.program.isolate import preserved_rng

WORTH_FOLDING = 512
"""Coalitions from which folding the players into the first layer repays its preparation."""

_VERIFIED = 8
"""Coalitions at which a fold is compared with plain forwards before it is trusted."""

_MASK_PLAYERS = 62
"""Most players whose coalitions are bitmasks: 2^n itself has to fit an int64 too."""


def coalition_values(
    game: Game,
    masks: Tensor,
    example: int,
    *,
    internal_batch_size: int | None = None,
    progress: Callable[[int], object] | None = None,
) -> Tensor:
    """Return v(T) of each coalition, without gradients.

    Args:
        game: The game.
        masks: Shape (R,), int64: bit i set means player i at its input value (n ≤ 62); or shape (R, n), bool.
        example: Which example.
        internal_batch_size: Rows per model call; None: the game's, else chosen so that the widest
            intermediate tensor of a call stays in cache.
        progress: Called with the number of coalitions of each finished block.

    Returns:
        Shape (R,), in the analysis dtype, on the device of the analysis.

    Raises:
        PlayerError: If masks do not fit the players.
        NonFiniteError: If an output is NaN or infinite; names the coalition.
    """
    fold = len(masks) >= WORTH_FOLDING
    return CoalitionValues(game, example, internal_batch_size=internal_batch_size, fold=fold)(masks, progress)


class CoalitionValues:
    """v of one example, prepared once and evaluated many times.

    Args:
        game: The game.
        example: Which example.
        shared: Whether the examples that share a row of the inputs with this one, the first of them, are
            evaluated with it: v is then (R, K).
        internal_batch_size: See `coalition_values`.
        fold: Whether players may be folded into the first affine layer.

    Attributes:
        rows: Rows per model call.
        folded: The fold, or None.
    """

    def __init__(
        self,
        game: Game,
        example: int,
        *,
        internal_batch_size: int | None = None,
        fold: bool = True,
        shared: bool = False,
    ) -> None:
        self.game, self.example, self.shared = game, example, shared
        self._first = example - example % game.scalar.columns
        own = torch.arange(game.n, device=game.device)
        self._elementwise = len(game.maps) == 1 and torch.equal(game.maps[0].reshape(-1), own)
        with torch.no_grad(), preserved_rng():
            self.rows = (
                internal_batch_size or game.internal_batch_size or game.scalar.rows_per_call(game.inputs)
            )
            self.folded: FirstAffine | None = None
            if fold and game.n > 1:
                folded = find_first_affine(game, example)
                if folded is not None and self._agrees(folded):
                    self.folded = folded

    def __call__(self, masks: Tensor, progress: Callable[[int], object] | None = None) -> Tensor:
        """Return v of each coalition; see `coalition_values`."""
        _check_masks(masks, self.game.n)
        columns = self.game.scalar.columns
        result = torch.empty(len(masks), columns, dtype=self.game.dtype, device=self.game.device)
        masks = masks.to(self.game.device)
        examples = torch.full((min(self.rows, len(masks)),), self._first, dtype=torch.int64)
        buffers: tuple[Tensor, ...] = ()
        with torch.no_grad():
            for part in blocks(len(masks), self.rows):
                block, here = masks[part], examples[: part.stop - part.start]
                values = None if self.folded is None else self._folded_values(self.folded, block, here)
                if values is None:
                    if not buffers:  # made once: a call's rows are written over the last call's
                        buffers = tuple(x.new_empty(len(examples), *x.shape[1:]) for x in self.game.inputs)
                    values = columns_at(self.game.scalar, self._points(block, buffers), here)
                result[part] = values
                if not bool(torch.isfinite(values).all()):
                    column = int((~torch.isfinite(values)).any(0).nonzero()[0])
                    raise _not_finite(values[:, column], block, self.game, self._first + column)
                if progress is not None:
                    progress(values.numel() if self.shared else len(block))
        return result if self.shared else result[:, self.example - self._first]

    def _folded_values(self, folded: FirstAffine, block: Tensor, examples: Tensor) -> Tensor | None:
        """Return v by the fold; None, and no fold from here on, where the model leaves its path."""
        try:
            if folded.tables is not None and block.ndim == 1:
                return folded.values(None, block, examples)
            return folded.values(coalition_bits(block, self.game.n), None, examples)
        except OtherPathError:
            self.folded = None  # a branch on values: plain forwards from here on
            return None

    def _points(self, block: Tensor, buffers: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Return the inputs of coalitions, x on T and b elsewhere, written into the buffers."""
        bits = coalition_bits(block, self.game.n)
        points = []
        for x, b, owner, buffer in zip(
            self.game.inputs, self.game.baselines, self.game.maps, buffers, strict=True
        ):
            chosen = bits
            if not self._elementwise:
                chosen = bits.index_select(1, owner.clamp_min(0).reshape(-1))
            chosen = chosen.reshape(len(block), *owner.shape)
            points.append(torch.where(chosen, x[self.example], b[self.example], out=buffer[: len(block)]))
        return tuple(points)

    def _agrees(self, folded: FirstAffine) -> bool:
        """Compare the fold with plain forwards on nothing, everyone and a few coalitions between."""
        generator = torch.Generator().manual_seed(0)
        bits = torch.rand(_VERIFIED, self.game.n, generator=generator) < 0.5
        bits[0], bits[1] = False, True
        bits = bits.to(self.game.device)
        examples = torch.full((_VERIFIED,), self._first, dtype=torch.int64)
        buffers = tuple(x.new_empty(_VERIFIED, *x.shape[1:]) for x in self.game.inputs)
        plain = columns_at(self.game.scalar, self._points(bits, buffers), examples)
        scale = max(float(plain.abs().max()), 1e-3)
        tolerance = 1e4 * torch.finfo(self.game.dtype).eps * scale
        try:
            if folded.tables is None:
                trial = folded.values(bits, None, examples)
            else:
                weights = 2 ** torch.arange(self.game.n, device=bits.device)
                trial = folded.values(None, (bits * weights).sum(1), examples)
        except OtherPathError:
            return False
        return float((trial - plain).abs().max()) <= tolerance


def coalition_bits(masks: Tensor, n: int) -> Tensor:
    """Return the (R, n) bool table of bitmasks (R,); a bool table is returned as it is."""
    if masks.ndim == 2:
        return masks
    places = torch.arange(n, device=masks.device)
    return (masks[:, None] >> places[None, :]) & 1 != 0


def _check_masks(masks: Tensor, n: int) -> None:
    if masks.ndim == 2 and masks.dtype is torch.bool and masks.shape[1] == n:
        return
    if masks.ndim != 1 or masks.dtype is not torch.int64:
        raise PlayerError(
            f"masks are {masks.dtype} of shape {tuple(masks.shape)}; expected int64 (R,) or bool (R, {n})"
        )
    if n > _MASK_PLAYERS:
        raise PlayerError(f"{n} players do not fit an int64 mask; pass masks as a bool table (R, {n})")
    if len(masks) and (int(masks.min()) < 0 or int(masks.max()) >= 2**n):
        raise PlayerError(f"masks hold {int(masks.max())}; expected 0 … 2**{n} − 1 for {n} players")


def _not_finite(values: Tensor, block: Tensor, game: Game, example: int) -> NonFiniteError:
    """Return the error that names the first coalition whose output is not finite.

    Where that is an end, whoever evaluates f(b) and f(x) says more.
    """
    _ = game.f_baseline, game.f_input
    row = int((~torch.isfinite(values)).nonzero()[0, 0])
    present = coalition_bits(block[row : row + 1], game.n)[0].nonzero().reshape(-1).tolist()
    names = ", ".join(game.names[i] for i in present[:6]) + (", …" if len(present) > 6 else "")
    return NonFiniteError(
        f"the model's output is {float(values[row])} for example {example} with the players {{{names}}} "
        "at their input values and the rest at the baseline; check the model there, or choose another "
        "baseline"
    )
