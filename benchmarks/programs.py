"""Taylor terms of deep, residual, convolutional and attention networks, against nested torch.func."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from benchmarks import networks
from benchmarks.contest import Case, Contest, DifferenceAtMost
from benchmarks.nested import blocks, derivative, forwards, players_function
from benchmarks.taylor_terms import FLOOR, NESTED, difference
from taylorattr.autodiff.polynomial.engine import expand
from taylorattr.program.capture import capture


@dataclass(frozen=True)
class Setting:
    """A network, an expansion point and the players' directions.

    Attributes:
        network: What we are given.
        reference: The same function in a form whose derivatives torch gets right at every order.
        base: b, shape (1, …).
        directions: Shape (n, …).
    """

    network: nn.Module
    reference: nn.Module
    base: Tensor
    directions: Tensor


def deep(n: int, width: int) -> Setting:
    """Return a GELU network with six hidden layers, every input a player."""
    network = networks.mlp((n, *[width] * 6))
    return Setting(network, network, networks.seeded(1, n, scale=0.1), networks.seeded(n, seed=2).diag())


def residual(n: int) -> Setting:
    """Return a gated residual network, every input a player."""
    network = networks.residual(n)
    return Setting(network, network, networks.seeded(1, n, scale=0.1), networks.seeded(n, seed=2).diag())


def patches(side: int) -> Setting:
    """Return a convolutional network with max pooling on 28×28 images, side × side patches as players."""
    network = networks.cnn()
    image = networks.seeded(1, 28, 28, seed=2)
    size = 28 // side
    directions = torch.zeros(side * side, 1, 28, 28, dtype=torch.float64)
    for player in range(side * side):
        row, column = (size * index for index in divmod(player, side))
        window = (slice(None), slice(row, row + size), slice(column, column + size))
        directions[player][window] = image[window]
    return Setting(network, network, networks.seeded(1, 1, 28, 28, scale=0.1), directions)


def tokens(width: int, count: int = 12) -> Setting:
    """Return a transformer encoder on token embeddings, every token a player."""
    x = networks.seeded(count, width, seed=2)
    directions = torch.zeros(count, count, width, dtype=torch.float64)
    directions[range(count), range(count)] = x
    return Setting(
        networks.transformer(width),
        networks.transformer(width, fused=False),
        networks.seeded(1, count, width, scale=0.1),
        directions,
    )


def contest(make: Callable[[], Setting], order: int) -> Contest:
    """Return the contest on a setting."""
    setting = make()
    n = len(setting.directions)
    program = capture(setting.network, (setting.base,), module=setting.network)
    function = players_function(setting.reference, setting.base, setting.directions)
    return Contest(
        ours=lambda: expand(program, (setting.base,), (setting.directions,), order),
        floor=forwards(setting.network, blocks(n, order), setting.base, chunk=256),
        peers={NESTED: derivative(function, n, order)},
        difference=partial(difference, order),
    )


def case(item: str, make: Callable[[], Setting], order: int, quick: bool = False) -> Case:
    """Return a row."""
    return Case(f"{item}, K={order}", partial(contest, make, order), (DifferenceAtMost(1e-10),), quick, FLOOR)


CASES = (
    case("6-layer MLP 128, n=8", partial(deep, 8, 128), 3, quick=True),
    case("6-layer MLP 128, n=8", partial(deep, 8, 128), 4),
    case("6-layer MLP 256, n=16", partial(deep, 16, 256), 3),
    case("6-layer MLP 256, n=16", partial(deep, 16, 256), 4),
    case("residual network, n=8", partial(residual, 8), 3, quick=True),
    case("CNN, 16 patches", partial(patches, 4), 2, quick=True),
    case("CNN, 16 patches", partial(patches, 4), 3),
    case("transformer d=32, 12 tokens", partial(tokens, 32), 2, quick=True),
    case("transformer d=32, 12 tokens", partial(tokens, 32), 3),
    case("transformer d=128, 12 tokens", partial(tokens, 128), 2),
    case("transformer d=128, 12 tokens", partial(tokens, 128), 3),
)
