"""NPZ files whose members, npy headers or zip headers are odd, or lie."""

from __future__ import annotations

import contextlib
import io
import struct
import warnings
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib import format as npy
from odd_npz import DTYPES, HEADERS, MEMBERS, METADATA, PICKLES, SHAPES
from odd_values import odd_array
from zip_archive import Entry, build, deflated_zeros

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from seeds import Seed

__all__ = ["NPZ_MUTATIONS", "mutate_npz"]

# --- members --------------------------------------------------------------------------------------


def _array(entry: Entry) -> np.ndarray:
    """Return the array of an entry, or another one where it has none."""
    with contextlib.suppress(ValueError, EOFError, OSError, OverflowError):
        return np.asarray(np.load(io.BytesIO(entry.payload)))
    return np.arange(5.0)


def _npy(values: Any, version: tuple[int, int] | None = None) -> bytes:
    target = io.BytesIO()
    npy.write_array(target, np.asanyarray(values), version)
    return target.getvalue()


def _headed(rng: random.Random, header: bytes, data: bytes) -> bytes:
    """Return an npy file with a header as it is given, in any version."""
    version = rng.choice((1, 1, 1, 2, 3, 0, 4, 255))
    size = (
        struct.pack("<H", len(header) % 2**16) if version == 1 else struct.pack("<I", len(header))
    )
    return b"\x93NUMPY" + bytes((version, rng.choice((0, 0, 0, 1)))) + size + header + data


def _pick(rng: random.Random, entries: list[Entry]) -> Entry:
    """Return a member; now and then it is a new one, with a known name."""
    if not entries or rng.random() < 0.15:
        entries.append(Entry(rng.choice(MEMBERS).encode() + b".npy", _npy(np.arange(5.0))))
        return entries[-1]
    return rng.choice(entries)


def drop(rng: random.Random, entries: list[Entry]) -> None:
    """Take members away."""
    for _ in range(rng.choice((1, 1, 2, 4))):
        if entries:
            entries.remove(rng.choice(entries))


def rename(rng: random.Random, entries: list[Entry]) -> None:
    """Give a member another name, or an odd one."""
    entry = _pick(rng, entries)
    stem = rng.choice((
        b"../x", b"/etc/x", b"C:\\x", b"a\0b", b"\xff\xfe", b"", b".", b"x" * 60000, b"a/b",
        b"\xed\xa0\x80",
        b"x\n\x1b[31m", b"object_x", b"position", *(one.encode() for one in rng.sample(MEMBERS,
        9)),
    ))  # fmt: skip
    entry.name = stem + rng.choice(
        (b".npy", b".npy", b".npy", b"", b".NPY", b".npy.npy", b".npz", b".")
    )
    if rng.random() < 0.3:
        entry.local["flags"] = entry.central["flags"] = 0x800  # it is called UTF-8
    if rng.random() < 0.1:
        entry.local["name"] = rng.choice((b"", b"other.npy", entry.name + b"x"))


def double(rng: random.Random, entries: list[Entry]) -> None:
    """Have a member twice, or one content under two names."""
    entry = _pick(rng, entries)
    name = entry.name if rng.random() < 0.6 else rng.choice(MEMBERS).encode() + b".npy"
    again = Entry(name, rng.choice((entry.payload, _npy(np.ones(3)), b"")), entry.method)
    entries.insert(rng.randrange(len(entries) + 1), again)


def retype(rng: random.Random, entries: list[Entry]) -> None:
    """Store a member as numbers, text or objects of another type."""
    entry = _pick(rng, entries)
    values = _array(entry)
    kind = rng.choice((
        "i1", "u2", ">i4", "u8", "f2", "f4", ">f8", "g", "c8", "c16", "G", "?", "S3", "U3", "V8",
        "M8[s]", "m8[ns]", "O", "i4,f8", "T",
    ))  # fmt: skip
    with contextlib.suppress(ValueError, TypeError, OverflowError), np.errstate(all="ignore"):
        entry.payload = _npy(values.astype(np.dtypes.StringDType() if kind == "T" else kind))


def reshape(rng: random.Random, entries: list[Entry]) -> None:
    """Store a member in another shape or order."""
    entry = _pick(rng, entries)
    values = _array(entry)
    shape = rng.choice((
        (), (0,), (1,), (0, 0), (5, 0), (values.size,), (values.size, 1), (1, values.size),
        (1,) * 5 + values.shape, (2,) * 10, values.shape[::-1], (*values.shape, 1), (1,
        *values.shape),
        tuple(max(n + rng.choice((-1, 0, 1)), 0) for n in values.shape),
    ))  # fmt: skip
    values = np.resize(values, shape) if values.size else np.zeros(shape, values.dtype)
    entry.payload = _npy(np.asfortranarray(values) if rng.random() < 0.4 else values)


def revalue(rng: random.Random, entries: list[Entry]) -> None:
    """Keep type and shape, and put odd numbers in."""
    entry = _pick(rng, entries)
    entry.payload = _npy(odd_array(rng, _array(entry)))


def pickled(rng: random.Random, entries: list[Entry]) -> None:
    """Store a member as pickled objects, sound, odd or hostile."""
    entry = _pick(rng, entries)
    if rng.random() < 0.5:
        entry.name = b"_metadata.npy"
    values = np.empty((), dtype=object)
    values[()] = rng.choice((None, "text", "{}", '{"a": 1}', 1, {"a": 1}, b"x", "\ud800", ["x"]))
    whole = _npy(values)
    header = whole[: 10 + struct.unpack_from("<H", whole, 8)[0]]
    hostile = rng.choice(PICKLES)
    entry.payload = rng.choice((whole, whole[:-3], header + hostile, header + hostile))


def metadata(rng: random.Random, entries: list[Entry]) -> None:
    """Give a scan metadata that are odd."""
    text = rng.choice(METADATA)
    entries[:] = [one for one in entries if one.name != b"_metadata.npy"]
    values = rng.choice(
        (np.array(text), np.array([text]), np.array(text.encode()), np.array([text] * 2))
    )
    entries.append(Entry(b"_metadata.npy", _npy(values)))


def header(rng: random.Random, entries: list[Entry]) -> None:
    """Write an npy header that lies about type, order or shape, or is no header."""
    entry = _pick(rng, entries)
    values = _array(entry)
    parts = {
        "descr": repr(values.dtype.str), "fortran_order": "False", "shape": repr(values.shape),
    }  # fmt: skip
    what = rng.randrange(8)
    if what < 2:
        parts["descr"] = rng.choice(DTYPES)
    elif what < 4:
        parts["shape"] = rng.choice(SHAPES)
    elif what == 4:
        parts["fortran_order"] = rng.choice(("True", "1", "None", "'x'", "Truee", "(", "0.0"))
    elif what == 5:
        parts["descr"], parts["shape"] = rng.choice(DTYPES), rng.choice(SHAPES)
    elif what == 6:
        parts.pop(rng.choice(list(parts)))
        if rng.random() < 0.5:
            parts["extra"] = "1"
    text = "{" + ", ".join(f"{key!r}: {value}" for key, value in parts.items()) + "}"
    if what == 7:
        text = rng.choice((*HEADERS, text + " " * 11000, text + "#", "{'shape': (5,), " + text[1:]))
    entry.payload = _headed(rng, text.encode("utf-8", "surrogatepass") + b"\n", values.tobytes())


def content(rng: random.Random, entries: list[Entry]) -> None:
    """Cut a member, lengthen it, or put other bytes in its place."""
    entry = _pick(rng, entries)
    data = entry.payload
    entry.payload = rng.choice((
        b"", data[:-1], data[: rng.randrange(len(data) + 1)], data + b"\0", data + bytes(5000),
        b"\x93NUMPY",
        b"\x93NUMPY\x01\0\xff\xff", b"\x93NUMPY\x02\0\xff\xff\xff\xff", b"PK\x03\x04", data[6:],
        data[:8] + b"\xff\xff" + data[10:], rng.randbytes(200),
    ))  # fmt: skip


# --- the archive ----------------------------------------------------------------------------------


def inflate(rng: random.Random, entries: list[Entry]) -> None:
    """Have a member of zeros that inflates a thousandfold."""
    entry = _pick(rng, entries)
    values = _array(entry)
    size = rng.choice((2**20, 2**25, 2**28, 2**30))
    shape = (size // values.dtype.itemsize,)
    if rng.random() < 0.5 and values.ndim > 1:
        shape = (size // max(values[0].nbytes, 1), *values.shape[1:])
    start = io.BytesIO()
    described = {"descr": values.dtype.str, "fortran_order": False, "shape": shape}
    npy.write_array_header_1_0(start, described)
    count = int(np.prod(shape)) * values.dtype.itemsize
    head = start.getvalue()
    # A stored block of deflate, then the zeros.
    packed = (
        b"\0" + struct.pack("<HH", len(head), len(head) ^ 0xFFFF) + head + deflated_zeros(count)
    )
    entry.payload, entry.method, entry.packed = b"", 8, packed
    lie = {"crc": 0, "size": len(head) + count}
    entry.local, entry.central = dict(lie), dict(lie)


def lie(rng: random.Random, entries: list[Entry]) -> None:
    """Have the headers of a member say what is not so."""
    entry = _pick(rng, entries)
    entry.method = rng.choice((entry.method, 0, 8))
    numbers = (
        0,
        1,
        29,
        30,
        2**31,
        2**32 - 1,
        len(entry.payload) - 1,
        len(entry.payload) + 1,
        10**6,
    )
    field = rng.choice(("crc", "packed", "size", "flags", "version", "method", "extra", "offset"))
    if field == "flags":
        value: Any = rng.choice((1, 1, 8, 0x40, 0x41, 0x800, 0x20, 0x2000, 0xFFFF))
    elif field == "method":
        value = rng.choice((0, 1, 6, 8, 9, 12, 14, 93, 95, 97, 99, 0xFFFF))
    elif field == "version":
        value = rng.choice((0, 45, 63, 64, 0xFFFF))
    elif field == "extra":
        value = rng.choice((
            struct.pack("<HHQQ", 1, 16, rng.choice(numbers), 2**63), struct.pack("<HH", 1, 0xFFFF),
            b"\1",
            struct.pack("<HHQ", 1, 8, 2**40), struct.pack("<HH", 0x7075, 1) + b"\1", b"\0" * 60000,
            struct.pack("<HHQQQ", 1, 24, 2**64 - 1, 2**64 - 1, 2**64 - 1), struct.pack("<HHQQQI",
            1, 28, 1, 1, 1, 1),
        ))  # fmt: skip
    else:
        value = rng.choice(numbers)
    places = rng.choice(((entry.central,), (entry.local,), (entry.local, entry.central)))
    for place in places:
        place[field] = value
        if field == "extra" and rng.random() < 0.7:
            place["size"] = place["packed"] = 2**32 - 1


def overlap(rng: random.Random, entries: list[Entry]) -> None:
    """Have a member begin where another one does, or in its middle, or in the directory."""
    entry = _pick(rng, entries)
    whole = len(build(entries))
    entry.central["offset"] = rng.choice(
        (0, 1, 30, 100, rng.randrange(whole), whole - 22, whole, 2**32 - 1)
    )


def deflate(_rng: random.Random, entries: list[Entry]) -> None:
    """Compress all members."""
    for entry in entries:
        entry.method = 8


def crowd(_rng: random.Random, entries: list[Entry]) -> None:
    """Have a thousand members."""
    entries += [Entry(f"extra{i}.npy".encode(), _npy(i)) for i in range(1000)]


NPZ_MUTATIONS: dict[str, Callable[[random.Random, list[Entry]], None]] = {
    "member dropped": drop,
    "member renamed": rename,
    "member doubled": double,
    "member retyped": retype,
    "member reshaped": reshape,
    "odd numbers": revalue,
    "pickled": pickled,
    "odd metadata": metadata,
    "header lies": header,
    "content": content,
    "inflated": inflate,
    "zip lies": lie,
    "overlap": overlap,
    "deflated": deflate,
    "crowded": crowd,
}


def mutate_npz(rng: random.Random, seed: Seed) -> tuple[str, bytes]:
    """Return an archive that was written anew, and what was done to it first.

    Parameters
    ----------
    rng : random.Random
        Where chance comes from.
    seed : Seed
        The sound file.
    """
    with zipfile.ZipFile(io.BytesIO(seed.data)) as archive:
        method = 8 if archive.infolist()[0].compress_type else 0
        entries = [
            Entry(one.filename.encode(), archive.read(one), method) for one in archive.infolist()
        ]
    weights = (1, 2, 2, 2, 2, 2, 2, 2, 5, 1, 0.4, 4, 1, 0.5, 0.1)
    kinds = rng.choices(tuple(NPZ_MUTATIONS), weights=weights, k=rng.choice((1, 1, 1, 2, 3)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of imaginary parts that are lost
        for kind in kinds:
            NPZ_MUTATIONS[kind](rng, entries)
    end = None
    comment = b""
    if rng.random() < 0.1:
        field = rng.choice(("count", "size", "offset"))
        end = {field: rng.choice((0, 1, 2**16 - 1, 2**31, 2**32 - 1))}
        comment = rng.choice((b"", b"PK\x05\x06" + bytes(18), b"x" * 60000))
    return kinds[0], build(entries, comment=comment, end=end)
