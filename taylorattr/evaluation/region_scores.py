"""Any map, read as one score per region."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from taylorattr.aliases import Tensors
from taylorattr.analysis.game import Game, sum_over_players
from taylorattr.analysis.players import Players, PlayersLike
from taylorattr.attribution import Attribution
from taylorattr.errors import OptionError, PlayerError, ShapeError
from taylorattr.evaluation.ranking import score_tensor

Maps: TypeAlias = Attribution | Tensors | np.ndarray | Callable[..., Any]
"""An attribution, an array per element or per region, or a method (x, target) -> one of these."""

SUM_TOLERANCE = 1e-3
"""How far the elements' scores may add up to something else than the players', relative to Σ|scores|."""


WITHOUT_SUM_LAW = ("grad_cam", "mip_in")
"""Methods whose players may be the positions of a layer: the map is then resized, and has another sum."""


def regions(inputs: Tensors, region: int, players: PlayersLike) -> PlayersLike:
    """Return the players that `region` names, or those given.

    Args:
        inputs: Tensor (B, …) or tuple of them.
        region: Side of square patches in pixels, channels together; 1: pixels of images (B, C, H, W),
            elements of anything else.
        players: Regions of any other kind; then ``region`` stays 1.

    Raises:
        OptionError: If region is not a positive integer, or players are given besides.
        PlayerError: If patches are asked for of inputs that are no images.
    """
    if not isinstance(region, int) or region < 1:
        raise OptionError(f"region={region!r}; expected the side of a patch in pixels, an integer ≥ 1")
    if players is not None:
        if region != 1:
            raise OptionError(f"region={region} and players= are given; players= says what a region is")
        return players
    if isinstance(inputs, Tensor) and inputs.ndim >= 3:
        channels = inputs[0].numel() // max(inputs.shape[-2] * inputs.shape[-1], 1)
        if region > 1 or (inputs.ndim >= 4 and channels > 1):
            return Players.patches(inputs, (region, region))
    if region > 1:
        raise PlayerError(f"region={region} needs images (B, …, H, W); pass players= to say what a region is")
    return None


def region_scores(maps: Maps, game: Game, inputs: Tensors, target: Any) -> tuple[Tensor, str]:
    """Return the score of every region, shape (B, n), float64 on the CPU, and the method's name.

    The score of a region is the sum of the map over its elements, signed.

    Args:
        maps: See `Maps`. A method is called once with all inputs. An image map without channels, (B, H, W) or
            (B, 1, H, W) for inputs (B, C, H, W), counts as divided equally among them.
        game: Says what the regions are.
        inputs: As the user gave them, for a method to be called with.
        target: What a method is called with.

    Raises:
        ShapeError: If the map fits neither the inputs nor the regions.
        PlayerError: If an attribution to other players cannot be read per element.
        OptionError: If an attribution repeats a player's score at each element.
        NonFiniteError: If a score is NaN or infinite.
    """
    name = "map"
    if callable(maps) and not isinstance(maps, (Tensor, Attribution, np.ndarray)):
        name = getattr(maps, "__name__", type(maps).__name__)
        maps = maps(inputs, target)
    if isinstance(maps, Attribution):
        return _of_attribution(maps, game), maps.method
    if isinstance(maps, (Tensor, np.ndarray)) and len(game.inputs) == 1:
        flat = _checked(maps)
        # where both shapes are one, each element is a region, and both readings are the same
        if flat.shape == (game.batch, game.n) != game.inputs[0].shape:
            return flat, name
        return _summed(game, (flat,)), name
    if isinstance(maps, (Tensor, np.ndarray)):
        flat = _checked(maps)
        if flat.shape != (game.batch, game.n):
            raise ShapeError(
                f"the map has shape {tuple(flat.shape)}; several inputs need a tuple of maps shaped "
                f"like them, or one score per region, {(game.batch, game.n)}"
            )
        return flat, name
    if isinstance(maps, tuple) and len(maps) == len(game.inputs):
        return _summed(game, tuple(map(_checked, maps))), name
    raise ShapeError(
        f"the map is a {type(maps).__name__}; expected an Attribution, a tensor or array shaped like the "
        f"inputs or {(game.batch, game.n)}, or a method (x, target) -> such a map"
    )


def _checked(values: Any) -> Tensor:
    """Return finite scores as float64 on the CPU."""
    return score_tensor(values, "the maps").detach().cpu().double()


def _of_attribution(attribution: Attribution, game: Game) -> Tensor:
    """Return an attribution's scores of the regions: its players' own, or sums over elements."""
    if attribution.batch != game.batch:
        raise ShapeError(f"the attribution has {attribution.batch} examples, the inputs {game.batch}")
    by_player = _checked(attribution.player_scores)
    same = attribution.names == game.names
    if attribution.scores is None:
        if same:
            return by_player
        raise PlayerError(
            f"the attribution is to {attribution.n} players and has no scores per element, the regions are "
            f"{game.n} others; attribute with the same players"
        )
    parts = attribution.scores if isinstance(attribution.scores, tuple) else (attribution.scores,)
    elements = tuple(map(_checked, parts))
    summed = _summed(game, elements)
    allowed = SUM_TOLERANCE * by_player.abs().sum(1, keepdim=True)
    if same:
        # names prove little: the elements' scores must add up to the players', or repeat them at each element
        sizes = torch.tensor([len(group) for group in game.players.groups])
        if any(bool(((summed - by_player * s).abs() <= allowed * s).all()) for s in (torch.ones(()), sizes)):
            return by_player
        raise PlayerError(
            "the attribution's players have the names of the regions but other elements; attribute with "
            "the same players, or give them names of their own"
        )
    whole = torch.stack([part.flatten(1).sum(1) for part in elements]).sum(0)
    off = (whole - by_player.sum(1)).abs()
    of_layer = attribution.method in WITHOUT_SUM_LAW
    if not of_layer and bool((off > allowed[:, 0]).any()):
        raise OptionError(
            "the attribution repeats a player's score at each of its elements (per_element=False): sums over "
            "other regions mean nothing; attribute with per_element=True or the same players"
        )
    return summed


def _summed(game: Game, maps: tuple[Tensor, ...]) -> Tensor:
    """Return the sum of each map over each region."""
    return sum_over_players(game, tuple(map(_shaped, maps, game.inputs)))


def _shaped(values: Tensor, x: Tensor) -> Tensor:
    """Return a map in the shape of its input; one without channels is divided equally among them."""
    if values.shape == x.shape:
        return values
    if x.ndim >= 4:
        pixels = (x.shape[0], *x.shape[2:])
        if values.shape == pixels:
            values = values[:, None]
        if values.shape == (x.shape[0], 1, *x.shape[2:]):
            return (values / x.shape[1]).expand(x.shape)
    raise ShapeError(
        f"the map has shape {tuple(values.shape)}; expected that of the inputs, {tuple(x.shape)}, or one "
        "score per region and example"
    )
