"""MIP-IN: the part of an input that the model's output still knows, by inverting the layers one by one."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Self, TypeAlias

import torch
from torch import Tensor

from taylorattr.aliases import AnyTarget
from taylorattr.analysis.inputs import input_tuple, require_floating
from taylorattr.analysis.layers import Layer, find_layer
from taylorattr.analysis.model_errors import analysis_door, require_model
from taylorattr.analysis.targets import TargetSelector
from taylorattr.errors import (
    NotFittedError,
    OptionError,
    ShapeError,
    require_instance,
    require_number,
    require_whole_number,
)
from taylorattr.files import reading
from taylorattr.methods.extra.mip_in.chain import read_chain, without
from taylorattr.methods.extra.mip_in.files import WHAT, inverses_of, read_fitted, write_fitted
from taylorattr.methods.extra.mip_in.inverses import Pool
from taylorattr.methods.extra.mip_in.report import SourceReport, source_report
from taylorattr.methods.extra.mip_in.signals import TOPS, Inverses, Top, fit_inverses
from taylorattr.methods.gradient.grad_cam import resized

Read: TypeAlias = Literal["attribution", "class_signal", "contrast", "source_signal", "distractor"]
"""What is read of the explanation of one example."""

READS = ("attribution", "class_signal", "contrast", "source_signal", "distractor")

FEWEST_SAMPLES = 2
"""Examples that inverses are fitted to at least."""


class MIPIN:
    """Layer-wise inverses of a model, and what they say of an input: x = s + d, source signal and distractor.

    The model's layers are f_1 … f_L, X_0 = x, X_l = f_l(X_{l−1}). From the top down, S_L = top(y) for the
    logits y,

        g_l = argmin Σ_n ‖X_{l−1}ⁿ − g_l(S_lⁿ)‖²,   S_{l−1} = g_l(S_l) ∘ 1[X_{l−1} ≠ 0],

    the mask being the ReLU pattern of the example itself; there is none on the input. S_0 = s is the source
    signal. For one example its masks and switches are fixed, and S_0 is linear in S_L: S_0 = Σ_k A_k S_{L,k}
    with A_k = ∂S_0/∂S_{L,k}, the attribution of output k.

    Linear layers are inverted by ridge regression in one solve, convolutions by a transposed convolution of
    the same geometry that Adam trains, max-pools by the places of the example's maxima (signals that meet add
    up) or by upsampling, average pools by spreading; batch normalisation and constant factors belong to the
    layer beside them. The model may be any module or function whose operations form one chain of these.

    Args:
        model: Module or callable (N, …) -> logits (N, K), or (N,) as of K = 1; copied when `fit` is called,
            never changed.
        top: S_L: ``positive`` max(y, 0), ``logits`` y, ``softmax``.
        local: Whether signals are masked by the ReLU pattern of the example. Without masks the inverse is the
            same for all examples, with ``pool="upsample"`` in every respect.
        pool: ``switch`` or ``upsample``.
        bias: Whether inverses have one. Read-outs then use their linear part: g(S) − g(0).
        ridge: Of linear layers, λ in units of mean(S²)·N.
        layer: Path or module: only the layers above its output are inverted, and X_0 is that output.
        steps: Of the optimiser, for each convolution at least.
        max_samples: Examples used of the data; more are drawn from by the seed.
        seed: Of everything drawn; the global generators are left alone.
        show_progress: Whether `fit` shows a progress bar.

    Raises:
        OptionError: If an argument is out of range.

    Source: arXiv 2104.06629. What the paper leaves open is this project's choice, docs/systems.md.
    """

    def __init__(
        self,
        model: Callable[..., Any],
        *,
        top: Top = "positive",
        local: bool = True,
        pool: Pool = "switch",
        bias: bool = False,
        ridge: float = 1e-3,
        layer: Layer | None = None,
        steps: int = 700,
        max_samples: int = 10_000,
        seed: int = 0,
        show_progress: bool = False,
    ) -> None:
        """Check the arguments; nothing runs before `fit`."""
        require_model(model)
        if top not in TOPS:
            raise OptionError(f"top={top!r}; expected {' or '.join(map(repr, TOPS))}")
        if pool not in ("switch", "upsample"):
            raise OptionError(f"pool={pool!r}; expected 'switch' or 'upsample'")
        for name, value in (("local", local), ("bias", bias)):
            require_instance(name, value, bool, "True or False")
        require_number("ridge", ridge)
        if ridge == float("inf"):
            raise OptionError("ridge=inf; expected a finite number, such as 1e-3")
        if layer is not None:
            require_instance("layer", layer, (str, torch.nn.Module), "a module of the model, or its path")
        require_whole_number("steps", steps)
        require_whole_number("max_samples", max_samples, FEWEST_SAMPLES)
        require_instance("seed", seed, int, "an integer")
        self.model = model
        self.top: Top = top
        self.pool: Pool = pool
        self.local, self.bias = local, bias
        self.ridge, self.layer, self.steps = float(ridge), layer, steps
        self.max_samples, self.seed, self.show_progress = max_samples, seed, show_progress
        self._inverses: Inverses | None = None
        self._layer_errors: dict[str, float] = {}
        self._samples = 0

    @analysis_door
    def fit(self, data: Tensor) -> Self:
        """Fit the inverses to inputs, best the model's training inputs, and return the object.

        While this runs, and after it was interrupted or raised, the object counts as not fitted.

        Args:
            data: Shape (N, …), N ≥ 2.

        Returns:
            The object itself.

        Raises:
            UnsupportedLayerError: If a layer has no inverse; names module, operation, line and what to do.
            ShapeError: If data are no tensor of at least two examples, or the output is not (N, K).
            NonFiniteError: If data or parameters hold NaN or infinity.
            TaylorAttrError: Further, as for every analysis of a model.

        Warns:
            ConvergenceWarning: The relative error of a layer is above 0.9.
        """
        self._inverses = None
        rows = _rows(data)
        if len(rows) < FEWEST_SAMPLES:
            raise ShapeError(
                f"data hold {len(rows)} example; inverses are fitted to at least {FEWEST_SAMPLES}, and a few "
                "hundred are usual"
            )
        generator = torch.Generator().manual_seed(self.seed)
        if len(rows) > self.max_samples:
            chosen = torch.randperm(len(rows), generator=generator)[: self.max_samples]
            rows = rows[chosen.to(rows.device)]
        chain = read_chain(self.model, rows, self.layer)
        inverses, errors = fit_inverses(
            chain,
            rows,
            top=self.top,
            local=self.local,
            pool=self.pool,
            bias=self.bias,
            ridge=self.ridge,
            steps=self.steps,
            seed=self.seed,
            show_progress=self.show_progress,
        )
        self._layer_errors, self._samples, self._inverses = errors, len(rows), inverses
        return self

    @property
    def fitted(self) -> bool:
        """Whether the inverses are there."""
        return self._inverses is not None

    @property
    def inverses(self) -> Inverses:
        """The chain of layers and their inverses.

        Raises:
            NotFittedError: If `fit` has not run to its end.
        """
        if self._inverses is None:
            raise NotFittedError(
                "this MIPIN has no inverses yet; call .fit(data) with the model's training inputs, or "
                "ta.MIPIN.load(path, model)"
            )
        return self._inverses

    @property
    def layer_errors(self) -> dict[str, float]:
        """Σ‖g_l(S_l) − X_{l−1}‖² / Σ‖X_{l−1}‖² of every fitted inverse on the data, from the bottom up."""
        _ = self.inverses
        return dict(self._layer_errors)

    @property
    def samples(self) -> int:
        """Number of examples the inverses were fitted to."""
        _ = self.inverses
        return self._samples

    def source_signal(self, x: Tensor) -> Tensor:
        """Return s = S_0 = Σ_k A_k S_{L,k}, in the shape of X_0: of x, or of the feature map ``layer``."""
        return self.read_out("source_signal", x)

    def distractor(self, x: Tensor) -> Tensor:
        """Return d = X_0 − S_0, in the shape of X_0."""
        return self.read_out("distractor", x)

    def attribution(self, x: Tensor, c: AnyTarget = None) -> Tensor:
        """Return A_c = ∂S_0/∂S_{L,c}, in the shape of X_0.

        Args:
            x: Inputs (N, …).
            c: Which output: as the target of every method; None: the class predicted for each example.
        """
        return self.read_out("attribution", x, c)

    def class_signal(self, x: Tensor, c: AnyTarget = None) -> Tensor:
        """Return A_c·S_{L,c}, the part of s that output c accounts for; `c` as in `attribution`."""
        return self.read_out("class_signal", x, c)

    def contrast(self, x: Tensor, c: AnyTarget = None) -> Tensor:
        """Return A_c − (1/K) Σ_k A_k: without what masks and switches give to all outputs alike.

        This is this project's own. Use it where the question is *which class*; `c` as in `attribution`.
        """
        return self.read_out("contrast", x, c)

    def upper(
        self, x: Tensor, c: AnyTarget = None, layer: Layer | None = None, *, read: Read = "attribution"
    ) -> Tensor:
        """Return the explanation at a feature map, summed over its channels, at the size of the input.

        Only the layers above are run backwards. The map is resized linearly, as Grad-CAM's is.

        Args:
            x: Inputs (N, C, positions…).
            c: As in `attribution`.
            layer: Path or module whose output it is, shape (N, channels, positions…); None: the ``layer``
                that the object was made with.
            read: Which read-out is shown.

        Returns:
            Shape (N, 1, positions… of the input).

        Raises:
            OptionError: If there is no such layer above the bottom, or its output has no positions.
        """
        if layer is None and self.inverses.chain.inside is None:
            raise OptionError("which feature map? pass layer= (a module of the model, or its path)")
        signal = self.read_out(read, x, c, layer)
        if signal.dim() < 3:
            raise OptionError(
                f"the layer gives shape {tuple(signal.shape)}; a map needs (N, channels, positions…): choose "
                "a convolution or what follows one"
            )
        return resized(signal.sum(1, keepdim=True), x, "linear")

    @analysis_door
    def read_out(self, read: Read, x: Tensor, c: AnyTarget = None, layer: Layer | None = None) -> Tensor:
        """Return the read-out of that name, in the shape of X_0, or of the output of a layer above it.

        Raises:
            OptionError: If there is no such read-out or layer.
            NotFittedError: If `fit` has not run to its end.
            ShapeError: If x has not the shape of the data.
            TargetError: If c is no output of the model.
            TaylorAttrError: Further, as for every analysis of inputs.
        """
        if read not in READS:
            raise OptionError(f"read={read!r}; expected one of {', '.join(READS)}")
        inverses = self._above(layer)
        chain, rows = inverses.chain, self._inputs(x)
        found, start = [], 0
        with torch.no_grad():
            for part in chain.parts(rows):
                examples = torch.arange(start, start + len(part))
                start += len(part)
                bottom = chain.bottom(part)
                signal = inverses.read(bottom, lambda y: self._weights(read, y, examples, c, len(rows)))  # noqa: B023
                found.append(bottom - signal if read == "distractor" else signal)
        return torch.cat(found).to(rows.device)

    @analysis_door
    def report(self, x: Tensor, *, fit_rows: Tensor | None = None, folds: int = 5) -> SourceReport:
        """Return completeness and minimality of the source signal; `SourceReport` has the definitions.

        Args:
            x: Inputs (N, …) that the inverses were not fitted to.
            fit_rows: Inputs that the ridge regressions and the probe are fitted to, judged on all of x; None:
                parts of x, each judged by what the others give.
            folds: Number of these parts.

        Returns:
            The numbers, with pass and fail.

        Raises:
            ShapeError: If there are fewer than two examples a fold.
            TaylorAttrError: As the read-outs.
        """
        rows = self._inputs(x)
        others = None if fit_rows is None else self._inputs(fit_rows)
        return source_report(self.inverses, self.top, self.ridge, rows, others, folds)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write settings and inverses to a ``.npz`` file, without the model and without data.

        Returns:
            The path.

        Raises:
            NotFittedError: If `fit` has not run to its end.
            OptionError: If the suffix is another.
        """
        names = ("top", "local", "pool", "bias", "ridge", "steps", "max_samples", "seed")
        settings = {name: getattr(self, name) for name in names} | {"layer": self.inverses.chain.inside}
        return write_fitted(path, self.inverses, settings, self._layer_errors, self._samples)

    @classmethod
    @analysis_door
    def load(cls, path: str | os.PathLike[str], model: Callable[..., Any]) -> Self:
        """Return what `save` wrote, for the model it was fitted to; no code in the file is executed.

        Args:
            path: The file.
            model: The same model: operations and all weights are compared.

        Raises:
            FileError: If the file is damaged, or belongs to another model.
            FileNotFoundError: If there is no such file.
            OptionError: If the suffix is not ``.npz``.
        """
        saved = read_fitted(path)
        # a model that such inputs do not fit, or whose layers have no inverse, is not that of the file
        with reading(path, WHAT):
            made = cls(model, **saved.settings)
            # any inputs show the operations; those of the data are not kept
            generator = torch.Generator().manual_seed(0)
            rows = torch.rand(FEWEST_SAMPLES, *saved.input_shape, generator=generator)
            chain = read_chain(model, rows, made.layer)
        made._layer_errors, made._samples = saved.errors, saved.samples
        made._inverses = inverses_of(saved, chain, path)
        return made

    def top_signal(self, x: Tensor) -> Tensor:
        """Return S_L of inputs (N, …), shape (N, K)."""
        return TOPS[self.top](self.logits(x))

    @analysis_door
    def logits(self, x: Tensor) -> Tensor:
        """Return what the inverted copy of the model makes of inputs (N, …), shape (N, K)."""
        chain, rows = self.inverses.chain, self._inputs(x)
        with torch.no_grad():
            return torch.cat([chain.forward(chain.bottom(p)) for p in chain.parts(rows)]).to(rows.device)

    def _weights(self, read: Read, y: Tensor, examples: Tensor, c: AnyTarget, batch: int) -> Tensor:
        """Return w, shape (N, K), of which the read-out is Σ_k A_k w_k; for the distractor, of s."""
        top = TOPS[self.top](y)
        if read in ("source_signal", "distractor"):
            return top
        selector = None if c is None else TargetSelector(c, batch)
        if selector is not None and selector.function is not None:
            with torch.enable_grad():
                leaf = top.detach().requires_grad_()
                (column,) = torch.autograd.grad(selector.select(leaf, examples).sum(), leaf)
        else:
            # which class a target selects shows on rows of class numbers
            numbers = torch.arange(y.shape[1], device=y.device).expand(y.shape)
            chosen = y.argmax(1) if selector is None else selector.select(numbers, examples)
            column = torch.zeros_like(top).scatter_(1, chosen[:, None], 1.0)
        if read == "class_signal":
            return column * top
        return column - column.mean(1, keepdim=True) if read == "contrast" else column

    def _above(self, layer: Layer | None) -> Inverses:
        """Return the inverses down to the output of a layer, all where it is None."""
        inverses = self.inverses
        if layer is None:
            return inverses
        chain = inverses.chain
        path, _ = find_layer(self.model, chain.copied, layer)
        count = chain.position_of(path)
        if count == len(chain.layers):
            raise OptionError(f"layer {path!r} gives the logits themselves; choose one below")
        return inverses.above(without(chain, count, path)) if count else inverses

    def _inputs(self, x: Any) -> Tensor:
        rows, shape = _rows(x), self.inverses.chain.input_shape
        if tuple(rows.shape[1:]) != shape:
            hint = "; add the batch dimension: x[None]" if tuple(rows.shape) == shape else ""
            raise ShapeError(
                f"inputs have shape {tuple(rows.shape)}; expected (N, {', '.join(map(str, shape))}){hint}"
            )
        return rows


def _rows(data: Any) -> Tensor:
    """Return inputs (N, …), checked."""
    if isinstance(data, tuple):
        raise OptionError(f"data are a tuple of {len(data)}; MIP-IN takes models of one input tensor")
    (rows,) = input_tuple(data)
    require_floating((rows,))
    return rows.detach()
