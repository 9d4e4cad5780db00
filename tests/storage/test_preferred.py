"""Chunks that suit: what ``chunks={}`` gives, and what is not warned of."""

import pickle

import h5py
import numpy as np
import pytest
import xarray as xr

from ptyxr.storage.preferred import preferred_chunks


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """Return an NPZ and two products of 200 MB of patterns, of which nothing is on the disk."""
    folder = tmp_path_factory.mktemp("large")
    npz = folder / "large.npz"
    points = np.arange(200.0)
    np.savez(
        npz, xcoords=points, ycoords=points, xcoords_start=points, ycoords_start=points,
        diff3d=np.zeros((200, 512, 512), np.float32), probeGuess=np.ones((8, 8), complex),
        objectGuess=np.ones((300, 300), complex), scan_index=np.zeros(200, int),
    )  # fmt: skip
    with xr.open_dataset(npz, engine="ptychopinn", origin="corner") as ds:
        sized = ds.drop_vars("diffraction").ptyxr.assign_pixel_size(object="1 um", probe="1 um")
        how = {"position_index": "sequential", "photon_energy": "8 keV"}
        whole = sized.ptyxr.to_product(folder / "whole.h5", **how)
        cut = sized.ptyxr.to_product(folder / "cut.h5", **how)
    for path, chunks in ((whole, None), (cut, (3, 512, 512))):
        with h5py.File(path, "a") as file:
            file.create_dataset("raw_data/diffraction", (200, 512, 512), np.float32, chunks=chunks)
    return npz, whole, cut


def test_chunks_left_to_the_file_are_about_60_mb_along_position(large):
    npz, whole, cut = large
    how = {"chunks": {}}
    for ds in (
        xr.open_dataset(npz, engine="ptychopinn", origin="corner", **how),
        xr.open_dataset(whole, engine="ptychodus", **how),
    ):
        assert ds.diffraction.chunks == ((57, 57, 57, 29), (512,), (512,))
        assert ds.object.chunks == ((1,), (300,), (300,))
        ds.close()
    with xr.open_dataset(cut, engine="ptychodus", **how) as ds:
        assert ds.diffraction.chunks == ((57, 57, 57, 29), (512,), (512,))
        assert ds.diffraction.encoding["chunksizes"] == (3, 512, 512)
        assert ds.diffraction.encoding["preferred_chunks"]["position"] == 57


def test_other_chunks_are_as_good_where_the_file_is_in_one_piece(large):
    npz, whole, cut = large
    for path, engine in ((npz, "ptychopinn"), (whole, "ptychodus")):
        how = {"origin": "corner"} if engine == "ptychopinn" else {}
        # It warns of nothing.
        with xr.open_dataset(path, engine=engine, chunks={"position": 10}, **how) as ds:
            assert ds.diffraction.chunksizes["position"] == (10,) * 20
    with xr.open_dataset(cut, engine="ptychodus", chunks={"position": 9}) as ds:
        assert ds.diffraction.chunksizes["position"][0] == 9
    with pytest.warns(UserWarning, match="separate the stored chunks"):
        xr.open_dataset(cut, engine="ptychodus", chunks={"position": 10}).close()


@pytest.mark.parametrize(
    ("shape", "stored", "expected"),
    [
        ((1, 30000, 30000), None, {"layer": 1, "y": 250, "x": 30000}),
        ((4, 2000, 1000), None, {"layer": 3, "y": 2000, "x": 1000}),
        ((4, 20, 10), None, None),
        ((1, 30000, 30000), (1, 1000, 1000), {"layer": 1, "y": 1000, "x": 7000}),
        ((5, 0, 7), None, None),
        ((2, 10, 10), (1, 10, 10), {"layer": 2, "y": 10, "x": 10}),
        ((2, 10**9, 2), (1, 10**9, 2), {"layer": 1, "y": 10**9, "x": 2}),
    ],
)
def test_what_suits(shape, stored, expected):
    found = preferred_chunks(("layer", "y", "x"), shape, np.dtype("c8"), stored)
    assert found == expected
    if found is not None:
        again = pickle.loads(pickle.dumps(found))
        assert (again, again.get("y")) == (found, stored[1] if stored else None)


def test_chunks_of_an_image_stored_without_layers_are_kept():
    found = preferred_chunks(("layer", "y", "x"), (1, 20_000, 20_000), np.dtype("c8"), (512, 512))
    assert found == {"layer": 1, "y": 512, "x": 28 * 512}
