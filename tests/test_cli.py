from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

import ptyxr
from ptyxr import _console, _options, amounts, cli, waiting
from ptyxr.model import SCHEMA, scalars
from ptyxr.tutorial import save_npz, simulate_scan

SHARED = Path(__file__).resolve().parents[2] / "shared"
OPTICS = ("--object-pixel-size", "50 nm", "--probe-pixel-size", "50 nm", "--photon-energy", "8 keV")
WITHOUT_CENTER = shlex.split("""
    convert --input-npz datasets/Run1084_recon3_postPC_shrunk_3.npz
      --output-product outputs/run1084_product.h5
      --name Run1084 --comments "Run1084 product export" --detector-distance-m 0.0
      --probe-energy-eV 8000.0 --exposure-time-s 0.1
      --object-pixel-size-m 5e-8 --probe-pixel-size-m 1.25e-7 --include-diffraction
""")
CENTER = ("--object-center-x-m", "0.0", "--object-center-y-m", "0.0")


def shared(name):
    path = SHARED / name
    if not path.exists():
        if os.environ.get("CI") == "true":
            pytest.fail(f"{path} is missing")
        pytest.skip(f"needs {path}")
    return path


def invoke(*args, code=0):
    result = CliRunner().invoke(cli.app, [str(one) for one in args], prog_name="ptyxr")
    assert result.exit_code == code, (result.output, result.exception)
    assert "Traceback" not in result.output
    return result


def process(*args, cwd, code=0, **environment):
    done = subprocess.run(
        [sys.executable, "-m", "ptyxr", *map(str, args)],
        cwd=cwd,
        env={**os.environ, "MPLBACKEND": "Agg", **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return done


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("cli")


@pytest.fixture(scope="module")
def npz(folder):
    path = folder / "scan.npz"
    save_npz(simulate_scan(positions=30, probe_size=32), path)
    return path


@pytest.fixture(scope="module")
def product(npz):
    path = npz.with_suffix(".h5")
    invoke("convert", npz, path, *OPTICS)
    return path


@pytest.fixture(scope="module")
def run1084(folder):
    path = folder / "datasets" / "Run1084_recon3_postPC_shrunk_3.npz"
    path.parent.mkdir()
    tool = shared("tools/make_run1084.py")
    subprocess.run([sys.executable, str(tool), str(path)], check=True, capture_output=True)
    return path


# --- help and version


def test_version():
    assert invoke("--version").stdout == f"ptyxr {ptyxr.__version__}\n"


def test_help_names_the_commands():
    text = invoke("--help").stdout
    for command in ("demo", "convert", "info", "validate", "plot"):
        assert command in text


@pytest.mark.parametrize("command", ["convert", "demo", "info", "plot", "validate", "versions"])
def test_help_names_types_that_people_know(command):
    text = invoke(command, "--help").stdout
    assert {kind.lower() for kind in re.findall(r"<(.*?)>", text)} <= {"path", "sequential"}
    assert not re.search(r"\bAny\b|\bNone\b", text)


def test_help_of_convert_has_the_schema_and_not_the_old_options(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    text = invoke("convert", "-h").stdout
    assert "--include-diffraction / --no-include-diffraction" in text
    assert '8 keV" \\\n' in text  # an example of several lines, to be copied as it is
    for entry in scalars():
        if entry.name not in _options.PIXEL_SIZES:
            assert f"--{entry.name.replace('_', '-')} " in text
    for option in (*_options.OLD_OPTIONS, "--input-npz", "--output-product"):
        assert f"{option} " not in text


# --- convert


def test_ptychopinns_own_command(run1084, folder):
    done = process(*WITHOUT_CENTER, *CENTER, cwd=folder)
    lines = done.stderr.splitlines()
    assert sum("833" in line and "1087" in line for line in lines) == 1
    assert ".py" not in done.stderr
    assert done.stdout.startswith("wrote outputs/run1084_product.h5 (")
    with pytest.warns(UserWarning, match="833 of 1087.*register"):
        opened = ptyxr.open_dataset(folder / "outputs" / "run1084_product.h5")
    with opened as ds:
        assert ds.attrs["name"] == "Run1084"
        assert ds.attrs["comments"] == "Run1084 product export"
        assert ds.photon_energy.item().magnitude == 8000
        assert ds.object_pixel_width.item().magnitude == 5e-8
        assert ds.probe_pixel_height.item().magnitude == 1.25e-7
        assert ds.sizes["position"] == 1087
        raw = ds.ptyxr.to_rawdata()
        with np.load(run1084) as source:
            for key in ("xcoords", "ycoords", "xcoords_start", "ycoords_start"):
                np.testing.assert_array_equal(getattr(raw, key), source[key])
            np.testing.assert_array_equal(ds.diffraction.values, source["diff3d"])


def test_without_the_centre_no_point_is_off(run1084, folder, monkeypatch):
    monkeypatch.chdir(folder)
    done = invoke(*WITHOUT_CENTER)
    assert "833" not in done.stderr
    assert "outside" not in done.stderr
    with h5py.File(folder / "outputs" / "run1084_product.h5") as file:
        assert file["object"].attrs["center_x_m"] == pytest.approx(113 * 5e-8)
        assert file["object"].attrs["center_y_m"] == pytest.approx(113.5 * 5e-8)


def test_no_include_diffraction(npz, tmp_path):
    out = tmp_path / "out.h5"
    invoke("convert", npz, out, *OPTICS, "--no-include-diffraction")
    with ptyxr.open_dataset(out) as ds:
        assert "diffraction" not in ds


def test_there_and_back(npz, product, tmp_path):
    back = tmp_path / "new" / "folder" / "back.npz"
    result = invoke("convert", product, back)
    assert result.stdout.startswith(f"wrote {back} (")
    assert "diffraction 30 x 32 x 32 float32" in result.stdout
    with np.load(npz) as first, np.load(back) as second:
        for key in ("xcoords", "ycoords", "xcoords_start", "ycoords_start", "diff3d"):
            np.testing.assert_array_equal(first[key], second[key])
        for key in ("probeGuess", "objectGuess"):
            np.testing.assert_array_equal(first[key].squeeze(), second[key].squeeze())


def test_quantities_go_into_the_product(npz, tmp_path):
    out = tmp_path / "out.hdf5"
    invoke(
        "convert", npz, out, "--object-pixel-size", "50 nm, 40 nm", "--probe-pixel-size", "60 nm",
        "--photon-energy", "8.5 keV", "--detector-object-distance", "1500 mm", "--tilt-angle",
        "-3 deg", "--probe-photon-count", "1e6", "--name", "A scan", "--polarization", "linear",
        "--no-far-field", "--position-index", "sequential", "--detector-pixel-size", "75 um",
        "--object-center", "1 um,2 um",
    )  # fmt: skip
    with ptyxr.open_dataset(out) as ds:
        found = {
            name: ds[name].item().magnitude for name in map(str, ds.coords) if not ds[name].ndim
        }
        assert found["object_pixel_width"] == 5e-8
        assert found["object_pixel_height"] == 4e-8
        assert found["probe_pixel_width"] == found["probe_pixel_height"] == 6e-8
        assert found["detector_pixel_width"] == 75e-6
        assert found["photon_energy"] == 8500
        assert found["detector_object_distance"] == 1.5
        assert found["tilt_angle"] == -3
        assert found["probe_photon_count"] == 1e6
        assert ds.attrs["name"] == "A scan"
        assert ds.attrs["polarization"] == "linear"
        assert ds.attrs["far_field"] == 0
        assert list(ds.position_index.values) == list(range(30))
    with h5py.File(out) as file:
        assert file["object"].attrs["center_x_m"] == 1e-6
        assert file["object"].attrs["center_y_m"] == 2e-6


def test_quantities_go_into_the_npz(product, tmp_path):
    out = tmp_path / "out.npz"
    invoke("convert", product, out, "--photon-energy", "9 keV", "--compressed")
    with ptyxr.open_dataset(out) as ds:
        assert ds.photon_energy.item().magnitude == 9000


def test_product_to_product(product, tmp_path):
    out = tmp_path / "out.h5"
    invoke("convert", product, out, "--comments", "again")
    with ptyxr.open_dataset(product) as old, ptyxr.open_dataset(out) as new:
        assert new.attrs["comments"] == "again"
        np.testing.assert_array_equal(old.object.values, new.object.values)


def test_npz_to_npz(npz, tmp_path):
    out = tmp_path / "out.npz"
    invoke("convert", npz, out, "--compressed")
    assert out.stat().st_size < npz.stat().st_size


def test_measurement_and_origin_of_an_npz(npz, tmp_path):
    out = tmp_path / "out.h5"
    invoke("convert", npz, out, *OPTICS, "--measurement", "counts", "--origin", "pixel")
    with ptyxr.open_dataset(out) as ds:
        assert ds.diffraction.attrs["quantity"] == "counts"
        assert ds.attrs["pixel_origin"] == "pixel"


def test_fill_object(npz, tmp_path):
    with np.load(npz) as file:
        arrays = {key: file[key] for key in file.files if key != "objectGuess"}
    np.savez(tmp_path / "in.npz", **arrays)
    refused = invoke("convert", tmp_path / "in.npz", tmp_path / "out.h5", *OPTICS, code=2)
    assert "--fill-object" in refused.stderr
    assert not (tmp_path / "out.h5").exists()
    invoke("convert", tmp_path / "in.npz", tmp_path / "out.h5", *OPTICS, "--fill-object")
    with ptyxr.open_dataset(tmp_path / "out.h5") as ds:
        assert "object" in ds


def test_modes_of_the_probe(product, tmp_path):
    path = tmp_path / "modes.h5"
    path.write_bytes(product.read_bytes())
    with h5py.File(path, "r+") as file:
        attrs, mode = dict(file["probe"].attrs), file["probe"][...].reshape(1, 1, 32, 32)
        del file["probe"]
        file["probe"] = np.concatenate([0.5 * mode, mode], axis=1)
        file["probe"].attrs.update(attrs)
    shapes = {}
    for choice in ("dominant", "all", "0"):
        result = invoke("convert", path, tmp_path / "out.npz", "--probe", choice)
        assert ("--probe all" in result.stderr) == (choice != "all")
        with np.load(tmp_path / "out.npz") as npz:
            shapes[choice] = npz["probeGuess"].shape, abs(npz["probeGuess"]).max()
    assert shapes["all"][0] == (2, 32, 32)
    assert shapes["dominant"] == ((32, 32), 2 * shapes["0"][1])


@pytest.mark.parametrize("ending", ["h5", "npz"])
def test_overwriting(npz, tmp_path, ending):
    out = tmp_path / f"out.{ending}"
    out.write_bytes(b"old")
    refused = invoke("convert", npz, out, *OPTICS, "--no-overwrite", code=2)
    assert "exists" in refused.stderr
    assert out.read_bytes() == b"old"
    invoke("convert", npz, out, *OPTICS)
    assert out.stat().st_size > 3


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--photon-energy", "8000"), ("photon_energy", "unit is missing")),
        (("--photon-energy", "8 nm"), ("photon_energy", "does not fit")),
        (("--object-pixel-size", "fifty"), ("--object-pixel-size", "fifty")),
        (("--photon-energy", "8 keV", "--probe-energy-eV", "8000"), ("given twice",)),
        (("--probe", "all"), ("--probe", "nothing")),
        (("--compressed",), ("--compressed", "nothing")),
        (("--origin", "world"), ("origin", "world")),
    ],
)
def test_arguments_that_are_wrong(npz, tmp_path, args, words):
    result = invoke("convert", npz, tmp_path / "out.h5", *args, code=2)
    assert len(result.stderr.splitlines()) == 1
    for word in words:
        assert word in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_pixel_width_and_height_by_their_schema_names(npz, tmp_path):
    out = tmp_path / "out.h5"
    sizes = ("--object-pixel-width", "50 nm", "--object-pixel-height", "40 nm")
    invoke("convert", npz, out, *sizes)
    with ptyxr.open_dataset(out) as ds:
        assert ds.object_pixel_height.item().magnitude == 4e-8


def test_options_that_would_do_nothing_are_refused(product, tmp_path):
    for args in (("--object-center", "0 m,0 m"), ("--position-index", "sequential")):
        assert "nothing" in invoke("convert", product, tmp_path / "o.npz", *args, code=2).stderr
    assert (
        "nothing"
        in invoke("convert", product, tmp_path / "o.h5", "--origin", "corner", code=2).stderr
    )


def test_the_ending_says_what_to_write(npz, tmp_path):
    assert "'.npz'" in invoke("convert", npz, tmp_path / "out.nc", code=2).stderr
    assert "OUT is missing" in invoke("convert", npz, code=2).stderr
    assert "IN and OUT are missing" in invoke("convert", code=2).stderr


def test_warnings_are_sentences(npz, tmp_path):
    result = invoke("convert", npz, tmp_path / "out.h5")
    lines = result.stderr.splitlines()
    assert lines
    assert all(line.startswith("ptyxr: warning: ") for line in lines)
    assert any("1.25e-07" in line and "--object-pixel-size '50 nm'" in line for line in lines)
    assert any("--position-index sequential" in line for line in lines)
    assert ".py:" not in result.stderr


# --- info


def test_info_of_a_product(product):
    text = invoke("info", product).stdout
    assert "every release of Ptychodus" in text
    for word in ("50 nm/pixel", "8 keV", "30 x 32 x 32", "float32", "complex64", "position_x"):
        assert word in text
    assert "\x1b" not in text
    assert all(line == line.rstrip() for line in text.splitlines())


def test_info_of_an_npz(npz, tmp_path):
    with np.load(npz) as file:
        np.savez(tmp_path / "more.npz", **file, strange=np.zeros(3))
    text = invoke("info", tmp_path / "more.npz").stdout
    assert "PtychoPINN" in text
    assert "1 pixel" in text
    assert "strange" in text


def test_info_of_a_zarr_store(product, tmp_path):
    ptyxr.open_dataset(product).ptyxr.to_zarr(tmp_path / "scan.zarr")
    text = invoke("info", tmp_path / "scan.zarr").stdout
    for word in ("Zarr store", "50 nm/pixel", "30 x 32 x 32", "position_x"):
        assert word in text


def test_info_names_what_is_unknown(product, tmp_path):
    path = tmp_path / "more.h5"
    path.write_bytes(product.read_bytes())
    with h5py.File(path, "r+") as file:
        file.attrs["beamline"] = "[red]2-ID-D[/red]"
        file["temperature"] = np.zeros(3)
    text = invoke("info", path).stdout
    assert "attribute 'beamline'" in text
    assert "dataset 'temperature'" in text
    assert "[red]2-ID-D[/red]" in text


def test_info_reads_nothing_big(product, monkeypatch):
    from ptyxr.storage.hdf5 import HDF5Array

    read, original = [], HDF5Array._read

    def recording(self, key):
        read.append(self.origin[1])
        return original(self, key)

    monkeypatch.setattr(HDF5Array, "_read", recording)
    invoke("info", product)
    assert not {"/object", "/probe", "/raw_data/diffraction"} & set(read)


@pytest.mark.parametrize("release", ["1.0", "1.1.0", "1.2", "1.5.1", "1.7.0"])
def test_info_of_what_ptychodus_wrote(release):
    text = invoke("info", shared(f"data/products/ptychodus-{release}-plain.h5")).stdout
    assert "Ptychodus 1." in text


# --- validate


def test_validate(product, npz):
    assert invoke("validate", product).stdout.startswith(str(product))
    found = json.loads(invoke("validate", product, "--source", npz, "--json").stdout)
    assert found["valid"] is True
    assert found["errors"] == []


def test_validate_finds_all_problems(product, tmp_path):
    path = tmp_path / "broken.h5"
    path.write_bytes(product.read_bytes())
    with h5py.File(path, "r+") as file:
        file["object"].attrs["pixel_width_m"] = -1.0
        positions = file["probe_position_x_m"][:-1]
        del file["probe_position_x_m"]
        file["probe_position_x_m"] = positions
    text = invoke("validate", path, code=2).stdout
    assert "pixel_width_m" in text
    assert "probe_position_x_m" in text
    found = json.loads(invoke("validate", path, "--json", code=2).stdout)
    assert found["valid"] is False
    assert len(found["errors"]) >= 2


@pytest.mark.parametrize(
    "content", [b"", b"garbage", b"\x89HDF\r\n\x1a\n", b"PK\x03\x04 and no more"]
)
def test_garbage(tmp_path, content):
    path = tmp_path / "garbage.h5"
    path.write_bytes(content)
    for args in (("info", path), ("plot", path), ("convert", path, tmp_path / "out.h5")):
        result = invoke(*args, code=2)
        assert result.stderr.startswith("ptyxr: error: ")
        assert len(result.stderr.splitlines()) == 1
    invoke("validate", path, code=2)
    assert json.loads(invoke("validate", path, "--json", code=2).stdout)["valid"] is False
    assert [file.name for file in tmp_path.iterdir()] == ["garbage.h5"]


def test_a_file_that_is_not_there(tmp_path):
    result = invoke("info", tmp_path / "nothing.h5", code=2)
    assert "no such file" in result.stderr
    assert json.loads(invoke("validate", tmp_path / "no.h5", "--json", code=2).stdout)["errors"]


# --- plot and demo


def test_plot(product, tmp_path):
    pytest.importorskip("matplotlib")
    out = tmp_path / "pictures" / "out.png"
    assert str(out) in invoke("plot", product, "-o", out).stdout
    assert out.read_bytes().startswith(b"\x89PNG")
    assert ".png" in invoke("plot", product, "-o", tmp_path / "out.xyz", code=2).stderr


def test_plot_of_a_folder_is_named_after_it(product, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    store = tmp_path / "scan.zarr"
    with ptyxr.open_dataset(product) as ds:
        ds.ptyxr.to_zarr(store)
    monkeypatch.chdir(store)
    assert "scan.png" in invoke("plot", ".").stdout
    monkeypatch.chdir(tmp_path)
    for name in (".", ""):
        assert "this is a folder" in invoke("plot", name, code=2).stderr


def test_plot_without_matplotlib(product, tmp_path):
    done = process_without_matplotlib(tmp_path, "plot", product, code=2)
    assert "matplotlib" in done.stderr
    assert "Traceback" not in done.stderr


def test_demo_without_matplotlib_stops_before_the_picture(tmp_path):
    done = process_without_matplotlib(tmp_path, "demo")
    assert "matplotlib" in done.stderr
    assert (tmp_path / "ptyxr-demo" / "scan.h5").exists()


def process_without_matplotlib(tmp_path, *args, code=0):
    blocked = tmp_path / "blocked"
    blocked.mkdir()
    (blocked / "matplotlib.py").write_text("raise ImportError('no matplotlib')", encoding="utf-8")
    path = os.pathsep.join([str(blocked), os.environ.get("PYTHONPATH", "")])
    return process(*args, cwd=tmp_path, code=code, PYTHONPATH=path)


def test_demo(tmp_path):
    done = process("demo", cwd=tmp_path)
    picture = Path(done.stdout.split()[-1])
    assert (tmp_path / picture).read_bytes().startswith(b"\x89PNG")
    assert {one.name for one in (tmp_path / "ptyxr-demo").iterdir()} == {
        "scan.npz", "scan.h5", "scan.png",
    }  # fmt: skip
    assert done.stderr == ""
    assert ">>> crop = ds.sel(object_x=slice(" in done.stdout
    # What is shown is all that was needed.
    shown = [line.removeprefix("   >>> ") for line in done.stdout.splitlines() if ">>>" in line]
    subprocess.run([sys.executable, "-c", "\n".join(shown)], cwd=tmp_path, check=True)
    assert invoke("validate", tmp_path / "ptyxr-demo" / "scan.h5")


def test_validate_names_options_of_convert(npz, tmp_path):
    out, better = tmp_path / "out.h5", tmp_path / "better.h5"
    invoke("convert", npz, out, *OPTICS)
    option = re.search(
        r"or ptyxr convert (--detector-object-distance)", invoke("validate", out).stdout
    )
    assert option is not None
    invoke("convert", out, better, option[1], "1.5 m")
    assert "detector-object-distance" not in invoke("validate", better).stdout


def test_demo_in_another_folder(tmp_path):
    out = tmp_path / "it's here {}"
    assert str(out / "scan.png") in invoke("demo", "--output-dir", out).stdout


# --- errors


def test_an_interrupt_ends_with_130(product, monkeypatch):
    def interrupted(*_args, **_kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("ptyxr._info.open_dataset", interrupted)
    assert "interrupted" in invoke("info", product, code=130).stderr


def test_a_defect_is_named_as_one(product, monkeypatch):
    def broken(*_args, **_kwargs):
        raise ZeroDivisionError("by nothing")

    monkeypatch.setattr("ptyxr._info.open_dataset", broken)
    result = invoke("info", product, code=1)
    assert "ZeroDivisionError: by nothing" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_debug_shows_the_traceback(tmp_path):
    for args, environment in (((), {"PTYXR_DEBUG": "1"}), (("--debug",), {})):
        done = process(*args, "info", "no.h5", cwd=tmp_path, code=2, **environment)
        assert "Traceback" in done.stderr
        assert done.stderr.splitlines()[-1].startswith("ptyxr: error: ")
    assert "Traceback" not in process("info", "no.h5", cwd=tmp_path, code=2).stderr


# --- what is shown


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0, "electron_volt", "0 eV"),
        (12_500.0, "electron_volt", "12.5 keV"),
        (-1.25e-6, "meter", "-1.25 um"),
        (9.999999999e-7, "meter", "1 um"),
        (2500.0, "meter", "2500 m"),
        (1e-15, "meter", "1e-15 m"),
        (30.0, "degree", "30 deg"),
        (1e9, "count", "1e+09 count"),
        (3, None, "3"),
    ],
)
def test_numbers_as_people_write_them(value, unit, text):
    assert amounts.number(value, unit) == text


def test_every_unit_of_the_model_has_a_symbol():
    assert {entry.unit for entry in SCHEMA.values() if entry.unit} <= set(amounts.SYMBOLS)


def test_progress_is_for_terminals(npz, tmp_path, capsys):
    with _console.progress("writing"):
        convert_in_process(npz, tmp_path / "out.h5")
    assert capsys.readouterr().err == ""


def test_progress_on_a_terminal(npz, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(waiting, "_PATIENCE", 0)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    with _console.progress("writing out.h5"):
        convert_in_process(npz, tmp_path / "out.h5")
    said = capsys.readouterr().err
    assert "writing out.h5" in said
    assert "kB" in said or "MB" in said


def convert_in_process(npz, target):
    with ptyxr.open_dataset(npz, object_pixel_size="50 nm", probe_pixel_size="50 nm") as ds:
        ds.ptyxr.to_product(target, position_index="sequential", photon_energy="8 keV")


@pytest.mark.parametrize("command", ["convert", "plot", "demo"])
def test_a_file_where_a_folder_should_be(npz, tmp_path, command):
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "folder"
    args = {
        "convert": (npz, folder / "out.h5", *OPTICS),
        "plot": (npz, "-o", folder / "out.png"),
        "demo": ("--output-dir", folder),
    }[command]
    said = invoke(command, *args, code=2).stderr
    assert str(tmp_path / "file") in said
    assert "Not a directory" in said
    assert "Errno" not in said


def test_info_lists_what_is_left_out(product, tmp_path):
    path = tmp_path / "p.h5"
    path.write_bytes(product.read_bytes())
    with h5py.File(path, "a") as file:
        file["opr_weights"] = [b"text"]
        del file["raw_data/xcoords"]
        file.create_group("raw_data/xcoords")
        file["nowhere"] = h5py.SoftLink("/none")
    said = " ".join(invoke("info", path).stdout.split())
    assert "dataset 'opr_weights', which is text of shape (1,)" in said
    assert "'/raw_data/xcoords', which is a group" in said
    assert "'/nowhere': a link leads to nothing" in said


def test_a_file_is_not_converted_onto_itself(npz, tmp_path):
    copy = tmp_path / "raw.npz"
    copy.write_bytes(npz.read_bytes())
    assert "same file" in invoke("convert", copy, copy, code=2).output
    assert copy.read_bytes() == npz.read_bytes()


def test_what_leads_out_of_a_file_is_followed_when_asked_to(product, tmp_path):
    path = tmp_path / "linked.h5"
    with h5py.File(product) as whole, h5py.File(path, "w") as file:
        file.attrs.update(whole.attrs)
        for name in whole:
            if name == "object":
                file[name] = h5py.ExternalLink(str(product), "/object")
            else:
                whole.copy(name, file)
    for command in (("info", path), ("convert", path, tmp_path / "whole.h5")):
        refused = invoke(*command, code=2)
        assert "--allow-external" in refused.stderr
        invoke(*command, "--allow-external")
    with h5py.File(tmp_path / "whole.h5") as file:
        assert isinstance(file.get("object", getlink=True), h5py.HardLink)
