"""Rows that depend on each other are refused whichever example feels it; independent rows never are."""

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

import pytest
import torch
from torch import Tensor, nn

import taylorattr as ta
from taylorattr.analysis import guards
from taylorattr.analysis.question import Question
from taylorattr.errors import ShapeError

B = 6


def batch_of(witness: int) -> Tensor:
    """Rows in which one example, the largest and longest, does not feel the others."""
    x = torch.rand(B, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) + 0.1
    x[:, 3] = 0.2
    x[witness] *= 10
    return x


def trimmed(x: Tensor) -> Tensor:
    """A sequence model that cuts all rows to the longest of the batch: the mean runs over what is left."""
    longest = int((x > 0.5).cumsum(1).argmax(1).max()) + 1
    return x[:, :longest].mean(1)


DEPENDENT: dict[str, Callable[[Tensor], Tensor]] = {
    "scaled by the batch maximum": lambda x: x.sum(1) / x.max(),
    "scaled by the batch maximum, detached": lambda x: x.sum(1) / x.max().detach(),
    "scaled where the batch is large": lambda x: x.sum(1) / x.abs().max().clamp_min(2.0),
    "trimmed to the longest row": trimmed,
    "batch statistics": lambda x: ((x - x.mean(0)) / x.std(0, correction=0).clamp_min(0.1)).sum(1),
    "softmax over the batch": lambda x: torch.softmax(x, 0).sum(1),
    "factor by position": lambda x: x.sum(1) * (torch.arange(len(x)) % 3 + 1),
    "last row differs": lambda x: x.sum(1) + (torch.arange(len(x)) == len(x) - 1),
    "neighbours": lambda x: x.sum(1) + x.roll(1, 0)[:, 0].clamp_min(0.9),
    "quantised by the batch range": lambda x: (x / (x.max() - x.min()) * 255).round().sum(1),
    "outliers of the batch clipped": lambda x: x.clamp(max=x.quantile(0.9)).sum(1),
    "sorted batch": lambda x: x[:, 0].sort().values + x[:, 1],
    "the largest row alone": lambda x: torch.where(x.sum(1) == x.sum(1).max(), x.sum(1), x.sum(1) * 0.9),
}

METHODS = (
    "integrated_gradients",
    "gradient_x_input",
    "lrp_epsilon",
    "deeplift_rescale",
    "shapley",
    "occlusion_1",
)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("witness", [0, B - 1, 2])
@pytest.mark.parametrize("model", DEPENDENT)
def test_dependent_rows_are_refused(model: str, witness: int, method: str) -> None:
    with warnings.catch_warnings(), pytest.raises(ta.errors.TaylorAttrError) as caught:
        warnings.simplefilter("ignore")
        ta.attribute(method, DEPENDENT[model], batch_of(witness))
    if isinstance(caught.value, ShapeError):
        assert "rows" in str(caught.value) or "batch" in str(caught.value)


class Single(nn.Module):
    """float32 inside, with sums that cancel: rows are independent and rounding is large."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.wide = torch.randn(64, 300) * 1e3
        self.read = torch.randn(300, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = x.float() @ self.wide.float()
        return ((h @ self.read.float()) - (h.flip(1) @ self.read.float().flip(0)) + x.float()[:, :1]).to(
            x.dtype
        )


INDEPENDENT: dict[str, tuple[Callable[[Tensor], Tensor], torch.dtype]] = {
    "float32 inside a float64 analysis": (
        lambda x: (x.float() @ torch.full((64, 5), 0.3)).tanh().sum(1).to(x),
        torch.float64,
    ),
    "cancellation in float32": (Single(), torch.float64),
    "cancellation in a float32 analysis": (
        lambda x: (x * 1e4).sum(1) - (x * 1e4).flip(1).sum(1) + x[:, 0],
        torch.float32,
    ),
    "bfloat16 inside": (
        lambda x: (x.bfloat16() @ torch.ones(64, 3, dtype=torch.bfloat16)).float().sum(1).to(x),
        torch.float64,
    ),
    "a guard over the batch": (
        lambda x: x.sum(1) if bool(torch.isfinite(x).all()) else x.sum(1) * 0,
        torch.float64,
    ),
    "a softmax over features": (lambda x: torch.softmax(x, 1).square().sum(1), torch.float64),
}


@pytest.mark.parametrize("method", ["integrated_gradients", "lrp_epsilon", "shapley"])
@pytest.mark.parametrize("model", INDEPENDENT)
def test_independent_rows_are_accepted(model: str, method: str) -> None:
    function, dtype = INDEPENDENT[model]
    x = torch.randn(37, 64, generator=torch.Generator().manual_seed(1), dtype=torch.float64).to(dtype)
    players = [list(range(32)), list(range(32, 64))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ta.attribute(
            method,
            function,
            x,
            dtype=dtype,
            target=0 if isinstance(function, nn.Module) else None,
            players=players,
        )


MASKED = 1 << 8
"""Inputs that an audit of eight players masks; a sample of them is evaluated in a second batch."""


@pytest.mark.parametrize("method", ["integrated_gradients", "shapley", "occlusion_1"])
@pytest.mark.parametrize("model", DEPENDENT)
def test_an_audit_of_dependent_rows_is_no_audit(model: str, method: str) -> None:
    x = 3 * torch.rand(1, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) + 0.1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            report = ta.audit(method, DEPENDENT[model], x)
        except ta.errors.TaylorAttrError:
            return
    assert "not per-example" in [misuse.kind for misuse in report.misuse]


class CountsRows(nn.Module):
    """A network that notes how many rows each call has; its copies note them too."""

    calls: ClassVar[list[int]] = []

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.inner, self.outer = nn.Linear(8, 8, dtype=torch.float64), nn.Linear(8, 1, dtype=torch.float64)

    def forward(self, x: Tensor) -> Tensor:
        self.calls.append(len(x))
        return self.outer(torch.tanh(self.inner(x)))


@pytest.mark.parametrize("method", ["deeplift_rescale", "occlusion_1", "integrated_gradients"])
def test_an_audit_checks_masked_inputs_by_a_sample(method: str) -> None:
    x = torch.rand(1, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    rows = {}
    for witnesses in (MASKED, guards.WITNESSES):
        CountsRows.calls.clear()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(guards, "WITNESSES", witnesses)
            ta.audit(method, CountsRows().eval(), x)
        rows[witnesses] = sum(CountsRows.calls)
    assert rows[MASKED] - rows[guards.WITNESSES] == MASKED - guards.WITNESSES


def test_every_row_of_the_user_is_evaluated_twice() -> None:
    x = torch.rand(MASKED, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    CountsRows.calls.clear()
    ta.attribute("lrp_epsilon", CountsRows().eval(), x)
    assert sum(CountsRows.calls) >= 2 * MASKED


def test_what_was_established_is_not_known_of_another_model() -> None:
    first = Question(CountsRows().eval(), torch.rand(2, 8, dtype=torch.float64))
    _ = first.game
    assert first.established == first.against(0.5).established == {"rows"}
    assert first.established is first.with_inputs(first.inputs).established
    assert replace(first, model=CountsRows(), private=None).established == set()


class AddsTheLargestNumber(torch.nn.Module):
    """One example alone has its own largest number; masked rows in one batch share one."""

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return z.sum(1) * z.max().clamp_min(2)


@pytest.mark.parametrize("method", ["deeplift_rescale", "deep_shap", "deeplift_reveal_cancel"])
def test_a_maximum_over_the_batch_is_named_where_rows_share_a_baseline(method: str) -> None:
    x = torch.rand(2, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    with pytest.raises(ShapeError, match=r"aten\.max.* runs over the rows of a batch"):
        ta.audit(method, AddsTheLargestNumber().eval(), x)
