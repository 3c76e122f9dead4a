"""``python -m benchmarks.gpu``: the heavy computations on an accelerator, in less than eight minutes.

Each row is timed with the device synchronised, after one run that warms it up, and its peak memory read from
torch's allocator. Rates are compared with what the device reaches on matrix products of the shapes that the
computation is made of, measured in the same run. On a machine without an accelerator smaller networks run on
the CPU: a rehearsal, whose figures say nothing of a GPU.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

import taylorattr as ta
from benchmarks.contest import MIB
from benchmarks.networks import mlp, seeded, transformer


@dataclass(frozen=True)
class Size:
    """How large the networks are.

    Attributes:
        players: n of the Möbius sum; its network is n-width-width-1.
        width: Width of its layers.
        blocks: Bottleneck blocks of each stage of the residual network.
        channels: Channels of its first stage.
        image: Height and width of its images.
        batch: Images.
        layers: Layers of the encoder.
        model: Width of the encoder.
        heads: Attention heads.
        tokens: Tokens, each a player.
    """

    players: int
    width: int
    blocks: tuple[int, ...]
    channels: int
    image: int
    batch: int
    layers: int
    model: int
    heads: int
    tokens: int


FULL = Size(20, 1024, (3, 4, 6, 3), 64, 224, 8, 12, 768, 12, 12)
"""2²⁰ coalitions; a network of ResNet-50's size; twelve tokens through an encoder of BERT-base's size."""

REHEARSAL = Size(10, 64, (1, 1), 8, 32, 2, 2, 32, 4, 4)


class Bottleneck(nn.Module):
    """1×1, 3×3 and 1×1 convolutions with normalisation, added to what comes in."""

    def __init__(self, channels: int, inside: int, stride: int) -> None:
        super().__init__()
        out = 4 * inside
        self.inner = nn.Sequential(
            nn.Conv2d(channels, inside, 1, bias=False), nn.BatchNorm2d(inside), nn.ReLU(),
            nn.Conv2d(inside, inside, 3, stride, 1, bias=False), nn.BatchNorm2d(inside), nn.ReLU(),
            nn.Conv2d(inside, out, 1, bias=False), nn.BatchNorm2d(out),
        )  # fmt: skip
        self.skip: nn.Module = nn.Identity()
        if stride != 1 or channels != out:
            self.skip = nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x: Tensor) -> Tensor:
        """Return the sum of both branches, rectified."""
        return torch.relu(self.inner(x) + self.skip(x))


def residual_network(size: Size) -> nn.Module:
    """Return a residual network of bottleneck blocks with one output per image."""
    torch.manual_seed(0)
    channels = size.channels
    parts: list[nn.Module] = [
        nn.Conv2d(3, channels, 7, 2, 3, bias=False), nn.BatchNorm2d(channels), nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
    ]  # fmt: skip
    for stage, count in enumerate(size.blocks):
        inside = size.channels * 2**stage
        for number in range(count):
            parts.append(Bottleneck(channels, inside, 2 if stage and not number else 1))
            channels = 4 * inside
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 1), nn.Flatten(0)]
    return nn.Sequential(*parts, *head).eval().requires_grad_(False)


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        item: What was computed.
        seconds: Time of one run.
        mebibytes: Peak of the allocator beyond what lay there before; None on the CPU.
        said: What the time is compared with.
    """

    item: str
    seconds: float
    mebibytes: float | None
    said: str

    def __str__(self) -> str:
        """As printed."""
        memory = "–" if self.mebibytes is None else f"{self.mebibytes:,.0f} MiB"
        return f"{self.item:<48} {self.seconds:9.3f} s  {memory:>12}  {self.said}"


def measured(run: Callable[[], Any], device: torch.device, repeats: int = 3) -> tuple[float, float | None]:
    """Return the shortest time of some runs after a first one, and the peak memory."""
    gpu = device.type == "cuda"
    run()
    before = 0
    if gpu:
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        if gpu:
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - start)
    return min(times), (torch.cuda.max_memory_allocated(device) - before) / MIB if gpu else None


def rows(size: Size, device: torch.device) -> Iterator[Row]:
    """Measure and yield every row."""
    yield from moebius(size, device, torch.float32)
    yield from moebius(size, device, torch.float64)
    network = residual_network(size).to(device)
    images = seeded(size.batch, 3, size.image, size.image).float().to(device)
    step, _ = measured(lambda: _gradient(network, images), device)
    for method in ("integrated_gradients", "lrp_epsilon", "deeplift_rescale"):
        took, memory = measured(partial(ta.attribute, method, network, images), device)
        compared = f"{took / step:.2f} × a forward and backward of the batch"
        yield Row(f"{method}, {size.batch} images of {size.image}²", took, memory, compared)
    model = transformer(size.model, size.layers, size.heads).float().to(device)
    sentence = seeded(1, size.tokens, size.model, scale=0.1).float().to(device)
    players = (
        torch.arange(size.tokens, device=device).repeat_interleave(size.model).reshape(sentence.shape[1:])
    )
    step, _ = measured(lambda: _gradient(model, sentence), device)
    for order in (2, 3):
        effects = partial(
            ta.decompose, model, sentence, order=order, players=players, dtype=torch.float32, diagnose=False,
            with_tails=False,
        )  # fmt: skip
        took, memory = measured(effects, device, repeats=1)
        compared = f"{took / step:.1f} × a forward and backward of the sentence"
        yield Row(f"Taylor effects, {size.tokens} tokens, order {order}", took, memory, compared)


def moebius(size: Size, device: torch.device, dtype: torch.dtype) -> Iterator[Row]:
    """Yield the row of all 2ⁿ effects beside the matrix products that its network is made of."""
    widths = (size.players, size.width, size.width, 1)
    network = mlp(widths[:-1]).to(device, dtype)
    x = seeded(1, size.players).to(device, dtype)
    took, memory = measured(partial(ta.harsanyi, network, x, dtype=dtype), device, repeats=1)
    count, block = 2**size.players, min(2**size.players, 2**16)
    pairs = list(zip(widths, widths[1:], strict=False))
    factors = [(seeded(block, a).to(device, dtype), seeded(a, b).to(device, dtype)) for a, b in pairs]
    products, _ = measured(lambda: [a @ b for a, b in factors], device)
    products *= count / block
    flops = 2 * count * sum(a * b for a, b in pairs)
    name = str(dtype).removeprefix("torch.")
    compared = (
        f"{flops / took / 1e12:.3g} Tflop/s, {products / took:.0%} of the rate of its products (goal 60 %)"
    )
    yield Row(f"Möbius, n={size.players}, {name}", took, memory, compared)


def _gradient(network: nn.Module, inputs: Tensor) -> Tensor:
    given = inputs.detach().requires_grad_()
    return torch.autograd.grad(network(given).sum(), given)[0]


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--device", help="such as cuda:1; default: cuda where there is one")
    parser.add_argument("--rehearse", action="store_true", help="the small networks, on any device")
    arguments = parser.parse_args(argv)
    device = torch.device(arguments.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    small = arguments.rehearse or device.type == "cpu"
    warnings.simplefilter("ignore")  # random networks diverge or not: here only their cost counts
    if device.type == "cuda":
        print(f"{torch.cuda.get_device_name(device)}, torch {torch.__version__}")
    else:
        print(f"no accelerator: a rehearsal of small networks on the CPU, torch {torch.__version__}")
    start = time.perf_counter()
    for row in rows(REHEARSAL if small else FULL, device):
        print(row, flush=True)
    print(f"in all {time.perf_counter() - start:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
