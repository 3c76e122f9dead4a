"""A fitted object in a file: read back to the bit, for its own model only, and never run."""

import json

import numpy as np
import pytest
import torch

import taylorattr as ta
from taylorattr.errors import FileError, NotFittedError, OptionError
from taylorattr.files import read_arrays
from taylorattr.methods.extra.mip_in.files import HEADER
from tests.methods.extra.mip_in.networks import Modules, Residual, images, seeded

pytestmark = pytest.mark.filterwarnings("ignore::taylorattr.errors.ConvergenceWarning")


def saved(path, make=Modules, **options) -> ta.MIPIN:
    mip = ta.MIPIN(seeded(make), top="logits", steps=10, **options).fit(images(30))
    assert mip.save(path) == path
    return mip


@pytest.mark.parametrize(
    ("make", "options"),
    [
        (Modules, {}),
        (Modules, {"bias": True, "local": False, "pool": "upsample", "max_samples": 20, "seed": 4}),
        (Residual, {"layer": "block"}),
    ],
)
def test_what_is_read_is_what_was_written(tmp_path, make, options: dict):
    mip, x = saved(tmp_path / "f.npz", make, **options), images(3, seed=1)
    again = ta.MIPIN.load(tmp_path / "f.npz", seeded(make))
    for read in ("attribution", "contrast", "source_signal", "distractor"):
        assert torch.equal(again.read_out(read, x), mip.read_out(read, x))
    assert again.layer_errors == mip.layer_errors
    assert (again.samples, again.bias, again.seed) == (mip.samples, mip.bias, mip.seed)
    again.save(tmp_path / "g.npz")
    for name, array in read_arrays(tmp_path / "f.npz").items():
        assert (read_arrays(tmp_path / "g.npz")[name] == array).all()


def test_a_layer_given_as_a_module_is_kept_by_its_path(tmp_path):
    model = seeded(Residual)
    ta.MIPIN(model, layer=model.block, steps=10).fit(images(30)).save(tmp_path / "f.npz")
    assert ta.MIPIN.load(tmp_path / "f.npz", model).layer == "block"


def test_nothing_unfitted_is_written(tmp_path):
    with pytest.raises(NotFittedError):
        ta.MIPIN(seeded(Modules)).save(tmp_path / "f.npz")
    with pytest.raises(OptionError, match=r"kept as \.npz"):
        saved(tmp_path / "f.json")


def test_another_model_is_refused_and_so_is_one_trained_further(tmp_path):
    saved(tmp_path / "f.npz")
    further = seeded(Modules)
    with torch.no_grad():
        further.d.bias += 1e-6
    for model in (seeded(Modules, seed=1), further):
        with pytest.raises(FileError, match=r"f\.npz was fitted to another model"):
            ta.MIPIN.load(tmp_path / "f.npz", model)
    with pytest.raises(FileError, match=r"f\.npz: MIP-IN cannot invert"):
        ta.MIPIN.load(tmp_path / "f.npz", seeded(Residual))


def rewritten(path, change) -> None:
    """Write the file again after `change(header, arrays)`."""
    arrays = read_arrays(path)
    header = json.loads(bytes(arrays.pop(HEADER)).decode())
    change(header, arrays)
    text = json.dumps(header).encode()
    np.savez(path, **arrays, **{HEADER: np.frombuffer(text, dtype=np.uint8)})


@pytest.mark.parametrize(
    "change",
    [
        lambda header, arrays: header.update(format="another"),
        lambda header, arrays: header.update(version=2),
        lambda header, arrays: header.pop("fingerprint"),
        lambda header, arrays: header.update(input_shape=[10**9, 10**9]),
        lambda header, arrays: header.update(input_shape=[1, -9, 11]),
        lambda header, arrays: header.update(input_shape="1"),
        lambda header, arrays: header["settings"].update(top="of the world"),
        lambda header, arrays: header["settings"].update(model="os:system"),
        lambda header, arrays: header["settings"].pop("bias"),
        lambda header, arrays: header.update(settings=[]),
        lambda header, arrays: header.update(errors={"a": "small"}),
        lambda header, arrays: header.update(samples="many"),
        lambda header, arrays: arrays.pop("weight0"),
        lambda header, arrays: arrays.update(weight0=arrays["weight0"][:1]),
        lambda header, arrays: arrays.update(weight0=arrays["weight0"].astype(np.float32)),
        lambda header, arrays: arrays.update(weight0=arrays["weight0"] * np.nan),
        lambda header, arrays: arrays.update(weight99=np.zeros(1)),
    ],
)
def test_a_damaged_file_is_an_error_with_its_path(tmp_path, change):
    path = tmp_path / "f.npz"
    saved(path)
    rewritten(path, change)
    with pytest.raises(FileError, match=r"f\.npz"):
        ta.MIPIN.load(path, seeded(Modules))


def test_objects_and_other_files_are_not_read(tmp_path):
    path = tmp_path / "f.npz"
    np.savez(path, weight0=np.array([print], dtype=object))
    with pytest.raises(FileError, match="plain numbers"):
        ta.MIPIN.load(path, seeded(Modules))
    path.write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(FileError, match=r"f\.npz"):
        ta.MIPIN.load(path, seeded(Modules))
    with pytest.raises(FileNotFoundError):
        ta.MIPIN.load(tmp_path / "none.npz", seeded(Modules))
