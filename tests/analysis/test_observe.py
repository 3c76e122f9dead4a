import torch
from torch import nn

from taylorattr.analysis.observe import observe


def test_widest_tensor_and_total_are_counted_in_bytes():
    net = nn.Sequential(nn.Linear(3, 50), nn.Tanh(), nn.Linear(50, 2)).double()
    seen = observe(lambda: net(torch.ones(7, 3, dtype=torch.float64)))
    assert seen.widest == 7 * 50 * 8
    assert seen.total >= 7 * (50 + 50 + 2) * 8
    assert "linear" in seen.operations and seen.result.shape == (7, 2)


def test_loss_of_precision_is_found_where_a_finer_tensor_becomes_coarser():
    x = torch.ones(3, dtype=torch.float64)
    assert observe(lambda: x.sin() + torch.ones(3)).lowest is None  # float32 constants lower nothing
    seen = observe(lambda: x.to(torch.float32).double())
    assert (seen.lowest, seen.lowered_by) == (torch.float32, "to")

    def into_a_buffer():
        buffer = torch.zeros(3)
        buffer[:] = x
        return buffer.double()

    assert observe(into_a_buffer).lowest is torch.float32
