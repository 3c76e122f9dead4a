"""Results of a small network with names that mean something elsewhere, and pages of them."""

import functools
import warnings

import torch

import taylorattr as ta

HOSTILE = (
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(2)>",
    "\"quoted\", & 'single'",
    '=HYPERLINK("http://evil")',
    "line one\nline two\u2028\u202e\x00",
)
"""Names of five players."""


@functools.cache
def network():
    torch.manual_seed(0)
    layers = torch.nn.Linear(5, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1)
    return torch.nn.Sequential(*layers).eval()


@functools.cache
def inputs(batch=2):
    return torch.rand(batch, 5, generator=torch.Generator().manual_seed(1))


@functools.cache
def results(batch=2):
    """One of everything a report takes."""
    model, x = network(), inputs(batch)
    players = ta.Players.elements(x, names=HOSTILE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ta.errors.TaylorAttrWarning)
        return {
            "series": ta.decompose(model, x, order=3, players=players),
            "exact": ta.harsanyi(model, x, players=players),
            "gradients": ta.attribute("integrated_gradients", model, x, players=players),
            "occlusion": ta.attribute("occlusion_1", model, x, players=players),
            "sampled": ta.attribute("expected_gradients", model, x, inputs(6), players=players),
            "sums": ta.reformulate("shapley", model, x, players=players),
            "units": ta.reformulate("lrp_epsilon", model, x, players=players, order=3),
            "paper": ta.check("deep_taylor"),
            "audit": ta.audit("occlusion_1", model, x[:1], players=players),
        }


def everything(path, batch=2, **options):
    return ta.report(path, *results(batch).values(), model=network(), inputs=inputs(batch), **options)
