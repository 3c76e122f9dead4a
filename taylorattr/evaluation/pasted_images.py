"""Images whose object's place is known: small ones pasted on an empty field, beside fragments of others."""

from __future__ import annotations

import torch
from torch import Tensor

from taylorattr.errors import OptionError, ShapeError, require_whole_number


def pasted_images(
    images: Tensor,
    *,
    side: int = 20,
    distractors: int = 4,
    fragment: int = 3,
    placements: int = 1,
    seed: int = 0,
) -> tuple[Tensor, Tensor]:
    """Paste each image at a random place of a field of zeros, with fragments of other images around it.

    Fragments lie outside the box and may lie on each other. A network that learns on them should see fresh
    placements in every epoch, another seed each, or it learns the fields by heart.

    Args:
        images: Shape (B, C, H, W), B ≥ 2 where there are distractors.
        side: Of the square field, in pixels, larger than H and W.
        distractors: Number of fragments on each field.
        fragment: Side of a fragment, in pixels.
        placements: Fields per image: rows b·placements … (b + 1)·placements − 1 have image b.
        seed: Of everything drawn; the global generators are left alone.

    Returns:
        Fields, shape (B·placements, C, side, side), and boxes (top, left, bottom, right), (B·placements, 4)
        int64.

    Raises:
        OptionError: If an option is out of range, or there is no place for a fragment.
        ShapeError: If images are not (B, C, H, W).

    A benchmark of this package, with a network that reads it in ``benchmarks/evaluation.py``.
    """
    for name, value in (("side", side), ("fragment", fragment), ("placements", placements)):
        require_whole_number(name, value)
    require_whole_number("distractors", distractors, least=0)
    if not isinstance(images, Tensor) or images.ndim != 4 or not images.numel():
        raise ShapeError(
            f"images are {getattr(images, 'shape', type(images))}; expected a tensor (B, C, H, W)"
        )
    count, channels, height, width = images.shape
    if side < max(height, width):
        raise OptionError(f"side={side}; a field for images of {height}×{width} pixels is at least as large")
    if distractors and (count < 2 or fragment > min(height, width)):
        raise OptionError(
            f"fragment={fragment}: fragments come from other images and are no larger than these; there are "
            f"{count} of {height}×{width} pixels"
        )
    generator = torch.Generator().manual_seed(seed)

    def whole(below: int) -> Tensor:
        return torch.randint(below, (rows,), generator=generator)

    source = torch.arange(count).repeat_interleave(placements)
    rows = len(source)
    fields = images.new_zeros(rows, side, side, channels)
    top, left = whole(side - height + 1), whole(side - width + 1)
    _copy(fields, top, left, images.movedim(1, -1)[source])
    # a fragment at (r, c) touches the box unless it ends before it or begins behind it
    place = torch.arange(side - fragment + 1)
    beside = (place[None] + fragment <= top[:, None]) | (place[None] >= top[:, None] + height)
    across = (place[None] + fragment <= left[:, None]) | (place[None] >= left[:, None] + width)
    free = (beside[:, :, None] | across[:, None, :]).flatten(1).double()
    if distractors and not bool((free.sum(1) > 0).all()):
        raise OptionError(
            f"side={side}: no place for fragments of {fragment}×{fragment} pixels beside an image"
        )
    for _ in range(distractors):
        chosen = torch.multinomial(free, 1, generator=generator)[:, 0]
        other = (source + 1 + whole(count - 1)) % count
        row, column = whole(height - fragment + 1), whole(width - fragment + 1)
        pieces = _window(images.movedim(1, -1)[other], row, column, fragment)
        _copy(fields, chosen // len(place), chosen % len(place), pieces)
    boxes = torch.stack([top, left, top + height, left + width], 1)
    return fields.movedim(-1, 1).contiguous(), boxes


def _grid(row: Tensor, column: Tensor, height: int, width: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return indices of windows that begin at (row, column) of each field; they broadcast to (R, h, w)."""
    rows = row[:, None, None] + torch.arange(height)[:, None]
    return torch.arange(len(row))[:, None, None], rows, column[:, None, None] + torch.arange(width)


def _copy(fields: Tensor, row: Tensor, column: Tensor, pieces: Tensor) -> None:
    """Write pieces (R, h, w, C) into fields (R, side, side, C), in place."""
    fields[_grid(row, column, *pieces.shape[1:3])] = pieces


def _window(images: Tensor, row: Tensor, column: Tensor, side: int) -> Tensor:
    """Return a square window of each image (R, H, W, C)."""
    return images[_grid(row, column, side, side)]
