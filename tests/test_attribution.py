"""The result of every method: sums, order, text, files."""

import pytest
import torch

import taylorattr as ta
from taylorattr.attribution import Attribution
from taylorattr.errors import OptionError, ShapeError


def example(**changes):
    fields = {
        "player_scores": torch.tensor([[3.0, -5.0, 0.0], [1.0, 1.0, 1.0]], dtype=torch.float64),
        "scores": torch.tensor([[3.0, -5.0, 0.0], [1.0, 1.0, 1.0]]),
        "method": "occlusion_1",
        "frame": "baseline",
        "names": ("red", "green", "blue"),
        "f_input": torch.tensor([1.0, 5.0], dtype=torch.float64),
        "f_baseline": torch.tensor([2.0, 2.0], dtype=torch.float64),
    }
    return Attribution(**(fields | changes))


def test_gap_delta_and_relative_gap():
    result = example()
    assert result.delta.tolist() == [-1, 3] and result.gap.tolist() == [1, 0]
    assert result.relative_gap.tolist() == [1 / 8, 0]
    silent = example(
        player_scores=torch.zeros(2, 3, dtype=torch.float64), f_input=torch.tensor([2.0, 3.0]).double()
    )
    assert silent.relative_gap.tolist() == [0, float("inf")]


def test_the_largest_scores_come_first_and_zeros_not_at_all():
    first, second = example().top(5)
    assert [(s.name, s.value, s.share) for s in first] == [("green", -5.0, 5 / 8), ("red", 3.0, 3 / 8)]
    assert len(second) == 3 and example().top(1)[0][0].name == "green"


def test_the_text_shows_names_sums_frame_and_errors():
    text = repr(example(standard_errors=torch.full((2, 3), 0.25, dtype=torch.float64)))
    assert "occlusion_1: 3 players, frame baseline, 2 example(s)" in text
    assert "gap = +1" in text and "green  -5 ± 0.25" in text and "62.5%" in text
    assert "… and 1 more examples" in example().summary(examples=1)


def test_conservation_where_the_baseline_is_zero():
    assert example(zero_baseline=True).conservation.tolist() == [3, 2]
    with pytest.raises(OptionError, match="read .gap"):
        _ = example().conservation


@pytest.mark.parametrize("suffix", [".npz", ".json"])
def test_a_saved_result_comes_back(tmp_path, suffix):
    result = example(
        scores=(torch.ones(2, 2), torch.zeros(2, 1, 2)),
        baselines=(torch.ones(1, 2), torch.zeros(1, 1, 2)),
        standard_errors=torch.rand(2, 3, generator=torch.Generator().manual_seed(0)).double(),
        diagnostics={"mode": "exact", "n_steps": [3, 4], "last_change": [None, 0.5]},
    )
    back = ta.Result.load(result.save(tmp_path / f"result{suffix}"))
    assert isinstance(back, Attribution)
    assert torch.equal(back.player_scores, result.player_scores) and back.diagnostics == result.diagnostics
    assert torch.equal(back.standard_errors, result.standard_errors) and repr(back) == repr(result)
    assert all(torch.equal(a, b) for a, b in zip(back.scores, result.scores, strict=True))


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"names": ("red",)}, "expected \\(B, 1\\)"),
        ({"standard_errors": torch.zeros(2, 2)}, "standard_errors have shape"),
        ({"f_input": torch.zeros(3)}, "f_input"),
    ],
)
def test_parts_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(ShapeError, match=message):
        example(**changes)
