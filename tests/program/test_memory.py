import itertools

import pytest
import torch

from taylorattr.program.memory import overlap, written_places

BASE = torch.arange(24.0).reshape(4, 6)

VIEWS = {
    "all": BASE,
    "row": BASE[1],
    "column": BASE[:, 2],
    "even columns": BASE[:, ::2],
    "odd columns": BASE[:, 1::2],
    "transposed": BASE.t(),
    "lower rows": BASE[2:],
    "one": BASE[3, 5],
    "nothing": BASE[:0],
    "expanded": BASE[0].expand(3, 6),
}


@pytest.mark.parametrize("a, b", list(itertools.product(VIEWS, VIEWS)))
def test_overlap_is_sharing_an_element(a, b):
    """The entries of BASE are its offsets, so shared elements are equal numbers."""
    shared = set(VIEWS[a].flatten().tolist()) & set(VIEWS[b].flatten().tolist())
    assert overlap(VIEWS[a], VIEWS[b]) == bool(shared)


READABLE = [name for name in VIEWS if name != "nothing"]
WRITABLE = [name for name in READABLE if name != "expanded"]


@pytest.mark.parametrize("read, written", list(itertools.product(READABLE, WRITABLE)))
def test_places_find_what_a_write_left(read, written):
    memory = BASE.clone()

    def view(name):
        return memory.as_strided(VIEWS[name].shape, VIEWS[name].stride(), VIEWS[name].storage_offset())

    old = view(read).flatten().clone()
    view(written).add_(100).mul_(-1)
    ends = torch.cat([old, view(written).flatten()])
    assert torch.equal(ends[written_places(VIEWS[read], VIEWS[written])], view(read).flatten())


def test_views_of_another_element_size_count_as_overlapping():
    x = torch.zeros(4)
    assert overlap(x, x.view(torch.int16))
