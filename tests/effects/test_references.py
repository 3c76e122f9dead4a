"""Effects averaged over references are the mean of the effects against each, eq. (21)."""

import json
import warnings
import weakref

import numpy as np
import pytest
import torch
from torch import nn

import taylorattr as ta
from taylorattr.effects import references as averaging
from taylorattr.errors import (
    BudgetError,
    CheckpointError,
    DivergenceWarning,
    KinkWarning,
    OptionError,
    ShapeError,
    ZeroDifferenceWarning,
)

torch.set_num_threads(1)
torch.manual_seed(0)
SMOOTH = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2)).double().eval()
X = torch.rand(3, 4, dtype=torch.float64)
SET = torch.rand(5, 4, dtype=torch.float64)

CALLS = {
    "harsanyi": lambda **given: ta.harsanyi(SMOOTH, X, target=1, **given),
    "harsanyi in frame input": lambda **given: ta.harsanyi(SMOOTH, X, target=1, frame="input", **given),
    "harsanyi up to pairs": lambda **given: ta.harsanyi(SMOOTH, X, target=1, max_order=2, **given),
    "harsanyi in float32": lambda **given: ta.harsanyi(SMOOTH, X, target=1, dtype=torch.float32, **given),
    "decompose": lambda **given: ta.decompose(SMOOTH, X, target=1, order=3, **given),
    "decompose in frame input": lambda **given: ta.decompose(SMOOTH, X, target=1, frame="input", **given),
    "integrated_hessians": lambda **given: ta.integrated_hessians(SMOOTH, X, target=1, **given),
    "degree_by_support": lambda **given: ta.degree_by_support(SMOOTH, X, target=1, order=3, **given),
    "two players": lambda **given: ta.harsanyi(SMOOTH, X, target=1, players=[[0, 1], [2, 3]], **given),
}
TABLES = ("values", "delta", "f_input", "f_baseline", "integrated_gradients")


def tables(result) -> list:
    return list(result) if isinstance(result, tuple) else [result]


@pytest.mark.parametrize("call", CALLS)
def test_means_of_what_each_reference_has(call):
    found = tables(CALLS[call](references=SET))
    each = [tables(CALLS[call](baselines=b[None])) for b in SET]
    unit = 2**-23 if "float32" in call else 2**-52
    for k, mean in enumerate(found):
        for name in TABLES:
            if hasattr(mean, name):
                rows = torch.stack([getattr(one[k], name).double() for one in each])
                # five steps of rounding in float64, and one to the dtype of the result
                scale = 8 * unit * float(rows.abs().max())
                torch.testing.assert_close(getattr(mean, name).double(), rows.mean(0), rtol=0, atol=scale)
        assert mean.diagnostics["references"] == len(SET)
        assert mean.values.dtype == each[0][k].values.dtype


def test_the_spread_is_the_largest_standard_deviation_of_each_order():
    each = torch.stack([ta.harsanyi(SMOOTH, X, b[None], target=1).values for b in SET])
    mean = CALLS["harsanyi"](references=SET)
    sizes = torch.tensor([len(c) for c in mean.coalitions])
    wanted = torch.stack([each.std(0)[:, sizes == k].amax(1) for k in range(5)], dim=1)
    torch.testing.assert_close(torch.tensor(mean.diagnostics["spread"]), wanted, check_dtype=False)
    pairs = CALLS["integrated_hessians"](references=SET)
    each = torch.stack([ta.integrated_hessians(SMOOTH, X, b[None], target=1).values for b in SET])
    torch.testing.assert_close(
        torch.tensor(pairs.diagnostics["spread"])[:, 0], each.std(0).flatten(1).amax(1), check_dtype=False
    )


def test_one_reference_is_a_baseline():
    for call in CALLS.values():
        for found, alone in zip(
            tables(call(references=SET[:1])), tables(call(baselines=SET[:1])), strict=True
        ):
            assert torch.equal(found.values, alone.values)
            assert np.max(found.diagnostics["spread"]) == 0


def test_error_bounds_hold_for_the_mean():
    """In float32, against the same in float64."""
    rough, fine = CALLS["harsanyi in float32"](references=SET), CALLS["harsanyi"](references=SET)
    miss = (rough.values.double() - fine.values).abs()
    for k in range(5):
        columns = [len(c) == k for c in fine.coalitions]
        assert bool((miss[:, columns].amax(1) <= rough.error_bound[:, k]).all())
    each = [ta.harsanyi(SMOOTH, X, b[None], target=1, dtype=torch.float32).error_bound for b in SET]
    assert bool((rough.error_bound > torch.stack(each).mean(0)).all())


def test_what_is_said_in_words_holds_against_all_references():
    """1/(2 − x) has the radius 2 − b: at b = 1.2 the series is 0.8 wide, and x = −0.9 is 2.1 off."""
    x = torch.tensor([[0.5], [-0.9]], dtype=torch.float64)
    near_far = torch.tensor([[0.0], [1.2]], dtype=torch.float64)
    with pytest.warns(DivergenceWarning, match="against reference 1: the Taylor series of example 1"):
        found = ta.decompose(lambda x: 1 / (2 - x[:, 0]), x, references=near_far, order=4)
    alone = [ta.decompose(lambda x: 1 / (2 - x[:, 0]), x, near_far[:1], order=4, with_tails=False)]
    assert alone[0].converged.tolist() == [True, True] and found.converged.tolist() == [True, False]
    assert found.reasons[0] == alone[0].reasons[0]
    assert found.reasons[1].startswith("against reference 1 (1 of 2 fail): ")
    assert found.diagnostics["examples"][1]["reference"] == 1
    json.dumps(found.diagnostics)


def test_the_remainder_and_the_tails_are_those_of_the_mean():
    found = CALLS["decompose"](references=SET)
    torch.testing.assert_close(found.tails.total, found.remainder, rtol=0, atol=1e-14)
    sizes = [found.order_values(m).abs().sum(1).tolist() for m in (1, 2, 3)]
    assert found.diagnostics["order_sizes"] == [list(row) for row in zip(*sizes, strict=True)]


def test_a_warning_is_given_once_and_not_for_each_reference():
    relu = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 1)).double().eval()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        ta.decompose(relu, X - 0.5, references=torch.randn(20, 4, dtype=torch.float64), order=2)
    kinks = [w for w in said if w.category is KinkWarning]
    assert len(kinks) == 1 and "more of 20 references likewise" in str(kinks[0].message)
    assert kinks[0].filename == __file__


def test_inputs_among_the_references_are_no_fault():
    references = torch.cat([SET, X])
    with warnings.catch_warnings():
        warnings.simplefilter("error", ZeroDifferenceWarning)
        for call in CALLS.values():
            call(references=references)
    with pytest.warns(ZeroDifferenceWarning, match="input equals every reference in example 1"):
        found = CALLS["harsanyi"](references=X[[1, 1]])
    assert found.diagnostics["zero_difference"] == [1]


def test_integers_and_several_tensors():
    ids = torch.tensor([[3, 1, 2], [0, 5, 6]])
    table = torch.randn(7, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    model = lambda ids, x: (table[ids].sum(1) * x).prod(1)  # noqa: E731
    x = torch.rand(2, 2, dtype=torch.float64)
    sets = (torch.tensor([[0, 0, 0], [6, 6, 6]]), torch.rand(2, 2, dtype=torch.float64))
    found = ta.harsanyi(model, (ids, x), references=sets)
    each = [ta.harsanyi(model, (ids, x), tuple(s[r : r + 1] for s in sets)).values for r in range(2)]
    torch.testing.assert_close(found.values, torch.stack(each).mean(0), rtol=0, atol=1e-14)


def test_numpy_references():
    found = CALLS["harsanyi"](references=SET.numpy())
    assert torch.equal(found.values, CALLS["harsanyi"](references=SET).values)


def test_a_folder_for_each_reference(tmp_path):
    found = CALLS["harsanyi"](references=SET, checkpoint=tmp_path / "run")
    assert len(list((tmp_path / "run").glob("reference-*"))) == len(SET)
    again = CALLS["harsanyi"](references=SET, checkpoint=tmp_path / "run")
    assert torch.equal(found.values, again.values)
    assert again.diagnostics["evaluated"] == 0 and again.diagnostics["resumed"] == 5 * 3 * 16
    with pytest.raises(CheckpointError, match="belongs to another computation"):
        CALLS["harsanyi"](references=SET.flip(0), checkpoint=tmp_path / "run")
    with pytest.raises(CheckpointError, match="holds other things"):
        CALLS["harsanyi"](baselines=SET[:1], checkpoint=tmp_path / "run")
    CALLS["harsanyi"](baselines=SET[:1], checkpoint=tmp_path / "one")
    with pytest.raises(CheckpointError, match="a computation without references="):
        CALLS["harsanyi"](references=SET, checkpoint=tmp_path / "one")


def test_cost_counts_all_references():
    with pytest.raises(BudgetError, match=r"for each of 3 example\(s\) and 5 references"):
        CALLS["harsanyi"](references=SET, max_evaluations=16 * 3 * 5 - 1)
    CALLS["harsanyi"](references=SET, max_evaluations=16 * 3 * 5)
    entries = 34 * 3 * 8  # of order 3: C(7, 3) − 1 effects, three examples
    with pytest.raises(BudgetError):
        CALLS["decompose"](references=SET, memory_limit=5 * entries)
    ta.decompose(SMOOTH, X, target=1, order=3, memory_limit=5 * entries)


def test_the_tables_of_earlier_references_are_let_go(monkeypatch):
    """Whatever the number of references, the last table is the only one beside the mean."""
    seen, alive = [], []
    add = averaging._Mean.add

    def counting(self, result):
        alive.append(sum(table() is not None for table in seen))
        seen.append(weakref.ref(result.values))
        add(self, result)
        assert self.template.values is self._means["values"]

    monkeypatch.setattr(averaging._Mean, "add", counting)
    CALLS["harsanyi"](references=torch.rand(30, 4, dtype=torch.float64))
    assert len(alive) == 30 and max(alive) <= 1


@pytest.mark.parametrize("call", ["harsanyi", "decompose", "integrated_hessians", "degree_by_support"])
def test_what_does_not_fit_is_refused(call):
    with pytest.raises(OptionError, match="baselines and references are both given"):
        CALLS[call](references=SET, baselines=0.0)
    with pytest.raises(ShapeError, match=r"references has shape \(5, 3\); a reference set for inputs"):
        CALLS[call](references=SET[:, :3])
    with pytest.raises(ShapeError, match="to average over a reference set, pass it as references="):
        CALLS[call](baselines=SET)


def test_indices_graphs_and_files_of_a_mean(tmp_path):
    found = CALLS["harsanyi"](references=SET)
    scores = ta.attribute("shapley", SMOOTH, X, references=SET, target=1, dtype=torch.float64)
    torch.testing.assert_close(found.index("SV").values[:, 1:], scores.player_scores, rtol=0, atol=1e-13)
    back = ta.HarsanyiEffects.load(found.save(tmp_path / "mean.json"))
    assert torch.equal(back.values, found.values) and back.diagnostics["references"] == 5
