import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from taylorattr.analysis.players import Players, player_maps, resolve_players
from taylorattr.errors import PlayerError

IMAGE = torch.zeros(2, 3, 4, 6)
PAIR = (torch.zeros(2, 3), torch.zeros(2, 2, 2))


def test_elements_of_a_vector_an_image_and_a_tuple():
    assert Players.elements(torch.zeros(2, 3)).names == ("x0", "x1", "x2")
    assert Players.elements(torch.zeros(1, 2, 2)).names == ("x[0,0]", "x[0,1]", "x[1,0]", "x[1,1]")
    pair = Players.elements(PAIR)
    assert pair.names == ("x0[0]", "x0[1]", "x0[2]", "x1[0,0]", "x1[0,1]", "x1[1,0]", "x1[1,1]")
    assert pair.groups == tuple((i,) for i in range(7))
    assert Players.elements(torch.zeros(1, 2), names=["age", "dose"]).names == ("age", "dose")


def test_grid_is_equal_patches_and_patches_are_pixels():
    grid = Players.grid(IMAGE, (2, 3))
    assert len(grid) == 6 and {len(g) for g in grid.groups} == {3 * 2 * 2}
    assert grid == Players.patches(IMAGE, (2, 2))
    (owner,) = player_maps(grid, (IMAGE,))
    assert owner[1].tolist() == [[0, 0, 1, 1, 2, 2]] * 2 + [[3, 3, 4, 4, 5, 5]] * 2
    assert grid.names[4] == "patch[1,1]"


def test_patches_at_the_border_are_smaller():
    ragged = Players.patches(torch.zeros(1, 1, 3, 5), (2, 2))
    assert [len(g) for g in ragged.groups] == [4, 4, 2, 2, 2, 1]


def test_tokens_share_their_embedding():
    tokens = Players.tokens(torch.zeros(2, 3, 4), names=["the", "cat", "sat"])
    assert tokens.groups[1] == (4, 5, 6, 7)
    assert Players.tokens(torch.zeros(2, 3, dtype=torch.long)).names == ("token0", "token1", "token2")


def test_columns():
    columns = Players.columns({"radius": [0, 3], "texture": [1, 2]})
    assert columns.names == ("radius", "texture") and columns.groups == ((0, 3), (1, 2))


def test_a_mask_may_span_tensors_and_mark_elements_unnamed():
    spanning = Players.from_mask((torch.tensor([0, 1, 1]), torch.tensor([[7, 0], [7, 7]])))
    assert spanning.groups == ((0, 4), (1, 2), (3, 5, 6))
    assert spanning.names == ("group0", "group1", "group7")
    partial = Players.from_mask(torch.tensor([0, -1, 1]), rest="fixed")
    assert partial.groups == ((0,), (2,))


@pytest.mark.parametrize(
    "players",
    [
        torch.tensor([0, 0, 1, 1]),
        torch.tensor([[0, 0, 1, 1]]),
        [[0, 1], [2, 3]],
        [torch.tensor([0, 1]), (3, 2)],
        Players([[0, 1], [2, 3]]),
        Players.columns({"a": range(2), "b": range(2, 4)}),
    ],
)
def test_accepted_forms(players):
    assert resolve_players(players, (torch.zeros(5, 4),)).groups == ((0, 1), (2, 3))


def test_a_tuple_of_masks_and_none():
    masks = (torch.tensor([0, 0, 1]), torch.full((1, 2, 2), 2))
    assert resolve_players(masks, PAIR).groups == ((0, 1), (2,), (3, 4, 5, 6))
    assert len(resolve_players(None, PAIR)) == 7


@given(st.lists(st.integers(0, 5), min_size=1, max_size=12))
def test_maps_invert_groups(numbers):
    mask = torch.tensor(numbers)
    x = (torch.zeros(1, len(numbers)),)
    (owner,) = player_maps(resolve_players(mask, x), x)
    rank = {number: i for i, number in enumerate(sorted(set(numbers)))}
    assert owner.tolist() == [rank[number] for number in numbers]


@given(st.permutations(range(6)), st.sampled_from([None, "fixed", "baseline"]))
def test_json_round_trip(elements, rest):
    players = Players([elements[:2], elements[2:5]], ["a", "é"], rest=rest)
    assert Players.from_dict(json.loads(json.dumps(players.to_dict()))) == players
    assert hash(Players.from_dict(players.to_dict())) == hash(players)


def test_repr_is_short_and_names_sizes():
    assert repr(Players.columns({"radius": [0, 1], "age": [2]})) == "Players(2: radius(2), age)"
    assert "…" in repr(Players.elements(torch.zeros(1, 9)))


@pytest.mark.parametrize(
    ("given", "told_apart"),
    [
        ("the film and the end", "the film and the·2 end"),
        ("a a a b b", "a a·2 a·3 b b·2"),
        ("a a·2 a", "a a·2 a·3"),
        ("a a a·2", "a a·3 a·2"),
    ],
)
def test_names_that_come_again_get_a_number(given, told_apart):
    players = Players.tokens(torch.rand(1, len(given.split()), 3), names=given.split())
    assert players.names == tuple(told_apart.split())
    assert Players.from_dict(players.to_dict()) == players


X = (torch.zeros(2, 4),)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Players([]), "at least one player"),
        (lambda: Players([[0], []]), "player 1 has no elements"),
        (lambda: Players([[0], [-1]]), "negative index -1"),
        (lambda: Players([[0.5]]), "player 0 holds 0.5; expected integer indices"),
        (lambda: Players([["a"]]), "player 0 holds 'a'; expected integer indices"),
        (lambda: Players(None), "players are a NoneType"),
        (lambda: Players.from_mask(torch.full((3,), -1)), "names nobody"),
        (lambda: Players([0, 1]), "player 0 is 0; expected a list"),
        (lambda: Players([[0, 1], [1]], ["a", "b"]), "element 1 belongs to 'a' and to 'b'"),
        (lambda: Players([[0, 0]], ["a"]), "element 0 belongs to 'a' twice"),
        (lambda: Players([[0], [1]], ["a"]), "1 names for 2 players"),
        (lambda: Players([[0]], rest="zero"), "rest='zero'"),
        (lambda: Players.grid(IMAGE, (3, 3)), r"3×3 does not divide 4×6 pixels"),
        (lambda: Players.grid(torch.zeros(2, 4), (2, 2)), r"\(B, …, H, W\).*\(2, 4\)"),
        (lambda: Players.patches(IMAGE, (0, 2)), "two positive integers"),
        (lambda: Players.tokens(torch.zeros(3)), r"\(B, T, d\)"),
        (lambda: Players.from_mask(torch.zeros(3)), "integer tensor"),
        (lambda: Players.from_mask(torch.tensor([-2, 0])), "holds -2"),
        (lambda: resolve_players(torch.tensor([0, 1]), X), r"shape \(2,\).*one example's shape \(4,\)"),
        (lambda: resolve_players((torch.tensor([0]),) * 2, X), "2 player masks for 1 input tensors"),
        (lambda: resolve_players([[0, 1], [3]], X), r"leave out element 2 \(x2\).*rest='fixed'"),
        (lambda: resolve_players([[0]], PAIR), r"elements 1 \(x0\[1\]\), 2 .*3 \(x1\[0,0\]\).*6 in all"),
        (lambda: resolve_players([[0, 1], [2, 4]], X), "'group1' holds element 4, but one example has 4"),
        (lambda: resolve_players("grid", X), "players is a str"),
        (lambda: resolve_players({"a": [0]}, X), "players is a dict"),
    ],
)
def test_errors_name_what_is_wrong(make, message):
    with pytest.raises(PlayerError, match=message):
        make()
