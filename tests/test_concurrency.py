"""Files used by many at once: by threads, processes and writers; and very many files."""

from __future__ import annotations

import contextlib
import gc
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from operator import methodcaller

import dask
import h5py
import numpy as np
import pytest
import xarray as xr

import ptyxr
from ptyxr.errors import PtyxrError
from ptyxr.formats.detect import find_engine

THREADS = 16
POINTS, SIDE = 48, 16
PIXEL = 5e-8
KINDS = ["contiguous.h5", "chunked.h5", "stored.npz", "deflated.npz"]
#: What holds one number throughout in `version`, and what of it a file of each kind has.
ARRAYS = ("diffraction", "object", "probe", "scan_index", "position_x")
forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
# Python says so of a fork beside threads, which is what is tested here.
may_fork = pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")


def members(rng=None, *, value=0.0):
    """Return a scan of random numbers, or of one number throughout."""

    def draw(*shape):
        return np.full(shape, value) if rng is None else rng.random(shape)

    x, y = draw(2, POINTS)
    return {
        "xcoords": x,
        "ycoords": y,
        "diff3d": draw(POINTS, SIDE, SIDE),
        "probeGuess": draw(SIDE, SIDE).astype("c8"),
        "objectGuess": draw(3 * SIDE, 4 * SIDE).astype("c8"),
        "scan_index": np.full(POINTS, int(value)),
    }


def write(path, scan):
    """Write a scan as a file of a kind, which its name tells."""
    if path.suffix == ".npz":
        (np.savez_compressed if "deflated" in path.name else np.savez)(path, **scan)
        return path
    ds = ptyxr.from_rawdata(scan, origin="corner", object_pixel_size=PIXEL, probe_pixel_size=PIXEL)
    how = {"compression": "gzip", "chunksizes": (4, SIDE, SIDE)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # points of one number lie where they lie
        return ds.ptyxr.to_product(
            path,
            position_index="sequential",
            encoding={"diffraction": how} if "chunked" in path.name else None,
        )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Give a folder with a file of each kind, of random numbers."""
    folder = tmp_path_factory.mktemp("concurrency")
    scan = members(np.random.default_rng(0))
    for kind in KINDS:
        write(folder / kind, scan)
    return folder


@pytest.fixture(scope="module")
def truth():
    """Give the numbers in these files."""
    scan = members(np.random.default_rng(0))
    return {
        "diffraction": scan["diff3d"],
        "object": scan["objectGuess"][np.newaxis],
        "probe": scan["probeGuess"][np.newaxis, np.newaxis],
    }


@pytest.fixture
def quick_switches():
    """Have threads take turns as often as they can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(interval)


def opened(path, **options):
    """Open a file so that nothing that was read is kept."""
    return ptyxr.open_dataset(path, **{"cache": False, **options})


def wrong(ds, truth, seed, reads=12):
    """Read here and there, and return what is not as it should be."""
    rng = np.random.default_rng(seed)
    bad = []
    for _ in range(reads):
        name = str(rng.choice(list(truth)))
        first = slice(*sorted(rng.integers(0, truth[name].shape[0] + 1, 2)))
        last = slice(None, None, int(rng.choice([-2, -1, 1, 3])))
        key = (first, ..., last)
        if not np.array_equal(ds[name][key].values, truth[name][key]):
            bad.append((name, key))
    return bad


# --- threads --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("options", [{}, {"cache": True}, {"chunks": {}}], ids=str)
def test_one_dataset_in_many_threads(folder, truth, quick_switches, kind, options):
    with opened(folder / kind, **options) as ds, ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(lambda seed: wrong(ds, truth, seed), range(THREADS)))
    assert answers == [[]] * THREADS


@pytest.mark.parametrize("kind", ["chunked.h5", "deflated.npz"])
def test_one_file_object_in_many_threads(folder, truth, quick_switches, kind):
    with (
        (folder / kind).open("rb") as file,
        opened(file) as ds,
        ThreadPoolExecutor(THREADS) as pool,
    ):
        answers = list(pool.map(lambda seed: wrong(ds, truth, seed), range(THREADS)))
    assert answers == [[]] * THREADS


def test_many_files_in_many_threads(tmp_path, quick_switches):
    """More files than are kept open: each is opened again and again, here and there."""
    scans = [members(value=float(number)) for number in range(24)]
    paths = [
        write(tmp_path / f"{number}-{KINDS[number % 4]}", scan) for number, scan in enumerate(scans)
    ]
    together = {number: opened(path) for number, path in enumerate(paths)}

    def read(number):
        own = opened(paths[number])
        return [
            set(np.unique(ds[name].values).real.tolist())
            for ds in (own, together[number])
            for name in ("diffraction", "object", "probe")
        ]

    numbers = [*range(24), *reversed(range(24))]
    with xr.set_options(file_cache_maxsize=3), ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(read, numbers))
    assert answers == [[{float(number)}] * 6 for number in numbers]


# --- processes ------------------------------------------------------------------------------------


def in_children(function, count):
    """Run a function in forked processes, and return their exit codes; a hang is a signal."""
    context = multiprocessing.get_context("fork")

    def guarded(number):
        signal.alarm(30)
        warnings.simplefilter("ignore", UserWarning)
        # The threads of dask's pool stay with the parent.
        with dask.config.set(scheduler="synchronous"):
            os._exit(0 if function(number) else 1)

    children = [context.Process(target=guarded, args=(number,)) for number in range(count)]
    for child in children:
        child.start()
    return children


@forks
@may_fork
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("options", [{}, {"chunks": {}}], ids=str)
def test_parent_and_forked_children_read_at_once(folder, truth, kind, options):
    with opened(folder / kind, **options) as ds:
        assert not wrong(ds, truth, 100)
        children = in_children(lambda seed: not wrong(ds, truth, seed, 15), 4)
        assert not wrong(ds, truth, 101, 15)
        for child in children:
            child.join()
        assert [child.exitcode for child in children] == [0] * 4
        # What children did with the file, which they have in common, is no harm to it.
        assert not wrong(ds, truth, 102)


@forks
@may_fork
@pytest.mark.parametrize("kind", ["contiguous.h5", "stored.npz"])
def test_forked_while_threads_read(folder, truth, kind):
    """No lock is left with a thread that the child does not have."""
    done = threading.Event()
    shared = opened(folder / kind)

    def read():
        count = 0
        while not done.is_set():
            with opened(folder / kind) as own:
                count += len(wrong(own, truth, 0, 2)) + len(wrong(shared, truth, 1, 2))
        return count

    def in_child(seed):
        with opened(folder / kind) as own:
            return not wrong(own, truth, seed, 3) and not wrong(shared, truth, seed, 3)

    with ThreadPoolExecutor(4) as pool:
        reading = [pool.submit(read) for _ in range(4)]
        codes = []
        try:
            for _ in range(8):
                for child in in_children(in_child, 1):
                    child.join()
                    codes.append(child.exitcode)
        finally:
            done.set()
        assert [one.result() for one in reading] == [0] * 4
    assert codes == [0] * 8
    shared.close()


def test_spawned_processes(folder, truth):
    """They get the path, and not the handle."""
    with contextlib.ExitStack() as stack:
        datasets = [stack.enter_context(opened(folder / kind)) for kind in KINDS]
        with multiprocessing.get_context("spawn").Pool(2) as pool:
            waiting = pool.map_async(methodcaller("load"), datasets)
            assert not any(wrong(ds, truth, seed) for seed, ds in enumerate(datasets))
            for loaded in waiting.get(timeout=60):
                for name, values in truth.items():
                    np.testing.assert_array_equal(loaded[name], values)


# --- handles --------------------------------------------------------------------------------------


def handles():
    """Return how many descriptors the process holds."""
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208  (a Path for each is slow)


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")  # noqa: PTH112
@pytest.mark.parametrize("kind", ["contiguous.h5", "stored.npz"])
@pytest.mark.parametrize(("keep", "count"), [(False, 300), (True, 150)], ids=["forgotten", "kept"])
def test_opened_and_forgotten_files_leave_no_handles(tmp_path, kind, keep, count):
    small = {
        key: values[:2] if values.ndim == 1 else values[..., :2, :2]
        for key, values in members().items()
        if key != "diff3d"
    }
    write(tmp_path / kind, small)
    paths = [shutil.copyfile(tmp_path / kind, tmp_path / f"{n}-{kind}") for n in range(count)]
    gc.collect()
    before, most, kept = handles(), 0, []
    for path in paths:
        ds = xr.open_dataset(path, engine="ptychodus" if ".h5" in kind else "ptychopinn",
                             quantify=False, cache=False)  # fmt: skip
        ds.probe.values  # noqa: B018
        if keep:
            kept.append(ds)
        most = max(most, handles())
    assert most - before <= xr.get_options()["file_cache_maxsize"] + 2
    # What was closed meanwhile is opened again where it is used.
    assert all((one.object.values == 0).all() for one in kept[:3])
    del ds, kept
    gc.collect()
    assert handles() <= before


# --- writers --------------------------------------------------------------------------------------

REPLACE = """
import os, random, shutil, sys, time
rest, target, *versions = sys.argv[1:]
end = time.monotonic() + 60
while time.monotonic() < end:
    for version in versions:
        shutil.copyfile(version, target + ".new")
        os.replace(target + ".new", target)
        time.sleep(float(rest) * random.choice((0, 0.1, 1)))  # in bursts, and with time to read
"""
OVERWRITE = """
import random, sys, time
rest, target, *versions = sys.argv[1:]
contents = [open(version, "rb").read() for version in versions]
end = time.monotonic() + 60
while time.monotonic() < end:
    for content in contents:
        with open(target, "wb") as file:
            file.write(content)
        time.sleep(random.uniform(0, float(rest)))
"""


@contextlib.contextmanager
def written_meanwhile(code, tmp_path, kind, rest=0.3):
    """Have another process write two versions, each of one number, in turns; give the path."""
    versions = [write(tmp_path / f"{n}-{kind}", members(value=float(n))) for n in (1, 2)]
    target = shutil.copyfile(versions[0], tmp_path / kind)
    writer = subprocess.Popen([sys.executable, "-c", code, str(rest), target, *versions])
    try:
        yield target
    finally:
        writer.kill()
        writer.wait()


def complete(ended):
    """Return how many datasets were read from beginning to end."""
    return ended[1.0,] + ended[2.0,]


def numbers_in(ds, read):
    """Return the numbers that a dataset of `members` holds, each array read on its own."""
    found = set()
    for name in ARRAYS:
        values = np.asarray(read(ds[name])).real
        found |= set(np.unique(values).tolist())
    return {round(value / PIXEL, 6) if 0 < value < 0.01 else value for value in found}


def bare(array):
    """Return the numbers of an array, without their unit."""
    return getattr(array.data, "magnitude", array.values)


@pytest.mark.parametrize(("kind", "kept_open"), [
    ("contiguous.h5", 128), ("contiguous.h5", 1), ("chunked.h5", 1), ("stored.npz", 128),
    ("deflated.npz", 128),
])  # fmt: skip
def test_replaced_while_it_is_read(tmp_path, folder, kind, kept_open):
    """The old or the new data, or an error that says what happened; never something of each."""
    ended = Counter()
    other = opened(folder / "contiguous.h5")
    with (
        written_meanwhile(REPLACE, tmp_path, kind) as path,
        xr.set_options(file_cache_maxsize=kept_open),
    ):
        start = time.monotonic()
        # On a busy machine it takes longer until one is read in peace.
        while (took := time.monotonic() - start) < 1 or (not complete(ended) and took < 30):
            try:
                with opened(path) as ds:
                    # With one handle at a time, reading another file closes this one.
                    found = numbers_in(ds, lambda one: (other.probe.values, bare(one))[1])
            except PtyxrError as error:
                ended[error.problem] += 1
            else:
                ended[tuple(found)] += 1
    other.close()
    assert set(ended) <= {(1.0,), (2.0,), "the file has changed since it was opened"}, ended
    assert complete(ended), ended


@pytest.mark.parametrize("kind", ["contiguous.h5", "stored.npz"])
def test_recognised_while_it_is_replaced(tmp_path, kind):
    """There is a complete file at any moment, and each is of the format."""
    with written_meanwhile(REPLACE, tmp_path, kind, rest=0) as path:
        end = time.monotonic() + 1
        found = Counter()
        while time.monotonic() < end:
            found[find_engine(path)] += 1
    assert set(found) == {"ptychodus" if kind.endswith("h5") else "ptychopinn"}


@forks
@may_fork
@pytest.mark.parametrize("kind", ["contiguous.h5", "stored.npz", "deflated.npz"])
def test_overwritten_in_place_while_it_is_read(tmp_path, kind):
    """What is read then is anyone's guess; but the process lives, and errors are ptyxr's own."""

    def read(_):
        end = time.monotonic() + 1
        while time.monotonic() < end:
            with contextlib.suppress(PtyxrError), opened(path) as ds:
                for _ in range(4):
                    ds.copy().load()
        return True

    with written_meanwhile(OVERWRITE, tmp_path, kind, rest=0.02) as path:
        [child] = in_children(read, 1)
        child.join()
    assert child.exitcode == 0


HOLD = """
import sys, h5py
with h5py.File(sys.argv[1], "r+"):
    print("open", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="module")
def held(folder):
    """Give the path of a product that another process has open for writing."""
    path = shutil.copyfile(folder / "contiguous.h5", folder / "held.h5")
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout.readline() == b"open\n"
        yield path
        holder.communicate()


def told(error):
    """Make sure that an error says what is the matter, and what to do."""
    assert "writ" in error.problem
    assert error.remedy
    return False


def opens_or_says_what_to_do(path):
    """Open a product, or have an error with what to do about it; return whether it opens."""
    try:
        with opened(path) as ds:
            ds.load()
    except PtyxrError as error:
        return told(error)
    return True


def test_open_for_writing_elsewhere(held):
    opens_or_says_what_to_do(held)


def test_open_for_writing_in_the_same_process(folder):
    path = shutil.copyfile(folder / "contiguous.h5", folder / "own.h5")
    with h5py.File(path, "r+"):
        opens_or_says_what_to_do(path)
    assert opens_or_says_what_to_do(path)


@pytest.fixture(scope="module")
def read_only(folder, tmp_path_factory):
    """Give a read-only folder with the files: a disk of its own where that may be had."""
    place = tmp_path_factory.mktemp("read-only")

    def mount(*options):
        subprocess.run(["mount", *options, place], capture_output=True, check=True)

    mounted = False
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        mount("-t", "tmpfs", "none")
        mounted = True
    for kind in KINDS:
        shutil.copyfile(folder / kind, place / kind)
        (place / kind).chmod(0o444)
    if mounted:
        mount("-o", "remount,ro")
    else:
        place.chmod(0o555)
    yield place
    if mounted:
        subprocess.run(["umount", place], capture_output=True, check=True)
    place.chmod(0o755)


@pytest.mark.parametrize("kind", KINDS)
def test_on_a_read_only_disk(read_only, truth, kind):
    with opened(read_only / kind) as ds:
        assert not wrong(ds, truth, 0)


REMEDY = "Open it when that has finished, or open a copy"
LOCKING = """
import json, sys
import xarray as xr
from ptyxr.errors import PtyxrError
from ptyxr.formats.detect import find_engine
ended = []
for path in sys.argv[1:]:
    try:
        with xr.open_dataset(path, engine="ptychodus", quantify=False) as ds:
            ds.load()
        ended.append(None)
    except PtyxrError as error:
        ended.append(error.remedy)
print(json.dumps(ended))
"""


def test_with_and_without_locks(folder, read_only, held):
    """HDF5 takes from the environment, when it starts, whether files are locked."""
    paths = [one / "contiguous.h5" for one in (folder, read_only)]
    running = {}
    for setting in ("TRUE", "FALSE"):
        environment = {**os.environ, "HDF5_USE_FILE_LOCKING": setting}
        command = [sys.executable, "-W", "error", "-c", LOCKING, *paths, held]
        running[setting] = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, text=True
        )
    for setting, process in running.items():
        answer = process.communicate(timeout=60)[0]
        assert process.returncode == 0, setting
        # Where there are locks, someone else's is respected, and the error says what to do.
        assert json.loads(answer) in ([None] * 3, [None, None, REMEDY]), setting
