"""Does the model behave like a function of each row? Checked once, before any analysis.

Every example is evaluated twice, in different batches and at different places: once with all others, once
with those whose number is even, or odd, as its own. Where the two agree like two runs of one call, the model
neither draws random numbers, nor keeps state, nor mixes rows; where they do not, a call is made again to tell
which it is. One example would not do: the largest or longest of a batch does not feel the others. Where the
same model was asked about other rows before, as by an audit about masked inputs, a sample of them will do.
"""

from __future__ import annotations

import copy
import math
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

from taylorattr.analysis.scalar import ScalarModel, Trial, require_unwritten
from taylorattr.analysis.shared_rows import values_once
from taylorattr.errors import NondeterministicModelError, NonFiniteError, ShapeError, TaylorAttrError
from taylorattr.program.arguments import results
from taylorattr.program.isolate import preserved_rng
from taylorattr.program.record import record

_CHUNK = 64
_REPEATED = 8

WITNESSES = 64
"""Rows that are evaluated in a second batch where all rows of an earlier question were."""

Rows = tuple[Tensor, ...]
"""One tensor (R, …) per input tensor."""


def first_rows(x: Rows, b: Rows, *, later: bool, both: bool = False) -> Trial:
    """Return the rows of the first call, the witness at their end.

    Args:
        x: Inputs (B, …).
        b: Baselines (B, …).
        later: Whether f(x) is handed in later: b_0 and x_0, else x_0 alone.
        both: Whether f(b) is handed in as well: the last example alone, if it is not the only one.
    """
    if both and len(x[0]) > 1:
        return tuple(end[-1:] for end in x), torch.tensor([len(x[0]) - 1])
    if not later:
        return tuple(end[:1] for end in x), torch.zeros(1, dtype=torch.int64)
    pairs = tuple(torch.cat([start[:1], end[:1]]) for end, start in zip(x, b, strict=True))
    return pairs, torch.zeros(2, dtype=torch.int64)


class Outputs:
    """f(x) and f(b), each evaluated and checked once.

    A method that runs the model on all of x anyway hands its values in by `settle`, and those at b by
    `settle_baseline`: they are checked like those of a call made here, and the model does not run there a
    second time.

    Args:
        scalar: The model, tried on `first_rows`.
        x: Inputs (B, …) in the analysis dtype.
        b: Baselines (B, …), likewise; equal rows are evaluated once.
        later: Whether f(x) is handed in, or evaluated when it is first asked for.
        both: Whether f(b) is too.
        internal_batch_size: Rows per call; None: 64, or as many as stay in cache.

    Raises:
        NonFiniteError: If an output is NaN or infinite.
        InputMutationError: If a call changes the tensors it is given.
        NondeterministicModelError: If the same batch gives different outputs.
        ShapeError: If the witness has another output in another batch.
    """

    def __init__(
        self,
        scalar: ScalarModel,
        x: Rows,
        b: Rows,
        *,
        later: bool,
        both: bool = False,
        internal_batch_size: int | None,
    ) -> None:
        self._scalar, self._x, self._b = scalar, x, b
        self._first, examples = first_rows(x, b, later=later, both=both), torch.arange(scalar.batch)
        self._witness = int(self._first[1][-1])
        # of three rows the middle one would keep its place where a model reverses them
        self._at_most = 2 if internal_batch_size == 3 else internal_batch_size
        self._size = self._at_most or max(_CHUNK, scalar.rows_per_call(x))
        self._f_input: Tensor | None = None
        self._f_baseline: Tensor | None = None
        self._beside_another = False  # whether a single example was evaluated in a batch with something else
        if scalar.draws:
            self._require_repeatable()
        tried = scalar.tried
        if later or both:
            if tried is None:  # known copies: nothing is asked of them twice
                return
            if not bool(torch.isfinite(tried[-1])):
                _ = self.f_input  # says which example is the first
            require_finite(scalar, x, tried[-1:], "input", self._witness)
            if len(tried) == 2:  # b_0 was tried too
                own = self._baselines()
                others = self._evaluate(tuple(r[1:own] for r in b), examples[1:own])
                self._settle_baselines(torch.cat([tried[:1], others]))
            return
        # b_0, x_0, x_1, …, b_1, …: x_0 is never the only row of a call, nor first, nor the middle of three
        own = self._baselines()
        self._beside_another = any(bool((e[:1] != s[:1]).any()) for e, s in zip(x, b, strict=True))
        parts = [examples[:1], examples, examples[1:own]]
        if scalar.batch + own == 3:
            parts.append(examples[-1:])
        rows = tuple(torch.cat([s[:1], e, s[1:own], e[-1:]][: len(parts)]) for e, s in zip(x, b, strict=True))
        start, f_x, others, *_ = self._evaluate(rows, torch.cat(parts)).split([len(p) for p in parts])
        require_finite(scalar, x, f_x, "input")
        self._settle_baselines(torch.cat([start, others]))
        self._settle_inputs(f_x, x, self._size)

    @property
    def f_baseline(self) -> Tensor:
        """f(b), shape (B,)."""
        if self._f_baseline is None:
            own = self._baselines()
            with torch.inference_mode(False), self._guarded():
                if self._scalar.tried is None and len(self._first[1]) == 2:  # in the batch of a first trial
                    row = tuple(r[:1] for r in self._b)
                    start = self._scalar.known_value(row, lambda: self._evaluate(*self._first)[:1])
                    others = self._evaluate(tuple(r[1:own] for r in self._b), torch.arange(1, own))
                    self._settle_baselines(torch.cat([start, others]))
                else:
                    self._settle_baselines(self._evaluate(tuple(r[:own] for r in self._b), torch.arange(own)))
        assert self._f_baseline is not None
        return self._f_baseline

    @property
    def f_input(self) -> Tensor:
        """f(x), shape (B,)."""
        if self._f_input is None:
            with torch.inference_mode(False), self._guarded():
                values = self._evaluate(self._x, torch.arange(self._scalar.batch))
                self._settle_inputs(values, self._x, self._size)
        assert self._f_input is not None
        return self._f_input

    def _guarded(self) -> AbstractContextManager[Any]:
        """Return a context that puts back what the model draws; copies that are known draw nothing."""
        return nullcontext() if self._scalar.tried is None else preserved_rng()

    def settle(self, values: Tensor, rows: Rows | None = None, *, witnessed: bool = False) -> None:
        """Take f(x) from a run of the model on all of x in one batch, once; check it.

        Args:
            values: Shape (B,).
            rows: x as that run had it, in another memory layout: so is it evaluated again.
            witnessed: Whether the model itself gave them beside a replay of its operations, so that nothing
                is left to ask of a model whose rows are known not to depend on each other.

        Raises:
            NonFiniteError: If an output is NaN or infinite.
            NondeterministicModelError: If the first call, made again, gives something else.
            ShapeError: If the witness had another output in another batch.
        """
        if self._f_input is not None:
            return
        if witnessed and "rows" in self._scalar.established:
            require_finite(self._scalar, self._x, values, "input")
            self._f_input = values.detach().clone()
            return
        self._settle_inputs(values.detach(), rows or self._x, self._at_most or self._scalar.batch)

    def settle_baseline(self, values: Tensor) -> None:
        """Take f(b), shape (B,) or (1,) where all share it, from a run of the model there, once; check it.

        Raises:
            NonFiniteError: If an output is NaN or infinite.
        """
        if self._f_baseline is None:
            self._settle_baselines(values.detach())

    def _settle_inputs(self, values: Tensor, rows: Rows, size: int) -> None:
        require_finite(self._scalar, self._x, values, "input")
        if self._scalar.tried is not None:
            self._compare(values, rows, size, self._scalar.tried)
        self._f_input = values.clone()

    def _settle_baselines(self, values: Tensor) -> None:
        require_finite(self._scalar, self._b, values, "baseline")
        self._f_baseline = values.expand(self._scalar.batch).clone()

    def _baselines(self) -> int:
        """Return how many baselines there are to evaluate: one, or one for each example."""
        equal = not self._scalar.varies and all(bool((part == part[:1]).all()) for part in self._b)
        return 1 if equal else self._scalar.batch

    def against(self, f_baseline: Tensor) -> Outputs:
        """Return the same f(x) beside other values f(b), shape (B,), which were evaluated elsewhere."""
        twin = copy.copy(self)
        twin._f_baseline = f_baseline
        return twin

    def part(self, examples: Tensor) -> Outputs:
        """Return f(x) and f(b) of some examples."""
        twin = copy.copy(self)
        twin._f_input, twin._f_baseline = self.f_input[examples], self.f_baseline[examples]
        return twin

    def _compare(self, f_x: Tensor, rows: Rows, size: int, tried: Tensor) -> None:
        """Compare f of every example in two batches, and of the one that was tried in a third.

        Args:
            f_x: Of all in one batch, or in batches of this size.
            rows: x in the memory layout of that run.
            size: Most rows per call.
            tried: f of the witness by itself, last.

        Raises:
            NondeterministicModelError: If a call made again gives something else.
            ShapeError: If an example has another output in another batch, beyond rounding.
            TaylorAttrError: What a further call of the model may raise.
        """
        known = f_x if self._f_baseline is None else torch.cat([f_x, self._f_baseline])
        largest = max(1e-3, float(known.abs().max()))
        allowed = 1e3 * self._scalar.coarsest_eps * largest
        same = abs(float(tried[-1]) - float(f_x[self._witness])) <= allowed
        if same and len(f_x) == 1:
            if self._beside_another:
                self._scalar.established.add("rows")
            return
        with torch.inference_mode(False), preserved_rng():
            if not same:
                if not self._scalar.draws:
                    again = _call(self._scalar, *self._first)
                    _compare_repeat(tried, again, _same_call(largest, self._scalar.dtype))
                self._require_close(f_x[self._witness, None], tried[-1:], allowed, self._first_x())
            if len(f_x) == 1:
                return
            parts = [torch.arange(start, len(f_x), 2) for start in (0, 1)]
            if len(f_x) > WITNESSES and "rows" in self._scalar.established:
                drawn = torch.randperm(len(f_x), generator=torch.Generator().manual_seed(0))
                parts = [drawn[:WITNESSES].sort().values]
            for part in parts:
                apart = tuple(x[part.to(x.device)] for x in rows)
                try:
                    other = self._evaluate(apart, part, size)
                except TaylorAttrError:
                    raise
                except (RuntimeError, ValueError):  # it runs on whole batches only, as a single row may not
                    return
                self._require_close(f_x[part.to(f_x.device)], other, allowed, (apart, part))
            if any(bool((part != part[:1]).any()) for part in rows):  # equal rows feel no mean over them
                self._scalar.established.add("rows")

    def _first_x(self) -> Trial:
        """Return the example that was tried, as a row of its own."""
        rows, examples = self._first
        return tuple(r[-1:] for r in rows), examples[-1:]

    def _require_close(self, together: Tensor, apart: Tensor, allowed: float, rows: Trial) -> None:
        """Refuse outputs of the same examples in two batches that differ by more than rounding.

        Raises:
            NondeterministicModelError: If the second call made again gives something else.
            ShapeError: If they differ.
        """
        spread = (together - apart).abs()
        if not bool((spread > allowed).any()):
            return
        xs, examples = rows
        again = self._evaluate(xs, examples)
        if not self._scalar.draws and len(examples) > 1:
            _compare_repeat(apart, again, allowed)
        # what rounding of the inputs does to the outputs (sums that cancel), rounding inside does too
        felt = (self._evaluate(shaken(xs, self._scalar.coarsest_eps), examples) - again).abs().max()
        allowed = max(allowed, 30 * float(felt))
        if not bool((spread > allowed).any()):
            return
        k = int(spread.argmax())
        raise ShapeError(
            "the output of an example depends on the other rows of its batch: that of example "
            f"{int(examples[k])} is {float(together[k]):.8g} in a batch with all examples and "
            f"{float(apart[k]):.8g} with fewer. Batch statistics (BatchNorm without running statistics), a "
            "softmax, mean, maximum or norm over dimension 0, cutting to the longest row and factors by "
            "position do that; make every row independent, or call taylorattr one example at a time. If it "
            "is only rounding, pass dtype=torch.float64"
        )

    def _require_repeatable(self) -> None:
        """Compare two calls of a model that moves a global generator: it may have seeded it itself."""
        examples = torch.arange(_REPEATED) % self._scalar.batch
        rows = tuple(part[examples.to(part.device)] for part in self._x)
        first, again = (_call(self._scalar, rows, examples) for _ in range(2))
        _compare_repeat(first, again, _same_call(max(1e-3, float(first.abs().max())), self._scalar.dtype))

    def _evaluate(self, rows: Rows, examples: Tensor, size: int | None = None) -> Tensor:
        """Return f of any number of rows, shape (R,), so many per call."""
        size = size or self._size
        chunks = range(0, len(examples), size)
        parts = [(tuple(r[i : i + size] for r in rows), examples[i : i + size]) for i in chunks]
        values = [_call(self._scalar, *part) for part in parts]
        return torch.cat(values) if values else rows[0].new_empty(0, dtype=self._scalar.dtype)


def check_point(scalar: ScalarModel, x: Rows) -> None:
    """Check a model at its inputs alone; x_0 is evaluated beside itself. Known copies are not asked again.

    Args:
        scalar: The model, tried on x_0 alone.
        x: Inputs (B, …) in the analysis dtype.

    The errors are those of `Outputs`.
    """
    if scalar.tried is None:  # what they said then of rows and repeats holds for all
        return
    b = tuple(part[:1].expand_as(part) for part in x)
    _ = Outputs(scalar, x, b, later=False, internal_batch_size=None).f_input


def _call(scalar: ScalarModel, rows: Rows, examples: Tensor) -> Tensor:
    """Return f of rows that fit one call, on copies that must come back unwritten."""
    given = tuple(r.clone() for r in rows)
    versions = [g._version for g in given]
    with torch.no_grad():
        result = values_once(scalar, given, examples, guarded=False)
    require_unwritten(given, rows, versions)
    return result.detach()


def require_finite(scalar: ScalarModel, rows: Rows, values: Tensor, side: str, start: int = 0) -> None:
    """Refuse outputs of rows that are not finite.

    Args:
        scalar: The model.
        rows: All rows, or those from start on.
        values: Outputs of rows start, start + 1, …
        side: Where they lie, for the message.
        start: Number of the first.

    Raises:
        NonFiniteError: If one is NaN or infinite.
    """
    if math.isfinite(values.sum()) or bool(torch.isfinite(values).all()):
        return
    bad = (~torch.isfinite(values)).nonzero().reshape(-1)
    row = start + int(bad[0])
    here = row if len(rows[0]) > len(values) else int(bad[0])
    place = first_bad_operation(scalar, tuple(r[here : here + 1] for r in rows), row)
    raise NonFiniteError(
        f"the model's output is {float(values[row - start])} at the {side} of example {row} ({len(bad)} of "
        f"{len(values)} outputs there are not finite){', first ' + place if place else ''}; check the model "
        "there, or choose another baseline"
    )


def _same_call(largest: float, dtype: torch.dtype) -> float:
    """Tolerance between two runs of one call: some rounding, for devices with atomic additions."""
    return 1e3 * torch.finfo(dtype).eps * largest


def shaken(rows: Rows, eps: float) -> Rows:
    """Return rows whose floating-point entries are moved up or down by one rounding, seeded."""
    generator = torch.Generator().manual_seed(0)
    return tuple(
        x * (1 + eps * (2 * torch.randint(0, 2, x.shape, generator=generator).to(x) - 1))
        if x.is_floating_point()
        else x
        for x in rows
    )


def _compare_repeat(first: Tensor, again: Tensor, tolerance: float) -> None:
    """Refuse a model that gives something else for the same call made again."""
    spread = (first - again).abs()
    if bool((spread > tolerance).any()):
        row = int(spread.argmax())
        raise NondeterministicModelError(
            f"the model gives {float(first[row]):.8g} and then {float(again[row]):.8g} for the same "
            "input: it draws random numbers (dropout called with training=True, sampling, added noise) or "
            "keeps state between calls. Make it deterministic, for instance by a fixed seed inside forward"
        )


def first_bad_operation(scalar: ScalarModel, row: tuple[Tensor, ...], example: int) -> str:
    """Return the first operation with a result of the kind that reaches the output.

    For an output that is NaN the first NaN, else the first infinity; attention masks hold infinities that do
    no harm.

    Args:
        scalar: The model.
        row: Inputs (1, …) at which its output is not finite.
        example: Whose target and extra arguments are used.

    Returns:
        Such as ``in aten.log.default (module 'norm', net.py:12)``; empty where the operations cannot be told,
        or the target picks the value out of an output that is made elsewhere.
    """
    examples = torch.tensor([example])
    try:
        program = record(lambda *xs: scalar.values(xs, examples), row, module=scalar.module, keep_values=True)
    except Exception:  # an explanation beside the error; a model need not be recordable
        return ""
    output = program.values.get(program.output.index)
    wrong = torch.isnan if output is None or bool(torch.isnan(output).any()) else torch.isinf
    for node in program.nodes:
        for index in results(node):
            value = program.values.get(index)
            if value is not None and value.is_floating_point() and bool(wrong(value).any()):
                named = f"module {node.module!r}, " if node.module else ""
                return f"in {node.op} ({named}{node.where or 'no source line'})"
    return ""
