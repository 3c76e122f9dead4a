"""Few products give back matrices of low rank and sparse ones; what is missed of others is estimated."""

import numpy as np
import pytest

from taylorattr.maths.matrix_sketch import HELD_OUT, sketch

N = 80


def low_rank(generator, rank=10):
    u = generator.normal(size=(N, rank))
    return u @ np.diag(generator.normal(size=rank)) @ u.T


def sparse(generator, pairs=15):
    a = np.diag(generator.normal(size=N))
    for _ in range(pairs):
        i, j = generator.choice(N, 2, replace=False)
        a[i, j] = a[j, i] = generator.normal()
    return a


@pytest.mark.parametrize(("make", "form"), [(low_rank, "low rank"), (sparse, "sparse")])
def test_structured_matrices_are_recovered(make, form):
    generator = np.random.default_rng(1)
    a = make(generator)
    found = sketch(lambda z: a @ z, N, 60, generator)
    assert found.form == form and found.products < 60
    assert np.abs(found.matrix - a).max() < 1e-9 * np.abs(a).max()
    assert found.unexplained < 1e-15


def test_what_is_missed_is_estimated_without_bias():
    generator = np.random.default_rng(2)
    a = generator.normal(size=(N, N))
    a = a + a.T
    missed, truth = [], []
    for seed in range(12):
        found = sketch(lambda z: a @ z, N, 40, np.random.default_rng(seed))
        missed.append(found.unexplained)
        truth.append(((a - found.matrix) ** 2).sum() / (a**2).sum())
    # a mean over four products of a matrix with N² entries alike varies by some percent
    assert np.mean(missed) == pytest.approx(np.mean(truth), rel=0.06)


def test_as_many_products_as_rows_explain_everything():
    generator = np.random.default_rng(3)
    a = generator.normal(size=(20, 20))
    a = a + a.T
    found = sketch(lambda z: a @ z, 20, 20 + 2 * HELD_OUT, generator)
    assert np.abs(found.matrix - a).max() < 1e-6 and found.unexplained < 1e-12


def test_a_matrix_of_zeros():
    found = sketch(lambda z: 0 * z, 30, 30, np.random.default_rng(0))
    assert not found.matrix.any() and found.unexplained == 0
