"""The answer of a search for the guilty operation, with its sentence."""

from __future__ import annotations

from taylorattr.criteria.blame.report import Blame, Cut, Law
from taylorattr.criteria.blame.search import Cuts


def answer(
    law: Law,
    labels: list[str],
    kinds: list[str],
    whole: Cut,
    cuts: tuple[Cuts, Cuts, Cuts],
    last: tuple[int, int] | None,
    first: int | None,
    alone: list[int],
) -> Blame:
    """Return what suffixes, prefixes and single operations say together.

    Args:
        law: What the scores were compared with.
        labels: Names of the operations.
        kinds: What they are, in a word; empty where the name says it.
        whole: The whole model.
        cuts: Suffixes, prefixes and single operations.
        last: Operation that the suffixes name, and the next one from which the sum holds.
        first: Operation that the prefixes name.
        alone: Operations that are wrong by themselves.
    """
    suffixes, prefixes, isolated = cuts
    seen = [cut for group in cuts for cut in group.seen.values()]
    if all(cut.status == "refused" for cut in seen):  # what takes nothing singles nothing out
        last, first, alone = None, None, []
    place = last[0] if last else first if first is not None else alone[0] if alone else None
    refused = sorted(k for k, cut in isolated.seen.items() if cut.status == "refused")
    before, after = None, None
    if last is not None:
        after = suffixes[last[0]]
        before = suffixes[last[1]] if last[1] < len(labels) else None
    elif first is not None:
        after = prefixes[first]
    elif alone:
        after = isolated[alone[0]]
    none_taken = place is None and all(cut.status == "refused" for cut in suffixes.seen.values())
    if whole.status == "refused" or none_taken:
        found = "refused"
    elif place is None:
        found = "nothing"
    else:
        found = "context" if isolated[place].status == "holds" else "found"
    return Blame(
        found=found,
        operation="" if place is None else labels[place],
        last=labels[last[0]] if last else "",
        first="" if first is None else labels[first],
        alone=tuple(labels[k] for k in alone),
        refused=tuple(labels[k] for k in refused),
        law=law,
        before=before,
        after=after,
        cuts=(whole, *(cut for group in cuts for _, cut in sorted(group.seen.items()))),
        kind="" if place is None else kinds[place],
        statement=_sentence(_shown(labels, kinds), found, place, last, first, alone, (before, after, whole)),
    )


def _shown(labels: list[str], kinds: list[str]) -> list[str]:
    return [
        f"`{label}` ({kind})" if kind else f"`{label}`" for label, kind in zip(labels, kinds, strict=True)
    ]


def _sentence(
    labels: list[str],
    found: str,
    place: int | None,
    last: tuple[int, int] | None,
    first: int | None,
    alone: list[int],
    shown: tuple[Cut | None, Cut | None, Cut],
) -> str:
    before, after, whole = shown
    if place is None:
        if whole.status == "refused":
            return f"the method takes neither the model nor any part of it: {whole.message}"
        why = "the method took none of the sub-networks" if found == "refused" else "no sub-network shows it"
        return f"the sum is {whole.total:.6g} where {whole.due:.6g} is due, but {why}"
    name = labels[place]
    if found == "refused":
        refuses = f"takes what follows {name} and refuses it with {name}" if before else f"refuses {name}"
        words = [f"the method does not take the model; it {refuses}: {whole.message}"]
    else:
        words = [f"the sum breaks at {name}"]
        if after is not None:
            kept = (
                f"{before.total:.6g} of {before.due:.6g} due just behind it, " if before is not None else ""
            )
            words.append(f": {kept}{after.total:.6g} of {after.due:.6g} due with it")
        if last is not None and last[1] > last[0] + 1:
            between = ", ".join(labels[last[0] + 1 : last[1]])
            words.append(f"; {between} behind it were refused and may be at fault instead")
        together = found == "context" and first not in (None, place, *alone)
        if together and first is not None:
            words.append(
                f"; the first fault on the way from the inputs is {labels[first]}: each of the two is right "
                "by itself, and the method is wrong where they meet"
            )
            return "".join(words)
        if found == "context":
            words.append(
                "; by itself it is right, so it is its place among the others that the method misses"
            )
    if first is not None and last is not None and first != last[0]:
        words.append(f"; the first fault on the way from the inputs is {labels[first]}")
    return "".join(words)


def unbroken(whole: Cut, law: Law) -> Blame:
    """Return the answer where the scores of the whole model add up.

    Under the law ``output`` they do so on a copy without biases.
    """
    sums = f"the scores add up to {whole.total:.6g} and {whole.due:.6g} is due"
    statement = (
        f"no operation is to blame: without the biases of the model {sums}. A rule that shares out f(x) and "
        "lets biases keep their part is off by them, and by f(b), where the sums should be f(x) − f(b)"
        if law == "output"
        else f"nothing to blame: {sums}"
    )
    return Blame(
        found="nothing",
        operation="",
        last="",
        first="",
        alone=(),
        refused=(),
        law=law,
        before=None,
        after=None,
        cuts=(whole,),
        statement=statement,
    )
