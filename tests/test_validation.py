from __future__ import annotations

import json
import os
import pickle
import re
import shutil
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr

import ptyxr
from ptyxr import validation
from ptyxr.checking import validate_dataset
from ptyxr.errors import InvalidDataError, PtyxrError
from ptyxr.formats.checks import FileCheck
from ptyxr.formats.ptychodus import PtychodusBackend
from ptyxr.formats.ptychodus_source import check_source
from ptyxr.formats.ptychopinn import PtychoPINNBackend
from ptyxr.formats.ptychopinn_writer import to_npz
from ptyxr.report import Findings, Problem, Report, ValidationError
from ptyxr.storage.arrays import MemoryArray
from ptyxr.storage.hdf5 import HDF5File
from ptyxr.units import quantity
from ptyxr.validation import validate_file
from ptyxr.variables import unit_variable

# What each release of Ptychodus wrote. They are not in the repository.
PRODUCTS = Path(__file__).parents[2] / "shared" / "data" / "products"
NEWEST = "ptychodus-1.7.0-plain.h5"


def product_path(name=NEWEST):
    path = PRODUCTS / name
    if not path.exists():
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"{path} is missing")
    return path


def all_products():
    return sorted(path.name for path in PRODUCTS.glob("*.h5")) or [NEWEST]


def found(report, severity=None):
    assert all(p.remedy for p in report.problems), report  # each says what to do about it
    return {p.key for p in report.problems if severity in (None, p.severity)}


def rewrite(file, key, values, attrs=None):
    kept = dict(file[key].attrs) if key in file else {}
    if key in file:
        del file[key]
    file.create_dataset(key, data=values).attrs.update({**kept, **(attrs or {})})


@pytest.fixture
def product(tmp_path):
    """A product that has nothing wrong with it, not even a warning."""
    path = tmp_path / "product.h5"
    shutil.copyfile(product_path(), path)
    path.chmod(0o600)
    with h5py.File(path, "r+") as file:
        attrs = file.attrs
        attrs["probe_energy_eV"] = attrs["photon_energy_eV"]
        attrs["mass_attenuation_m2_kg"] = attrs["mass_attenuation_m2_per_kg"]
        attrs["format_id"], attrs["format_version"] = "ptychodus.product.hdf5", "1.0"
        file["costs"] = file["loss_values"][()]
        file["losses"] = file["loss_values"][()]
        # 23 points on the object of 52 x 40 pixels, with room for the probe of 14 x 12.
        n = len(file["probe_position_x_m"])
        x, y = np.linspace(10, 40, n), np.linspace(8, 31, n)
        width, height = (file["object"].attrs[f"pixel_{s}_m"] for s in ("width", "height"))
        file["object"].attrs["center_x_m"] = 26 * width
        file["object"].attrs["center_y_m"] = 20 * height
        rewrite(file, "probe_position_x_m", x * width)
        rewrite(file, "probe_position_y_m", y * height)
        rewrite(file, "probe_position_indexes", np.arange(n))
        attrs["contains_raw_data"] = 1
        raw = file.create_group("raw_data")
        raw["xcoords"], raw["ycoords"] = x, y
        raw["xcoords_start"], raw["ycoords_start"] = x + 0.5, y - 0.5
        raw["scan_index"] = np.zeros(n, dtype=int)
        raw["diffraction"] = np.random.default_rng(0).random((n, 12, 14), dtype=np.float32)
        raw["probeGuess"], raw["objectGuess"] = file["probe"], file["object"]
    return path


def test_a_sound_product_has_nothing_wrong(product):
    report = validate_file(product)
    assert report
    assert report.problems == (), str(report)


@pytest.mark.parametrize("name", all_products())
def test_what_releases_wrote_is_valid(name):
    report = validate_file(product_path(name))
    assert report, str(report)
    assert report.warnings


def attribute(key, value, place="/"):
    def change(file):
        if value is None:
            del file[place].attrs[key]
        else:
            file[place].attrs[key] = value

    return change


def dataset(key, change, attrs=None):
    def apply(file):
        if change is None:
            del file[key]
        else:
            rewrite(file, key, change(file[key][()] if key in file else None), attrs)

    return apply


def group_in_place(key):
    def change(file):
        del file[key]
        file.create_group(key)

    return change


def both(*changes):
    def change(file):
        for one in changes:
            one(file)

    return change


def at(index, value):
    def change(values):
        values = values.copy()
        values[index] = value
        return values

    return change


X, Y, INDEXES = "probe_position_x_m", "probe_position_y_m", "probe_position_indexes"

BROKEN = {
    # what is missing
    "no name": (attribute("name", None), "name", "error"),
    "no comments": (attribute("comments", None), "comments", "error"),
    "no exposure": (attribute("exposure_time_s", None), "exposure_time_s", "error"),
    "no distance": (
        attribute("detector_object_distance_m", None),
        "detector_object_distance_m",
        "error",
    ),
    "no energy": (
        both(attribute("photon_energy_eV", None), attribute("probe_energy_eV", None)),
        "photon_energy_eV",
        "error",
    ),
    "no old energy": (attribute("probe_energy_eV", None), "probe_energy_eV", "warning"),
    "no attenuation for 1.7": (
        attribute("mass_attenuation_m2_per_kg", None),
        "mass_attenuation_m2_per_kg",
        "warning",
    ),
    "no photon count": (attribute("probe_photon_count", None), "probe_photon_count", "warning"),
    "no x": (dataset(X, None), X, "error"),
    "no y": (dataset(Y, None), Y, "error"),
    "no indexes": (dataset(INDEXES, None), INDEXES, "error"),
    "no probe": (dataset("probe", None), "probe", "error"),
    "no object": (dataset("object", None), "object", "error"),
    "object a group": (group_in_place("object"), "object", "error"),
    "no spacing": (dataset("object_layer_spacing_m", None), "object_layer_spacing_m", "error"),
    "no pixel width": (
        attribute("pixel_width_m", None, "object"),
        "object.pixel_width_m",
        "error",
    ),
    "no probe pixel": (attribute("pixel_height_m", None, "probe"), "probe.pixel_height_m", "error"),
    "no center": (attribute("center_x_m", None, "object"), "object.center_x_m", "error"),
    "no losses": (
        both(*(dataset(key, None) for key in ("loss_values", "losses", "costs"))),
        "loss_values",
        "error",
    ),
    "no costs": (dataset("costs", None), "costs", "warning"),
    "no epochs": (dataset("loss_epochs", None), "loss_epochs", "warning"),
    "no format id": (attribute("format_id", None), "format_id", "warning"),
    # types
    "energy as text": (attribute("photon_energy_eV", "8 keV"), "photon_energy_eV", "error"),
    "energy as array": (attribute("photon_energy_eV", [8e3]), "photon_energy_eV", "error"),
    "energy complex": (attribute("photon_energy_eV", 1j), "photon_energy_eV", "error"),
    "energy empty": (attribute("photon_energy_eV", h5py.Empty("f8")), "photon_energy_eV", "error"),
    "name a number": (attribute("name", 3.0), "name", "error"),
    "name an array": (attribute("name", [1, 2]), "name", "error"),
    "name as bytes": (attribute("name", np.bytes_("scan")), "name", "warning"),
    "polarization a number": (attribute("polarization", 1), "polarization", "error"),
    "far_field 7": (attribute("far_field", 7), "far_field", "warning"),
    # values
    "energy 0": (
        both(attribute("photon_energy_eV", 0.0), attribute("probe_energy_eV", 0.0)),
        "photon_energy_eV",
        "warning",
    ),
    "distance 0": (
        attribute("detector_object_distance_m", 0.0),
        "detector_object_distance_m",
        "warning",
    ),
    "distance nan": (
        attribute("detector_object_distance_m", np.nan),
        "detector_object_distance_m",
        "warning",
    ),
    "photon count nan": (attribute("probe_photon_count", np.nan), "probe_photon_count", "error"),
    "negative exposure": (attribute("exposure_time_s", -1.0), "exposure_time_s", "warning"),
    "energies differ": (attribute("probe_energy_eV", 1.0), "probe_energy_eV", "warning"),
    "pixel 0": (attribute("pixel_width_m", 0.0, "object"), "object.pixel_width_m", "error"),
    "pixel inf": (attribute("pixel_width_m", np.inf, "probe"), "probe.pixel_width_m", "error"),
    "center nan": (attribute("center_y_m", np.nan, "object"), "object.center_y_m", "error"),
    "pixels differ": (attribute("pixel_width_m", 1e-7, "probe"), "probe.pixel_width_m", "warning"),
    # arrays
    "probe real": (dataset("probe", np.abs), "probe", "error"),
    "object real": (dataset("object", np.abs), "object", "error"),
    "probe 1-D": (dataset("probe", np.ravel), "probe", "error"),
    "probe 5-D": (dataset("probe", lambda p: p[None]), "probe", "error"),
    "object 4-D": (dataset("object", lambda o: o[None]), "object", "error"),
    "object of text": (dataset("object", lambda _: "text"), "object", "error"),
    "object without rows": (dataset("object", lambda o: o[:, :0]), "object", "error"),
    "x 2-D": (dataset(X, lambda x: x[:, None]), X, "error"),
    "x integers": (dataset(X, lambda x: np.zeros(x.shape, int)), X, "error"),
    "x complex": (dataset(X, lambda x: x + 0j), X, "error"),
    "x scalar": (dataset(X, lambda x: x[0]), X, "error"),
    "x short": (dataset(X, lambda x: x[:-1]), X, "error"),
    "indexes short": (dataset(INDEXES, lambda i: i[:-1]), INDEXES, "error"),
    "indexes floating": (dataset(INDEXES, lambda i: i * 1.0), INDEXES, "error"),
    "x nan": (dataset(X, at(3, np.nan)), X, "error"),
    "y inf": (dataset(Y, at(0, np.inf)), Y, "error"),
    "indexes equal": (dataset(INDEXES, np.zeros_like), INDEXES, "warning"),
    "indexes twice": (dataset(INDEXES, at(1, 0)), INDEXES, "warning"),
    "counts short": (
        dataset("probe_photon_counts", lambda _: np.ones(5)),
        "probe_photon_counts",
        "error",
    ),
    "counts negative": (
        dataset("probe_photon_counts", lambda _: -np.ones(23)),
        "probe_photon_counts",
        "error",
    ),
    "spacing for one layer": (
        dataset("object_layer_spacing_m", lambda _: np.ones(1)),
        "object_layer_spacing_m",
        "error",
    ),
    "layers without spacing": (
        dataset("object", lambda o: np.concatenate([o, o])),
        "object_layer_spacing_m",
        "error",
    ),
    "weights floating": (
        dataset("opr_weights", lambda _: np.ones((23, 1), int)),
        "opr_weights",
        "error",
    ),
    "weights 1-D": (dataset("opr_weights", lambda _: np.ones(23)), "opr_weights", "error"),
    "weights columns": (dataset("opr_weights", lambda _: np.ones((23, 2))), "opr_weights", "error"),
    "weights rows": (dataset("opr_weights", lambda _: np.ones((22, 1))), "opr_weights", "error"),
    "weights on the probe only": (
        attribute("opr_weights", np.ones((23, 1)), "probe"),
        "probe.opr_weights",
        "warning",
    ),
    "weights disagree": (
        both(
            attribute("opr_weights", np.ones((23, 1)), "probe"),
            dataset("opr_weights", lambda _: np.zeros((23, 1))),
        ),
        "probe.opr_weights",
        "warning",
    ),
    "weights of text": (
        both(
            attribute("opr_weights", ["a", "b"], "probe"),
            dataset("opr_weights", lambda _: np.array([b"a", b"b"])),
        ),
        "probe.opr_weights",
        "error",
    ),
    "losses differ": (dataset("costs", lambda c: c + 1), "costs", "warning"),
    "losses complex": (dataset("loss_values", lambda v: v + 1j), "loss_values", "error"),
    "epochs short": (dataset("loss_epochs", lambda e: e[:-1]), "loss_epochs", "error"),
    # the frame
    "center elsewhere": (attribute("center_x_m", 1e-3, "object"), X, "warning"),
    # /raw_data
    "raw data not told": (attribute("contains_raw_data", None), "contains_raw_data", "warning"),
    "raw data only told": (dataset("raw_data", None), "contains_raw_data", "error"),
    "no xcoords": (dataset("raw_data/xcoords", None), "/raw_data/xcoords", "error"),
    "xcoords short": (dataset("raw_data/xcoords", lambda x: x[1:]), "/raw_data/xcoords", "error"),
    "start nan": (
        dataset("raw_data/ycoords_start", at(1, np.nan)),
        "/raw_data/ycoords_start",
        "error",
    ),
    "xcoords others": (dataset("raw_data/xcoords", at(1, 9.0)), "/raw_data/xcoords", "warning"),
    "patterns flat": (
        dataset("raw_data/diffraction", lambda d: d[0]),
        "/raw_data/diffraction",
        "error",
    ),
    "patterns turned": (
        dataset("raw_data/diffraction", lambda d: np.moveaxis(d, 0, -1)),
        "/raw_data/diffraction",
        "error",
    ),
    "patterns complex": (
        dataset("raw_data/diffraction", lambda d: d + 0j),
        "/raw_data/diffraction",
        "error",
    ),
    "no patterns": (dataset("raw_data/diffraction", None), "/raw_data/diffraction", "warning"),
    "scan index short": (
        dataset("raw_data/scan_index", lambda s: s[1:]),
        "/raw_data/scan_index",
        "error",
    ),
    "no probe link": (dataset("raw_data/probeGuess", None), "/raw_data/probeGuess", "warning"),
    "another object": (
        dataset("raw_data/objectGuess", lambda o: o[0]),
        "/raw_data/objectGuess",
        "warning",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_one_thing_broken(product, case):
    change, key, severity = BROKEN[case]
    with h5py.File(product, "r+") as file:
        change(file)
    report = validate_file(product)
    assert key in found(report, severity), str(report)
    assert bool(report) is not bool(report.errors)
    if severity == "warning":
        assert not report.errors, str(report)
    json.dumps(report.as_dict())


def test_many_things_broken_are_all_reported(product):
    cases = (
        "no name",
        "energy as array",
        "distance 0",
        "probe real",
        "x nan",
        "indexes twice",
        "layers without spacing",
        "weights columns",
        "epochs short",
        "patterns turned",
    )
    with h5py.File(product, "r+") as file:
        for case in cases:
            BROKEN[case][0](file)
    report = validate_file(product)
    for case in cases:
        _, key, severity = BROKEN[case]
        assert key in found(report, severity), str(report)


def test_positions_from_the_corner_are_recognised(product):
    with h5py.File(product, "r+") as file:
        file["object"].attrs["center_x_m"] = file["object"].attrs["center_y_m"] = 0.0
    (problem,) = validate_file(product).problems
    assert "corner" in problem.problem
    assert "ds.ptyxr.register()" in problem.remedy
    assert "of 23 probe windows" in problem.found


def test_a_moved_frame_is_no_problem(product):
    with h5py.File(product, "r+") as file:
        by = 1e-3
        rewrite(file, X, file[X][()] + by)
        file["object"].attrs["center_x_m"] += by
    assert validate_file(product).problems == ()


def test_a_product_without_points_is_read(product):
    with h5py.File(product, "r+") as file:
        del file["raw_data"], file.attrs["contains_raw_data"]
        for key in (X, Y, INDEXES):
            rewrite(file, key, [])
    report = validate_file(product)
    assert report, str(report)
    assert X in found(report, "warning")


def not_there(path):
    pass


@pytest.mark.parametrize(
    "make",
    [
        not_there,
        Path.mkdir,
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"\x1f\x8b\x08"),
        lambda path: path.write_text(
            "version https://git-lfs.github.com/spec/v1\n", encoding="utf-8"
        ),
        lambda path: path.write_bytes(b"\x89HDF\r\n\x1a\n" + b"\0" * 100),
        lambda path: path.write_bytes(product_path().read_bytes()[:9000]),
        lambda path: h5py.File(path, "w").close(),
        lambda path: path.symlink_to(path),
    ],
    ids=[
        "missing",
        "folder",
        "empty",
        "gzip",
        "LFS",
        "magic only",
        "truncated",
        "no product",
        "loop",
    ],
)
def test_what_is_no_product_gives_one_error(tmp_path, make):
    path = tmp_path / "file.h5"
    make(path)
    report = validate_file(path)
    assert len(report.errors) == 1, str(report)
    assert len(report.problems) == 1
    assert report.file == str(path)


def test_what_is_not_recognised_is_named_once(tmp_path):
    path = tmp_path / "file.h5"
    path.write_bytes(b"garbage")
    report = validate_file(path)
    assert str(report).count(str(path)) == 1
    assert report.problems[0].key == ""
    missing = validate_file(tmp_path / "none.h5")
    assert str(missing).count("none.h5") == 1


@pytest.mark.parametrize("key", ["probe", "raw_data/diffraction", "raw_data/objectGuess", "extra"])
def test_what_leads_out_of_the_file_is_said_once(product, key):
    with h5py.File(product, "r+") as file:
        if key in file:
            del file[key]
        file[key] = h5py.ExternalLink("/etc/passwd", "/probe")
    report = validate_file(product)
    assert [p.key for p in report.problems].count(f"/{key}") == 1
    assert f"/{key}" in found(report, "error"), str(report)
    assert key not in found(report)


def test_what_cannot_be_read_is_said(product):
    with h5py.File(product, "r+") as file:
        del file["object_layer_spacing_m"]
        for key in ("object_layer_spacing_m", "extra"):
            file[key] = h5py.SoftLink("/nowhere")
    report = validate_file(product)
    assert found(report, "error") == {"/object_layer_spacing_m"}
    assert found(report, "warning") == {"/extra"}


def test_damaged_bytes_never_raise(product, tmp_path):
    whole = product.read_bytes()
    rng = np.random.default_rng(1)
    path = tmp_path / "damaged.h5"
    for _ in range(60):
        damaged = bytearray(whole)
        for place in rng.integers(8, min(len(whole), 12000), 8):
            damaged[place] = rng.integers(256)
        path.write_bytes(damaged)
        assert isinstance(validate_file(path), Report)


def test_what_opening_raises_is_reported(product, monkeypatch):
    def refuse(*args, **kwargs):
        raise InvalidDataError("something new", key="there")

    monkeypatch.setattr(PtychodusBackend, "open_dataset", refuse)
    assert found(validate_file(product), "error") == {"there"}


# --- the source ----------------------------------------------------------------------------------


def snapshot(path):
    file = HDF5File(path)
    return file, file.group(), file.group("raw_data")


@pytest.fixture
def source(product):
    with h5py.File(product) as file:
        raw = file["raw_data"]
        names = ("xcoords", "ycoords", "xcoords_start", "ycoords_start", "scan_index")
        members = {name: raw[name][()] for name in names}
        members["diff3d"] = raw["diffraction"][()]
        # An NPZ has more digits than the product, and fewer axes.
        members["probeGuess"] = file["probe"][0, 0].astype(complex) * (1 + 1e-12)
        members["objectGuess"] = file["object"][0].astype(complex)
    return members


def compare(product, members):
    file, group, raw = snapshot(product)
    with_arrays = {name: MemoryArray(values) for name, values in members.items()}
    try:
        return check_source(group, raw, with_arrays)
    finally:
        file.close()


def test_the_source_of_a_product_agrees(product, source):
    report = compare(product, source)
    assert report.problems == (), str(report)
    assert compare(product, {**source, "xcoords": source["xcoords"] + 1e-9}).problems == ()
    assert (
        compare(product, {**source, "probeGuess": source["probeGuess"][..., None]}).problems == ()
    )


@pytest.mark.parametrize(
    ("member", "change", "key", "severity"),
    [
        ("xcoords", lambda v: v[1:], X, "error"),
        ("xcoords", lambda v: v * 1.001, X, "error"),
        ("ycoords", lambda v: v + 7, Y, "warning"),
        ("xcoords_start", lambda v: v + 1, "/raw_data/xcoords_start", "error"),
        ("probeGuess", lambda v: v * 2, "probe", "error"),
        ("probeGuess", lambda v: v[1:], "probe", "error"),
        ("probeGuess", lambda v: np.stack([v, v]), "probe", "error"),
        ("objectGuess", lambda v: v.T, "object", "error"),
        ("diff3d", lambda v: v[:, :-1], "/raw_data/diffraction", "error"),
        ("diff3d", lambda v: v * 2, "/raw_data/diffraction", "error"),
        ("scan_index", lambda v: v + 1, "scan_index", "error"),
    ],
)
def test_another_source_is_found_out(product, source, member, change, key, severity):
    report = compare(product, {**source, member: change(source[member])})
    assert key in found(report, severity), str(report)


def test_what_was_left_behind_is_told(product, source):
    with h5py.File(product, "r+") as file:
        del file["raw_data/diffraction"], file["raw_data/xcoords_start"]
    report = compare(product, source)
    assert report
    assert found(report) == {"/raw_data/diffraction", "/raw_data/xcoords_start"}


@pytest.mark.parametrize("stored", ["NHW", "HWN", "HNW", "diffraction"])
def test_a_source_is_read_from_npz(product, source, tmp_path, stored):
    path = tmp_path / "source.npz"
    patterns = source.pop("diff3d")
    if stored == "HWN":
        patterns = np.moveaxis(patterns, 0, -1)
    elif stored == "HNW":
        patterns = np.moveaxis(patterns, 0, 1)
    name = "diffraction" if stored == "diffraction" else "diff3d"
    np.savez(path, **source, **{name: patterns})
    assert validate_file(product, path).problems == ()
    patterns = patterns + 1
    np.savez(path, **{**source, "xcoords": source["xcoords"] * 2}, **{name: patterns})
    assert {X, "/raw_data/diffraction"} <= found(validate_file(product, path), "error")


def test_a_source_of_start_positions_only(product, source, tmp_path):
    path = tmp_path / "source.npz"
    for name in ("xcoords", "ycoords"):
        source[f"{name}_start"] = source.pop(name)
    np.savez(path, **source)
    # They count as the positions too, as on opening.
    keys = {"/raw_data/xcoords_start", "/raw_data/ycoords_start"}
    assert found(validate_file(product, path)) == keys


def test_what_is_no_source_is_named(product, npz, tmp_path):
    other = tmp_path / "none.npz"
    for source in (product, other, tmp_path):
        (problem,) = validate_file(product, source).problems
        assert problem.key == str(source)
    np.savez(other, a=np.ones(3))
    (problem,) = validate_file(product, other).problems
    assert problem.key == "source"
    assert "source" in found(validate_file(npz, npz), "error")


def test_a_further_container_is_a_further_entry(product, source, tmp_path, monkeypatch):
    path = tmp_path / "source.other"
    path.write_bytes(b"OTHER")

    @contextmanager
    def read(given):
        assert given == path
        yield {name: MemoryArray(values) for name, values in source.items()}

    other = FileCheck("other", lambda start: start == b"OTHER", read_source=read)
    monkeypatch.setattr(validation, "FILE_CHECKS", [*validation.FILE_CHECKS, other])
    assert validate_file(product, path).problems == ()
    assert len(validate_file(path).errors) == 1


# --- PtychoPINN datasets --------------------------------------------------------------------------


@pytest.fixture
def members():
    """A PtychoPINN dataset that has nothing wrong with it, not even a warning."""
    rng = np.random.default_rng(3)
    x, y = rng.uniform(20, 40, (2, 9))
    return {
        "xcoords": x,
        "ycoords": y,
        "xcoords_start": x + 0.5,
        "ycoords_start": y,
        "diff3d": rng.random((9, 8, 8), dtype=np.float32),
        "probeGuess": np.ones((8, 8), complex),
        "objectGuess": np.ones((60, 61), complex),
        "scan_index": np.zeros(9, int),
        "_metadata": np.array(json.dumps({"schema_version": "1.0.0"})),
    }


def saved(path, members):
    np.savez(path, **members)
    return path


def test_a_sound_dataset_file_has_nothing_wrong(members, tmp_path):
    report = validate_file(saved(tmp_path / "scan.npz", members))
    assert report.problems == (), str(report)


def test_what_the_tutorial_writes_is_valid(npz):
    assert validate_file(npz).problems == ()


def test_what_ptyxr_writes_is_valid(npz, tmp_path):
    path = tmp_path / "back.npz"
    with PtychoPINNBackend().open_dataset(npz) as ds:
        to_npz(ds, path)
    assert validate_file(path).problems == ()


def pickled(value):
    return np.array(value, dtype=object)


NPZ_BROKEN = {
    "no x": ({"xcoords": None}, "xcoords", "error"),
    "no y": ({"ycoords": None}, "ycoords", "error"),
    "no x at all": ({"xcoords": None, "xcoords_start": None}, "xcoords", "error"),
    "no probe": ({"probeGuess": None}, "probeGuess", "error"),
    "no start": ({"ycoords_start": None}, "ycoords_start", "warning"),
    "no patterns": ({"diff3d": None}, "diff3d", "warning"),
    "x 2-D": ({"xcoords": lambda x: x[:, None]}, "xcoords", "error"),
    "x complex": ({"xcoords": lambda x: x + 0j}, "xcoords", "error"),
    "x text": ({"xcoords": lambda x: x.astype(str)}, "xcoords", "error"),
    "x short": ({"xcoords": lambda x: x[1:]}, "xcoords", "error"),
    "start short": ({"xcoords_start": lambda x: x[1:]}, "xcoords_start", "error"),
    "x nan": ({"xcoords": at(2, np.nan)}, "xcoords", "error"),
    "start inf": ({"ycoords_start": at(2, np.inf)}, "ycoords_start", "error"),
    "patterns of others": ({"diff3d": lambda d: d[1:]}, "diff3d", "error"),
    "patterns flat": ({"diff3d": lambda d: d[0]}, "diff3d", "error"),
    "patterns complex": ({"diff3d": lambda d: d + 0j}, "diff3d", "error"),
    "patterns oblong": ({"diff3d": lambda d: d[:, 1:]}, "diff3d", "error"),
    "patterns empty": ({"diff3d": lambda d: d[:, :0, :0]}, "diff3d", "error"),
    "patterns HWN": ({"diff3d": lambda d: np.moveaxis(d, 0, -1)}, "diff3d", "warning"),
    "patterns NHW1": ({"diff3d": lambda d: d[..., None]}, "diff3d", "warning"),
    "patterns twice": ({"diffraction": lambda _: np.ones((9, 8, 8))}, "diffraction", "warning"),
    "probe real": ({"probeGuess": np.abs}, "probeGuess", "error"),
    "probe 1-D": ({"probeGuess": np.ravel}, "probeGuess", "error"),
    "probe 4-D": ({"probeGuess": lambda p: p[None, None]}, "probeGuess", "error"),
    "probe of modes": ({"probeGuess": lambda p: np.stack([p, p])}, "probeGuess", "warning"),
    "probe HW1": ({"probeGuess": lambda p: p[..., None]}, "probeGuess", "warning"),
    "probe of another size": ({"probeGuess": lambda p: p[1:, 1:]}, "probeGuess", "warning"),
    "object real": ({"objectGuess": np.abs}, "objectGuess", "error"),
    "object 3-D": ({"objectGuess": lambda o: o[None]}, "objectGuess", "error"),
    "index short": ({"scan_index": lambda s: s[1:]}, "scan_index", "error"),
    "index floating": ({"scan_index": lambda s: s * 1.0}, "scan_index", "error"),
    "bad pixels as numbers": ({"bad_pixels": lambda _: np.ones((8, 8))}, "bad_pixels", "error"),
    "bad pixels of others": (
        {"bad_pixels": lambda _: np.ones((8, 7), bool)},
        "bad_pixels",
        "error",
    ),
    "metadata pickled": ({"_metadata": lambda m: pickled(str(m))}, "_metadata", "warning"),
    "metadata a dict": ({"_metadata": lambda _: pickled({"a": 1})}, "_metadata", "warning"),
    "metadata no JSON": ({"_metadata": lambda _: np.array("{")}, "_metadata", "warning"),
    "metadata a list": ({"_metadata": lambda _: np.array("[1]")}, "_metadata", "warning"),
    "metadata numbers": ({"_metadata": lambda _: np.ones(3)}, "_metadata", "warning"),
    "object pickled None": ({"objectGuess": lambda _: pickled(None)}, "objectGuess", "warning"),
    "patterns pickled None": ({"diff3d": lambda _: pickled(None)}, "diff3d", "warning"),
    "probe pickled None": ({"probeGuess": lambda _: pickled(None)}, "probeGuess", "error"),
    "probe pickled": ({"probeGuess": lambda p: p.astype(object)}, "probeGuess", "error"),
    "index pickled": ({"scan_index": lambda s: s.astype(object)}, "scan_index", "error"),
    "more pickled": ({"more": lambda _: pickled({"a": 1})}, "more", "warning"),
    "more": ({"more": lambda _: np.ones(2)}, "more", "warning"),
}


def broken(members, *cases):
    for case in cases:
        for name, change in NPZ_BROKEN[case][0].items():
            if change is None:
                del members[name]
            else:
                members[name] = change(members.get(name))
    return members


@pytest.mark.parametrize("case", NPZ_BROKEN)
def test_one_thing_broken_in_a_dataset_file(members, tmp_path, case):
    report = validate_file(saved(tmp_path / "scan.npz", broken(members, case)))
    _, key, severity = NPZ_BROKEN[case]
    assert key in found(report, severity), str(report)
    # Whatever it is, it is said once, and nothing else is said for it.
    assert len(report.errors) == (severity == "error"), str(report)
    json.dumps(report.as_dict())


def test_many_things_broken_in_a_dataset_file(members, tmp_path):
    cases = (
        "no start",
        "x nan",
        "patterns oblong",
        "probe real",
        "object 3-D",
        "index short",
        "metadata no JSON",
        "more pickled",
    )
    report = validate_file(saved(tmp_path / "scan.npz", broken(members, *cases)))
    for case in cases:
        assert NPZ_BROKEN[case][1] in found(report, NPZ_BROKEN[case][2]), str(report)


def test_nothing_is_unpickled(members, tmp_path):
    sprung = tmp_path / "sprung"

    class Trap:
        def __reduce__(self):
            return Path.touch, (sprung,)

    for name in ("objectGuess", "_metadata", "more"):
        members[name] = pickled(Trap())
    report = validate_file(saved(tmp_path / "scan.npz", members))
    assert found(report) == {"objectGuess", "_metadata", "more"}
    assert not sprung.exists()


def test_an_npz_of_something_else_gives_one_error(members, tmp_path):
    path = tmp_path / "other.npz"
    for content in ({}, {"a": np.ones(2)}, {**members, X: np.ones(2)}):
        (problem,) = validate_file(saved(path, content)).problems
        assert "no PtychoPINN dataset" in problem.problem
    whole = saved(path, members).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert len(validate_file(path).errors) == 1


def test_damaged_bytes_of_an_npz_never_raise(members, tmp_path):
    path = saved(tmp_path / "scan.npz", members)
    whole = path.read_bytes()
    rng = np.random.default_rng(1)
    for _ in range(200):
        damaged = bytearray(whole)
        for place in rng.integers(4, len(whole), 8):
            damaged[place] = rng.integers(256)
        path.write_bytes(damaged)
        assert isinstance(validate_file(path), Report)


def test_what_opening_a_dataset_file_raises_is_reported(npz, monkeypatch):
    def refuse(*args, **kwargs):
        raise InvalidDataError("something new", key="there")

    monkeypatch.setattr(PtychoPINNBackend, "open_dataset", refuse)
    assert found(validate_file(npz), "error") == {"there"}


# --- datasets ------------------------------------------------------------------------------------


@pytest.fixture
def ds(product):
    with PtychodusBackend().open_dataset(product) as ds:
        yield ds


def test_a_sound_dataset_has_nothing_wrong(ds):
    assert validate_dataset(ds).problems == ()
    assert validate_dataset(xr.Dataset())


def test_only_coordinates_are_loaded(ds):
    validate_dataset(ds)
    for name in ("object", "probe", "diffraction"):
        assert not ds.variables[name]._in_memory


def assigned(name, values, unit, dims=("position",)):
    return lambda ds: ds.assign_coords({name: unit_variable(dims, values, unit, quantified=True)})


def uneven(ds):
    labels = np.arange(52.0) ** 2
    variable = xr.Variable("object_x", labels, {"units": "m"})
    return ds.drop_vars("object_x").assign_coords(object_x=variable)


N = 23
WRONG = {
    "bare positions": (
        lambda ds: ds.assign_coords(position_x=("position", np.zeros(N))),
        "position_x",
        "error",
    ),
    "positions in eV": (
        assigned("position_x", np.zeros(N), "electron_volt"),
        "position_x",
        "error",
    ),
    "CSS pixels": (
        lambda ds: ds.assign_coords(
            position_x=("position", np.zeros(N), {"units": "css_pixel"}),
        ),
        "position_x",
        "error",
    ),
    "positions nan": (assigned("position_y", np.full(N, np.nan), "meter"), "position_y", "error"),
    "positions in pixels": (assigned("position_x", np.ones(N), "pixel"), "position_x", "warning"),
    "pixels of no size": (
        lambda ds: assigned("position_x", np.ones(N), "pixel")(ds).drop_vars("object_pixel_width"),
        "position_x",
        "error",
    ),
    "far away": (assigned("position_x", np.full(N, 1.0), "meter"), "position_x", "warning"),
    "energy in m": (assigned("photon_energy", 1.0, "meter", ()), "photon_energy", "error"),
    "pixel size 0": (
        assigned("probe_pixel_width", 0.0, "meter / pixel", ()),
        "probe_pixel_width",
        "error",
    ),
    "pixel size of another": (
        assigned("object_pixel_width", 5e-8, "meter / pixel", ()),
        "object_pixel_width",
        "warning",
    ),
    "no grid": (uneven, "object_x", "error"),
    "object real": (lambda ds: ds.assign(object=abs(ds["object"])), "object", "error"),
    "object turned": (
        lambda ds: ds.assign(object=ds["object"].transpose("object_x", ...)),
        "object",
        "error",
    ),
    "a series of objects": (
        lambda ds: ds.assign(object=ds["object"].expand_dims(run=2)),
        "object",
        "warning",
    ),
    "no object": (lambda ds: ds.drop_vars("object"), "object", "warning"),
    "no energy": (lambda ds: ds.drop_vars("photon_energy"), "photon_energy", "warning"),
    "spacing for one layer": (
        lambda ds: assigned(
            "object_layer_spacing", np.ones(3), "meter", ("object_layer_interface",)
        )(ds.drop_vars("object_layer_spacing")),
        "object_layer_spacing",
        "error",
    ),
    "weights of integers": (
        lambda ds: ds.assign(opr_weights=(("position", "coherent_mode"), np.ones((N, 1), int))),
        "opr_weights",
        "error",
    ),
    "weights of other points": (
        lambda ds: ds.assign(opr_weights=(("opr_entry", "coherent_mode"), np.ones((3, 1)))),
        "opr_weights",
        "error",
    ),
    "indexes equal": (
        lambda ds: ds.assign_coords(position_index=("position", np.zeros(N, int))),
        "position_index",
        "warning",
    ),
    "positions as data": (lambda ds: ds.reset_coords("position_x"), "position_x", "error"),
    "a number for a name": (lambda ds: ds.assign_attrs(name=3), "name", "error"),
}


@pytest.mark.parametrize("case", WRONG)
def test_one_thing_wrong_in_a_dataset(ds, case):
    change, key, severity = WRONG[case]
    report = validate_dataset(change(ds))
    assert key in found(report, severity), str(report)
    if severity == "warning":
        assert not report.errors, str(report)


REMEDIED = {
    "object real": lambda ds: ds.assign(object=abs(ds["object"])),
    "patterns complex": lambda ds: ds.assign(diffraction=ds["diffraction"] + 0j),
    "indexes of floats": lambda ds: ds.assign_coords(
        position_index=("position", np.arange(N) + 0.0)
    ),
    "detector pixels of no size": assigned("detector_pixel_width", 0.0, "meter / pixel", ()),
    "object pixels of no size": assigned("object_pixel_width", 0.0, "meter / pixel", ()),
    "positions in pixels": WRONG["pixels of no size"][0],
    "fewer weights": WRONG["weights of other points"][0],
    "more weights": lambda ds: ds.assign(
        opr_weights=(("opr_entry", "coherent_mode"), np.ones((N + 3, 1)))
    ),
    "energy nan": assigned("photon_energy", np.nan, "electron_volt", ()),
}


@pytest.mark.parametrize("case", REMEDIED)
def test_what_a_report_advises_puts_it_right(ds, case):
    wrong = REMEDIED[case](ds)
    problem = next(p for p in validate_dataset(wrong).problems)
    advice = re.search(r"ds\.\w.*\)", problem.remedy)
    assert advice, problem.remedy
    right = eval(advice[0], {"ds": wrong, "ptyxr": ptyxr, "np": np})
    assert (problem.key, problem.problem) not in {
        (p.key, p.problem) for p in validate_dataset(right).problems
    }


def test_pixels_of_the_probe_are_told_as_the_report_advises(product, tmp_path):
    path = shutil.copyfile(product, tmp_path / "other.h5")
    with h5py.File(path, "a") as file:
        for side in ("width", "height"):
            file["probe"].attrs[f"pixel_{side}_m"] = 9e-8
    problem = next(p for p in validate_file(path).problems if p.key == "probe.pixel_width_m")
    advice = re.search(r"ds\.\w.*\)", problem.remedy)
    with ptyxr.open_dataset(path) as ds:
        right = eval(advice[0], {"ds": ds})
    np.testing.assert_allclose(float(right.probe_pixel_width), 5e-8)


@pytest.mark.parametrize(
    "change",
    [
        lambda ds: ds.isel(object_layer=0),
        lambda ds: ds.isel(incoherent_mode=0, coherent_mode=0),
        lambda ds: ds.isel(object_x=slice(1, 50)),
        lambda ds: ds.chunk(),
        lambda ds: ds.drop_vars(["object_x", "object_y"]),
    ],
    ids=["layer", "mode", "columns", "chunks", "no axes"],
)
def test_what_may_be_selected_stays_valid(ds, change):
    assert validate_dataset(change(ds)).errors == ()


def test_many_things_wrong_in_a_dataset(ds):
    cases = ("bare positions", "energy in m", "no grid", "weights of integers", "indexes equal")
    for case in cases:
        ds = WRONG[case][0](ds)
    keys = found(validate_dataset(ds))
    assert {WRONG[case][1] for case in cases} <= keys


# --- reports -------------------------------------------------------------------------------------

ERROR = Problem("error", "a<b>", "it is wrong", "1", "2", "Do this")
WARNING = Problem("warning", "c", "it is odd")


def test_a_report_is_printed_counted_and_handed_on():
    report = Report("file.h5", (WARNING, ERROR))
    assert not report
    assert Report("file.h5", (WARNING,))
    assert str(report).splitlines() == [
        "file.h5: invalid, 1 error, 1 warning",
        "  error: 'a<b>': it is wrong: found 1, expected 2. Do this.",
        "  warning: 'c': it is odd",
    ]
    assert "a&lt;b&gt;" in report._repr_html_()
    assert "<b>" not in report._repr_html_()
    assert json.loads(json.dumps(report.as_dict()))["errors"][0]["remedy"] == "Do this"
    assert report + report == report


def test_errors_are_raised_all_at_once():
    Report(None, (WARNING,)).raise_if_errors()
    with pytest.raises(ValidationError) as caught:
        Report("file.h5", (ERROR, WARNING, Problem("error", "d", "no"))).raise_if_errors()
    error = caught.value
    assert isinstance(error, ExceptionGroup)
    assert isinstance(error, PtyxrError)
    assert [one.key for one in error.exceptions] == ["a<b>", "d"]
    assert error.file == "file.h5"
    assert "file.h5" in str(error)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is ValidationError
    assert (str(again), again.file, len(again.exceptions)) == (str(error), "file.h5", 2)
    part, rest = error.split(lambda one: getattr(one, "key", None) == "d")
    assert type(part) is type(rest) is ValidationError


def test_except_star_takes_the_errors_apart():
    caught = []
    try:
        Report(None, (ERROR,)).raise_if_errors()
    except* InvalidDataError as group:
        caught = list(group.exceptions)
    assert len(caught) == 1


def test_findings_of_exceptions():
    findings = Findings("f")
    findings.exception(OSError("disk"), "k")
    findings.exception(InvalidDataError("bad", key="own", found=1), "k")
    first, second = findings.report().problems
    assert (first.key, first.found) == ("k", "OSError: disk")
    assert (second.key, second.found) == ("own", "1")


def test_quantities_in_any_registry_unit_are_fine(ds):
    ds = ds.assign_coords(photon_energy=((), quantity(8.5, "kiloelectron_volt")))
    assert validate_dataset(ds).errors == ()


@pytest.mark.parametrize(
    ("name", "value"),
    [("object_pixel_width", "50 m/pixel"), ("photon_energy", "-8 keV"), ("exposure_time", "-1 s")],
)
def test_numbers_that_no_experiment_has(product, name, value):
    ds = xr.open_dataset(product, engine="ptychodus")
    strange = ds.assign_coords({name: ptyxr.ureg.Quantity(value)})
    report = strange.ptyxr.validate()
    assert any(p.key == name and "no experiment" in p.problem for p in report.warnings)
    assert not any("no experiment" in p.problem for p in ds.ptyxr.validate().warnings)


def test_what_is_said_of_missing_positions_mends_them(ds):
    bad = ds.assign_coords(position_x=ds.position_x.where(ds.position_x != ds.position_x[0]))
    (problem,) = validate_dataset(bad).errors
    mended = eval(problem.remedy.split(": ", 1)[1], {"ds": bad, "np": np})
    assert mended.sizes["position"] < ds.sizes["position"]
    assert not validate_dataset(mended).errors
