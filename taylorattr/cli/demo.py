"""``taylorattr demo``: a real network's prediction on real data taken apart, and checked twice."""

from __future__ import annotations

import argparse
import json
import warnings
from pathlib import Path

import torch
from torch import Tensor

from taylorattr.analysis.players import Players
from taylorattr.atomic import replacing
from taylorattr.cli import arguments as shared
from taylorattr.cli import fourteen
from taylorattr.cli.breast_cancer import Study, study
from taylorattr.effects.effects import HarsanyiEffects, TaylorEffects
from taylorattr.effects.harsanyi import harsanyi
from taylorattr.effects.result import Result
from taylorattr.effects.tails import degree_by_support
from taylorattr.effects.taylor import decompose
from taylorattr.errors import DivergenceWarning

SUMMARY = "train a small network on bundled data and take one prediction apart (no arguments needed)"

DESCRIPTION = """\
Train a small smooth network on the breast-cancer data bundled with scikit-learn (seconds), and take its
prediction for one held-out case apart: first-order effects, high-order independent effects and interaction
effects of the 30 features and of the 10 measurements behind them, which add up to the prediction. Beside them
stand the exact interaction effects of all 2^10 coalitions of measurements. Everything is computed twice, in
independent ways, and the largest difference is printed. One more case shows a series that does not converge.
At last fourteen attribution methods stand beside the weighted sums of these effects that they are, and one
HTML page shows all of it.

examples:
  taylorattr demo
  taylorattr demo --order 5 --out somewhere
"""

ORDER = 4
ENOUGH = 0.02
"""The case is chosen among those whose remainder is at most this share of delta."""

AGREEMENT = 1e-9


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the subcommand's arguments."""
    parser.add_argument(
        "--order", type=int, default=ORDER, metavar="K", help=f"largest order (default: {ORDER})"
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="seed of the data split and the network (default: 0)"
    )
    parser.add_argument(
        "--out",
        default="taylorattr-demo",
        metavar="DIR",
        help="where the files go (default: taylorattr-demo)",
    )
    parser.add_argument(
        "--json", action="store_true", help="print the measurements' effects as JSON instead of text"
    )
    parser.add_argument(
        "--num-threads", type=int, metavar="N", help="threads of one operation (default: torch's)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Train, decompose, check, print and save; return 1 if two computations that must agree do not."""
    with shared.threads(arguments.num_threads):
        return _run(arguments)


def _run(arguments: argparse.Namespace) -> int:
    trained = study(arguments.seed)
    players = Players.columns(trained.measurements)
    chosen, diverging = choose(trained, players, arguments.order)
    case = trained.cases[chosen : chosen + 1]
    features = decompose(
        trained.network, case, order=arguments.order, players=Players.elements(case, names=trained.features)
    )
    groups = decompose(trained.network, case, order=arguments.order, players=players, with_tails=True)
    exact = harsanyi(trained.network, case, players=players)
    along, across = differences(trained, case, players, groups)
    case64, references = fourteen.example(trained.cases, chosen)
    rows = fourteen.fourteen(trained.network, case64, players, references, arguments.order, trained.features)
    folder = Path(arguments.out)
    folder.mkdir(parents=True, exist_ok=True)
    say = "malignant" if bool(trained.malignant[chosen]) else "benign"
    _save(folder, trained, chosen, features, groups, exact)
    about = f"Held-out case {chosen} ({say}), against the average training case"
    page = _report(folder, trained, case, about, [groups, exact, features, *(row.result for row in rows)])
    if arguments.json:
        print(json.dumps(groups.to_dict(), ensure_ascii=False))
    else:
        print(
            "Network: tanh 30-16-16-1, trained on 426 cases.\n"
            f"Test accuracy: {trained.accuracy:.1%} of 143 held-out cases."
        )
        print(f"Explained: held-out case {chosen} ({say}), against the average training case as baseline.")
        print("Output: log-odds of a malignant tumour.\n")
        print(_by_order(features))
        print(_largest(features, "30 features"))
        print(_largest(groups, "10 measurements, each with its mean, error and worst value"))
        print(_beside(groups, exact))
        print(_adds_up(features, groups, exact))
        print(_checks(along, across))
        print(_not_reached(trained, players, diverging, arguments.order) + "\n")
        print(fourteen.shown(rows))
        largest = int(rows[2].result.direct.player_scores[0].abs().argmax())
        print(f"One score of {rows[2].method} as the sum it is\n  {rows[2].result.sentence(largest)}")
        print(f"\nFiles: {folder / 'effects.json'}, {folder / 'effects.png'}")
        print(f"Report: {page} (one page with all of this; open it in a browser)")
    agree = max(along, across) <= AGREEMENT and fourteen.exact_ones_agree(rows, AGREEMENT)
    return 0 if agree else 1


def choose(trained: Study, players: Players, order: int) -> tuple[int, int]:
    """Return the case to explain, and one whose series does not reach it.

    The first is, among the held-out cases whose remainder is at most 2 % of delta and whose series is seen to
    converge, the one where the orders from the second on count most; if there is none, the one with the
    smallest remainder. The second is the one with the largest remainder.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DivergenceWarning)  # said below of the case that is shown
        cases = decompose(
            trained.network, trained.cases, order=order, players=players, diagnose=False, with_tails=False
        )
        share = cases.remainder_share
        bent = cases.by_order[:, 1:].abs().sum(1)
        for candidate in torch.argsort(bent, descending=True).tolist():
            if share[candidate] > ENOUGH:
                continue
            case = trained.cases[candidate : candidate + 1]
            probe = decompose(trained.network, case, order=order, players=players, with_tails=False)
            if bool(probe.converged[0]):
                return candidate, int(share.argmax())
    return int(share.argmin()), int(share.argmax())


def differences(trained: Study, case: Tensor, players: Players, groups: TaylorEffects) -> tuple[float, float]:
    """Return the relative differences of two pairs of computations.

    The first: Σ_{|κ|=m} I(κ) of the multivariate table against the order-m coefficient of the jet along x − b
    (one player that holds every feature). The second: J_m(S) summed from the table against J_m(S) from jets
    along masked directions, eq. (57). Each relative to the largest entry of its order; the largest over the
    orders.
    """
    everything = Players([list(range(case.shape[1]))], names=("all features",))
    jet = decompose(
        trained.network, case, order=groups.order, players=everything, with_tails=False, diagnose=False
    )
    along = float(((groups.by_order - jet.values).abs() / groups.by_order.abs()).max())
    masked = degree_by_support(trained.network, case, players=players, order=groups.order)
    across = 0.0
    for m, table in enumerate(masked, start=1):
        summed = groups.of_order(m)
        expected = torch.zeros_like(table.values)
        expected[:, torch.from_numpy(summed.masks)] = summed.values
        difference = (table.values - expected)[:, 1:].abs().max()
        across = max(across, float(difference / expected[:, 1:].abs().max()))
    return along, across


def _by_order(effects: TaylorEffects) -> str:
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


def _largest(effects: TaylorEffects, title: str, k: int = 5) -> str:
    interactions = [t for t in effects.interactions.top(400)[0] if len(t.key) > 1][:k]
    columns = {
        "first-order": _ranked(effects.first_order[0], effects.names, k),
        "high-order independent": _ranked(effects.independent_high[0], effects.names, k),
        "interactions": [(t.name, t.value) for t in interactions],
    }
    lines = [f"Largest effects of the {title}"]
    for name, entries in columns.items():
        lines.append(f"  {name}")
        lines += [f"    {value:+9.4f}  {label}" for label, value in entries]
    return "\n".join(lines) + "\n"


def _ranked(values: Tensor, names: tuple[str, ...], k: int) -> list[tuple[str, float]]:
    order = torch.argsort(values.abs(), descending=True)[:k]
    return [(names[int(i)], float(values[i])) for i in order]


def _beside(groups: TaylorEffects, exact: HarsanyiEffects, k: int = 8) -> str:
    assert groups.tails is not None  # asked for above
    lines = [
        f"Exact effects of all 2^{exact.n} = {2**exact.n} coalitions (forward passes only) beside the series",
        f"    {'exact J(S)':>11} {f'orders ≤ {groups.order}':>12} {'left out':>10}   coalition",
    ]
    for effect in exact.top(k)[0]:
        tail = float(groups.tails.effect(effect.key)[0])
        lines.append(f"    {effect.value:+11.4f} {effect.value - tail:+12.4f} {tail:+10.4f}   {effect.name}")
    worst = groups.tails.top(1)[0][0]
    lines.append(f"    largest part left out of any coalition: {worst.value:+.4f} ({worst.name})")
    return "\n".join(lines) + "\n"


def _adds_up(features: TaylorEffects, groups: TaylorEffects, exact: HarsanyiEffects) -> str:
    assert groups.tails is not None  # asked for above
    sums = [
        (
            features.values.shape[1],
            "Taylor effects of the features",
            features.values,
            "remainder",
            features.remainder,
        ),
        (
            groups.values.shape[1],
            "Taylor effects of the measurements",
            groups.values,
            "tails",
            groups.tails.total,
        ),
    ]
    lines = ["Everything adds up to delta"]
    for count, name, values, rest_name, rest in sums:
        total, left = float(values.sum()), float(rest[0])
        lines.append(f"  {count:>7} {name:<36}{total:+.6f}")
        lines.append(f"  {'':>7} + {rest_name:<34}{left:+.6f}  = {total + left:+.6f}")
    lines.append(f"  {2**exact.n - 1:>7} {'exact effects of coalitions':<36}{float(exact.total[0]):+.6f}")
    lines.append(f"  {'':>7} {'f(x) - f(baseline)':<36}{float(exact.delta[0]):+.6f}")
    return "\n".join(lines) + "\n"


def _checks(along: float, across: float) -> str:
    lines = ["Two computations of each, largest relative difference"]
    for gap, name in (
        (along, "order sums: table of multi-indices | jet along x - baseline"),
        (across, "J_m(S): table of multi-indices | jets along masked directions"),
    ):
        lines.append(f"  {gap:>9.1e} {'agree' if gap <= AGREEMENT else 'DISAGREE':<9} {name}")
    return "\n".join(lines) + "\n"


def _not_reached(trained: Study, players: Players, case: int, order: int) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DivergenceWarning)  # printed here instead
        effects = decompose(
            trained.network, trained.cases[case : case + 1], order=order, players=players, with_tails=False
        )
    total, delta = float(effects.values.sum()), float(effects.delta[0])
    verdict = "converges" if bool(effects.converged[0]) else "does not converge"
    return (
        f"Where a series does not help: held-out case {case}. Its effects up to order {order} add up to "
        f"{total:+.3g},\nbut delta is {delta:+.3g}. The result says: {verdict}; {effects.reasons[0]}."
    )


def _report(folder: Path, trained: Study, case: Tensor, title: str, results: list[Result]) -> Path:
    from taylorattr.html import report  # templates are loaded when a page is asked for

    return report(
        folder / "report.html",
        *results,
        model=trained.network,
        title=title,
        inputs=case,
        baselines=0.0,
        target="log-odds of a malignant tumour",
        max_effects=400,
    )


def _save(
    folder: Path,
    trained: Study,
    case: int,
    features: TaylorEffects,
    groups: TaylorEffects,
    exact: HarsanyiEffects,
) -> None:
    content = {
        "case": case,
        "accuracy": trained.accuracy,
        "features": features.to_dict(),
        "measurements": groups.to_dict(),
        "exact": exact.to_dict(),
    }
    with replacing(folder / "effects.json") as file:
        file.write(json.dumps(content, ensure_ascii=False, indent=1).encode())
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # loading matplotlib costs 0.3 s
    from matplotlib.figure import Figure

    from taylorattr.plot import by_order, top_effects

    figure = Figure(figsize=(13.0, 5.2), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, width_ratios=[2, 3])
    by_order(groups, ax=left)
    top_effects(groups, 14, ax=right)
    with replacing(folder / "effects.png") as file:
        figure.savefig(file, format="png", dpi=130)
