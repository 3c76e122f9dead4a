import pytest

from taylorattr.errors import OptionError
from taylorattr.registry import Registry


def test_registers_lists_and_looks_up():
    registry = Registry("thing")

    @registry.register("alpha")
    def alpha():
        return 1

    registry.register("beta")(2)
    assert registry["alpha"] is alpha and registry["beta"] == 2
    assert list(registry) == ["alpha", "beta"] and len(registry) == 2
    assert "alpha" in registry and "gamma" not in registry
    assert repr(registry) == "Registry of thing: alpha, beta"


def test_unknown_names_get_the_near_one_and_the_list():
    registry = Registry("rule")
    registry.register("integrated_gradients")(1)
    registry.register("shapley")(2)
    with pytest.raises(
        OptionError, match="no rule is called 'shaply'; did you mean 'shapley'. known: integrated"
    ):
        registry["shaply"]
    with pytest.raises(OptionError, match="no rule is called 'zzz'; known: integrated_gradients, shapley"):
        registry["zzz"]
    assert registry.get("zzz") is None


def test_a_taken_name_is_refused_unless_replaced():
    registry = Registry("rule")
    registry.register("a")(1)
    with pytest.raises(OptionError, match="the rule 'a' exists already"):
        registry.register("a")(2)
    registry.register("a", replace=True)(3)
    assert registry["a"] == 3


def test_names_with_a_place_of_their_own_come_first_whichever_is_registered_first():
    registry = Registry("rule", order=("b", "a", "absent"))
    for name in ("z", "a", "b", "c"):
        registry.register(name)(name)
    assert list(registry) == ["b", "a", "z", "c"] and list(registry.values()) == ["b", "a", "z", "c"]
    assert repr(registry) == "Registry of rule: b, a, z, c" and len(registry) == 4
