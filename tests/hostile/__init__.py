"""Files made to do harm: to execute code, read other files, fill the memory, crash, hang.

Each is a sound file but for one thing, so that a reader comes as far as that. What each would do is
its harm, which plain numpy and h5py are made to prove in `hostile.child`.
"""

from hostile import archives, links, names, pickles, sizes
from hostile.sound import HARMS, HOSTILE, Hostile, Place

__all__ = [
    "HARMS", "HOSTILE", "Hostile", "Place", "archives", "links", "names", "pickles", "sizes",
]  # fmt: skip
