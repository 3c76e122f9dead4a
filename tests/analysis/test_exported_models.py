import copy

import pytest
import torch
from torch import nn

from taylorattr.analysis.exported import fixed_batch_size, in_fixed_batches, is_exported
from taylorattr.analysis.question import Question
from taylorattr.autodiff.hvp import hvp
from taylorattr.errors import ShapeError
from tests.autodiff.networks import mlp, points


def exported(batch, dynamic=False):
    shapes = ({0: torch.export.Dim("batch", min=1, max=4096)},) if dynamic else None
    return torch.export.export(mlp(), (points(batch, 4),), dynamic_shapes=shapes).module()


def test_batch_sizes_are_read_from_the_program():
    fixed, free = exported(5), exported(5, dynamic=True)
    assert is_exported(fixed) and is_exported(free) and not is_exported(mlp())
    assert (fixed_batch_size(fixed), fixed_batch_size(free), fixed_batch_size(mlp())) == (5, None, None)
    assert fixed_batch_size(torch.fx.symbolic_trace(mlp())) is None


@pytest.mark.parametrize("rows", [1, 4, 5, 12])
def test_any_number_of_rows(rows):
    seen = []

    def five(x, weights):
        seen.append(len(x))
        return x.sum(1) * weights

    x, weights = points(rows, 3), torch.arange(float(rows))
    assert torch.equal(in_fixed_batches(five, 5)(x, weights), x.sum(1) * weights)
    assert set(seen) == {5}


def test_outputs_must_have_the_rows():
    with pytest.raises(ShapeError, match="exported for batches of 5"):
        in_fixed_batches(lambda x: x.sum(), 5)(torch.ones(2, 3))


@pytest.mark.parametrize("dynamic", [False, True])
def test_an_exported_program_is_bound_like_its_model(dynamic):
    x, program = points(5, 4), exported(5, dynamic)
    ours, direct = Question(program, x, target=1).game, Question(mlp(), x, target=1).game
    t = torch.rand(7, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    # both run in float64; batches of other sizes round the last bits otherwise
    torch.testing.assert_close(ours.values(t, 2), direct.values(t, 2), rtol=1e-13, atol=1e-15)
    torch.testing.assert_close(
        hvp(program, x, x, target=1), hvp(mlp(), x, x, target=1), rtol=1e-12, atol=1e-14
    )
    assert ours.diagnostics.get("fixed_batch_size") == (None if dynamic else 5)


def test_a_symbolically_traced_model_is_an_ordinary_one():
    traced = torch.fx.symbolic_trace(copy.deepcopy(mlp()))
    assert (
        isinstance(traced, nn.Module) and Question(traced, points(2, 4), target=0).game.dtype is torch.float64
    )
