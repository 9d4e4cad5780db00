"""Damage that knows nothing of what it damages: bits, bytes, blocks, numbers of a few bytes."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from checksums import mend_checksums

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from seeds import Seed

__all__ = ["BYTE_MUTATIONS", "mutate_bytes"]

#: Numbers at which programs stumble: ends of types, signs, undefined addresses, absurd sizes.
_NUMBERS = (0, 1, 2, 7, 8, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 2**24, 2**31 - 1, 2**31,
            2**32 - 1, 2**40, 2**48, 2**62, 2**63 - 1, 2**63, 2**64 - 8, 2**64 - 1)  # fmt: skip


def _place(rng: random.Random, data: bytearray, spans: Sequence[tuple[int, int]]) -> int:
    """Return a place that is worth damaging; a tenth of the time it is any place."""
    if not spans or rng.random() < 0.1:
        return rng.randrange(len(data))
    lengths = [last - first for first, last in spans]
    first, last = rng.choices(list(spans), weights=lengths)[0]
    return min(rng.randrange(first, last), len(data) - 1)


def flip_bits(rng: random.Random, data: bytearray, seed: Seed, _other: bytes) -> None:
    """Flip one to four bits."""
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        data[_place(rng, data, seed.spans)] ^= 1 << rng.randrange(8)


def set_bytes(rng: random.Random, data: bytearray, seed: Seed, _other: bytes) -> None:
    """Set one to four bytes to anything."""
    for _ in range(rng.choice((1, 1, 2, 4))):
        data[_place(rng, data, seed.spans)] = rng.choice(
            (0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256))
        )


def set_number(rng: random.Random, data: bytearray, seed: Seed, _other: bytes) -> None:
    """Put a number of two, four or eight bytes where one may be: an extreme one, or a size."""
    size = rng.choice((2, 4, 8))
    at = _place(rng, data, seed.spans) & ~(size - 1 if rng.random() < 0.8 else 0)
    near = len(data) + rng.choice((-8, -1, 0, 1, 8))
    number = rng.choice((*_NUMBERS, near, at, rng.randrange(len(data))))
    if at + size <= len(data):
        old = int.from_bytes(data[at : at + size], "little")
        number = rng.choice((number, number, old + 1, old - 1, old * 2, old ^ 0x80))
        data[at : at + size] = (number % 2 ** (8 * size)).to_bytes(size, "little")


def copy_number(rng: random.Random, data: bytearray, seed: Seed, _other: bytes) -> None:
    """Put one address in place of another, so that structures lead to themselves."""
    if len(data) < 16:
        return
    places = [at for at in range(0, len(data) - 8, 8) if 0 < _word(data, at) < len(data)]
    if places:
        source = rng.choice(places)
        target = rng.choice((rng.choice(places), _place(rng, data, seed.spans) & ~7))
        data[target : target + 8] = data[source : source + 8]


def _word(data: bytearray, at: int) -> int:
    return int(struct.unpack_from("<Q", data, at)[0])


def truncate(rng: random.Random, data: bytearray, seed: Seed, _other: bytes) -> None:
    """Cut the end off."""
    del data[rng.choice((_place(rng, data, seed.spans), len(data) - rng.randrange(1, 64))) :]


def insert(rng: random.Random, data: bytearray, seed: Seed, _other: bytes) -> None:
    """Put bytes in between, or take some out."""
    at = _place(rng, data, seed.spans)
    count = rng.choice((1, 2, 4, 8, rng.randrange(1, 512)))
    if rng.random() < 0.5:
        data[at:at] = rng.choice((bytes(count), rng.randbytes(count), data[at : at + count]))
    else:
        del data[at : at + count]


def blank(rng: random.Random, data: bytearray, seed: Seed, _other: bytes) -> None:
    """Overwrite a block with zeros, ones or noise."""
    at = _place(rng, data, seed.spans)
    count = min(rng.choice((4, 8, 16, 64, 512)), len(data) - at)
    data[at : at + count] = rng.choice((bytes(count), b"\xff" * count, rng.randbytes(count)))


def move(rng: random.Random, data: bytearray, seed: Seed, _other: bytes) -> None:
    """Copy a block over another one."""
    count = rng.choice((8, 16, 24, 64, 256))
    source, target = _place(rng, data, seed.spans), _place(rng, data, seed.spans)
    if rng.random() < 0.8:
        source, target = source & ~7, target & ~7
    block = data[source : source + count]
    data[target : target + len(block)] = block


def splice(rng: random.Random, data: bytearray, seed: Seed, other: bytes) -> None:
    """Go on with another file, from the same place or from anywhere."""
    at = _place(rng, data, seed.spans)
    start = at if rng.random() < 0.7 else rng.randrange(len(other))
    if rng.random() < 0.5:
        data[at:] = other[start:]
    else:
        block = other[start : start + rng.choice((16, 64, 256, 1024))]
        data[at : at + len(block)] = block


BYTE_MUTATIONS = {
    "bits": flip_bits,
    "bytes": set_bytes,
    "number": set_number,
    "address": copy_number,
    "truncated": truncate,
    "inserted": insert,
    "blanked": blank,
    "moved": move,
    "spliced": splice,
}


def mutate_bytes(rng: random.Random, seed: Seed, other: bytes) -> tuple[str, bytes]:
    """Return a damaged file, and what was done to it first.

    Parameters
    ----------
    rng : random.Random
        Where chance comes from.
    seed : Seed
        The sound file.
    other : bytes
        Another sound file, to splice with.
    """
    data = bytearray(seed.data)
    kind = rng.choices(tuple(BYTE_MUTATIONS), weights=(3, 3, 4, 3, 1, 1, 2, 2, 1))[0]
    BYTE_MUTATIONS[kind](rng, data, seed, other)
    # A second kind of damage on top, now and then: what one check stops, two may get past.
    if data and rng.random() < 0.15:
        again = rng.choice(tuple(BYTE_MUTATIONS))
        BYTE_MUTATIONS[again](rng, data, seed, other)
    # Newer HDF5 has checksums, which stop most of it at the first look.
    if b"OHDR" in data and rng.random() < 0.6:
        mend_checksums(data)
    return kind, bytes(data)
