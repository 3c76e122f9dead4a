"""One prediction of the trained network: decomposed, computed twice, set beside methods, written out."""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from pathlib import Path

import torch
from matplotlib.figure import Figure
from torch import Tensor

import taylorattr as ta
from taylorattr.atomic import replacing
from taylorattr.demo.breast_cancer import Study
from taylorattr.demo.methods_beside_sums import (
    MethodBesideSum,
    case_and_references,
    exact_ones_agree,
    methods_beside_sums,
    table_text,
)
from taylorattr.errors import DivergenceWarning

LARGEST_REMAINDER_SHARE = 0.02
"""The case to explain is one of those whose remainder is at most this share of delta."""

LARGEST_DISAGREEMENT = 1e-9
"""Two computations of the same numbers agree if they differ by no more than this, relative to the largest.
Both are float64; what is measured is about 1e-14, and a wrong term would be far above."""

EFFECTS_ON_PAGE = 400
"""Effects of each table on the HTML page: fewer than its usual 1,000 keep the file below 2 MB."""


@dataclass(frozen=True)
class Explanation:
    """Everything that the demonstration says of one case.

    Attributes:
        study: The network and the held-out cases.
        index: Number of the case that is explained.
        diverging: Number of a case that the series does not reach.
        features: Taylor effects of the 30 features.
        measurements: Taylor effects of the 10 measurements, with what they leave out of each coalition.
        exact: Effects of all 2¹⁰ coalitions of measurements, from forward passes only.
        disagreements: Relative differences of two pairs of computations, see `disagreements`.
        methods: Fourteen methods beside their sums of effects.
    """

    study: Study
    index: int
    diverging: int
    features: ta.TaylorEffects
    measurements: ta.TaylorEffects
    exact: ta.HarsanyiEffects
    disagreements: tuple[float, float]
    methods: list[MethodBesideSum]

    @property
    def diagnosis(self) -> str:
        """What the case was found to be."""
        return "malignant" if bool(self.study.malignant[self.index]) else "benign"

    @property
    def agrees(self) -> bool:
        """Whether all computations that must give the same numbers do."""
        return max(self.disagreements) <= LARGEST_DISAGREEMENT and exact_ones_agree(
            self.methods, LARGEST_DISAGREEMENT
        )


def explain(study: Study, order: int) -> Explanation:
    """Return everything about a case that is chosen here; the baseline is 0, the average training case.

    Args:
        study: The network and the held-out cases.
        order: Largest |κ| of the Taylor effects.
    """
    players = ta.Players.columns(study.measurements)
    index, diverging = choose_cases(study, players, order)
    case = study.cases[index : index + 1]
    features = ta.decompose(
        study.network, case, order=order, players=ta.Players.elements(case, names=study.features)
    )
    measurements = ta.decompose(study.network, case, order=order, players=players, with_tails=True)
    exact = ta.harsanyi(study.network, case, players=players)
    double_case, references = case_and_references(study.cases, index)
    return Explanation(
        study=study,
        index=index,
        diverging=diverging,
        features=features,
        measurements=measurements,
        exact=exact,
        disagreements=disagreements(study, case, players, measurements),
        methods=methods_beside_sums(study.network, double_case, players, references, order, study.features),
    )


def choose_cases(study: Study, players: ta.Players, order: int) -> tuple[int, int]:
    """Return the case to explain, and one whose series does not reach it.

    The first is, among the held-out cases whose remainder is at most 2 % of delta and whose series is seen to
    converge, the one where the orders from the second on count most; if there is none, the one with the
    smallest remainder. The second is the one with the largest remainder.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DivergenceWarning)  # printed of the case that is shown
        cases = ta.decompose(
            study.network, study.cases, order=order, players=players, diagnose=False, with_tails=False
        )
        share = cases.remainder_share
        beyond_first_order = cases.by_order[:, 1:].abs().sum(1)
        # the verdict on convergence costs more than the effects, so it is asked of one case after the other
        for candidate in torch.argsort(beyond_first_order, descending=True).tolist():
            if share[candidate] > LARGEST_REMAINDER_SHARE:
                continue
            case = study.cases[candidate : candidate + 1]
            effects = ta.decompose(study.network, case, order=order, players=players, with_tails=False)
            if bool(effects.converged[0]):
                return candidate, int(share.argmax())
    return int(share.argmin()), int(share.argmax())


def disagreements(
    study: Study, case: Tensor, players: ta.Players, measurements: ta.TaylorEffects
) -> tuple[float, float]:
    """Return the relative differences of two pairs of computations.

    The first: Σ_{|κ|=m} I(κ) of the multivariate table against the order-m coefficient of the jet along x − b
    (one player that holds every feature). The second: J_m(S) summed from the table against J_m(S) from jets
    along masked directions, eq. (57). Each relative to the largest entry of its order; the largest over the
    orders.
    """
    order = measurements.order
    everything = ta.Players([list(range(case.shape[1]))], names=("all features",))
    jet = ta.decompose(study.network, case, order=order, players=everything, with_tails=False, diagnose=False)
    by_order = float(((measurements.by_order - jet.values).abs() / measurements.by_order.abs()).max())
    by_coalition = 0.0
    masked_jets = ta.degree_by_support(study.network, case, players=players, order=order)
    for m, of_jets in enumerate(masked_jets, start=1):
        of_table = measurements.of_order(m)
        # the jets give all coalitions in bitmask order, the table only those of at most m players
        expected = torch.zeros_like(of_jets.values)
        expected[:, torch.from_numpy(of_table.masks)] = of_table.values
        difference = (of_jets.values - expected)[:, 1:].abs().max()  # column 0 is the empty coalition
        by_coalition = max(by_coalition, float(difference / expected[:, 1:].abs().max()))
    return by_order, by_coalition


def text(explanation: Explanation) -> str:
    """Return what the demonstration prints."""
    study, methods = explanation.study, explanation.methods
    integrated = methods[2]
    largest = int(integrated.reformulation.direct.player_scores[0].abs().argmax())
    return "\n".join(
        [
            "Network: tanh 30-16-16-1, trained on 426 cases.",
            f"Test accuracy: {study.accuracy:.1%} of 143 held-out cases.",
            f"Explained: held-out case {explanation.index} ({explanation.diagnosis}), against the average "
            "training case as baseline.",
            "Output: log-odds of a malignant tumour.\n",
            _by_order(explanation.features),
            _largest(explanation.features, "30 features"),
            _largest(explanation.measurements, "10 measurements, each with its mean, error and worst value"),
            _exact_beside_series(explanation.exact, explanation.measurements),
            _adds_up(explanation),
            _agreement(*explanation.disagreements),
            _not_reached(explanation) + "\n",
            table_text(methods),
            f"One score of {integrated.method} as the sum it is",
            f"  {integrated.reformulation.sentence(largest)}",
        ]
    )


def _by_order(effects: ta.TaylorEffects) -> str:
    """Return the effects of each order, the remainder and the verdict on convergence."""
    delta = float(effects.delta[0])
    lines = [
        f"f(x) = {float(effects.f_input[0]):+.4f}   f(baseline) = {float(effects.f_baseline[0]):+.4f}   "
        f"delta = {delta:+.4f}",
        "",
        "Effects by order                  share of delta",
    ]
    names = {1: "first order", 2: "second order", 3: "third order", 4: "fourth order"}
    for m, value in enumerate(effects.by_order[0].tolist(), start=1):
        lines.append(f"  {names.get(m, f'order {m}'):<18}{value:+10.4f}   {value / delta:+8.1%}")
    remainder = float(effects.remainder[0])
    lines.append(f"  {'remainder':<18}{remainder:+10.4f}   {remainder / delta:+8.1%}")
    verdict = "converges" if bool(effects.converged[0]) else "is not trusted"
    lines.append(f"  The series {verdict}: {effects.reasons[0]}.")
    return "\n".join(lines) + "\n"


def _largest(effects: ta.TaylorEffects, title: str, count: int = 5) -> str:
    """Return the largest effects of each of the three kinds."""

    def ranked(values: Tensor) -> list[tuple[str, float]]:
        order = torch.argsort(values.abs(), descending=True)[:count]
        return [(effects.names[int(i)], float(values[i])) for i in order]

    # the largest 400 coalitions hold more than enough of at least two players
    interactions = [effect for effect in effects.interactions.top(400)[0] if len(effect.key) > 1][:count]
    kinds = {
        "first-order": ranked(effects.first_order[0]),
        "high-order independent": ranked(effects.independent_high[0]),
        "interactions": [(effect.name, effect.value) for effect in interactions],
    }
    lines = [f"Largest effects of the {title}"]
    for kind, entries in kinds.items():
        lines.append(f"  {kind}")
        lines += [f"    {value:+9.4f}  {name}" for name, value in entries]
    return "\n".join(lines) + "\n"


def _exact_beside_series(exact: ta.HarsanyiEffects, series: ta.TaylorEffects, count: int = 8) -> str:
    """Return the largest exact effects, with the part of each that the series leaves out."""
    assert series.tails is not None  # decomposed with them
    lines = [
        f"Exact effects of all 2^{exact.n} = {2**exact.n} coalitions (forward passes only) beside the series",
        f"    {'exact J(S)':>11} {f'orders ≤ {series.order}':>12} {'left out':>10}   coalition",
    ]
    for effect in exact.top(count)[0]:
        tail = float(series.tails.effect(effect.key)[0])
        lines.append(f"    {effect.value:+11.4f} {effect.value - tail:+12.4f} {tail:+10.4f}   {effect.name}")
    worst = series.tails.top(1)[0][0]
    lines.append(f"    largest part left out of any coalition: {worst.value:+.4f} ({worst.name})")
    return "\n".join(lines) + "\n"


def _adds_up(explanation: Explanation) -> str:
    """Return the sums of three tables of effects, which are the same number."""
    features, measurements, exact = explanation.features, explanation.measurements, explanation.exact
    assert measurements.tails is not None  # decomposed with them
    lines = ["Everything adds up to delta"]
    for effects, of_what, rest_name, rest in (
        (features, "features", "remainder", features.remainder),
        (measurements, "measurements", "tails", measurements.tails.total),
    ):
        total, left_out = float(effects.values.sum()), float(rest[0])
        title = f"Taylor effects of the {of_what}"
        lines.append(f"  {effects.values.shape[1]:>7} {title:<36}{total:+.6f}")
        lines.append(f"  {'':>7} + {rest_name:<34}{left_out:+.6f}  = {total + left_out:+.6f}")
    lines.append(f"  {2**exact.n - 1:>7} {'exact effects of coalitions':<36}{float(exact.total[0]):+.6f}")
    lines.append(f"  {'':>7} {'f(x) - f(baseline)':<36}{float(exact.delta[0]):+.6f}")
    return "\n".join(lines) + "\n"


def _agreement(by_order: float, by_coalition: float) -> str:
    """Return the two disagreements, each with its verdict."""
    lines = ["Two computations of each, largest relative difference"]
    for difference, name in (
        (by_order, "order sums: table of multi-indices | jet along x - baseline"),
        (by_coalition, "J_m(S): table of multi-indices | jets along masked directions"),
    ):
        verdict = "agree" if difference <= LARGEST_DISAGREEMENT else "DISAGREE"
        lines.append(f"  {difference:>9.1e} {verdict:<9} {name}")
    return "\n".join(lines) + "\n"


def _not_reached(explanation: Explanation) -> str:
    """Return what the library says of a case that the series does not reach."""
    study, case, order = explanation.study, explanation.diverging, explanation.features.order
    players = ta.Players.columns(study.measurements)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DivergenceWarning)  # printed here instead
        effects = ta.decompose(
            study.network, study.cases[case : case + 1], order=order, players=players, with_tails=False
        )
    total, delta = float(effects.values.sum()), float(effects.delta[0])
    verdict = "converges" if bool(effects.converged[0]) else "does not converge"
    return (
        f"Where a series does not help: held-out case {case}. Its effects up to order {order} add up to "
        f"{total:+.3g},\nbut delta is {delta:+.3g}. The result says: {verdict}; {effects.reasons[0]}."
    )


def write_files(explanation: Explanation, folder: Path) -> None:
    """Write ``effects.json``, ``effects.png`` and ``report.html`` into a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    study, measurements = explanation.study, explanation.measurements
    content = {
        "case": explanation.index,
        "accuracy": study.accuracy,
        "features": explanation.features.to_dict(),
        "measurements": measurements.to_dict(),
        "exact": explanation.exact.to_dict(),
    }
    with replacing(folder / "effects.json") as file:
        file.write(json.dumps(content, ensure_ascii=False, indent=1).encode())

    figure = Figure(figsize=(13.0, 5.2), layout="constrained")  # not pyplot's: no window, nothing to close
    left, right = figure.subplots(1, 2, width_ratios=[2, 3])
    ta.plot.by_order(measurements, ax=left)
    ta.plot.top_effects(measurements, 14, ax=right)
    with replacing(folder / "effects.png") as file:
        figure.savefig(file, format="png", dpi=130)

    title = f"Held-out case {explanation.index} ({explanation.diagnosis}), against the average training case"
    ta.report(
        folder / "report.html",
        measurements,
        explanation.exact,
        explanation.features,
        *(row.reformulation for row in explanation.methods),
        model=study.network,
        title=title,
        inputs=study.cases[explanation.index : explanation.index + 1],
        baselines=0.0,
        target="log-odds of a malignant tumour",
        max_effects=EFFECTS_ON_PAGE,
    )
