"""What the fuzzer has found, each as the smallest file that shows it, built by code."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from checksums import mend_checksums
from h5py import h5a, h5d, h5p, h5s, h5t
from seeds import Seed, seeds
from zip_archive import Entry, build, deflated_zeros

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FINDINGS"]

#: Functions that make a file, by what it is.
FINDINGS: dict[str, Callable[[], bytes]] = {}


def _finding(make: Callable[[], bytes]) -> Callable[[], bytes]:
    FINDINGS[(make.__doc__ or "").strip().rstrip(".")] = make
    return make


def _seed(family: str, name: str) -> Seed:
    return next(seed for seed in seeds(family) if seed.name == name)


def _changed(
    change: Callable[[h5py.File], Any], name: str = "part of a product", family: str = "ptychodus"
) -> bytes:
    """Return a sound HDF5 file after a change with h5py."""
    target = io.BytesIO(_seed(family, name).data)
    with h5py.File(target, "r+") as file:
        change(file)
    return target.getvalue()


def _overwritten(name: str, signature: bytes, offset: int, value: bytes, *, nth: int = 0) -> bytes:
    """Return a sound HDF5 file with other bytes in the n-th structure of a signature."""
    family = "ptychodus" if "product" in name or "part" in name else "ptychodus-diffraction"
    data = bytearray(_seed(family, name).data)
    at = -1
    for _ in range(nth + 1):
        at = data.index(signature, at + 1)
    data[at + offset : at + offset + len(value)] = value
    mend_checksums(data)
    return bytes(data)


def _with_member(name: str, payload: bytes, seed: str = "old order of patterns") -> bytes:
    """Return a sound NPZ file with one more member, or another one of that name."""
    family = "ptychodus-npz" if "product" in seed else "ptychopinn"
    arrays = np.load(io.BytesIO(_seed(family, seed).data))
    entries = [Entry(f"{key}.npy".encode(), _npy(arrays[key])) for key in arrays if key != name]
    return build([*entries, Entry(f"{name}.npy".encode(), payload)])


def _npy(values: Any) -> bytes:
    target = io.BytesIO()
    np.save(target, values)
    return target.getvalue()


def _headed(header: str, data: bytes = b"") -> bytes:
    text = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


# --- HDF5 that hangs, crashes, or takes all memory ------------------------------------------------


@_finding
def object_of_length_0() -> bytes:
    """A heap of text with an object of length 0, in which HDF5 2.0 looks for ever."""
    data = bytearray(_changed(lambda file: file.attrs.update(name="a", comments="b")))
    heap = data.index(b"GCOL")
    data[heap + 16 : heap + 48] = bytes(32)
    return bytes(data)


@_finding
def object_of_length_0_beside_a_fractal_heap() -> bytes:
    """The same where attributes are in a fractal heap, so that it is not known which is read."""
    data = bytearray(_seed("ptychodus", "product of 1.7, newest HDF5").data)
    heap = data.index(b"GCOL")
    data[heap + 16 : heap + 48] = bytes(32)
    return bytes(data)


@_finding
def text_of_4_gb() -> bytes:
    """A text that says it is 4 GB long, which HDF5 sets aside before it looks."""
    data = bytearray(_changed(lambda file: file.attrs.update(name="text")))
    heap = struct.pack("<Q", data.index(b"GCOL"))
    place = data.index(struct.pack("<I", 4) + heap)
    data[place : place + 4] = b"\xff\xff\xff\xff"
    return bytes(data)


def _with_chunk(block: bytes, *filters: tuple[int, tuple[int, ...]]) -> bytes:
    """Return a file whose object is one chunk as given, behind filters."""

    def change(file: h5py.File) -> None:
        shape = file["object"].shape
        attrs = dict(file["object"].attrs)
        del file["object"]
        plan = h5p.create(h5p.DATASET_CREATE)
        plan.set_chunk(shape)
        for code, values in filters:
            plan.set_filter(code, 0, values)
        kind = h5t.py_create(np.dtype("c8"))
        made = h5d.create(file.id, b"object", kind, h5s.create_simple(shape), dcpl=plan)
        if block:
            made.write_direct_chunk((0,) * len(shape), block)
        file["object"].attrs.update(attrs)

    return _changed(change)


@_finding
def chunk_shorter_than_its_checksum() -> bytes:
    """A chunk of 2 bytes with a checksum of 4, before which HDF5 2.0 reads and crashes."""
    return _with_chunk(b"ab", (h5py.h5z.FILTER_FLETCHER32, ()))


@_finding
def filter_without_values() -> bytes:
    """A filter whose values are missing, of which h5py raises IndexError."""
    return _with_chunk(b"abc", (h5py.h5z.FILTER_DEFLATE, ()))


@_finding
def chunks_of_one_number() -> bytes:
    """A million chunks of one number, none of them written, for each of which HDF5 takes 3 kB."""

    def change(file: h5py.File) -> None:
        del file["probe_position_x_m"]
        file.create_dataset("probe_position_x_m", (2**20,), "f8", chunks=(1,))

    return _changed(change)


_NEWEST = "product of 1.7, newest HDF5"


@_finding
def names_of_another_group() -> bytes:
    """A group with the names of another one, which HDF5 2.0 reads at an address of nothing."""
    first = _seed("ptychodus", "product of 1.7").data
    names = first[first.index(b"HEAP") + 24 :][:8]
    return _overwritten("product of 1.7", b"HEAP", 24, names, nth=1)


@_finding
def records_of_length_0() -> bytes:
    """A tree of names whose records have length 0, by which HDF5 2.0 divides."""
    return _overwritten(_NEWEST, b"BTHD", 10, bytes(2))


@_finding
def more_names_than_there_are() -> bytes:
    """A tree of names that says it has more than it has, which HDF5 2.0 sorts all the same."""
    return _overwritten(_NEWEST, b"BTHD", 26, struct.pack("<Q", 2**20))


@_finding
def nodes_of_gigabytes() -> bytes:
    """A tree of names whose nodes say they are 512 MB long, which HDF5 sets aside."""
    return _overwritten(_NEWEST, b"BTHD", 6, struct.pack("<I", 2**29))


@_finding
def tree_that_cannot_be_closed() -> bytes:
    """A heap of names with a tree where it has none, after which HDF5 cannot close the file."""
    return _overwritten("training data, newest HDF5", b"FRHP", 24, b"\x80")


@_finding
def more_chunks_than_there_are() -> bytes:
    """A dataset that may grow to more chunks than its index has places, behind which HDF5 reads."""
    shape = struct.pack("<6Q", 2, 7, 9, 2, 7, 9)
    return _overwritten(_NEWEST, shape, 24, struct.pack("<3Q", 2, 7 + 37 * 2**32, 9))


@_finding
def pairs_that_overlap() -> bytes:
    """Pairs of a float that numpy has no type for, which h5py reads beyond the end of its array."""

    def change(file: h5py.File) -> None:
        wide = h5t.IEEE_F32LE.copy()
        wide.set_ebias(128)
        pair = h5t.create(h5t.COMPOUND, 8)
        pair.insert(b"r", 0, wide)
        pair.insert(b"i", 4, h5t.IEEE_F32LE)
        for at in (file, file["object"]):
            h5a.create(at.id, b"pair", pair, h5s.create_simple((1000,)))

    return _changed(change)


# --- names and attributes -------------------------------------------------------------------------


@_finding
def name_that_is_no_text() -> bytes:
    """A member whose name is no UTF-8, which h5py gives as bytes."""
    return _changed(lambda file: file.create_dataset(b"\xff\xfe", data=1.0))


@_finding
def name_that_is_no_text_in_patterns() -> bytes:
    """The same in a file of which no engine knows anything."""

    def change(file: h5py.File) -> None:
        del file["patterns"]
        file.create_dataset(b"\xff\xfe", data=1.0)

    return _changed(change, "assembled patterns", "ptychodus-diffraction")


@_finding
def default_of_several() -> bytes:
    """An attribute of several numbers that is said to be a default."""
    return _changed(
        lambda file: file.attrs.update(far_field=[True, False], ptyxr_defaults="far_field")
    )


@_finding
def default_of_none() -> bytes:
    """An attribute of no numbers that is said to be a default."""
    return _changed(
        lambda file: file.attrs.update(far_field=np.zeros(0), ptyxr_defaults="far_field")
    )


@_finding
def default_of_two_kinds() -> bytes:
    """An attribute of numbers in pairs that is said to be a default."""
    pair = np.zeros(1, dtype=[("r", "f8"), ("i", "f4")])
    return _changed(
        lambda file: file.attrs.update(exposure_time_s=pair, ptyxr_defaults="exposure_time_s")
    )


@_finding
def spellings_of_two_kinds() -> bytes:
    """Two spellings of one attribute, of which one is no number."""
    pair = np.zeros(1, dtype=[("a", "i4"), ("b", "f8")])
    return _changed(lambda file: file.attrs.update(photon_energy_eV=8e3, probe_energy_eV=pair))


@_finding
def spellings_of_two_kinds_in_npz() -> bytes:
    """The same in an NPZ file, where one of them is bytes."""
    return _with_member("probe_energy_eV", _npy(np.void(b"8 bytes.")), "product of 1.7")


@_finding
def positions_that_are_complex() -> bytes:
    """Positions that are complex numbers, of which there are none."""

    def change(file: h5py.File) -> None:
        for name in ("probe_position_x_m", "probe_position_y_m"):
            del file[name]
            file[name] = np.zeros(0, "c8")

    return _changed(change)


@_finding
def position_beyond_64_bits() -> bytes:
    """A position that is too large for a number of 64 bits."""

    def change(file: h5py.File) -> None:
        del file["probe_position_x_px"]
        wide = np.full(5, np.finfo(np.longdouble).max)
        file["probe_position_x_px"] = wide

    return _changed(change, "training data", "ptychodus-diffraction")


@_finding
def positions_far_away() -> bytes:
    """Positions that are an infinite number of pixels away, with pixel numbers beside them."""

    def change(file: h5py.File) -> None:
        file["object"].attrs.update(pixel_width_m=1e-300, pixel_height_m=1e-300)
        file["probe_position_x_m"][...] = 1e300

    return _changed(change, "product of 1.7")


@_finding
def pixels_that_are_almost_nothing() -> bytes:
    """A pixel size of which positions are an infinite number."""
    return _changed(
        lambda file: file["object"].attrs.update(pixel_width_m=5e-324, pixel_height_m=5e-324)
    )


@_finding
def pixels_that_are_too_large() -> bytes:
    """A pixel size of which labels are no numbers any more."""

    def change(file: h5py.File) -> None:
        file["object"].attrs.update(pixel_width_m=1e308, center_x_m=1e308, center_y_m=0.0)

    return _changed(change)


# --- headers of NPZ -------------------------------------------------------------------------------


@_finding
def header_of_python_2() -> bytes:
    """A header as Python 2 wrote it, of which numpy warns."""
    header = "{'descr': '<f8', 'fortran_order': False, 'shape': (5L,), }"
    return _with_member("xcoords", _headed(header, bytes(40)))


@_finding
def type_that_numpy_deprecates() -> bytes:
    """A type in a header of which numpy warns."""
    header = "{'descr': 'a4', 'fortran_order': False, 'shape': (), }"
    return _with_member("name", _headed(header, b"text"))


@_finding
def type_with_a_shape() -> bytes:
    """A type in a header that has a shape of its own."""
    header = "{'descr': ('<f8', (3,)), 'fortran_order': False, 'shape': (), }"
    return _with_member("beamline", _headed(header, bytes(24)), "product of 1.7")


@_finding
def more_axes_than_numpy_has() -> bytes:
    """A header with more axes than numpy has."""
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({'1,' * 65}), }}"
    return _with_member("probe_photon_counts", _headed(header, bytes(8)), "product of 1.7")


@_finding
def positions_that_inflate() -> bytes:
    """Positions of 1 GB in a file of 1 MB."""
    count = 2**30
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({count // 8},), }}"
    head = _headed(header)
    packed = b"\0" + struct.pack("<HH", len(head), len(head) ^ 0xFFFF) + head
    said = {"crc": 0, "size": len(head) + count}
    names = (b"xcoords.npy", b"ycoords.npy", b"objectGuess.npy")
    zeros = deflated_zeros(count)
    return build([Entry(name, b"", 8, packed + zeros, dict(said), dict(said)) for name in names])


@_finding
def thousand_numbers() -> bytes:
    """A product of a thousand members, for each of which the directory was read anew."""
    data = _seed("ptychodus-npz", "compressed product").data
    arrays = np.load(io.BytesIO(data))
    entries = [Entry(f"{key}.npy".encode(), _npy(arrays[key]), 8) for key in arrays]
    return build([*entries, *(Entry(f"extra{i}.npy".encode(), _npy(i), 8) for i in range(1000))])
