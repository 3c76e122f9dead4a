"""Features beside token or category ids: derivatives are of the features, coalition methods replace both.

The oracle of whatever takes derivatives is the same model with the ids passed as an argument of its own.
"""

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import taylorattr as ta
import taylorattr.compat.captum as captum
from taylorattr.errors import DtypeError, HeldInputWarning, ShapeError

torch.set_num_threads(1)


class Mixed(nn.Module):
    """Two features and three ids; ids first or last."""

    def __init__(self, ids_first: bool = False):
        super().__init__()
        torch.manual_seed(0)
        self.ids_first = ids_first
        self.table = nn.Embedding(7, 2)
        self.first, self.last = nn.Linear(4, 5), nn.Linear(5, 2)

    def forward(self, a, b, scale=None):
        x, ids = (b, a) if self.ids_first else (a, b)
        hidden = torch.cat([x, self.table(ids).mean(1)], 1)
        out = self.last(torch.tanh(self.first(hidden)))
        return out if scale is None else out * scale[:, None]


MODEL = Mixed().double().eval()
X = torch.tensor([[0.5, -1.0], [1.5, 0.25], [-0.5, 2.0]], dtype=torch.float64)
IDS = torch.tensor([[3, 1, 2], [0, 5, 6], [1, 1, 4]])
SCALE = torch.tensor([1.0, 2.0, -1.0], dtype=torch.float64)
SET = torch.randn(4, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def of_features(x, ids):
    return MODEL(x, ids)


def quiet(call: Callable[[], Any]) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return call()


DERIVATIVES = [name for name in ta.METHODS if not ta.METHODS[name].integers and name != "grad_cam"]
COALITIONS = [name for name in ta.METHODS if ta.METHODS[name].integers]


def options(name: str) -> dict[str, Any]:
    return {"n_samples": 3} if name == "smooth_grad" else {}


def baselines_of(name: str) -> Any:
    if ta.METHODS[name].references:
        return SET
    return None if ta.METHODS[name].zero_baseline else 0.25


@pytest.mark.parametrize("name", DERIVATIVES)
def test_scores_are_those_of_the_features_with_the_ids_as_an_argument(name):
    start = baselines_of(name)
    given = start if start is None or isinstance(start, float) else (start, None)
    with pytest.warns(HeldInputWarning, match=r"inputs\[1\] holds integers"):
        found = ta.attribute(name, MODEL, (X, IDS), given, target=1, **options(name))
    alone = quiet(
        lambda: ta.attribute(
            name, of_features, X, start, target=1, additional_forward_args=IDS, **options(name)
        )
    )
    features, ids = found.scores
    torch.testing.assert_close(features, alone.scores, rtol=1e-12, atol=1e-13)
    assert ids.shape == IDS.shape and not bool(ids.any())
    assert torch.equal(found.player_scores[:, :2], features.double()) and found.n == 5
    assert not bool(found.player_scores[:, 2:].any()) and found.diagnostics["held_inputs"] == [1]
    torch.testing.assert_close(found.gap, alone.gap, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("name", ["gradient_x_input", "integrated_gradients", "lrp_epsilon", "deep_shap"])
def test_wherever_the_ids_stand_and_whatever_else_there_is(name):
    start = (None, SET) if ta.METHODS[name].references else None
    first = quiet(
        lambda: ta.attribute(
            name, Mixed(True).double().eval(), (IDS, X), start, target=0, additional_forward_args=SCALE
        )
    )
    last = quiet(
        lambda: ta.attribute(
            name, MODEL, (X, IDS), start and start[::-1], target=0, additional_forward_args=SCALE
        )
    )
    torch.testing.assert_close(first.scores[1], last.scores[0], rtol=1e-12, atol=1e-13)
    assert first.scores[0].shape == IDS.shape and not bool(first.scores[0].any())


@pytest.mark.parametrize("name", DERIVATIVES)
def test_one_example_at_a_time_is_the_batch(name):
    start = baselines_of(name)
    given = start if start is None or isinstance(start, float) else (start, None)
    call = lambda x, ids: quiet(  # noqa: E731
        lambda: ta.attribute(name, MODEL, (x, ids), given, target=1, **options(name))
    )
    if name == "smooth_grad":
        pytest.skip("the noise of an example depends on its place")
    batch = call(X, IDS).scores[0]
    rows = torch.cat([call(X[e : e + 1], IDS[e : e + 1]).scores[0] for e in range(3)])
    torch.testing.assert_close(batch, rows, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("name", COALITIONS)
def test_coalition_methods_replace_the_ids_too(name):
    start = (torch.zeros(1, 2, dtype=torch.float64), torch.full((1, 3), 6))
    found = quiet(lambda: ta.attribute(name, MODEL, (X, IDS), start, target=1, dtype=torch.float64))
    effects = quiet(lambda: ta.harsanyi(MODEL, (X, IDS), start, target=1))
    if name == "shapley":
        torch.testing.assert_close(found.player_scores, effects.index("SV").values[:, 1:], rtol=0, atol=1e-12)
    else:
        singles = [c for c in effects.coalitions if c]
        wanted = torch.stack(
            [sum(effects[c] for c in singles if i in c) for i in range(5)], dim=1
        )  # Occlusion-1: every effect to each of its members
        torch.testing.assert_close(found.player_scores, wanted, rtol=0, atol=1e-12)
    assert bool(found.scores[1].any())


def test_effects_and_second_derivatives():
    mixed = {
        "decompose": lambda: ta.decompose(MODEL, (X, IDS), target=1, order=3),
        "integrated_hessians": lambda: ta.integrated_hessians(MODEL, (X, IDS), target=1),
        "degree_by_support": lambda: ta.degree_by_support(MODEL, (X, IDS), target=1, order=2)[1],
    }
    alone = {"target": 1, "additional_forward_args": IDS}
    taylor, oracle = quiet(mixed["decompose"]), quiet(lambda: ta.decompose(of_features, X, order=3, **alone))
    assert taylor.converged.tolist() == oracle.converged.tolist()
    for members in ([0], [1], [0, 0], [0, 1], [0, 1, 1]):
        torch.testing.assert_close(taylor[members], oracle[members], rtol=1e-12, atol=1e-14)
    assert not bool(taylor[[2]].any()) and not bool(taylor[[0, 4]].any())
    pairs, theirs = (
        quiet(mixed["integrated_hessians"]),
        quiet(lambda: ta.integrated_hessians(of_features, X, **alone)),
    )
    torch.testing.assert_close(pairs.values[:, :2, :2], theirs.values, rtol=1e-10, atol=1e-13)
    assert not bool(pairs.values[:, 2:].any())
    order2 = quiet(mixed["degree_by_support"])
    torch.testing.assert_close(
        order2[0, 1], quiet(lambda: ta.degree_by_support(of_features, X, order=2, **alone))[1][0, 1]
    )


def test_hessians_and_products():
    hessian = quiet(lambda: ta.hessian(MODEL, (X, IDS), target=1))
    oracle = quiet(lambda: ta.hessian(of_features, X, target=1, additional_forward_args=IDS))
    torch.testing.assert_close(hessian, oracle, rtol=1e-12, atol=1e-14)
    v = torch.ones_like(X)
    for vectors in ((v, None), (v, torch.ones_like(IDS))):
        product = quiet(lambda vectors=vectors: ta.hvp(MODEL, (X, IDS), vectors, target=1))
        torch.testing.assert_close(product[0], oracle.sum(2), rtol=1e-12, atol=1e-14)
        assert product[1].shape == IDS.shape and not bool(product[1].any())
    players = quiet(lambda: ta.hessian(MODEL, (X, IDS), target=1, players=[[0, 2], [1], [3, 4]]))
    scaled = oracle * X[:, :, None] * X[:, None, :]
    torch.testing.assert_close(players[:, :2, :2], scaled, rtol=1e-12, atol=1e-14)
    assert not bool(players[:, 2].any())


def test_references_of_the_features():
    found = quiet(
        lambda: ta.attribute("integrated_gradients", MODEL, (X, IDS), references=(SET, None), target=1)
    )
    each = [
        quiet(lambda b=b: ta.attribute("integrated_gradients", MODEL, (X, IDS), (b[None], None), target=1))
        for b in SET
    ]
    mean = torch.stack([e.scores[0] for e in each]).mean(0)
    torch.testing.assert_close(found.scores[0], mean, rtol=1e-12, atol=1e-14)
    effects = quiet(lambda: ta.decompose(MODEL, (X, IDS), references=(SET, IDS), target=1, order=2))
    assert effects.diagnostics["references"] == 4


@pytest.mark.parametrize("name", ["integrated_gradients", "gradient_x_input", "shapley", "deeplift_rescale"])
def test_audits_and_reformulations(name):
    start = (0.0, torch.full((1, 3), 6)) if ta.METHODS[name].integers else None
    report = quiet(lambda: ta.audit(name, MODEL, (X[:1], IDS[:1]), start, target=1))
    assert not report.misuse
    # gradient times input is not complete; the others are
    assert report.verdicts[2].status.startswith("holds") == (name != "gradient_x_input")
    if name != "deeplift_rescale":
        sums = quiet(lambda: ta.reformulate(name, MODEL, (X[:1], IDS[:1]), start, target=1, order=8))
        assert bool(sums.explained.all())


def test_players_of_both():
    players = ta.Players([[0, 2], [1, 3, 4]], names=("first", "second"))
    found = quiet(lambda: ta.attribute("integrated_gradients", MODEL, (X, IDS), target=1, players=players))
    alone = quiet(
        lambda: ta.attribute("integrated_gradients", of_features, X, target=1, additional_forward_args=IDS)
    )
    torch.testing.assert_close(found.player_scores, alone.player_scores, rtol=1e-12, atol=1e-14)
    # the player's score belongs to the element that moves
    torch.testing.assert_close(found.scores[0], alone.scores, rtol=1e-12, atol=1e-14)


def test_what_would_move_them_is_refused_by_name():
    for start in ((0.0, 0), (X * 0, torch.zeros_like(IDS))):
        with pytest.raises(
            DtypeError, match=r"baselines\[1\] would move inputs\[1\].*Pass None in its place"
        ):
            ta.attribute("integrated_gradients", MODEL, (X, IDS), start, target=1)
    same = quiet(lambda: ta.attribute("integrated_gradients", MODEL, (X, IDS), (0.0, IDS), target=1))
    none = quiet(lambda: ta.attribute("integrated_gradients", MODEL, (X, IDS), target=1))
    assert torch.equal(same.scores[0], none.scores[0])
    with pytest.raises(ShapeError, match="1 baselines for 2 input tensors"):
        ta.attribute("integrated_gradients", MODEL, (X, IDS), (0.0,), target=1)
    with pytest.raises(DtypeError, match=r"references\[1\] would move"):
        ta.decompose(MODEL, (X, IDS), references=(SET, torch.zeros(4, 3).long()), target=1)
    with pytest.raises(DtypeError, match="derivative methods need floating-point inputs"):
        ta.attribute("integrated_gradients", lambda ids: MODEL(X[:1], ids), IDS[:1], target=1)


def test_the_warning_is_said_once_and_names_the_line():
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        ta.decompose(MODEL, (X, IDS), target=1, references=(SET, None))
    told = [w for w in said if w.category is HeldInputWarning]
    assert len(told) == 1 and told[0].filename == __file__


def of_both(L: Any, name: str, inputs: Any) -> tuple[Tensor, ...]:
    return getattr(L, name)(MODEL).attribute(inputs, target=1)


@pytest.mark.parametrize(
    "name", ["Saliency", "InputXGradient", "IntegratedGradients", "DeepLift", "LRP", "GuidedBackprop"]
)
def test_the_captum_drop_in(name):
    found = quiet(lambda: of_both(captum, name, (X, IDS)))
    oracle = quiet(
        lambda: getattr(captum, name)(Mixed().double().eval()).attribute(
            X, target=1, additional_forward_args=(IDS,)
        )
    )
    torch.testing.assert_close(found[0], oracle, rtol=1e-10, atol=1e-12)
    assert found[1].shape == IDS.shape and not bool(found[1].any())


@pytest.mark.parametrize("name", ["GradientShap", "DeepLiftShap"])
def test_the_captum_drop_in_with_references(name):
    torch.manual_seed(3)
    found, delta = quiet(
        lambda: getattr(captum, name)(MODEL).attribute(
            (X, IDS), (SET, None), target=1, return_convergence_delta=True
        )
    )
    torch.manual_seed(3)
    oracle, theirs = quiet(
        lambda: getattr(captum, name)(MODEL).attribute(
            X, SET, target=1, additional_forward_args=(IDS,), return_convergence_delta=True
        )
    )
    torch.testing.assert_close(found[0], oracle, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(delta, theirs, rtol=1e-8, atol=1e-12)
    assert found[1].shape == IDS.shape and not bool(found[1].any())


def test_noise_is_not_added_to_integers():
    noisy = quiet(
        lambda: captum.NoiseTunnel(captum.Saliency(MODEL)).attribute((X, IDS), target=1, stdevs=0.2)
    )
    assert noisy[0].shape == X.shape and not bool(noisy[1].any())


def test_a_page_says_what_was_held(tmp_path):
    found = quiet(lambda: ta.decompose(MODEL, (X, IDS), target=1, references=(SET, None), order=2))
    text = found.save(tmp_path / "page.html").read_text()
    assert "inputs[1] held at the input" in text and "the mean over 4 references" in text
