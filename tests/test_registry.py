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


def test_an_entry_is_taken_out():
    registry = Registry("rule")
    registry.register("a")(1)
    assert registry.unregister("a") == 1
    assert "a" not in registry and not len(registry)
    with pytest.raises(OptionError, match="no rule is called 'a'"):
        registry.unregister("a")
    registry.register("a")(2)
    assert registry["a"] == 2


def test_what_another_registry_holds_is_found_and_not_kept():
    designs = Registry("design")
    rules = Registry("rule", ("second",), lent=designs, as_entry=str)
    rules.register("first")("own")
    rules.register("second")("own as well")
    designs.register("made")(7)
    assert rules["made"] == rules.get("made") == "7" and "made" in rules
    assert list(rules) == ["second", "first", "made"] and len(rules) == 3
    assert rules.own == ("first", "second")
    with pytest.raises(OptionError, match="did you mean 'made'"):
        rules["mode"]
    for replace in (False, True):
        with pytest.raises(OptionError, match="'made' exists already"):
            rules.register("made", replace=replace)("another")
    with pytest.raises(OptionError, match="not held here"):
        rules.unregister("made")
    designs.register("made", replace=True)(8)
    assert rules["made"] == "8"
    designs.unregister("made")
    assert "made" not in rules and list(rules) == ["second", "first"]
