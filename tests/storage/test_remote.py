"""Files by address: what is read of them and when, by a server that counts; and where they go."""

import gc
import io
import os
import pickle
import subprocess
import sys
import threading
import zipfile

import fsspec
import h5py
import numpy as np
import pytest
import xarray as xr
from typer.testing import CliRunner

import ptyxr
from loopback import Server
from ptyxr import cli
from ptyxr.storage.locks import RESTING_LOCK
from ptyxr.testing import assert_identical

MB = 1_000_000


@pytest.fixture(scope="module")
def large(gigabytes):
    server = Server(gigabytes)
    yield server
    server.stop()


@pytest.fixture
def patterns(server, product):
    """Give the name of patterns that belong to the product."""
    with h5py.File(product) as file, h5py.File(server.folder / "patterns.h5", "w") as made:
        numbers = file["probe_position_indexes"][()]
        made["patterns"] = np.arange(numbers.size * 64, dtype=np.int32).reshape(-1, 8, 8)
        made["indexes"] = numbers
        made["bad_pixels"] = np.zeros((8, 8), bool)
    return "patterns.h5"


def asked(server, do):
    """Return what is given, with what the server was asked for on the way."""
    server.requests.clear()
    result = do()
    return result, list(server.requests)


# --- the same as a local file ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "engine"), [("scan.h5", "ptychodus"), ("scan.npz", "ptychopinn"),
                         ("product.npz", "ptychodus-npz"),
                         ("patterns.h5", "ptychodus-diffraction")],
)  # fmt: skip
def test_an_address_opens_as_its_file_does(server, patterns, name, engine):
    if name == "product.npz":
        local = xr.open_dataset(server.folder / "scan.h5", engine="ptychodus")
        with pytest.warns(UserWarning, match="no place"):
            local.ptyxr.to_product(server.folder / name)
    url = f"{server.url}/{name}"
    expected = xr.open_dataset(server.folder / name, engine=engine).load()
    assert_identical(xr.open_dataset(url, engine=engine, storage_options={}).load(), expected)
    found = ptyxr.open_dataset(url, storage_options={"headers": {"X-Anything": "1"}})
    assert_identical(found.load(), expected)
    assert found.encoding["source"] == url


def test_what_releases_wrote_opens_by_address(released):
    server = Server(released.parent)
    remote = ptyxr.open_dataset(f"{server.url}/{released.name}")
    assert_identical(remote.load(), ptyxr.open_dataset(released).load())
    assert server.requests == [("GET", released.name, 0, released.stat().st_size)]
    server.stop()


def test_a_tree_opens_by_address(server):
    url = f"{server.url}/scan.h5?signature=secret"
    tree = xr.open_datatree(url, engine="ptychodus")
    local = xr.open_datatree(server.folder / "scan.h5", engine="ptychodus")
    for path in ("/", "/raw_data"):
        assert_identical(tree[path].to_dataset().load(), local[path].to_dataset().load())
        assert "secret" not in str(tree[path].encoding)
    raw = xr.open_dataset(url, engine="ptychodus", group="/raw_data")
    assert_identical(raw.load(), xr.open_dataset(local.encoding["source"], engine="ptychodus",
                                                 group="/raw_data").load())  # fmt: skip


@pytest.mark.parametrize("remote", ["product", "patterns", "both"])
def test_patterns_may_have_an_address(server, patterns, remote):
    def place(name, kind):
        return f"{server.url}/{name}" if remote in (kind, "both") else server.folder / name

    def pair(product, diffraction, **how):
        return ptyxr.open_dataset(
            product, diffraction=diffraction, drop_variables="diffraction", **how
        ).load()

    found = pair(
        place("scan.h5", "product"), place(patterns, "patterns"), storage_options={"headers": {}}
    )
    assert_identical(found, pair(server.folder / "scan.h5", server.folder / patterns))


def test_several_addresses_open_as_one(server):
    url = f"{server.url}/scan.h5"
    both = xr.open_mfdataset(
        [url, url], engine="ptychodus", storage_options={}, combine="nested", concat_dim="scan",
        join="override", data_vars="all", coords="minimal", compat="override",
    )  # fmt: skip
    local = ptyxr.open_dataset(server.folder / "scan.h5")
    np.testing.assert_array_equal(both.diffraction[1].values, local.diffraction.values)


# --- what is read, and when -----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["object.h5", "patterns.h5", "chunks.h5"])
def test_opening_a_product_of_1_gb_reads_little(large, name):
    ds, requests = asked(large, lambda: ptyxr.open_dataset(f"{large.url}/{name}"))
    assert sum(one.count for one in requests) < 0.3 * MB
    assert len(requests) <= 8
    assert ds.sizes["position"] == 1000
    ds.close()


def test_a_part_is_read_by_itself(large):
    ds = ptyxr.open_dataset(f"{large.url}/object.h5")
    part = ds.object.isel(object_y=slice(5000, 5064), object_x=slice(4000, 4064))
    values, requests = asked(large, part.load)
    assert values.nbytes == 64 * 64 * 8
    # One for each row; and what describes the dataset.
    assert sum(one.count for one in requests) < 2 * values.nbytes + 64 * 1024


@pytest.mark.parametrize("name", ["patterns.h5", "chunks.h5"])
def test_a_frame_of_hdf5_is_read_by_itself(large, name):
    ds = ptyxr.open_dataset(f"{large.url}/{name}")
    frame, requests = asked(large, ds.diffraction.isel(position=777).load)
    rest = [one.count for one in requests if one.count != frame.nbytes]
    assert len(requests) == len(rest) + 1
    assert sum(rest) < 0.2 * MB
    _, requests = asked(large, ds.diffraction.isel(position=778).load)
    assert sum(one.count for one in requests) < frame.nbytes + 0.1 * MB


def test_an_npz_is_read_by_frames(tmp_path):
    rng = np.random.default_rng(0)
    frames = rng.random((400, 160, 160), dtype=np.float32)
    np.savez(
        tmp_path / "scan.npz", xcoords=np.arange(400.0), ycoords=np.arange(400.0), diff3d=frames,
        probeGuess=np.ones((160, 160), complex), objectGuess=np.ones((999, 999), complex),
    )  # fmt: skip
    server = Server(tmp_path)
    ds, requests = asked(server, lambda: ptyxr.open_dataset(f"{server.url}/scan.npz"))
    assert sum(one.count for one in requests) < 0.3 * MB
    frame, requests = asked(server, ds.diffraction.isel(position=7).load)
    np.testing.assert_array_equal(frame, frames[7])
    assert [one.count for one in requests] == [frame.nbytes]
    every, requests = asked(server, ds.diffraction.isel(position=slice(0, None, 100)).load)
    np.testing.assert_array_equal(every, frames[::100])
    assert [one.count for one in requests] == [frame.nbytes] * 4
    server.stop()


def test_guessing_touches_no_network(server):
    for name in ("scan.h5", "scan.npz"):
        for engine in xr.backends.list_engines().values():
            if "ptyxr" in type(engine).__module__:
                assert not engine.guess_can_open(f"{server.url}/{name}")
    assert not server.requests


def test_fsspec_is_not_imported_for_a_path(product, npz):
    code = (
        "import sys\n"
        "from ptyxr.formats.ptychodus import PtychodusBackend\n"
        "from ptyxr.formats.ptychopinn import PtychoPINNBackend\n"
        "PtychodusBackend().open_dataset(sys.argv[1]).load()\n"
        "PtychoPINNBackend().open_dataset(sys.argv[2]).load()\n"
        "assert 'fsspec' not in sys.modules and 'aiohttp' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, str(product), str(npz)], check=True)


def test_the_buffering_of_fsspec_may_be_asked_for(server):
    how = {"cache_type": "readahead", "block_size": 10_000}
    ds = ptyxr.open_dataset(f"{server.url}/scan.h5", storage_options=how)
    assert_identical(ds.load(), ptyxr.open_dataset(server.folder / "scan.h5").load())


# --- other file systems, and file objects ---------------------------------------------------------


@pytest.mark.parametrize("protocol", ["memory", "file", "simplecache", "filecache", "zip"])
@pytest.mark.parametrize("name", ["scan.h5", "scan.npz"])
def test_any_file_system_does(server, protocol, name, tmp_path):
    content = (server.folder / name).read_bytes()
    with zipfile.ZipFile(server.folder / "scans.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(server.folder / name, f"in/{name}")
    fsspec.filesystem("memory").pipe(f"/{name}", content)
    url, how = {
        "memory": (f"memory://{name}", {}),
        "file": (f"file://{server.folder / name}", {}),
        "simplecache": (f"simplecache::{server.url}/{name}", {}),
        "filecache": (f"filecache::{server.url}/{name}",
                      {"filecache": {"cache_storage": str(tmp_path / "cache")}}),
        "zip": (f"zip://in/{name}::{server.url}/scans.zip", {}),
    }[protocol]  # fmt: skip
    ds = ptyxr.open_dataset(url, storage_options=how)
    assert_identical(ds.load(), ptyxr.open_dataset(io.BytesIO(content)).load())
    fsspec.filesystem("memory").store.clear()


@pytest.mark.parametrize("name", ["scan.h5", "scan.npz"])
@pytest.mark.parametrize("protocol", ["http", "memory"])
def test_a_file_object_of_fsspec_opens(server, name, protocol):
    content = (server.folder / name).read_bytes()
    if protocol == "memory":
        fsspec.filesystem("memory").pipe(f"/{name}", content)
        file = fsspec.filesystem("memory").open(f"/{name}")
    else:
        file = fsspec.open(f"{server.url}/{name}?signature=secret").open()
    ds = ptyxr.open_dataset(file)
    assert "secret" not in str(ds.encoding)
    with pytest.raises(ptyxr.PtyxrError, match="opened from a file object cannot be pickled"):
        pickle.dumps(ds)
    assert_identical(ds.load(), ptyxr.open_dataset(io.BytesIO(content)).load())
    ds.close()


def test_a_file_of_fsspec_that_is_not_open_is_refused(server):
    with pytest.raises(ptyxr.PtyxrError, match=r"file\.open\(\)"):
        ptyxr.open_dataset(fsspec.open(f"{server.url}/scan.h5"))


# --- the command, and validating ------------------------------------------------------------------


@pytest.mark.parametrize("name", ["scan.h5", pytest.param("scan.npz", marks=pytest.mark.slow)])
def test_the_command_takes_addresses(server, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    url = f"{server.url}/{name}?signature=secret"

    def run(*arguments):
        result = CliRunner().invoke(cli.app, [*map(str, arguments)], prog_name="ptyxr")
        assert result.exit_code == 0, result.stderr
        assert "secret" not in result.stdout + result.stderr
        return result.stdout

    assert f"{server.url}/{name}\n" in run("info", url)
    assert "valid" in run("validate", url)
    run("plot", url)
    assert (tmp_path / name).with_suffix(".png").stat().st_size
    other = "new.npz" if name == "scan.h5" else "new.h5"
    sizes = ["--object-pixel-size", "50 nm", "--position-index", "sequential"]
    run("convert", url, other, *(sizes if name == "scan.npz" else ()))
    assert ptyxr.open_dataset(other).sizes["position"] == 40
    refused = CliRunner().invoke(cli.app, ["convert", url, "s3://bucket/new.h5"])
    assert refused.exit_code != 0
    assert not (tmp_path / "s3:").exists()


def test_a_product_is_validated_against_its_source(server):
    report = ptyxr.validate_file(f"{server.url}/scan.h5", f"{server.url}/scan.npz")
    assert report
    assert report.file == f"{server.url}/scan.h5"
    local = ptyxr.validate_file(server.folder / "scan.h5", server.folder / "scan.npz")
    assert [p.key for p in report.problems] == [p.key for p in local.problems]


# --- other threads and processes ------------------------------------------------------------------


@pytest.mark.parametrize("name", ["scan.h5", pytest.param("scan.npz", marks=pytest.mark.slow)])
def test_it_pickles_as_its_address(server, name):
    ds = ptyxr.open_dataset(f"{server.url}/{name}", storage_options={"headers": {"X": "1"}})
    expected = ds.diffraction.values.sum()
    ds = ptyxr.open_dataset(f"{server.url}/{name}", storage_options={"headers": {"X": "1"}})
    arrays = pickle.dumps(ds.drop_vars(list(ds.coords)))
    assert len(arrays) < 4000
    code = "import pickle, sys; print(pickle.load(sys.stdin.buffer).diffraction.values.sum())"
    done = subprocess.run(
        [sys.executable, "-c", code], input=arrays, capture_output=True, check=True
    )
    assert float(done.stdout) == pytest.approx(expected, rel=1e-5)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_process_reads_by_itself(server):
    code = (
        "import os, sys, ptyxr\n"
        "ds = ptyxr.open_dataset(sys.argv[1])\n"
        "before = ds.diffraction[3].values.sum()\n"
        "if os.fork() == 0: os._exit(bool(ds.diffraction.values[3].sum() != before))\n"
        "sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))"
    )
    for name in ("scan.h5", "scan.npz"):
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code, f"{server.url}/{name}"],
            check=True, timeout=60,
        )  # fmt: skip


@pytest.mark.parametrize("place", ["http", pytest.param("memory", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ["scan.h5", "scan.npz"])
def test_many_threads_read_at_once(server, name, place):
    content = (server.folder / name).read_bytes()
    fsspec.filesystem("memory").pipe(f"/{name}", content)
    url = f"memory://{name}" if place == "memory" else f"{server.url}/{name}"
    expected = ptyxr.open_dataset(io.BytesIO(content)).diffraction.values
    shared = ptyxr.open_dataset(url, cache=False)
    right = []

    def read(number):
        own = ptyxr.open_dataset(url)
        for i in range(number, 40, 8):
            read = [one.diffraction[i].values for one in (shared, own)]
            right.append(np.array_equal(read, [expected[i]] * 2))

    threads = [threading.Thread(target=read, args=(number,)) for number in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert right == [True] * 40
    fsspec.filesystem("memory").store.clear()


# Where a collection of garbage waits for h5py, and h5py for the thread that collects, it is for
# ever: the process is given a minute.
@pytest.mark.slow
def test_garbage_of_h5py_does_not_block_reading(large, product):
    code = """
import asyncio, gc, io, os, sys
import h5py, ptyxr
from fsspec.asyn import get_loop
from ptyxr.storage import remote

async def collect():
    while True:
        gc_is_due = [[i] for i in range(30_000)]
        await asyncio.sleep(0)

def litter():
    one = h5py.File(io.BytesIO(content), "r")
    circle = [one["object"], one]
    circle.append(circle)
    return circle

def fetch(*arguments):
    kept.clear()  # which leaves a circle of objects of h5py, just as HDF5 waits
    return original(*arguments)

content = open(sys.argv[2], "rb").read()
kept = []
ds = ptyxr.open_dataset(sys.argv[1], cache=False)
original, remote._Remote._fetch = remote._Remote._fetch, fetch
gc.set_threshold(20_000, 0, 0)
asyncio.run_coroutine_threadsafe(collect(), get_loop())
for i in range(4):
    kept.append(litter())
    ds.diffraction[i].load()
    assert gc.isenabled()
print("done", flush=True)
os._exit(0)  # the other thread goes on, and Python does not always survive that when it ends
"""
    arguments = [f"{large.url}/chunks.h5", str(product)]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, timeout=60, check=True
    )
    assert done.stdout.strip() == b"done"


@pytest.mark.slow
def test_python_ends_with_a_file_open(server):
    for opened in ("sys.argv[1]", "fsspec.open(sys.argv[1]).open()"):
        code = f"import sys, fsspec, ptyxr; ds = ptyxr.open_dataset({opened})"
        subprocess.run([sys.executable, "-c", code, f"{server.url}/scan.h5"], check=True)


@pytest.mark.slow
def test_workers_of_distributed_open_it_anew(server):
    code = """
import sys, ptyxr
from distributed import Client, LocalCluster
if __name__ == "__main__":
    with LocalCluster(n_workers=2, threads_per_worker=2, dashboard_address=None) as cluster:
        with Client(cluster):
            for name in ("scan.h5", "scan.npz"):
                url = f"{sys.argv[1]}/{name}"
                here = ptyxr.open_dataset(url).diffraction.values.sum(dtype=float)
                ds = ptyxr.open_dataset(url, chunks={"position": 7})
                there = ds.diffraction.astype(float).sum().compute().item()
                assert abs(here - there) < 1e-6 * here, (here, there)
    print("done")
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, server.url],
        capture_output=True, timeout=120, check=True,
    )  # fmt: skip
    assert b"done" in done.stdout


def test_the_collector_works_again_where_waiting_for_it_is_interrupted(monkeypatch):
    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(RESTING_LOCK, "_collecting", -1)  # another thread
    monkeypatch.setattr("ptyxr.storage.locks.time.sleep", interrupt)
    with pytest.raises(KeyboardInterrupt), RESTING_LOCK:
        pass
    assert gc.isenabled()
