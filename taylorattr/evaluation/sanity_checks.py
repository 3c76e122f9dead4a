"""Does a map depend on what the network has learned? Its weights, or its labels, are made random.

Adebayo et al. (2018), arXiv 1810.03292.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any, ClassVar, Literal, TypeAlias

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from taylorattr.aliases import AnyTarget, Tensors
from taylorattr.errors import ModelError, OptionError, ShapeError, require_instance
from taylorattr.evaluation.map_similarity import (
    SIMILARITIES,
    Similarity,
    constant_maps,
    map_similarity,
    too_small,
)
from taylorattr.evaluation.method_maps import (
    Factory,
    followed_logit,
    labels_of,
    method_map,
    method_of,
    predicted_classes,
    random_map,
)
from taylorattr.evaluation.protocol_result import Measured
from taylorattr.program.isolate import preserved_rng

Initialisation: TypeAlias = Literal["scale", "fixed"] | Callable[[str, Tensor, torch.Generator], Tensor]
"""What parameters are redrawn from; see :func:`parameter_randomisation`."""

Train: TypeAlias = Callable[[Tensor, Tensor, int], Callable[..., Any]]
"""(x, y, seed) -> a newly trained model."""

FIXED_DEVIATION = 0.1
"""Standard deviation of ``init="fixed"``."""

MAPPED_EXAMPLES = 6
"""Examples whose maps a result holds at most."""

MAPPED_NUMBERS = 2**20
"""Numbers of the maps that a result holds at most, 4 MiB: of large images fewer examples."""


@dataclass(frozen=True, eq=False, repr=False)
class SanityCheck(Measured):
    """How alike the maps of the trained model and of randomised ones are.

    Each similarity is a measure: after the last step of a cascade or of the label test, the mean over the
    blocks of an independent test; under ``random_`` and its name the same between the original map and random
    numbers. NaN where a map is constant. Small magnitudes are good: the map depends on what was learned.

    Attributes:
        randomised: ``cascading``, ``independent`` or ``labels``.
        steps: What was randomised at each step: names of blocks from the output down, or ``labels``.
        kinds: Names of the similarities.
        values: Between original and new maps, shape (similarities, B, steps), float64.
        random: Between original and random maps, shape (similarities, B).
        method: Name of the map.
        target: Class that maps explain, (B,) int64, the original prediction unless given; None where none is.
        diagnostics: What a reader must know; JSON-able: ``constant`` counts constant maps at each step, the
            original's first; ``skipped`` says why a similarity is missing; ``follows_input`` is the mean rank
            correlation of the original map's magnitudes with those of the input.
        maps: Maps of the first examples, the original one and that after each step, shape (examples,
            1 + steps, …), float32; at most 6 examples and 2²⁰ numbers. None where one example has more.
    """

    example_axes: ClassVar = {"values": 1, "random": 1, "target": 0}

    randomised: str
    steps: tuple[str, ...]
    kinds: tuple[str, ...]
    values: Tensor
    random: Tensor
    method: str
    target: Tensor | None = None
    diagnostics: dict[str, Any] = field(default_factory=dict)
    maps: Tensor | None = None

    def __post_init__(self) -> None:
        """Check that the parts fit together."""
        batch = self.values.shape[1] if self.values.ndim == 3 else -1
        if self.values.shape != (len(self.kinds), batch, len(self.steps)) or not self.steps:
            raise ShapeError(
                f"values have shape {tuple(self.values.shape)}; expected ({len(self.kinds)}, B, "
                f"{len(self.steps)})"
            )
        if self.random.shape != self.values.shape[:2]:
            raise ShapeError(
                f"random has shape {tuple(self.random.shape)}; expected {tuple(self.values.shape[:2])}"
            )
        if self.maps is not None and (
            self.maps.ndim not in (3, 4)
            or len(self.maps) > batch
            or self.maps.shape[1] != 1 + len(self.steps)
        ):
            raise ShapeError(
                f"maps have shape {tuple(self.maps.shape)}; expected (at most {batch}, "
                f"{1 + len(self.steps)}, …)"
            )

    def _selected(self, index: list[int]) -> dict[str, Any]:
        """Return the maps of the first of these examples, as far as they are held."""
        held = 0 if self.maps is None else len(self.maps)
        leading = list(takewhile(lambda e: e < held, index))
        return {"maps": self.maps[leading] if self.maps is not None and leading else None}

    @classmethod
    def _concatenated(cls, parts: Sequence[SanityCheck], counts: Sequence[int]) -> dict[str, Any]:
        """Return the maps of the first examples: of one part after another while they have them all."""
        maps: list[Tensor] = []
        for part, count in zip(parts, counts, strict=True):
            if part.maps is not None:
                maps.append(part.maps)
            if part.maps is None or len(part.maps) < count:
                break
        return {"maps": torch.cat(maps)[:MAPPED_EXAMPLES] if maps else None}

    @property
    def measures(self) -> tuple[str, ...]:
        """Names of the numbers per example."""
        return self.kinds + tuple(f"random_{kind}" for kind in self.kinds)

    def curve(self, kind: str) -> Tensor:
        """Return a similarity at each step, shape (B, steps).

        Raises:
            OptionError: If it was not measured.
        """
        if kind not in self.kinds:
            raise OptionError(f"no similarity {kind!r} here; there are {', '.join(self.kinds)}")
        return self.values[self.kinds.index(kind)]

    def _measure(self, name: str) -> Tensor:
        if name not in self.kinds:
            return self.random[self.kinds.index(name.removeprefix("random_"))]
        curve = self.curve(name)
        return curve.nanmean(1) if self.randomised == "independent" else curve[:, -1]

    def _question(self) -> tuple[tuple[str, Any], ...]:
        return (
            ("what is randomised", self.randomised),
            ("steps", self.steps),
            ("similarities", self.kinds),
            ("target", self.target),
            ("seed", self.diagnostics.get("seed")),
        )

    def __repr__(self) -> str:
        """Show the similarities step by step and beside random maps."""
        head = f"SanityCheck of {self.method}: {self.values.shape[1]} example(s), {self.randomised}"
        width = max(map(len, ("random map", *self.steps)))
        lines = [head, " " * (width + 2) + "".join(f"{kind:>10}" for kind in self.kinds)]
        columns = [*self.values.nanmean(1).T.tolist(), self.random.nanmean(1).tolist()]
        for step, numbers in zip((*self.steps, "random map"), columns, strict=True):
            lines.append(f"  {step:<{width}}" + "".join(f"{number:10.3f}" for number in numbers))
        lines += [f"  {kind}: {reason}" for kind, reason in self.diagnostics.get("skipped", {}).items()]
        return "\n".join(lines)


def parameter_randomisation(
    model: nn.Module,
    inputs: Tensors,
    maps: Factory,
    *,
    order: Literal["cascading", "independent"] = "cascading",
    target: AnyTarget = None,
    blocks: Sequence[str | Sequence[str]] | None = None,
    init: Initialisation = "scale",
    similarities: Sequence[Similarity] | None = None,
    seed: int = 0,
    show_progress: bool = False,
    name: str | None = None,
) -> SanityCheck:
    """Make the network's blocks random, from the output down, and compare the maps with the original ones.

    ``cascading``: block after block, those above stay random; ``independent``: one block at a time, all
    others trained. The class is that which the trained model predicts, throughout. Only parameters are drawn
    again; running statistics of normalisation layers stay (a choice of this package).

    Args:
        model: A module; it is copied, never changed, and analysed in eval behaviour.
        inputs: Tensor (B, …) or tuple of them: images, tables, anything.
        maps: A factory model -> method, the method (x, target) -> map: methods that prepare something for a
            model, or train it, do so for every randomised one. Called with copies.
        order: ``cascading`` or ``independent``.
        target: None: the class predicted at each input; else captum's forms.
        blocks: Names of modules (``named_modules``), or tuples of names for a block of several, from input to
            output; None: every module with parameters of its own, in the order in which the model has them.
        init: ``scale``: N(0, s²), s the root mean square of the tensor that is replaced, so that activations
            keep their size (a choice of this package); ``fixed``: N(0, 0.1²), as in the authors' code;
            or a function (name, tensor, generator) -> tensor. A parameter that is 0 stays 0 under ``scale``.
        similarities: Of :func:`taylorattr.evaluation.map_similarity`; None: those the maps are large enough
            for.
        seed: Of all draws; the global generators are left alone.
        show_progress: Whether to show a progress bar.
        name: Of the map, as the result shows it.

    Returns:
        Similarities per example and step.

    Raises:
        OptionError: If an option is out of range, maps is no factory, or there is nothing to randomise.
        ShapeError: If a map does not fit the inputs, or a similarity that was asked for does not fit the
            maps.
        NonFiniteError: If a map has NaN or infinity.
        TaylorAttrError: What :func:`taylorattr.analysis.question.Question.game` finds.

    Source: Adebayo et al. (2018), arXiv 1810.03292, sections 3.1 and 3.2.
    """
    require_instance("model", model, nn.Module, "a module, whose parameters can be made random")
    if order not in ("cascading", "independent"):
        raise OptionError(f"order={order!r}; it is 'cascading' or 'independent'")
    if init not in ("scale", "fixed") and not callable(init):
        raise OptionError(f"init={init!r}; it is 'scale', 'fixed' or a function (name, tensor, generator)")
    parts = _blocks(model, blocks)
    generator = torch.Generator().manual_seed(seed)
    with preserved_rng():
        comparison = _Comparison(model, inputs, maps, target, similarities, seed, len(parts))
        changed = _copied(model)
        for names in tqdm(parts[::-1], unit="block", disable=not show_progress):
            if order == "independent":
                changed = _copied(model)
            _redraw(changed, names, init, generator)
            comparison.add(
                _copied(changed)
            )  # a method may keep what it is given: the next step changes this one
    steps = tuple(_title(names) for names in parts[::-1])
    return comparison.result(order, steps, name, init=init if isinstance(init, str) else "given")


def label_randomisation(
    model: nn.Module,
    inputs: Tensors,
    maps: Factory,
    train: Train,
    x: Tensor,
    y: Tensor,
    *,
    target: AnyTarget = None,
    similarities: Sequence[Similarity] | None = None,
    seed: int = 0,
    name: str | None = None,
) -> SanityCheck:
    """Train a second model on permuted labels, and compare its maps with the original ones.

    Args:
        model: The model trained on the true labels; never changed.
        inputs: Test inputs, whose maps are compared.
        maps: As in :func:`parameter_randomisation`.
        train: (x, y, seed) -> model, called once, with y permuted. Train for about twice the usual number of
            epochs: the permuted labels must be learned by heart.
        x: Training inputs, shape (R, …).
        y: Their labels, shape (R,).
        target: As in :func:`parameter_randomisation`.
        similarities: As there.
        seed: Of the permutation and, as third argument, of the training.
        name: Of the map, as the result shows it.

    Returns:
        Similarities per example, one step; ``diagnostics["train_accuracy"]`` is the share of permuted labels
        that the second model gives: below 0.95 it has not learned them, and the test says less.

    Raises:
        OptionError: As :func:`parameter_randomisation`, or if train gives no module.
        ModelError: If train raises.
        TaylorAttrError: As :func:`parameter_randomisation`.

    Source: Adebayo et al. (2018), arXiv 1810.03292, section 3.3.
    """
    require_instance("model", model, nn.Module, "a module")
    require_instance("x", x, Tensor, "the training inputs, a tensor (R, …)")
    labels = labels_of(y, len(x), "y")
    permuted = labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))]
    with preserved_rng():
        comparison = _Comparison(model, inputs, maps, target, similarities, seed, 1)
        second = trained_model(train, x, permuted.to(x.device), seed)
        if not isinstance(second, nn.Module):
            raise OptionError(f"train gave a {type(second).__name__}; expected a trained module")
        accuracy = float((predicted_classes(second, x) == permuted).double().mean())
        comparison.add(_copied(second))
    return comparison.result("labels", ("labels",), name, train_accuracy=accuracy)


def trained_model(train: Train, x: Tensor, y: Tensor, seed: int) -> Callable[..., Any]:
    """Return train(x, y, seed), the global generator seeded too, in case train draws from it.

    Raises:
        OptionError: If train cannot be called, or gives no model.
        ModelError: If train raises; its own error is the cause.
    """
    if not callable(train):
        raise OptionError(f"train is a {type(train).__name__}; expected a function (x, y, seed) -> model")
    torch.manual_seed(seed)
    try:
        with torch.enable_grad():
            model = train(x, y, seed)
    except Exception as error:  # the user's own, of whatever type
        raise ModelError(f"train(x, y, {seed}) raised {type(error).__name__}: {error}") from error
    if not callable(model):
        raise OptionError(f"train gave a {type(model).__name__}; expected the trained model, a callable")
    return model


class _Comparison:
    """The original maps, and what each randomised model's maps are like beside them."""

    def __init__(
        self, model: nn.Module, inputs: Tensors, maps: Factory, target: Any, kinds: Any, seed: int, steps: int
    ) -> None:
        followed = followed_logit(model, inputs, target)
        self.inputs, self.factory, self.seed = inputs, maps, seed
        self.target = followed.target
        self.diagnostics = followed.diagnostics
        self.original, self.name = self._map(_copied(model))
        shape = self.original.shape
        for kind in kinds or ():
            if kind not in SIMILARITIES:
                raise OptionError(f"similarities: no {kind!r}; there are {', '.join(SIMILARITIES)}")
            if reason := too_small(shape, kind):
                raise ShapeError(reason)
        self.skipped = {} if kinds else {k: r for k in SIMILARITIES if (r := too_small(shape, k))}
        self.kinds: tuple[Similarity, ...] = tuple(
            kinds or (k for k in SIMILARITIES if k not in self.skipped)
        )
        self.constant = [constant_maps(self.original)]
        self.values: list[Tensor] = []
        of_one = (1 + steps) * self.original[:1].numel()
        self.mapped = min(MAPPED_EXAMPLES, MAPPED_NUMBERS // max(of_one, 1))
        self.maps = [self.original[: self.mapped].float()]

    def _map(self, model: nn.Module) -> tuple[Tensor, str]:
        return method_map(method_of(self.factory, model), self.inputs, self.target)

    def add(self, model: nn.Module) -> None:
        """Compare the map of a randomised model."""
        new, _ = self._map(model)
        if new.shape != self.original.shape:
            raise ShapeError(
                f"the map of the randomised model has shape {tuple(new.shape)}, the original one "
                f"{tuple(self.original.shape)}; expected the same"
            )
        self.constant.append(constant_maps(new))
        self.maps.append(new[: self.mapped].float())
        self.values.append(torch.stack([map_similarity(self.original, new, k) for k in self.kinds]))

    def _follows_input(self) -> float | None:
        """Return the mean rank correlation of |map| with |x|; None where they have different places."""
        if not isinstance(self.inputs, Tensor):
            return None
        size, _ = method_map(self.inputs.abs(), self.inputs, None)
        if size.shape != self.original.shape:
            return None
        return float(map_similarity(self.original, size, "absolute").nanmean())

    def result(self, randomised: str, steps: tuple[str, ...], name: str | None, **more: Any) -> SanityCheck:
        """Return what was compared, beside random maps and the input itself."""
        control = random_map(self.original, self.seed + 1)
        diagnostics = self.diagnostics | more | {"seed": self.seed, "constant": self.constant}
        if self.skipped:
            diagnostics["skipped"] = self.skipped
        follows = self._follows_input()
        if follows is not None:
            diagnostics["follows_input"] = follows
        return SanityCheck(
            randomised,
            steps,
            self.kinds,
            torch.stack(self.values, -1),
            torch.stack([map_similarity(self.original, control, kind) for kind in self.kinds]),
            self.name if name is None else name,
            self.target if isinstance(self.target, Tensor) else None,
            diagnostics,
            torch.stack(self.maps, 1) if self.mapped else None,
        )


def _copied(model: nn.Module) -> nn.Module:
    try:
        return copy.deepcopy(model).eval()
    except Exception as error:
        raise OptionError(
            f"the model cannot be copied ({type(error).__name__}: {error}); it is never changed itself, so "
            "pass one that copy.deepcopy copies"
        ) from error


def _blocks(model: nn.Module, blocks: Sequence[str | Sequence[str]] | None) -> list[tuple[str, ...]]:
    """Return the names of the parameters of each block, from input to output; shared ones in the first."""
    own = {name: [n for n, _ in m.named_parameters(recurse=False)] for name, m in model.named_modules()}
    groups: list[list[str]] = []
    if blocks is None:
        groups = [[name] for name, parameters in own.items() if parameters]
    else:
        for block in blocks:
            groups.append([block] if isinstance(block, str) else list(block))
    known, seen, parts = dict(model.named_modules()), set(), []
    for group in groups:
        names = []
        for name in group:
            if name not in known:
                raise OptionError(
                    f"blocks: the model has no module {name!r}; it has {', '.join(list(known)[1:9])}"
                )
            for inner, parameter in known[name].named_parameters(recurse=blocks is not None):
                if id(parameter) not in seen:
                    seen.add(id(parameter))
                    names.append(f"{name}.{inner}" if name else inner)
        if names:
            parts.append(tuple(names))
    if not parts:
        raise OptionError("the model has no parameters to make random; pass a module with parameters")
    return parts


def _title(names: tuple[str, ...]) -> str:
    """Return how a block is called: the modules whose parameters it has."""
    modules = dict.fromkeys(name.rpartition(".")[0] or "model" for name in names)
    first, *others = modules
    return f"{first} … {others[-1]}" if others else first


def _redraw(
    model: nn.Module, names: tuple[str, ...], init: Initialisation, generator: torch.Generator
) -> None:
    """Draw parameters again, in place; on the CPU in float64, the same numbers on every device."""
    parameters = dict(model.named_parameters(remove_duplicate=False))
    with torch.no_grad():
        for name in names:
            old = parameters[name]
            if callable(init):
                new = init(name, old.detach().clone(), generator)
                if not isinstance(new, Tensor) or new.shape != old.shape:
                    raise OptionError(f"init({name!r}, …) gave no tensor of shape {tuple(old.shape)}")
            else:
                deviation = FIXED_DEVIATION if init == "fixed" else float(old.double().square().mean().sqrt())
                new = deviation * torch.randn(old.shape, generator=generator, dtype=torch.float64)
            old.copy_(new.to(old))
