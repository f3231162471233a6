"""Files are written as a whole or not at all."""

import os
import stat

import pytest

from mini_http.opener.whole_file import write_whole

pytestmark = pytest.mark.usefixtures("no_leaked_descriptors")


def test_a_file_is_written_for_its_owner_alone(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(0o644)
    write_whole(str(path), b"new")
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["file"]


def test_a_link_is_followed(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "file")
    write_whole(str(tmp_path / "link"), b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_bytes() == b"new"


def test_what_can_not_be_put_in_place_leaves_nothing_behind(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(OSError, match="folder"):
        write_whole(str(folder), b"new")
    assert os.listdir(tmp_path) == ["folder"]
