"""The script for accelerators is rehearsed on the CPU."""

from __future__ import annotations

import pytest
import torch

from benchmarks import gpu


def test_a_rehearsal_runs_every_row(capsys: pytest.CaptureFixture[str]) -> None:
    assert gpu.main(["--rehearse", "--device", "cpu"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("no accelerator: a rehearsal")
    for item in ("Möbius, n=10, float32", "Möbius, n=10, float64", "integrated_gradients", "lrp_epsilon",
                 "deeplift_rescale", "order 2", "order 3"):  # fmt: skip
        assert any(item in line and " s " in line for line in lines), item


def test_the_networks_have_the_sizes_they_are_named_after() -> None:
    with torch.device("meta"):
        parameters = sum(p.numel() for p in gpu.residual_network(gpu.FULL).parameters())
    assert parameters == pytest.approx(23.5e6, rel=0.01)  # ResNet-50 without its classes
