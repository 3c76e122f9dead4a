"""What an attribution method is, the registry of them, and ``ta.attribute``."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor

from taylorattr.aliases import AnyTarget, Baselines, Frame, Tensors
from taylorattr.attribution import Attribution
from taylorattr.autodiff.game import Game, bind, blocks
from taylorattr.autodiff.inputs import input_tuple
from taylorattr.autodiff.player_sums import sum_over_players
from taylorattr.autodiff.players import PlayersLike
from taylorattr.errors import NonFiniteError, OptionError, ShapeError, ZeroDifferenceWarning, warn
from taylorattr.methods.references import reference_tuple, stand_in
from taylorattr.registry import Registry

Family: TypeAlias = Literal["gradient", "occlusion", "relevance"]
"""How a method looks at the model: by its derivatives, by replacing inputs, by its operations."""


@dataclass
class Question:
    """What a method is asked.

    Attributes:
        game: Model, inputs, baselines, players, bound and checked. For methods with a reference set its
            baselines are only a stand-in (the mean reference); `references` holds the set.
        model: The user's model, for looking up layers by identity; never run, never changed.
        target: As the user gave it.
        additional_forward_args: As the user gave them.
        references: Reference set, tensors (R, …) in the dtype and on the device of the game, for methods
            that read one; else None. `reference_rows` gives them with the unnamed elements in place.
        players: As the user gave them; resolved they are the game's.
        seed: Seed of everything drawn at random; use `generator`.
        show_progress: Whether to show a progress bar.
        internal_batch_size: Rows per model call the user asked for; None: chosen from memory.
    """

    game: Game
    model: Callable[..., Any]
    target: AnyTarget = None
    additional_forward_args: Any = None
    references: tuple[Tensor, ...] | None = None
    players: PlayersLike = None
    seed: int = 0
    show_progress: bool = False
    internal_batch_size: int | None = None

    def generator(self) -> torch.Generator:
        """Return a CPU generator of this question's seed; the global one is never touched."""
        return torch.Generator().manual_seed(self.seed)

    def reference_rows(self, example: int) -> tuple[Tensor, ...]:
        """Return the references for one example, tensors (R, …); unnamed elements as in its input.

        Raises:
            OptionError: If the method was not registered with ``references=True``.
        """
        if self.references is None:
            raise OptionError("this method has no reference set; register it with references=True")
        rows = []
        for reference, owner, x in zip(self.references, self.game.maps, self.game.inputs, strict=True):
            rows.append(torch.where(owner >= 0, reference, x[example]))
        return tuple(rows)

    def reference_values(self) -> Tensor:
        """Return f of every reference, shape (B, R), each example with its own target and arguments."""
        game = self.game
        unnamed = any(bool((owner < 0).any()) for owner in game.maps)
        shared = not unnamed and not game.scalar.varies
        found = []
        with torch.no_grad():
            for example in range(1 if shared else game.batch):
                rows = self.reference_rows(example)
                size = game.internal_batch_size or 256
                found.append(
                    torch.cat(
                        [
                            game.scalar.values(
                                tuple(r[part] for r in rows), torch.full((part.stop - part.start,), example)
                            )
                            for part in blocks(len(rows[0]), size)
                        ]
                    )
                )
        return torch.stack(found).expand(game.batch, -1)


@dataclass
class Scores:
    """What a method answers; exactly one of `players` and `elements` is given.

    Attributes:
        players: Shape (B, n).
        elements: Tensors shaped like the inputs (B, …); summed over each player.
        f_baseline: f(b), shape (B,), where it is not the game's: the mean over references, f at A = 0.
        standard_errors: Of the players' scores, shape (B, n), where samples were drawn.
        names: Names of the players, where they are not the game's.
        map: What `Attribution.scores` shows instead of the players' scores (Grad-CAM).
        frame: Where it is not the method's.
        diagnostics: What a reader must know; JSON-able.
    """

    players: Tensor | None = None
    elements: tuple[Tensor, ...] | None = None
    f_baseline: Tensor | None = None
    standard_errors: Tensor | None = None
    names: tuple[str, ...] | None = None
    map: Tensors | None = None
    frame: Frame | None = None
    diagnostics: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class AttributionMethod:
    """One entry of `METHODS`.

    Attributes:
        name: Its name.
        function: ``function(question, **options) -> Scores``; its keyword-only arguments are the options.
        family: How it looks at the model.
        frame: Frame of the ratio it is known by, docs/theory.md §4.
        references: Whether baselines are a reference set (R, …) shared by all examples.
        zero_baseline: Whether it knows no baseline but 0.
        integers: Whether it takes integer inputs (no derivatives are needed).
        summary: The first line of the function's docstring.
    """

    name: str
    function: Callable[..., Scores]
    family: Family
    frame: Frame
    references: bool
    zero_baseline: bool
    integers: bool
    summary: str

    @property
    def options(self) -> dict[str, Any]:
        """Options with their defaults."""
        parameters = inspect.signature(self.function).parameters.values()
        return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}


METHODS: Registry[AttributionMethod] = Registry("attribution method")


def method(
    name: str,
    *,
    family: Family,
    frame: Frame = "baseline",
    references: bool = False,
    zero_baseline: bool = False,
    integers: bool = False,
) -> Callable[[Callable[..., Scores]], Callable[..., Scores]]:
    """Return a decorator that registers ``function(question, *, **options) -> Scores`` under a name."""

    def add(function: Callable[..., Scores]) -> Callable[..., Scores]:
        summary = (function.__doc__ or "").strip().split("\n")[0]
        entry = AttributionMethod(name, function, family, frame, references, zero_baseline, integers, summary)
        METHODS.register(name)(entry)
        return function

    return add


def attribute(
    method: str,
    model: Callable[..., Any],
    inputs: Tensors,
    baselines: Baselines = None,
    *,
    target: AnyTarget = None,
    players: PlayersLike = None,
    additional_forward_args: Any = None,
    references: Tensors | None = None,
    dtype: torch.dtype | None = None,
    seed: int = 0,
    show_progress: bool = False,
    internal_batch_size: int | None = None,
    per_element: bool = True,
    **options: Any,
) -> Attribution:
    """Share f(x) − f(b) among the players by one of the methods in ``ta.METHODS``.

    Args:
        method: Name of the method.
        model: Module or callable on torch tensors; never changed.
        inputs: Tensor (B, …) or tuple of them.
        baselines: None (zeros), number, tensor (1, …) or (B, …), or a tuple of these. For
            ``expected_gradients``, ``deep_shap`` and ``prediction_difference`` a reference set: tensor
            (R, …) or tuple of them.
        target: Captum's TargetType or a callable output -> (B,).
        players: Which elements move together; None: every element is a player.
        additional_forward_args: What the model takes after the inputs.
        references: Reference set (R, …) over which a method with one baseline is averaged; then without
            baselines.
        dtype: Dtype of the analysis; None: the model's own.
        seed: Seed of everything drawn at random; the global generators are left alone.
        show_progress: Whether to show a progress bar.
        internal_batch_size: Rows per model call; None: chosen from memory.
        per_element: Whether `scores` divide a player's score equally among its elements; False repeats it.
        **options: Of the method; ``ta.METHODS[name].options`` lists them.

    Returns:
        The scores with their gap f(x) − f(b) − Σ scores, frame and diagnostics.

    Raises:
        OptionError: Unknown method or option, a baseline for a method that knows only 0, references beside
            baselines.
        NonFiniteError: NaN or infinity in a score; names the first player.
        ShapeError: A reference set that does not fit the inputs.

    The errors of unusable models, inputs, baselines, targets and players are those of
    :func:`taylorattr.autodiff.game.bind`.
    """
    entry = METHODS[method]
    _check_options(entry, options)
    shared: dict[str, Any] = {
        "target": target,
        "additional_forward_args": additional_forward_args,
        "internal_batch_size": internal_batch_size,
    }
    given = input_tuple(inputs)
    if references is not None:
        _check_references_argument(entry, baselines)
        rows = reference_tuple(references, given, "references")
        starts: list[Any] = [tuple(r[i : i + 1] for r in rows) for i in range(len(rows[0]))]
        shown: Any = rows
    else:
        rows, shown = None, None
        starts = [baselines]
        if entry.references:
            rows = reference_tuple(baselines, given, "baselines")
            starts, shown = [stand_in(rows)], rows
    if entry.zero_baseline:
        _require_zero(entry, baselines)
    answers: list[tuple[Question, Scores]] = []
    for start in starts:
        game = bind(
            model, inputs, start, players=players, dtype=dtype, integers_allowed=entry.integers, **shared
        )
        question = Question(game, model, players=players, seed=seed, show_progress=show_progress, **shared)
        if entry.references and rows is not None:
            question.references = tuple(
                r.to(device=game.device, dtype=x.dtype) for r, x in zip(rows, game.inputs, strict=True)
            )
        with torch.inference_mode(False):
            answers.append((question, entry.function(question, **options)))
    return _result(entry, answers, shown, isinstance(inputs, tuple), per_element)


def _check_options(entry: AttributionMethod, options: dict[str, Any]) -> None:
    known = entry.options
    unknown = [name for name in options if name not in known]
    if unknown:
        listed = ", ".join(f"{name}={value!r}" for name, value in known.items()) or "none"
        raise OptionError(f"{entry.name} has no option {unknown[0]!r}; its options: {listed}")


def _check_references_argument(entry: AttributionMethod, baselines: Baselines) -> None:
    if entry.references or entry.zero_baseline:
        remedy = "pass the set as baselines" if entry.references else "it knows no baseline but 0"
        raise OptionError(f"{entry.name} takes no references=: {remedy}")
    if baselines is not None:
        raise OptionError("baselines and references are both given; references are baselines to average over")


def _require_zero(entry: AttributionMethod, baselines: Baselines) -> None:
    parts = baselines if isinstance(baselines, tuple) else (baselines,)
    for part in parts:
        if part is not None and bool(torch.as_tensor(part).ne(0).any()):
            raise OptionError(
                f"{entry.name} explains f(x) against 0 and has no other baseline; leave baselines out, or "
                "use deeplift_rescale or integrated_gradients, which take one"
            )


def _result(
    entry: AttributionMethod,
    answers: Sequence[tuple[Question, Scores]],
    shown: tuple[Tensor, ...] | None,
    as_tuple: bool,
    per_element: bool,
) -> Attribution:
    question, scores = answers[0]
    game = question.game
    by_player = _mean([player_scores(q.game, s) for q, s in answers])
    names = scores.names or game.names
    starts = [q.game.f_baseline if s.f_baseline is None else s.f_baseline for q, s in answers]
    f_baseline = _mean([_float64(start) for start in starts])
    errors = [s.standard_errors for _, s in answers if s.standard_errors is not None]
    spread = _mean([_float64(e) ** 2 for e in errors]).div(len(errors)).sqrt() if errors else None
    diagnostics = dict(game.diagnostics) | scores.diagnostics
    if len(answers) > 1:
        diagnostics["averaged_over_references"] = len(answers)
        diagnostics["each_reference"] = [s.diagnostics for _, s in answers]
    f_input = _float64(game.f_input)
    _require_finite_scores(by_player, names, entry)
    _say_no_dependence(game, by_player, f_input, f_baseline, diagnostics)
    if scores.map is not None:
        spatial = scores.map
    else:
        elements = element_scores(game, by_player, [s for _, s in answers], per_element)
        spatial = elements if as_tuple else elements[0]
    baselines = game.baselines if shown is None else shown
    return Attribution(
        player_scores=by_player,
        scores=spatial,
        method=entry.name,
        frame=scores.frame or entry.frame,
        names=names,
        f_input=f_input,
        f_baseline=f_baseline,
        baselines=baselines if as_tuple else baselines[0],
        standard_errors=spread,
        zero_baseline=entry.zero_baseline,
        diagnostics=diagnostics,
    )


def player_scores(game: Game, scores: Scores) -> Tensor:
    """Return what each player is given, shape (B, n), float64 on the CPU.

    Raises:
        ShapeError: If not exactly one of players and elements is given.
    """
    if (scores.players is None) == (scores.elements is None):
        raise ShapeError("a method gives either players or elements; this one gives both or neither")
    if scores.players is not None:
        return _float64(scores.players)
    return sum_over_players(game, tuple(_float64(part) for part in scores.elements or ()))


def element_scores(
    game: Game, by_player: Tensor, scores: Sequence[Scores], per_element: bool
) -> tuple[Tensor, ...]:
    """Return the players' scores in the structure of the inputs.

    Args:
        game: The game.
        by_player: Shape (B, n).
        scores: The method's answers; elements that are players of their own are passed on untouched.
        per_element: Whether to divide a player's score among its elements; else it is repeated.

    Returns:
        Tensors shaped like the inputs, in the dtype of the analysis and on its device.
    """
    single = all(len(group) == 1 for group in game.players.groups)
    own = single and sum(owner.numel() for owner in game.maps) == game.n
    if own and len(scores) == 1 and scores[0].elements is not None:
        return scores[0].elements
    sizes = torch.tensor([len(group) for group in game.players.groups], dtype=torch.float64)
    shares = by_player / sizes if per_element else by_player
    padded = torch.cat([shares, shares.new_zeros(game.batch, 1)], dim=1)  # −1 reads the last column: 0
    floating = game.dtype if game.dtype.is_floating_point else torch.float64
    return tuple(
        padded[:, owner.reshape(-1).cpu()].reshape(game.batch, *owner.shape).to(game.device, floating)
        for owner in game.maps
    )


def _mean(parts: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(parts)).mean(0) if len(parts) > 1 else parts[0]


def _float64(tensor: Tensor) -> Tensor:
    return tensor.detach().cpu().double()


def _require_finite_scores(scores: Tensor, names: tuple[str, ...], entry: AttributionMethod) -> None:
    if bool(torch.isfinite(scores).all()):
        return
    example, player = (~torch.isfinite(scores)).nonzero()[0].tolist()
    raise NonFiniteError(
        f"{entry.name} gives {float(scores[example, player])} to player {names[player]!r} in example "
        f"{example}; values or derivatives overflow there: use dtype=torch.float64 or another baseline"
    )


def _say_no_dependence(
    game: Game, scores: Tensor, f_input: Tensor, f_baseline: Tensor, diagnostics: dict[str, Any]
) -> None:
    flat = (scores == 0).all(1) & (f_input == f_baseline)
    equal = set(diagnostics.get("zero_difference", ()))
    silent = [e for e in flat.nonzero().reshape(-1).tolist() if e not in equal]
    if silent:
        diagnostics["no_dependence"] = silent
        warn(
            f"example {silent[0]}: the output is the same at input and baseline and no player gets anything; "
            "the analysed output may not depend on the input at all (check target=)",
            ZeroDifferenceWarning,
        )
