"""Every operation, composed with an affine map before and sine and square after, in both engines."""

from __future__ import annotations

import pytest
import torch

from taylorattr.autodiff.polynomial.engine import expand, expand_batch, jets, lowered, supported
from taylorattr.autodiff.polynomial.nested import expand_nested
from taylorattr.autodiff.polynomial.steps import (
    Elementwise,
    Frozen,
    Linear,
    Matmul,
    Multiply,
    pull_by_autograd,
)
from taylorattr.program.capture import capture
from tests.autodiff.polynomial.operation_cases import CASES, REFERENCES, closing, mixed

ORDER = 4


def point() -> tuple[torch.Tensor, torch.Tensor]:
    """An expansion point (1, 6) in (0.2, 1.2) and directions of three players."""
    generator = torch.Generator().manual_seed(3)
    x = 0.2 + torch.rand(1, 6, generator=generator, dtype=torch.float64)
    directions = torch.zeros(3, 6, dtype=torch.float64)
    for player in range(3):
        directions[player, 2 * player : 2 * player + 2] = torch.randn(
            2, generator=generator, dtype=torch.float64
        )
    return x, directions


def agree(found: list[torch.Tensor], expected: list[torch.Tensor]) -> bool:
    """Equal to 1e-11 of the largest entry of each order: rounding is 1e-15 times the number of terms."""
    return all(
        bool((a - b).abs().max() <= 1e-11 * b.abs().max().clamp_min(1e-4))
        for a, b in zip(found, expected, strict=True)
    )


@pytest.mark.every(2)
@pytest.mark.parametrize("name", CASES)
def test_operation_equals_nested_differentiation(name):
    x, directions = point()
    program = capture(lambda x: closing(CASES[name](mixed(x))), (x,))
    reference = program
    if name in REFERENCES:
        reference = capture(lambda x: closing(REFERENCES[name](mixed(x))), (x,))
    assert supported(program) == []
    expected = expand_nested(reference, (x,), (directions,), ORDER)
    assert agree(expand(program, (x,), (directions,), ORDER, engine="full"), expected)
    for order in range(ORDER + 1):  # order 1 carries adjoints through every linear step to the input
        assert agree(expand(program, (x,), (directions,), order, engine="collapsed"), expected[: order + 1])
    assert agree(expand(program, (x,), (directions,), 2, engine="tangents"), expected[:3])


@pytest.mark.parametrize("name", CASES)
def test_examples_and_rays_are_walked_together(name):
    """Two examples at once equal each alone; rays through one base equal the diagonals of its table."""
    x, directions = point()
    program = capture(lambda x: closing(CASES[name](mixed(x))), (x,))
    bases = torch.cat([x, x.flip(1) + 0.1])
    both = torch.stack([directions, 0.5 * directions.flip(0)])
    for engine in ("collapsed", "full"):
        together = expand_batch(program, (bases,), (both,), 3, engine=engine)
        for e in range(2):
            alone = expand(program, (bases[e : e + 1],), (both[e],), 3, engine=engine)
            assert agree([block[e] for block in together], alone)
    rays = torch.stack([directions.sum(0), directions[1]])
    table = expand(program, (x,), (directions,), 3)
    diagonal = torch.stack([block.sum() for block in table])
    single = torch.stack([block[0] for block in expand(program, (x,), (directions[1:2],), 3)])
    along = jets(program, (x,), (rays,), 3)
    size = torch.stack([block.abs().sum() for block in table]).clamp_min(1e-4)
    assert bool(((along - torch.stack([diagonal, single])).abs() <= 1e-11 * size).all())


@pytest.mark.parametrize("name", CASES)
def test_linear_steps_pull_by_their_transpose(name):
    """⟨L v, w⟩ = ⟨v, Lᵀ w⟩ for every linear step, coefficient by coefficient."""
    x, _ = point()
    plan = lowered(capture(lambda x: closing(CASES[name](mixed(x))), (x,)), (x,))
    env = {plan.inputs[0]: x[None, None]}
    generator = torch.Generator().manual_seed(1)
    for step in plan.steps:
        points = [env[i] for i in step.inputs]
        if isinstance(step, Linear):
            context = step.context(points) if step.context else None
            env[step.out] = step.value(points, context)
            v = [torch.randn(3, 1, *s, generator=generator, dtype=torch.float64) for s in step.shapes]
            image = step.push(v, context)
            assert image.shape == (3, 1, *step.shape)
            w = torch.randn(image.shape, generator=generator, dtype=torch.float64)
            pulls = [pull_by_autograd(step, w, context)] + ([step.pull(w, context)] if step.pull else [])
            for pulled in pulls:
                assert all(back is None or back.shape == a.shape for back, a in zip(pulled, v, strict=True))
                for c in range(3):
                    right = sum(
                        float((a[c] * b[c]).sum()) for a, b in zip(v, pulled, strict=True) if b is not None
                    )
                    assert float((image[c] * w[c]).sum()) == pytest.approx(right, rel=1e-11, abs=1e-11)
        elif isinstance(step, Elementwise):
            env[step.out] = step.series(points[0], 0)[0]
        elif isinstance(step, Multiply):
            env[step.out] = points[0] * points[1]
        elif isinstance(step, Matmul):
            env[step.out] = points[0] @ points[1]
        else:
            assert isinstance(step, Frozen)
            env[step.out] = step.value(points)
