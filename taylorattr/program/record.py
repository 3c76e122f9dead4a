"""Run a function once and write down its operations: those that lead from the inputs to the output."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from taylorattr.errors import CaptureError
from taylorattr.program.arguments import map_leaves, operands, results, with_last_uses
from taylorattr.program.canonical import IDENTITIES
from taylorattr.program.isolate import unfused, untouched
from taylorattr.program.location import ModulePath
from taylorattr.program.program import Node, Program, Ref
from taylorattr.program.tape import Tape


def record(
    function: Callable[..., Tensor],
    inputs: Sequence[Tensor],
    *,
    module: nn.Module | None = None,
    keep_values: bool = False,
    whole: frozenset[str] = frozenset(),
) -> Program:
    """Capture the operations a function runs at one point, in its own dtype.

    The function is run eagerly under a dispatch mode, inside ``torch.func.functionalize``; where that
    fails (an ``autograd.Function`` without ``setup_context``, a buffer that is written with data of the
    input), once more without it. Module state and random states are restored, hooks removed, also after an
    exception. What the function itself raises passes through.

    Args:
        function: Function of the inputs returning one tensor. It is called one to three times.
        inputs: The point. Copies are passed on; shapes are literal in the program.
        module: The module whose submodules name the operations; None for a plain function.
        keep_values: Whether the program carries every value of this run.
        whole: Names of operations that are not written as what they are made of (`recorded_as`).

    Returns:
        The program, not verified and not promoted.

    Raises:
        CaptureError: If the function ran but could not be recorded; the message names operation,
            module and line.
    """
    refusals: list[Exception] = []
    recurrent = not keep_values or _may_be_recurrent(module)
    for functional in (True, False):
        tape = Tape(path := ModulePath(), keep_values, whole)
        copies = tuple(x.detach().clone() for x in inputs)
        try:
            with unfused(recurrent), untouched(module), path.following(module):
                tape.run(function, copies, functional)
            break
        except Exception as error:  # whatever a user's forward may raise under a foreign mode
            refusals.append(error)
    else:
        with torch.no_grad(), untouched(module):
            function(*(x.detach().clone() for x in inputs))
        raise CaptureError(_refusal(refusals)) from refusals[-1]
    return prune(tape, len(copies), keep_values)


def _may_be_recurrent(module: nn.Module | None) -> bool:
    """Whether layers that oneDNN or cuDNN would fuse may run; recordings with values are not replayed."""
    return module is None or any(isinstance(part, nn.RNNBase) for part in module.modules())


def _refusal(refusals: Sequence[Exception]) -> str:
    reasons = "; without functionalization: ".join(f"{type(e).__name__}: {e}" for e in refusals)
    return (
        f"the model runs, but its operations could not be recorded ({reasons}); "
        "harsanyi analyses it with forwards only"
    )


def prune(tape: Tape, inputs: int, keep_values: bool) -> Program:
    """Return the program of a recording: of everything that happened, the operations that matter.

    Operations that do not reach the output are dropped, layout copies and detaches are bypassed, and
    operations that do not depend on the inputs become the prelude, their results constants.

    Args:
        tape: What happened; values are numbered inputs first.
        inputs: Number of input values.
        keep_values: Whether the program carries the recorded values, those nobody reads (the winners of a
            pool) included.

    Returns:
        The program, its values numbered inputs first.
    """
    tensors, random = tape.tensors, tape.random
    nodes, output = _bypass_identities(tape.nodes, tape.output)
    nodes = _live(nodes, {output}, whole=keep_values)
    active = set(range(inputs))
    body: list[Node] = []
    prelude: list[Node] = []
    for node in nodes:
        if any(i in active for i in operands(node)):
            active.update(results(node))
            body.append(node)
        elif not any(i in random for i in results(node)):
            prelude.append(node)
    made = {i for node in nodes for i in results(node)}
    read = {i for node in body for i in operands(node)} | {output}
    constants = sorted(i for i in read if i not in active)
    prelude = _live(prelude, set(constants))
    computed = {i for node in prelude for i in results(node)}
    sources = sorted({i for node in prelude for i in operands(node)} - computed - set(constants))
    order = [*range(inputs), *constants, *sources, *(i for node in (*prelude, *body) for i in results(node))]
    number = {old: new for new, old in enumerate(dict.fromkeys(order))}
    drawn = [random[i] for i in sorted(made & random.keys())]
    leaves = {*constants, *sources}
    parameters = {i for i in leaves if isinstance(tensors[i], nn.Parameter) or tensors[i].requires_grad}
    # a plain function has no parameters: its constants are its weights, all of them
    learned = _and_computed(parameters or leaves, prelude)
    # Of the size of a constant nothing can be told where the batch holds one example, and what a constant is
    # must not depend on that. So what is no parameter counts as shared by the examples only where it is a
    # vector or a number.
    foreign = {i for i in leaves - computed - parameters if tensors[i].dim() > 1}
    unshared = _and_computed(foreign, prelude)
    return Program(
        inputs=tuple(Ref(number[i]) for i in range(inputs)),
        constants={number[i]: tensors[i].detach() for i in constants},
        nodes=with_last_uses(_renumber(body, number), number[output], {number[i] for i in constants}),
        output=Ref(number[output]),
        notes=list(dict.fromkeys([*tape.notes, *drawn])),
        values={number[i]: tensors[i].detach() for i in sorted(active & number.keys())}
        if keep_values
        else {},
        prelude=_renumber(prelude, number),
        sources={number[i]: tensors[i].detach() for i in sources},
        learned=frozenset(number[i] for i in constants if i in learned),
        unshared=frozenset(number[i] for i in constants if i in unshared),
    )


def _and_computed(values: set[int], prelude: Sequence[Node]) -> set[int]:
    """Return the numbers of values and of what a prelude computes from them."""
    reached = set(values)
    for node in prelude:
        if not reached.isdisjoint(operands(node)):
            reached.update(results(node))
    return reached


def _bypass_identities(nodes: Sequence[Node], output: int) -> tuple[list[Node], int]:
    """Return the nodes without those that return their operand's value, and the number of the output."""
    stands_for: dict[int, int] = {}
    kept: list[Node] = []

    def resolve(ref: Ref) -> Ref:
        return Ref(stands_for.get(ref.index, ref.index))

    for node in nodes:
        if node.op in IDENTITIES and isinstance(node.out, Ref):
            stands_for[node.out.index] = resolve(node.args[0]).index
        elif any(i in stands_for for i in operands(node)):
            args, kwargs = map_leaves(Ref, resolve, (node.args, node.kwargs))
            kept.append(replace(node, args=args, kwargs=kwargs))
        else:
            kept.append(node)
    return kept, stands_for.get(output, output)


def _live(nodes: Sequence[Node], wanted: set[int], *, whole: bool = False) -> list[Node]:
    """Return the operations that lead to the wanted values; results nobody reads are None, unless whole."""
    wanted = set(wanted)
    backwards: list[Node] = []
    for node in reversed(nodes):
        if wanted.isdisjoint(results(node)):
            continue
        wanted.update(operands(node))
        if not isinstance(node.out, Ref) and not whole:
            out = tuple(ref if ref is not None and ref.index in wanted else None for ref in node.out)
            node = replace(node, out=out)
        backwards.append(node)
    return backwards[::-1]


def _renumber(nodes: Sequence[Node], number: dict[int, int]) -> list[Node]:
    """Return the nodes with every value under its new number."""

    def renamed(ref: Ref) -> Ref:
        return Ref(number[ref.index])

    return [
        Node(
            node.op,
            map_leaves(Ref, renamed, node.args),
            map_leaves(Ref, renamed, node.kwargs),
            map_leaves(Ref, renamed, node.out),
            node.module,
            node.where,
            node.last_use,
            node.shape,
        )
        for node in nodes
    ]
