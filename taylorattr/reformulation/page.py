"""The printed reformulation: a_radius = 1·I(radius) + ½·I(radius, texture) + ⅔·I(radius², texture) + …."""

from __future__ import annotations

from fractions import Fraction

import torch

from taylorattr.effects.effects import TaylorEffects
from taylorattr.reformulation.shown import Shown

FRACTIONS = {Fraction(1, 2): "½", Fraction(1, 3): "⅓", Fraction(2, 3): "⅔", Fraction(1, 4): "¼",
             Fraction(3, 4): "¾", Fraction(1, 5): "⅕", Fraction(2, 5): "⅖", Fraction(3, 5): "⅗",
             Fraction(4, 5): "⅘", Fraction(1, 6): "⅙", Fraction(5, 6): "⅚"}  # fmt: skip


def fraction(weight: Fraction | float) -> str:
    """Return a ratio as a reader writes it: 1, ½, 3/7, 0.8125; without its sign."""
    size = abs(weight)
    return FRACTIONS.get(size, str(size)) if isinstance(size, Fraction) else f"{size:.4g}"


def letter(result: Shown) -> str:
    """Return what an effect is called: I, of coalitions J, in frame x Iˣ, over references E I."""
    effects = result.effects[0]
    name = "I" if isinstance(effects, TaylorEffects) else "J"
    frame = "ˣ" if effects.frame == "input" else ""
    return ("E " if len(result.effects) > 1 else "") + name + frame


def sentence(result: Shown, place: int, example: int, k: int, reference: int | None = None) -> str:
    """Return a score as the weighted sum of effects that it is."""
    found = result.terms(place, example, k, reference)
    head = f"a_{result.names[place]}"
    if not found:
        return f"{head} = 0"
    name = letter(result)
    shown = _sum([(t.weight < 0, f"{fraction(t.weight)}·{name}({_players(t.effect)})") for t in found])
    more = int((result.matrix(example, reference)[:, place] != 0).sum()) > len(found)
    return f"{head} = {shown}" + (" + …" if more else "")


def numbers(result: Shown, place: int, example: int, k: int, reference: int | None = None) -> str:
    """Return the same sum with the effects' values in place of their names."""
    found = result.terms(place, example, k, reference)
    column = result.matrix(example, reference)[:, place]
    shown = [(t.weight < 0, f"{fraction(t.weight)}·{_signed(t.value)}") for t in found]
    rest = int((column != 0).sum()) - len(found)
    if rest > 0:
        left = float(column.sum()) - sum(t.part for t in found)
        shown.append((left < 0, f"{abs(left):.4g} of {rest} more"))
    return f"{_sum(shown)} = {float(column.sum()):+.6g}"


def summary(result: Shown, k: int, examples: int, terms: int) -> str:
    """Return the page: formula, sums, differences and their reasons, layers and formal shares."""
    direct = result.direct
    lines = [f"Reformulation of {result.method}"]
    if result.rule:
        rule = result.allocation_rule
        lines += [
            f"  wᵢ(κ) = {rule.formula}",
            f"  {rule.name}, frame {result.effects[0].frame}; {rule.source}",
        ]
    if len(result.effects) > 1:
        lines.append(f"  E is the mean over {len(result.effects)} references, each effect in its own frame")
    for e in range(min(direct.batch, examples)):
        lines.append(
            f"  example {e}: f(x) = {float(direct.f_input[e]):.6g}, "
            f"f(b) = {float(direct.f_baseline[e]):.6g}; {_verdict(result, e)}"
        )
        for place in direct.player_scores[e].abs().argsort(descending=True)[:k].tolist():
            lines += [f"    {line}" for line in _receiver(result, place, e, terms)]
        if len(result.names) > k:
            lines.append(f"    … and {len(result.names) - k} more receivers")
    if direct.batch > examples:
        lines.append(f"  … and {direct.batch - examples} more examples")
    if result.layers is not None:
        lines += ["", str(result.layers)]
    if result.formal is not None:
        lines += ["", str(result.formal)]
    if result.remarks:
        lines += ["", *(f"  note: {remark}" for remark in result.remarks)]
    return "\n".join(lines)


def _receiver(result: Shown, place: int, e: int, terms: int) -> list[str]:
    """Return the lines of one score."""
    direct, other = (a.player_scores[e, place] for a in (result.direct, result.allocated))
    name = result.names[place]
    end = f"{result.method} {float(direct):+.6g}, difference {float(direct - other):+.1e}"
    if not result.effects:
        return [f"a_{name} = {float(other):+.6g} through the layers; {end}"]
    indent = " " * (len(name) + 2)
    lines = [sentence(result, place, e, terms), f"{indent} = {numbers(result, place, e, terms)}"]
    if not torch.isclose(other, result.matrix(e)[:, place].sum()):
        lines.append(f"{indent} → {float(other):+.6g} behind the gate")
    return [*lines, f"{indent}   {end}"]


def _verdict(result: Shown, e: int) -> str:
    """Say how far the two lie apart, and what allows it."""
    size = float(result.difference[e].abs().max())
    parts = {name: float(error[e].max()) for name, error in result.errors.items()}
    allowed = ", ".join(f"{name} ≤ {value:.1e}" for name, value in parts.items() if value == value)
    open_ = [name for name, value in parts.items() if value != value]
    verdict = "explained" if bool(result.explained[e].all()) else "NOT EXPLAINED"
    if verdict == "explained" and bool(result.wide[e].any()):
        verdict = "within a bound wider than all scores together, which explains nothing:"
        return f"largest difference {size:.1e}, {verdict} {allowed}"
    if open_:
        allowed += f", {', '.join(open_)} not bounded"
    return f"largest difference {size:.1e}, {verdict} by {allowed}"


def _sum(parts: list[tuple[bool, str]]) -> str:
    """Join terms with the signs of their ratios: a + b − c."""
    text = ""
    for negative, part in parts:
        text += (f" {'−' if negative else '+'} " if text else "−" if negative else "") + part
    return text


def _signed(value: float) -> str:
    return f"({value:.4g})" if value < 0 else f"{value:.4g}"


def _players(effect: str) -> str:
    return ", ".join(effect.split(" × "))
