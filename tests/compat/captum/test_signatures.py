import inspect

import pytest

import taylorattr.compat.captum as ours
from tests.compat.captum.peer import captum

CLASSES = sorted(name for name in ours.__all__ if hasattr(captum, name) and name != "Attribution")
NOT_OURS = {
    "attribute_future",  # raises NotImplementedError in captum, but for ablation
    "kernel_shap_similarity_kernel",  # static helpers of captum's implementation
    "kernel_shap_perturb_generator",
    "satisfies_attribute_criteria",
    "forward_handles",
    "backward_handles",
    "layers",
    "verbose",
}


def parameters(function):
    """Name, kind and default of each parameter."""
    return [(p.name, p.kind, p.default) for p in inspect.signature(function).parameters.values()]


@pytest.mark.parametrize("name", CLASSES)
def test_arguments_their_order_and_defaults_are_captums(name):
    mine, theirs = getattr(ours, name), getattr(captum, name)
    assert parameters(mine.attribute) == parameters(theirs.attribute)
    assert parameters(mine.__init__) == parameters(theirs.__init__)


@pytest.mark.parametrize("name", CLASSES)
def test_public_names_are_there(name):
    theirs = {n for n in dir(getattr(captum, name)) if not n.startswith("_")}
    assert theirs - NOT_OURS <= set(dir(getattr(ours, name)))


@pytest.mark.parametrize("name", [name for name in CLASSES if name != "NoiseTunnel"])
def test_flags_and_names_are_captums(name):
    def model(x):
        return x.sum(1)

    mine, theirs = getattr(ours, name), getattr(captum, name)
    if len(parameters(mine.__init__)) > 2 and parameters(mine.__init__)[2][2] is inspect.Parameter.empty:
        pytest.skip("needs a layer")
    assert mine.get_name() == theirs.get_name()
    try:
        a, b = mine(model), theirs(model)
    except AttributeError:
        pytest.skip("captum's class needs a module")
    assert a.has_convergence_delta() == b.has_convergence_delta()
    assert a.multiplies_by_inputs == b.multiplies_by_inputs
