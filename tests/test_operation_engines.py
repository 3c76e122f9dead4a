"""Every operation that one engine knows, every other engine knows or refuses by name, with a reason."""

import pytest
import torch

from taylorattr.allocation.layerwise.components import AFFINE
from taylorattr.allocation.layerwise.unit_series import KINKS, REACH
from taylorattr.autodiff.paths.pieces import FOLLOWED
from taylorattr.autodiff.polynomial import engine
from taylorattr.autodiff.polynomial.builder import RULES
from taylorattr.errors import MissingRuleError
from taylorattr.methods.relevance.difference import difference_rules
from taylorattr.methods.relevance.lrp import lrp_rules
from taylorattr.program.formulas import FORMULAS
from taylorattr.program.kink_table import READERS
from taylorattr.program.operations import TABLE, names_of, packets
from taylorattr.program.refusals import BY_KIND, BY_NAME

assert engine  # importing it registers every Taylor rule


def composite(name):
    """Whether torch itself writes an operation out with others, so that no recording holds it."""
    key = torch._C.DispatchKey.CompositeImplicitAutograd
    packet, known = getattr(torch.ops.aten, name), set(torch._C._dispatch_get_all_op_names())
    ops = [getattr(packet, o) for o in packet.overloads()]
    ops = [op for op in ops if op.name() in known and not op._schema.is_mutable]
    return all(torch._C._dispatch_has_kernel_for_dispatch_key(op.name(), key) for op in ops)


RECORDED = {name for name in packets() if not composite(name)}
ROWS = {name: TABLE[name] for name in RECORDED}


def test_the_table_is_of_real_operations():
    assert len(RECORDED) > 250
    assert [name for name in packets() if not hasattr(torch.ops.aten, name)] == []


def assert_known_or_refused(engine, known, names=RECORDED):
    refused = set(BY_NAME[engine])
    assert sorted(set(names) - set(known) - refused) == [], f"unknown to {engine}, and not refused"
    assert sorted(refused & set(known)) == [], f"{engine} refuses what it knows"
    assert sorted(refused - set(packets())) == [], f"{engine} refuses what is not in the table"


def test_taylor_arithmetic_knows_or_refuses_every_operation():
    assert_known_or_refused("taylor", {op.overloadpacket.__name__ for op in RULES} | set(FORMULAS))


@pytest.mark.parametrize("table", [difference_rules(), lrp_rules()], ids=["difference", "lrp"])
def test_relevance_knows_or_refuses_every_operation(table):
    by_rule = {name for name, row in ROWS.items() if row.kind in table.by_kind or row.kind == "switch"}
    in_use = names_of("convolution")  # a weighted sum whose weights are its second factor
    refused = BY_NAME["relevance"].keys()
    assert_known_or_refused("relevance", (by_rule | set(FORMULAS) | in_use) - refused)
    assert set(table.by_kind) == {
        row.kind for row in TABLE.values() if row.kind not in ("switch", "convolution")
    } | {"choice"}


def test_layerwise_ratios_know_or_refuse_every_operation():
    units = {*REACH, *KINKS}
    known = {
        name
        for name, row in ROWS.items()
        if row.kind in AFFINE | {"maximum", "switch", "convolution", "batch_norm"}
        or row.kind in BY_KIND["layerwise"]
        or row.pieces == "constant"  # frozen, as comparisons are
        or (row.kind == "unit" and name in units)
    }
    assert_known_or_refused("layerwise", (known | set(FORMULAS)) - BY_NAME["layerwise"].keys())
    assert units <= set(packets())


def test_integrals_by_pieces_follow_or_refuse_every_operation():
    """What is affine needs no rule; what is curved or jumps is refused for being so."""
    linear = {name for name, row in ROWS.items() if row.factors}
    plainly = {name for name, row in ROWS.items() if row.pieces == "curved" or row.breaks == "jump"}
    constant = {name for name, row in ROWS.items() if row.pieces == "constant" and not row.breaks}
    assert_known_or_refused("paths", FOLLOWED | set(FORMULAS) | linear | plainly | constant)
    assert sorted(FOLLOWED - {name for name, row in TABLE.items() if row.breaks}) == []


WITHOUT_READER = {
    "rrelu_with_noise": "draws its slopes in place; recorded as its functional form",
    "histc": "its counts have no derivative on any side",
}
"""Operations with kinks that no state is read of, and why."""


def test_kinks_are_read_where_the_table_says_that_there_are_some():
    broken = {name for name, row in ROWS.items() if row.breaks} | {"_to_copy", "div"}
    read = {op.overloadpacket.__name__ for op in READERS}
    assert read & RECORDED == broken - WITHOUT_READER.keys()


def test_every_refusal_says_why():
    for reasons in (*BY_NAME.values(), *BY_KIND.values()):
        assert all(len(reason) > 20 for reason in reasons.values())


def test_a_refused_operation_is_named():
    from taylorattr.allocation.layerwise.chain import layerwise

    with pytest.raises(MissingRuleError, match="softmax.*mixes its inputs"):
        layerwise("lrp_epsilon", lambda x: x.softmax(1)[:, 0], torch.rand(1, 3))
