"""Memory that a model takes as it finds it and fills later is no constant of the model."""

import pytest
import torch
import torch.nn.functional as F

import taylorattr as ta
from taylorattr.program.record import record

WEIGHTS = torch.linspace(-1, 2, 24)

FILLED_LATER = {
    "circular padding": lambda h: F.pad(h.view(-1, 1, 4, 6), (2, 1, 1, 3), mode="circular").flatten(1)[
        :, 3:27
    ],
    "empty": lambda h: torch.empty(len(h), 24).copy_(h),
    "empty, half by half": lambda h: _by_halves(h, torch.empty(len(h), 24)),
    "empty_like": lambda h: torch.empty_like(h).copy_(h),
    "new_empty": lambda h: h.new_empty(len(h), 24).copy_(h),
    "empty_strided": lambda h: torch.empty_strided((len(h), 24), (24, 1)).copy_(h),
    "empty_permuted": lambda h: torch.empty_permuted((len(h), 24), (1, 0)).copy_(h),
    "Tensor of a size": lambda h: torch.Tensor(len(h), 24).copy_(h),
    "index_copy": lambda h: torch.empty(len(h), 24).index_copy_(1, torch.arange(24), h),
}


def _by_halves(h, out):
    out[:, ::2] = h[:, ::2]
    out[:, 1::2] = h[:, 1::2]
    return out


def model(name):
    matrix = torch.randn(5, 24, generator=torch.Generator().manual_seed(0))
    return lambda x: (FILLED_LATER[name](x @ matrix) * WEIGHTS).tanh().sum(1)


@pytest.fixture(autouse=True)
def dirty_memory():
    """Leave NaN in the blocks that the allocator hands out next."""
    for numbers in (24, 48, 72, 96, 144):
        _ = [torch.full((numbers,), torch.nan) for _ in range(20)]


@pytest.mark.parametrize("name", FILLED_LATER)
def test_it_counts_as_zeros_in_a_recording(name):
    program = record(model(name), (torch.randn(3, 5),), keep_values=True)
    for constant in program.constants.values():
        assert not constant.is_floating_point() or bool(constant.isfinite().all())


@pytest.mark.parametrize("name", FILLED_LATER)
def test_both_ends_of_a_difference_run_the_same_branch(name):
    x = torch.randn(3, 5, generator=torch.Generator().manual_seed(1))
    found = ta.attribute("deeplift_rescale", model(name), x)
    assert float(found.relative_gap.max()) < 1e-4
