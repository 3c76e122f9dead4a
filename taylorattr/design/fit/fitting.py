"""``ta.design.fit``: choose the parameters of a family for a task, inside what the family guarantees."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from taylorattr.aliases import AnyTarget, Baselines, Tensors
from taylorattr.allocation.rule import AllocationRule
from taylorattr.analysis.inputs import baseline_tuple, input_tuple, reference_tuple
from taylorattr.analysis.players import PlayersLike
from taylorattr.analysis.question import Question
from taylorattr.design.build import attributor, require_free
from taylorattr.design.designed import DesignedRule
from taylorattr.design.families.family import FAMILIES
from taylorattr.design.fit.examples import TABLE_PLAYERS, Examples, Source
from taylorattr.design.fit.freedom import FREEDOMS, Freedom, freed, whole
from taylorattr.design.fit.held_out import own_examples, require_players, rows_of, split, truth_of
from taylorattr.design.fit.objective import Function, Objective, objective_of
from taylorattr.design.fit.result import Fit, gain_interval, nothing
from taylorattr.design.fit.search import Task
from taylorattr.design.fit.search import by_evolution as by_evolution
from taylorattr.design.fit.search import by_gradient as by_gradient
from taylorattr.design.fit.search import by_moves as by_moves
from taylorattr.design.ways.interface import LARGEST_QUIET_ERROR
from taylorattr.effects.harsanyi import MAX_EVALUATIONS
from taylorattr.errors import OptionError, PrecisionWarning, warn
from taylorattr.methods import METHODS

SEARCHES = {"gradient": by_gradient, "evolution": by_evolution, "moves": by_moves}
"""`Freedom.search` -> what looks for θ."""

COMPARED_EXAMPLES = 2
"""Held-out examples on which the built rule is asked for its own scores."""

AnyRule = str | AllocationRule | DesignedRule


def fit(
    objective: str | Objective | Function,
    family: str | Callable[..., DesignedRule] | Sequence[AnyRule],
    model: Callable[..., Any],
    inputs: Tensors,
    baselines: Baselines = None,
    *,
    target: AnyTarget = None,
    players: PlayersLike = None,
    additional_forward_args: Any = None,
    references: Tensors | None = None,
    truth: Any = None,
    held_out: float | Sequence[int] | Tensor | slice | Mapping[str, Any] = 0.5,
    against: AnyRule | None = None,
    name: str = "my_fit",
    complete: bool = False,
    maximise: bool | None = None,
    differentiable: bool = False,
    restarts: int = 3,
    budget: int | None = None,
    level: float = 0.95,
    seed: int = 0,
    dtype: torch.dtype | None = None,
    internal_batch_size: int | None = None,
    max_evaluations: int | None = MAX_EVALUATIONS,
    **options: Any,
) -> Fit:
    """Choose the parameters of a family of rules for a task, and measure the gain on held-out examples.

    The search never leaves the family, so that what the family guarantees holds at every step, not by a
    penalty. The rule of the family with which everything begins (Shapley, Integrated Gradients, equal
    weights) is among those looked at: on the training examples the fitted rule is never worse than that.

    Args:
        objective: ``deletion`` (area over the deletion curve, large is good), ``recovery`` or ``aup`` (area
            under the prediction recovery error curve, small is good), ``baseline_variance`` (over the
            baselines of ``references``, small is good), ``agreement`` (with ``truth``, large is good), an
            `Objective` for their settings, or a function (scores, examples) -> numbers of one's own.
        family: ``weighted_shapley``, ``sharing``, ``ordered``, ``power_path``, ``degree_tilted``,
            ``semivalue``, ``measure``, or a list of rules, which are mixed.
        model: Module or callable on torch tensors; never changed.
        inputs: Tensor (B, …) or tuple of them.
        baselines: None (zeros), number, tensor (1, …) or (B, …), or a tuple of these.
        target: Captum's TargetType or a callable output -> (B,).
        players: Which elements move together; None: every element is a player.
        additional_forward_args: What the model takes after the inputs.
        references: Baselines (R, …) under each of which scores are computed; objectives see (R, B, n).
        truth: Attributions to agree with, shape (B, n).
        held_out: Share of the examples that is held out, drawn with the seed; or their numbers; or examples
            of their own, {"inputs": …, "target": …, "baselines": …, "truth": …}. They are computed on after
            the fit, and never before.
        against: The rule compared with; None: the one the family begins with, of a mixture the part that is
            best on the training examples.
        name: Name of the fitted rule.
        complete: Whether the rule has to be complete. Of semivalues and straight-path measures only one
            member is, which is then given back with the reason, and nothing is fitted.
        maximise: Of a function of one's own: whether large is good.
        differentiable: Of a function of one's own: whether torch differentiates it in the scores.
        restarts: Starts of the search: the family's first rule, then others at random.
        budget: Gradient steps, or evaluations of the objective, of each start.
        level: Coverage of the interval of the gain.
        seed: Of the split, starts, draws and bootstrap; the global generators are left alone.
        dtype: Dtype of the analysis; None: the model's own.
        internal_batch_size: Rows per model call; None: chosen from memory.
        max_evaluations: Most model outputs of a table of coalitions; None: no limit.
        **options: Of the family: ``sharing``: ``by``, ``largest``; ``measure``: ``shape``, ``nodes``;
            ``power_path``: ``n_steps``; ``degree_tilted``: ``order``.

    Returns:
        The fitted rule with its gain, interval, criteria and cost.

    Raises:
        OptionError: An unknown objective, family or option, one out of range, what an objective needs and
            was not given, ``complete`` for a mixture of rules that are not all complete.
        NonFiniteError: An objective that is NaN or infinite; names the example and the parameters.
        BudgetError: More coalitions than ``max_evaluations``.
        MissingExtraError: Nothing to follow by gradients (power paths, Beta measures, objectives without one)
            and no package ``cma``: ``pip install "taylorattr[fit]"``.
        ShapeError: What does not fit together.
        TaylorAttrError: What `taylorattr.analysis.question.Question.game` finds.

    Example:
        >>> import torch, taylorattr as ta
        >>> x = torch.rand(20, 3, generator=torch.Generator().manual_seed(0))
        >>> found = ta.design.fit("deletion", "weighted_shapley", lambda x: x.prod(1) + x[:, 0], x, budget=20)
        >>> found.report.complete.holds, found.rule.name
        (True, 'my_fit')
    """
    wanted = objective_of(objective, maximise, differentiable)
    family, options = _family(family, options)
    only = "" if family == "mix" else FAMILIES[family].only_complete
    if not 0 < level < 1:
        raise OptionError(f"level={level!r}; expected a number between 0 and 1, such as 0.95")
    if complete and only:
        return nothing(family, wanted.name, wanted.maximise, only, dict(FAMILIES[family].keeps), level)
    require_free(name)
    whole("restarts", restarts, 1)
    if budget is not None:
        whole("budget", budget, 1)
    generator = torch.Generator().manual_seed(seed)
    question = Question(
        model,
        input_tuple(inputs),
        players=players,
        dtype=dtype,
        internal_batch_size=internal_batch_size,
        seed=seed,
        integers_allowed=True,
    )
    all_of = {
        "inputs": input_tuple(inputs),
        "baselines": baselines,
        "target": target,
        "extra": additional_forward_args,
        "truth": truth_of(truth, len(input_tuple(inputs)[0])),
    }
    fitted_on, held_back = _parts(all_of, held_out, generator)
    _require_what_is_read(wanted, references, baselines, fitted_on["truth"])
    with torch.inference_mode(False), torch.enable_grad():
        source = _source(question, fitted_on, references, max_evaluations)
        if FREEDOMS[family].coalitions:
            source.require_affordable()
        free = freed(family, source.n, options)
        source.tabled = free.coalitions or source.n <= TABLE_PLAYERS
        if complete and "complete" not in free.keeps:
            raise OptionError(
                "complete=True, and not all of these rules are complete; ta.design.repair(rule) makes them so"
            )
        if isinstance(against, str) and against not in METHODS:
            attributor(against)  # an unknown name is said before the search
        task = Task(free, wanted, Examples(source))
        kind = "evolution" if free.search == "gradient" and not wanted.follows(task.train) else free.search
        SEARCHES[kind](task, restarts, budget, generator)
        natural = free.rounded(free.natural(task.best))
        chosen = _against(free, against, task)
        held = _source(question, held_back, references, max_evaluations)
        held.tabled = source.tabled
        return _measured(task, natural, chosen, Examples(held), kind, name, level, seed)


def _family(family: Any, options: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the name of a family and its options.

    Raises:
        OptionError: If there is no such family that can be fitted.
    """
    if isinstance(family, str):
        return (family if FREEDOMS[family] else family), options
    if isinstance(family, Sequence):
        return "mix", {**options, "rules": list(family)}
    for entry in FAMILIES.values():
        if entry.make is family and entry.name in FREEDOMS:
            return entry.name, options
    raise OptionError(
        f"the family is {getattr(family, '__name__', type(family).__name__)}; expected one of "
        f"{', '.join(FREEDOMS)}, or a list of rules to mix"
    )


def _parts(
    all_of: dict[str, Any], held_out: Any, generator: torch.Generator
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the examples to fit on and those held out, each with their numbers."""
    batch = len(all_of["inputs"][0])
    baseline_tuple(all_of["baselines"], all_of["inputs"])
    if isinstance(held_out, Mapping):
        own = own_examples(held_out)
        theirs = input_tuple(own["inputs"])
        shared = {"baselines": all_of["baselines"], "target": all_of["target"], "extra": all_of["extra"]}
        if "additional_forward_args" in own:
            shared["extra"] = own["additional_forward_args"]
        held_back = shared | {key: own[key] for key in ("baselines", "target") if key in own}
        held_back |= {"inputs": theirs, "truth": truth_of(own.get("truth"), len(theirs[0])), "where": ()}
        baseline_tuple(held_back["baselines"], theirs)
        if len(theirs[0]) < 2:
            raise OptionError("one example is held out, which has no spread; hold out 2 or more")
        return {**all_of, "where": ()}, held_back
    first, second = (
        {key: rows_of(value, rows, batch) for key, value in all_of.items()} | {"where": rows.tolist()}
        for rows in split(batch, held_out, generator)
    )
    return first, second


def _require_what_is_read(wanted: Objective, references: Any, baselines: Any, truth: Tensor | None) -> None:
    """Raise OptionError if the objective reads what was not given."""
    if references is not None and baselines is not None:
        raise OptionError("baselines and references are both given; references are baselines to compare over")
    if wanted.reads == "baselines" and references is None:
        raise OptionError(f"{wanted.name} compares scores over baselines: pass two or more as references=")
    if wanted.reads == "truth" and truth is None:
        raise OptionError(f"{wanted.name} is with given attributions: pass truth=, shape (B, n)")


def _source(
    question: Question, examples: dict[str, Any], references: Any, max_evaluations: int | None
) -> Source:
    """Return some of the examples with the model, against their baselines or each of the references."""
    starts: list[Any] = [examples["baselines"]]
    if references is not None:
        rows = reference_tuple(references, examples["inputs"], "references")
        starts = [tuple(part[r : r + 1] for part in rows) for r in range(len(rows[0]))]
    source = Source(
        question.with_inputs(
            examples["inputs"], target=examples["target"], additional_forward_args=examples["extra"]
        ),
        starts,
        truth=examples["truth"],
        where=examples["where"],
        several=references is not None,
        max_evaluations=max_evaluations,
    )
    require_players(source.truth, source.n)
    return source


def _against(free: Freedom, against: Any, task: Task) -> tuple[str, Callable[[Examples], Tensor]]:
    """Return the name of the rule compared with, and its scores on examples."""
    if against is not None:
        rule = against if isinstance(against, str | DesignedRule) else attributor(against)
        known = rule if isinstance(rule, str) else rule.name
        return known, lambda examples: examples.source.attributed(rule)
    known = free.compared
    values = [
        task.objective.sign * float(task.objective.values(scores(task.train), task.train, rule).mean())
        for rule, scores in known.items()
    ]
    return list(known.items())[max(range(len(values)), key=values.__getitem__)]


def _measured(
    task: Task,
    natural: Tensor,
    chosen: tuple[str, Callable[[Examples], Tensor]],
    held: Examples,
    kind: str,
    name: str,
    level: float,
    seed: int,
) -> Fit:
    """Return the fit: the built rule on the held-out examples beside the rule compared with."""
    free, wanted = task.freedom, task.objective
    parameters = free.parameters(natural)
    rule = free.rule(parameters, name)
    known, other = chosen
    searched = free.scores(natural, held)
    scores = [held.source.attributed(rule) if free.approximate else searched, other(held)]
    values = [
        wanted.values(each, held, f"the held-out examples, {who}")
        for each, who in zip(scores, (name, known), strict=True)
    ]
    gain, low, high = gain_interval(wanted, held, (scores[0], values[0]), (scores[1], values[1]), level, seed)
    train_against = float(wanted.values(other(task.train), task.train, known).mean())
    cost = {"evaluations of the objective": task.looks, "gradient steps": task.steps}
    for source in (task.train.source, held.source):
        for what, count in source.cost.items():
            cost[what] = cost.get(what, 0) + count
    differs = _differs(free, rule, held, searched)
    return Fit(
        name=name,
        family=free.family,
        objective=wanted.name,
        maximise=wanted.maximise,
        parameters=parameters,
        against=known,
        train_value=task.value,
        train_against=train_against,
        values=values[0],
        values_against=values[1],
        gain=gain,
        low=low,
        high=high,
        level=level,
        keeps=dict(free.keeps),
        report=rule.report,
        history=torch.tensor(task.history, dtype=torch.float64).reshape(-1, 3),
        counts=(len(task.train), len(held)),
        names=held.names,
        cost={what: count for what, count in cost.items() if count},
        diagnostics={
            "search": kind,
            "seed": seed,
            "curves": "table of coalitions" if task.train.source.tabled else "model run on nested coalitions",
            "rule_differs_by": differs,
            "train": list(task.train.where),
            "held_out": list(held.where),
        },
    )


def _differs(free: Freedom, rule: DesignedRule, held: Examples, scores: Tensor) -> float:
    """Return how far the built rule's own scores are from those used here, over Σ|scores|."""
    rows = torch.arange(min(COMPARED_EXAMPLES, len(held)))
    source, asked = held.source, held.source.question

    def few_of(value: Any) -> Any:
        return rows_of(value, rows, source.batch)

    question = asked.with_inputs(
        few_of(asked.rows),
        target=few_of(asked.target),
        additional_forward_args=few_of(asked.additional_forward_args),
    )
    few = Source(question, [few_of(start) for start in source.starts], several=source.several)
    own = few.attributed(rule, **free.options)
    size = own.abs().sum(-1)
    missing = (own - scores[:, rows]).abs().sum(-1)
    largest = float((missing / torch.where(size > 0, size, 1.0)).max())
    if largest > LARGEST_QUIET_ERROR:
        warn(
            f"{rule.name}: the rule's own scores differ by {largest:.2g} of Σ|scores| from those it was "
            "fitted by: raise the nodes or the order of the search (nodes=, n_steps=, order=)",
            PrecisionWarning,
        )
    return largest
