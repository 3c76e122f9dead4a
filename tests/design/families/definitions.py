"""Rules by their definitions: sums over coalitions and orders, in exact arithmetic."""

import itertools
from fractions import Fraction
from math import comb

F = Fraction


def coalitions(players):
    players = tuple(players)
    return itertools.chain.from_iterable(itertools.combinations(players, s) for s in range(len(players) + 1))


def game(n, seed):
    """v(T) of all coalitions, small whole numbers, v(∅) not 0."""
    import random

    numbers = random.Random(seed)
    return {c: F(numbers.randint(-9, 9)) for c in coalitions(range(n))}


def effects(v, n):
    """J(S), eq. (3)."""
    return {
        s: sum((-1) ** (len(s) - len(t)) * v[t] for t in coalitions(s)) for s in coalitions(range(n)) if s
    }


def or_effects(v, n):
    """J^x(S) = −Σ_{T⊆S} (−1)^{|S|−|T|} v(N∖T), eq. (8)."""
    everybody = tuple(range(n))
    rest = {t: tuple(k for k in everybody if k not in t) for t in v}
    return {s: -sum((-1) ** (len(s) - len(t)) * v[rest[t]] for t in coalitions(s)) for s in v if s}


def shared_out(rule, j, n):
    """Σ_S w_S J(S) of a rule's own ratios."""
    total = [F(0)] * n
    for s, effect in j.items():
        for player, weight in enumerate(rule.ratio([int(k in s) for k in range(n)])):
            total[player] += weight * effect
    return total


def marginal(v, i, before):
    return v[tuple(sorted((*before, i)))] - v[tuple(sorted(before))]


def semivalue(v, n, p):
    """Σ_{T∌i} p_{|T|} (v(T∪i) − v(T)), eq. (63)."""
    return [
        sum((p[len(t)] * marginal(v, i, t) for t in coalitions(k for k in range(n) if k != i)), F(0))
        for i in range(n)
    ]


def over_orders(v, n, chance):
    """Σ over all orders of P(order)·(v(before ∪ i) − v(before))."""
    total = [F(0)] * n
    for order in itertools.permutations(range(n)):
        weight = chance(order)
        if weight:
            for place, i in enumerate(order):
                total[i] += weight * marginal(v, i, order[:place])
    return total


def weighted_order(weights):
    """P(order) when players leave one by one, each with a chance in proportion to its weight.

    The first to leave is the last to join, Kalai & Samet (1987): the last of those still there is drawn with
    probability λ_i/Σλ.
    """

    def chance(order):
        found, there = F(1), list(order)
        while there:
            found *= F(weights[there[-1]]) / sum(F(weights[k]) for k in there)
            there.pop()
        return found

    return chance


def uniform_over(n, keeps):
    """P(order) uniform over the orders that keep a condition."""
    kept = [order for order in itertools.permutations(range(n)) if keeps(order)]
    share = F(1, len(kept))
    return lambda order: share if keeps(order) else F(0)


def by_stage(stages):
    return lambda order: all(stages[a] <= stages[b] for a, b in itertools.pairwise(order))


def groups_together(groups):
    """Whether players of one group join one behind the other."""

    def keeps(order):
        seen = [group for group, _ in itertools.groupby(groups[k] for k in order)]
        return len(seen) == len(set(seen))

    return keeps


def owen(v, n, groups):
    """Owen (1977): a coalition of other groups by Shapley's weights, and one of the own group likewise."""
    names = sorted(set(groups))
    total = []
    for i in range(n):
        others = [g for g in names if g != groups[i]]
        mates = [k for k in range(n) if groups[k] == groups[i] and k != i]
        value = F(0)
        for h in coalitions(others):
            outside = tuple(k for k in range(n) if groups[k] in h)
            first = F(1, len(names) * comb(len(names) - 1, len(h)))
            for t in coalitions(mates):
                second = F(1, (len(mates) + 1) * comb(len(mates), len(t)))
                value += first * second * marginal(v, i, (*outside, *t))
        total.append(value)
    return total
