"""What an attribution method is, the registry of them, and ``ta.attribute``."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

import torch
from torch import Tensor

from taylorattr.aliases import AnyTarget, Baselines, Frame, Outputs, Tensors
from taylorattr.analysis.game import Game, blocks, say_zero_difference
from taylorattr.analysis.inputs import reference_tuple, stand_in
from taylorattr.analysis.model_errors import analysis_door
from taylorattr.analysis.players import PlayersLike
from taylorattr.analysis.question import Question
from taylorattr.analysis.shared_parameters import shares_parameters
from taylorattr.attribution import Attribution
from taylorattr.effects.by_output import by_output
from taylorattr.effects.references import at_once
from taylorattr.errors import (
    NonFiniteError,
    OptionError,
    PrecisionWarning,
    TaylorAttrError,
    ZeroDifferenceWarning,
    hearing,
    say_once,
    warn,
)
from taylorattr.methods.option_types import check, keyword_types
from taylorattr.methods.scores import Scores, element_scores, float64, player_scores
from taylorattr.registry import DESIGNS, Registry

Family: TypeAlias = Literal["gradient", "occlusion", "relevance", "rule", "system", "extension"]
"""How a method looks at the model: by its derivatives, by replacing inputs, by its operations; by a designed
rule, in the way that the rule admits; as a system beside the framework; or by another method, extended."""


Exactness: TypeAlias = Literal["closed", "quadrature", "sampled", "unknown"]
"""How a method computes: a closed form (rules, enumeration), nodes on a path, random draws, or not known."""

Explained: TypeAlias = Literal["inputs", "layer"]
"""Among whom a method shares f(x) − f(b): the players of the inputs, or the positions of a layer."""


@dataclass(frozen=True)
class AttributionMethod:
    """One entry of `METHODS`, `SYSTEMS` or `EXTENSIONS`.

    Attributes:
        name: Its name.
        function: ``function(question, **options) -> Scores``; its keyword-only arguments are the options.
        family: How it looks at the model.
        frame: Frame of the ratio it is known by, docs/theory.md §4.
        references: Whether baselines are a reference set (R, …) shared by all examples.
        zero_baseline: Whether it knows no baseline but 0.
        integers: Whether it takes integer inputs (no derivatives are needed).
        summary: The first line of the function's docstring.
        owner: What carries it, such as a designed rule; None for a method of its own.
        exactness: How it computes by default; whoever gives standard errors is sampled.
        explains: Among whom it shares.
        chooses_mode: Whether it looks at all examples to choose how it computes, so that examples alone may
            be computed otherwise than together; ``diagnostics["mode"]`` says how, and ``mode=`` fixes it.
    """

    name: str
    function: Callable[..., Scores]
    family: Family
    frame: Frame
    references: bool
    zero_baseline: bool
    integers: bool
    summary: str
    owner: Any = None
    exactness: Exactness = "closed"
    explains: Explained = "inputs"
    chooses_mode: bool = False

    @property
    def runs_at_the_ends(self) -> bool:
        """Whether it runs the model on all inputs and baselines in any case, so that nobody else need to."""
        return self.family == "relevance"

    @cached_property
    def options(self) -> dict[str, Any]:
        """Options with their defaults."""
        return dict(self._defaults)

    @cached_property
    def _defaults(self) -> dict[str, Any]:
        parameters = inspect.signature(self.function).parameters.values()
        return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}

    @cached_property
    def option_types(self) -> dict[str, Any]:
        """Options with their annotations."""
        return keyword_types(self.function)


FIFTEEN = (
    "gradient_x_input", "smooth_grad", "integrated_gradients", "expected_gradients", "grad_cam",
    "occlusion_1", "occlusion_patch", "prediction_difference", "shapley",
    "lrp_epsilon", "lrp_alpha_beta", "deep_taylor",
    "deeplift_rescale", "deeplift_reveal_cancel", "deep_shap",
)  # fmt: skip
"""The methods in the order in which they are listed, docs/theory.md §4."""

METHODS: Registry[AttributionMethod] = Registry(
    "attribution method",
    FIFTEEN,
    synonyms={
        "gradient_x_input": ("input x gradient", "grad x input"),
        "integrated_gradients": ("IG",),
        "expected_gradients": ("gradient SHAP", "EG"),
        "occlusion_1": ("occlusion", "feature ablation", "leave one out"),
        "shapley": ("SHAP", "shapley value", "shapley values", "SV"),
        "lrp_epsilon": ("LRP", "epsilon rule"),
        "lrp_alpha_beta": ("alpha beta rule", "LRP alpha1 beta0"),
        "deeplift_rescale": ("DeepLIFT", "rescale"),
        "deeplift_reveal_cancel": ("reveal cancel",),
        "deep_shap": ("deep explainer", "DeepLIFT SHAP"),
    },
)

SYSTEMS: Registry[AttributionMethod] = Registry("system", ("mip_in", "prune_grad"))
"""Systems that explain a prediction and share out no effects: `attribute` takes their names, and no ratio,
proof or criterion belongs to them."""

EXTENSIONS: Registry[AttributionMethod] = Registry("extension", ("ig_multi", "ig_patch", "ig_patch_multi"))
"""Methods of this project's own that are another method asked differently; their ratio is that method's."""


@runtime_checkable
class Attributes(Protocol):
    """What carries an attribution method of its own, such as a designed rule."""

    @property
    def attribution_method(self) -> AttributionMethod:
        """The method."""
        ...


AnyMethod: TypeAlias = "str | AttributionMethod | Attributes"
"""A name, a method, or what carries one."""


def find(method: AnyMethod) -> AttributionMethod:
    """Return the method that a name or an object stands for.

    Raises:
        OptionError: If there is no such name, or the object is no method.
    """
    if isinstance(method, AttributionMethod):
        return method
    if isinstance(method, str):
        for registry in (METHODS, SYSTEMS, EXTENSIONS):
            if method in registry:
                return registry[method]
        if method in DESIGNS:
            return DESIGNS[method].attribution_method
        others = (SYSTEMS, EXTENSIONS) if METHODS.near(method) is None else ()
        meant = next((registry for registry in others if registry.near(method) is not None), METHODS)
        return meant[method]  # the error, which names the near one
    found = getattr(method, "attribution_method", None)
    if isinstance(found, AttributionMethod):
        return found
    raise OptionError(
        f"{type(method).__name__} is no attribution method; expected a name in ta.METHODS or a designed "
        "rule: "
        "ta.design.attributor(rule) makes one of a rule in ta.RULES"
    )


def method(
    name: str,
    *,
    family: Family,
    frame: Frame = "baseline",
    references: bool = False,
    zero_baseline: bool = False,
    integers: bool = False,
    exactness: Exactness = "closed",
    explains: Explained = "inputs",
    chooses_mode: bool = False,
) -> Callable[[Callable[..., Scores]], Callable[..., Scores]]:
    """Return a decorator that registers ``function(question, *, **options) -> Scores`` under a name.

    A system is listed in `SYSTEMS`, an extension in `EXTENSIONS`, any other family in `METHODS`.
    """
    registry = {"system": SYSTEMS, "extension": EXTENSIONS}.get(family, METHODS)

    def add(function: Callable[..., Scores]) -> Callable[..., Scores]:
        summary = (function.__doc__ or "").strip().split("\n")[0]
        entry = AttributionMethod(
            name,
            function,
            family,
            frame,
            references,
            zero_baseline,
            integers,
            summary,
            exactness=exactness,
            explains=explains,
            chooses_mode=chooses_mode,
        )
        registry.register(name)(entry)
        return function

    return add


@shares_parameters
@analysis_door
def attribute(
    method: AnyMethod,
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
    outputs: Outputs | None = None,
    **options: Any,
) -> Attribution:
    """Share f(x) − f(b) among the players by one of the methods in ``ta.METHODS``.

    Args:
        method: Name of the method, of a system in ``ta.SYSTEMS`` or of an extension in ``ta.EXTENSIONS``; or
            a designed rule.
        model: As in `Question`.
        inputs: As in `Question`.
        baselines: As in `Question`. For ``expected_gradients``, ``deep_shap`` and ``prediction_difference`` a
            reference set: tensor (R, …) or tuple of them.
        target: As in `Question`.
        players: As in `Question`.
        additional_forward_args: As in `Question`.
        references: Reference set (R, …) over which a method with one baseline is averaged; then without
            baselines.
        dtype: As in `Question`.
        seed: As in `Question`.
        show_progress: As in `Question`.
        internal_batch_size: As in `Question`.
        per_element: Whether `scores` divide a player's score equally among its elements; False repeats it.
        outputs: As in `Question`.
        **options: Of the method; ``ta.METHODS[name].options`` lists them.

    Returns:
        The scores with their gap f(x) − f(b) − Σ scores, frame and diagnostics.

    Raises:
        OptionError: Unknown method or option, a baseline for a method that knows only 0, references beside
            baselines.
        NonFiniteError: NaN or infinity in a score; names the first player.
        ShapeError: A reference set that does not fit the inputs.

    The errors of unusable models, inputs, baselines, targets and players are those of
    :func:`taylorattr.analysis.question.Question.game`.
    """
    entry = find(method)
    question = Question(
        model,
        inputs,
        baselines,
        target=target,
        players=players,
        additional_forward_args=additional_forward_args,
        dtype=dtype,
        seed=seed,
        show_progress=show_progress,
        internal_batch_size=internal_batch_size,
        integers_allowed=entry.integers,
        averages=not entry.zero_baseline,
    )

    def answer(asked: Question) -> Attribution:
        return attributed(entry, asked, options, references=references, per_element=per_element)

    if outputs is None:
        return answer(question)
    return by_output(question, outputs, answer, a_set=entry.references)


def attributed(
    method: AnyMethod,
    question: Question,
    options: Mapping[str, Any],
    *,
    references: Tensors | None = None,
    per_element: bool = True,
) -> Attribution:
    """Return a method's answer to a question; see `attribute`."""
    entry = find(method)
    check_options(entry, options)
    if entry.family == "system":
        question = question.about_predictions()
    questions, baselines = _questions(entry, question, references)
    with torch.inference_mode(False):
        if len(questions) == 1:
            answers = [(questions[0].game, entry.function(questions[0], **options))]
        else:
            answers = _answers(entry, questions, options)
    return _result(entry, questions[0], answers, baselines, per_element)


def _answers(
    entry: AttributionMethod, questions: list[Question], options: Mapping[str, Any]
) -> list[tuple[Game, Scores]]:
    """Return the answers to a question against several baselines, with the game each is about."""
    size = 1
    if entry.family == "occlusion" and options.get("tol") is None:  # a tolerance is all examples' together
        n = len(questions[0].player_names)
        size = at_once(questions[0], 8 * max(n, 1 << min(n, SHARED_PLAYERS)))
    answers, said = list[tuple[Game, Scores]](), []
    for part in blocks(len(questions), size):
        try:
            with hearing() as heard:
                some = _together(entry, questions[part], options)
            said.append(heard)
            answers += some
        except TaylorAttrError:  # one by one, so that the error names the example
            for asked in questions[part]:
                with hearing() as heard:
                    answers.append((asked.game, entry.function(asked, **options)))
                said.append(heard)
    say_once(said)
    return answers


SHARED_PLAYERS = 12
"""Players up to which the outputs of all coalitions are counted as what a method holds of an example."""


def _together(
    entry: AttributionMethod, questions: list[Question], options: Mapping[str, Any]
) -> list[tuple[Game, Scores]]:
    """Return the answers against several baselines, asked about as examples of one question."""
    if len(questions) == 1:
        return [(questions[0].game, entry.function(questions[0], **options))]
    starts: Any = [asked.baselines for asked in questions]
    asked, parts = questions[0].against_all(starts, questions[0].one_of)
    scores = entry.function(asked, **options)
    return [(asked.game.part(part), scores.part(part)) for part in parts]


def _questions(
    entry: AttributionMethod, question: Question, references: Tensors | None
) -> tuple[list[Question], tuple[Tensor, ...] | None]:
    """Return what the method is asked, once for each baseline, and the reference set if there is one."""
    later = left_to(entry) if question.internal_batch_size is None else {}
    if any(getattr(question, name) != value for name, value in later.items()):
        question = replace(question, **later)
    if references is not None:
        _require_one_baseline(entry)
        starts = question.starts(references)
        rows = tuple(torch.cat(parts) for parts in zip(*starts, strict=True))
        return [question.against(start, len(starts)) for start in starts], rows
    if entry.zero_baseline:
        _require_zero(entry, question.baselines)
    if not entry.references:
        return [question], None
    rows = reference_tuple(question.baselines, question.rows, "baselines")
    if len(rows[0]) == 1:
        _say_one_reference(entry, question.baselines)
    return [replace(question, baselines=stand_in(rows), references=rows)], rows


def left_to(entry: AttributionMethod) -> dict[str, bool]:
    """Return which values of f a method evaluates in any case, as attributes of its `Question`."""
    if not (entry.runs_at_the_ends or entry.family == "system"):
        return {}
    return {"input_later": True, "baseline_later": entry.runs_at_the_ends and not entry.zero_baseline}


def check_options(entry: AttributionMethod, options: Mapping[str, Any]) -> None:
    """Refuse options that a method does not have, and values of another type.

    Raises:
        OptionError: Names the options that there are.
    """
    known = entry.options
    unknown = [name for name in options if name not in known]
    if unknown:
        listed = ", ".join(f"{name}={value!r}" for name, value in known.items()) or "none"
        raise OptionError(f"{entry.name} has no option {unknown[0]!r}; its options: {listed}")
    for name, value in options.items():
        check(entry.name, name, value, entry.option_types[name])


def _require_one_baseline(entry: AttributionMethod) -> None:
    if entry.references or entry.zero_baseline:
        remedy = "pass the set as baselines" if entry.references else "it knows no baseline but 0"
        raise OptionError(f"{entry.name} takes no references=: {remedy}")


def _say_one_reference(entry: AttributionMethod, baselines: Baselines) -> None:
    which = "baselines=None is one row of zeros" if baselines is None else "baselines hold one row"
    warn(
        f"{entry.name} averages over a reference set, and {which}: the scores are against that one baseline; "
        "pass several rows (R, …), such as a hundred of the training data",
        PrecisionWarning,
    )


def _require_zero(entry: AttributionMethod, baselines: Baselines) -> None:
    parts = baselines if isinstance(baselines, tuple) else (baselines,)
    for part in parts:
        numbers = isinstance(part, (int, float, Tensor))  # what else there is, the game refuses
        if not numbers or (isinstance(part, Tensor) and part.layout != torch.strided):
            continue
        if bool(torch.as_tensor(part).ne(0).any()):
            raise OptionError(
                f"{entry.name} explains f(x) against 0 and has no other baseline; leave baselines out, or "
                "use deeplift_rescale or integrated_gradients, which take one"
            )


def _result(
    entry: AttributionMethod,
    question: Question,
    answers: Sequence[tuple[Game, Scores]],
    references: tuple[Tensor, ...] | None,
    per_element: bool,
) -> Attribution:
    """Return the mean of the answers as one attribution in the structure of the inputs."""
    (game, scores), as_tuple = answers[0], question.as_tuple
    by_player = _mean([player_scores(g, s) for g, s in answers])
    names = scores.names or game.names
    starts = [g.f_baseline if s.f_baseline is None else s.f_baseline for g, s in answers]
    f_baseline = _mean([float64(start) for start in starts])
    errors = [s.standard_errors for _, s in answers if s.standard_errors is not None]
    spread = _mean([float64(e) ** 2 for e in errors]).div(len(errors)).sqrt() if errors else None
    diagnostics = dict(game.diagnostics) | scores.diagnostics
    if len(answers) > 1:
        diagnostics["averaged_over_references"] = len(answers)
        diagnostics["each_reference"] = [s.diagnostics for _, s in answers]
        say_zero_difference(game.inputs, [g.baselines for g, _ in answers], diagnostics)
    f_input = float64(game.f_input)
    _require_finite_scores(by_player, names, entry)
    _say_no_dependence(game, by_player, f_input, f_baseline, diagnostics)
    if scores.map is not None or scores.names is not None:  # receivers that are no players have no elements
        spatial = scores.map
    else:
        elements = element_scores(game, by_player, [s for _, s in answers], per_element)
        elements = question.with_held(elements, lambda x: torch.zeros_like(x, dtype=elements[0].dtype))
        spatial = elements if as_tuple else elements[0]
    baselines = question.with_held(game.baselines if references is None else references, lambda x: x)
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


def _mean(parts: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(parts)).mean(0) if len(parts) > 1 else parts[0]


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
