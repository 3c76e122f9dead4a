"""A prepared model answers as the functions do, about the model as it is, from any thread."""

from __future__ import annotations

import gc
import inspect
import pickle
import threading
import warnings
import weakref
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import taylorattr as ta
from taylorattr.errors import DtypeError, ModelChangedWarning, OptionError, TaylorAttrError
from taylorattr.prepared import METHODS


def network(seed: int = 0, activation: type[nn.Module] = nn.GELU) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(5, 8), activation(), nn.Linear(8, 3)).eval()


def points(rows: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(rows, 5, generator=torch.Generator().manual_seed(seed))


QUESTIONS: dict[str, tuple[str, tuple[Any, ...], dict[str, Any]]] = {
    **{name: ("attribute", (name,), {}) for name in (
        "gradient_x_input", "integrated_gradients", "shapley", "occlusion_1", "lrp_epsilon", "deep_taylor",
        "deeplift_rescale", "smooth_grad",
    )},
    "decompose": ("decompose", (), {"order": 3}),
    "decompose at the input": ("decompose", (), {"order": 2, "frame": "input", "with_tails": False}),
    "harsanyi": ("harsanyi", (), {}),
    "degree_by_support": ("degree_by_support", (), {"order": 2}),
    "hessian": ("hessian", (), {}),
    "integrated_hessians": ("integrated_hessians", (), {}),
    "audit": ("audit", ("integrated_gradients",), {"max_order": 2}),
    "reformulate": ("reformulate", ("lrp_epsilon",), {"order": 2}),
}  # fmt: skip


def answer(function: Any, *args: Any, **kwargs: Any) -> tuple[Any, list[str]]:
    """The result as plain data, and what was said."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        result = function(*args, **kwargs)
    parts = result if isinstance(result, tuple) else (result,)
    plain = [part.tolist() if isinstance(part, torch.Tensor) else part.to_dict() for part in parts]
    return plain, [f"{w.category.__name__}: {w.message}" for w in said]


def both(name: str, model: nn.Module, prepared: ta.Prepared, x: torch.Tensor, **more: Any) -> tuple[Any, Any]:
    function, first, options = QUESTIONS[name]
    direct = answer(getattr(ta, function), *first, model, x, **options, **more)
    return direct, answer(getattr(prepared, function), *first, x, **options, **more)


@pytest.mark.every(2)
@pytest.mark.parametrize("activation", [nn.GELU, nn.ReLU])
@pytest.mark.parametrize("name", QUESTIONS)
def test_the_same_to_the_last_bit(name: str, activation: type[nn.Module]) -> None:
    model = network(activation=activation)
    prepared = ta.prepare(model, target=1, like=points(4))
    for rows, seed in ((2, 3), (1, 4), (2, 5)):  # asked again, about other inputs and in other batches
        direct, ours = both(name, model, prepared, points(rows, seed), target=1)
        assert ours == direct


def test_many_targets_baselines_dtypes_and_frames_on_one() -> None:
    model, x = network(), points(3)
    prepared = ta.prepare(model)
    for target, baseline in ((0, None), ([2, 0, 1], 0.5), (lambda output: output[:, 0] ** 2, points(3, 7))):
        for dtype in (torch.float64, torch.float32):
            more = {"target": target, "baselines": baseline, "dtype": dtype}
            for name in ("decompose", "lrp_epsilon" if baseline is None else "deeplift_rescale"):
                direct, ours = both(name, model, prepared, x, **more)
                assert ours == direct
    references = points(4, 8)
    direct, ours = both("harsanyi", model, prepared, x, target=1, references=references)
    assert ours == direct


def test_defaults_stand_where_nothing_is_given() -> None:
    model, x = network(), points(2)
    prepared = ta.prepare(model, target=2, baselines=0.25, players=[[0, 1], [2, 3, 4]], dtype=torch.float64)
    ours = prepared.harsanyi(x)
    assert ours.n == 2
    direct = ta.harsanyi(model, x, 0.25, target=2, players=[[0, 1], [2, 3, 4]])
    assert torch.equal(ours.values, direct.values)
    assert torch.equal(
        prepared.harsanyi(x, 0.5, target=0, players=None).values, ta.harsanyi(model, x, 0.5, target=0).values
    )
    over = prepared.harsanyi(x, references=points(3, 9))  # in place of the default baseline
    assert over.diagnostics["references"] == 3


def test_a_default_is_set_aside_by_none() -> None:
    model, x = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 1)).eval(), torch.ones(1, 4)
    prepared = ta.prepare(model, baselines=0.5)
    assert torch.equal(prepared.hessian(x, baselines=None), ta.hessian(model, x))
    scores = prepared.attribute("lrp_epsilon", x, baselines=None).player_scores
    assert torch.equal(scores, ta.attribute("lrp_epsilon", model, x).player_scores)
    with pytest.raises(OptionError, match="baselines"):
        prepared.hessian(x)


def test_a_prepared_model_stands_for_the_model() -> None:
    model, x = network(), points(2)
    prepared = ta.prepare(model)
    assert torch.equal(ta.decompose(prepared, x, target=1).values, ta.decompose(model, x, target=1).values)
    assert torch.equal(prepared(x), model(x))
    with pytest.raises(OptionError, match="prepared already"):
        ta.prepare(prepared)
    with pytest.raises(AttributeError, match="decompoze"):
        _ = prepared.decompoze  # type: ignore[attr-defined]


def test_functions_keep_their_signatures() -> None:
    prepared = ta.prepare(network(), target=1)
    for name in METHODS:
        ours, theirs = (inspect.signature(getattr(owner, name)) for owner in (prepared, ta))
        assert list(ours.parameters) == [p for p in theirs.parameters if p != "model"]
        assert getattr(prepared, name).__doc__ == getattr(ta, name).__doc__
        if "target" in ours.parameters:
            assert ours.parameters["target"].default == 1
    assert set(METHODS) <= set(dir(prepared))


def test_nothing_is_copied_or_tried_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    copies = []
    from taylorattr.analysis import private_model

    plain = private_model.copy_model
    monkeypatch.setattr(private_model, "copy_model", lambda *a, **k: copies.append(k) or plain(*a, **k))
    prepared = ta.prepare(network(), target=1, like=points(4))
    made = len(copies)
    assert made
    for seed in range(4):
        prepared.decompose(points(2, seed), order=2, diagnose=False)
        prepared.attribute("lrp_epsilon", points(2, seed))
    assert len(copies) == made


CHANGES = {
    "an optimiser's step": lambda model: model[0].weight.data.mul_(1.5),
    "new weights": lambda model: model.load_state_dict(network(9).state_dict()),
    "through numpy": lambda model: model[2].bias.detach().numpy().__setitem__(1, 3.0),
    "another part": lambda model: model.__setitem__(1, nn.Tanh()),
    "a hook": lambda model: model[0].register_forward_hook(lambda module, given, output: 2 * output),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", ["decompose", "lrp_epsilon", "harsanyi"])
def test_a_changed_model_is_seen_and_said(name: str, change: str) -> None:
    model, x = network(), points(2)
    prepared = ta.prepare(model, target=1, like=x)
    CHANGES[change](model)
    (direct, _), (ours, said) = both(name, model, prepared, x, target=1)
    assert ours == direct
    assert [line for line in said if line.startswith(ModelChangedWarning.__name__)]
    (direct, _), (ours, said) = both(name, model, prepared, x, target=1)
    assert ours == direct  # and said once
    assert not [line for line in said if line.startswith(ModelChangedWarning.__name__)]


class Detached(nn.Module):
    """Its gradient misses a part where the first input is positive."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.where(x[:, 0] > 0, x[:, 1].detach() ** 2 + x[:, 1], x[:, 1] ** 2) + x[:, 0]


def test_the_gradient_is_compared_with_the_values_each_time() -> None:
    good, bad = torch.tensor([[-1.0, 2.0]]), torch.tensor([[1.0, 2.0]])
    prepared = ta.prepare(Detached().eval())
    prepared.attribute("gradient_x_input", good)
    for _ in range(2):  # the first refusal settles nothing
        with pytest.raises(DtypeError):
            prepared.attribute("gradient_x_input", bad)


def test_what_depends_on_the_input_is_refused_each_time() -> None:
    prepared = ta.prepare(network(), target=1, like=points(3))
    bad = points(2)
    bad[1, 2] = float("nan")
    for _ in range(2):
        with pytest.raises(TaylorAttrError, match="nan in example 1"):
            prepared.decompose(bad)
    with pytest.raises(TaylorAttrError, match="target"):
        prepared.decompose(points(2), target=7)


class Branching(nn.Module):
    """Another program on either side of 0."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x**3).sum(1) if bool(x.sum() > 0) else (x**2).sum(1)


def test_a_program_is_not_believed_where_the_model_does_something_else() -> None:
    model = Branching().eval()
    prepared = ta.prepare(model)
    for sign in (1, -1, 1):
        x, b = sign * points(1).abs(), sign * 0.5 * torch.ones(1, 5)
        direct, ours = (
            answer(f, x, b, order=2, with_tails=False)
            for f in (lambda *a, **k: ta.decompose(model, *a, **k), prepared.decompose)
        )
        assert ours == direct


class Remembers(nn.Module):
    """Subtracts the mean of the first batch it sees, which it keeps in one of three ways."""

    def __init__(self, kept: str) -> None:
        super().__init__()
        self.kept, self.mean, self.cache = kept, None, {}
        self.linear = nn.Linear(4, 1)
        self.register_buffer("running", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        """Run the layer on what is left."""
        mean = x.detach().mean()
        if self.kept == "attribute":
            self.mean = mean = mean if self.mean is None else self.mean
        elif self.kept == "entry":
            mean = self.cache.setdefault(x.shape[1:], mean)
        else:
            if not self.running:
                self.running.copy_(mean)
            mean = self.running
        return torch.tanh(self.linear(x - mean))[:, 0]


@pytest.mark.parametrize("kept", ("attribute", "entry", "buffer"))
def test_nothing_is_carried_from_one_question_into_the_next(kept: str) -> None:
    model = Remembers(kept).eval()
    prepared = ta.prepare(model)
    for scale in (1.0, 5.0):
        x = scale * torch.rand(2, 4, generator=torch.Generator().manual_seed(0))
        assert torch.equal(prepared.harsanyi(x).values, ta.harsanyi(model, x).values)


def test_threads_share_it() -> None:
    model = network()
    prepared = ta.prepare(model, target=1)
    names = ["decompose", "lrp_epsilon", "integrated_gradients", "shapley", "hessian"]
    # in single precision a thread that captures switches the kernels of all, which round otherwise
    more = {"dtype": torch.float64}
    expected = {
        name: both(name, model, ta.prepare(model), points(2), target=1, **more)[0][0] for name in names
    }
    wrong: list[str] = []

    def work(start: int) -> None:
        for k in range(10):
            name = names[(start + k) % len(names)]
            function, first, options = QUESTIONS[name]
            result = getattr(prepared, function)(*first, points(2), **options, **more)
            plain = result.tolist() if isinstance(result, torch.Tensor) else result.to_dict()
            if [plain] != expected[name]:
                wrong.append(name)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not wrong


def test_pickled_it_is_the_model_and_its_defaults() -> None:
    model, x = network(), points(2)
    prepared = ta.prepare(model, target=1, like=x)
    again = pickle.loads(pickle.dumps(prepared))  # noqa: S301  (written here)
    assert torch.equal(again.decompose(x).values, prepared.decompose(x).values)


def test_the_model_goes_with_it() -> None:
    model = network()
    gone = weakref.ref(model)
    prepared = ta.prepare(model, target=1, like=points(3))
    prepared.decompose(points(2))
    del model, prepared
    gc.collect()
    assert gone() is None


def test_the_model_is_left_as_it_was() -> None:
    model = network().train()
    state = {name: value.clone() for name, value in model.state_dict().items()}
    prepared = ta.prepare(model, target=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        prepared.decompose(points(2))
        prepared.attribute("lrp_epsilon", points(2))
    assert model.training
    assert all(parameter.requires_grad and parameter.grad is None for parameter in model.parameters())
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


@pytest.mark.slow
def test_two_thousand_calls_take_no_more_memory_than_two_hundred() -> None:
    psutil = pytest.importorskip("psutil")
    prepared = ta.prepare(network(), target=1)
    names = list(QUESTIONS)
    sizes = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for k in range(2000):
            function, first, options = QUESTIONS[names[k % len(names)]]
            getattr(prepared, function)(*first, points(1 + k % 5, k), target=k % 3, **options)
            if k in (400, 1999):
                gc.collect()
                sizes.append(psutil.Process().memory_info().rss)
    assert sizes[1] - sizes[0] < 16 * 2**20
