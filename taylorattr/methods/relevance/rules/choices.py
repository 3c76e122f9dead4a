"""(R11) Choices by masks and ranks that depend on the input: fused into one unit, or refused."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from taylorattr.methods.relevance import linear_map
from taylorattr.methods.relevance.maths.secant import Function, kinked
from taylorattr.methods.relevance.rule import Pulled, Rule
from taylorattr.methods.relevance.site import Site, same_at_both_ends
from taylorattr.program.arguments import map_leaves, operands, results
from taylorattr.program.operations import operation_of
from taylorattr.program.program import Node, Ref


class Choice(Rule):
    """where, masked_fill and casts of masks.

    Where the mask is the same at x and b it is a constant, and the operation rearranges. Where it is not,
    the operation must be an elementwise function of one value: then the subgraph is one unit and (R2)
    applies (equal to the activation it spells out). Anything else is refused.
    """

    name = "choice"

    def pull(self, site: Site, m: Tensor) -> Pulled:
        """Return the transposed map, or the secant of the fused unit."""
        if same_at_both_ends(site):
            return linear_map.pull(site, m) if site.operands else []
        source = single_source(site)
        if source is None:
            raise site.refuse(
                "its mask or index differs between input and baseline, and it is no elementwise function of "
                "one value, so no multiplier is known. Use relu, abs, clamp, maximum, or a baseline with the "
                "same mask"
            )
        index, chain = source
        z, z0 = site.values[index], (site.reference or {})[index]
        slope = kinked(_replay(site, index, chain), z0, z, site.y0, site.y)
        return {index: (m * slope).sum_to_size(z.shape)}

    def pull_abs(self, site: Site, m: Tensor) -> Pulled | None:
        """Return |L|ᵀm for a mask that is the same at both ends; else unknown."""
        return linear_map.pull(site, m) if same_at_both_ends(site) and site.operands else None

    def push_abs(self, site: Site, parts: Sequence[Tensor]) -> Tensor | None:
        """Return |L|a for a mask that is the same at both ends; else unknown."""
        return linear_map.push(site, parts) if same_at_both_ends(site) and parts else None


def single_source(site: Site) -> tuple[int, list[Node]] | None:
    """Return the one value that an operation is an elementwise function of, and the operations between.

    Operations with one active argument are followed back; what they start from must be one value of the same
    shape.
    """
    shape = site.y.shape
    chain: list[Node] = []  # in the order of execution: a node follows all that it reads
    frontier: set[int] = set()

    def visit(node: Node) -> None:
        if node in chain:
            return
        for i in operands(node):
            if i not in site.active:
                continue
            maker = site.makers.get(i)
            if maker is not None and _elementwise(site, maker):
                visit(maker)
            else:
                frontier.add(i)
        chain.append(node)

    visit(site.node)
    if len(frontier) != 1:
        return None
    (index,) = frontier
    source = site.values[index]
    return (index, chain) if source.shape == shape and source.is_floating_point() else None


def _elementwise(site: Site, node: Node) -> bool:
    """Return whether an operation is elementwise and has the shape of the site's result."""
    row = operation_of(node)
    if row is None or not row.entrywise:
        return False
    out = results(node)
    return bool(out) and site.values[out[0]].shape == site.y.shape


def _replay(site: Site, index: int, chain: Sequence[Node]) -> Function:
    """Return the chain as a function of its source; other values it reads are those at x."""

    def function(z: Tensor) -> Tensor:
        known: dict[int, Tensor] = {index: z}

        def value(ref: Ref) -> Tensor:
            return known[ref.index] if ref.index in known else site.values[ref.index]

        result: Tensor = z
        for node in chain:
            args, kwargs = map_leaves(Ref, value, (node.args, node.kwargs))
            outcome = node.op(*args, **kwargs)
            result = outcome if isinstance(outcome, Tensor) else outcome[0]
            known[results(node)[0]] = result
        return result

    return function


class FrozenChoice(Rule):
    """LRP of a choice: the mask is frozen; what a mask alone makes is the named share ``constant``."""

    name = "frozen mask"

    def pull(self, site: Site, m: Tensor) -> Pulled:
        """Return the transposed map."""
        if site.note is not None:
            site.give_up("constant", m, site.at_zero()[0])
        return linear_map.pull(site, m) if site.operands else []
