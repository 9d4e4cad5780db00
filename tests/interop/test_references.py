"""A product through references of kerchunk is the product."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr
from references import references

import ptyxr

# Newest zarr refuses what kerchunk 0.2.10 writes for an empty array, which is not among those used.
pytestmark = pytest.mark.filterwarnings(
    "ignore:The following exception was caught and quashed:UserWarning"
)


@pytest.mark.parametrize(
    "encoding",
    [
        {},
        {"diffraction": {"compression": "gzip"}},
        {"diffraction": {"compression": "gzip", "shuffle": True, "chunksizes": (7, 32, 32)}},
    ],
)
def test_a_product_through_references(product, tmp_path, encoding):
    path = tmp_path / "product.h5"
    with ptyxr.open_dataset(product) as ds:
        zeros = ds.diffraction.where(ds.diffraction > 1, 0)  # a fill value of 0 would make NaN
        ds.assign(diffraction=zeros.assign_attrs(ds.diffraction.attrs)).ptyxr.to_product(
            path, encoding=encoding
        )
    made = references(str(path))
    (tmp_path / "refs.json").write_text(json.dumps(made), encoding="utf-8")
    again = xr.open_dataset(str(tmp_path / "refs.json"), engine="kerchunk").ptyxr.quantify()
    with ptyxr.open_dataset(path) as ds:
        ptyxr.testing.assert_identical(again, ds)
        again.ptyxr.to_npz(tmp_path / "again.npz")
        np.testing.assert_array_equal(
            np.load(tmp_path / "again.npz")["xcoords"], ds.ptyxr.to_rawdata().xcoords
        )
    chunks = [key for key in made["refs"] if key.startswith("diffraction/") and "/." not in key]
    assert len(chunks) == (6 if "shuffle" in str(encoding) else 1 if encoding else 40)
    assert all(made["refs"][key][0] == str(path) for key in chunks)


@pytest.mark.parametrize("release", ["1.0", "1.2", "1.7.0"])
def test_products_of_ptychodus_itself(shared, tmp_path, release):
    released = shared(f"data/products/ptychodus-{release}-plain.h5")
    refs = tmp_path / "refs.json"
    refs.write_text(json.dumps(references(str(released))), encoding="utf-8")
    again = xr.open_dataset(str(refs), engine="kerchunk").ptyxr.quantify()
    with ptyxr.open_dataset(released) as ds:
        ptyxr.testing.assert_identical(again, ds)
