"""Parts of arrays are what numpy makes of them, however little is read of the file."""

from __future__ import annotations

import io
import itertools
import os

import h5py
import numpy as np
import pytest
import xarray as xr

from counted import Counted
from ptyxr.errors import ChangedFileError, InvalidDataError
from ptyxr.storage import flat, hdf5_chunks
from ptyxr.storage.arrays import lazy, outer
from ptyxr.storage.npz import NpzFile


def keys(length):
    """Return keys of every kind along an axis of at least five."""
    return [
        slice(None),
        slice(None, None, -1),
        slice(1, None, 2),
        slice(length - 2, 0, -2),
        slice(3, 3),
        0,
        -1,
        np.array([1, 0, 3]),
        np.array([], dtype=int),
    ]


@pytest.mark.parametrize(("access", "buffer"), [(1, 16), (50, 64), (10, 500), (2**14, 2**24)])
def test_parts_of_an_array_that_lies_in_a_file(monkeypatch, access, buffer):
    monkeypatch.setattr(flat, "_ACCESS", access)
    monkeypatch.setattr(flat, "_CUTTING", access)
    monkeypatch.setattr(flat, "_BUFFER", buffer)
    values = np.random.default_rng(0).random((7, 6, 5))
    file = io.BytesIO(b"before" + values.tobytes() + b"after")
    for key in itertools.product(*map(keys, values.shape)):
        found = flat.read_flat(file, 6, values.shape, values.dtype, key)
        np.testing.assert_array_equal(found, outer(values, key), strict=True)


@pytest.mark.parametrize("chunks", [(2, 3, 1), None])
def test_parts_of_an_hdf5_array(monkeypatch, tmp_path, chunks):
    monkeypatch.setattr(hdf5_chunks, "_MOST", 5)
    monkeypatch.setattr(hdf5_chunks, "_BUFFER", 100)
    values = np.random.default_rng(0).random((17, 9, 5))
    forward = [[k for k in keys(n) if not (isinstance(k, slice) and (k.step or 1) < 0)]
               for n in values.shape]  # fmt: skip
    with h5py.File(tmp_path / "a.h5", "w") as file:
        dataset = file.create_dataset("a", data=values, chunks=chunks)
        for key in itertools.product(*forward):
            lists = [part for part in key if isinstance(part, np.ndarray)]
            if len(lists) > 1 or any((np.diff(part) < 0).any() for part in lists):
                continue  # which h5py does not take, and xarray does not ask for
            found = hdf5_chunks.read_chunked(dataset, key)
            np.testing.assert_array_equal(found, outer(values, key), strict=True)


class CountedBytes(Counted, io.BytesIO):
    """A file in memory."""


def test_of_one_frame_little_more_than_the_frame_is_read():
    frames = np.random.default_rng(0).random((400, 32, 32), dtype="f4")
    for name, array, key in (
        ("in front", frames, (17, slice(None), slice(None))),
        ("behind", np.ascontiguousarray(frames.transpose(1, 2, 0)), (slice(None), slice(None), 17)),
    ):
        file = io.BytesIO()
        np.savez(file, diff3d=array)
        counted = CountedBytes(file.getvalue())
        stored = NpzFile(counted).arrays["diff3d"]
        counted.count = 0
        values = xr.Variable(("a", "b", "c"), lazy(stored))[key].to_numpy()
        np.testing.assert_array_equal(values, frames[17], err_msg=name)
        # A number each costs more than its bytes; the rest of the file is not read for that.
        assert counted.count <= (frames[17].nbytes if name == "in front" else frames.nbytes)


def test_a_file_that_is_cut_short_while_it_is_read(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, diff3d=np.ones((100, 64, 64)))
    values = xr.Variable(("a", "b", "c"), lazy(NpzFile(path).arrays["diff3d"]))
    os.truncate(path, 5000)
    with pytest.raises(ChangedFileError, match="the file has changed"):
        values.to_numpy()


def test_chunks_that_nobody_wrote_are_not_waited_for(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        dataset = file.create_dataset("a", shape=(2**30,), dtype="f4", chunks=(1,))
        with pytest.raises(ValueError, match="of 1073741824 chunks, the file has 0"):
            hdf5_chunks.read_chunked(dataset, (slice(None),))
        assert hdf5_chunks.read_chunked(dataset, (slice(5, 10),)).tolist() == [0] * 5


def test_what_inflates_beyond_all_proportion_is_not_read_on_opening(tmp_path):
    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, xcoords=np.zeros(2**24), ycoords=np.zeros(2**24))
    stored = NpzFile(path).arrays["xcoords"]
    with pytest.raises(InvalidDataError, match="out of all proportion") as caught:
        stored.read()
    assert (caught.value.file, caught.value.key) == (str(path), "xcoords")
    # Whoever wants a part has it.
    assert xr.Variable("a", lazy(stored))[:3].to_numpy().tolist() == [0, 0, 0]
