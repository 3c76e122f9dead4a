"""What every method shares: names, options, baselines, players, the result."""

import threading
import types

import pytest
import torch
from torch import nn

import taylorattr as ta
from taylorattr import toys
from taylorattr.analysis.inputs import reference_tuple, stand_in
from taylorattr.analysis.question import Question
from taylorattr.errors import NonFiniteError, OptionError, PlayerError, ShapeError, TargetError
from taylorattr.methods.method import AttributionMethod, Scores, find
from taylorattr.registry import DESIGNS
from tests.methods.networks import Pooled, points, seeded

GRADIENT = ("gradient_x_input", "smooth_grad", "integrated_gradients", "expected_gradients")


@pytest.fixture
def probe():
    """Register a method for one test."""
    added = []

    def add(function, **flags):
        entry = AttributionMethod(
            "probe",
            function,
            "gradient",
            "baseline",
            flags.pop("references", False),
            flags.pop("zero_baseline", False),
            flags.pop("integers", False),
            "",
        )
        ta.METHODS.register("probe", replace=True)(entry)
        added.append(entry)

    yield add
    ta.METHODS.unregister("probe")


def test_methods_are_listed_with_family_options_and_summary():
    for name in (*GRADIENT, "grad_cam"):
        entry = ta.METHODS[name]
        assert entry.name == name and entry.family == "gradient" and entry.summary.startswith("Return")
    assert ta.METHODS["integrated_gradients"].options["rule"] == "gauss_legendre"


LISTED = (
    "gradient_x_input smooth_grad integrated_gradients expected_gradients grad_cam occlusion_1 "
    "occlusion_patch prediction_difference shapley lrp_epsilon lrp_alpha_beta deep_taylor deeplift_rescale "
    "deeplift_reveal_cancel deep_shap"
)


def test_the_fifteen_are_listed_in_the_order_of_their_families():
    assert [name for name in ta.METHODS if name in LISTED.split()] == LISTED.split()
    assert list(ta.METHODS)[:15] == LISTED.split()


def test_an_unknown_method_or_option_is_answered_with_the_near_ones():
    with pytest.raises(OptionError, match="did you mean 'integrated_gradients'"):
        ta.attribute("integrated_gradient", toys.three_effects(), torch.ones(1, 2))
    with pytest.raises(OptionError, match="no option 'sigma'; its options: n_samples=50"):
        ta.attribute("smooth_grad", toys.three_effects(), torch.ones(1, 2), sigma=1.0)


@pytest.mark.parametrize("name", GRADIENT)
def test_each_method_takes_batches_tuples_targets_players_and_dtypes(name):
    model = lambda a, b: torch.stack([(a * b).sum(1), a.prod(1)], 1)  # noqa: E731
    a, b = points(3, 2).float(), points(3, 2, seed=2).float()
    players = (torch.tensor([0, 1]), torch.tensor([0, 2]))
    result = ta.attribute(name, model, (a, b), target=[0, 1, 0], players=players, dtype=torch.float64)
    assert result.player_scores.shape == (3, 3) and result.player_scores.dtype == torch.float64
    assert isinstance(result.scores, tuple) and [s.shape for s in result.scores] == [(3, 2), (3, 2)]
    assert result.scores[0].dtype == torch.float64
    sums = sum(s.double().sum(1) for s in result.scores)
    torch.testing.assert_close(sums, result.player_scores.sum(1), rtol=1e-12, atol=1e-13)
    native = ta.attribute(name, model, (a, b), target=[0, 1, 0], players=players)
    assert native.scores[0].dtype == torch.float32
    # the same numbers up to float32 rounding
    torch.testing.assert_close(native.player_scores, result.player_scores, rtol=1e-4, atol=1e-5)


def test_a_players_score_is_divided_among_its_elements_or_repeated():
    x = points(2, 4)
    model = lambda z: z.sum(1)  # noqa: E731
    divided = ta.attribute("gradient_x_input", model, x, players=[[0, 1, 2], [3]])
    assert torch.allclose(divided.player_scores[:, 0], x[:, :3].sum(1))
    torch.testing.assert_close(divided.scores[:, 1], x[:, :3].mean(1))
    repeated = ta.attribute("gradient_x_input", model, x, players=[[0, 1, 2], [3]], per_element=False)
    torch.testing.assert_close(repeated.scores[:, 1], x[:, :3].sum(1))


def test_elements_of_no_player_score_nothing():
    x = points(2, 3)
    players = ta.Players([[0, 1]], rest="fixed")
    result = ta.attribute("integrated_gradients", lambda z: z.prod(1), x, players=players, n_steps=2)
    assert not result.scores[:, 2].any()
    assert float(result.gap.abs().max()) < 1e-14


def test_the_gap_is_what_the_scores_leave_over():
    model, x, b = (
        toys.three_effects(),
        torch.tensor([[1.0, 2.0]]).double(),
        torch.tensor([[0.5, -1.0]]).double(),
    )
    result = ta.attribute("gradient_x_input", model, x, b)
    assert torch.equal(result.gap, model(x) - model(b) - result.player_scores.sum(1))
    assert torch.equal(result.baselines, b) and result.frame == "baseline"


def test_references_and_baselines_exclude_each_other(probe):
    model, x = toys.three_effects(), torch.ones(1, 2)
    with pytest.raises(OptionError, match="both given"):
        ta.attribute("integrated_gradients", model, x, 0.0, references=x)
    probe(lambda question: Scores(players=torch.zeros(1, 2)), zero_baseline=True)
    with pytest.raises(OptionError, match="takes no references"):
        ta.attribute("probe", model, x, references=x)
    with pytest.raises(OptionError, match="explains f\\(x\\) against 0"):
        ta.attribute("probe", model, x, 0.5)
    assert float(ta.attribute("probe", model, x, 0).conservation) == float(model(x))


def test_conservation_belongs_to_methods_with_baseline_zero():
    result = ta.attribute("gradient_x_input", toys.three_effects(), torch.ones(1, 2))
    with pytest.raises(OptionError, match="read .gap"):
        _ = result.conservation


def test_a_question_gives_references_with_the_held_elements_in_place(probe):
    seen = []

    def look(question: Question, *, option: int = 3) -> Scores:
        seen.append((question.reference_rows(1), question.reference_values(), option))
        return Scores(players=torch.zeros(2, 1))

    probe(look, references=True)
    x, references = points(2, 2), points(4, 2, seed=3)
    model = lambda z: z[:, 0] * 10 + z[:, 1]  # noqa: E731
    ta.attribute("probe", model, x, references, players=ta.Players([[0]], rest="fixed"), option=5)
    (rows,), values, option = seen[0]
    assert option == 5
    assert torch.equal(rows[:, 0], references[:, 0]) and torch.equal(rows[:, 1], x[1, 1].expand(4))
    torch.testing.assert_close(values, references[None, :, 0] * 10 + x[:, 1:])


def test_a_score_that_is_not_a_number_is_named(probe):
    probe(lambda question: Scores(players=torch.tensor([[0.0, 1.0], [float("nan"), 2.0]])))
    with pytest.raises(NonFiniteError, match="nan to player 'x0' in example 1"):
        ta.attribute("probe", toys.three_effects(), torch.ones(2, 2))


def test_a_method_that_answers_twice_or_not_at_all_is_refused(probe):
    probe(lambda question: Scores())
    with pytest.raises(ShapeError, match="either players or elements"):
        ta.attribute("probe", toys.three_effects(), torch.ones(1, 2))


def test_reference_sets():
    x, (r,) = points(2, 3), (points(4, 3),)
    assert torch.equal(reference_tuple(r, (x,), "baselines")[0], r)
    assert torch.equal(reference_tuple(None, (x,), "baselines")[0], torch.zeros(1, 3).double())
    pair = reference_tuple((r, 0.5), (x, x), "baselines")
    assert pair[1].shape == (4, 3) and bool((pair[1] == 0.5).all())
    torch.testing.assert_close(stand_in((r,))[0], r.mean(0, keepdim=True))
    with pytest.raises(ShapeError, match=r"\[3, 4\] rows"):
        reference_tuple((r, r[:3]), (x, x), "baselines")
    with pytest.raises(NonFiniteError, match="references holds nan"):
        reference_tuple(r * float("nan"), (x,), "references")


@pytest.mark.filterwarnings("ignore::taylorattr.errors.TrainingModeWarning")
def test_the_model_is_untouched_after_success_and_failure():
    model = seeded(Pooled()).train()
    model.head.weight.requires_grad_(False)
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    flags = [p.requires_grad for p in model.parameters()]
    x = points(2, 1, 7, 7).requires_grad_()
    for name in (*GRADIENT, "grad_cam"):
        baselines = x.detach() if name == "expected_gradients" else None
        options = {"n_steps": 64} if name.startswith("int") else {}
        ta.attribute(name, model, x, baselines, target=1, **options)
        with pytest.raises((PlayerError, OptionError)):
            ta.attribute(name, model, x, baselines, target=1, players=[[0]])
        with pytest.raises(TargetError):
            ta.attribute(name, model, x, baselines, target=99)
    assert model.training and x.grad is None
    assert all(torch.equal(tensor, state[name]) for name, tensor in model.state_dict().items())
    assert [p.requires_grad for p in model.parameters()] == flags
    assert all(p.grad is None for p in model.parameters())
    assert all(not m._forward_hooks and not m._backward_hooks for m in model.modules())


@pytest.mark.parametrize("name", ["integrated_gradients", "smooth_grad", "grad_cam"])
def test_two_threads_with_one_model_give_the_answers_of_one(name):
    model, x = (
        seeded(nn.Sequential(nn.Conv2d(1, 2, 3), nn.Tanh(), nn.Flatten(), nn.Linear(32, 2))),
        points(4, 1, 6, 6),
    )
    alone = [ta.attribute(name, model, row[None], target=1).player_scores for row in x]
    found = [None] * 4

    def work(i):
        found[i] = ta.attribute(name, model, x[i : i + 1], target=1).player_scores

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one, other in zip(alone, found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-14)


def test_a_designed_rule_may_be_called_nearly_as_a_system():
    entry = AttributionMethod("mip_inn", print, "rule", "baseline", False, False, False, "nearly MIP-IN")
    DESIGNS.register("mip_inn")(types.SimpleNamespace(attribution_method=entry))
    try:
        assert find("mip_inn") is entry
    finally:
        DESIGNS.unregister("mip_inn")
    with pytest.raises(OptionError, match="did you mean 'mip_in'"):
        find("mip_inn")
