"""Units in threads, in other processes, and under another registry."""

from __future__ import annotations

import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import xarray as xr

import ptyxr
from ptyxr.model import SCHEMA

Q = ptyxr.ureg.Quantity


def run(code, *arguments):
    subprocess.run([sys.executable, "-W", "error", "-c", code, *map(str, arguments)], check=True)


@pytest.mark.slow
def test_threads_do_not_take_each_others_pixel_size():
    x = np.array([1.0, 3.0, 7.5])
    scan = xr.Dataset(coords={"position_x": ("position", x, {"units": "pixel"})})

    def convert(thread):
        size = (thread + 1) * 1e-8
        ds = scan.assign_coords(
            object_pixel_width=((), size, {"units": "meter / pixel"})
        ).ptyxr.quantify()
        wrong = 0
        for _ in range(20_000 // 16):
            meters = ds.ptyxr.to("m").position_x.data
            wrong += str(meters.units) != "meter" or (meters.magnitude != x * size).any()
        return wrong

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(16) as pool:
            assert sum(pool.map(convert, range(16))) == 0
    finally:
        sys.setswitchinterval(interval)


UNPICKLE = """
import pickle, sys
if sys.argv[2] == "before": import ptyxr
ds = pickle.load(open(sys.argv[1], "rb"))
import pint
assert isinstance(ds.position_x.data, pint.Quantity), ds.position_x
assert str(ds.position_x.data.units) == "meter"
assert str(ds.photon_energy.pint.units) == "electron_volt"
assert type(ds.xindexes["object_x"]).__name__ == "GridIndex"
import ptyxr
assert (pint.get_application_registry().Quantity(1, "nm") + ds.position_x).size == 40
um = ds.ptyxr.to("um")
assert abs(um.position_x.data.magnitude - ds.position_x.data.magnitude * 1e6).max() < 1e-12
assert ds.sel(object_x=ptyxr.ureg.Quantity(1, "um"), method="nearest").object.size
assert ds.object.load().size and ds.chunk().position_x.pint.units == ptyxr.ureg.meter
"""


@pytest.mark.parametrize("when", ["before", "after"])
def test_unpickled_in_a_fresh_interpreter(product, tmp_path, when):
    ds = xr.open_dataset(product, engine="ptychodus")
    (tmp_path / "ds.pickle").write_bytes(pickle.dumps(ds))
    run(UNPICKLE, tmp_path / "ds.pickle", when)


def test_sent_to_a_worker(product):
    distributed = pytest.importorskip("distributed")
    ds = xr.open_dataset(product, engine="ptychodus").ptyxr.to("um")
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):

        def work(one):
            moved = one.ptyxr.shift(x="1 um")
            return moved, {name: str(moved[name].pint.units) for name in moved.coords}

        back, units = client.submit(work, ds).result(timeout=60)
    ptyxr.testing.assert_identical(back, ds.ptyxr.shift(x="1 um"))
    for name, unit in units.items():
        assert (unit == "None") == (SCHEMA[name].unit is None), name
    assert units["position_x"] == "micrometer"


REGISTRY = """
import sys
import xarray as xr
path, when = sys.argv[1:3]
if when == "before": import cf_xarray.units
import ptyxr
old = xr.open_dataset(path, engine="ptychodus")
nm = ptyxr.ureg.Quantity("50 nm")
if when == "after": import cf_xarray.units
new = xr.open_dataset(path, engine="ptychodus")
Q = ptyxr.ureg.Quantity

# "keV" is a thousand eV, though that registry knows its coulomb for degrees Celsius.
assert new.ptyxr.to_product(sys.argv[3], photon_energy="9 keV").exists()
assert float(xr.open_dataset(sys.argv[3], engine="ptychodus").photon_energy.values) == 9000
for ds in (old, new):
    assert ds.ptyxr.to("um").position_x.data.units == ptyxr.ureg.um
    assert ds.ptyxr.to("px").position_x.data.units == ptyxr.ureg.pixel
    assert ds.sel(object_x=slice(Q("100 nm"), nm * 20)).sizes["object_x"]
    assert ds.ptyxr.nearest(x="1 um", y="1 um").position_index.size == 1
    assert str(ds.ptyxr.wavelength.pint.units) == "meter"
    assert ds.ptyxr.shift(x="10 nm").ptyxr.validate()
    assert ds.ptyxr.to_rawdata().xcoords.size == 40
    ptyxr.testing.assert_identical(ds.ptyxr.quantify(), new)
    assert ((ds.ptyxr.quantify().position_x - new.position_x).data == 0 * Q("m")).all()
assert (old - new).position_x.equals(new.position_x)
with ptyxr.ureg.context("ptychography", pixel_size="50 nm"):
    assert abs(Q(2, "pixel").to("nm").magnitude - 100) < 1e-9
if when == "after":
    for combine in (lambda: old.position_x + Q("5 nm"), lambda: old.position_x - new.position_x):
        try: combine()
        except ptyxr.errors.UnitError as error:
            assert "registry" in str(error) and "ds.ptyxr.quantify()" in str(error)
        else: raise AssertionError("two registries combined")
    assert ((old.ptyxr.quantify().position_x + Q("5 nm")).data > new.position_x.data).all()
"""


@pytest.mark.parametrize("when", ["before", "after"])
def test_another_library_replaces_the_registry(product, tmp_path, when):
    pytest.importorskip("cf_xarray")
    run(REGISTRY, product, when, tmp_path / "out.h5")


def test_nothing_is_redefined():
    """The context is added to the registry, and nothing in it is changed or entered."""
    import pint

    fresh = pint.UnitRegistry()
    for unit in ("pixel", "px", "count", "degree", "eV"):
        assert str(fresh.Quantity(1.0, unit).to_base_units()) == str(
            ptyxr.ureg.Quantity(1.0, unit).to_base_units()
        )
    with pytest.raises(pint.DimensionalityError):
        Q(1, "pixel").to("m")
    with (
        ptyxr.ureg.context("ptychography"),
        pytest.raises(ptyxr.errors.UnitError, match="pixel_size"),
    ):
        Q(1, "pixel").to("m")
    with ptyxr.ureg.context("ptychography", pixel_size=Q(50, "nm/pixel")):
        assert Q(200, "nm").to("pixel").magnitude == pytest.approx(4, rel=1e-15)
