"""A CXI file of a simulated scan, for the documentation's example of a format and its test."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from ptyxr.tutorial import simulate_scan

__all__ = ["write_cxi"]

PIXEL = 50e-9
ELEMENTARY_CHARGE = 1.602176634e-19  # joule in an electronvolt, exactly


def write_cxi(path, *, positions=60, probe_size=64, seed=0):
    """Write the raw data of a scan as CXI has them, and return the scan."""
    scan = simulate_scan(positions=positions, probe_size=probe_size, seed=seed)
    middle = (np.array(scan.objectGuess.shape[::-1]) / 2).reshape(2, 1)
    xy = (np.stack([scan.xcoords, scan.ycoords]) - middle) * PIXEL
    mask = np.zeros((probe_size, probe_size), dtype=np.uint32)
    mask[3, 5] = 1
    with h5py.File(Path(path), "w") as file:
        file["cxi_version"] = 160
        entry = file.create_group("entry_1")
        entry["data_1/data"] = np.rint(scan.diff3d**2).astype(np.uint32)
        entry["data_1/translation"] = np.column_stack([*xy, np.zeros(positions)])
        entry["instrument_1/detector_1/distance"] = 1.548585
        entry["instrument_1/detector_1/x_pixel_size"] = 75e-6
        entry["instrument_1/detector_1/y_pixel_size"] = 75e-6
        entry["instrument_1/detector_1/mask"] = mask
        entry["instrument_1/source_1/energy"] = 8000 * ELEMENTARY_CHARGE
    return scan
