"""Several outputs at once are each output alone."""

import pytest
import torch
from torch import nn

import taylorattr as ta
from taylorattr.errors import BudgetError, NonFiniteError, OptionError, TargetError

torch.set_num_threads(1)
torch.manual_seed(0)
NET = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 5)).double().eval()
X, B = (torch.rand(3, 4, dtype=torch.float64) for _ in range(2))
SET = torch.rand(2, 4, dtype=torch.float64)
OUTPUTS = [3, 0, -1]

METHODS = [name for name in ta.METHODS if name != "grad_cam"]


def of_parts(found):
    return found if isinstance(found, tuple) else (found,)


def numbers(found):
    names = ("values", "player_scores", "delta", "f_input", "f_baseline")
    return [getattr(part, name) for part in of_parts(found) for name in names if hasattr(part, name)]


CALLS = {
    "harsanyi": lambda **how: ta.harsanyi(NET, X, B, **how),
    "harsanyi in frame input": lambda **how: ta.harsanyi(NET, X, B, frame="input", max_order=2, **how),
    "harsanyi in small calls": lambda **how: ta.harsanyi(NET, X, B, internal_batch_size=5, **how),
    "harsanyi over references": lambda **how: ta.harsanyi(NET, X, references=SET, **how),
    "decompose": lambda **how: ta.decompose(NET, X, B, order=2, **how),
    "decompose over references": lambda **how: ta.decompose(NET, X, order=2, references=SET, **how),
    "degree_by_support": lambda **how: ta.degree_by_support(NET, X, B, order=2, **how),
    "integrated_hessians": lambda **how: ta.integrated_hessians(NET, X, B, **how),
    "shapley over references": lambda **how: ta.attribute("shapley", NET, X, references=SET, **how),
} | {
    name: lambda name=name, **how: ta.attribute(
        name, NET, X, *(() if name.startswith("lrp") or name == "deep_taylor" else (B,)), **how
    )
    for name in METHODS
}


@pytest.mark.filterwarnings("ignore::taylorattr.errors.PrecisionWarning")
@pytest.mark.parametrize("call", CALLS)
def test_each_output_is_as_if_asked_alone(call):
    found = CALLS[call](outputs=OUTPUTS)
    assert isinstance(found, ta.ByOutput) and list(found) == OUTPUTS
    for output in OUTPUTS:
        alone = CALLS[call](target=output)
        assert type(found[output]) is type(alone)
        for one, other in zip(numbers(found[output]), numbers(alone), strict=True):
            # a sum over a row does not depend on the output; of a gradient the order of sums may
            tolerance = 0 if call == "harsanyi" else 1e-14
            torch.testing.assert_close(one, other, rtol=0, atol=tolerance)


def test_hessians():
    found = ta.hessian(NET, X, outputs="all")
    assert list(found) == [0, 1, 2, 3, 4]
    for output in found:
        torch.testing.assert_close(found[output], ta.hessian(NET, X, target=output), rtol=0, atol=1e-14)
    with pytest.raises(TypeError):
        found[0] = found[1]


def test_audits():
    found = ta.audit("occlusion_1", NET, X[:1], B[:1], outputs=[0, 4])
    for output in (0, 4):
        alone = ta.audit("occlusion_1", NET, X[:1], B[:1], target=output)
        assert torch.equal(found[output].allocation, alone.allocation)
        assert found[output].complete.status == alone.complete.status
    with pytest.raises(OptionError, match=r"ta\.binds\(make\), with outputs="):
        ta.audit(lambda x: x, NET, X[:1], B[:1], outputs=[0, 4])


def rows_seen(ask):
    """Number of rows that the model sees."""
    seen = [0]

    def model(x):
        seen[0] += len(x)
        return NET(x)

    ask(model)
    return seen[0]


@pytest.mark.parametrize(
    "ask",
    [
        lambda f, **how: ta.harsanyi(f, X, B, **how),
        lambda f, **how: ta.harsanyi(f, X, B, internal_batch_size=5, **how),
        lambda f, **how: ta.harsanyi(f, X, references=SET, **how),
        lambda f, **how: ta.attribute("shapley", f, X, B, **how),
        lambda f, **how: ta.attribute("shapley", f, X, B, algorithm="permutation", samples=20, **how),
        lambda f, **how: ta.attribute("occlusion_1", f, X, B, **how),
        lambda f, **how: ta.attribute("prediction_difference", f, X, X + 1, **how),
        lambda f, **how: ta.attribute("gradient_x_input", f, X, B, **how),
    ],
)
def test_the_model_runs_once_for_all_outputs(ask):
    alone = rows_seen(lambda f: ask(f, target=0))
    together = rows_seen(lambda f: ask(f, outputs="all"))
    # one row shows how many outputs there are; f(b) of rows in another order is evaluated for each
    assert together <= alone + 20


def test_rows_of_a_call_stay_within_the_limit():
    most = [0]

    def model(x):
        most[0] = max(most[0], len(x))
        return NET(x)

    ta.harsanyi(model, X, B, internal_batch_size=7, outputs="all")
    assert most[0] <= 7


@pytest.mark.parametrize("suffix", [".npz", ".json"])
def test_it_is_saved_and_cut_and_joined(tmp_path, suffix):
    found = ta.harsanyi(NET, X, B, outputs=OUTPUTS)
    back = ta.Result.load(found.save(tmp_path / f"found{suffix}"))
    assert isinstance(back, ta.ByOutput) and list(back) == OUTPUTS
    joined = ta.ByOutput.concat([found.select([0]), found.select([1, 2])])
    for output in found:
        assert torch.equal(back[output].values, found[output].values)
        assert torch.equal(joined[output].values, found[output].values)
    orders = ta.degree_by_support(NET, X, B, order=2, outputs=OUTPUTS).select(slice(1))
    assert orders[0][1].values.shape == (1, 16)
    text = repr(found)
    assert text.startswith("ByOutput: 3 outputs, HarsanyiEffects") and "output -1" in text


@pytest.mark.parametrize(
    ("outputs", "error", "words"),
    [
        ([0, 5], TargetError, r"holds 5, and the model's output for one example has shape \(5,\)"),
        ([0, 4, -1], OptionError, "names an output twice"),
        ([], OptionError, "is empty"),
        ("some", OptionError, "expected 'all', or a list of whole numbers"),
        (3, OptionError, "expected 'all', or a list"),
        ([0, 1.5], OptionError, "outputs holds 1.5"),
        ([True, False], OptionError, "outputs holds True"),
        ([(0, 1)], TargetError, r"holds \(0, 1\)"),
    ],
)
def test_outputs_that_cannot_be_are_refused(outputs, error, words):
    with pytest.raises(error, match=words):
        ta.harsanyi(NET, X, B, outputs=outputs)


def test_a_target_beside_outputs_is_refused():
    with pytest.raises(OptionError, match="target and outputs are both given"):
        ta.attribute("shapley", NET, X, B, target=1, outputs=[0, 1])


def test_a_model_with_one_output_is_refused():
    for model in (lambda x: x.sum(1), lambda x: x.sum(1, keepdim=True)):
        with pytest.raises(TargetError, match="one output for each example"):
            ta.harsanyi(model, X, B, outputs="all")


def test_outputs_of_several_dimensions_are_named_by_tuples():
    def model(x):
        return NET(x)[:, :4].reshape(-1, 2, 2)

    found = ta.harsanyi(model, X, B, outputs=[(1, 0), (0, 1)])
    assert torch.equal(found[1, 0].values, ta.harsanyi(NET, X, B, target=2).values)
    with pytest.raises(TargetError, match=r"shape \(2, 2\): list those"):
        ta.harsanyi(model, X, B, outputs="all")


def test_more_rows_than_memory_are_refused(monkeypatch):
    monkeypatch.setattr("taylorattr.memory.available", lambda needed=0: 1000)
    with pytest.raises(BudgetError, match="ask about fewer outputs"):
        ta.harsanyi(NET, X, B, outputs="all")


def test_errors_name_the_example_and_the_output():
    def model(x):
        return torch.stack([x.sum(1), torch.where(x[:, 0] == X[2, 0], torch.inf, x.sum(1))], 1)

    with pytest.raises(NonFiniteError, match=r"example 2 \(output 1\)"):
        ta.harsanyi(model, X, B, outputs="all")
