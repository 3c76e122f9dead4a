"""How time and memory grow with the number of players and with the order, beside their floors."""

from __future__ import annotations

from functools import partial

import taylorattr as ta
from benchmarks import harsanyi, networks, taylor_terms
from benchmarks.contest import Case, Contest
from benchmarks.nested import blocks, forwards
from taylorattr.autodiff.polynomial.engine import expand
from taylorattr.program.capture import capture

PLAYERS = (4, 8, 16, 32)
ORDERS = (1, 2, 3, 4, 5, 6)
COALITION_PLAYERS = (8, 10, 12, 14, 16, 18)


def terms(n: int, order: int) -> Contest:
    """Return the engine on an n-256-256-1 GELU network, without a peer."""
    network, base = networks.mlp((n, 256, 256)), networks.seeded(1, n, scale=0.1)
    directions = networks.seeded(n, seed=2).diag()
    program = capture(network, (base,))
    return Contest(
        ours=lambda: expand(program, (base,), (directions,), order),
        floor=forwards(network, blocks(n, order), base),
    )


def exact(n: int) -> Contest:
    """Return the exact effects of an n-256-256-1 GELU network, without a peer."""
    network, x = networks.mlp((n, 256, 256)), networks.seeded(1, n)
    return Contest(ours=lambda: ta.harsanyi(network, x), floor=forwards(network, 2**n, x))


FLOOR = f"for Taylor terms {taylor_terms.FLOOR}, for exact effects {harsanyi.FLOOR}"

CASES = (
    *(Case(f"Taylor terms with n: n={n}, K=3", partial(terms, n, 3), floor=FLOOR) for n in PLAYERS),
    *(Case(f"Taylor terms with K: n=8, K={k}", partial(terms, 8, k), floor=FLOOR) for k in ORDERS),
    *(Case(f"exact effects with n: n={n}", partial(exact, n), floor=FLOOR) for n in COALITION_PLAYERS),
)
