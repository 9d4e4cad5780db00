"""References to a product: its arrays in place, read as Zarr, with units and names of ptyxr.

    python tests/interop/references.py product.h5 refs.json

Then ``xr.open_dataset("refs.json", engine="kerchunk").ptyxr.quantify()`` is the product.
"""

from __future__ import annotations

import base64
import gc
import json
import sys
from pathlib import Path

from kerchunk.hdf import SingleHdf5ToZarr
from kerchunk.utils import subchunk

import ptyxr

#: What stays in the file, by where it lies there.
LARGE = {"object": "object", "probe": "probe", "diffraction": "raw_data/diffraction"}


def references(path: str) -> dict:
    """Return references in the format of kerchunk, with the small arrays in them."""
    # kerchunk holds a lock of h5py while it waits for a thread of zarr. A dataset that nobody has
    # any more would want that lock to be closed, in whichever thread finds it.
    gc.disable()
    try:
        found = SingleHdf5ToZarr(path, inline_threshold=0).translate()["refs"]
    finally:
        gc.enable()
    with ptyxr.open_dataset(path) as ds:
        plain = ds.ptyxr.dequantify(for_storage=True)
        large = {name: where for name, where in LARGE.items() if name in ds}
        small: dict = {}
        plain.drop_vars(large).to_zarr(small, zarr_format=2, consolidated=False)
    refs = {
        key: "base64:" + base64.b64encode(value.to_bytes()).decode() for key, value in small.items()
    }
    for name, where in large.items():
        array = json.loads(found[f"{where}/.zarray"])
        frames, plain_bytes = array["shape"][0], not (array["filters"] or array["compressor"])
        contiguous = plain_bytes and array["chunks"] == array["shape"]
        lead = plain[name].ndim - len(array["shape"])  # axes that the file leaves out
        for key in ("shape", "chunks"):
            array[key] = [1] * lead + array[key]
        array["fill_value"] = None  # a 0 that was measured is a 0
        about = {**plain[name].attrs, "_ARRAY_DIMENSIONS": list(plain[name].dims)}
        refs[f"{name}/.zarray"], refs[f"{name}/.zattrs"] = json.dumps(array), json.dumps(about)
        for key, chunk in found.items():
            if key.startswith(f"{where}/") and "/." not in key:
                refs[f"{name}/{'0.' * lead}{key.rpartition('/')[2]}"] = chunk
        if name == "diffraction" and contiguous:  # one pattern is read, and not all of them
            refs = subchunk(refs, name, frames)
    return {"version": 1, "refs": refs}


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(json.dumps(references(sys.argv[1])), encoding="utf-8")
