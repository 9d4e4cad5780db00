"""Writing what dask computes: by threads, by processes, on a cluster, and what fails there."""

import contextlib
import os
import pickle
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import dask
import dask.array as da
import h5py
import numpy as np
import pytest
import xarray as xr
from dask.callbacks import Callback

import ptyxr
from ptyxr.errors import InvalidDataError, PtyxrError
from ptyxr.storage import flat, hdf5_writer, npz_writer
from ptyxr.storage.debris import mark_of
from ptyxr.storage.hdf5_sink import Sink, writing
from ptyxr.storage.hdf5_writer import PlannedArray
from ptyxr.storage.progress import watched

HOW = {"position_index": "sequential", "photon_energy": "8 keV", "name": "a scan"}


def opened(path, **how):
    return xr.open_dataset(path, engine="ptychodus", **how)


@pytest.fixture
def chunked(product):
    """Return a product in chunks that overlap nothing."""
    with opened(product, chunks={"position": 7, "object_y": 11, "probe_x": 5}) as ds:
        yield ds


def npz_of(ds, path, **how):
    with np.load(ds.ptyxr.to_npz(path, probe="all", **how)) as file:
        return dict(file)


def assert_same_members(found, expected):
    assert list(found) == list(expected)
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)


@pytest.fixture
def large_members(monkeypatch):
    """Have small members go the way of large ones."""
    monkeypatch.setattr(npz_writer, "BLOCK_BYTES", 1000)


@pytest.mark.parametrize("compressed", [False, True])
def test_an_npz_of_chunks_is_that_of_the_whole(chunked, tmp_path, large_members, compressed):
    how = {"compressed": compressed}
    found = npz_of(chunked, tmp_path / "chunks.npz", **how)
    assert_same_members(found, npz_of(chunked.load(), tmp_path / "whole.npz", **how))
    sizes = [(tmp_path / name).stat().st_size for name in ("chunks.npz", "whole.npz")]
    assert sizes[0] == sizes[1]  # nothing is left of where the chunks lay


@pytest.mark.slow
def test_processes_write(chunked, product, tmp_path, large_members):
    with dask.config.set(scheduler="processes", num_workers=2):
        chunked.ptyxr.to_product(tmp_path / "p.h5")
        found = npz_of(chunked, tmp_path / "p.npz")
    ptyxr.testing.assert_identical(opened(tmp_path / "p.h5").load(), opened(product).load())
    assert_same_members(found, npz_of(opened(product), tmp_path / "whole.npz"))


@pytest.mark.slow
def test_four_workers_open_reduce_transform_write_and_read(product, tmp_path):
    """On a cluster of processes: a product and an NPZ, there and back."""
    distributed = pytest.importorskip("distributed")
    npz = opened(product).ptyxr.to_npz(tmp_path / "source.npz")
    cluster = {"n_workers": 4, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(**cluster) as workers, distributed.Client(workers):
        how = {"engine": "ptychopinn", "origin": "corner", "chunks": {"position": 5}}
        for ds, name in (
            (opened(product, chunks={"position": 5}), "product"),
            (xr.open_dataset(npz, **how), "npz"),
        ):
            plain = ds.copy().load()
            assert float(ds.diffraction.sum()) == float(plain.diffraction.sum())
            moved = ds.ptyxr.to("um").ptyxr.shift(x="1 um")
            moved["diffraction"] = moved.diffraction * np.float32(2)
            path = moved.ptyxr.to_product(tmp_path / f"{name}.h5", **HOW)
            with opened(path, chunks={"position": 5}) as again:
                there = plain.ptyxr.to("um").ptyxr.shift(x="1 um")
                there["diffraction"] = there.diffraction * np.float32(2)
                expected = opened(there.ptyxr.to_product(tmp_path / "expected.h5", **HOW))
                ptyxr.testing.assert_identical(again.load(), expected.load())
            encoding = {"diffraction": {"chunksizes": (4, 8, 8), "compression": "gzip"}}
            path = tmp_path / f"later_{name}.h5"
            later = moved.ptyxr.to_product(path, compute=False, encoding=encoding, **HOW)
            assert not path.exists()
            later.compute()
            ptyxr.testing.assert_identical(opened(path).load(), expected.load())
            members = npz_of(ds, tmp_path / "there.npz")
            assert_same_members(members, npz_of(plain, tmp_path / "expected.npz"))
        # By value: the workers cannot import this module.
        broken = ds.diffraction.data.map_blocks(lambda block: block.size // 0, dtype=np.float32)
        failing = ds.assign(diffraction=ds.diffraction.copy(data=broken))
        with pytest.raises(ZeroDivisionError):
            failing.ptyxr.to_product(tmp_path / "never.h5", **HOW)
    names = {file.name for file in tmp_path.iterdir()}
    assert names == {
        "source.npz", "product.h5", "npz.h5", "expected.h5", "later_product.h5", "later_npz.h5",
        "there.npz", "expected.npz",
    }  # fmt: skip


def test_what_is_shared_is_computed_once(product, tmp_path):
    """A mean that is taken off every chunk is not computed again for each."""
    seen = []

    def noted(block):
        seen.append(block.shape)
        return block

    with opened(product, chunks={"position": 4}) as ds:
        patterns = da.map_blocks(noted, ds.diffraction.data, dtype=ds.diffraction.dtype,
                                 meta=ds.diffraction.data._meta)  # fmt: skip
        less = patterns - patterns.mean(axis=0)
        changed = ds.assign(diffraction=ds.diffraction.copy(data=less))
        changed.ptyxr.to_product(tmp_path / "p.h5")
        assert len(seen) == len(ds.diffraction.chunks[0])
        expected = ds.diffraction.values - ds.diffraction.values.mean(axis=0)
    np.testing.assert_allclose(opened(tmp_path / "p.h5").diffraction, expected, atol=1e-4)


def test_callbacks_of_dask_see_the_writing(chunked, tmp_path):
    tasks = []
    with Callback(posttask=lambda key, *_: tasks.append(str(key))):
        chunked.ptyxr.to_product(tmp_path / "p.h5")
    chunks = [chunked[name].data.npartitions for name in ("diffraction", "object", "probe")]
    assert sum("store-map" in key for key in tasks) >= sum(chunks)


@pytest.mark.parametrize("suffix", [".h5", ".npz"])
@pytest.mark.parametrize("chunks", [None, {"position": 4}])
def test_progress_reaches_the_whole(product, tmp_path, suffix, chunks):
    told = []
    with (
        opened(product, chunks=chunks) as ds,
        watched(lambda done, total: told.append((done, total))),
    ):
        if suffix == ".h5":
            ds.ptyxr.to_product(tmp_path / "out.h5")
        else:
            ds.ptyxr.to_npz(tmp_path / "out.npz", probe="all")
    done, totals = zip(*told, strict=True)
    assert len(set(totals)) == 1
    assert list(done) == sorted(done)
    assert done[-1] == totals[0]


def test_arrays_pickle_small(product, tmp_path):
    """A task on another machine carries the path and the key, and none of the numbers."""
    npz = opened(product).ptyxr.to_npz(tmp_path / "a.npz")
    compressed = opened(product).ptyxr.to_npz(tmp_path / "b.npz", compressed=True)
    for path, engine in ((product, "ptychodus"), (npz, "ptychopinn"), (compressed, "ptychopinn")):
        how = {"origin": "corner"} if engine == "ptychopinn" else {}
        with xr.open_dataset(path, engine=engine, **how) as ds:
            for name in ("diffraction", "object", "probe"):
                ds[name][..., :3].load()
                assert len(pickle.dumps(ds[name].variable._data)) < 4000


@pytest.mark.parametrize("key", [
    (slice(2, 5), slice(0, 4), slice(0, 6)), (slice(0, 7), slice(1, 3), slice(0, 6)),
    (slice(3, 4), slice(3, 4), slice(2, 5)), (slice(0, 7), slice(0, 4), slice(0, 6)),
])  # fmt: skip
def test_a_block_lands_where_it_belongs(tmp_path, key):
    shape = (7, 4, 6)
    expected = np.zeros(shape, np.int16)
    block = np.arange(expected[key].size, dtype=np.int16).reshape(expected[key].shape)
    expected[key] = block
    (tmp_path / "flat").write_bytes(bytes(10 + expected.nbytes))
    with (tmp_path / "flat").open("r+b", buffering=0) as file:
        flat.write_flat(file, 10, shape, key, block[::-1][::-1])
        np.testing.assert_array_equal(
            flat.read_flat(file, 10, shape, block.dtype, (slice(None),) * 3), expected
        )


def test_filters_of_plugins(product, tmp_path):
    """What hdf5plugin offers is written, read where it was not imported, and kept on asking."""
    import hdf5plugin

    with opened(product) as ds:
        encoding = {"diffraction": {**hdf5plugin.Blosc2(cname="zstd"), "chunksizes": (4, 8, 8)}}
        path = ds.ptyxr.to_product(tmp_path / "p.h5", encoding=encoding)
        expected = ds.diffraction.values
    code = (
        "import sys, xarray as xr, numpy as np\n"
        "ds = xr.open_dataset(sys.argv[1], engine='ptychodus')\n"
        "assert 'hdf5plugin' not in sys.modules\n"
        "np.save(sys.argv[2], ds.diffraction.values)\n"
        "names = ('compression', 'compression_opts', 'chunksizes')\n"
        "kept = {name: ds.diffraction.encoding[name] for name in names}\n"
        "ds.ptyxr.to_product(sys.argv[3], encoding={'diffraction': kept})\n"
    )
    arguments = (path, tmp_path / "read.npy", tmp_path / "again.h5")
    subprocess.run([sys.executable, "-c", code, *map(str, arguments)], check=True)
    np.testing.assert_array_equal(np.load(tmp_path / "read.npy"), expected)
    with h5py.File(tmp_path / "again.h5") as file:
        settings = file["raw_data/diffraction"].id.get_create_plist()
        assert settings.get_filter(0)[0] == hdf5plugin.Blosc2.filter_id


def test_a_filter_that_is_not_installed(product, tmp_path):
    with opened(product) as ds, pytest.raises(PtyxrError, match=r"filter 4242.*hdf5plugin"):
        ds.ptyxr.to_product(tmp_path / "p.h5", encoding={"diffraction": {"compression": 4242}})
    path = tmp_path / "unknown.h5"
    path.write_bytes(product.read_bytes())
    with h5py.File(path, "a") as file:
        del file["raw_data/diffraction"]
        settings = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        shape = (file["probe_position_x_m"].size, 8, 8)
        settings.set_chunk((1, 8, 8))
        settings.set_filter(4242, h5py.h5z.FLAG_OPTIONAL, ())
        space, kind = h5py.h5s.create_simple(shape), h5py.h5t.NATIVE_FLOAT
        h5py.h5d.create(file["raw_data"].id, b"diffraction", kind, space, settings)
    with (
        opened(path) as ds,
        pytest.raises(PtyxrError, match=r"unknown\.h5.*filter 4242.*hdf5plugin"),
    ):
        ds.diffraction.load()


def wrongly(block, *, much):
    """Return other than the whole of a block, as a function does whose chunks= are wrong."""
    return block[:1] if much == "less" else np.concatenate([block, block])


@pytest.mark.parametrize("much", ["less", "more"])
@pytest.mark.parametrize("suffix", ["h5", "npz"])
def test_chunks_of_another_shape_are_refused(chunked, tmp_path, large_members, suffix, much):
    data = chunked.diffraction.data
    other = data.map_blocks(wrongly, much=much, dtype=data.dtype, chunks=data.chunks)
    ds = chunked.assign(diffraction=chunked.diffraction.copy(data=other))
    with pytest.raises(InvalidDataError, match="not the shape that dask was told"):
        write(ds, tmp_path / f"x.{suffix}")
    assert not list(tmp_path.iterdir())


def write(ds, path):
    how = ds.ptyxr.to_npz if path.suffix == ".npz" else ds.ptyxr.to_product
    return how(path)


@pytest.mark.parametrize("suffix", ["h5", "npz"])
def test_masks_are_not_lost(chunked, tmp_path, large_members, suffix):
    # A mask that dask knows of is made NaN by xarray; this one comes when the chunk is there.
    data = chunked.diffraction.data
    data = data.map_blocks(np.ma.masked_less, 1, dtype=data.dtype, meta=np.empty(0, data.dtype))
    ds = chunked.assign(diffraction=chunked.diffraction.copy(data=data))
    with pytest.raises(InvalidDataError, match="masked numbers"):
        write(ds, tmp_path / f"x.{suffix}")
    filled = ds.assign(diffraction=ds.diffraction.copy(data=da.ma.filled(data, -1)))
    write(filled, tmp_path / f"x.{suffix}")


@pytest.mark.parametrize("chunks", [None, {"position": 7}])
def test_objects_are_not_written_as_text(product, tmp_path, chunks):
    ds = opened(product, chunks=chunks)
    with pytest.raises(PtyxrError, match="no array of numbers"):
        write(ds.assign(diffraction=ds.diffraction.astype(object)), tmp_path / "x.h5")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
@pytest.mark.parametrize("compressed", [False, True])
def test_killed_while_writing_it_is_right_or_refused(tmp_path, compressed):
    """Whichever write it was killed before: another process tries its chunk again."""
    numbers = np.arange(24 * 64, dtype="i4").reshape(24, 8, 8)
    options = {"chunks": (1, 8, 8), **({"compression": "gzip"} if compressed else {})}
    path = tmp_path / "x.h5"
    keys = [(slice(i, i + 4), slice(0, 8), slice(0, 8)) for i in range(0, 24, 4)]
    killed_at = 0
    while True:
        path.unlink(missing_ok=True)
        mark_of(path).unlink(missing_ok=True)
        planned = PlannedArray(xr.Variable(("z", "y", "x"), numbers), numbers.dtype, {}, options)
        with hdf5_writer._opened(path, "w") as (file, sink), writing(sink):
            for name in "ab":
                hdf5_writer._create_array(file, name, planned, placed=True)
        there = set() if compressed else set("ab")
        target = hdf5_writer._Reopened(path, contextlib.nullcontext(), there)
        jobs = [(name, key) for key in keys for name in "ab"]
        for name, key in jobs[:5]:
            target.put(name, key, numbers[key])
        child = os.fork()
        if not child:
            killing(killed_at)
            target.put(*jobs[5], numbers[jobs[5][1]])
            os._exit(0)
        was_killed = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
        if was_killed and compressed:
            with pytest.raises(PtyxrError, match="was killed"):
                target.put(*jobs[6], numbers[jobs[6][1]])
        else:
            for name, key in [*jobs[6:], jobs[5]]:
                target.put(name, key, numbers[key])
            with h5py.File(path) as file:
                np.testing.assert_array_equal(file["a"], numbers)
                np.testing.assert_array_equal(file["b"], numbers)
        if not was_killed:
            break
        killed_at += 1
    assert killed_at > 2


def killing(number):
    """Have this process end before a write."""
    write, left = Sink.write, iter(range(number))

    def ending(sink, data):
        if next(left, None) is None:
            os._exit(9)
        return write(sink, data)

    Sink.write = ending


@pytest.mark.slow
def test_a_pool_of_processes_writes(chunked, product, tmp_path):
    with ProcessPoolExecutor(1, get_context("spawn")) as pool, dask.config.set(pool=pool):
        chunked.ptyxr.to_product(tmp_path / "p.h5")
    ptyxr.testing.assert_identical(opened(tmp_path / "p.h5").load(), opened(product).load())


@pytest.mark.slow
def test_a_task_of_a_cluster_may_compute_by_itself(product, tmp_path):
    distributed = pytest.importorskip("distributed")

    def task(source, path):
        ds = xr.open_dataset(source, engine="ptychodus", chunks={"position": 7})
        with dask.config.set(scheduler="sync"):
            return ds.ptyxr.to_product(path)

    cluster = {"n_workers": 1, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(**cluster) as workers, distributed.Client(workers) as client:
        path = client.submit(task, product, tmp_path / "x.h5").result(timeout=60)
    ptyxr.testing.assert_identical(opened(path).load(), opened(product).load())


def test_what_is_no_pattern_is_refused(product, tmp_path):
    with opened(product) as ds:
        for dtype, suffix in ((complex, "h5"), (object, "h5"), (object, "npz")):
            wrong = ds.assign(diffraction=ds.diffraction.astype(dtype))
            write = wrong.ptyxr.to_npz if suffix == "npz" else wrong.ptyxr.to_product
            with pytest.raises(PtyxrError, match="diff"):
                write(tmp_path / f"p.{suffix}")
    assert not list(tmp_path.iterdir())
