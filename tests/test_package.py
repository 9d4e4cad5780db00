"""What comes with the package: light engines, entry points, a README that is true."""

from __future__ import annotations

import copy
import json
import pickle
import re
import subprocess
import sys
import warnings
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import xarray as xr

import ptyxr
from ptyxr import errors

ROOT = Path(__file__).parents[1]


def in_fresh_process(code, *args):
    command = [sys.executable, "-W", "error", "-c", code, *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_engines_are_light():
    """xarray loads every engine whenever it guesses one."""
    code = (
        "import sys, xarray; before = set(sys.modules); engines = xarray.backends.list_engines();"
        "assert {'ptychodus', 'ptychopinn'} <= set(engines);"
        "print([m for m in set(sys.modules) - before if m.startswith('ptyxr.formats')]);"
        "print({'pint', 'dask', 'scipy', 'matplotlib', 'h5py'} & (set(sys.modules) - before))"
    )
    loaded, heavy = in_fresh_process(code).splitlines()
    assert "ptyxr.formats.ptychodus" in loaded
    assert heavy == "set()"


def test_plain_numbers_need_no_pint(product):
    code = (
        "import sys, xarray;"
        "ds = xarray.open_dataset(sys.argv[1], engine='ptychodus', quantify=False).load();"
        "print('pint' in sys.modules)"
    )
    assert in_fresh_process(code, product) == "False\n"


def test_the_engines_need_no_import(npz):
    code = "import sys, xarray; print(xarray.open_dataset(sys.argv[1]).position_x.data.units)"
    assert in_fresh_process(code, npz) == "pixel\n"


def test_engines_show_themselves():
    engines = xr.backends.list_engines()
    for name in ("ptychodus", "ptychopinn"):
        assert "units" in repr(engines[name])


def test_every_engine_is_in_formats():
    ours = [e for e in entry_points(group="xarray.backends") if e.value.startswith("ptyxr")]
    assert {e.name for e in ours} == {
        "ptychodus", "ptychodus-diffraction", "ptychodus-npz", "ptychopinn"
    }  # fmt: skip
    assert all(e.value.startswith("ptyxr.formats.") for e in ours)


def test_the_face():
    assert set(ptyxr.__all__) <= set(dir(ptyxr))
    for name in ptyxr.__all__:
        assert getattr(ptyxr, name) is not None
    assert re.match(r"\d+\.", ptyxr.__version__)
    with pytest.raises(AttributeError, match="nothing"):
        _ = ptyxr.nothing


def test_a_quantity_becomes_a_coordinate_at_once():
    code = (
        "import ptyxr, xarray; ds = xarray.Dataset().assign_coords("
        "photon_energy=ptyxr.ureg.Quantity(8, 'keV')); print(ds.photon_energy.data.units)"
    )
    assert in_fresh_process(code) == "kiloelectron_volt\n"


def test_errors_say_where_and_what():
    error = errors.FormatError(
        "it is wrong", file="a.h5", key="object", found="3", expected="4", remedy="Do this"
    )
    said = "a.h5: 'object': it is wrong: found 3, expected 4. Do this."
    assert str(error) == said
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(again) is errors.FormatError
        assert (str(again), again.key, again.found) == (said, "object", "3")
    for name in errors.__all__:
        kind = getattr(errors, name)
        if isinstance(kind, type):
            assert issubclass(kind, errors.PtyxrError)
            assert issubclass(kind, ValueError)
            assert "it is" in str(kind("it is"))


def test_warnings_point_at_the_users_line(npz, tmp_path):
    with pytest.warns(UserWarning, match="no diffraction") as caught:
        ptyxr.open_dataset(npz, drop_variables="diffraction").ptyxr.to_npz(tmp_path / "w.npz")
    assert caught[0].filename == __file__


# The README


def test_the_readme_has_its_two_commands():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for command in (
        "python3 -m venv .venv && .venv/bin/pip install '.[plot]' && .venv/bin/ptyxr demo",
        "python3 -m venv .venv && .venv/bin/pip install -e '.[test]' && .venv/bin/pytest",
    ):
        assert text.count(f"    {command}\n") == 1
    assert (ROOT / "docs/_static/overview.png").exists()


def test_the_changelog_and_the_citation_are_there():
    assert "## Unreleased" in (ROOT / "docs/changelog.md").read_text(encoding="utf-8")
    assert "ptyxr" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert json.dumps((ROOT / "LICENSE").read_text(encoding="utf-8")).startswith('"BSD 3-Clause')


def test_a_product_opened_by_a_netcdf_engine(product):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ds = xr.open_dataset(product, engine="h5netcdf", phony_dims="sort", invalid_netcdf=True)
    for call in (lambda: ds.ptyxr.to("um"), lambda: ds.ptyxr.plot):
        with pytest.raises(errors.FormatError, match="engine='ptychodus'"):
            call()
    assert "accessor" in repr(ds.ptyxr)
