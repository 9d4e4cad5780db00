"""A product is compared with its source in all that it holds."""

from __future__ import annotations

import shutil

import h5py

from ptyxr.validation import validate_file


def test_every_pattern_is_compared(product, npz, tmp_path):
    assert validate_file(product, source=npz)
    copy = shutil.copy(product, tmp_path / "p.h5")
    with h5py.File(copy, "a") as file:
        file["raw_data/diffraction"][5] = 0
        file["raw_data/diffraction"][17, 3, 4] += 1
    report = validate_file(copy, source=npz)
    assert not report
    assert "2 of 40 differ: 5, 17" in str(report)
