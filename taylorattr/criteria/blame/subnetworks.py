"""A model as a list of operations between the user's own modules, and sub-networks cut out of it.

Libraries that hook modules see them: a sub-network keeps the modules of the model under their names.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn

WORD_OF_FUNCTION = {
    "add": "addition",
    "iadd": "addition",
    "sub": "subtraction",
    "mul": "product",
    "imul": "product",
    "matmul": "product of matrices",
    "bmm": "product of matrices",
    "truediv": "quotient",
    "div": "quotient",
    "cat": "concatenation",
}
"""Functions -> what a reader calls them."""

READ_OUT = "read_out"
"""Name of the random linear layer behind a sub-network that ends inside the model."""


@dataclass(frozen=True)
class SubNetwork:
    """A part of a model as a network of its own.

    Attributes:
        network: Its modules are copies.
        leaves: Names of the values that it takes, in order.
        reads_out: Whether its output is one random number per row, and not the model's own.
    """

    network: fx.GraphModule
    leaves: tuple[str, ...]
    reads_out: bool


class Operations:
    """The operations of a model in order.

    Args:
        model: A copy of the model, in eval behaviour.
        example: Its inputs, one example.

    Attributes:
        nodes: Operations that depend on the inputs.
        labels: Their names: module path, or path of the module whose code runs the function, and its name.
        kinds: What they are, in a word: the module's class, or what a function with a bare name does.
        outputs: Values by name, for the example.
    """

    def __init__(self, model: nn.Module, example: tuple[Tensor, ...]) -> None:
        self.module = _traced(model, len(example))
        self.active = self._active()
        one, two = self.values(example), self.values(tuple(torch.cat([x, x]) for x in example))
        self.outputs = one
        self.literals = {name: value for name, value in one.items() if not isinstance(value, Tensor)}
        self.per_row = {name for name, value in self.literals.items() if _doubles(value, two[name])}
        self.nodes = [
            n
            for n in self.module.graph.nodes
            if n in self.active
            and n.op not in ("placeholder", "output")
            and isinstance(one.get(n.name), Tensor)
        ]
        self.labels = _labels(self.nodes)
        self.kinds = [self._kind(node) for node in self.nodes]

    def _kind(self, node: fx.Node) -> str:
        """Return what an operation is, in a word; residual adds a value to what is made of it."""
        if node.op == "call_module":
            return type(self.module.get_submodule(str(node.target))).__name__
        name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", "")
        word = WORD_OF_FUNCTION.get(name.strip("_"), "")
        paths = [n for n in dict.fromkeys(node.all_input_nodes) if n in self.active]
        residual = any(one in _needed(two, set()) for one in paths for two in paths if one is not two)
        return f"residual {word}" if word == "addition" and residual else word

    def _active(self) -> set[fx.Node]:
        """Return the nodes that depend on the inputs: nobody shares out what parameters alone decide."""
        active: set[fx.Node] = set()
        for node in self.module.graph.nodes:
            if node.op == "placeholder" or any(a in active for a in node.all_input_nodes):
                active.add(node)
        return active

    def values(self, inputs: tuple[Tensor, ...]) -> dict[str, Any]:
        """Return the value of every node for some inputs, by name, safe from later writes in place."""
        value_of: dict[str, Any] = {}

        class Keeping(fx.Interpreter):
            def run_node(self, n: fx.Node) -> Any:
                value = super().run_node(n)
                value_of[n.name] = value.detach().clone() if isinstance(value, Tensor) else value
                return value

        with torch.no_grad():
            Keeping(self.module).run(*(x.clone() for x in inputs))
        return value_of

    def suffix(self, k: int) -> SubNetwork:
        """Return operations k, k+1, … up to the output, of all values that are alive before k."""
        graph_nodes = list(self.module.graph.nodes)
        start = graph_nodes.index(self.nodes[k])
        behind = set(graph_nodes[start:])
        alive = [n for n in graph_nodes[:start] if n in self.active and any(u in behind for u in n.users)]
        (output,) = [n for n in graph_nodes if n.op == "output"]
        return self._cut(alive, output.args[0], None)

    def prefix(self, k: int) -> SubNetwork:
        """Return what leads from the inputs to operation k, with a random linear read-out."""
        inputs = [n for n in self.module.graph.nodes if n.op == "placeholder"]
        return self._cut(inputs, self.nodes[k], self.nodes[k].name)

    def isolated(self, k: int) -> SubNetwork:
        """Return operation k alone, with a random linear read-out."""
        alive = [n for n in self.nodes[k].all_input_nodes if n in self.active]
        return self._cut(alive, self.nodes[k], self.nodes[k].name)

    def parents(self, k: int) -> list[int]:
        """Return the operations that operation k takes values from."""
        number_of = {node: number for number, node in enumerate(self.nodes)}
        return [number_of[n] for n in self.nodes[k].all_input_nodes if n in number_of]

    def _cut(self, alive: Sequence[fx.Node], result: Any, read: str | None) -> SubNetwork:
        """Return the network from some values to a result.

        Args:
            alive: Nodes whose values it takes.
            result: What it returns, in the structure of the model's output.
            read: Name of the node behind which a random linear layer makes one number; None: the model's
                output.
        """
        graph = fx.Graph()
        leaves = [n for n in alive if isinstance(self.outputs.get(n.name), Tensor)]
        at: dict[fx.Node, Any] = {leaf: graph.placeholder(leaf.name) for leaf in leaves}
        rows = graph.call_method("size", (at[leaves[0]], 0)) if leaves else 1
        count = self.outputs[leaves[0].name].shape[0] if leaves else 1
        for node in alive:
            if node not in at:  # a size or another plain value: sizes follow the batch of the first leaf
                value = self.literals[node.name]
                grows = node.name in self.per_row
                at[node] = graph.call_function(_in_proportion, (value, rows, count)) if grows else value
        needed = _needed(result, set(at))
        for node in self.module.graph.nodes:
            if node in needed and node not in at:
                at[node] = graph.node_copy(node, lambda n: at[n])
        end: Any = fx.map_arg(result, lambda n: at[n])
        # libraries hook modules and change them; every cut has its own
        root = copy.deepcopy(self.module)
        if read is not None:
            value = self.outputs[read]
            end = graph.call_method("reshape", (end, rows, value.numel() // count))
            root.add_module(READ_OUT, _read_out(value.numel() // count, value.dtype))
            end = graph.call_module(READ_OUT, (end,))
        graph.output(end)
        network = fx.GraphModule(root, graph)
        network.eval()
        return SubNetwork(network, tuple(leaf.name for leaf in leaves), read is not None)


def _in_proportion(value: int, rows: int, count: int) -> int:
    """Return a size for another batch, of which one leaf has `rows` instead of `count`."""
    return value * rows // count


def _needed(result: Any, known: set[fx.Node]) -> set[fx.Node]:
    """Return the nodes that a result is computed from, up to known ones."""
    waiting: list[fx.Node] = []
    fx.map_arg(result, lambda n: waiting.append(n))
    needed: set[fx.Node] = set()
    while waiting:
        node = waiting.pop()
        if node not in needed and node not in known:
            needed.add(node)
            waiting += node.all_input_nodes
    return needed


def _read_out(width: int, dtype: torch.dtype) -> nn.Linear:
    """Return a fixed random linear layer to one number: the explained output of a network that ends early."""
    layer = nn.Linear(width, 1, bias=False, dtype=dtype)
    drawn = torch.randn(1, width, generator=torch.Generator().manual_seed(width), dtype=torch.float64)
    with torch.no_grad():
        layer.weight.copy_(drawn.abs() + 0.1)  # of one sign, so that relevance does not cancel
    layer.requires_grad_(False)
    return layer


class TracerOfForward(fx.Tracer):
    """Traces into modules that `forward` makes as it runs: they are part of no model, and called inline."""

    def call_module(self, m: nn.Module, forward: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Return the value of a call; of a module of the model as one operation."""
        try:
            self.path_of_module(m)
        except NameError:
            return forward(*args, **kwargs)
        return super().call_module(m, forward, args, kwargs)


def _traced(model: nn.Module, arguments: int) -> fx.GraphModule:
    """Return the graph of a model whose further arguments keep their defaults, without what nobody uses."""
    parameters = list(inspect.signature(model.forward).parameters.values())
    plain = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    left = [p for p in parameters[arguments:] if p.kind in plain or p.kind is p.KEYWORD_ONLY]
    tracer = TracerOfForward()
    graph = tracer.trace(model, concrete_args={p.name: p.default for p in left} or None)
    for node in reversed(list(graph.nodes)):
        unused = not node.users and node.op != "output"
        further = node.op != "placeholder" or node.name.split("_")[0] in {p.name for p in left}
        if unused and further:
            graph.erase_node(node)
    return fx.GraphModule(tracer.root, graph)


def _doubles(one: Any, two: Any) -> bool:
    """Return whether a plain value is a size that grows with the batch."""
    return isinstance(one, int) and isinstance(two, int) and one != two


def _labels(nodes: Sequence[fx.Node]) -> list[str]:
    """Return a name for each operation that a reader finds in his code; further uses are numbered."""
    counts: dict[str, int] = {}
    labels = []
    for node in nodes:
        if node.op == "call_module":
            name = str(node.target)
        else:
            function = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", "?")
            stack = list(node.meta.get("nn_module_stack", {}).values())
            path = stack[-1][0] if stack else ""
            name = f"{path}.{function}" if path else str(function)
        counts[name] = counts.get(name, 0) + 1
        labels.append(name if counts[name] == 1 else f"{name} (use {counts[name]})")
    return labels
