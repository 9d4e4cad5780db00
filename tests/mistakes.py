"""What people do wrong, and what ptyxr says to it: the mistakes, made for real.

    python tests/mistakes.py            # prints the page
    python tests/mistakes.py --write    # and puts it into docs/errors.md

`tests/test_mistakes.py` holds what is promised of the messages.
"""

from __future__ import annotations

import argparse
import atexit
import bz2
import gzip
import io
import lzma
import os
import pickle
import re
import shutil
import sys
import tarfile
import tempfile
import warnings
import zipfile
from contextlib import ExitStack, chdir
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pint
import xarray as xr

import ptyxr
from ptyxr.errors import PtyxrError
from ptyxr.tutorial import save_npz, simulate_scan

if TYPE_CHECKING:
    from collections.abc import Callable

DOCS = Path(__file__).parents[1] / "docs" / "errors.md"
BEGIN, END = "<!-- mistakes: begin -->", "<!-- mistakes: end -->"

#: What the folder is called that the files are in, in place of one that is another each time.
PLACE = "/data"


@dataclass(frozen=True)
class Mistake:
    """One thing that people do.

    Parameters
    ----------
    title : str
        What they would say that they did.
    code : str
        What they type, as it is shown and as it is run.
    says : tuple of str
        Words that help: what was found, and what to do.
    make : callable, optional
        Makes the files in a folder, beside scan.h5, scan.npz and patterns.h5; what it returns is
        closed after.
    file, key : str, optional
        The file and the key that the error is to name.
    raises : type
        TypeError for a keyword that there is not, as Python has it; UserWarning where there is an
        answer nonetheless.
    wraps : bool
        Whether another library's error is the cause.
    command : str, optional
        What to type at the command line for the same message.
    """

    title: str
    code: str
    says: tuple[str, ...]
    make: Callable[[Path], Any] | None = None
    file: str | None = None
    key: str | None = None
    raises: type[BaseException] = PtyxrError
    wraps: bool = False
    command: str | None = None

    @property
    def line(self) -> str | None:
        """What to type at the command line for the same message."""
        opened = re.fullmatch(r'ptyxr\.open_dataset\("([^"\\:]+)"\)', self.code)
        return self.command or (f"info {opened[1]}" if opened else None)


# --- the files ------------------------------------------------------------------------------------


@cache
def sound_files() -> Path:
    """Return a folder with a product, its patterns and a PtychoPINN dataset of a simulated scan."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    scan = simulate_scan(positions=12, probe_size=16)
    save_npz(scan, folder / "scan.npz")
    raw = ptyxr.from_rawdata(scan, object_pixel_size="50 nm", probe_pixel_size="50 nm")
    raw.ptyxr.to_product(
        folder / "scan.h5",
        photon_energy="8 keV",
        detector_object_distance="2 m",
        position_index="sequential",
    )
    with h5py.File(folder / "patterns.h5", "w") as file:
        file["patterns"] = np.ones((12, 16, 16), np.int32)
        file["indexes"] = np.arange(12)
        file["bad_pixels"] = np.zeros((16, 16), bool)
    return folder


def put(name: str, content: bytes | Callable[[bytes], bytes]) -> Callable[[Path], None]:
    """Return what writes a file, of given bytes or of what is made of those of the product."""

    def make(folder: Path) -> None:
        made = content if isinstance(content, bytes) else content((folder / "scan.h5").read_bytes())
        (folder / name).write_bytes(made)

    return make


def change(function: Callable[[h5py.File], Any]) -> Callable[[Path], None]:
    """Return what changes the product."""

    def make(folder: Path) -> None:
        with h5py.File(folder / "scan.h5", "r+") as file:
            function(file)

    return make


def hdf5(name: str, members: dict[str, Any], **attrs: Any) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        with h5py.File(folder / name, "w") as file:
            file.attrs.update(attrs)
            for key, value in members.items():
                file[key] = value

    return make


def npz(name: str, **members: Any) -> Callable[[Path], None]:
    return lambda folder: np.savez(folder / name, **members)


def archive(data: bytes, kind: str) -> bytes:
    """Return an archive with the product in it."""
    made = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(made, "w") as file:
            file.writestr("scan.h5", data)
    else:
        with tarfile.open(fileobj=made, mode="w") as file:
            info = tarfile.TarInfo("scan.h5")
            info.size = len(data)
            file.addfile(info, io.BytesIO(data))
    return made.getvalue()


def npy(values: Any) -> bytes:
    made = io.BytesIO()
    np.save(made, values)
    return made.getvalue()


def matlab(folder: Path) -> None:
    with h5py.File(folder / "recon.mat", "w", userblock_size=512) as file:
        file["object"] = np.ones((3, 3))
    with (folder / "recon.mat").open("r+b") as raw:
        raw.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\0\2IM")


def folder_of_scans(folder: Path) -> None:
    (folder / "scans").mkdir()
    for number in (1, 2):
        shutil.copy(folder / "scan.h5", folder / "scans" / f"scan_{number}.h5")


def locked(folder: Path) -> Any:
    """Hold the lock that a program has on a file while it writes it."""
    import fcntl

    file = (folder / "scan.h5").open("rb")
    fcntl.flock(file, fcntl.LOCK_EX)
    return file


def product_as_npz(folder: Path) -> None:
    ds = ptyxr.open_dataset(folder / "scan.h5", drop_variables="diffraction")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        ds.ptyxr.to_product(folder / "product.npz")


def replaced(name: str, value: Any, *, attributes: bool = True) -> Callable[[Path], None]:
    """Return what puts another array in the place of one of the product."""

    def replace(file: h5py.File) -> None:
        attrs = dict(file[name].attrs)
        del file[name]
        file[name] = value
        if attributes:
            file[name].attrs.update(attrs)

    return change(replace)


def removed(*names: str) -> Callable[[Path], None]:
    return change(lambda file: [file.__delitem__(name) for name in names])


PAGE = b"<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body></body></html>\n"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize 35619840\n" % (
    b"0" * 64
)
SETTINGS = b"[Detector]\nWidthInPixels = 1024\nHeightInPixels = 512\n\n[Object]\nBuilder = Random\n"
FIVE = np.arange(5.0)


# --- the mistakes ---------------------------------------------------------------------------------

OPEN = 'ptyxr.open_dataset("{}")'


def opened(title: str, name: str, *says: str, make: Any, **more: Any) -> Mistake:
    """Return the mistake of opening a file that is none of those that ptyxr opens."""
    return Mistake(title, OPEN.format(name), says, make, file=name, **more)


MISTAKES: dict[str, list[Mistake]] = {
    "Files that are not there": [
        Mistake("a typo in the name", OPEN.format("scna.h5"), ("no such file", "'scan.h5'"),
                file="scna.h5"),
        Mistake("a disk that is not mounted here", OPEN.format("beamtime/2026/scan.h5"),
                ("no 'beamtime'", "mounted"), file="beamtime/2026/scan.h5"),
        Mistake("a backslash in the path", 'ptyxr.open_dataset("runs\\new\\test.h5")',
                ("backslash", "r'...'")),
        Mistake("a folder", OPEN.format("scans"), ("folder", "'scan_1.h5', 'scan_2.h5'"),
                folder_of_scans, file="scans"),
        Mistake("a pattern for many files", OPEN.format("*.h5"),
                ("a path names one file", "open_series"), file="*.h5"),
        Mistake("a list of files", 'ptyxr.open_dataset(["scan.h5", "scan.npz"])',
                ("list of 2", "open_series(files)")),
        Mistake("an address as a path", 'ptyxr.open_dataset(Path("https://example.org/scan.h5"))',
                ("network", "as text"), file="https:/example.org/scan.h5"),
        Mistake("what `numpy.load` returned",
                'with np.load("scan.npz") as npz: ptyxr.open_dataset(npz)',
                ("NpzFile", "from_rawdata")),
        Mistake("what `h5py` has open",
                'with h5py.File("scan.h5") as file: ptyxr.open_dataset(file)',
                ("h5py", "file.filename")),
        Mistake("nothing at all", "ptyxr.open_dataset(None)", ("None", "a path")),
    ],
    "Files that are something else": [
        opened("an empty file", "empty.h5", "empty file", "Copy it", make=put("empty.h5", b"")),
        opened("a file of zeros, left by a copy that broke off", "zeros.h5", "zeros", "Copy it",
               make=put("zeros.h5", bytes(2048))),
        opened("a product that was copied in part", "part.h5", "bytes", "Copy it",
               make=put("part.h5", lambda data: data[: len(data) // 2]), wraps=True),
        opened("an NPZ that was copied in part", "part.npz", "without its end", "Copy it",
               make=lambda folder: (folder / "part.npz").write_bytes(
                   (folder / "scan.npz").read_bytes()[:5000]), wraps=True),
        opened("a compressed file (gzip)", "scan.h5.gz", "gzip", "gunzip",
               make=put("scan.h5.gz", gzip.compress)),
        opened("a compressed file (bzip2)", "scan.h5.bz2", "bzip2", "bunzip2",
               make=put("scan.h5.bz2", bz2.compress)),
        opened("a compressed file (xz)", "scan.h5.xz", "xz", "unxz",
               make=put("scan.h5.xz", lzma.compress)),
        opened("a zip archive with the file in it", "scan.zip", "zip", "unzip",
               make=put("scan.zip", lambda data: archive(data, "zip"))),
        opened("a tar archive with the file in it", "scan.tar", "tar", "tar -xf",
               make=put("scan.tar", lambda data: archive(data, "tar"))),
        opened("a clone without Git LFS", "pointer.h5", "pointer", "git lfs pull",
               make=put("pointer.h5", POINTER)),
        opened("a download that was a page to log in", "page.h5", "web page", "browser",
               make=put("page.h5", PAGE)),
        opened("the settings of Ptychodus", "settings.ini", "settings (INI)", "product",
               make=put("settings.ini", SETTINGS)),
        opened("scan positions as text", "positions.csv", "text file", "'x,y'",
               make=put("positions.csv", b"x,y\n1e-6,2e-6\n")),
        opened("a netCDF file", "classic.nc", "netCDF", "xr.open_dataset",
               make=lambda folder: xr.Dataset({"a": ("x", FIVE)}).to_netcdf(
                   folder / "classic.nc", engine="scipy")),
        opened("a netCDF file in HDF5", "four.nc", "netCDF", "xr.open_dataset",
               make=lambda folder: xr.Dataset({"a": ("x", FIVE)}).to_netcdf(
                   folder / "four.nc", engine="h5netcdf")),
        opened("a MATLAB file", "recon.mat", "MATLAB", "h5py", make=matlab),
        opened("an older MATLAB file", "old.mat", "MATLAB", "scipy.io.loadmat",
               make=put("old.mat", b"MATLAB 5.0 MAT-file, Platform: GLNXA64".ljust(200))),
        opened("a CXI product", "scan.cxi", "CXI", "save it as an HDF5 product",
               make=hdf5("scan.cxi", {"cxi_version": 160, "entry_1/ptychodus/opr_weights": 0})),
        opened("a NeXus file of the detector", "master.h5", "NeXus", "from_rawdata",
               make=hdf5("master.h5", {"entry/data/data": np.ones((2, 4, 4))})),
        opened("a reconstruction by ptypy", "recon.ptyr", "ptypy", "from_rawdata",
               make=hdf5("recon.ptyr", {"header/kind": "minimal", "content/probe": 0})),
        opened("a single array (.npy)", "object.npy", "single NumPy array", "numpy.savez",
               make=put("object.npy", npy(np.ones((4, 4), complex)))),
        opened("a TIFF image", "phase.tif", "TIFF", "positions",
               make=put("phase.tif", b"II*\0\x08\0\0\0" + bytes(64))),
        opened("a pickle", "scan.pkl", "pickle", "any code",
               make=put("scan.pkl", pickle.dumps({"probe": [1, 2, 3]}, protocol=4))),
        opened("an HDF5 file that someone made up", "own.h5", "'amplitude'", "from_rawdata",
               make=hdf5("own.h5", {"amplitude": FIVE, "positions": FIVE})),
        opened("an NPZ of other things", "other.npz", "'arr_0'", "PtychoPINN",
               make=npz("other.npz", arr_0=FIVE)),
        opened("a product that Ptychodus is still writing", "scan.h5", "another program", "copy",
               make=locked, wraps=True),
        opened("a product whose writing broke off", "scan.h5", "a part of a product",
               "engine='ptychodus'", make=removed("probe")),
    ],
    "The wrong engine": [
        Mistake("an NPZ given to the HDF5 engine",
                'xr.open_dataset("scan.npz", engine="ptychodus")',
                ("zip archive", "open_dataset()"),
                file="scan.npz", wraps=True),
        Mistake("HDF5 given to the NPZ engine",
                'xr.open_dataset("scan.h5", engine="ptychopinn")', ("HDF5", "open_dataset()"),
                file="scan.h5", wraps=True),
        Mistake("a file of patterns opened as a product",
                'xr.open_dataset("patterns.h5", engine="ptychodus")',
                ("'patterns'", "open_dataset()"), file="patterns.h5"),
        Mistake("a product opened as patterns",
                'xr.open_dataset("scan.h5", engine="ptychodus-diffraction")',
                ("'object'", "open_dataset()"), file="scan.h5"),
        Mistake("a product in NPZ opened as a PtychoPINN dataset",
                'xr.open_dataset("product.npz", engine="ptychopinn")',
                ("'xcoords'", "open_dataset()"), product_as_npz, file="product.npz"),
        Mistake("no engine, and xarray takes its own",
                'xr.open_dataset("scan.h5").ptyxr.to("um")', ("netCDF", "engine='ptychodus'"),
                file="scan.h5"),
        Mistake("the same, and an array of it",
                'xr.open_dataset("scan.h5").object.ptyxr.phase()',
                ("netCDF", "engine='ptychodus'")),
        Mistake("a path given to what takes arrays", 'ptyxr.from_rawdata("scan.npz")',
                ("'scan.npz'", "open_dataset()")),
        Mistake("the two files of a scan in the wrong order",
                'ptyxr.open_dataset("patterns.h5", diffraction="scan.h5")',
                ("no file of patterns",), file="scan.h5"),
    ],
    "What is in the file": [
        opened("an energy written as text", "scan.h5", "'8 keV'", "a number",
               make=change(lambda file: file.attrs.update(
                   dict.fromkeys(("photon_energy_eV", "probe_energy_eV"), "8 keV"))),
               key="photon_energy_eV"),
        opened("an object that is its amplitude only", "scan.h5", "complex", "float64",
               make=replaced("object", np.ones((29, 32))), key="object"),
        opened("positions for other patterns", "scan.h5", "5 along position", "12",
               make=replaced("probe_position_y_m", FIVE), key="probe_position_y_m"),
        opened("a link to a file that stayed behind", "scan.h5", "leads out", "'raw.h5'",
               make=replaced("object", h5py.ExternalLink("raw.h5", "object"), attributes=False),
               key="/object"),
        opened("an NPZ with patterns for other positions", "short.npz", "(6, 8, 8)", "5 positions",
               make=npz("short.npz", xcoords=FIVE, ycoords=FIVE, diff3d=np.ones((6, 8, 8))),
               key="diff3d"),
        opened("an NPZ with one coordinate less", "short.npz", "4 'ycoords'", "each",
               make=npz("short.npz", xcoords=FIVE, ycoords=FIVE[:4])),
        opened("an NPZ without its positions", "no.npz", "'diff3d'", "'xcoords'",
               make=npz("no.npz", diff3d=np.ones((5, 8, 8)))),
        opened("an NPZ of Python objects", "objects.npz", "pickled", "numpy.savez",
               make=npz("objects.npz", xcoords=FIVE, ycoords=FIVE,
                        diff3d=np.array([{}, None], dtype=object)), key="diff3d"),
        Mistake("positions in metres, where an NPZ has pixels", OPEN.format("metres.npz"),
                ("seem to be metres", "Divide"),
                npz("metres.npz", xcoords=FIVE * 1e-6, ycoords=FIVE * 1e-6), raises=UserWarning),
        Mistake("the same in memory, as Quantities",
                'ptyxr.from_rawdata({"xcoords": Q(x, "um"), "ycoords": Q(x, "um")})',
                ("micrometer", "Divide"), key="xcoords"),
        Mistake("a group that is not there",
                'xr.open_dataset("scan.h5", engine="ptychodus", group="raw")', ("'/raw_data'",),
                file="scan.h5", key="/raw"),
    ],
    "Units": [
        Mistake("a unit that there is not", 'ds.ptyxr.to("foo")', ("'foo'", "'um'"), key="unit",
                wraps=True),
        Mistake("a unit misspelt", 'ds.ptyxr.to("micormeter")', ("Did you mean 'micrometer'?",),
                key="unit", wraps=True),
        Mistake("a unit in other capitals",
                'ds.ptyxr.to_product("new.h5", photon_energy="8 kev")', ("Did you mean 'keV'?",),
                key="photon_energy", wraps=True,
                command="convert scan.npz new.h5 --photon-energy '8 kev'"),
        Mistake("A for the ångström", 'ds.ptyxr.to("A")', ("ampere", "'angstrom'"), key="unit"),
        Mistake("a unit that is no length", 'ds.ptyxr.to("keV")', ("electron_volt", "'um'"),
                key="unit"),
        Mistake("a number in place of a unit", 'ds.ptyxr.to("50 nm")', ("without a number",),
                key="unit"),
        Mistake("metres before the pixel size is known", 'raw.ptyxr.to("m")',
                ("assign_pixel_size(object='50 nm')",), key="object_pixel_width"),
        Mistake("a pixel size without its unit, as text",
                'raw.ptyxr.assign_pixel_size(object="50")', ("'50'", "'50 nm'"), key="object",
                command="convert scan.npz new.h5 --object-pixel-size 50"),
        Mistake("a pixel size without its unit, as a number",
                "raw.ptyxr.assign_pixel_size(object=50)", ("metre/pixel", "'50 nm'"), key="object"),
        Mistake("a pixel size with a decimal comma",
                'raw.ptyxr.assign_pixel_size(object="50,5 nm")', ("point",), key="object"),
        Mistake("two pixel sizes in one text",
                'raw.ptyxr.assign_pixel_size(object="50 nm x 40 nm")', ("('50 nm', '40 nm')",),
                key="object", wraps=True),
        Mistake("a pixel size of three", 'raw.ptyxr.assign_pixel_size(object=("1 nm",) * 3)',
                ("3 values", "pair"), key="object"),
        Mistake("a pixel size below zero", 'raw.ptyxr.assign_pixel_size(object="-50 nm")',
                ("positive",), key="object"),
        Mistake("a pixel size in pixels", 'raw.ptyxr.assign_pixel_size(object="50 px")',
                ("'50 nm'",), key="object"),
        Mistake("another pixel size than the axes have",
                'ds.ptyxr.assign_pixel_size(object="40 nm")', ("5e-08", "ds.ptyxr.to('pixel')"),
                key="object_x"),
        Mistake("pint's own px, the CSS pixel", "ds.ptyxr.to(ptyxr.ureg.px)",
                ("CSS pixel", "'pixel'"), key="unit"),
        Mistake("a pixel size per CSS pixel",
                'raw.ptyxr.assign_pixel_size(object=Q("50 nm/px"))', ("CSS pixel", "'pixel'"),
                key="object"),
        Mistake("positions brought to CSS pixels by pint",
                'ds.assign_coords(position_x=ds.position_x.pint.to("px")).ptyxr.to("m")',
                ("CSS pixel",), key="position_x"),
        Mistake("a wavelength given as the energy",
                'ds.ptyxr.to_product("new.h5", photon_energy="0.15 nm")', ("'8 keV'",),
                key="photon_energy", wraps=True,
                command="convert scan.npz new.h5 --photon-energy '0.15 nm'"),
        Mistake("an energy in keV without its unit",
                'ds.ptyxr.to_product("new.h5", photon_energy=8)', ("8 electron_volt", "'8 keV'"),
                raises=UserWarning),
        Mistake("a distance in millimetres without its unit",
                'ds.ptyxr.to_product("new.h5", detector_object_distance=2000)',
                ("2000 meter", "'2 m'"), raises=UserWarning),
        Mistake("the wavelength, and no energy is known", "raw.ptyxr.wavelength",
                ("assign_coords",), key="photon_energy"),
        Mistake("an energy assigned as a bare number",
                "ds.assign_coords(photon_energy=8000.0).ptyxr.wavelength",
                ("lost its unit", "Quantity"), key="photon_energy"),
        Mistake("positions assigned as bare numbers",
                'ds.assign_coords(position_x=("position", ds.position_x.values)).ptyxr.to("um")',
                ("lost its unit", "Quantity"), key="position_x"),
        Mistake("an axis assigned as bare numbers",
                'ds.assign_coords(object_x=("object_x", ds.object_x.values)).ptyxr.to("um")',
                ("lost its unit", "{'units': 'meter'}"), key="object_x"),
        Mistake("a Quantity of a registry of one's own",
                'ds.position_x + pint.UnitRegistry().Quantity(1, "um")',
                ("two registries", "ptyxr.ureg"), key="position_x", wraps=True),
        Mistake("a unit changed by its attribute", 'ds.position_x.attrs["units"] = "um"',
                ("ds.ptyxr.to(...)",)),
    ],
    "Coordinates": [
        Mistake("a bare number added to a coordinate", "ds.position_x + 1e-6",
                ("no unit", "meter"), key="position_x", wraps=True),
        Mistake("a coordinate compared with a bare number",
                "ds.where(ds.position_x > 1e-6, drop=True)", ("no unit", "meter"),
                key="position_x", wraps=True),
        Mistake("metres less pixels", "ds.position_x - raw.position_x", ("meter and pixel", "to("),
                key="position_x", wraps=True),
        Mistake("a crop by bare numbers", "ds.sel(object_x=slice(0, 1e-6))",
                ("no unit", "Quantity"), key="object_x"),
        Mistake("a crop in a unit that does not fit",
                'ds.sel(object_x=slice(Q("3 pixel"), Q("9 pixel")))', ("found pixel", "meter"),
                key="object_x", wraps=True),
        Mistake("a place between two pixels", 'ds.sel(object_x="0.33 um")',
                ("method='nearest'",), key="object_x"),
        Mistake("scan points selected as if positions were an axis",
                'ds.sel(position_x=Q("0.3 um"), method="nearest")',
                ("bare numbers", "ds.ptyxr.nearest"), key="position_x"),
        Mistake("the scan point near two bare numbers", "ds.ptyxr.nearest(0.3, 0.0)",
                ("unit is missing",), key="x"),
        Mistake("the scan point in pixels, of a dataset in metres",
                'ds.ptyxr.nearest("3 px", "4 px")', ("does not fit", "meter"), key="x"),
        Mistake("a scan point by one coordinate",
                'ds.ptyxr.index_positions().sel(position_x=Q("0 um"), method="nearest")',
                ("both", "position_y")),
        Mistake("a shift without its unit", "ds.ptyxr.shift(x=1e-6)", ("unit is missing",),
                key="x"),
        Mistake("a scan point that there is not", "ds.ptyxr.probe_at(12)", ("0 to 11",),
                key="position"),
        Mistake("a misspelt coordinate to interpolate at",
                'ds.ptyxr.interp(objectx="0.1 um")', ("no such coordinate",), key="objectx"),
        Mistake("objects subtracted that lie between each other's pixels",
                'ds.object - ds.ptyxr.shift(x="10 nm").object', ("0.2", "interp_like"),
                key="object_x"),
        Mistake("an object in metres and one in pixels", "ds.object - raw.object",
                ("pixel and meter", "ds.ptyxr.to(...)"), key="object_x"),
        Mistake("one pixel of an axis, and then the axis",
                'ds.isel(object_x=3).ptyxr.to("px")', ("isel(object_x=[i])",), key="object_x"),
    ],
    "Writing": [
        Mistake("no object yet", 'ds.drop_vars("object").ptyxr.to_product("new.h5")',
                ("fill_object()",), key="object"),
        Mistake("no probe", 'ds.drop_vars("probe").ptyxr.to_product("new.h5")', ("ds.assign(",),
                key="probe"),
        Mistake("no positions", 'ds.drop_vars("position_x").ptyxr.to_npz("new.npz")',
                ("assign_coords(position_x",), key="position_x"),
        Mistake("a single scan point", 'ds.isel(position=3).ptyxr.to_product("new.h5")',
                ("isel(position=[i])",), key="position_x"),
        Mistake("an object that is its amplitude only",
                'ds.assign(object=abs(ds.object)).ptyxr.to_product("new.h5")',
                ("float32", "np.exp(1j * phase)"), key="object"),
        Mistake("dimensions by other names",
                'ds.assign(object=(("y", "x"), obj)).ptyxr.to_product("new.h5")',
                ("(y, x)", "ds.rename(x='object_x')"), key="object"),
        Mistake("a folder in place of a file", 'ds.ptyxr.to_product("scans")', ("folder",),
                folder_of_scans, file="scans"),
        Mistake("a folder that there is not", 'ds.ptyxr.to_product("results/new.h5")',
                ("folder does not exist",), file="results/new.h5"),
        Mistake('a file that exists, with mode "x"', 'ds.ptyxr.to_product("scan.h5", mode="x")',
                ("exists", "mode='w'"), file="scan.h5"),
        Mistake("appending to a file", 'ds.ptyxr.to_product("scan.h5", mode="a")', ("'a'", "'w'"),
                key="mode"),
        Mistake("an HDF5 name for an NPZ", 'ds.ptyxr.to_npz("new.h5")', ("'.npz'", "to_product()"),
                file="new.h5"),
        Mistake("writing to an address", 'ds.ptyxr.to_product("s3://bucket/new.h5")',
                ("network", "fsspec"), file="s3://bucket/new.h5",
                command="convert scan.npz s3://bucket/new.h5"),
        Mistake("neither HDF5 nor NPZ", "", ("'.txt'", "'.npz'"), file="new.txt",
                command="convert scan.npz new.txt"),
        Mistake("patterns that all have one number",
                'sized.ptyxr.to_product("new.h5", photon_energy="8 keV")', ("'sequential'",),
                raises=UserWarning),
        Mistake("no photon energy told",
                'sized.ptyxr.to_product("new.h5", position_index="sequential")',
                ("0.0", "photon_energy='8 keV'", "--photon-energy"), raises=UserWarning,
                command="convert scan.npz new.h5 --object-pixel-size '50 nm' --probe-pixel-size "
                "'50 nm' --position-index sequential"),
        Mistake("no pixel size told",
                'raw.ptyxr.to_product("new.h5", photon_energy="8 keV", '
                'position_index="sequential")',
                ("estimated", "assign_pixel_size"), raises=UserWarning),
        Mistake("an object cropped away from its scan",
                'ds.isel(object_x=slice(4)).ptyxr.to_product("new.h5")', ("outside the object",),
                raises=UserWarning),
    ],
    "Options": [
        Mistake("an origin that there is not", 'ptyxr.open_dataset("scan.npz", origin="centre")',
                ("'centre'", "'center'"), key="origin"),
        Mistake("a kind of pattern that there is not",
                'ptyxr.open_dataset("scan.npz", measurement="intensity")', ("'counts'",),
                key="measurement"),
        Mistake("a mode of the probe that there is not",
                'ds.ptyxr.to_npz("new.npz", probe="first")', ("'dominant'",), key="probe",
                command="convert scan.h5 new.npz --probe first"),
        Mistake("numbers of patterns that do not fit",
                'ds.ptyxr.to_product("new.h5", position_index=np.arange(5))', ("12 integers",),
                key="position_index"),
        Mistake("a centre that is one number",
                'ds.ptyxr.to_product("new.h5", object_center="0 um")', ("('0 um', '0 um')",),
                key="object_center"),
        Mistake("an encoding for everything",
                'ds.ptyxr.to_product("new.h5", encoding={"compression": "gzip"})',
                ("'compression'", "'probe'"), key="encoding"),
        Mistake("an encoding that there is not",
                'ds.ptyxr.to_product("new.h5", encoding={"probe": {"compress": 9}})',
                ("compress", "compression"), key="probe"),
        Mistake("metadata that there is not",
                'ds.ptyxr.to_product("new.h5", photon_enregy="8 keV")', ("'photon_energy'",),
                raises=TypeError),
        Mistake("a keyword that opening does not know",
                'ptyxr.open_dataset("scan.npz", pixel_size="50 nm")', ("'object_pixel_size'",),
                raises=TypeError),
        Mistake("a keyword for another kind of file",
                'ptyxr.open_dataset("scan.h5", origin="corner")', ("'origin'", "'ptychodus'"),
                raises=TypeError),
        Mistake("an engine for what finds the engine",
                'ptyxr.open_dataset("scan.h5", engine="ptychodus")', ("xr.open_dataset",),
                raises=TypeError),
        Mistake("a keyword that `to_npz` does not know",
                'ds.ptyxr.to_npz("new.npz", compress=True)', ("'compress'",), raises=TypeError),
        Mistake("a keyword that a picture does not know", "ds.ptyxr.plot.object(scalebar=True)",
                ("'scalebar'", "'scale_bar'"), raises=TypeError),
        Mistake("no file to write", "", ("IN OUT",), command="convert scan.npz"),
    ],
}  # fmt: skip


# --- making them ----------------------------------------------------------------------------------


def everything() -> list[Mistake]:
    return [mistake for group in MISTAKES.values() for mistake in group]


def names(folder: Path) -> dict[str, Any]:
    """Return what the code of a mistake has at hand."""
    ds = ptyxr.open_dataset(folder / "scan.h5")
    raw = ptyxr.open_dataset(folder / "scan.npz")
    return {
        "ds": ds.load(),
        "raw": raw,
        "sized": raw.ptyxr.assign_pixel_size(object="50 nm", probe="50 nm"),
        "obj": np.ones((29, 32), complex),
        "x": FIVE,
        "Path": Path,
        "Q": ptyxr.ureg.Quantity,
        "h5py": h5py,
        "np": np,
        "pint": pint,
        "ptyxr": ptyxr,
        "xr": xr,
    }


def fill(mistake: Mistake, folder: Path) -> Any:
    """Put the files of a mistake into a folder; what is returned holds one open."""
    for file in sound_files().iterdir():
        shutil.copy(file, folder)
    return mistake.make(folder) if mistake.make else None


def make(mistake: Mistake, folder: Path) -> BaseException | None:
    """Make a mistake, and return what was raised."""
    given = names(sound_files())
    with ExitStack() as after:
        held = fill(mistake, folder)
        if hasattr(held, "close"):
            after.callback(held.close)
        after.enter_context(chdir(folder))
        after.enter_context(warnings.catch_warnings())
        warnings.simplefilter("error", UserWarning)
        try:
            exec(compile(mistake.code, "<mistake>", "exec"), given)
        except Exception as error:  # noqa: BLE001  (whatever it is, the test looks at it)
            return error
    return None


def command(mistake: Mistake, folder: Path) -> SimpleNamespace:
    """Make a mistake at the command line, and return what it said and its exit code."""
    import shlex

    from typer.testing import CliRunner

    from ptyxr import cli

    with ExitStack() as after:
        held = fill(mistake, folder)
        if hasattr(held, "close"):
            after.callback(held.close)
        after.enter_context(chdir(folder))
        result = CliRunner().invoke(cli.app, shlex.split(mistake.line or ""), prog_name="ptyxr")
    return SimpleNamespace(said=shown(result.stderr, folder), code=result.exit_code)


def shown(text: str, folder: Path) -> str:
    """Return a message as the page has it: with one name for the folder, and no sizes."""
    text = text.replace(str(folder), PLACE).replace(os.path.realpath(folder), PLACE)
    text = re.sub(r"\b\d{4,} bytes", "… bytes", text)
    # Newer Pythons add a guess of their own.
    return re.sub(r"(got an unexpected keyword argument '\w+')\..*", r"\1", text)


def message(mistake: Mistake, folder: Path) -> str:
    """Return what a mistake leads to, as the last line of a traceback has it."""
    if not mistake.code:
        return command(mistake, folder).said.strip()
    error = make(mistake, folder)
    if error is None:
        return "nothing"
    return f"{type(error).__name__}: {shown(str(error), folder)}"


# --- the page -------------------------------------------------------------------------------------


def code(text: str) -> str:
    """Return text as it stands: prose would get curly quotes, and no one could copy it."""
    return f"`` {text.replace('|', chr(92) + '|')} ``"


def row(mistake: Mistake, said: str) -> str:
    return f"| {mistake.title} | {code(mistake.code or f'ptyxr {mistake.line}')} | {code(said)} |"


def page() -> str:
    """Return the tables in markdown."""
    lines = []
    for title, group in MISTAKES.items():
        lines += ["", f"## {title}", "", "| what | typed | said |", "|---|---|---|"]
        for mistake in group:
            with tempfile.TemporaryDirectory() as folder:
                lines.append(row(mistake, message(mistake, Path(folder).resolve())))
    return "\n".join(lines[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    text = page()
    sys.stdout.write(f"{text}\n")
    if arguments.write:
        head, rest = DOCS.read_text(encoding="utf-8").split(BEGIN)
        DOCS.write_text(f"{head}{BEGIN}\n{text}\n{END}{rest.split(END)[1]}", encoding="utf-8")


if __name__ == "__main__":
    main()
