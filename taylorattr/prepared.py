"""``ta.prepare``: a model that is asked more than once is copied, checked and captured once."""

from __future__ import annotations

import functools
import importlib
import inspect
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar

import torch

from taylorattr.aliases import AnyTarget, Baselines, Tensors
from taylorattr.analysis.inputs import input_tuple
from taylorattr.analysis.model_errors import analysis_door
from taylorattr.analysis.players import PlayersLike
from taylorattr.analysis.prepared_model import PreparedModel
from taylorattr.analysis.question import Question
from taylorattr.analysis.shared_parameters import shares_parameters
from taylorattr.errors import TaylorAttrWarning

P = ParamSpec("P")
R = TypeVar("R")
A = TypeVar("A")

METHODS = {
    "attribute": "taylorattr.methods.method",
    "audit": "taylorattr.criteria.audit.audit",
    "coalition_game": "taylorattr.many_players.coalition_game",
    "decompose": "taylorattr.effects.taylor",
    "degree_by_support": "taylorattr.effects.taylor",
    "harsanyi": "taylorattr.effects.harsanyi",
    "hessian": "taylorattr.autodiff.hessian",
    "hvp": "taylorattr.autodiff.hvp",
    "integrated_hessians": "taylorattr.effects.integrated_hessians",
    "interactions": "taylorattr.many_players.interactions",
    "map_dataset": "taylorattr.datasets.map_dataset",
    "prune": "taylorattr.methods.extra.prune_grad",
    "reformulate": "taylorattr.reformulation.reformulate",
}
"""Function that takes a model -> the module that has it, imported when it is first asked for."""

if TYPE_CHECKING:
    from taylorattr.autodiff.hessian import hessian as _hessian
    from taylorattr.autodiff.hvp import hvp as _hvp
    from taylorattr.criteria.audit.audit import audit as _audit
    from taylorattr.datasets.map_dataset import map_dataset as _map_dataset
    from taylorattr.effects.harsanyi import harsanyi as _harsanyi
    from taylorattr.effects.integrated_hessians import integrated_hessians as _integrated_hessians
    from taylorattr.effects.taylor import decompose as _decompose
    from taylorattr.effects.taylor import degree_by_support as _degree_by_support
    from taylorattr.many_players.coalition_game import coalition_game as _coalition_game
    from taylorattr.many_players.interactions import interactions as _interactions
    from taylorattr.methods.extra.prune_grad import prune as _prune
    from taylorattr.methods.method import attribute as _attribute
    from taylorattr.reformulation.reformulate import reformulate as _reformulate

    class _First(Generic[P, R]):
        """A function whose first argument is the model, as a type checker sees it on a prepared one."""

        def __init__(self, function: Callable[Concatenate[Any, P], R]) -> None: ...
        def __get__(self, prepared: Any, owner: type) -> Callable[P, R]: ...

    class _Second(Generic[A, P, R]):
        """A function whose second argument is the model."""

        def __init__(self, function: Callable[Concatenate[A, Any, P], R]) -> None: ...
        def __get__(self, prepared: Any, owner: type) -> Callable[Concatenate[A, P], R]: ...


class Prepared(PreparedModel):
    """A model with its private copies, checks and captured programs, for many questions.

    It has the functions of the package that take a model, under their names and with their signatures but for
    the model, and every function takes it in place of the model: ``prepared.decompose(x)`` is
    ``ta.decompose(prepared, x)``. Numbers are those of ``ta.decompose(model, x)`` to the last bit.

    What is a fact of the model is settled once: its copies, that parameters are finite, that rows do not
    depend on each other, which operations it runs. What depends on the values is looked at each time: that
    inputs and outputs are finite, that the gradient is that of the values, that a program captured for other
    inputs gives the model's values at these. Warnings about the model itself (training mode, a dtype it does
    not run in) are given when it is copied.

    Before each answer the model is compared with what it was: tensors number by number (those of more than
    64 MiB in all by their version counters and sums), attributes, hooks and parts. Where it has changed, a
    warning says so and the answer is about the model as it is now. Not seen: what changes inside an object or
    a nested list that an attribute refers to, and the numbers a function finds outside itself.

    Threads may share it; each has copies of its own. (Where one of them captures a program, torch's fused
    kernels are off in all, so that numbers in single precision may differ in rounding.) Pickled, it is the
    model and its defaults.

    Attributes:
        user_model: The model.
        defaults: Arguments of every question that are not given there; ``baselines=None`` given there sets
            that default aside, for a method or a Hessian that takes no baseline.
    """

    def __init__(self, user_model: Callable[..., Any], defaults: dict[str, Any] | None = None) -> None:
        super().__init__(user_model)
        self.defaults = dict(defaults or {})

    if TYPE_CHECKING:
        attribute = _Second(_attribute)
        audit = _Second(_audit)
        coalition_game = _First(_coalition_game)
        decompose = _First(_decompose)
        degree_by_support = _First(_degree_by_support)
        harsanyi = _First(_harsanyi)
        hessian = _First(_hessian)
        hvp = _First(_hvp)
        integrated_hessians = _First(_integrated_hessians)
        interactions = _First(_interactions)
        map_dataset = _Second(_map_dataset)
        prune = _First(_prune)
        reformulate = _Second(_reformulate)

    else:

        def __getattr__(self, name: str) -> Any:
            """Return a function of the package with this model in its place."""
            if name not in METHODS:
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            return self._bound(getattr(importlib.import_module(METHODS[name]), name))

    def __dir__(self) -> list[str]:
        """Return the attributes, the functions among them."""
        return sorted({*super().__dir__(), *METHODS})

    def __repr__(self) -> str:
        """Show the model's class and the defaults."""
        given = "".join(f", {name}=…" for name in self.defaults)
        return f"Prepared({type(self.user_model).__name__}{given})"

    def _bound(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function with this model and the defaults in their places."""
        signature = _signature(function)
        names = list(signature.parameters)
        place = names.index("model")
        defaults = {name: value for name, value in self.defaults.items() if name in names}

        @functools.wraps(function)
        def asked(*args: Any, **kwargs: Any) -> Any:
            everything = (*args[:place], self, *args[place:])
            given = {*kwargs, *names[: len(everything)]}
            # references are baselines to average over, and stand in their place
            mine = {
                name: value
                for name, value in defaults.items()
                if name not in given and not (name == "baselines" and kwargs.get("references") is not None)
            }
            return function(*everything, **mine, **kwargs)

        parameters = [
            p.replace(default=defaults[p.name]) if p.name in defaults else p
            for p in signature.parameters.values()
            if p.name != "model"
        ]
        asked.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        return asked


@functools.cache
def _signature(function: Callable[..., Any]) -> inspect.Signature:
    return inspect.signature(function)


@shares_parameters
@analysis_door
def prepare(
    model: Callable[..., Any],
    *,
    baselines: Baselines = None,
    target: AnyTarget = None,
    players: PlayersLike = None,
    additional_forward_args: Any = None,
    dtype: torch.dtype | None = None,
    internal_batch_size: int | None = None,
    like: Tensors | None = None,
) -> Prepared:
    """Return a model that is copied, checked and captured once and then answers many questions.

    ``prepared.attribute("lrp_epsilon", x)`` costs what the method does, without what a first call adds; see
    `Prepared` for what is settled once and what is looked at each time.

    Args:
        model: As in `Question`.
        baselines: As in `Question`. The default of every question, as are those that follow.
        target: As in `Question`.
        players: As in `Question`.
        additional_forward_args: As in `Question`.
        dtype: As in `Question`. Left out, each function has its own default.
        internal_batch_size: As in `Question`.
        like: Inputs (B, …) such as will be explained: the copies are made and the checks run now. Without it
            they are when the first question is asked.

    Returns:
        The prepared model.

    Raises:
        OptionError: If the model is prepared already, or no model.

    The errors of unusable models and of ``like`` are those of
    :func:`taylorattr.analysis.question.Question.game`.
    """
    given = {
        "baselines": baselines,
        "target": target,
        "players": players,
        "additional_forward_args": additional_forward_args,
        "dtype": dtype,
        "internal_batch_size": internal_batch_size,
    }
    prepared = Prepared(model, {name: value for name, value in given.items() if value is not None})
    if like is not None:
        _ask(prepared, like)
    return prepared


def _ask(prepared: Prepared, like: Tensors) -> None:
    """Make the copies in the dtypes that functions ask for by default, and check them on these inputs."""
    dtypes = [prepared.defaults["dtype"]] if "dtype" in prepared.defaults else [None, torch.float64]
    asked = {name: value for name, value in prepared.defaults.items() if name != "dtype"}
    for number, dtype in enumerate(dtypes):
        with warnings.catch_warnings():
            if number:  # what is said of the model was said
                warnings.simplefilter("ignore", TaylorAttrWarning)
            integers = all(not x.dtype.is_floating_point for x in input_tuple(like))
            question = Question(prepared, like, dtype=dtype, integers_allowed=integers, **asked)
            _ = question.game.f_input
