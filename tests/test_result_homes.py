"""A file holds any result, also of a package that this process has not imported."""

import importlib
import pkgutil
import subprocess
import sys

import pytest
import torch

import taylorattr as ta
from taylorattr.effects.result import HOMES, RESULTS

FRESH = (
    "import sys, taylorattr as ta\n"
    "assert 'sympy' not in sys.modules and 'taylorattr.criteria' not in sys.modules\n"
    "for path in sys.argv[1:]: print(type(ta.Result.load(path)).__name__)\n"
)


def in_a_new_process(code, *arguments):
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()


@pytest.fixture(scope="module")
def kept():
    """One result of each package that is imported late."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Tanh(), torch.nn.Linear(3, 1)).eval()
    x = torch.rand(1, 2)
    return [
        ta.reformulate("shapley", model, x),
        ta.check("shapley"),
        ta.audit("occlusion_1", model, x),
    ]


def test_a_new_process_reads_what_another_wrote(kept, tmp_path):
    paths = [
        result.save(tmp_path / f"{place}{suffix}")
        for suffix in (".json", ".npz")
        for place, result in enumerate(kept)
    ]
    assert in_a_new_process(FRESH, *paths) == [type(result).__name__ for result in kept] * 2


def test_every_result_is_known_where_it_is_defined():
    for found in pkgutil.walk_packages(ta.__path__, "taylorattr."):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)
    at_once = in_a_new_process("import taylorattr.effects.result as r; print(*r.RESULTS)")
    late = {name: cls.__module__ for name, cls in RESULTS.items() if name not in at_once}
    late = {name: module for name, module in late.items() if module.startswith("taylorattr.")}
    assert late == dict(HOMES)


def test_a_name_in_a_file_is_never_taken_for_a_module(tmp_path):
    data = {"format": "taylorattr-result", "version": 1, "type": "taylorattr.html", "fields": {}}
    with pytest.raises(ta.errors.FormatError, match="no result is called 'taylorattr.html'"):
        ta.Result.from_dict(data)
