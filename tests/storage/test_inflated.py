"""Deflated members of an NPZ: read anywhere, with what is kept bounded."""

import os
import pickle
import signal
import threading

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from ptyxr.errors import InvalidDataError
from ptyxr.storage import inflated, streams
from ptyxr.storage.npz import NpzFile

FRAMES = 300


@pytest.fixture(scope="module", autouse=True)
def small_blocks():
    """Have a small file go through all that a large one does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inflated, "_BLOCK", 4096)
        patch.setattr(inflated, "_OUTPUT", 1000)
        patch.setattr(inflated, "_INPUT", 300)
        patch.setattr(inflated, "_MOST_STATES", 16)
        yield


@pytest.fixture(scope="module")
def frames():
    """Return patterns of 307 200 bytes, which are 75 blocks and one begun."""
    return np.random.default_rng(0).poisson(3, (FRAMES, 16, 16)).astype(np.float32)


@pytest.fixture(scope="module")
def path(tmp_path_factory, frames):
    path = tmp_path_factory.mktemp("deflated") / "d.npz"
    np.savez_compressed(path, diff3d=frames, fortran=np.asfortranarray(frames), empty=frames[:0])
    return path


@pytest.fixture
def unpacked(monkeypatch):
    """Return the lengths of what is unpacked, piece by piece."""
    lengths = []
    original = inflated.Inflated._stream

    def counted(self, *args):
        for offset, data in original(self, *args):
            lengths.append(len(data))
            yield offset, data

    monkeypatch.setattr(inflated.Inflated, "_stream", counted)
    return lengths


KEYS = st.one_of(
    st.integers(-FRAMES, FRAMES - 1),
    st.slices(FRAMES),
    st.lists(st.integers(0, FRAMES - 1), max_size=5).map(lambda rows: np.array(rows, int)),
)


@settings(max_examples=150, deadline=None)
@given(key=KEYS, column=st.one_of(st.integers(0, 15), st.slices(16)))
@pytest.mark.parametrize("member", ["diff3d", "fortran"])
def test_any_part_is_what_numpy_has(path, frames, member, key, column):
    array = NpzFile(path).arrays[member]
    found = xr.Variable(("position", "y", "x"), inflated_lazily(array))[key, :, column].values
    np.testing.assert_array_equal(found, frames[key][..., column])


def inflated_lazily(array):
    from ptyxr.storage.arrays import lazy

    return lazy(array)


def test_reading_goes_on_where_it_stopped(path, frames, unpacked):
    """Frame after frame unpacks the member once, and not once for each."""
    array = NpzFile(path).arrays["diff3d"]
    for i in range(FRAMES):
        np.testing.assert_array_equal(array.read_at((i, slice(None), slice(None))), frames[i])
    assert sum(unpacked) == frames.nbytes + 128  # and the header
    unpacked.clear()
    array.read_at((5, slice(None), slice(None)))
    assert sum(unpacked) < frames.nbytes / 4


def test_what_is_kept_is_bounded(path):
    array = NpzFile(path).arrays["diff3d"]
    for i in range(0, FRAMES, 7):
        array.read_at((i, slice(None), slice(None)))
    states = array._inflated._states
    assert len(states) <= 16
    assert len(inflated._blocks._blocks) <= inflated._KEPT_BLOCKS
    assert [one.offset % array._inflated._spacing for one in states] == [0] * len(states)


def test_pickles_hold_the_path_and_nothing_that_was_unpacked(path, frames):
    array = NpzFile(path).arrays["diff3d"]
    array.read()
    again = pickle.loads(pickle.dumps(array))
    assert len(pickle.dumps(array)) < 2000
    np.testing.assert_array_equal(again.read(), frames)


def test_threads_read_one_member_at_once(path, frames):
    array = NpzFile(path).arrays["diff3d"]
    wrong = []

    def read(seed):
        rows = np.random.default_rng(seed).integers(0, FRAMES, 60).tolist()
        found = {i: array.read_at((i, slice(None), slice(None))) for i in rows}
        wrong.extend(i for i in found if not np.array_equal(found[i], frames[i]))

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_wrong_checksum_is_told_when_the_end_is_read(tmp_path, frames):
    path = tmp_path / "d.npz"
    np.savez_compressed(path, diff3d=frames)
    data = bytearray(path.read_bytes())
    directory = data.rindex(b"PK\x01\x02")
    data[directory + 16] ^= 1
    path.write_bytes(data)
    array = NpzFile(path).arrays["diff3d"]
    np.testing.assert_array_equal(array.read_at((0, slice(None), slice(None))), frames[0])
    for key in (slice(None), FRAMES - 1):
        with pytest.raises(InvalidDataError, match=r"d\.npz.*diff3d.*checksum"):
            array.read_at((key, slice(None), slice(None)))


@pytest.mark.parametrize("encoding", [{}, {"diffraction": {"chunksizes": (50, 16, 16)}}])
def test_the_legacy_order_is_unpacked_once(tmp_path, frames, monkeypatch, unpacked, encoding):
    """Patterns stored as (H, W, N) lie across those of a product."""
    monkeypatch.setattr(streams, "BLOCK_BYTES", 40_000)
    path = tmp_path / "legacy.npz"
    at = np.random.default_rng(1).uniform(20, 40, (2, FRAMES))
    np.savez_compressed(
        path, xcoords=at[0], ycoords=at[1], diffraction=np.moveaxis(frames, 0, -1),
        probeGuess=np.ones((16, 16), complex), objectGuess=np.ones((60, 60), complex),
    )  # fmt: skip
    how = {"object_pixel_size": "50 nm", "probe_pixel_size": "50 nm"}
    with xr.open_dataset(path, engine="ptychopinn", **how) as ds:
        unpacked.clear()
        product = ds.ptyxr.to_product(
            tmp_path / "p.h5", position_index="sequential", encoding=encoding, photon_energy="8 keV"
        )
    if not encoding:
        assert sum(unpacked) < 1.5 * frames.nbytes
    with xr.open_dataset(product, engine="ptychodus") as ds:
        np.testing.assert_array_equal(ds.diffraction, frames)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_fork_while_a_thread_reads_does_not_hang(path, frames):
    array = NpzFile(path).arrays["diff3d"]
    with array._inflated._lock:
        child = os.fork()
        if not child:
            signal.alarm(20)
            array.read()
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
