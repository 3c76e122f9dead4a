"""The windows of a sliding max-pool as strided slices: one slice of the input per position in the window.

A slice holds one candidate of every window. Laid out with the position outermost, candidates are read and
written in long runs, and what windows that overlap give to one input adds up by adding slices.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor

from taylorattr.methods.relevance.site import Site


@dataclass(frozen=True)
class Windows:
    """Windows over the last n dimensions.

    Attributes:
        sizes: Of the input's last dimensions.
        out: Number of windows along each.
        kernel: Candidates along each.
        step: From window to window.
        padding: In front.
        dilation: From candidate to candidate.
    """

    sizes: tuple[int, ...]
    out: tuple[int, ...]
    kernel: tuple[int, ...]
    step: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]

    @property
    def overlap(self) -> bool:
        """Whether an input may belong to several windows."""
        sides = zip(self.kernel, self.step, self.dilation, strict=True)
        return any((k - 1) * d + 1 > s for k, s, d in sides)

    def _pads(self) -> list[int]:
        """Return what is missing in front and behind, last dimension first as torch wants it.

        Behind it is what the last window reaches over the input, which in ceil mode is more than the padding.
        """
        pads = []
        for i in reversed(range(len(self.out))):
            end = (self.out[i] - 1) * self.step[i] + (self.kernel[i] - 1) * self.dilation[i] + 1
            pads += [self.padding[i], max(0, end - self.sizes[i] - self.padding[i])]
        return pads

    def _slices(self) -> Iterator[tuple[slice, ...]]:
        """Iterate over positions in the window: where that candidate lies, in the padded input."""
        sides = zip(self.kernel, self.step, self.dilation, self.out, strict=True)
        starts = [[slice(j * d, j * d + (o - 1) * s + 1, s) for j in range(k)] for k, s, d, o in sides]
        yield from product(*starts)

    def pick(self, x: Tensor) -> Tensor:
        """Return the candidates (…, *out, k) of an input (…, *sizes), −∞ for padding."""
        padded = self._padded(x, -torch.inf)
        return torch.stack([padded[..., *at] for at in self._slices()]).movedim(0, -1)

    def _padded(self, x: Tensor, value: float) -> Tensor:
        """Return an input with a value all around it, as far as the windows reach."""
        pads = self._pads()
        return F.pad(x, pads, value=value) if any(pads) else x

    def back(self, amounts: Tensor) -> Tensor:
        """Return what each input gets from an amount (…, *out, k) per candidate."""
        return self.share(amounts, torch.ones((), dtype=amounts.dtype, device=amounts.device))

    def share(self, weights: Tensor, m: Tensor) -> Tensor:
        """Return Σ weight·m over the windows of each input, for weights (…, *out, k) and m (…, *out)."""
        n, pads = len(self.out), self._pads()
        front, behind = pads[-2::-2], pads[::-2]
        whole = [a + size + c for a, size, c in zip(front, self.sizes, behind, strict=True)]
        total = weights.new_zeros(*weights.shape[: -n - 1], *whole)
        for at, w in zip(self._slices(), weights.unbind(-1), strict=True):
            if self.overlap:
                total[..., *at].addcmul_(w, m)
            else:
                torch.mul(w, m, out=total[..., *at])
        inside = tuple(slice(a, a + size) for a, size in zip(front, self.sizes, strict=True))
        return total[..., *inside]

    def collect(self, weights: Tensor, x: Tensor) -> Tensor:
        """Return Σ weight·x over the candidates of each window."""
        padded = self._padded(x, 0.0)
        total: Tensor | None = None
        for at, w in zip(self._slices(), weights.unbind(-1), strict=True):
            part = padded[..., *at]
            total = w * part if total is None else total.addcmul_(w, part)
        assert total is not None
        return total


def windows_of(site: Site) -> Windows | None:
    """Return the windows of a sliding max-pool, None for other operations."""
    if not site.name.endswith("with_indices"):
        return None
    a, n = site.named, 3 if "3d" in site.name else 2
    kernel = _each(a["kernel_size"], n)
    return Windows(
        sizes=tuple(site.x[0].shape[-n:]),
        out=tuple(site.y.shape[-n:]),
        kernel=kernel,
        step=_each(a["stride"], n) if a["stride"] else kernel,
        padding=_each(a["padding"], n),
        dilation=_each(a["dilation"], n),
    )


def _each(value: Sequence[int] | int, n: int) -> tuple[int, ...]:
    """Return a setting as one number per dimension."""
    listed = (value,) if isinstance(value, int) else tuple(value)
    return listed * n if len(listed) == 1 else listed
