"""A size that nobody can wait for is refused at once, by name; one that costs nothing is taken.

Every call runs in a child of little processor time and memory: it may raise one of the package's errors that
names what was given, or return. A child that is killed, and any other exception, falls short.
"""

import os
import resource
import signal
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import sympy
import torch

import taylorattr as ta
from taylorattr.errors import TaylorAttrError

SECONDS = 3
"""Processor time of a child; loading what a first call needs takes most of it."""

MEMORY = 1 << 30
"""Bytes of addresses a child may take beyond what it starts with."""

MANY, ENDLESS = 10**6, 10**9


def net(n: int = 4) -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(n, 3), torch.nn.Tanh(), torch.nn.Linear(3, 1)).eval()


def x(n: int = 4, rows: int = 1) -> torch.Tensor:
    return torch.linspace(0.1, 1, rows * n).reshape(rows, n)


def attribute(method: str, n: int = 4, **options: object) -> Callable[[], object]:
    return lambda: ta.attribute(method, net(n), x(n), **options)


def effects() -> ta.HarsanyiEffects:
    return ta.harsanyi(net(), x())


A, B = sympy.symbols("a b")

CALLS: dict[str, Callable[[], object]] = {
    "decompose order 10⁶": lambda: ta.decompose(net(), x(), order=MANY),
    "decompose order 10⁹": lambda: ta.decompose(net(), x(), order=ENDLESS),
    "decompose order 10⁶ of one player": lambda: ta.decompose(net(1), x(1), order=MANY),
    "decompose 10⁵ players": lambda: ta.decompose(net(100_000), x(100_000), order=3),
    "decompose tails of 40 players": lambda: ta.decompose(net(40), x(40), order=1, with_tails=True),
    "decompose order True": lambda: ta.decompose(net(), x(), order=True),
    "degree_by_support order 10⁶": lambda: ta.degree_by_support(net(), x(), order=MANY),
    "degree_by_support order 10⁹": lambda: ta.degree_by_support(net(), x(), order=ENDLESS),
    "degree_by_support order 10⁴": lambda: ta.degree_by_support(net(), x(), order=10**4),
    "degree_by_support of 10⁵ players": lambda: ta.degree_by_support(net(100_000), x(100_000), order=2),
    "harsanyi 60 players": lambda: ta.harsanyi(net(60), x(60), max_evaluations=None),
    "harsanyi 63 players": lambda: ta.harsanyi(net(63), x(63), max_evaluations=None),
    "harsanyi 10⁵ players": lambda: ta.harsanyi(net(100_000), x(100_000), max_evaluations=None),
    "harsanyi max_order 10⁹": lambda: ta.harsanyi(net(), x(), max_order=ENDLESS),
    "harsanyi max_order 50 of 100": lambda: ta.harsanyi(net(100), x(100), max_order=50, max_evaluations=None),
    "harsanyi batch size 10⁹": lambda: ta.harsanyi(net(), x(), internal_batch_size=ENDLESS),
    "harsanyi max_order 5000 of 10⁴": lambda: ta.harsanyi(net(10**4), x(10**4), max_order=5000),
    "hessian 10⁵ inputs": lambda: ta.hessian(net(100_000), x(100_000)),
    "hessian batch size 10⁹": lambda: ta.hessian(net(), x(), internal_batch_size=ENDLESS),
    "integrated_hessians nodes 10⁶": lambda: ta.integrated_hessians(net(), x(), n_nodes=MANY),
    "integrated_hessians nodes 10⁹": lambda: ta.integrated_hessians(net(), x(), n_nodes=ENDLESS),
    "integrated_hessians 10⁵ inputs": lambda: ta.integrated_hessians(net(100_000), x(100_000)),
    "integrated_gradients steps 10⁶": attribute("integrated_gradients", n_steps=MANY),
    "integrated_gradients steps 10⁹": attribute("integrated_gradients", n_steps=ENDLESS),
    "integrated_gradients midpoints 10⁹": attribute("integrated_gradients", n_steps=ENDLESS, rule="midpoint"),
    "smooth_grad samples 10⁹": attribute("smooth_grad", n_samples=ENDLESS),
    "expected_gradients samples 10⁹": lambda: ta.attribute(
        "expected_gradients", net(), x(), x(rows=3), n_samples=ENDLESS
    ),
    "shapley orders 10⁹": attribute("shapley", algorithm="permutation", samples=ENDLESS),
    "shapley kernel 10⁹": attribute("shapley", algorithm="kernel", samples=ENDLESS),
    "prune_grad steps 10⁹": attribute("prune_grad", refine="pgd", n_steps=ENDLESS),
    "bootstrap of 10⁹": lambda: ta.evaluation.bootstrap_interval(np.arange(5.0), samples=ENDLESS),
    "pixel_perturbation repeats 10⁹": lambda: ta.evaluation.pixel_perturbation(
        net(), x(rows=2), x(rows=2), fill="uniform", repeats=ENDLESS, output="logit"
    ),
    "dataset_graph resamples 10⁹": lambda: ta.graphs.dataset_graph(effects(), n_bootstrap=ENDLESS),
    "integrated_gradients batch size 10⁹": attribute("integrated_gradients", internal_batch_size=ENDLESS),
    "shapley of 60 players": attribute("shapley", 60, algorithm="exact", max_evaluations=None),
    "shapley of 10⁵ players": attribute("shapley", 100_000, algorithm="exact", max_evaluations=None),
    "deep_shap orders 10⁹": lambda: ta.attribute("deep_shap", net(), x(), x(rows=3), orders=ENDLESS),
    "occlusion_patch window 10⁹": attribute("occlusion_patch", window=ENDLESS),
    "occlusion_patch stride 10⁹": attribute("occlusion_patch", window=1, stride=ENDLESS),
    "audit samples 10⁹": lambda: ta.audit("gradient_x_input", net(), x(), samples=ENDLESS),
    "audit repeats 10⁹": lambda: ta.audit("gradient_x_input", net(), x(), repeats=ENDLESS),
    "audit supports 10⁹": lambda: ta.audit("gradient_x_input", net(), x(), supports=ENDLESS),
    "audit max_order 10⁹": lambda: ta.audit("gradient_x_input", net(), x(), max_order=ENDLESS),
    "probe 10⁶ players": lambda: ta.probe("integrated_gradients", MANY, 4),
    "probe order 10⁶": lambda: ta.probe("integrated_gradients", 3, MANY),
    "probe repeats 10⁹": lambda: ta.probe("smooth_grad", 3, 2, repeats=ENDLESS),
    "reformulate order 10⁶": lambda: ta.reformulate("integrated_gradients", net(), x(), order=MANY),
    "reformulate max_players 10⁹": lambda: ta.reformulate(
        "integrated_gradients", net(), x(), order=2, max_players=ENDLESS
    ),
    "symbolic_effects order 10⁶": lambda: ta.symbolic_effects(sympy.exp(A + B), [A, B], [1, 2], order=MANY),
    "symbolic_effects power 10⁶": lambda: ta.symbolic_effects(A**MANY, [A], [3]),
    "index order 10⁹": lambda: effects().index("k-SII", ENDLESS),
    "top 10⁹": lambda: effects().top(ENDLESS),
    "design.quadrature steps 10⁹": lambda: ta.design.quadrature("gauss_legendre", ENDLESS),
    "design.quadrature midpoints 10⁹": lambda: ta.design.quadrature("midpoint", ENDLESS),
    "design.interaction order 10⁹": lambda: ta.design.interaction("k-SII", order=ENDLESS),
}


def warm() -> None:
    """Load what first calls load, so that a child's time is the call's own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ta.decompose(net(), x(), order=2)
        ta.hessian(net(), x())
        ta.integrated_hessians(net(), x())
        ta.degree_by_support(net(), x(), order=2)
        ta.attribute("deep_shap", net(), x(), x(rows=3))
        ta.reformulate("integrated_gradients", net(), x(), order=2)
        ta.probe("gradient_x_input", 2, 2)
        ta.audit("gradient_x_input", net(), x())
        ta.symbolic_effects(sympy.exp(A), [A], [1], order=2)


@pytest.fixture(scope="module", autouse=True)
def warmed() -> None:
    warm()


def answered(call: Callable[[], object]) -> str:
    """Return ``returned``, ``refused: …``, or what else became of a call in a limited child."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        torch.set_num_threads(1)
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY,) * 2)
        used = int(time.process_time())
        resource.setrlimit(resource.RLIMIT_CPU, (used + SECONDS, used + SECONDS + 1))
        signal.signal(signal.SIGXCPU, signal.SIG_DFL)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                call()
            answer = "returned"
        except TaylorAttrError as error:
            answer = f"refused: {type(error).__name__}: {error}"
        except BaseException as error:
            answer = f"raw {type(error).__name__}: {error}"
        os.write(write, answer.encode()[:3000])
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as file:
        answer = file.read()
    _, status = os.waitpid(child, 0)
    return answer or f"killed by signal {os.waitstatus_to_exitcode(status)}"


@pytest.mark.parametrize("name", CALLS)
def test_an_absurd_size_is_refused_at_once_or_costs_nothing(name: str) -> None:
    answer = answered(CALLS[name])
    assert answer.startswith(("refused: ", "returned")), answer
