"""The page of an audit: misuse first, then the verdicts, what is wrong and where, and the numbers."""

from __future__ import annotations

import textwrap

from taylorattr.criteria.audit.numbers import AuditNumbers

WIDTH = 100
TITLES = {"coverage": "coverage", "no_leak": "no leak ", "complete": "complete"}
QUESTIONS = {
    "coverage": "is somebody given every effect?",
    "no_leak": "does nobody get an effect he has no part in?",
    "complete": "is each effect handed out exactly once?",
}


def page(report: AuditNumbers, examples: int) -> str:
    """Return the report as text.

    Args:
        report: What was found.
        examples: How many examples are shown in detail.
    """
    what = f"{report.n} players, {report.batch} example{'s' if report.batch > 1 else ''}"
    lines = [f"Audit of {report.method}: {what}, {_reach(report)}", ""]
    for found in report.misuse:
        lines += _wrapped("MISUSE  ", f"{found.kind}: {found.sentence}")
    if report.misuse:
        lines.append("")
    for verdict in report.verdicts:
        lines.append(
            f"{verdict.mark} {TITLES[verdict.criterion]}  {verdict.status:<9}  {QUESTIONS[verdict.criterion]}"
        )
        reason = "; ".join(part for part in (verdict.statement, verdict.witness) if part)
        lines += _wrapped("      ", reason)
        if verdict.condition:
            lines += _wrapped("      ", f"({verdict.condition})")
    if report.blame is not None:
        lines += ["", *_wrapped("blame   ", report.blame.statement)]
    if report.refinement is not None:
        lines += _wrapped("nodes   ", report.refinement.sentence)
    for example in range(min(report.batch, examples)):
        lines += ["", *_example(report, example)]
    if report.batch > examples:
        lines.append(f"… and {report.batch - examples} more examples")
    lines += ["", *_noise(report)]
    for note in report.notes:
        lines += _wrapped("note    ", note)
    return "\n".join(lines)


def _reach(report: AuditNumbers) -> str:
    if report.max_order is None:
        return f"all {2**report.n} coalitions"
    drawn = report.sampled.get("masks", 0)
    exact = f"every coalition of at most {report.max_order} players"
    return f"{exact} and {drawn} drawn at random" if drawn else exact


def _example(report: AuditNumbers, e: int) -> list[str]:
    lines = [
        f"example {e}: deficit {float(report.deficit[e]):.2g}, leak {float(report.leak[e]):.2g}, offset "
        f"{float(report.offset[e]):.2g}, uncovered {float(report.uncovered[e]):.2g}"
    ]
    if report.element_leak is not None and float(report.element_leak[e]) > 0:
        lines.append(
            f"  elements at their baseline get {float(report.element_leak[e]):.2g} of what the others get"
        )
    terms = ["at b: " + f"{float(report.gap_by_order[e, 0]):+.3g}"] + [
        f"order {k + 1}: {float(part):+.3g}" for k, part in enumerate(report.gap_by_order[e, 1:])
    ]
    shown = [
        term for term, part in zip(terms, report.gap_by_order[e], strict=True) if abs(float(part)) > 1e-12
    ]
    explained = f" = {', '.join(shown[:8])}{', …' if len(shown) > 8 else ''}" if shown else ""
    lines += _wrapped("  ", f"gap f(x) − f(b) − Σ scores = {float(report.gap[e]):+.3g}{explained}")
    lines.append("  order    Σ|J|      share   deficit      leak   counted")
    total = float(report.mass[e].sum()) or 1.0
    for k in range(report.mass.shape[1]):
        mass = float(report.mass[e, k])
        if mass / total < 1e-9:
            continue
        lines.append(
            f"  {k + 1:>5} {mass:>9.3g} {mass / total:>9.1%} {float(report.order_deficit[e, k]):>9.2g} "
            f"{float(report.order_leak[e, k]):>9.2g} {float(report.slope[e, k]):>8.4g}×"
        )
    for worst in report.worst[e] if any(v.status != "holds" for v in report.each[e]) else ():
        leaked = f", {worst.leaked:.3g} of it by others" if worst.leaked > 0 else ""
        coalition = "{" + ", ".join(worst.players) + "}"
        lines += _wrapped("  ", f"{coalition}: effect {worst.effect:+.4g}, given {worst.given:+.4g}{leaked}")
    if report.asymmetry:
        lines += _asymmetry(report, e)
    return lines


def _asymmetry(report: AuditNumbers, e: int) -> list[str]:
    found = report.asymmetry[e]
    beside = f", {found.other} {found.beside:.2f}" if found.beside is not None else ""
    lines = _wrapped(
        "  ",
        f"beyond sums: pair asymmetry {found.pair:.2f} (0 equal shares, 1 all to one member; Shapley "
        f"0{beside}); {found.wholly:.0%} of the pairs' effects go wholly to one member",
    )
    if found.wholly > 0.8:
        lines += _wrapped(
            "    ", "nearly every pair goes to one of its members: " + "; ".join(found.pairs[:3])
        )
    if found.alike is not None and found.alike > 1e-6:
        lines.append(
            f"    players that the network cannot tell apart get scores that differ by {found.alike:.2g}"
        )
    return lines


def _noise(report: AuditNumbers) -> list[str]:
    noise = report.noise
    repeated = f", {noise['repeats']} repeats" if noise["repeats"] > 1 else ""
    return _wrapped(
        "noise   ",
        f"kind of method: {noise['exactness']}, tolerance {noise['tolerance']:.0e}{repeated}; rounding shows "
        f"up to {noise['eta_deficit']:.1e} in the deficit and {noise['eta_leak']:.1e} in the leak (ε "
        f"{noise['eps']:.0e}, other batches {noise['delta']:.0e}); nothing below {noise['floor']:.0e} counts",
    )


def _wrapped(head: str, text: str) -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=head, subsequent_indent=" " * len(head), break_long_words=False
    )
