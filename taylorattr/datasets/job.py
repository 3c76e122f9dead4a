"""What is done to every batch: the task by its name, its arguments, one call."""

from __future__ import annotations

import contextlib
import inspect
import types
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import torch

from taylorattr import evaluation
from taylorattr.analysis.prepared_model import PreparedModel
from taylorattr.criteria.audit.audit import audit
from taylorattr.datasets.rows import Batch
from taylorattr.effects.examples import batch_of
from taylorattr.effects.harsanyi import harsanyi
from taylorattr.effects.integrated_hessians import integrated_hessians
from taylorattr.effects.result import Result, arrays_of
from taylorattr.effects.taylor import decompose
from taylorattr.errors import OptionError, Said, TaylorAttrError, hearing, require_instance
from taylorattr.many_players.interactions import interactions
from taylorattr.methods import attribute
from taylorattr.methods.extra import prune
from taylorattr.program.location import ends_search
from taylorattr.reformulation.reformulate import reformulate
from taylorattr.registry import Registry

Task: TypeAlias = str | Callable[..., Any]
"""Name of a task, or a function of model and inputs whose result holds examples."""

TASKS: Registry[Callable[..., Any]] = Registry("task")
"""Name -> the public function that is called for every batch."""
for _function in (
    decompose, harsanyi, attribute, audit, integrated_hessians, interactions, reformulate, prune,
    evaluation.pixel_perturbation, evaluation.player_curves, evaluation.road, evaluation.localisation,
    evaluation.completeness_gap, evaluation.infidelity, evaluation.class_sensitivity,
    evaluation.interaction_deletion, evaluation.parameter_randomisation,
):  # fmt: skip
    TASKS.register(_function.__name__, replace=True)(_function)

TAKE_A_MODULE = ("parameter_randomisation",)
"""Tasks that take a network apart, so that no held copy can stand for it."""

Answer: TypeAlias = tuple[dict[str, np.ndarray], list[Said]]
"""The result of a batch as the arrays of a file, and what was warned of."""


@dataclass(frozen=True, eq=False)
class Job:
    """A task with its arguments, as every worker holds it.

    Attributes:
        name: Of the task.
        function: Called with model, inputs and arguments.
        model: As in `Question`, not prepared.
        arguments: What all batches share.
        num_threads: Threads of one operation: sums are split by it, so it decides their last bits.
    """

    name: str
    function: Callable[..., Any]
    model: Any
    arguments: Mapping[str, Any]
    num_threads: int = 1

    @cached_property
    def held_model(self) -> Any:
        """The model as all batches of this process use it: copied and checked once; as it is for others."""
        ours = self.function in TASKS.values() and self.name not in TAKE_A_MODULE
        return PreparedModel(self.model) if ours else self.model

    @cached_property
    def seed(self) -> int | None:
        """Seed of the first batch; None where nothing is drawn."""
        named = inspect.signature(self.function).parameters.get("seed")
        return None if named is None else int(self.arguments.get("seed", named.default))

    def takes(self, argument: str) -> bool:
        """Return whether the function has an argument of that name."""
        return argument in inspect.signature(self.function).parameters

    def result(self, number: int, batch: Batch) -> Result:
        """Return the result for a batch; its draws have the seed of the job plus the number of the batch.

        Raises:
            OptionError: If the function returns something else than a result with these examples.
        """
        arguments = {**self.arguments, **batch.own}
        if self.seed is not None:
            arguments["seed"] = self.seed + number
        result = self.function(model=self.held_model, inputs=batch.inputs, **arguments)
        inputs = batch.inputs[0] if isinstance(batch.inputs, tuple) else batch.inputs
        if not isinstance(result, Result) or batch_of(result) != len(inputs):
            raise OptionError(
                f"{self.name} returned a {type(result).__name__}; map_dataset puts together results that "
                f"hold the examples they were given, {len(inputs)} here"
            )
        return result

    def answer(self, number: int, batch: Batch) -> Answer:
        """Return the result for a batch as arrays, and the warnings on the way.

        Raises:
            TaylorAttrError: As the task raises it, with where in the data the batch begins.
        """
        try:
            with hearing() as said:
                return arrays_of(self.result(number, batch)), said
        except TaylorAttrError as error:
            if error.args and isinstance(error.args[0], str):
                where = f"in the batch that begins with example {batch.start} of the data (its example 0)"
                error.args = (f"{where}: {error.args[0]}", *error.args[1:])
            raise


ends_search(Job.result)


def job_of(task: Task, model: Any, arguments: Mapping[str, Any], own: Mapping[str, Any], threads: int) -> Job:
    """Return the job that a task is, its arguments checked by name before anything is computed.

    Args:
        task: As in `map_dataset`.
        model: As in `Question`; of a prepared one, its defaults are those of the task.
        arguments: Shared by all examples.
        own: Arguments that each example has for itself.
        threads: Threads of one operation.

    Raises:
        OptionError: If there is no such task, or it takes no such argument.
    """
    arguments = dict(arguments)
    if isinstance(model, PreparedModel):
        defaults, model = getattr(model, "defaults", {}), model.user_model
    else:
        defaults = {}
    if task == "interaction_graph":  # of exact effects, of Taylor effects where an order is asked for
        task = "decompose" if "order" in arguments else "harsanyi"
    if isinstance(task, str):
        name, function = task, TASKS[task]
    else:
        require_instance("task", task, types.FunctionType, "the name of a task or a function")
        name, function = getattr(task, "__name__", type(task).__name__), task
    taken = inspect.signature(function).parameters
    free = any(p.kind is p.VAR_KEYWORD for p in taken.values())
    for argument in (*arguments, *own):
        if argument in ("model", "inputs") or (argument not in taken and not free):
            raise OptionError(
                f"{name} gets {argument!r} from map_dataset itself"
                if argument in ("model", "inputs")
                else f"{name} takes no argument {argument!r}; it takes {', '.join(taken)}"
            )
    if arguments.get("outputs") is not None:
        raise OptionError("outputs= makes a result for every output; call map_dataset once for each target=")
    if both := arguments.keys() & own.keys():
        raise OptionError(f"{both.pop()!r} is given for all examples and for each=; expected one of them")
    given = {*arguments, *own, *(("baselines",) if "references" in arguments else ())}
    arguments |= {k: v for k, v in defaults.items() if k in taken and k not in given}
    missing = [
        p.name
        for p in taken.values()
        if p.default is p.empty
        and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
        and p.name not in {"model", "inputs", *arguments, *own}
    ]
    if missing:
        raise OptionError(f"{name} needs {', '.join(missing)}: pass it to map_dataset, or in each=")
    return Job(name, function, model, arguments, threads)


@contextlib.contextmanager
def using_threads(count: int) -> Generator[None, None, None]:
    """Use that many threads per operation inside, the previous number after."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
