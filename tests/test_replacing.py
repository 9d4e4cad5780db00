"""A file is replaced while it is read, or while another process writes it too."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import xarray as xr

from ptyxr import open_dataset
from ptyxr.errors import ChangedFileError
from ptyxr.tutorial import save_npz, simulate_scan


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    path = tmp_path_factory.mktemp("scan") / "scan.npz"
    save_npz(simulate_scan(positions=40, probe_size=32), path)
    ds = xr.open_dataset(path, engine="ptychopinn").load()
    return ds.ptyxr.assign_pixel_size(object="50 nm", probe="50 nm")


def save(ds, path):
    if path.name == "dataset.npz":
        ds.ptyxr.to_npz(path)
    else:
        ds.ptyxr.to_product(path, position_index="sequential", name="a scan", photon_energy="8 keV")


@pytest.mark.parametrize("chunks", [None, {}], ids=["lazy", "dask"])
@pytest.mark.parametrize("name", ["product.h5", "product.npz", "dataset.npz"])
def test_a_dataset_is_written_onto_the_file_it_is_read_from(scan, tmp_path, name, chunks):
    path = tmp_path / name
    if name == "product.npz":
        scan = scan.ptyxr.to("m").drop_vars(["diffraction", "scan_index"], errors="ignore")
        scan = scan.drop_vars(["nominal_position_x", "nominal_position_y"], errors="ignore")
        scan.position_x.encoding.clear()
        scan.position_y.encoding.clear()
    save(scan, path)
    before = open_dataset(path).load()
    with open_dataset(path, chunks=chunks) as opened:
        doubled = opened.assign(object=2 * opened.object)
        save(doubled, path)
        with open_dataset(path) as again:
            np.testing.assert_array_equal(again.object, 2 * before.object)
            for one in (again, before):
                one.attrs.pop("source_metadata", None)  # which names the origin that was taken
            xr.testing.assert_identical(again.drop_vars("object"), before.drop_vars("object"))
        # The dataset that was opened has the old numbers, or says that they are gone.
        with contextlib.suppress(ChangedFileError):
            np.testing.assert_array_equal(opened.object, before.object)
    assert list(tmp_path.iterdir()) == [path]


def test_of_two_processes_that_write_one_file_one_wins(scan, tmp_path):
    code = """
        import sys
        import xarray as xr
        source, target, value = sys.argv[1:]
        ds = xr.open_dataset(source, engine="ptychopinn").load()
        ds = ds.ptyxr.assign_pixel_size(object="50 nm", probe="50 nm")
        ds = ds.assign(object=ds.object * 0 + int(value), probe=ds.probe * 0 + int(value))
        print("ready", flush=True)
        sys.stdin.readline()
        for _ in range(10):
            ds.ptyxr.to_product(target, position_index="sequential", photon_energy="8 keV")
    """
    source, target = tmp_path / "scan.npz", tmp_path / "product.h5"
    scan.ptyxr.to_npz(source)
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(code), str(source), str(target), value],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for value in "12"
    ]
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        _, said = writer.communicate(timeout=120)
        assert writer.returncode == 0, said
    assert {path.name for path in tmp_path.iterdir()} == {"scan.npz", "product.h5"}
    with open_dataset(target) as ds:
        (value,) = set(np.unique(ds.object)) | set(np.unique(ds.probe))
        assert value in (1, 2)
        assert ds.sizes["position"] == 40
