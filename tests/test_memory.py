"""The memory a computation may plan with never exceeds the machine's, nor a container's."""

import pathlib

import pytest

from taylorattr import memory


def test_half_of_what_is_free():
    assert 0 < memory.available() < 2**45


@pytest.mark.parametrize(("limit", "used", "expected"), [("1000000", "200000", 400_000), ("1000", "2000", 0)])
def test_a_container_limit_counts(monkeypatch, limit, used, expected):
    files = {"memory.max": limit, "memory.current": used}
    monkeypatch.setattr(pathlib.Path, "read_text", lambda path, **_: files[path.name])
    assert memory.available() == expected


def test_no_limit(monkeypatch):
    files = {"memory.max": "max", "memory.current": "5"}
    monkeypatch.setattr(pathlib.Path, "read_text", lambda path, **_: files[path.name])
    monkeypatch.setattr(memory, "_free", lambda: 3000)
    assert memory.available() == 1500
