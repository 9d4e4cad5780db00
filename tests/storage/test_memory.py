"""Memory does not follow the size of a file."""

import os
import subprocess
import sys
import tracemalloc

import dask
import dask.array
import h5py
import numpy as np
import pytest
import xarray as xr

CODE = """
import resource, sys
import dask, dask.array, xarray as xr
import ptyxr

small, large, out, chunks = sys.argv[1:]
dask.config.set(num_workers=2)
how = {"chunks": {}} if chunks == "dask" else {}
def write(source, target):
    with xr.open_dataset(source, engine="ptychodus", **how) as ds:
        ds.ptyxr.to_npz(target) if target.endswith("npz") else ds.ptyxr.to_product(target)
write(small, out)  # imports what is imported on use
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
write(large, out)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the unit of ru_maxrss")
@pytest.mark.parametrize("suffix", ["h5", "npz"])
@pytest.mark.parametrize("kind", ["lazy", "dask"])
def test_writing_takes_less_than_150_mb(product, tmp_path, suffix, kind):
    large = tmp_path / "large.h5"
    large.write_bytes(product.read_bytes())
    with h5py.File(large, "a") as file:
        points = file["probe_position_x_m"].size
        del file["raw_data/diffraction"]
        # 500 MB that are not on the disk.
        file.create_dataset("raw_data/diffraction", (points, 1250, 2500), np.float32)
    with xr.open_dataset(large, engine="ptychodus") as ds:
        assert ds.diffraction.nbytes == 500e6
    arguments = (product, large, tmp_path / f"out.{suffix}", kind)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CODE, *map(str, arguments)],
        check=True, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert int(done.stdout) * 1024 < 150e6


def test_what_is_computed_later_is_not_held_whole(product, tmp_path):
    with xr.open_dataset(product, engine="ptychodus") as ds:
        points = ds.sizes["position"]
        patterns = dask.array.ones((points, 512, 512), chunks=(1, 512, 512), dtype="float32")
        large = ds.drop_vars(["diffraction", "detector_x", "detector_y"], errors="ignore").assign(
            diffraction=(("position", "detector_y", "detector_x"), patterns)
        )
        delayed = large.ptyxr.to_product(tmp_path / "out.h5", compute=False)
    assert not any(tmp_path.iterdir())
    tracemalloc.start()
    try:
        with dask.config.set(num_workers=2):
            delayed.compute()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < patterns.nbytes / 2
    with h5py.File(tmp_path / "out.h5") as file:
        assert file["raw_data/diffraction"][-1].all()
