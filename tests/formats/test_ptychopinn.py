"""PtychoPINN datasets open in pixels, whatever their layout, and nothing in them is executed."""

from __future__ import annotations

import io
import json
import pickle
import types
import warnings
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import ptyxr
import releases
from ptyxr.errors import FormatError, InvalidDataError, PtyxrError
from ptyxr.validation import validate_file

N, H, W = 5, 4, 6


def opened(path, **options):
    return xr.open_dataset(path, engine="ptychopinn", **options)


@pytest.fixture
def members():
    """Give the smallest dataset that has everything."""
    rng = np.random.default_rng(0)
    x, y = rng.random(N) * 8 + 6, rng.random(N) * 6 + 5
    return {
        "xcoords": x,
        "ycoords": y,
        "xcoords_start": x + 0.5,
        "ycoords_start": y - 0.5,
        "diff3d": rng.random((N, H, W)).astype("f4"),
        "probeGuess": (rng.random((H, W)) + 1j).astype("c8"),
        "objectGuess": rng.random((20, 22)) + 0j,
        "scan_index": np.arange(N),
    }


@pytest.fixture
def write(tmp_path):
    """Give the function that writes members, and returns the path."""

    def function(members, **more):
        path = tmp_path / "scan.npz"
        np.savez(path, **{k: v for k, v in {**members, **more}.items() if v is not None})
        return path

    return function


OPTIONS = [
    (),
    ("--legacy",),
    ("--compressed",),
    ("--metadata",),
    ("--legacy", "--compressed"),
    ("--repeat", "3"),
]


@pytest.mark.parametrize("options", OPTIONS, ids=" ".join)
def test_run1084(run1084, options):
    path = run1084(*options)
    with np.load(path) as file, opened(path) as ds:
        for axis in "xy":
            for name, key in ((f"position_{axis}", f"{axis}coords"),
                              (f"nominal_position_{axis}", f"{axis}coords_start")):  # fmt: skip
                np.testing.assert_array_equal(ds[name].data.magnitude, file[key])
                assert ds[name].pint.units == ptyxr.ureg.pixel
        np.testing.assert_array_equal(ds.object[0], file["objectGuess"])
        np.testing.assert_array_equal(ds.probe[0, 0], file["probeGuess"])
        legacy = "--legacy" in options
        stored = file["diffraction"].transpose(2, 0, 1) if legacy else file["diff3d"]
        assert ds.diffraction.dims == ("position", "detector_y", "detector_x")
        assert ds.diffraction.dtype == stored.dtype
        assert ds.diffraction.attrs["original_axis_order"] == ("HWN" if legacy else "NHW")
        assert ds.diffraction.attrs["quantity"] == "amplitude"
        np.testing.assert_array_equal(
            ds.diffraction.isel(position=[7, 2], detector_x=slice(None, None, -3)),
            stored[[7, 2], :, ::-3],
        )
        np.testing.assert_array_equal(ds.diffraction, stored)
        assert ds.attrs["pixel_origin"] == "corner"
        assert ds.object_x.data.magnitude[[0, -1]].tolist() == [0.5, 225.5]


def test_the_reconstruction_without_patterns(shared):
    ds = opened(shared("data/run1084_recon.npz"))
    assert "diffraction" not in ds
    assert ds.object.shape == (1, 227, 226)
    moved = [ds[f"position_{axis}"] - ds[f"nominal_position_{axis}"] for axis in "xy"]
    assert 3.2 < max(abs(by).max().data.magnitude for by in moved) < 3.4


@pytest.mark.parametrize("key", ["diff3d", "diffraction"])
@pytest.mark.parametrize("order", ["NHW", "HWN", "HNW", "NHW1"])
@pytest.mark.parametrize("fortran", [False, True])
@pytest.mark.parametrize("compressed", [False, True])
def test_layouts(members, tmp_path, key, order, fortran, compressed):
    patterns = members.pop("diff3d")
    axes = {"NHW": (0, 1, 2), "HWN": (1, 2, 0), "HNW": (1, 0, 2), "NHW1": (0, 1, 2)}[order]
    stored = patterns.transpose(axes)[..., *([np.newaxis] if order == "NHW1" else [])]
    stored = np.asfortranarray(stored) if fortran else np.ascontiguousarray(stored)
    save = np.savez_compressed if compressed else np.savez
    save(tmp_path / "scan.npz", **members, **{key: stored})
    ds = opened(tmp_path / "scan.npz")
    assert ds.diffraction.attrs["original_axis_order"] == order
    np.testing.assert_array_equal(ds.diffraction, patterns)
    np.testing.assert_array_equal(ds.diffraction[2, ::-1, [1, 0]], patterns[2, ::-1, [1, 0]].T)
    np.testing.assert_array_equal(ds.diffraction[[4, 1], 1], patterns[[4, 1], 1])


def test_a_cube_is_in_the_order_of_the_contract(members, write):
    cube = np.arange(N**3, dtype="f4").reshape(N, N, N)
    ds = opened(write(members, diff3d=cube))
    np.testing.assert_array_equal(ds.diffraction, cube)


def test_no_axis_of_the_length_of_the_scan(members, write):
    with pytest.raises(InvalidDataError, match=r"diff3d.*\(7, 8, 9\).*5 positions"):
        opened(write(members, diff3d=np.zeros((7, 8, 9))))


@pytest.mark.parametrize(
    ("dtype", "measurement", "quantity"),
    [
        ("u2", None, "counts"),
        ("i4", None, "counts"),
        ("f4", None, "amplitude"),
        ("f4", "counts", "counts"),
        ("u2", "amplitude", "amplitude"),
        ("f8", "unknown", "unknown"),
    ],
)
def test_quantity(members, write, dtype, measurement, quantity):
    path = write(members, diff3d=np.ones((N, H, W), dtype))
    assert opened(path, measurement=measurement).diffraction.attrs["quantity"] == quantity


def test_arguments_that_are_wrong(members, write):
    path = write(members)
    with pytest.raises(PtyxrError, match=r"measurement.*'intensity'.*'counts'"):
        opened(path, measurement="intensity")
    with pytest.raises(PtyxrError, match=r"origin.*'middle'.*'corner'"):
        opened(path, origin="middle")
    with pytest.raises(PtyxrError, match=r"object_pixel_size.*CSS"):
        opened(path, object_pixel_size=ptyxr.ureg.Quantity(1, "px"))


@pytest.mark.parametrize(("shape", "modes"), [((H, W), 1), ((3, H, W), 3), ((H, W, 1), 1)])
def test_probes(members, write, shape, modes):
    probe = (np.arange(np.prod(shape)) + 1j).astype("c16").reshape(shape)
    ds = opened(write(members, probeGuess=probe))
    assert ds.probe.shape == (1, modes, H, W)
    np.testing.assert_array_equal(ds.probe.values.ravel(), probe.ravel())


def test_an_object_may_be_missing(members, write):
    ds = opened(write(members, objectGuess=None))
    assert "object" not in ds
    filled = ds.ptyxr.fill_object()
    assert (filled.object == 1).all()
    assert filled.ptyxr.validate()


def test_a_none_that_to_file_pickled(members, write):
    ds = opened(write(members, objectGuess=np.array(None, dtype=object)))
    assert "object" not in ds


def test_pixel_sizes(members, write):
    ds = opened(write(members), object_pixel_size=("50 nm", "40 nm"), probe_pixel_size="1 um/px")
    m = ds.ptyxr.to("m")
    np.testing.assert_array_equal(m.position_x.data.magnitude, members["xcoords"] * 5e-8)
    np.testing.assert_array_equal(m.position_y.data.magnitude, members["ycoords"] * 4e-8)
    assert m.xindexes["probe_x"].grid.pitch == 1e-6


def test_from_file_objects_and_pickled(members, write):
    path = write(members)
    expected = opened(path).load()
    ptyxr.testing.assert_identical(opened(io.BytesIO(path.read_bytes())).load(), expected)
    lazy = pickle.loads(pickle.dumps(opened(path)))
    assert not lazy.variables["object"]._in_memory
    ptyxr.testing.assert_identical(lazy.load(), expected)
    with path.open("rb") as file:
        ds = opened(file)
        with pytest.raises(PtyxrError, match=r"\.load\(\)"):
            pickle.dumps(ds)
        ptyxr.testing.assert_identical(pickle.loads(pickle.dumps(ds.load())), expected)


# What pixel numbers are counted from


def centers(ds):
    return [ds.xindexes[f"object_{axis}"].grid.center for axis in "xy"]


def export(members, write, middle, **more):
    """Write what looks like an export of Ptychodus, its scan about the middle."""
    spread = np.linspace(-4, 4, N)
    x, y = middle[0] + spread, middle[1] + spread
    zeros = np.zeros(N, int)
    return write(
        members, xcoords=x, xcoords_start=x, ycoords=y, ycoords_start=y, scan_index=zeros, **more
    )


def test_origins(members, write):
    path = write(members)
    assert centers(opened(path, origin="corner")) == [11, 10]
    assert centers(opened(path, origin="pixel")) == [10.5, 9.5]
    assert centers(opened(path, origin="center")) == [0, 0]
    assert centers(opened(path)) == [11, 10]


def test_origin_by_bad_pixels_and_by_sign(members, write):
    ds = opened(write(members, bad_pixels=np.zeros((H, W), bool)))
    assert ds.attrs["pixel_origin"] == "pixel"
    assert ds.bad_pixels.dims == ("detector_y", "detector_x")
    assert opened(write(members, xcoords=members["xcoords"] - 10)).attrs["pixel_origin"] == "center"


def test_origin_of_exports(members, write):
    assert opened(export(members, write, (11, 10))).attrs["pixel_origin"] == "corner"
    assert opened(export(members, write, (10.5, 9.5))).attrs["pixel_origin"] == "pixel"
    path = export(members, write, (10.75, 9.75))
    with pytest.warns(UserWarning, match=r"half a pixel.*origin='corner'"):
        assert opened(path).attrs["pixel_origin"] == "corner"
    assert opened(path, origin="pixel").attrs["pixel_origin"] == "pixel"


@pytest.mark.parametrize("refined", [False, True])
@pytest.mark.parametrize("version", releases.EXPORTERS)
def test_exports_of_real_ptychodus(version, refined, tmp_path):
    """Each position lands where that Ptychodus has it, or the half pixel is warned of."""
    truth = releases.export_training_npz(version, tmp_path / "export.npz", refined=refined)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ds = opened(tmp_path / "export.npz")
    size = (truth["object_pixel_width_m"], truth["object_pixel_height_m"])
    m = ds.ptyxr.assign_pixel_size(object=size, probe=size).ptyxr.to("m")
    off = [
        np.abs(
            m[f"position_{axis}"].data.magnitude
            - m.xindexes[f"object_{axis}"].grid.center
            - (truth[f"position_{axis}_m"] - truth[f"object_center_{axis}_m"])
        ).max()
        for axis in "xy"
    ]
    told = [str(w.message) for w in caught if "half a pixel" in str(w.message)]
    assert told or max(off) < 1e-12
    if not refined:
        assert not told


# Metadata


META = {
    "physics_parameters": {"nphotons": 1e9},
    "photon_energy_eV": 9000.0,
    "detector_object_distance_m": 2,
    "comments": "from metadata",
}


@pytest.mark.parametrize("pickled", [True, False])
def test_metadata(members, write, pickled):
    text = json.dumps(META)
    value = np.array(text, dtype=object) if pickled else np.array(text)
    ds = opened(write(members, _metadata=value))
    assert ds.attrs["source_metadata"] == text
    assert float(ds.photon_energy.data.magnitude) == 9000
    assert float(ds.detector_object_distance.data.magnitude) == 2
    assert ds.attrs["comments"] == "from metadata"
    assert float(ds.probe_photon_count.data.magnitude) == 1e9
    assert "nphotons" in ds.probe_photon_count.attrs["source"]


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickled_string_of_any_protocol(members, write, protocol):
    path = write(members)
    content = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        content, {"descr": "|O", "fortran_order": False, "shape": ()}
    )
    content.write(pickle.dumps(np.array("{}", dtype=object), protocol))
    append(path, "_metadata.npy", content.getvalue())
    assert opened(path).attrs["source_metadata"] == "{}"


def append(path, name, content):
    import zipfile

    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, content)


class Trap:
    """Leaves a trace when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("key", ["_metadata", "objectGuess", "diff3d", "note"])
@pytest.mark.parametrize("wrap", [lambda trap: trap, lambda trap: [trap], lambda trap: {"a": trap}])
def test_nothing_is_executed(members, write, tmp_path, key, wrap):
    sprung = tmp_path / "sprung"
    value = np.empty((), dtype=object)
    value[()] = wrap(Trap(sprung))
    path = write(members, **{key: value})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if key in {"objectGuess", "diff3d"}:
            with pytest.raises(PtyxrError, match=rf"{path.name}.*{key}"):
                opened(path)
        else:
            opened(path).load()
    assert not sprung.exists()
    with np.load(path, allow_pickle=True) as file:
        assert file[key] is not None
    assert sprung.exists()


def test_metadata_that_are_no_string(members, write):
    path = write(members, _metadata=np.array({"a": 1}, dtype=object))
    with pytest.warns(UserWarning, match=r"_metadata.*plain text"):
        ds = opened(path)
    assert "source_metadata" not in ds.attrs


def test_unknown_members_are_named_once(members, write):
    path = write(members, note=np.zeros(3), other=np.zeros(2))
    with pytest.warns(UserWarning, match="note, other") as caught:
        opened(path)
    assert len(caught) == 1


# What is no dataset


def test_what_is_no_dataset(members, write, tmp_path):
    with pytest.raises(FormatError, match=r"xcoords"):
        opened(write({"a": np.zeros(3)}))
    (tmp_path / "junk.npz").write_bytes(b"PK\x03\x04junk")
    with pytest.raises(FormatError, match=r"junk\.npz"):
        opened(tmp_path / "junk.npz")
    with pytest.raises(InvalidDataError, match=r"lengths.*4"):
        opened(write(members, ycoords=np.zeros(4)))
    with pytest.raises(InvalidDataError, match=r"xcoords.*\(5, 1\)"):
        opened(write(members, xcoords=np.zeros((N, 1))))
    with pytest.raises(InvalidDataError, match=r"probeGuess.*complex"):
        opened(write(members, probeGuess=np.zeros((H, W))))


# What is damaged


@pytest.mark.parametrize("key", ["xcoords", "probeGuess", "diff3d", "scan_index"])
@pytest.mark.parametrize("kind", ["damaged", "twice", "pickled"])
def test_members_that_are_needed(members, write, key, kind):
    if kind == "pickled":
        path = write(members, **{key: np.array([None, "a"], dtype=object)})
    else:
        path = write(members, **({key: None} if kind == "damaged" else {}))
        if kind == "twice":
            with pytest.warns(UserWarning, match="Duplicate"):
                append(path, f"{key}.npy", b"")
        else:
            append(path, f"{key}.npy", b"junk")
    said = {
        "damaged": "cannot be read",
        "twice": "twice",
        "pickled": "expected an array of numbers",
    }
    for open_it in (opened, ptyxr.open_dataset):
        with pytest.raises(InvalidDataError, match=rf"{key}.*{said[kind]}"):
            open_it(path)
    assert not validate_file(path)


@pytest.mark.parametrize("key", ["note", "_metadata"])
def test_damaged_members_that_nobody_needs(members, write, key):
    path = write(members)
    append(path, f"{key}.npy", b"junk")
    with pytest.warns(UserWarning, match=rf"{key}.*left out|left out.*{key}") as caught:
        assert ptyxr.open_dataset(path).diffraction.size
    assert len(caught) == 1
    # The patterns here are not square.
    assert {problem.key for problem in validate_file(path).problems} == {"diff3d", key}


@pytest.mark.parametrize("text", [
    '{"photon_energy_eV": 1%s}' % ("0" * 400),
    '{"photon_energy_eV": 1%s}' % ("0" * 5000),
    '{"photon_energy_eV": NaN, "object_center_x_m": Infinity}',
])  # fmt: skip
def test_numbers_of_metadata_that_are_none(members, write, text):
    assert "photon_energy" not in opened(write(members, _metadata=np.array(text))).coords


@pytest.mark.parametrize("pickled", [True, False])
def test_text_of_metadata_that_is_none(members, write, pickled):
    path = write(members, _metadata=np.array('{"comments": "a\\ud800"}'))
    assert opened(path).attrs["comments"] == "a\ufffd"
    path = write(members, _metadata=np.array("b\udcff", dtype=object if pickled else None))
    assert opened(path).attrs["source_metadata"] == "b\ufffd"


def test_modes_along_the_last_axis_are_told(members, write):
    path = write(members, probeGuess=np.ones((H, W, 3), "c8"))
    with pytest.warns(UserWarning, match=r"probeGuess.*\(4, 6, 3\).*4 x 6.*transpose\(2, 0, 1\)"):
        assert opened(path).probe.shape == (1, H, W, 3)
    opened(write(members, probeGuess=np.ones((H, H, W), "c8")))


@pytest.mark.parametrize(
    ("value", "said"),
    [(np.full(N, 0.5), "0.5"), (np.full(N, 2**63, "u8"), "uint64"), (np.full(N, "a"), "U1")],
)
def test_scan_indexes(members, write, value, said):
    with pytest.raises(InvalidDataError, match=rf"scan_index.*{said}"):
        opened(write(members, scan_index=value))
    found = opened(write(members, scan_index=np.arange(N, dtype="f8"))).scan_index
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found, np.arange(N))


def test_a_file_that_changed_is_not_read(members, write):
    path = write(members)
    ds = opened(path)
    write(members, diff3d=np.zeros((N, H, W), "f4"))
    with pytest.raises(InvalidDataError, match="changed"):
        ds.diffraction.load()


# In memory


def test_rawdata(npz):
    scan = ptyxr.tutorial.simulate_scan(positions=40, probe_size=32)
    ds = ptyxr.from_rawdata(scan)
    ptyxr.testing.assert_identical(
        ds.drop_vars([]).load(), opened(npz).load().assign_attrs(ds.attrs)
    )
    back = ds.ptyxr.to_rawdata()
    for name in ("xcoords", "ycoords", "xcoords_start", "ycoords_start", "diff3d", "probeGuess",
                 "objectGuess", "scan_index"):  # fmt: skip
        np.testing.assert_array_equal(getattr(back, name), getattr(scan, name))
        assert getattr(back, name).dtype == getattr(scan, name).dtype
    assert back.Y is None
    assert back.norm_Y_I is None


def test_anything_with_the_attributes(members):
    obj = types.SimpleNamespace(**members, metadata={"photon_energy_eV": 7e3}, objectGuess_=None)
    ds = ptyxr.from_rawdata(obj, object_pixel_size="1 nm")
    assert float(ds.photon_energy.data.magnitude) == 7000
    assert float(ds.object_pixel_width.data.magnitude) == 1e-9
    del obj.diff3d, obj.metadata
    assert "diffraction" not in ptyxr.from_rawdata(obj)
    assert ptyxr.from_rawdata(obj).ptyxr.to_rawdata().diff3d is None


def test_a_mapping_will_do(members):
    assert ptyxr.from_rawdata(members).sizes["position"] == N
