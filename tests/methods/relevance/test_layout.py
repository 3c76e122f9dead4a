"""Where images are recorded with their channels side by side, nothing but the speed changes."""

import pytest
import torch
from torch import nn

import taylorattr as ta
from taylorattr.analysis.question import Question
from taylorattr.methods.relevance.recording import record_rows


class Convolutional(nn.Module):
    """Overlapping pools, BatchNorm, a residual sum, a concatenation, a flattening that `flat` chooses."""

    def __init__(self, flat):
        super().__init__()
        self.first = nn.Conv2d(3, 6, 3, padding=1)
        self.norm = nn.BatchNorm2d(6)
        self.second = nn.Conv2d(6, 6, 3, padding=1)
        self.third = nn.Conv2d(12, 5, 3, stride=2)
        self.head = nn.Linear(5 * 4, 3)
        self.flat = flat
        self.norm.running_mean.uniform_(-0.5, 0.5)
        self.norm.running_var.uniform_(0.5, 1.5)

    def forward(self, x):
        h = torch.relu(self.norm(self.first(x)))
        h = nn.functional.max_pool2d(torch.relu(self.second(h)) + h, 3, 2, 1)
        h = torch.relu(self.third(torch.cat([h, nn.functional.avg_pool2d(h, 3, 1, 1)], 1)))
        return self.head(self.flat(nn.functional.adaptive_avg_pool2d(h, (2, 2))))


def hidden_view(h):
    with torch._C.DisableTorchFunction():
        return h.view(h.shape[0], -1)


FLATTENINGS = {
    "flatten": lambda h: h.flatten(1),
    "view": lambda h: h.view(h.shape[0], -1),
    "hidden view": hidden_view,
}


def network(flat="flatten"):
    torch.manual_seed(0)
    return Convolutional(FLATTENINGS[flat]).eval()


X = torch.randn(3, 3, 12, 12, generator=torch.Generator().manual_seed(1))
START = torch.randn(1, 3, 12, 12, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize(("flat", "expected"), [("flatten", True), ("view", False), ("hidden view", False)])
def test_layout_of_the_recorded_images(flat, expected):
    game = Question(network(flat), X, START, target=0, dtype=None).game
    recording = record_rows(game, slice(0, 3), reference=True)
    images = [v for v in recording.values.values() if v.shape == (3, 6, 12, 12)]
    assert images and all(v.is_contiguous(memory_format=torch.channels_last) == expected for v in images)
    torch.testing.assert_close(recording.output, game.f_input, rtol=1e-5, atol=1e-6)


def test_other_dtypes_keep_their_layout():
    game = Question(network(), X, target=0, dtype=torch.float64).game
    recording = record_rows(game, slice(0, 3), reference=False)
    assert all(v.is_contiguous() for v in recording.values.values() if v.shape == (3, 6, 12, 12))


@pytest.mark.parametrize("flat", FLATTENINGS)
@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("lrp_epsilon", {"epsilon": 1e-3}),
        ("lrp_epsilon", {"composite": "EpsilonPlusFlat", "epsilon": 1e-3}),
        ("lrp_alpha_beta", {"alpha": 2.0, "epsilon": 1e-3}),
        ("deep_taylor", {"epsilon": 1e-3}),
        ("deeplift_rescale", {}),
        ("deeplift_rescale", {"max_rule": "path"}),
        ("deeplift_rescale", {"max_rule": "shapley"}),
        ("deeplift_reveal_cancel", {}),
    ],
)
def test_float32_scores_are_those_of_float64(method, options, flat):
    start = None if method.startswith(("lrp", "deep_taylor")) else START
    model = network(flat)
    single = ta.attribute(method, model, X, start, target=1, **options).scores
    double = ta.attribute(method, model, X, start, target=1, dtype=torch.float64, **options).scores
    assert float((single - double).abs().max() / double.abs().max()) < 1e-4  # rounding of float32: 1e-6


def test_weights_that_outweigh_the_images_keep_the_layout():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 40, 3), nn.ReLU(), nn.Flatten(), nn.Linear(40 * 4, 1)).eval()
    for size, rows in ((4, 1), (4, 64)):
        game = Question(model, X[:1, :, :size, :size].repeat(rows, 1, 1, 1) + 1, dtype=None).game
        recording = record_rows(game, slice(0, rows), reference=False)
        image = next(v for v in recording.values.values() if v.shape == (rows, 40, 2, 2))
        assert image.is_contiguous() == (rows == 1)
