"""What the user has, turned into a scalar function of a batch of rows."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from taylorattr.aliases import AnyTarget, Tensors
from taylorattr.analysis.forward_arguments import ForwardArguments, cast
from taylorattr.analysis.model_errors import at_the_model
from taylorattr.analysis.private_model import ModelCopy, PrivateModel
from taylorattr.analysis.targets import TargetSelector, tensor_output
from taylorattr.errors import (
    DtypeError,
    FallbackWarning,
    InputMutationError,
    PrecisionWarning,
    ShapeError,
    TaylorAttrError,
    TrainingModeWarning,
    warn,
)
from taylorattr.program.isolate import preserved_rng

Trial: TypeAlias = tuple[tuple[Tensor, ...], Tensor]
"""Rows (R, …), one tensor per input, and the example each belongs to, (R,)."""

_TRIAL_ROWS = 8

_CACHE_BYTES = {"cpu": 4 * 2**20, "cuda": 512 * 2**20}
"""Bytes that the widest intermediate tensor of a call may take: a share of the last-level cache; on a GPU,
whose cache is small, enough to keep all its cores busy."""

_ROWS = {"cpu": (16, 8192), "cuda": (64, 2**16)}
"""Fewest and most rows of a call, whatever the cache: fewer are all overhead, more gain nothing."""


class ScalarModel:
    """f: rows -> one number per row, evaluated on a private copy of the model.

    The copy is in eval behaviour and in `dtype`. Where it cannot run in that dtype (the model casts to
    float32 inside), it keeps the model's own dtype, with a PrecisionWarning; where the device has no such
    dtype, it lies on the CPU, with a FallbackWarning. `diagnostics` records both.

    Args:
        model: Module or callable on tensors, or the private copies of one that were made before.
        inputs: Tensor (B, …) or tuple of them: fixes B, and serves to try the copy.
        target: Captum's TargetType or a callable output -> (B,).
        additional_forward_args: What the model takes after the inputs; a dict by keyword, a non-tuple is one
            argument. Tensors of leading size B hold one entry per example unless they are marked by
            ``ta.shared`` or the model runs only where they are not; everything else is passed on as it is.
        dtype: Dtype of the analysis; None keeps the model's own.
        integers_allowed: Whether integer outputs are accepted (no derivatives are needed).
        trial: Rows the copy is tried on, tensors (R, …), with the example of each; None: the first inputs.
        held: Further inputs (B, …), by their place, that are passed on and never moved.
        established: What is known of the model already; checks write into it. None: nothing.
        columns: K where K consecutive examples are one row of the inputs, each asked about another output.

    Attributes:
        arguments: The additional forward arguments, and which hold one entry per example.
        function: The copy; takes inputs and extra arguments, returns the model's output.
        modules: The outermost private modules.
        dtype: Dtype of the values, `native` unless promoted.
        native: The model's own floating dtype.
        device: Where the analysis runs.
        tried: f of the rows of the trial, shape (R,); None where these copies were tried before.
        operations: Names of the torch functions called in the trial.
        coarsest_eps: Rounding of the coarsest dtype the model computes in: kernels round differently by batch
            size.
        widest: Bytes of the largest tensor they returned, per row.
        total: Bytes of all tensors they returned, per row.
        draws: Whether a global generator of random numbers moved in the trial.
        established: What was checked of the model before, and need not be again: ``rows`` (no row depends on
            the others), ``gradient`` (it is the derivative of the values).
        diagnostics: What was decided, by name.

    Raises:
        DtypeError: If the target's number is an integer and derivatives are needed.
        InputMutationError: If the model changes the tensors it is given.
        NonFiniteError: If a parameter is NaN or infinite, or a buffer is NaN.
        ShapeError: If the model runs on all inputs but not on the one row of a trial.
    """

    def __init__(
        self,
        model: Callable[..., Any] | PrivateModel,
        inputs: Tensors,
        *,
        target: AnyTarget = None,
        additional_forward_args: Any = None,
        dtype: torch.dtype | None = torch.float64,
        integers_allowed: bool = False,
        trial: Trial | None = None,
        held: Mapping[int, Tensor] | None = None,
        established: set[str] | None = None,
        columns: int = 1,
    ) -> None:
        rows = inputs if isinstance(inputs, tuple) else (inputs,)
        self.batch, self.columns = rows[0].shape[0], columns
        self.selector = TargetSelector(target, self.batch)
        self.private = model if isinstance(model, PrivateModel) else PrivateModel(model)
        facts = self.private.facts
        # the dtype the user runs the model in: the inputs' if the model has it, else the model's
        given = [x.dtype for x in rows if x.is_floating_point()]
        own = facts.dtypes or given or [torch.get_default_dtype()]
        self.native = given[0] if given and given[0] in own else own[0]
        self.arguments = ForwardArguments.of(additional_forward_args, self.batch, held)
        self.established = set() if established is None else established
        self._last_value: dict[str, Any] = {}
        self.diagnostics: dict[str, Any] = {}
        self.dtype = self.native if dtype is None else dtype
        self._moved: torch.device | None = None  # where the copies go, if not where the model lies
        self.device = self._device_for(facts.device or rows[0].device)
        if facts.fixed_batch is not None:
            self.diagnostics["fixed_batch_size"] = facts.fixed_batch
        if self.batch > 1 and any(self.arguments.per_example):
            self.arguments = self.arguments.read(partial(self._native_rows, rows), self.batch)
        self.varies = self.batch > 1 and (self.selector.each is not None or any(self.arguments.per_example))
        copied = self._try(rows, trial or self._first(rows), integers_allowed)
        self.function, self.modules = copied.function, copied.modules
        self.diagnostics |= {
            "dtype": str(self.dtype).removeprefix("torch."),
            "native_dtype": str(self.native).removeprefix("torch."),
            "device": str(self.device),
        }

    def values(self, xs: tuple[Tensor, ...], examples: Tensor, *, guarded: bool = True) -> Tensor:
        """Return f of each row, in the dtype of the analysis; differentiable.

        Args:
            xs: Input tensors, each (R, …).
            examples: Shape (R,), int64 on any device: row r uses the target and extra arguments of this
                example.
            guarded: Whether the user's generators are put back if the model draws random numbers.

        Returns:
            Shape (R,), on the device of the analysis.
        """
        with preserved_rng() if guarded and self.draws else nullcontext():
            return self.selector.select(self.output(xs, examples), examples).to(self.dtype)

    def output(self, xs: tuple[Tensor, ...], examples: Tensor) -> Any:
        """Return all that the model returns for rows, whatever the target; arguments as in `values`."""
        try:
            args, kwargs = self._prepared.given(examples)
            return self.function(*self._prepared.positional(xs, args), **kwargs)
        except Exception as error:
            at_the_model(error, xs, self.extra)
            raise

    def rows_per_call(self, xs: tuple[Tensor, ...]) -> int:
        """Return how many rows keep the widest intermediate tensor in cache, within bounds.

        Args:
            xs: Input tensors, each (R, …).
        """
        kind = "cuda" if self.device.type == "cuda" else "cpu"
        row_bytes = sum(x[:1].numel() * x.element_size() for x in xs)
        low, high = _ROWS[kind]
        fitting = int(_CACHE_BYTES[kind] // max(self.widest, row_bytes, 1))
        return 2 ** (min(max(fitting, low), high).bit_length() - 1)  # a power of two: whole rows of a table

    def in_precision(self, dtype: torch.dtype, inputs: tuple[Tensor, ...]) -> ScalarModel | None:
        """Return the same model evaluated in another dtype, tried on the first rows of inputs (B, …).

        Nothing is said about it: None where it does not run so.
        """
        twin = copy.copy(self)
        twin.dtype, twin.coarsest_eps, twin.diagnostics = dtype, torch.finfo(dtype).eps, {}
        twin.established = set(self.established)
        try:
            copied = self.private.copied(dtype, self.device)
            result, _ = twin._promoted(copied, self._first(inputs), dtype)
        except Exception:  # a model may refuse another precision in any way it likes
            return None
        if result is None:
            return None
        twin.function, twin.modules = copied.function, copied.modules
        return twin

    def alike(self, example: int, others: Sequence[int]) -> list[int]:
        """Return those of some examples that have the target and the extra arguments of one."""
        same = torch.ones(len(others), dtype=torch.bool)
        if self.varies and others:
            tables = [
                v for v, own in zip(self.arguments.values, self.arguments.per_example, strict=True) if own
            ]
            tables += [] if self.selector.each is None else [self.selector.each]
            rows = torch.tensor(others, dtype=torch.int64)
            for table in tables:
                equal = table[rows.to(table.device)] == table[example]
                same &= equal.reshape(len(others), -1).all(1).cpu()
        return [other for other, good in zip(others, same.tolist(), strict=True) if good]

    def asked_again(
        self, batch: int, target: AnyTarget, established: set[str], columns: int = 1
    ) -> ScalarModel:
        """Return the same model for another batch and target, not tried again; without further arguments."""
        twin = copy.copy(self)
        twin.batch, twin.columns, twin.selector = batch, columns, TargetSelector(target, batch)
        twin.varies = batch > 1 and twin.selector.each is not None
        twin.established, twin.diagnostics, twin.tried = established, dict(self.diagnostics), None
        return twin

    def known_value(self, row: tuple[Tensor, ...], evaluate: Callable[[], Tensor]) -> Tensor:
        """Return f at one row that is asked about again and again, (1,): the last one's is kept.

        Args:
            row: Tensors (1, …).
            evaluate: Evaluates f there.
        """
        before = self._last_value.get("f")
        if before is None or before[0] != self.selector.key or not all(map(torch.equal, row, before[1])):
            before = self.selector.key, tuple(part.clone() for part in row), evaluate()
            self._last_value["f"] = before
        return before[2]

    @property
    def module(self) -> nn.Module | None:
        """The private module whose submodules name the operations, None where there are several or none."""
        return self.modules[0] if len(self.modules) == 1 else None

    def native_call(self, example: int) -> tuple[Callable[..., Tensor], nn.Module | None]:
        """Return f of one example in the model's own dtype, for a program to be captured from.

        Returns:
            The function of inputs (1, …) that gives (1,), and the private module it runs, for hooks; None
            where the model is not one module.
        """
        copied = self.private.copied(None, self._moved)
        examples = torch.tensor([example])
        args, kwargs = self.arguments.copied(None, self.device).given(examples)

        def scalar(*xs: Tensor) -> Tensor:
            try:
                output = copied.function(*self.arguments.positional(xs, args), **kwargs)
            except Exception as error:
                at_the_model(error, xs, (*args, *kwargs))
                raise
            return self.selector.select(output, examples)

        return scalar, copied.modules[0] if len(copied.modules) == 1 else None

    @property
    def extra(self) -> tuple[Any, ...]:
        """The additional forward arguments as the analysis passes them on, those by keyword last."""
        return self._prepared.values

    def _native_rows(
        self, rows: tuple[Tensor, ...], arguments: ForwardArguments, examples: Tensor | None
    ) -> Tensor:
        """Return f of some examples in the model's own dtype; None: of all, with every argument as it is."""
        which = torch.arange(self.batch) if examples is None else examples
        xs = tuple(cast(x[which.to(x.device)], self.native, self.device).clone() for x in rows)
        with torch.no_grad(), preserved_rng():
            args, kwargs = arguments.copied(self.native, self.device).given(examples)
            function = self.private.copied(None, self._moved).function
            output = function(*arguments.positional(xs, args), **kwargs)
            return self.selector.select(output, which).detach().to(self.native)

    def _device_for(self, device: torch.device) -> torch.device:
        """Return the device of the analysis: this one, or the CPU where it has no such dtype."""
        try:
            torch.zeros(1, dtype=self.dtype, device=device)
        except (TypeError, RuntimeError):
            self.diagnostics["moved"] = str(device)
            warn(
                f"device {device} has no {self.dtype}; the analysis runs on a CPU copy of the model "
                "(pass dtype=torch.float32 to stay on the device)",
                FallbackWarning,
            )
            self._moved = torch.device("cpu")
            return self._moved
        return device

    def _first(self, rows: tuple[Tensor, ...]) -> Trial:
        """Return the first few rows as a trial: enough to see a dtype fail, few enough to cost nothing."""
        count = min(len(rows[0]), _TRIAL_ROWS)
        return tuple(x[:count] for x in rows), torch.arange(count)

    def _try(self, rows: tuple[Tensor, ...], trial: Trial, integers_allowed: bool) -> ModelCopy:
        """Return the copy to use, having run it on a few rows; sets dtype, extra, tried."""
        wanted = self.dtype
        copied = self.private.copied(wanted, self._moved)
        if copied.was_training:
            self.diagnostics["was_training"] = True
            warn(
                "the model is in training mode; it is analysed in eval behaviour (dropout off, running "
                "statistics). Call model.eval() before to silence this",
                TrainingModeWarning,
            )
        try:
            result, reason = self._promoted(copied, trial, wanted)
            if result is None:
                self.private.discard(copied)
                copied = self.private.copied(None, self._moved)
                result = self._trial(copied, trial, self.native)
        except TaylorAttrError:
            raise
        except Exception as error:  # whatever a user's forward may raise
            self._require_not_alone(copied, trial, rows, error)
            at_the_model(error, trial[0], self.arguments.values)
            raise
        if reason:
            self.dtype = self.native
            self.diagnostics["promoted"] = False
            warn(
                f"the model does not run in {wanted}: {reason}. The analysis uses {self.native}, the model's "
                "own dtype, and carries its rounding",
                PrecisionWarning,
            )
        elif self._lowered and torch.finfo(self._lowered[1]).eps > torch.finfo(wanted).eps:
            self.diagnostics["lowered_by"], self.diagnostics["lowest_dtype"] = map(str, self._lowered)
            warn(
                f"the model computes in {self._lowered[1]} inside (operation {self._lowered[0]!r}); the "
                f"analysis in {wanted} carries that rounding",
                PrecisionWarning,
            )
        if not result.is_floating_point() and not integers_allowed:
            raise DtypeError(
                f"the analysed output is {result.dtype}; derivatives need a floating-point output (logits or "
                "probabilities, not class indices). ta.harsanyi, shapley and occlusion accept it"
            )
        if result.dtype != self.dtype:
            self.diagnostics["output_dtype"] = str(result.dtype).removeprefix("torch.")
        lowered = self._lowered[1] if self._lowered else self.dtype
        self.coarsest_eps = max(torch.finfo(dtype).eps for dtype in (self.dtype, lowered))
        self.tried: Tensor | None = result.to(self.dtype)
        return copied

    def _require_not_alone(
        self, copied: ModelCopy, trial: Trial, rows: tuple[Tensor, ...], error: Exception
    ) -> None:
        """Raise the error that fits a model that runs on all inputs, but not on the one row tried."""
        if len(trial[1]) != 1 or self.batch == 1:
            return
        everything = rows, torch.arange(self.batch)
        try:
            self._trial(copied, everything, self.dtype if copied.converted else self.native)
        except Exception:  # it does not run there either: the first error is the user's
            return
        raise ShapeError(
            f"the model runs on a batch of {self.batch} but not on one row alone ({error}): rows must be "
            "independent. Batch statistics need running values: track_running_stats=True"
        ) from error

    def _promoted(self, copied: ModelCopy, trial: Trial, wanted: torch.dtype) -> tuple[Tensor | None, str]:
        """Return the values of the trial, or None and why the copy cannot be used in this dtype."""
        try:
            result = self._trial(copied, trial, wanted)
        except (RuntimeError, TypeError, ValueError) as error:
            if wanted == self.native or isinstance(error, TaylorAttrError):
                raise
            return None, f"running it so fails ({_first_line(error)})"
        if wanted == self.native or not result.is_floating_point():
            return result, ""
        if torch.finfo(result.dtype).eps <= torch.finfo(wanted).eps:
            return result, ""
        return None, f"its output is {result.dtype}"

    def _trial(self, copied: ModelCopy, trial: Trial, dtype: torch.dtype) -> Tensor:
        """Return f of the rows of the trial by this copy, noting what is seen of the model on the way."""
        rows, examples = trial
        self._prepared = self.arguments.copied(dtype, self.device)
        kept = tuple(cast(x, dtype, self.device) for x in rows)
        xs = tuple(x.clone() for x in kept)
        versions = [x._version for x in xs]
        args, kwargs = self._prepared.given(examples)
        with torch.no_grad(), preserved_rng() as draws, Watch() as seen:
            output = copied.function(*self._prepared.positional(xs, args), **kwargs)
        self.draws = draws.happened
        require_unwritten(xs, kept, versions)
        self.operations = frozenset(seen.operations)
        self.widest, self.total = seen.widest / len(examples), seen.total / len(examples)
        self._lowered = (seen.lowered_by, seen.lowest) if seen.lowest is not None else None
        if self.selector.function is None and output is not tensor_output(output):
            self.diagnostics["output"] = "logits"
        return self.selector.select(output, examples).detach()


def is_row_of_classes(output: Any) -> bool:
    """Return whether a model's output is one row of several numbers for each example, shape (R, K)."""
    found = output if isinstance(output, Tensor) else getattr(output, "logits", None)
    return isinstance(found, Tensor) and found.ndim == 2 and found.shape[1] > 1


def _first_line(error: BaseException) -> str:
    lines = str(error).splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:160]}"


class Watch(TorchFunctionMode):
    """Sees the torch functions called while it is open; scripted code is seen from outside only.

    Attributes:
        widest: Bytes of the largest tensor any of them returned.
        total: Bytes of all tensors they returned.
        operations: Their names.
        lowered_by: Name of the first one that turned a floating tensor into a coarser dtype, else "".
        lowest: The dtype it gave; None if there was no such operation.
    """

    def __init__(self) -> None:
        super().__init__()
        self.widest = self.total = 0
        self.operations: set[str] = set()
        self.lowered_by = ""
        self.lowest: torch.dtype | None = None

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", str(func))
        self.operations.add(name)
        written = args[:1] if name in ("__setitem__", "copy_") else ()
        with torch._C.DisableTorchFunction():
            floats = (a.dtype for a in args if isinstance(a, Tensor) and a.is_floating_point())
            # of a call by keywords alone nothing is known, and any result counts; integers are never lowered
            finest = min((torch.finfo(dtype).eps for dtype in floats), default=float("inf") if args else 0.0)
            for part in (*result, *written) if isinstance(result, (tuple, list)) else (result, *written):
                if not isinstance(part, Tensor):
                    continue
                size = part.numel() * part.element_size()
                self.widest, self.total = max(self.widest, size), self.total + size
                if self.lowered_by or not part.is_floating_point():
                    continue
                if finest < torch.finfo(part.dtype).eps:
                    self.lowered_by, self.lowest = name, part.dtype
        return result


def require_unwritten(given: Sequence[Tensor], kept: Sequence[Tensor], versions: Sequence[int]) -> None:
    """Compare what a model was given with what it was, after the call.

    Args:
        given: Tensors the model was called with.
        kept: The same values, in memory the model cannot reach.
        versions: Version counters of `given` before the call; writes through NumPy do not move them.

    Raises:
        InputMutationError: If one of them was written to; names it.
    """
    for i, (now, before, version) in enumerate(zip(given, kept, versions, strict=True)):
        if now._version != version or not torch.equal(now, before):
            name = f"inputs[{i}]" if len(given) > 1 else "inputs"
            raise InputMutationError(
                f"the model writes to {name} (an in-place operation on its argument, such as x += 1 or "
                "ReLU(inplace=True) as first layer); make it work on a copy: x = x.clone()"
            )
