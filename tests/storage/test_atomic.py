"""Files are complete or not there, on whatever file system and under whatever name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ptyxr.errors import ExistingFileError, MissingFileError, PtyxrError
from ptyxr.storage.atomic import atomic_path


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
