"""Inputs by number: each is a sound file with damage that chance picks, the same in every run."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import NamedTuple

from byte_mutations import mutate_bytes
from hdf5_mutations import mutate_hdf5
from npz_mutations import mutate_npz
from seeds import FAMILIES, ZIPPED, seeds

__all__ = ["Case", "mutate"]


class Case(NamedTuple):
    """One input.

    Attributes
    ----------
    kind : str
        What was done to the sound file.
    family : str
        The engine that opens the sound file.
    data : bytes
        The damaged file.
    """

    kind: str
    family: str
    data: bytes


def mutate(number: int, family: str | None = None) -> Case:
    """Return the input of a number.

    Parameters
    ----------
    number : int
        Its name: the same number gives the same bytes, with the same releases of h5py and numpy.
        (In a few of a thousand, HDF5 leaves bytes that mean nothing to chance.)
    family : str, optional
        The only family to take sound files from.
    """
    rng = random.Random(number)
    family = rng.choices(FAMILIES, weights=(5, 2, 2, 3))[0] if family is None else family
    seed = rng.choice(seeds(family))
    other = rng.choice(seeds(rng.choice(FAMILIES) if rng.random() < 0.2 else family))
    if rng.random() < 0.5:
        kind, data = mutate_bytes(rng, seed, other.data)
    else:
        rebuilt = mutate_npz if family in ZIPPED else mutate_hdf5
        kind, data = rebuilt(rng, seed)
        # A few bits on top reach what only an odd file leads to.
        if rng.random() < 0.1:
            _, data = mutate_bytes(rng, replace(seed, data=data, spans=()), other.data)
    return Case(kind, family, data)
