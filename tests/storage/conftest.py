"""What tests of remote files share: a server, and files of which little is written."""

from __future__ import annotations

import shutil

import h5py
import numpy as np
import pytest

from loopback import Server

#: What the large files hold.
POINTS = 1000
FRAME = (512, 512)
SIDE = 11_300


def _sparse(group, name, shape, like, chunks=None):
    """Make a dataset with a place in the file for each number, and none of them written."""
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    plist.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    if chunks:
        plist.set_chunk(chunks)
    space = h5py.h5s.create_simple(shape)
    h5py.h5d.create(group.id, name.encode(), like.id.get_type(), space, plist)
    group[name].attrs.update(like.attrs)


def _grow(source, target, points, large):
    """Copy a product with more points, and arrays of other shapes."""
    for name, one in source.items():
        if isinstance(one, h5py.Group):
            target.create_group(name).attrs.update(one.attrs)
            _grow(one, target[name], points, large)
        elif one == source.file["object"] and "object" in target.file:
            target[name] = target.file["object"]
        elif one == source.file["probe"] and "probe" in target.file:
            target[name] = target.file["probe"]
        elif name in large:
            _sparse(target, name, *large[name][:1], one, *large[name][1:])
        else:
            values = one[()]
            if one.shape[:1] == source.file["probe_position_x_m"].shape:
                values = np.resize(values, (points, *values.shape[1:]))
            target.create_dataset(name, data=values).attrs.update(one.attrs)


@pytest.fixture(scope="session")
def gigabytes(tmp_path_factory, product):
    """Give a folder with products of 1 GB, most of which is on no disk."""
    folder = tmp_path_factory.mktemp("gigabytes")
    kinds = {
        "object.h5": {"object": ((1, SIDE, SIDE),)},
        "patterns.h5": {"diffraction": ((POINTS, *FRAME),)},
        "chunks.h5": {"diffraction": ((POINTS, *FRAME), (1, *FRAME))},
    }
    for name, large in kinds.items():
        with h5py.File(product) as source, h5py.File(folder / name, "w") as target:
            target.attrs.update(source.attrs)
            _grow(source, target, POINTS, large)
        assert (folder / name).stat().st_size > 1e9
    return folder


@pytest.fixture
def server(tmp_path, product, npz):
    """Give a server of a product and a PtychoPINN dataset."""
    folder = tmp_path / "served"
    folder.mkdir()
    shutil.copy(product, folder / "scan.h5")
    shutil.copy(npz, folder / "scan.npz")
    server = Server(folder)
    yield server
    server.stop()
