"""Fingerprints tell computations apart, and nothing else."""

import functools
import os
import subprocess
import sys

import numpy as np
import torch
from torch import nn

from taylorattr.effects.fingerprint import fingerprint

SCALE = 2.0


def test_fingerprints_tell_values_types_and_structure_apart():
    x = torch.arange(4.0)
    variants = [
        x,
        x.double(),
        x.reshape(2, 2),
        x + 0.0 * x.sign() - 0,
        -x,
        [x],
        (1, 2),
        ((1,), 2),
        "1",
        1,
        1.0,
        None,
    ]
    digests = [fingerprint(v) for v in variants]
    assert digests[0] == digests[3] and len(set(digests)) == len(variants) - 1
    assert fingerprint({"a": 1}) != fingerprint({"b": 1}) and fingerprint([1], 2) != fingerprint([1, 2])


def made(factor):
    return lambda x: x * factor


class Scaled(nn.Module):
    def __init__(self, factor=1.0):
        super().__init__()
        self.factor = factor

    def forward(self, x):
        return x * self.factor


class Counted:
    def __init__(self, factor):
        self.factor = factor

    def __call__(self, x):
        return x * self.factor


def hooked(module):
    module.register_forward_hook(lambda module, given, output: output * 2)
    return module


def test_code_and_what_it_reads_count():
    variants = [
        lambda x: x + 1,
        lambda x: x + 2,
        lambda x: x - 1,
        lambda x: x.sin(),
        lambda x, k=1: x + k,
        lambda x, k=2: x + k,
        made(1.0),
        made(2.0),
        made(np.ones(2)),
        made(torch.ones(2)),
        functools.partial(torch.add, other=1),
        functools.partial(torch.add, other=2),
        Scaled(1.0),
        Scaled(2.0),
        Scaled(1.0).forward,
        Counted(1.0),
        Counted(2.0),
        nn.Sequential(nn.LeakyReLU(0.1)),
        nn.Sequential(nn.LeakyReLU(0.2)),
        nn.Sequential(nn.ReLU()),
        nn.Sequential(nn.Identity(), nn.ReLU()),
        hooked(nn.ReLU()),
        torch.jit.script(nn.LeakyReLU(0.1)),
        torch.jit.script(nn.LeakyReLU(0.2)),
    ]
    assert len({fingerprint(v) for v in variants}) == len(variants)


def test_globals_a_function_reads_count(monkeypatch):
    def function(x):
        return x * SCALE

    before = fingerprint(function)
    monkeypatch.setitem(globals(), "SCALE", 3.0)
    assert fingerprint(function) != before


def test_the_same_thing_made_twice_is_the_same():
    for make in (lambda: made(1.0), lambda: Scaled(2.0), lambda: nn.Sequential(nn.GELU(), nn.Linear(0, 0))):
        assert fingerprint(make()) == fingerprint(make())


def test_self_references_end():
    scaled = Scaled()
    scaled.__dict__["itself"] = scaled

    def recursive(x):
        return recursive(x)

    assert fingerprint(scaled, recursive) == fingerprint(scaled, recursive)


def test_another_process_finds_the_same():
    """String hashes differ between processes; sets of strings must not."""
    script = (
        "import torch\nfrom taylorattr.effects.fingerprint import fingerprint\n"
        "def f(x):\n    return x if x in {'a', 'b', 'c'} else torch.sin(x)\n"
        "print(fingerprint(f, torch.nn.GRU(1, 1).__class__, {'a', 'b', 'c'}))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", script],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1
