"""What --model and --weights accept, and what each says when it cannot."""

import sys
import warnings

import pytest
import torch
from torch import nn

import taylorattr as ta
from taylorattr.cli import model_files
from taylorattr.errors import FormatError, OptionError, TaylorAttrWarning


@pytest.fixture
def nets(tmp_path, monkeypatch):
    (tmp_path / "some_nets.py").write_text(
        "import torch\n"
        "net = torch.nn.Linear(3, 1)\n"
        "def make(): return torch.nn.Linear(3, 2)\n"
        "class Net(torch.nn.Module):\n"
        "    def forward(self, x): return x.sum(1)\n"
        "def function(x): return (x ** 2).sum(1)\n"
        "number = 3\n"
        "def makes_nothing(): return 3\n"
        "def breaks(): raise KeyError('weights')\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield
    sys.modules.pop("some_nets", None)


@pytest.mark.parametrize("name", ["net", "make", "Net"])
def test_modules_and_factories_in_the_current_directory(nets, name):
    made = model_files.load(f"some_nets:{name}")
    assert isinstance(made, nn.Module)
    assert not made.training


def test_a_function_of_the_inputs_is_the_model(nets):
    assert model_files.load("some_nets:function")(torch.ones(2, 3)).tolist() == [3.0, 3.0]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("some_nets", "neither package.module:factory nor an existing .pt2 file"),
        ("some_nets:absent", "has no attribute 'absent'"),
        ("no_such_module:x", "No module named 'no_such_module'"),
        ("some_nets:number", "expected a model or a factory, got int"),
        ("some_nets:makes_nothing", "the factory returned int"),
        ("some_nets:breaks", "the factory raised KeyError: 'weights'"),
    ],
)
def test_names_that_are_no_model(nets, spec, message):
    with pytest.raises(OptionError, match=message):
        model_files.load(spec)


def test_weights_are_loaded_safely(nets, tmp_path):
    torch.save({"weight": torch.ones(2, 3), "bias": torch.zeros(2)}, tmp_path / "w.pt")
    made = model_files.load("some_nets:make", str(tmp_path / "w.pt"))
    assert made(torch.ones(1, 3)).tolist() == [[3.0, 3.0]]
    with pytest.raises(FormatError, match="does not fit the model"):
        model_files.load("some_nets:net", str(tmp_path / "w.pt"))
    (tmp_path / "junk.pt").write_bytes(b"junk")
    with pytest.raises(FormatError, match="not a state dict that loads safely"):
        model_files.load("some_nets:make", str(tmp_path / "junk.pt"))


@pytest.mark.parametrize("fixed", [True, False])
def test_an_exported_program_is_analysed_like_its_model(tmp_path, fixed):
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).eval()
    batch = None if fixed else ({0: torch.export.Dim("batch", min=1, max=4096)},)
    path = str(tmp_path / "net.pt2")
    torch.export.save(torch.export.export(net, (torch.zeros(4, 3),), dynamic_shapes=batch), path)
    x = torch.randn(7, 3, generator=torch.Generator().manual_seed(0))
    with warnings.catch_warnings():
        warnings.simplefilter("error", TaylorAttrWarning)  # its mode is built in: nothing to warn of
        found, expected = (ta.harsanyi(m, x, target=1).values for m in (model_files.load(path), net))
    assert torch.allclose(found, expected, atol=1e-6)  # the program keeps the model's float32 constants


def test_a_damaged_exported_program(tmp_path):
    (tmp_path / "net.pt2").write_bytes(b"junk")
    with pytest.raises(FormatError, match="not a torch.export program"):
        model_files.load(str(tmp_path / "net.pt2"))
