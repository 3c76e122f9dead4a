"""Games with few effects are recovered exactly; others are not said to be."""

import numpy as np
import pytest

from taylorattr.maths.sparse_recovery import checks_needed, recover, risk_left


class FewEffects:
    """Σ J(S)[S ⊆ T], asked for coalitions and counted."""

    def __init__(self, n, effects, noise=0.0):
        self.n, self.effects, self.noise, self.asked = n, effects, noise, set()
        self.generator = np.random.default_rng(9)
        self.rows = np.zeros((len(effects), n), dtype=bool)
        for row, coalition in zip(self.rows, effects, strict=True):
            row[list(coalition)] = True

    def __call__(self, rows):
        self.asked |= {row.tobytes() for row in rows}
        missing = (~rows).astype(float) @ self.rows.T.astype(float)
        values = (missing == 0) @ np.array(list(self.effects.values()))
        return values + self.noise * self.generator.standard_normal(len(rows))


def drawn(n, terms, seed, largest=4):
    generator = np.random.default_rng(seed)
    effects = {(): float(generator.normal())}
    while len(effects) <= terms:
        size = int(generator.integers(1, largest + 1))
        effects[tuple(sorted(generator.choice(n, size, replace=False).tolist()))] = float(generator.normal())
    return effects


def found(game, *, order=4, most_values=5000, rounding=1e-14, **options):
    return recover(
        game, game.n, rounding=rounding, order=order, most_values=most_values, risk=1e-3,
        generator=np.random.default_rng(0), **options,
    )  # fmt: skip


@pytest.mark.parametrize(("n", "values"), [(128, 640), (512, 760), (1000, 830)])
def test_twenty_effects_among_many_players_are_all_found(n, values):
    """Values asked for: 20 effects at some log₂ n per player and 2^|S| each, and 108 checks."""
    for seed in range(3):
        game = FewEffects(n, drawn(n, 20, seed))
        recovery = found(game)
        assert recovery.ended == "" and recovery.checks == 108
        assert recovery.effects.keys() == game.effects.keys()
        assert all(
            abs(recovery.effects[s] - j) <= recovery.errors[s] + 1e-14 for s, j in game.effects.items()
        )
        assert len(game.asked) <= values


def test_effects_that_cancel_are_found():
    """v(N) = v(∅), and every chain passes coalitions where the effects cancel."""
    effects = {(): 0.0, (0,): 1.0, (1,): -1.0, (2, 3): 1.0, (2, 4): -1.0, (3, 4, 5): 2.0, (6, 7): -2.0}
    assert found(FewEffects(20, effects)).effects == effects


def test_many_single_players_are_asked_for_at_once():
    n = 300
    effects = {(): 1.0} | {(i,): 1.0 + i for i in range(n)} | {(5, 9): 3.0}
    game = FewEffects(n, effects)
    assert found(game).effects == pytest.approx(effects)
    assert len(game.asked) < 2 * n


def test_a_game_with_too_many_effects_is_given_up():
    pairs = {(i, j): 1.0 + i * j for i in range(60) for j in range(i)}
    game = FewEffects(60, {tuple(sorted(s)): j for s, j in pairs.items()})
    assert "more than 500 values" in found(game, most_values=500).ended
    dense = FewEffects(60, game.effects)
    assert "far more effects" in found(dense, most_values=1500, test_density=True).ended
    assert len(dense.asked) < 80


def test_effects_of_too_many_players_are_said():
    recovery = found(FewEffects(30, {(1,): 1.0, (2, 3, 4, 5, 6): 1.0}))
    assert "more than 4 players" in recovery.ended and (1,) in recovery.effects


def test_noise_is_not_taken_for_a_sparse_game():
    recovery = found(FewEffects(40, {(1, 2): 1.0}, noise=1e-6))
    assert recovery.ended != ""


def test_what_rounding_explains_is_no_effect():
    recovery = found(FewEffects(40, {(1, 2): 1.0}, noise=1e-9), rounding=1e-7)
    assert recovery.ended == "" and recovery.effects.keys() == {(), (1, 2)}


def test_checks_leave_no_more_than_the_risk():
    for order in (1, 2, 4, 6):
        checks = checks_needed(order, 1e-3)
        assert risk_left(order, checks) <= 1e-3 < risk_left(order, checks - 1)
