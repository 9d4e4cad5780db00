"""The files that are measured: scans of any size, written block by block."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

import ptyxr

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SIZES = {"object_pixel_size": "50 nm", "probe_pixel_size": "50 nm"}
SIDE = 64
_BLOCK = 4096  # patterns


def blocks(frames: int, kind: str) -> Iterator[np.ndarray]:
    """Give patterns, (n, 64, 64), in blocks: "noise" float32, or counts of a speckled disc."""
    rng = np.random.default_rng(0)
    noise = rng.random((_BLOCK, SIDE, SIDE), "f4")
    y, x = np.mgrid[:SIDE, :SIDE] - SIDE // 2
    counts = rng.poisson(1e4 * np.exp(-np.hypot(x, y) / 4), (_BLOCK, SIDE, SIDE)).astype("u2")
    for start in range(0, frames, _BLOCK):
        yield (noise if kind == "noise" else counts)[: frames - start]


def small_members(frames: int, side: int = 256) -> dict[str, np.ndarray]:
    """Return the members of an NPZ beside the patterns."""
    rng = np.random.default_rng(1)
    x, y = rng.uniform(SIDE, side - SIDE, (2, frames))
    return {
        "xcoords": x, "ycoords": y, "xcoords_start": x, "ycoords_start": y,
        "probeGuess": np.ones((SIDE, SIDE), "c8"), "objectGuess": np.ones((side, side), "c8"),
        "scan_index": np.arange(frames),
    }  # fmt: skip


def npz(path: Path, frames: int, *, kind: str = "noise", compressed: bool = False) -> Path:
    """Write a PtychoPINN dataset as numpy does, without holding its patterns in memory."""
    how = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    with zipfile.ZipFile(path, "w", how) as archive:
        for name, values in small_members(frames).items():
            with archive.open(f"{name}.npy", "w") as member:
                np.lib.format.write_array(member, values)
        with archive.open("diff3d.npy", "w", force_zip64=True) as member:
            for number, block in enumerate(blocks(frames, kind)):
                if not number:
                    about = np.lib.format.header_data_from_array_1_0(block)
                    about["shape"] = (frames, SIDE, SIDE)
                    np.lib.format.write_array_header_2_0(member, about)
                member.write(block.tobytes())
    return path


def product(
    path: Path, points: int, *, side: int = 256, frames: int = 0, plain: bool = False
) -> Path:
    """Write a product with an object of some side, and patterns for `frames` of the points.

    One that is `plain` has what Ptychodus writes; others what comes of an NPZ: nominal positions
    and pixel numbers too.
    """
    members: dict[str, Any] = {**small_members(points), "diff3d": None}
    if side != 256:
        rng = np.random.default_rng(2)
        members["objectGuess"] = rng.random((side, 2 * side), "f4").view("c8")
    ds = ptyxr.from_rawdata(members, **SIZES)
    if plain:
        ds = ds.ptyxr.to("m").drop_vars(["nominal_position_x", "nominal_position_y"])
        ds = ds.rename(scan_index="position_index").drop_encoding()
    ds.ptyxr.to_product(path, photon_energy="8 keV", tomography_angle="0 degree")
    if frames:
        with h5py.File(path, "r+") as file:
            made = file["raw_data"].create_dataset("diffraction", (points, SIDE, SIDE), "f4")
            start = 0
            for block in blocks(frames, "noise"):
                made[start : start + len(block)] = block
                start += len(block)
    return path
