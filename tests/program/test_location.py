import functools

import pytest
import torch
from torch import nn

from taylorattr.program.location import ModulePath, source_line


def test_the_innermost_line_of_the_user():
    assert source_line().endswith(
        f"test_location.py:{test_the_innermost_line_of_the_user.__code__.co_firstlineno + 1}"
    )


def test_frames_of_the_standard_library_are_passed_over():
    line = test_frames_of_the_standard_library_are_passed_over.__code__.co_firstlineno + 2
    assert functools.reduce(lambda a, b: source_line(), [1, 2]).endswith(f":{line}")


class Watching(nn.Module):
    def __init__(self, path, seen):
        super().__init__()
        self.path, self.seen = path, seen

    def forward(self, x):
        self.seen.append(self.path.current)
        return x


def test_the_path_follows_nested_and_repeated_modules():
    path, seen = ModulePath(), []
    leaf = Watching(path, seen)
    model = nn.Sequential(nn.Sequential(leaf), Watching(path, seen), leaf)
    with path.following(model):
        model(torch.ones(1))
        assert path.current == ""
    assert seen == ["0.0", "1", "0.0"]


def test_hooks_leave_after_an_exception_inside_the_model():
    class Failing(nn.Module):
        def forward(self, x):
            raise KeyboardInterrupt

    path, model = ModulePath(), nn.Sequential(nn.Linear(1, 1), Failing())
    with pytest.raises(KeyboardInterrupt), path.following(model):
        model(torch.ones(1, 1))
    assert path.current == ""
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def test_scripted_modules_are_located_at_their_parent():
    path = ModulePath()
    model = nn.Sequential(torch.jit.script(nn.Linear(1, 1)))
    with path.following(model):
        model(torch.ones(1, 1))
    assert path.current == ""
