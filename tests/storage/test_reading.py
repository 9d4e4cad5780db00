"""What can be no file, leads out of one, or is gone meanwhile; and lazy data at odd places."""

from __future__ import annotations

import io
import zipfile

import h5py
import numpy as np
import pytest
import xarray as xr

from ptyxr.errors import ExternalDataError, FormatError, InvalidDataError, PtyxrError
from ptyxr.storage.arrays import MemoryArray, ViewArray, lazy
from ptyxr.storage.files import clean_text
from ptyxr.storage.hdf5 import HDF5File
from ptyxr.storage.npz import NpzFile


@pytest.mark.parametrize("opened", [HDF5File, NpzFile])
@pytest.mark.parametrize("source", [None, 5, [1], {}, "a\0b", io.StringIO("text")])
def test_what_can_be_no_file(opened, source):
    with pytest.raises(PtyxrError):
        opened(source)


@pytest.mark.parametrize("opened", [HDF5File, NpzFile])
def test_a_folder(opened, tmp_path):
    with pytest.raises(FormatError, match="this is a folder"):
        opened(tmp_path)


@pytest.mark.parametrize("engine", ["ptychodus", "ptychopinn"])
@pytest.mark.parametrize("source", [5, [1], "a\0b"])
def test_what_an_engine_can_not_open(engine, source):
    with pytest.raises(PtyxrError):
        xr.open_dataset(source, engine=engine)


# Lazy data


@pytest.mark.parametrize("key", [
    {"a": slice(None, 0, -3)},
    {"a": slice(None, 0, -3), "c": -1},
    {"b": slice(2, 2, -1), "c": slice(None, None, -2)},
    {"b": slice(5, 0, 1)},
    {"b": []},
    {"b": [], "c": [2, 0, 2], "a": 0},
    {"a": slice(0, 5, -1), "b": xr.Variable("z", [0, 2]), "c": xr.Variable("z", [3, 1])},
])  # fmt: skip
@pytest.mark.parametrize("stored", ["hdf5", "stored", "deflated", "view", "memory"])
def test_empty_selections(tmp_path, stored, key):
    values = np.arange(12.0).reshape(1, 3, 4)
    if stored == "hdf5":
        with h5py.File(tmp_path / "a.h5", "w") as file:
            file["v"] = values
        array = HDF5File(tmp_path / "a.h5").group().arrays["v"]
    elif stored in {"stored", "deflated"}:
        (np.savez if stored == "stored" else np.savez_compressed)(tmp_path / "a.npz", v=values)
        array = NpzFile(tmp_path / "a.npz").arrays["v"]
    elif stored == "view":
        array = ViewArray(MemoryArray(values.transpose(2, 0, 1)), (1, 2, 0))
    else:
        array = MemoryArray(values)
    found = xr.Variable(("a", "b", "c"), lazy(array)).isel(key)
    expected = xr.Variable(("a", "b", "c"), values).isel(key)
    assert found.dims == expected.dims
    np.testing.assert_array_equal(found.values, expected.values)
    assert found.dtype == expected.dtype


def test_a_file_object_that_was_closed(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["v"] = np.arange(1e5)
    with (tmp_path / "a.h5").open("rb") as source:
        array = HDF5File(source).group().arrays["v"]
    with pytest.raises(PtyxrError, match=r"a\.h5"):
        array.read()


# Links


def soft(file, there):
    file["bridge"] = there
    file["v"] = h5py.SoftLink("/bridge")


def inside(file, there):
    file["g/bridge"] = h5py.ExternalLink(there.filename, "/")
    file["v"] = h5py.SoftLink("/g/./bridge" + there.path)


def twice(file, there):
    file["g/way"] = there
    file["g/more"] = h5py.SoftLink("way")
    file["v"] = h5py.SoftLink("g/more")


@pytest.mark.parametrize("make", [soft, inside, twice])
@pytest.mark.parametrize("what", ["/data", "/group", "/nowhere"])
@pytest.mark.parametrize("exists", [True, False])
def test_soft_links_through_external_ones(tmp_path, monkeypatch, make, what, exists):
    if exists:
        with h5py.File(tmp_path / "other.h5", "w") as file:
            file["data"] = [1.0]
            file["group/data"] = [1.0]
    with h5py.File(tmp_path / "a.h5", "w") as file:
        make(file, h5py.ExternalLink(str(tmp_path / "other.h5"), what))
    opened = HDF5File(tmp_path / "a.h5")
    group = opened.group()
    assert isinstance(group.bad["v"], ExternalDataError)
    assert "other.h5" in str(group.bad["v"])
    assert "v" not in {*group.arrays, *group.groups, *group.others}
    with pytest.raises(ExternalDataError, match=r"other\.h5"):
        opened.group("/v")


def test_soft_links_that_stay_in_the_file(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["g/data"] = [1.0, 2.0]
        file["g/same"] = h5py.SoftLink("data")
        file["v"] = h5py.SoftLink("/g/same")
        file["w"] = h5py.SoftLink("/w")
        file["nowhere"] = h5py.SoftLink("/g/none")
    opened = HDF5File(tmp_path / "a.h5")
    group = opened.group()
    assert group.arrays["v"].read().tolist() == [1, 2]
    assert set(group.bad) == {"w", "nowhere"}
    assert "a link to '/g/none'" in str(group.bad["nowhere"])
    assert set(opened.group("/g").arrays) == {"data", "same"}


# Text


def test_text_that_is_none(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name, dtype in (("vlen", h5py.string_dtype()), ("fixed", h5py.string_dtype(length=2))):
            file.attrs.create(name, b"\xffx", dtype=dtype)
            file.attrs.create(f"{name}_array", [b"\xffx"], dtype=dtype)
        file.attrs["empty"] = h5py.Empty(h5py.string_dtype())
    attrs = HDF5File(tmp_path / "a.h5").group().attrs
    assert attrs["vlen"] == attrs["fixed"] == "\ufffdx"
    assert attrs["vlen_array"].tolist() == attrs["fixed_array"].tolist() == ["\ufffdx"]
    assert attrs["empty"] == ""
    assert clean_text("a\udcffb\ud800") == "a\ufffdb\ufffd"


# Members of an NPZ


def test_bad_members_are_kept_aside(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, sound=np.ones(3), twice=np.ones(2))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("junk.npy", b"junk")
        archive.writestr("header.npy", b"\x93NUMPY\x01\x00\x05\x00{'a':")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("twice.npy", b"")
    file = NpzFile(path)
    assert set(file.arrays) == {"sound"}
    assert set(file.bad) == {"junk", "header", "twice"}
    assert file.names == {"sound", "junk", "header", "twice"}
    file.check({"sound"})
    with pytest.raises(InvalidDataError, match="junk"):
        file.check({"junk"})
