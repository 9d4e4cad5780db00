import json
import sys

import h5py
import numpy as np
import pytest
import xarray as xr

import ptyxr
from ptyxr.errors import (
    FormatError,
    InvalidDataError,
    MissingDependencyError,
    PtyxrError,
    UnitError,
)
from ptyxr.formats.assembly import LEFT_OUT
from ptyxr.model import KEPT

Q = ptyxr.ureg.Quantity
same = ptyxr.testing.assert_identical


@pytest.fixture
def ds(product):
    with ptyxr.open_dataset(product) as opened:
        yield opened


def opened(store, **kwargs):
    return xr.open_zarr(store, **kwargs).ptyxr.quantify()


def through(ds, tmp_path, **kwargs):
    ds.ptyxr.to_zarr(tmp_path / "x.zarr", mode="w", **kwargs)
    return opened(tmp_path / "x.zarr")


def contents(path):
    """Return all that a product has: of each array the dtype, the bytes and the attributes."""
    found = {}

    def look(name, node):
        attrs = {k: (np.asarray(v).dtype, np.asarray(v).tolist()) for k, v in node.attrs.items()}
        data = (node.dtype, node.shape, node[()].tobytes()) if hasattr(node, "dtype") else None
        found[name] = (attrs, data)

    with h5py.File(path) as file:
        look("/", file)
        file.visititems(look)
    return found


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_product_comes_back_identical(ds, tmp_path, zarr_format):
    again = through(ds, tmp_path, zarr_format=zarr_format)
    same(again, ds)
    assert set(again.variables) == set(ds.variables)
    assert again.attrs == ds.attrs
    for name in ("object_x", "object_y", "probe_x", "probe_y", "detector_x"):
        assert again.xindexes[name].grid == ds.xindexes[name].grid
    assert json.loads(str(xr.open_zarr(tmp_path / "x.zarr").attrs[KEPT]))


@pytest.mark.parametrize("quantify", [True, False])
def test_ptyxr_opens_what_it_stored(ds, tmp_path, quantify):
    ds.ptyxr.to_zarr(tmp_path / "x.zarr")
    again = ptyxr.open_dataset(tmp_path / "x.zarr", quantify=quantify)
    same(again, ds if quantify else ds.ptyxr.dequantify())
    assert again.diffraction.chunks is None
    assert ptyxr.open_dataset(str(tmp_path / "x.zarr"), chunks={}).diffraction.chunks


def test_other_stores_are_for_xarray(ds, tmp_path):
    ds.ptyxr.dequantify().to_zarr(tmp_path / "x.zarr", zarr_format=2)
    with pytest.raises(FormatError, match=r"xr.open_zarr\(path\).ptyxr.quantify\(\)"):
        ptyxr.open_dataset(tmp_path / "x.zarr")
    same(opened(tmp_path / "x.zarr"), ds)


def test_what_is_written_of_it_is_the_same_file(ds, tmp_path):
    again = through(ds, tmp_path)
    ds.ptyxr.to_product(tmp_path / "a.h5")
    again.ptyxr.to_product(tmp_path / "b.h5")
    assert contents(tmp_path / "a.h5") == contents(tmp_path / "b.h5")
    # ... though the units were never put back.
    xr.open_zarr(tmp_path / "x.zarr").ptyxr.to_product(tmp_path / "c.h5")
    assert contents(tmp_path / "a.h5") == contents(tmp_path / "c.h5")


@pytest.mark.parametrize("release", ["1.0", "1.2", "1.7.0"])
def test_products_of_ptychodus_itself(shared, tmp_path, release):
    with ptyxr.open_dataset(shared(f"data/products/ptychodus-{release}-plain.h5")) as ds:
        again = through(ds, tmp_path)
        same(again, ds)
        for one, name in ((ds, "a.h5"), (again, "b.h5")):
            with pytest.warns(UserWarning, match="outside the object"):
                one.ptyxr.to_product(tmp_path / name)
    assert contents(tmp_path / "a.h5") == contents(tmp_path / "b.h5")


@pytest.mark.parametrize("origin", ["corner", "pixel", "center"])
def test_pixel_numbers_survive(npz, tmp_path, origin):
    raw = ptyxr.open_dataset(
        npz, origin=origin, object_pixel_size="47 nm", probe_pixel_size="47 nm"
    )
    for one in (raw, raw.ptyxr.to("m")):
        again = through(one, tmp_path)
        same(again, one)
        assert "position_x_pixels" not in again.variables
        expected, found = one.ptyxr.to_rawdata(), again.ptyxr.to_rawdata()
        for name in ("xcoords", "ycoords", "xcoords_start", "ycoords_start", "diff3d"):
            np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    few = xr.open_zarr(tmp_path / "x.zarr").isel(position=slice(3, 7)).ptyxr.quantify()
    np.testing.assert_array_equal(few.ptyxr.to_rawdata().xcoords, expected.xcoords[3:7])


def test_what_was_cut_and_converted_comes_back(ds, tmp_path):
    cut = ds.isel(object_x=slice(3, 40, 5), object_y=[7, 9, 2], probe_x=[4]).ptyxr.to("um")
    again = through(cut, tmp_path)
    same(again, cut)
    for name in ("object_x", "object_y", "probe_x"):
        assert again.xindexes[name].grid == cut.xindexes[name].grid
        np.testing.assert_array_equal(again.xindexes[name].columns, cut.xindexes[name].columns)


def test_cut_in_the_store_it_has_what_belongs_to_it(ds, tmp_path):
    ds.ptyxr.to_zarr(tmp_path / "x.zarr")
    stored = xr.open_zarr(tmp_path / "x.zarr")
    same(
        stored.isel(object_x=slice(2, 9), position=[1, 5]).ptyxr.quantify(),
        ds.isel(object_x=slice(2, 9), position=[1, 5]),
    )
    assert "object_x" not in stored.drop_vars("object_x").ptyxr.quantify().coords
    assert KEPT not in stored.ptyxr.to("um").attrs
    without = stored.drop_vars(["position_x", "position_x_pixels"])
    assert "position_x" not in without.ptyxr.quantify().variables


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_every_kind_of_number(ds, tmp_path, zarr_format):
    rng = np.random.default_rng(0)
    ds = ds.assign(
        object=ds.object.astype(complex) * np.where(rng.random(ds.object.shape) < 0.1, np.nan, 1),
        bad_pixels=(("detector_y", "detector_x"), rng.random((32, 32)) < 0.1),
        loss=("epoch", np.empty(0)),
        diffraction=ds.diffraction.astype("u2"),
    )
    ds.attrs |= {
        "temperature": np.float32(0.1),
        "offsets": np.array([[1, 2], [3, 4]], "i2"),
        "one": np.array([1.5]),
        "wave": np.complex64(1 + 2j),
        "waves": np.array([1j, 2.0]),
        "empty": np.empty((0, 2)),
        "names": ["a", "b"],
    }
    again = through(ds, tmp_path, zarr_format=zarr_format)
    same(again, ds)
    for name, value in ds.attrs.items():
        assert np.asarray(again.attrs[name]).dtype == np.asarray(value).dtype, name
        assert np.shape(again.attrs[name]) == np.shape(value), name


def test_ranks_and_what_was_left_in_the_file(ds, tmp_path):
    ds.encoding[LEFT_OUT] = ["beamline"]
    again = through(ds, tmp_path)
    assert again.object.encoding["original_shape"] == ds.object.encoding["original_shape"]
    assert again.encoding[LEFT_OUT] == ["beamline"]
    with pytest.warns(UserWarning, match="beamline"):
        again.ptyxr.to_product(tmp_path / "p.h5")
    with h5py.File(tmp_path / "p.h5") as file:
        assert file["object"].ndim == 2


def test_takes_what_xarray_takes(ds, tmp_path):
    store = tmp_path / "x.zarr"
    delayed = ds.ptyxr.to_zarr(store, compute=False, consolidated=False, group="scan/1")
    delayed.compute()
    same(opened(store, group="scan/1", consolidated=False), ds)
    with pytest.raises(FileExistsError):
        ds.ptyxr.to_zarr(store, group="scan/1", mode="w-", consolidated=False)
    written = ds.ptyxr.to_zarr(store, mode="w", encoding={"diffraction": {"chunks": (7, 32, 16)}})
    assert isinstance(written, xr.backends.ZarrStore)
    assert xr.open_zarr(store).diffraction.encoding["chunks"] == (7, 32, 16)
    same(opened(store, chunks=None), ds)
    half = ds.isel(position=slice(20))
    half.ptyxr.to_zarr(store, mode="w")
    ds.isel(position=slice(20, None)).ptyxr.to_zarr(store, append_dim="position")
    same(opened(store), ds)
    with pytest.raises(UnitError, match="photon_energy"):
        ds.assign_coords(photon_energy=8000.0).ptyxr.to_zarr(store, mode="w")


@pytest.mark.parametrize("how", [
    {"mode": "a"}, {"region": {"position": slice(0, 20)}}, {"append_dim": "position"},
])  # fmt: skip
def test_numbers_of_another_unit_are_not_mixed_with_those_there(ds, tmp_path, how):
    part = ds.isel(position=slice(0, 20))
    part = part.drop_vars([name for name in part.variables if "position" not in part[name].dims])
    before = through(ds, tmp_path).load()
    with pytest.raises(UnitError, match=r"expected 'meter'\. Convert the dataset first"):
        part.ptyxr.to("um").ptyxr.to_zarr(tmp_path / "x.zarr", **how)
    same(opened(tmp_path / "x.zarr"), before)
    if "mode" not in how:
        part.ptyxr.to_zarr(tmp_path / "x.zarr", **how)


def test_a_store_is_not_emptied_before_it_is_read(ds, tmp_path):
    again = through(ds, tmp_path)
    with pytest.raises(PtyxrError, match="emptied before it is read"):
        again.ptyxr.to_zarr(tmp_path / "x.zarr", mode="w")
    same(opened(tmp_path / "x.zarr"), ds)
    again.load().ptyxr.to_zarr(tmp_path / "x.zarr", mode="w")
    same(opened(tmp_path / "x.zarr"), ds)


def test_chunks_of_dask_are_the_chunks_of_the_store(ds, tmp_path):
    chunked = ds.chunk(position=16)
    again = through(chunked, tmp_path)
    assert again.diffraction.chunks == chunked.diffraction.chunks
    same(again, ds)


def test_large_arrays_go_in_blocks(ds, tmp_path):
    lazy = (
        ds.isel(position=slice(10))
        .drop_dims(["detector_x", "detector_y"])
        .assign(
            diffraction=(("position", "detector_y", "detector_x"), np.ones((10, 1024, 1024), "u2"))
        )
    )
    again = through(lazy, tmp_path)
    assert again.diffraction.encoding["chunks"] == (8, 1024, 1024)
    # Chunks that are asked for are kept, and blocks are of whole ones.
    lazy.ptyxr.to_zarr(
        tmp_path / "x.zarr", mode="w", encoding={"diffraction": {"chunks": (3, 512, 1024)}}
    )
    assert xr.open_zarr(tmp_path / "x.zarr").diffraction.encoding["chunks"] == (3, 512, 1024)
    same(opened(tmp_path / "x.zarr"), lazy)


@pytest.mark.parametrize("text", ["", "[]", '{"grids": 3}', '{"attrs": {"name": ["x", 1]}}', 3])
def test_what_is_no_note_of_ours(ds, text):
    with pytest.raises(InvalidDataError, match=KEPT):
        ds.assign_attrs({KEPT: text}).ptyxr.quantify()


@pytest.mark.parametrize("engine", ["h5netcdf", "netcdf4"])
def test_a_compressed_product_goes_to_netcdf(ds, tmp_path, engine):
    gzip = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
    compressed = ptyxr.open_dataset(
        ds.ptyxr.to_product(tmp_path / "gzip.h5", encoding={"diffraction": gzip})
    )
    plain = compressed.ptyxr.dequantify(for_storage=True)
    real = plain.drop_vars(["object", "probe"])
    real.to_netcdf(tmp_path / "x.nc", engine=engine)
    again = xr.open_dataset(tmp_path / "x.nc", engine=engine).ptyxr.quantify()
    same(again, compressed.drop_vars(["object", "probe"]))
    # The dataset itself still says how its file is compressed.
    assert compressed.diffraction.encoding["compression"] == "gzip"


def test_storing_twice_is_storing_once(ds):
    plain = ds.ptyxr.dequantify(for_storage=True)
    xr.testing.assert_identical(plain.ptyxr.dequantify(for_storage=True), plain)
    assert KEPT not in ds.ptyxr.dequantify().attrs
    assert KEPT not in xr.Dataset().ptyxr.dequantify(for_storage=True).attrs


# Recipes


@pytest.mark.parametrize("engine", ["h5netcdf", "netcdf4"])
def test_either_engine_reads_complex_netcdf_of_the_other(ds, tmp_path, engine):
    path = tmp_path / "scan.nc"
    plain = ds.ptyxr.dequantify(for_storage=True)
    if engine == "netcdf4":
        plain.to_netcdf(path, engine="netcdf4", auto_complex=True)
        again = xr.open_dataset(path, engine="h5netcdf")
    else:
        with pytest.warns(UserWarning, match="invalid netcdf"):
            plain.to_netcdf(path, engine="h5netcdf", invalid_netcdf=True)
        again = xr.open_dataset(path, engine="netcdf4", auto_complex=True)
    with again:
        same(again.ptyxr.quantify(), ds)
        np.testing.assert_array_equal(
            again.ptyxr.to_rawdata().xcoords, ds.ptyxr.to_rawdata().xcoords
        )


def test_a_store_takes_no_storage_options(ds, tmp_path):
    ds.ptyxr.to_zarr(tmp_path / "x.zarr")
    with pytest.raises(PtyxrError, match="for addresses only"):
        ptyxr.open_dataset(tmp_path / "x.zarr", storage_options={"anon": True})


def test_missing_zarr_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(MissingDependencyError, match="pip install zarr"):
        ptyxr.tutorial.simulate_product(positions=20).ptyxr.to_zarr(tmp_path / "scan.zarr")
    (tmp_path / "zarr.json").write_text("{}", encoding="utf-8")
    with pytest.raises(MissingDependencyError, match="pip install zarr"):
        ptyxr.open_dataset(tmp_path)
