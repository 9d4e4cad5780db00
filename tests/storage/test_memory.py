"""Memory does not follow the size of a file."""

import os
import subprocess
import sys

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
