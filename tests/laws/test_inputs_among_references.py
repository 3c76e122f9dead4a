"""A background set holds the data, so an input is often one of its references: nothing is wrong with that."""

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

import taylorattr as ta
import taylorattr.compat.captum as captum
from taylorattr.errors import ZeroDifferenceWarning

torch.set_num_threads(1)
torch.manual_seed(0)
NET = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1)).double().eval()
X = torch.rand(2, 3, dtype=torch.float64)
TABLE = torch.randn(7, 4, dtype=torch.float64)
IDS = torch.tensor([[3, 1, 2], [0, 5, 6]])


def of_ids(ids):
    return TABLE[ids].sum((1, 2)).tanh()


SETS = {
    "inputs and others": torch.cat([torch.rand(4, 3, dtype=torch.float64), X]),
    "inputs first": torch.cat([X, torch.rand(4, 3, dtype=torch.float64)]),
    "the inputs alone": X,
    "around the first input": torch.cat([X[:1] - 0.25, X[:1] + 0.25]),  # their mean is the input
}
INTEGER_SETS = {
    "inputs first": torch.cat([IDS, torch.zeros_like(IDS)]),
    "the inputs alone": IDS,
}

TAKES_A_SET = ("expected_gradients", "deep_shap", "prediction_difference")
AVERAGED = ("integrated_gradients", "occlusion_1", "occlusion_patch", "shapley", "deeplift_rescale")

CALLS: dict[str, Callable[[torch.Tensor], Any]] = {
    **{name: lambda s, name=name: ta.attribute(name, NET, X, s) for name in TAKES_A_SET},
    **{f"audit of {name}": lambda s, name=name: ta.audit(name, NET, X, s) for name in TAKES_A_SET},
    **{f"reformulate {name}": lambda s, name=name: ta.reformulate(name, NET, X, s) for name in TAKES_A_SET},
    **{name: lambda s, name=name: ta.attribute(name, NET, X, references=s) for name in AVERAGED},
    "reformulate": lambda s: ta.reformulate("integrated_gradients", NET, X, references=s),
    "harsanyi": lambda s: ta.harsanyi(NET, X, references=s),
    "decompose": lambda s: ta.decompose(NET, X, references=s),
    "integrated_hessians": lambda s: ta.integrated_hessians(NET, X, references=s),
    "degree_by_support": lambda s: ta.degree_by_support(NET, X, references=s),
    "GradientShap": lambda s: captum.GradientShap(NET).attribute(X, s),
    "DeepLiftShap": lambda s: captum.DeepLiftShap(NET).attribute(X, s),
    "DeepLiftShap, multipliers": lambda s: captum.DeepLiftShap(NET, multiply_by_inputs=False).attribute(X, s),
}
OF_IDS: dict[str, Callable[[torch.Tensor], Any]] = {
    "prediction_difference": lambda s: ta.attribute("prediction_difference", of_ids, IDS, s),
    "audit of it": lambda s: ta.audit("prediction_difference", of_ids, IDS, s),
    "shapley": lambda s: ta.attribute("shapley", of_ids, IDS, references=s),
    "occlusion_1": lambda s: ta.attribute("occlusion_1", of_ids, IDS, references=s),
    "harsanyi": lambda s: ta.harsanyi(of_ids, IDS, references=s),
}


@pytest.mark.parametrize("which", SETS)
@pytest.mark.parametrize("call", CALLS)
def test_nothing_is_said_of_an_input_among_the_references(call, which):
    with warnings.catch_warnings():
        warnings.simplefilter("error", ZeroDifferenceWarning)
        CALLS[call](SETS[which])


@pytest.mark.parametrize("which", INTEGER_SETS)
@pytest.mark.parametrize("call", OF_IDS)
def test_nor_of_integers(call, which):
    with warnings.catch_warnings():
        warnings.simplefilter("error", ZeroDifferenceWarning)
        OF_IDS[call](INTEGER_SETS[which])


@pytest.mark.parametrize("rows", [[0], [0, 0], [0, 0, 0]])
@pytest.mark.parametrize("call", [name for name in CALLS if "audit" not in name and name != "GradientShap"])
def test_an_input_that_is_every_reference_is_told_once(call, rows):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        CALLS[call](X[rows])
    told = {str(w.message) for w in said if w.category is ZeroDifferenceWarning}
    assert len(told) == 1 and "equals" in min(told) and "example 0" in min(told)


@pytest.mark.parametrize("name", TAKES_A_SET)
def test_an_audit_accuses_nobody_because_of_it(name):
    """The verdicts are those with a background that does not hold the input."""
    apart = ta.audit(name, NET, X, SETS["inputs and others"][:4])
    among = ta.audit(name, NET, X, SETS["inputs and others"])
    assert not among.misuse
    # how far sums hold is a number of its own; whether they hold is not
    assert [v.status.split("_")[0] for v in among.verdicts] == [
        v.status.split("_")[0] for v in apart.verdicts
    ]


def test_a_warning_of_many_references_is_one():
    """Against 30 references whose values differ, a coarse quadrature is said to be coarse once."""
    steep = lambda x: (8 * x.sum(1)).tanh()  # noqa: E731
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        ta.integrated_hessians(steep, X, references=torch.rand(30, 3, dtype=torch.float64), n_nodes=2)
    assert len(said) == 1 and "more of 30 references likewise" in str(said[0].message)
