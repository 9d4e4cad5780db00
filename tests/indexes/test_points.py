"""The index on positions is asked for, and costs nothing until it is used."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import xarray as xr

import ptyxr
from ptyxr.errors import GridError, PtyxrError, UnitError
from ptyxr.indexes import PointIndex

Q = ptyxr.ureg.Quantity

WITHOUT_TREES = """
import sys
import numpy as np, xarray as xr
ds = xr.open_dataset(sys.argv[1], engine="ptychodus")
assert ds.sizes["position"] == 1_000_000
assert "scipy.spatial" not in sys.modules
assert not {"position_x", "position_y"} & set(ds.xindexes)
import ptyxr
assert ds.ptyxr.index_positions().xindexes["position_x"]._tree is None
assert "scipy.spatial" not in sys.modules
"""


@pytest.fixture
def ds(product):
    return xr.open_dataset(product, engine="ptychodus").ptyxr.index_positions()


def test_opening_a_million_positions_builds_no_tree(tmp_path):
    n = 1_000_000
    raw = {
        "diff3d": None, "probeGuess": np.ones((4, 4), complex),
        "objectGuess": np.ones((9, 9), complex),
        "xcoords": np.linspace(2, 7, n), "ycoords": np.linspace(2, 7, n),
        "xcoords_start": np.linspace(2, 7, n), "ycoords_start": np.linspace(2, 7, n),
        "scan_index": np.arange(n),
    }  # fmt: skip
    scan = ptyxr.from_rawdata(raw, object_pixel_size="50 nm", probe_pixel_size="50 nm")
    scan = scan.assign_coords(photon_energy=Q(8, "keV"))
    path = scan.ptyxr.to_product(tmp_path / "million.h5", include_diffraction=False)
    subprocess.run([sys.executable, "-c", WITHOUT_TREES, str(path)], check=True)


def test_the_tree_is_built_on_first_use_and_kept(ds):
    index = ds.xindexes["position_x"]
    place = {"position_x": ds.position_x[3], "position_y": ds.position_y[3]}
    assert int(ds.sel(place, method="nearest").position_index) == 3
    tree = index._tree
    assert tree is not None
    assert ds.rename(position_x="x").xindexes["x"]._tree is tree


@pytest.mark.parametrize(
    ("change", "order"),
    [
        (lambda ds: ds.isel(position=[5, 2]), [5, 2]),
        (lambda ds: ds.isel(position=slice(None, None, -3)), range(39, -1, -3)),
        (lambda ds: ds.roll(position=2, roll_coords=True), [38, 39, *range(38)]),
        (lambda ds: xr.concat([ds, ds], "position", data_vars="minimal"), [*range(40)] * 2),
        (lambda ds: ds.sortby("position_index", ascending=False), range(39, -1, -1)),
    ],
)
def test_it_goes_along(ds, change, order):
    changed = change(ds)
    index = changed.xindexes["position_x"]
    assert isinstance(index, PointIndex)
    np.testing.assert_array_equal(index.points, ds.xindexes["position_x"].points[list(order)])
    np.testing.assert_array_equal(index.points[:, 1], changed.position_y.data.magnitude)


def test_one_point_and_another_dimension_have_none(ds):
    assert "position_x" not in ds.isel(position=3).xindexes
    assert "position_x" not in ds.isel(position=xr.DataArray([1, 2], dims="p")).xindexes


def test_the_same_points_in_another_unit_are_equal(ds):
    um = ds.ptyxr.to("um")
    for other in (um, um.ptyxr.to("m"), ds.copy(deep=True)):
        assert (ds[["diffraction"]] - other[["diffraction"]]).sizes["position"] == 40
        assert (other[["diffraction"]] - ds[["diffraction"]]).sizes["position"] == 40
    assert ds.xindexes["position_x"].equals(ds.copy(deep=True).xindexes["position_x"])
    assert not ds.xindexes["position_x"].equals(ds.ptyxr.to("px").xindexes["position_x"])
    assert um.xindexes["position_x"].unit == "micrometer"


def test_other_points_are_not_joined(ds):
    with pytest.raises(PtyxrError, match=r"position_x.*match_positions"):
        ds + ds.isel(position=slice(3, 9))


def test_refusals_are_sentences(ds):
    with pytest.raises(UnitError, match=r"position_x.*no unit"):
        ds.sel(position_x=1e-6, position_y=1e-6, method="nearest")
    with pytest.raises(UnitError, match=r"position_y.*does not fit"):
        ds.sel(position_x=Q(1, "um"), position_y=Q(1, "pixel"), method="nearest")
    with pytest.raises(KeyError, match="no scan point within"):
        ds.sel(position_x=Q(1, "m"), position_y=Q(1, "m"), method="nearest", tolerance=Q(1, "um"))
    with pytest.raises(GridError, match="PointIndex is not made by stacking"):
        PointIndex.stack({"a": ds.position_x.variable}, "z")


def test_it_shows_itself(ds):
    assert "PointIndex(40 points in meter)" in repr(ds)


def test_places_pair_by_the_names_of_their_dimensions(ds):
    x, y = (
        xr.DataArray(Q(ds[name].values[:4].reshape(2, 2), "m"), dims=("i", "j"))
        for name in ("position_x", "position_y")
    )
    for other in (y, y.transpose("j", "i")):
        found = ds.sel(position_x=x, position_y=other, method="nearest").position_index
        assert found.transpose("i", "j").values.tolist() == [[0, 1], [2, 3]]
    crossed = ds.sel(position_x=x[0].rename(j="k"), position_y=y[0], method="nearest")
    assert crossed.position_index.dims == ("k", "j")
    one = ds.sel(position_x=ds.position_x[5], position_y=y[0], method="nearest")
    assert one.position_index.dims == ("j",)


def test_points_that_are_nowhere(ds):
    with pytest.raises(KeyError):
        ds.sel(position_x=Q(np.nan, "um"), position_y=Q(1, "um"), method="nearest")
    gap = ds.drop_indexes(["position_x", "position_y"]).copy(deep=True)
    gap.position_x.values = np.where(np.arange(40) == 3, np.nan, gap.position_x.values)
    gap = gap.ptyxr.index_positions()
    assert (gap[["diffraction"]] + gap.copy(deep=True)[["diffraction"]]).sizes["position"] == 40
