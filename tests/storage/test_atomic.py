"""Files are complete or not there, on whatever file system and under whatever name."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import textwrap
import time
from functools import partial
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr

from ptyxr.errors import ExistingFileError, MissingFileError, PtyxrError
from ptyxr.storage.atomic import atomic_path
from ptyxr.storage.debris import ABANDONED_S, temporary_name
from ptyxr.storage.hdf5_writer import Plan, check_hdf5, write_hdf5
from ptyxr.storage.npz_writer import check_npz, write_npz


def write(path, mode="w", content=b"new"):
    with atomic_path(path, mode=mode) as temporary:
        temporary.write_bytes(content)
    return path


@pytest.mark.parametrize("name", ["a" * 300, "a\0b", "folder\0/a"])
@pytest.mark.parametrize("mode", ["w", "x"])
def test_names_that_no_file_can_have(tmp_path, name, mode):
    with pytest.raises(PtyxrError, match="no file can be written here"):
        write(tmp_path / name, mode)


@pytest.mark.parametrize("name", ["a" * 255, "é" * 127])
def test_names_that_are_as_long_as_can_be(tmp_path, name):
    assert write(tmp_path / name).read_bytes() == b"new"
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.fixture(params=[True, False], ids=["links", "no links"])
def links(request, monkeypatch):
    if not request.param:

        def refused(*args, **kwargs):
            raise PermissionError(1, "Operation not permitted")

        monkeypatch.setattr(os, "link", refused)


def test_what_exists_is_refused(tmp_path, links):
    path = write(tmp_path / "file", "x")
    with pytest.raises(ExistingFileError, match="the file exists"):
        write(path, "x")
    with pytest.raises(MissingFileError, match="folder"):
        write(tmp_path / "none" / "file", "x")
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def test_what_another_process_made_meanwhile_is_left(tmp_path, links):
    path = tmp_path / "file"

    def overtaken():
        with atomic_path(path, mode="x") as temporary:
            temporary.write_bytes(b"new")
            path.write_bytes(b"theirs")

    with pytest.raises(ExistingFileError):
        overtaken()
    assert path.read_bytes() == b"theirs"
    assert list(tmp_path.iterdir()) == [path]


def test_a_claim_that_comes_to_nothing_is_taken_back(tmp_path, links, monkeypatch):
    def refused(*args):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "replace", refused)
    monkeypatch.setattr(os, "link", refused)
    with pytest.raises(PtyxrError, match="Input/output"):
        write(tmp_path / "file", "x")
    assert not list(Path(tmp_path).iterdir())


def unprivileged(code: str, *arguments: object) -> str:
    """Run code as a user whom permissions bind, and return what it prints."""
    drop = "import os; os.getuid() or (os.setgroups([]), os.setgid(65534), os.setuid(65534))\n"
    command = [sys.executable, "-c", "import ptyxr.storage.atomic\n" + drop + textwrap.dedent(code)]
    ran = subprocess.run(
        [*command, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


WRITE = """
    import sys
    from pathlib import Path
    from ptyxr.errors import PtyxrError
    from ptyxr.storage.atomic import atomic_path
    try:
        with atomic_path(Path(sys.argv[1])) as temporary:
            temporary.write_bytes(b"new")
    except PtyxrError as error:
        print(error)
"""


@pytest.fixture
def shared(tmp_path):
    """A folder that every user reaches, which pytest's own are not."""
    import tempfile

    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o777)
        yield Path(place)


def test_a_folder_without_write_permission(shared):
    target = shared / "folder" / "file"
    target.parent.mkdir()
    target.write_bytes(b"old")
    target.chmod(0o666)
    target.parent.chmod(0o555)
    said = unprivileged(WRITE, target)
    assert str(target) in said
    assert "you may not write in this folder" in said
    assert "the old file is as it was" in said
    assert target.read_bytes() == b"old"
    assert list(target.parent.iterdir()) == [target]


def test_a_file_that_is_write_protected_is_not_replaced(shared):
    target = shared / "file"
    target.write_bytes(b"old")
    target.chmod(0o444)
    assert "the file is write-protected" in unprivileged(WRITE, target)
    assert target.read_bytes() == b"old"


@pytest.mark.parametrize("mode", ["w", "x"])
def test_what_is_no_file_is_not_replaced(tmp_path, mode):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    (tmp_path / "folder link").symlink_to(tmp_path / "folder")
    before = {path.name: stat.S_IFMT(path.lstat().st_mode) for path in tmp_path.iterdir()}
    for name in before:
        with pytest.raises(PtyxrError) as caught:
            write(tmp_path / name, mode)
        assert caught.value.file == str(tmp_path / name)
    assert {path.name: stat.S_IFMT(path.lstat().st_mode) for path in tmp_path.iterdir()} == before


def test_links_stay_and_what_they_lead_to_is_written(tmp_path):
    (tmp_path / "there").write_bytes(b"old")
    for name in ("there", "nothing yet"):
        link = tmp_path / f"link to {name}"
        link.symlink_to(tmp_path / name)
        write(link)
        assert link.is_symlink()
        assert (tmp_path / name).read_bytes() == b"new"
    lost = tmp_path / "link to no folder"
    lost.symlink_to(tmp_path / "none" / "file")
    with pytest.raises(MissingFileError, match="folder does not exist"):
        write(lost)
    assert lost.is_symlink()


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o444])
def test_permissions_are_kept(tmp_path, mode):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(mode)
    try:
        os.setxattr(path, "user.sample", b"gold")
    except OSError:
        marked = False
    else:
        marked = True
    if not os.access(path, os.W_OK):
        pytest.skip("a write-protected file is not replaced")
    with atomic_path(path) as temporary:
        # Not even in between is it open to others.
        assert stat.S_IMODE(temporary.stat().st_mode) & ~mode & 0o077 == 0
        temporary.write_bytes(b"new")
    assert stat.S_IMODE(path.stat().st_mode) == mode
    if marked:
        assert "user.sample" not in os.listxattr(path), "it describes the old bytes"


def test_a_new_file_has_the_permissions_that_new_files_have(tmp_path):
    (tmp_path / "usual").write_bytes(b"")
    path = write(tmp_path / "file")
    assert path.stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_what_a_killed_process_left_is_removed_by_the_next_write(tmp_path):
    code = """
        import os, signal, sys
        from pathlib import Path
        from ptyxr.storage.atomic import atomic_path
        with atomic_path(Path(sys.argv[1])) as temporary:
            temporary.write_bytes(b"half")
            os.kill(os.getpid(), signal.SIGKILL)
    """
    target = tmp_path / "file"
    command = [sys.executable, "-c", textwrap.dedent(code), str(target)]
    assert subprocess.run(command, check=False).returncode == -9
    (left,) = tmp_path.iterdir()
    write(tmp_path / "other")
    assert left.exists(), "of another target"
    write(target)
    assert {path.name for path in tmp_path.iterdir()} == {"file", "other"}


def test_what_others_are_writing_is_left_to_them(tmp_path):
    target = tmp_path / "file"
    with atomic_path(target) as mine:
        theirs = temporary_name(target)  # of a process that lives: this one's parent
        theirs = theirs.with_name(theirs.name.replace(f"-{os.getpid()}-", f"-{os.getppid()}-"))
        theirs.write_bytes(b"half")
        elsewhere = tmp_path / ".file.00000000-1-00000000.ptyxr-tmp"
        elsewhere.write_bytes(b"half")
        write(target)
        assert mine.exists()
        assert theirs.exists()
        assert elsewhere.exists()
        mine.write_bytes(b"newer")
    assert target.read_bytes() == b"newer"
    long_ago = time.time() - ABANDONED_S - 60
    os.utime(elsewhere, (long_ago, long_ago))
    write(target)
    assert not elsewhere.exists()
    assert theirs.exists()


@pytest.mark.parametrize("damage", ["cut", "array", "empty"])
def test_a_file_that_was_not_written_whole_replaces_nothing(tmp_path, damage):
    target = tmp_path / "file.h5"
    target.write_bytes(b"old")
    plan = Plan(attrs={"name": "a"})
    plan.array("object", np.ones((64, 64)), unit="1")

    def spoiled():
        with atomic_path(target, check=partial(check_hdf5, plan=plan)) as temporary:
            write_hdf5(temporary, plan)
            if damage == "cut":
                os.truncate(temporary, temporary.stat().st_size - 100)
            elif damage == "empty":
                os.truncate(temporary, 0)
            else:
                with h5py.File(temporary, "r+") as file:
                    del file["object"]

    with pytest.raises(PtyxrError, match="not written whole, and was thrown away") as caught:
        spoiled()
    assert caught.value.file == str(target)
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_an_npz_that_was_not_written_whole_replaces_nothing(tmp_path):
    target = tmp_path / "file.npz"
    target.write_bytes(b"old")
    members = {"xcoords": xr.Variable("position", np.arange(9.0))}

    def spoiled():
        with atomic_path(target, check=partial(check_npz, members=members)) as temporary:
            write_npz(temporary, {})

    with pytest.raises(PtyxrError, match="not written whole"):
        spoiled()
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]
