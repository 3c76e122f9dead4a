"""The table of operations against torch: what it says of each operation is true of random arguments."""

import pytest
import torch
from torch import Tensor

from taylorattr.program.arguments import leaves
from taylorattr.program.operations import (
    CURVED_FUNCTIONS,
    TABLE,
    UnknownOperationError,
    argument_names,
    check,
    implementations,
    operation_of,
)
from taylorattr.program.program import Node, Ref
from tests.program.operation_calls import CALLS, Call, r

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

EXACT = 1e-12
"""Rounding of a few sums of numbers of size 1 in double precision."""


def composite(op):
    """Whether torch itself writes an operation out, so that no recording holds it."""
    key = torch._C.DispatchKey.CompositeImplicitAutograd
    return torch._C._dispatch_has_kernel_for_dispatch_key(op.name(), key)


def overloads(name):
    """Functional overloads of a row."""
    packet, _, kind = name.partition(".")
    found = getattr(torch.ops.aten, packet)
    ops = [getattr(found, o) for o in ([kind] if kind else found.overloads())]
    known = set(torch._C._dispatch_get_all_op_names())
    return [op for op in ops if not op._schema.is_mutable and op.name() in known]


def ids(call):
    return call.overload


AFFINE = [c for c in CALLS if TABLE[c.row].factors]


def shifted(value, amounts, t):
    """An argument, a tensor or a list of them, moved by t times some amounts."""
    if isinstance(value, list):
        return [v + t * a for v, a in zip(value, amounts, strict=True)]
    return value + t * amounts if isinstance(value, Tensor) else value


def amounts_like(value, size=1.0):
    return [size * r(*v.shape) for v in value] if isinstance(value, list) else size * r(*value.shape)


def affine_in(call: Call, names, size=1.0) -> bool:
    """Whether values along two lines through the arguments lie on lines: f(p + q) − f(p) = f(q) − f(0)."""
    names = [n for n in names if n in call.floating()]
    if not names:
        return True
    return all(on_a_plane(call, names, size) for _ in range(3))


def on_a_plane(call: Call, names, size) -> bool:
    one, two = ({n: amounts_like(call.arguments[n], size) for n in names} for _ in range(2))

    def at(s, t):
        return call.result(
            {n: shifted(shifted(call.arguments[n], one[n], s), two[n], t) for n in names}
        ).double()

    gap = at(1.3, 0.7) - at(1.3, 0) - at(0, 0.7) + at(0, 0)
    return bool((gap.abs() <= tolerance(call) * (1 + at(1.3, 0.7).abs())).all())


def tolerance(call):
    return 1e-5 if call.arguments.get("dtype") is torch.float32 else EXACT


@pytest.mark.parametrize("name", TABLE)
def test_arguments_of_the_table_are_torchs_names(name):
    known = {argument for op in overloads(name) for argument in argument_names(op)}
    assert set(TABLE[name].affine_arguments) <= known


NOT_CALLED = {
    "_conj": "does nothing to real tensors",
    "repeat_interleave": "its recorded overload makes indices of repeats; the rest is written out",
    "div.Scalar_mode": "as div.Tensor_mode",
}


def test_every_recorded_operation_has_a_call():
    recorded = {
        name
        for name, row in TABLE.items()
        if row.kind != "switch" and not all(map(composite, overloads(name)))
    }
    assert sorted(recorded - {c.row for c in CALLS} - NOT_CALLED.keys()) == []


@pytest.mark.parametrize("call", AFFINE, ids=ids)
def test_affine_in_each_group_of_factors_and_not_in_two(call):
    row = TABLE[call.row]
    for group in row.factors:
        assert affine_in(call, [*group, *row.added])
        assert row.is_affine_in([*group, *row.added])
    if len(row.factors) > 1:
        assert not affine_in(call, row.affine_arguments)
        assert not row.is_affine_in(row.affine_arguments)


ALSO_AFFINE = {
    "running_mean": "a batch norm is affine in its mean too; models do not compute it from their input",
    "noise": "the slopes of a randomised ReLU are those of evaluation",
}
"""Argument -> why the table does not say that an operation is affine in it, though it is."""


@pytest.mark.parametrize("call", CALLS, ids=ids)
def test_affine_in_no_other_argument(call):
    row = TABLE[call.row]
    names = call.floating()[:1] if row.kind in ("normalise", "unit") else call.floating()
    for name in set(names) - set(row.affine_arguments) - set(ALSO_AFFINE):
        assert row.pieces == "constant" or call.row == "nan_to_num" or not affine_in(call, [name], 5.0), name


def jacobians(call: Call):
    """Argument -> matrix (results, entries) of its linear part."""
    row = TABLE[call.row]
    for name in row.affine_arguments:
        for k, tensor in enumerate(leaves(Tensor, call.arguments.get(name))):
            if not tensor.is_floating_point():
                continue
            columns = []
            for i in range(tensor.numel()):
                step = torch.zeros_like(tensor).reshape(-1)
                step[i] = 1.0
                value = call.arguments[name]
                moved = tensor + step.reshape(tensor.shape)
                if isinstance(value, list):
                    moved = [moved if j == k else v for j, v in enumerate(value)]
                columns.append((call.result({name: moved}) - call.result()).reshape(-1).double())
            yield name, torch.stack(columns, 1)


def is_move(matrices, tol) -> bool:
    whole = torch.cat([matrix for _, matrix in matrices], 1)
    units = ((whole - 1).abs() < tol) | (whole.abs() < tol)
    return bool(units.all()) and bool((whole.abs() > tol).sum(1).le(1).all())


@pytest.mark.parametrize(
    "call", [c for c in AFFINE if TABLE[c.row].kind in ("move", "sum", "scale", "weights")], ids=ids
)
def test_moves_move_and_sums_add(call):
    """A move has at most one 1 in each row; a sum has weights of one sign per argument and is no move."""
    kind, matrices, tol = TABLE[call.row].kind, list(jacobians(call)), 10 * tolerance(call)
    assert is_move(matrices, tol) == (kind == "move")
    for _, matrix in matrices:
        one_sign = bool((matrix >= -tol).all()) or bool((matrix <= tol).all())
        assert one_sign == (kind != "weights")
    if kind == "scale":
        ((_, matrix),) = matrices
        assert torch.equal(matrix.abs() > tol, torch.eye(len(matrix), dtype=torch.bool))
    if kind == "sum":
        scales = all(
            torch.equal((m.abs() > tol).sum(1), torch.ones(len(m), dtype=torch.int64)) for _, m in matrices
        )
        assert not (scales and len(matrices) == 1) or call.row in ("neg",)


@pytest.mark.parametrize("call", CALLS, ids=ids)
def test_entrywise_operations_work_entry_by_entry(call):
    """Moving one entry of an argument moves no other entry of the result than the one it is broadcast to."""
    own = all(
        not bool((moves_with(call, name, i) & ~reached(call, name, i)).any())
        for name in call.floating()
        for i in range(sum(t.numel() for t in leaves(Tensor, call.arguments[name])))
    )
    assert own == TABLE[call.row].entrywise or call.row in ENTRYWISE_IN_ITS_CALL


ENTRYWISE_IN_ITS_CALL = frozenset(
    "copy expand expand_copy tril triu index_fill mse_loss smooth_l1_loss huber_loss".split()
)
"""Operations that work entry by entry in their call, and not with all arguments; losses may reduce."""


def moves_with(call, name, i):
    """Which entries of the result change with entry i of an argument."""
    after, before = call.result({name: stepped(call.arguments[name], i)}), call.result()
    return (after != before) & ~(after.isnan() & before.isnan())


def stepped(value, i):
    if isinstance(value, list):
        sizes = [0, *torch.tensor([v.numel() for v in value]).cumsum(0).tolist()]
        return [
            stepped(v, i - start) if start <= i < end else v
            for v, start, end in zip(value, sizes, sizes[1:], strict=False)
        ]
    step = torch.zeros_like(value).reshape(-1)
    step[i] = 0.37
    return value + step.reshape(value.shape)


def reached(call, name, i):
    """Which entries of the result an entry of an argument is broadcast to; none where shapes do not fit."""
    base, value = call.result(), call.arguments[name]
    nowhere = torch.zeros(base.shape, dtype=torch.bool)
    if isinstance(value, list):
        return nowhere
    if TABLE[call.row].kind == "batch_norm" and value.dim() == 1:
        value = value[:, None]
    try:
        return (stepped(value, i) != value).expand(base.shape)
    except RuntimeError:
        return nowhere


RESTRICTED = frozenset(
    "log log2 log10 log1p logit sqrt rsqrt reciprocal asin acos atanh erfinv special_erfinv lgamma "
    "special_entr special_erfcx digamma polygamma tan pow xlogy special_xlog1py".split()
)
"""Functions with poles or a bounded domain: looked at inside (0.1, 0.9), acosh above 1."""

UNLIKE_THEIR_CALL = {
    "nan_to_num": "jumps at infinities",
    "mode": "jumps where entries become equal, which lines through random numbers do not meet",
    "atan2": "its branch cut is a convention of the angle, not a kink of a model",
    "scatter_reduce": "bends for maxima and is curved for products",
    **dict.fromkeys(
        ("grid_sampler_2d", "grid_sampler_3d"),
        "curved between pixels; on long lines mostly 0, outside of them",
    ),
}
"""Rows that lines through the arguments of the call do not show, and why."""

FUNCTIONS = ("unit", "pair", "maximum", "order")


def along_lines(call: Call, name: str, step: float, count: int) -> Tensor:
    """Values while an argument runs along straight lines through many of its kinks."""
    value, lines = call.arguments[name], []
    for _ in range(6):
        if call.row in RESTRICTED or call.row == "acosh":
            low = 1.1 if call.row == "acosh" else 0.1
            start, way = low + 0.1 * torch.rand_like(value), 0.6 * torch.rand_like(value) + 0.1
        else:
            start, way = -4 + 0.5 * amounts_like(value), 8 + 3 * amounts_like(value)
        lines.append(
            torch.stack([call.result({name: start + way * (k * step)}).double() for k in range(count)])
        )
    return torch.stack(lines, 1)


def roughness(y: Tensor) -> float:
    """Sum of fourth differences."""
    return float((y[4:] - 4 * y[3:-1] + 6 * y[2:-2] - 4 * y[1:-3] + y[:-4]).abs().sum())


@pytest.mark.parametrize("call", [c for c in CALLS if TABLE[c.row].kind in FUNCTIONS], ids=ids)
def test_operations_bend_and_jump_as_the_table_says(call):
    """With half the step fourth differences add up to 1/8 where smooth, 1/4 or 1/2 at bends, 1 at jumps."""
    row, found, pieces, steps = TABLE[call.row], "", "constant", 384
    if call.row in UNLIKE_THEIR_CALL:
        return
    names = [n for n in call.floating() if n not in (*ALSO_AFFINE, *row.affine_arguments)]
    for name in names[:1] if row.kind == "unit" or call.row in RESTRICTED else names:
        y = along_lines(call, name, 1 / steps, steps + 1)
        scale, fine = float(y.abs().max()), roughness(y)
        ratio = roughness(y[::2]) / fine if fine > 1e-10 * scale else 8.0
        found = max(
            found, "" if ratio > 5.7 else "bend" if ratio > 1.4 else "jump", key=["", "bend", "jump"].index
        )
        flat, straight = (
            (d.abs() <= 1e-12 * scale).double().mean() for d in (y[1:] - y[:-1], y[2:] - 2 * y[1:-1] + y[:-2])
        )
        between = "constant" if flat > 0.9 else "affine" if straight > 0.7 else "curved"
        pieces = max(pieces, between, key=["constant", "affine", "curved"].index)
    assert (found, pieces) == (row.breaks, row.pieces)


def test_variants_by_a_literal_argument():
    x = Ref(0)
    aten = torch.ops.aten

    def kind(op, *args, **kwargs):
        row = operation_of(Node(op, args, kwargs, Ref(1)))
        return row.kind

    assert kind(aten.index_put.default, x, [None, Ref(2)], Ref(3)) == "move"
    assert kind(aten.index_put.default, x, [None, Ref(2)], Ref(3), True) == "sum"
    assert kind(aten.div.Tensor_mode, x, 2.0, rounding_mode=None) == "quotient"
    assert kind(aten.div.Tensor_mode, x, 2.0, rounding_mode="floor") == "pair"
    assert kind(aten._to_copy.default, x, dtype=torch.float32) == "move"
    assert kind(aten._to_copy.default, x, dtype=torch.int64) == "switch"
    norm = (x, None, None, Ref(2), Ref(3))
    assert kind(aten.native_batch_norm.default, *norm, False, 0.1, 1e-5) == "batch_norm"
    assert kind(aten.native_batch_norm.default, *norm, True, 0.1, 1e-5) == "normalise"


@pytest.mark.parametrize(
    "name, moving, choosing, expected",
    [
        ("mul", ["self"], False, "scale"),
        ("mul", ["self", "other"], False, "product"),
        ("mul", ["self"], True, "choice"),
        ("addmm", ["self", "mat1"], False, "weights"),
        ("addmm", ["mat1", "mat2"], False, "matmul"),
        ("div", ["self"], False, "scale"),
        ("div", ["other"], False, "quotient"),
        ("maximum", ["self"], False, "unit"),
        ("maximum", ["self", "other"], False, "maximum"),
        ("pow", ["self"], False, "unit"),
        ("pow", ["self", "exponent"], False, "pair"),
        ("clamp", ["self", "min", "max"], False, None),
        ("gather", ["self"], True, "choice"),
        ("sum", ["self"], False, "sum"),
    ],
)
def test_what_an_operation_is_depends_on_what_moves(name, moving, choosing, expected):
    assert TABLE[name].kind_in_use(moving, choosing) == expected


def test_an_implementation_of_an_unknown_operation_is_refused():
    with pytest.raises(UnknownOperationError, match="my engine implements no_such_operation"):
        check("my engine", "no_such_operation")
    with pytest.raises(UnknownOperationError, match="add a row"):
        implementations("my engine", {"relu": 1, "no_such_operation": 2})
    assert implementations("my engine", {"relu": 1, "add.Tensor": 2}) == {"relu": 1, "add.Tensor": 2}


def test_curved_functions_are_named_as_users_call_them():
    assert {"gelu", "softmax", "layer_norm", "lstm"} <= CURVED_FUNCTIONS
    assert CURVED_FUNCTIONS.isdisjoint({"relu", "clamp", "pow", "max", "linear", "prod"})
