"""What --data, --rows, --drop, --baseline and --names accept, and what each says when it cannot."""

import json

import numpy as np
import pytest
import torch

from taylorattr.cli import data as data_files
from taylorattr.errors import DtypeError, FormatError, OptionError


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("radius,texture,label\n1.5,2,benign\n3,-4e-1,malignant\n")
    return str(path)


def test_csv_with_a_header_gives_numbers_and_names(table):
    read = data_files.load(table, ["label"])
    assert read.names == ("radius", "texture")
    assert torch.equal(read.tensors[0], torch.tensor([[1.5, 2.0], [3.0, -0.4]]))


def test_csv_without_a_header_has_no_names(tmp_path):
    (tmp_path / "x.csv").write_text("1,2\n3,4\n")
    read = data_files.load(str(tmp_path / "x.csv"))
    assert read.names is None
    assert read.tensors[0].tolist() == [[1.0, 2.0], [3.0, 4.0]]


@pytest.mark.parametrize(
    ("content", "drop", "message"),
    [
        ("a,b\n1,x\n", [], r"'x' at line 2, column b is not a number; leave the column out with --drop"),
        ("a,b,a\n1,2,3\n", ["a"], r"--drop 'a': columns 1, 3 of .* are all called so"),
        ("a,b\n1,2\n3\n", [], "line 3 has 1 cells, the first has 2"),
        ("", [], "the file is empty"),
        ("a,b\n1,2\n", ["c"], r"'c': the columns of .* are a, b"),
        ("1,2\n", ["c"], "needs a header"),
    ],
)
def test_a_bad_csv_says_what_and_where(tmp_path, content, drop, message):
    (tmp_path / "x.csv").write_text(content)
    with pytest.raises((FormatError, OptionError), match=message):
        data_files.load(str(tmp_path / "x.csv"), drop)


def test_npy_keeps_integers_and_reads_floats_as_float32(tmp_path):
    np.save(tmp_path / "ids.npy", np.array([[3, 7]], dtype=np.int32))
    np.save(tmp_path / "x.npy", np.array([[0.5, 0.25]]))
    assert data_files.load(str(tmp_path / "ids.npy")).tensors[0].dtype is torch.int64
    assert data_files.load(str(tmp_path / "x.npy")).tensors[0].dtype is torch.float32


def test_npz_arrays_are_the_inputs_in_order(tmp_path):
    np.savez(tmp_path / "two.npz", image=np.zeros((3, 2, 2)), age=np.ones((3, 1)))
    read = data_files.load(str(tmp_path / "two.npz"))
    assert [tuple(t.shape) for t in read.tensors] == [(3, 2, 2), (3, 1)]


def test_npz_arrays_of_different_length_are_refused(tmp_path):
    np.savez(tmp_path / "two.npz", a=np.zeros((3, 2)), b=np.ones((4, 1)))
    with pytest.raises(FormatError, match=r"same number of rows, got shapes \[\(3, 2\), \(4, 1\)\]"):
        data_files.load(str(tmp_path / "two.npz"))


def test_a_pickled_array_is_not_executed(tmp_path):
    np.save(tmp_path / "x.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(FormatError, match="not a readable .npy file of plain numbers"):
        data_files.load(str(tmp_path / "x.npy"))


def test_missing_and_foreign_files(tmp_path):
    with pytest.raises(FormatError, match="there is no such file"):
        data_files.load(str(tmp_path / "none.npy"))
    (tmp_path / "x.txt").write_text("1")
    with pytest.raises(FormatError, match=r"\.txt is not \.npy, \.npz or \.csv"):
        data_files.load(str(tmp_path / "x.txt"))
    with pytest.raises(OptionError, match="not one of the bundled sets"):
        data_files.load("sklearn:mnist")


def test_bundled_digits_are_images_in_the_unit_interval():
    read = data_files.load("sklearn:digits")
    assert read.tensors[0].shape == (1797, 1, 8, 8)
    assert (read.tensors[0].min(), read.tensors[0].max()) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("spec", "expected"), [("1", [1]), ("1:3", [1, 2]), ("3:", [3, 4]), (":2", [0, 1]), ("-1", [4])]
)
def test_rows(spec, expected):
    read = data_files.Data((torch.arange(5.0),)).rows(spec)
    assert read.tensors[0].tolist() == expected


@pytest.mark.parametrize(
    ("spec", "message"), [("a:b", "is not of the form"), ("9", "selects none of the 5 rows")]
)
def test_rows_that_cannot_be(spec, message):
    with pytest.raises(OptionError, match=message):
        data_files.Data((torch.arange(5.0),)).rows(spec)


def test_standardized_columns_have_mean_zero_and_deviation_one_and_constants_vanish():
    x = torch.tensor([[1.0, 5.0], [3.0, 5.0], [8.0, 5.0]])
    z = data_files.Data((x,)).standardized().tensors[0]
    assert z.mean(0).tolist() == pytest.approx([0.0, 0.0], abs=1e-6)
    assert z[:, 0].std(correction=0) == pytest.approx(1.0, abs=1e-6)
    assert (z[:, 1] == 0).all()


def test_baselines(tmp_path):
    table = data_files.Data((torch.tensor([[1.0, 5.0], [3.0, 7.0]]),))
    assert data_files.baseline("zeros", table) is None
    assert data_files.baseline("0.5", table) == 0.5
    assert data_files.baseline("3", table) == 3
    mean = data_files.baseline("mean", table)
    assert isinstance(mean, tuple)
    assert mean[0].tolist() == [[2.0, 6.0]]
    with pytest.raises(OptionError, match="'average' is not zeros, mean, a number"):
        data_files.baseline("average", table)
    with pytest.raises(DtypeError, match="give an integer baseline"):
        data_files.baseline("mean", data_files.Data((torch.tensor([[1, 2]]),)))


def test_names(tmp_path):
    (tmp_path / "n.txt").write_text("a\n b \n\n")
    (tmp_path / "n.json").write_text(json.dumps(["α", "b c"]))
    (tmp_path / "bad.json").write_text('{"a": 1}')
    assert data_files.names(str(tmp_path / "n.txt")) == ("a", "b")
    assert data_files.names(str(tmp_path / "n.json")) == ("α", "b c")
    with pytest.raises(FormatError, match="expected a JSON list of strings"):
        data_files.names(str(tmp_path / "bad.json"))


def test_a_byte_order_mark_is_no_part_of_the_first_cell(tmp_path):
    path = tmp_path / "marked.csv"
    path.write_bytes(b"\xef\xbb\xbf1,2\r\n3,4\r\n")
    assert data_files.load(str(path)).tensors[0].tolist() == [[1.0, 2.0], [3.0, 4.0]]
    path.write_bytes(b"\xef\xbb\xbfa,b\r\n3,4\r\n")
    assert data_files.load(str(path)).names == ("a", "b")
