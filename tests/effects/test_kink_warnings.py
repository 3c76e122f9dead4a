"""Kinks are warned of where a gate switches, or lies on its kink at the expansion point."""

import warnings

import torch
from torch.nn import functional as F

import taylorattr as ta
from taylorattr.errors import KinkWarning


def kinks_said(function, x, **options):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        ta.decompose(function, x, order=2, **options)
    return [str(w.message) for w in said if issubclass(w.category, KinkWarning)]


X = torch.tensor([[0.5, -0.7, 0.9]], dtype=torch.float64)


def test_kinks_that_do_not_switch_are_no_cause_for_a_warning():
    assert not kinks_said(lambda z: torch.relu(z.square().sum(1) + 1), X)
    assert kinks_said(lambda z: torch.relu(z.sum(1) - 0.1), X.abs())


def test_nobody_looked_so_it_is_said():
    assert kinks_said(lambda z: torch.relu(z.square().sum(1) + 1), X, diagnose=False)


def test_a_baseline_on_a_kink_is_said_to_be_that():
    said = kinks_said(lambda z: F.leaky_relu(z).square().sum(1) + F.leaky_relu(z).sum(1), X)
    assert any("exactly on their kink at the baseline" in words for words in said)
