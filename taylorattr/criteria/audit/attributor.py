"""From what the user passes as method to what an audit can bind.

Three sorts: a method of this package by name or object, a recipe that binds a method of any library
(`binds`), and a callable that the user has bound already. Only the first two can be bound again: in float64,
to each reference, with more nodes, to parts of the model.
"""

from __future__ import annotations

import copy
import inspect
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from taylorattr.analysis.inputs import held_integers
from taylorattr.analysis.private_model import copy_model
from taylorattr.attribution import Attribution
from taylorattr.criteria.audit.bound_method import (
    AuditedExample,
    BatchScores,
    Bound,
    raised_by,
    read_scores,
)
from taylorattr.errors import OptionError, TaylorAttrWarning
from taylorattr.methods.method import AnyMethod, Attributes, AttributionMethod, Exactness, attributed, find
from taylorattr.registry import Registry

ADAPTERS: Registry[Callable[[str], Binds]] = Registry("library with an adapter")
"""Library -> (name of its method -> recipe), such as ``ADAPTERS["captum"]("DeepLift")``; see `compat`."""

EXACTNESS_OF_WAY: dict[str, Exactness] = {
    "coalitions": "closed",
    "method": "closed",
    "path": "quadrature",
    "measured": "quadrature",
    "terms": "unknown",
    "parts": "unknown",
}
"""How a designed rule computes, by the way that it takes."""


class Attributor(ABC):
    """What `audit` is given, before it is bound.

    Args:
        name: Shown in the report.
        references: Whether baselines are a reference set, each of which is audited by itself.
    """

    def __init__(self, name: str, references: bool = False) -> None:
        self.name, self.references = name, references

    @abstractmethod
    def bind(self, audited: AuditedExample) -> Bound:
        """Bind to one example and one baseline."""


def attributor(method: Any, options: dict[str, Any]) -> Attributor:
    """Return what the user named or passed.

    Args:
        method: A name in ``ta.METHODS``, a designed rule or its name, ``library:Name`` of a registered
            adapter, an `Attributor`, such as what `binds` returns, or a callable.
        options: Options of a method by name; settings that `binds` adds.

    Returns:
        The method, not yet bound.

    Raises:
        OptionError: If it is none of these, or takes no options.
    """
    if isinstance(method, str) and ":" in method:
        library, _, name = method.partition(":")
        if library not in ADAPTERS:
            raise OptionError(
                f"no adapter for {library!r} is registered (known: {', '.join(ADAPTERS) or 'none'}): import "
                "taylorattr.compat.adapters, or pass ta.binds(make)"
            )
        method = ADAPTERS[library](name)
    if isinstance(method, str | AttributionMethod | Attributes):
        return PackageMethod(method, options)
    if isinstance(method, Binds):
        return method.having(options)
    if isinstance(method, Attributor) and not options:
        return method
    if not callable(method):
        raise OptionError(
            f"method is a {type(method).__name__}; expected a name in ta.METHODS, a designed rule, a "
            "callable rows (m, …) -> scores (m, …), or ta.binds(make)"
        )
    if options:
        raise OptionError(
            f"a bound callable takes no options, and {next(iter(options))!r} was given; bind them in it, or "
            "use ta.binds(make, option=…)"
        )
    return UserCallable(method)


class PackageMethod(Attributor):
    """One of ``ta.METHODS``, or a designed rule, with its options.

    Args:
        method: Name or rule.
        options: Its options.

    Raises:
        OptionError: If there is no such method.
    """

    def __init__(self, method: AnyMethod, options: dict[str, Any]) -> None:
        self.method = find(method)
        super().__init__(self.method.name, self.method.references)
        self.options = options

    def holds(self, inputs: Any) -> bool:
        """Return whether it holds some inputs: a method with derivatives, integers beside other numbers."""
        return not self.method.integers and bool(held_integers(inputs))

    def bind(self, audited: AuditedExample) -> Bound:
        """Bind it.

        Returns:
            The method, ready to be asked.

        Raises:
            OptionError: For Grad-CAM, whose players are cells of a layer.
        """
        if self.method.explains == "layer":
            raise OptionError(
                "grad_cam shares out the cells of a layer, not the input: audit it on the head, with the "
                "feature maps as inputs (1, K, H, W), baseline 0 and a callable that returns its map"
            )
        return BoundPackageMethod(self.method, self.options, audited)


class BoundPackageMethod(Bound):
    """A method of this package, asked for the scores of masked rows through ``ta.attribute``."""

    def __init__(self, method: AttributionMethod, options: dict[str, Any], audited: AuditedExample) -> None:
        self.method, self.options, self.audited = method, options, audited
        self.name = method.name
        self.exactness = method.exactness
        # each example is analysed by itself and draws are seeded: one small batch is compared as a check of
        # this
        self.compared, self.repeated = 3, 0
        self._options_of_first_call: dict[str, Any] = {}

    def read(self, present: np.ndarray, seed: int = 0) -> BatchScores:
        """Return its scores, with f(x_T) as its own record of the model gives it.

        Returns:
            The scores.

        Raises:
            OptionError: If coalitions receive, as by an interaction index.
        """
        game = self.audited.game
        result = self.ask(self.audited.rows(present, own_dtype=False), len(present), seed)
        if self.method.chooses_mode:
            mode = result.diagnostics["mode"]
            self.exactness = "closed" if mode == "exact" else "quadrature"
            # ``auto`` looks at the whole batch, and batches that are integrated differently would give a row
            # other scores in another batch, which is what the audit takes for misuse: all go as the first did
            if not {"mode", "n_steps", "tol", "rule"} & set(self.options):
                self._options_of_first_call = {"mode": mode}
        if self.method.family == "rule":
            self._keep_way(result.diagnostics)
        if result.names != game.names:
            raise OptionError(
                f"{self.name} gives scores to {', '.join(result.names[-2:])}; an audit is about methods "
                "whose scores are those of the players"
            )
        drawn = result.standard_errors is not None
        if drawn:
            self.exactness = "sampled"
        return BatchScores(
            players=result.player_scores.numpy(),
            eps=torch.finfo(game.dtype).eps / 2,
            values=result.f_input.numpy(),
            drawn=drawn,
        )

    def ask(self, rows: Any, count: int, seed: int = 0, **more: Any) -> Attribution:
        """Return the attribution of rows, every one with this example's target and arguments.

        Args:
            rows: In the structure of the inputs.
            count: How many.
            seed: Of a method that draws.
            **more: Options besides the user's.
        """
        with warnings.catch_warnings():
            # they are about masked inputs, such as f(x) = f(b) at ∅, which the user never asked about
            warnings.simplefilter("ignore", TaylorAttrWarning)
            question = self.audited.asked_at(
                rows, count, seed=seed, internal_batch_size=None, integers_allowed=self.method.integers
            )
            return attributed(self.method, question, self._options_of_first_call | self.options | more)

    def _keep_way(self, facts: Mapping[str, Any]) -> None:
        """Let every later call compute a designed rule as the first one did, for the same reason."""
        way = facts["way"]
        exact = "relative" not in facts.get("error", {}) if way == "path" else facts.get("mode") == "exact"
        self.exactness = "closed" if exact else EXACTNESS_OF_WAY.get(way, "unknown")
        if way == "method" and facts.get("mode", "exact") != "exact":
            self.exactness = "quadrature"
        self._options_of_first_call = {"way": way}

    def refined(self, nodes: int) -> Bound | None:
        """Return Integrated Gradients, or a rule of a path, with that many nodes at every row."""
        if self._options_of_first_call.get("way") == "path" and self.exactness == "quadrature":
            options = {k: v for k, v in self.options.items() if k != "tol"}
            options |= {"n_steps": nodes, "way": "path"}
        elif self.method.chooses_mode:
            options = {k: v for k, v in self.options.items() if k not in ("tol", "mode", "n_steps")}
            options |= {"n_steps": nodes, "mode": "quadrature"}
        else:
            return None
        return BoundPackageMethod(self.method, options, self.audited)


class HoldsArguments(nn.Module):
    """A model with its additional forward arguments, of which other libraries are told nothing.

    Args:
        model: The user's model; its modules stay its own, under ``model.``.
        arguments: Of one row: tensors with one entry per example as (1, …), which are repeated for the rows.
        each: Which of them have an entry per example.
    """

    def __init__(self, model: Callable[..., Any], arguments: tuple[Any, ...], each: tuple[bool, ...]) -> None:
        super().__init__()
        self.model, self.arguments, self.each = model, arguments, each

    def forward(self, *inputs: Tensor) -> Any:
        """Return the model's output with the arguments behind the inputs."""
        rows = inputs[0].shape[0]
        return self.model(
            *inputs,
            *(
                argument.expand(rows, *argument.shape[1:]) if own else argument
                for argument, own in zip(self.arguments, self.each, strict=True)
            ),
        )


def holding_arguments(audited: AuditedExample) -> Callable[..., Any]:
    """Return the model; with its additional forward arguments inside, where there are any."""
    one, two = audited.extra_for(1), audited.extra_for(2)
    if one is None or two is None:
        return audited.model
    each = tuple(
        isinstance(first, Tensor) and first.shape != second.shape
        for first, second in zip(one, two, strict=True)
    )
    # kept in the dtype of the analysis, as the rows are
    dtype, device = audited.game.dtype, audited.game.device
    arguments = tuple(
        part.to(device, dtype if part.is_floating_point() else None) if isinstance(part, Tensor) else part
        for part in one
    )
    return HoldsArguments(audited.model, arguments, each)


class Binds(Attributor):
    """A recipe of a callable rows (m, …) -> scores (m, …); see `binds`."""

    def __init__(
        self,
        make: Callable[..., Callable[[Any], Any]],
        settings: dict[str, Any],
        name: str,
        references: bool = False,
        nodes: str | None = None,
        exactness: Exactness = "unknown",
        parts: bool = True,
        compared: int = 24,
        row_by_row: bool = False,
    ) -> None:
        super().__init__(name, references)
        self.make, self.settings, self.nodes, self.parts = make, settings, nodes, parts
        self.compared, self.row_by_row = compared, row_by_row
        self.exactness: Exactness = "quadrature" if nodes and exactness == "unknown" else exactness

    @property
    def option_types(self) -> dict[str, Any]:
        """Annotations of the recipe's settings: none that anything is checked against."""
        return {}

    def having(self, settings: dict[str, Any]) -> Binds:
        """Return the recipe with more or other settings."""
        recipe = copy.copy(self)
        recipe.settings = self.settings | settings
        return recipe

    def bind(self, audited: AuditedExample) -> Bound:
        """Call the recipe with a copy of the model in the dtype of the analysis and one baseline.

        Returns:
            The callable it makes, with the coalitions of the example.

        Raises:
            MethodError: If the recipe raises.
        """
        whole = holding_arguments(audited)
        model = copy_model(whole, dtype=audited.game.dtype, device=audited.game.device).function
        settings = dict(self.settings)
        if "players" in inspect.signature(self.make).parameters:
            settings.setdefault("players", audited.game.players)
        with raised_by(self.name):
            function = self.make(model, audited.baseline(), audited.target, **settings)
        nodes = self.nodes
        again = None if nodes is None else lambda count: self.having({nodes: count}).bind(audited)
        bound = BoundFunction(self.name, function, audited, self.exactness, True, again)
        bound.compared, bound.row_by_row = self.compared, self.row_by_row
        return bound


def binds(
    make: Callable[..., Callable[[Any], Any]],
    *,
    references: bool = False,
    nodes: str | None = None,
    exactness: Exactness = "unknown",
    parts: bool = True,
    compared: int = 24,
    row_by_row: bool = False,
    name: str | None = None,
    **settings: Any,
) -> Binds:
    """Return a recipe for ``ta.audit`` that binds a method of any library by itself.

    An audit can bind it to a float64 copy of the model, to each baseline of a reference set, and with more
    nodes, none of which is possible with a callable that is bound already::

        def make(model, baselines, target):
            return lambda rows: captum.attr.DeepLift(model).attribute(rows, baselines, target=target)

        ta.audit(ta.binds(make), model, x, baseline, target=3)

    Args:
        make: ``make(model, baselines, target, **settings)`` returns rows (m, …) -> scores (m, …); baselines
            are (1, …), rows and scores in the structure of the inputs. If it has a parameter ``players``, it
            is passed the ``ta.Players``.
        references: Whether baselines are a reference set (R, …), each to be audited by itself, eq. (21).
        nodes: Name of the setting that counts the nodes of a quadrature.
        exactness: ``closed``, ``quadrature``, ``sampled`` or ``unknown``; decides the default tolerance.
        parts: Whether the recipe may be called with parts of the model, to find the operation at which a sum
            breaks; False for methods that do not work by operations, such as occlusion.
        compared: How many rows are asked for again, three at a time, to see whether a row's scores depend on
            what else is in the batch; 3 where every call is dear.
        row_by_row: Whether a batch costs as much as its rows one by one; an audit then repeats less.
        name: Shown in the report; None: that of make.
        **settings: Passed to make.

    Returns:
        What ``ta.audit`` takes as method.

    Raises:
        OptionError: If make is not callable.
    """
    if not callable(make):
        raise OptionError(
            f"make is a {type(make).__name__}; expected a function of model, baselines and target that "
            "returns a function of rows"
        )
    own_name = getattr(make, "__name__", type(make).__name__)
    return Binds(make, settings, name or own_name, references, nodes, exactness, parts, compared, row_by_row)


class UserCallable(Attributor):
    """A callable the user has bound to model, baseline and target."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        super().__init__(getattr(function, "__name__", type(function).__name__))
        self.function = function

    def bind(self, audited: AuditedExample) -> Bound:
        """Bind the coalitions to it; the rest is the user's."""
        bound = BoundFunction(self.name, self.function, audited, "unknown", False, None)
        bound.blind = (
            "a bound callable cannot be bound in float64, to each reference, or with more nodes: pass "
            "ta.binds(make) for these",
        )
        return bound


class BoundFunction(Bound):
    """A callable asked for the scores of masked rows.

    Args:
        name: Of the method.
        function: Rows -> scores.
        audited: The example with its baseline.
        exactness: How it computes.
        in_float64: Whether it was bound to a copy of the model in the dtype of the analysis.
        again: Number of nodes -> the same method with as many; None where it cannot be bound again.
    """

    def __init__(
        self,
        name: str,
        function: Callable[[Any], Any],
        audited: AuditedExample,
        exactness: Exactness,
        in_float64: bool,
        again: Callable[[int], Bound] | None,
    ) -> None:
        self.name, self.function, self.audited, self.again = name, function, audited, again
        self.exactness, self.in_float64 = exactness, in_float64

    def read(self, present: np.ndarray, seed: int = 0) -> BatchScores:
        """Call it; a callable draws as it likes, so the seed is not passed on.

        Returns:
            Its scores.

        Raises:
            MethodError: If the callable raises.
        """
        rows = self.audited.rows(present, own_dtype=not self.in_float64)
        with raised_by(self.name):
            returned = self.function(rows)
        scores = read_scores(self.audited.game, returned, present)
        # the coarsest of rows, model and scores: what is computed in float32 and returned as float64 rounds
        # in float32
        parts = rows if isinstance(rows, tuple) else (rows,)
        of_rows = [torch.finfo(r.dtype).eps / 2 for r in parts if r.is_floating_point()]
        scalar = self.audited.game.scalar
        of_model = torch.finfo(scalar.dtype if self.in_float64 else scalar.native).eps / 2
        scores.eps = max(scores.eps, *of_rows, of_model)
        return scores

    def refined(self, nodes: int) -> Bound | None:
        """Bind again with that many nodes, where the recipe names the setting."""
        return None if self.again is None else self.again(nodes)
