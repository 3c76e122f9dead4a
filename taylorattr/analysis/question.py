"""Question: a model and what is asked of it, built once at a public function's door and handed on whole."""

from __future__ import annotations

import numbers
import warnings
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from taylorattr.aliases import AnyTarget, Baselines, Tensors
from taylorattr.analysis.forward_arguments import ForwardArguments, cast
from taylorattr.analysis.game import Game, blocks, move_unnamed, say_zero_difference
from taylorattr.analysis.guards import Outputs, Rows, check_point, first_rows
from taylorattr.analysis.inputs import (
    A_SET,
    baseline_tuple,
    held_integers,
    input_tuple,
    reference_tuple,
    require_floating,
    without_held,
)
from taylorattr.analysis.model_errors import require_model
from taylorattr.analysis.players import PlayersLike, player_maps, resolve_players
from taylorattr.analysis.prepared_model import PreparedModel
from taylorattr.analysis.private_model import PrivateModel
from taylorattr.analysis.scalar import ScalarModel, is_row_of_classes
from taylorattr.analysis.shared_rows import columns_at
from taylorattr.analysis.targets import TargetSelector, tensor_output
from taylorattr.errors import (
    HeldInputWarning,
    OptionError,
    TargetError,
    TaylorAttrWarning,
    require_instance,
    require_whole_number,
    warn,
)
from taylorattr.program.isolate import preserved_rng

AVERAGED = "; to average over a reference set, pass it as references="
"""What to do with a reference set where a call takes one under that name."""

REFERENCE_ROWS = 256
"""References per model call where the user leaves the batch size open."""


@dataclass(frozen=True, eq=False)
class Question:
    """What an analysis is asked: a model, where it is looked at, and which number of its output.

    Nothing runs until `game` or `point` is read. Both are made once: whoever holds the question has the
    private copy of the model, the checks, f(x), f(b) and the programs captured on the way. `with_inputs` and
    `against` ask the same model something else, on the same copies.

    Attributes:
        model: Module or callable on torch tensors, or what ``ta.prepare`` made of one; never changed.
        inputs: Tensor (B, …) or tuple of them; floating-point where derivatives are taken.
        baselines: None (zeros), number, tensor (1, …) or (B, …), or a tuple of these, one per input tensor.
        target: Which number of the output is analysed: captum's TargetType (None for one number per row, an
            int, a tuple, one per example) or a callable output -> (B,).
        players: Which elements move together: integer mask(s), index lists or ``ta.Players``; None: every
            element is a player.
        additional_forward_args: What the model takes after the inputs; a dict by keyword, a non-tuple is one
            argument. A tensor of leading size B holds one entry per example, unless ``ta.shared(tensor)``
            says that all share it or the model runs only so.
        dtype: Dtype of the analysis; None keeps the model's own.
        internal_batch_size: Rows per model call; None: chosen from memory.
        seed: Seed of everything drawn at random; the global generators are left alone.
        show_progress: Whether to show a progress bar.
        references: Reference set (R, …), as tensors that fit the inputs, for methods that average over one
            themselves; the baseline is then only a stand-in.
        one_of: R where the baseline is one of R references over which answers are averaged (`starts`): work
            is planned for all, and an input that is among the references is no fault.
        averages: Whether the public function takes a reference set, for the message to one who passes it as
            baselines.
        integers_allowed: Whether integer inputs (token ids) and integer outputs are accepted. Where they are
            not, integer inputs beside floating-point ones are held: derivatives are those of the others.
        held: The inputs that are held, (B, …), by their place among all inputs; `inputs` and `baselines` are
            then those of the others. Filled in where it is needed.
        input_later: Whether f(x) is left to the asker, who runs the model on all of x in any case and gives
            its values to ``game.outputs.settle``; whoever reads ``game.f_input`` before has it evaluated.
        baseline_later: Whether f(b) is left to the asker too, for ``game.outputs.settle_baseline``.
        private: Private copies of the model, to share between questions; None: new ones.
        established: What was checked of these copies, as in `ScalarModel`; questions on the same copies share
            it, so that each check is made once, however many there are.
        columns: K where K consecutive examples are one row of the user's, each asked about another output:
            the model runs once for them (`about_outputs`).
        programs: What was captured for series of the game, by frame.
    """

    model: Callable[..., Any]
    inputs: Tensors
    baselines: Baselines = None
    target: AnyTarget = None
    players: PlayersLike = None
    additional_forward_args: Any = None
    dtype: torch.dtype | None = torch.float64
    internal_batch_size: int | None = None
    seed: int = 0
    show_progress: bool = False
    references: tuple[Tensor, ...] | None = None
    one_of: int = 1
    averages: bool = False
    integers_allowed: bool = False
    input_later: bool = False
    baseline_later: bool = False
    private: PrivateModel | None = None
    established: set[str] = field(repr=False, default_factory=set)
    held: Mapping[int, Tensor] = field(default_factory=dict)
    columns: int = 1
    programs: dict[str, list[Any]] = field(init=False, repr=False, default_factory=dict)
    _memory: dict[str, Any] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Check what costs nothing to check.

        Raises:
            OptionError: If internal_batch_size is no positive integer, the dtype no floating-point dtype of
                torch, or the model no callable instance.
        """
        require_whole_number("internal_batch_size", self.internal_batch_size, optional=True)
        require_instance("seed", self.seed, numbers.Integral, "an integer")
        dtype = self.dtype
        if dtype is not None and not isinstance(dtype, torch.dtype):
            raise OptionError(
                f"dtype={dtype!r} is a {type(dtype).__name__}; expected a torch dtype: torch.float64"
            )
        if dtype is not None and not dtype.is_floating_point:
            raise OptionError(f"dtype={dtype}; expected a floating-point dtype such as torch.float64")
        if isinstance(self.model, PreparedModel):
            held = self.model.held()
            object.__setattr__(self, "private", held.private)
            object.__setattr__(self, "established", held.established)
            object.__setattr__(self, "model", self.model.user_model)
        elif self.private is None:
            require_model(self.model)
            object.__setattr__(self, "private", PrivateModel(self.model))
            object.__setattr__(self, "established", set())  # it was about the copies of another question
        if not self.held and not self.integers_allowed:
            held = held_integers(self.inputs)
            if held:
                self._hold(held)

    def _hold(self, held: Mapping[int, Tensor]) -> None:
        """Take integer inputs out of those that move, and say so."""
        everything = input_tuple(self.inputs)
        baselines = self.baselines
        if isinstance(baselines, tuple) and len(baselines) != len(everything):
            baseline_tuple(baselines, everything)  # says how many there are to be
        object.__setattr__(self, "held", {place: _own(x) for place, x in held.items()})
        object.__setattr__(self, "inputs", tuple(x for i, x in enumerate(everything) if i not in held))
        object.__setattr__(self, "baselines", without_held(baselines, held, "baselines"))
        names = " and ".join(f"inputs[{place}]" for place in held)
        warn(
            f"{names} holds integers, along which there are no derivatives: held at the input, with scores "
            "of 0. Methods without derivatives (ta.harsanyi, shapley, occlusion_1) replace integers too",
            HeldInputWarning,
        )

    def with_held(self, parts: Rows, fill: Callable[[Tensor], Tensor]) -> Rows:
        """Return one tensor for each input of the user's out of those for the inputs that move.

        Args:
            parts: One for each input that moves.
            fill: Held input -> what stands in its place.
        """
        whole = [*parts]
        for place, x in self.held.items():
            whole.insert(place, fill(x))
        return tuple(whole)

    def with_inputs(self, inputs: Tensors, baselines: Baselines = None, **changes: Any) -> Question:
        """Return the same asked at other inputs and baselines, on the same copies of the model.

        Args:
            inputs: Tensor (B, …) or tuple of them.
            baselines: Theirs.
            **changes: Further attributes that differ.
        """
        return replace(self, inputs=inputs, baselines=baselines, **{"columns": 1} | changes)

    def against(self, baselines: Baselines, one_of: int = 1) -> Question:
        """Return the same asked against other baselines, on the same copies of the model.

        Args:
            baselines: They.
            one_of: Over how many such questions the answers are averaged.
        """
        return replace(self, baselines=baselines, one_of=one_of)

    def against_all(self, starts: list[Rows], one_of: int) -> tuple[Question, list[Tensor]]:
        """Return the same asked of each example against several baselines, as examples of one question.

        Args:
            starts: The baselines, each (1, …).
            one_of: Over how many such questions the answers are averaged.

        Returns:
            The question, and for each baseline which examples of it are those against that baseline.
        """
        rows = tuple(torch.cat(parts) for parts in zip(*starts, strict=True))
        every = torch.arange(len(self.rows[0])).reshape(-1, 1, self.columns)  # columns stay together
        index = every.expand(-1, len(starts), -1)
        number = torch.arange(len(starts))[:, None].expand(index.shape).reshape(-1)
        tiled = tuple(r[number] for r in rows)
        asked = self.against(starts[0], one_of).taking(index.reshape(-1))
        asked = replace(asked, baselines=tiled if self.as_tuple else tiled[0])
        return asked, [(number == k).nonzero()[:, 0] for k in range(len(starts))]

    def taking(self, index: Tensor, *, a_set: bool = False) -> Question:
        """Return the same asked of some examples, which may come in any order and again, on the same copies.

        Args:
            index: Their numbers.
            a_set: Whether the baselines are a reference set, which all examples share.
        """

        def taken(tensor: Tensor) -> Tensor:
            return tensor[index.to(tensor.device)]

        rows = tuple(map(taken, self.rows))
        batch, extra, start = len(self.rows[0]), self.additional_forward_args, self.baselines
        each = TargetSelector(self.target, batch).each
        arguments = ForwardArguments.of(extra, batch)
        if any(arguments.per_example):
            # which are the examples' own shows only where the model runs
            arguments = self.game.scalar.arguments if batch > 1 else arguments
            extra = arguments.for_rows(taken, len(index))
        if batch > 1 and start is not None and not a_set:
            full = baseline_tuple(start, self.rows, AVERAGED if self.averages else A_SET)
            start = tuple(map(taken, full)) if self.as_tuple else taken(full[0])
        return replace(
            self,
            inputs=rows if self.as_tuple else rows[0],
            baselines=start,
            target=self.target if each is None else [tuple(entry) for entry in taken(each).tolist()],
            additional_forward_args=extra,
            held={place: taken(x) for place, x in self.held.items()},
        )

    def starts(self, references: Tensors) -> list[Rows]:
        """Return the references of a set one by one, each as baselines (1, …) for `against`.

        Args:
            references: Tensor (R, …), tuple of them, or a number.

        Raises:
            OptionError: If there are baselines as well.
            ShapeError: If they do not fit the inputs.
            DtypeError: If references of integer inputs are no integers.
            NonFiniteError: If a value is NaN or infinite.
        """
        if self.baselines is not None:
            raise OptionError(
                "baselines and references are both given; references are baselines to average over"
            )
        rows = reference_tuple(without_held(references, self.held, "references"), self.rows, "references")
        return [tuple(r[i : i + 1] for r in rows) for i in range(len(rows[0]))]

    @cached_property
    def rows(self) -> Rows:
        """The inputs as a tuple of tensors (B, …), checked.

        Raises:
            ShapeError: If they are no tensors with one batch size, or empty.
            DtypeError: If they are complex, or integers where derivatives are needed.
            NonFiniteError: If a value is NaN or infinite.
        """
        rows = input_tuple(self.inputs)
        if not self.integers_allowed:
            require_floating(rows)
        return rows

    @property
    def as_tuple(self) -> bool:
        """Whether the inputs were given as a tuple: results have their structure."""
        return isinstance(self.inputs, tuple)

    @cached_property
    def player_names(self) -> tuple[str, ...]:
        """Names of the players; nothing runs.

        Raises:
            PlayerError: If they do not fit the inputs.
        """
        return resolve_players(self.players, self.with_held(self.rows, lambda x: x)).names

    @property
    def game(self) -> Game:
        """f̃ between baselines and inputs, with f(x) and f(b) of every example, all checked.

        Raises:
            ShapeError: Shapes or batch sizes that do not fit, an empty batch, an output without batch
                dimension, or a model whose rows depend on each other.
            DtypeError: Integer inputs where derivatives are needed, or without an integer baseline.
            NonFiniteError: NaN or infinity in inputs, baselines, parameters or output.
            TargetError: A target missing, out of range or of the wrong form.
            PlayerError: Players that overlap, leave elements out or have names that do not fit.
            NondeterministicModelError: Different outputs for the same input.
            InputMutationError: The model writes to its input.
            TaylorAttrError: What all of these are.
        """
        # no cached_property: a warning on the way names the user's line, the first outside this package
        if "game" in self._memory:
            return self._memory["game"]
        # inference tensors could take no part in derivatives; whatever the model draws is put back
        with torch.inference_mode(False), self._guarded():
            rows = self.rows
            everything = self.with_held(rows, lambda x: x) if self.held else rows
            players = resolve_players(self.players, everything)
            maps = player_maps(players, everything)
            maps = tuple(m for place, m in enumerate(maps) if place not in self.held)
            x = tuple(map(_own, rows))
            start = baseline_tuple(self.baselines, rows, AVERAGED if self.averages else A_SET)
            b = tuple(map(_own, start))
            if players.rest is not None:
                move_unnamed(players.rest, maps, x, b)
            scalar, baseline_later = self.tried(x, b, later=self.input_later, both=self.baseline_later)
            x, b = (tuple(cast(part, scalar.dtype, scalar.device) for part in end) for end in (x, b))
            maps = tuple(m.to(scalar.device) for m in maps)
            outputs = Outputs(
                scalar,
                x,
                b,
                later=self.input_later,
                both=baseline_later,
                internal_batch_size=self.internal_batch_size,
            )
            diagnostics = dict(scalar.diagnostics)
            if self.held:
                diagnostics["held_inputs"] = list(self.held)
            # one baseline and no more; of equal references, the first
            alike = self.references is None or all(bool((r == r[:1]).all()) for r in self.references)
            if self.one_of == 1 and alike:
                say_zero_difference(x, [b], diagnostics)
        game = Game(scalar, x, b, players, maps, outputs, diagnostics, self.internal_batch_size)
        self._memory["game"] = game
        return game

    @property
    def point(self) -> tuple[ScalarModel, Rows]:
        """The model as f and the inputs in the analysis dtype: what derivatives at x alone need.

        There is no baseline and there are no players; the errors are those of `game`.
        """
        if "point" not in self._memory:
            with torch.inference_mode(False), self._guarded():
                scalar, _ = self.tried(self.rows, self.rows, later=False, both=False)
                x = tuple(cast(_own(part), scalar.dtype, scalar.device) for part in self.rows)
                check_point(scalar, x)
            self._memory["point"] = scalar, x
        return self._memory["point"]

    def about_predictions(self) -> Question:
        """Return the same asked about each example's largest output, where no target is named.

        The target is then a list of classes, held fixed whatever is done to the model; a model with one
        output needs none. Costs one forward.
        """
        if self.target is not None:
            return self
        asked = replace(self, target=first_number)
        with torch.inference_mode(False), torch.no_grad(), preserved_rng():
            with warnings.catch_warnings():  # the question that is asked in the end says the same
                warnings.simplefilter("ignore", TaylorAttrWarning)
                try:
                    scalar, _ = asked.tried(self.rows, self.rows, later=False, both=False)
                except TargetError:  # an output of another kind, about which it says more
                    return self
            size = self.internal_batch_size or REFERENCE_ROWS
            classes = []
            for part in (slice(0, 1), *blocks(scalar.batch, size)):
                rows = tuple(cast(_own(x[part]), scalar.dtype, scalar.device) for x in self.rows)
                output = scalar.output(rows, torch.arange(scalar.batch)[part])
                if not is_row_of_classes(output):
                    return self
                classes += tensor_output(output).argmax(1).tolist()
        return replace(self, target=classes[1:])  # the first row alone told whether there are classes

    def tried(self, x: Rows, b: Rows, *, later: bool, both: bool) -> tuple[ScalarModel, bool]:
        """Return the model tried on the first rows, and whether f(b) can still be left to the asker.

        Copies that are kept are tried once for each shape of inputs.
        """
        known = self._known
        if known is not None:
            return known.asked_again(len(x[0]), self.target, self.established, self.columns), both
        first: Exception | None = None
        while True:
            try:
                scalar = ScalarModel(
                    self.private or self.model,
                    x,
                    target=self.target,
                    additional_forward_args=self.additional_forward_args,
                    dtype=self.dtype,
                    integers_allowed=self.integers_allowed,
                    trial=first_rows(x, b, later=later, both=both),
                    held=self.held,
                    established=self.established,
                    columns=self.columns,
                )
            except Exception as error:  # the model's own error, of whatever type
                if not both:
                    raise first or error  # noqa: B904  (the same thing went wrong twice)
                first, both = error, False  # a model that does not run on one row may run on two
            else:
                scalars = self.private.scalars if self.private is not None else None
                if scalars is not None and self._key is not None and not scalar.draws:
                    scalars[self._key] = scalar
                return scalar, both

    @property
    def _key(self) -> Any:
        """What decides how copies run; None where further arguments do."""
        if self.additional_forward_args is not None or self.held:
            return None
        shapes = ((part.shape[1:], part.dtype, part.device) for part in self.rows)
        return self.dtype, self.integers_allowed, *shapes

    @property
    def _known(self) -> ScalarModel | None:
        """The copies as they were tried before, where they are kept and rows known to be independent."""
        if "known" not in self._memory:
            scalars = self.private.scalars if self.private is not None else None
            usable = scalars and "rows" in self.established
            self._memory["known"] = scalars.get(self._key) if scalars and usable else None
        return self._memory["known"]

    def _guarded(self) -> AbstractContextManager[Any]:
        """Return a context that puts back what the model draws; known copies draw nothing."""
        return preserved_rng() if self._known is None else nullcontext()

    def generator(self) -> torch.Generator:
        """Return a CPU generator of this question's seed; the global one is never touched."""
        return torch.Generator().manual_seed(self.seed)

    @cached_property
    def reference_set(self) -> Rows:
        """The references, tensors (R, …), in the dtype and on the device of the game.

        Raises:
            OptionError: If there is no reference set.
        """
        if self.references is None:
            raise OptionError("this method has no reference set; register it with references=True")
        return tuple(
            r.to(device=self.game.device, dtype=x.dtype)
            for r, x in zip(self.references, self.game.inputs, strict=True)
        )

    def reference_rows(self, example: int) -> Rows:
        """Return the references for one example, tensors (R, …); unnamed elements as in its input."""
        parts = zip(self.reference_set, self.game.maps, self.game.inputs, strict=True)
        return tuple(torch.where(owner >= 0, reference, x[example]) for reference, owner, x in parts)

    def reference_values(self) -> Tensor:
        """Return f of every reference, shape (B, R), each example with its own target and arguments."""
        game = self.game
        unnamed = any(bool((owner < 0).any()) for owner in game.maps)
        one_for_all = not unnamed and not game.scalar.varies
        size = game.internal_batch_size or REFERENCE_ROWS
        values = []
        with torch.no_grad():
            for example in range(0, 1 if one_for_all else game.batch, self.columns):
                rows = self.reference_rows(example)
                parts = [
                    columns_at(
                        game.scalar,
                        tuple(r[part] for r in rows),
                        torch.full((part.stop - part.start,), example),
                    )
                    for part in blocks(len(rows[0]), size)
                ]
                values.append(torch.cat(parts).T)
        return torch.cat(values).expand(game.batch, -1)


def first_number(output: Any) -> Tensor:
    """Return the first number of each row: what serves to try a model whose target is not known yet."""
    found = tensor_output(output)
    return found.flatten(1)[:, 0] if found.ndim > 1 else found


def _own(tensor: Tensor) -> Tensor:
    """Return a copy that no later write of the user's reaches."""
    return tensor.detach().clone(memory_format=torch.contiguous_format)
