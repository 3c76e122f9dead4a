import os

import pytest

from taylorattr.atomic import replacing


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / "result.json"
    for content in (b"first", b"second"):
        with replacing(path) as file:
            file.write(content)
        assert path.read_bytes() == content
    assert os.listdir(tmp_path) == ["result.json"]


@pytest.mark.parametrize("failure", (ValueError, KeyboardInterrupt))
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, failure):
    path = tmp_path / "result.json"
    path.write_bytes(b"old")
    with pytest.raises(failure), replacing(path) as file:
        file.write(b"half of the n")
        raise failure
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["result.json"]


def test_the_file_has_ordinary_permissions(tmp_path):
    with replacing(tmp_path / "a") as file:
        file.write(b"x")
    (tmp_path / "b").write_bytes(b"x")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_a_place_that_takes_no_file_is_named(tmp_path):
    path = tmp_path / "absent" / "result.json"
    with pytest.raises(FileNotFoundError) as caught, replacing(path):
        pass
    assert caught.value.filename == str(path)
