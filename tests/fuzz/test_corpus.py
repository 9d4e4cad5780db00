"""Any bytes give a Dataset or a PtyxrError: some hundred damaged files, and all that was found."""

from __future__ import annotations

import io
import json
import sys
import textwrap
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from findings import FINDINGS
from hypothesis import given
from hypothesis import strategies as st
from mutations import mutate
from outcomes import attempt, examine
from seeds import FAMILIES, seeds
from supervising import Run
from zip_archive import Entry, build

import ptyxr
from ptyxr.errors import PtyxrError

#: More of them are run with tests/fuzz/run.py, for as long as one likes.
INPUTS = 160

linux = pytest.mark.skipif(
    sys.platform != "linux", reason="what a process takes is asked of the kernel of Linux"
)


@linux
@pytest.mark.slow
def test_damaged_files(tmp_path):
    tally = Run(tmp_path, inputs=INPUTS).go()
    assert tally.inputs.total() + tally.unmade == INPUTS
    assert not tally.failures, tally.table()
    # Were all files refused at their first bytes, nothing would have been tried.
    opened = sum(n for (_, result), n in tally.results.items() if result == "dataset")
    refused = sum(n for (_, result), n in tally.results.items() if result == "refused")
    assert min(opened, refused) > INPUTS / 4


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Give what files that once failed do now, by name: run together, in a process of their own."""
    folder = tmp_path_factory.mktemp("found")
    files = {str(folder / f"finding{i}"): name for i, name in enumerate(FINDINGS)}
    for file, name in files.items():
        Path(file).write_bytes(FINDINGS[name]())
    tally = Run(folder / "run", files=list(files)).go()
    assert tally.inputs.total() == len(files)
    failures = {name: [] for name in FINDINGS}
    for failure in tally.failures:
        failures[files[failure.name]].append(failure.what)
    return failures


@linux
@pytest.mark.parametrize("name", FINDINGS)
def test_what_was_found(found, name):
    assert found[name] == []


@linux
@pytest.mark.parametrize("family", FAMILIES)
def test_sound_files_open(family, tmp_path):
    for seed in seeds(family):
        outcome = examine(seed.data, tmp_path / "input", "any")
        assert not outcome.failures
        assert outcome.results[family] == outcome.results["detected"] == "dataset", seed.name


# What holds of any metadata and of any bytes

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from([
    "object_center_x_m", "object_pixel_width_m", "object_pixel_height_m", "probe_pixel_width_m",
    "photon_energy_eV", "far_field", "name", "polarization", "pixel_origin", "product",
    "additional_parameters", "physics_parameters", "nphotons",
])  # fmt: skip


def npy(values):
    target = io.BytesIO()
    np.save(target, values)
    return target.getvalue()


@given(st.dictionaries(KEYS | st.text(max_size=3), JSON, max_size=5))
def test_any_metadata_leave_the_scan_as_it_is(metadata):
    members = {"xcoords": np.arange(3.0), "ycoords": np.arange(3.0) + 1,
               "objectGuess": np.ones((4, 6), "c8"),
               "_metadata": np.array(json.dumps(metadata))}  # fmt: skip
    data = build([Entry(f"{name}.npy".encode(), npy(values)) for name, values in members.items()])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of half a pixel, or of pixel sizes
        ds = xr.open_dataset(io.BytesIO(data), engine="ptychopinn").load()
    assert ds.object.shape == (1, 4, 6)
    steps = np.diff(ds.position_x.pint.dequantify().values)
    np.testing.assert_allclose(steps, 1.0)


@given(st.sampled_from([b"PK\x03\x04", b"PK\x05\x06", b""]), st.binary(max_size=200))
def test_bytes_that_are_no_file(magic, rest):
    with pytest.raises(PtyxrError):
        ptyxr.open_dataset(magic + rest)


# The fuzzer itself


def test_a_number_names_an_input():
    some = [mutate(number) for number in range(40)]
    assert len({zlib.crc32(case.data) for case in some}) == 40
    assert {case.family for case in some} == set(FAMILIES)
    again = [mutate(number, "ptychopinn") for number in reversed(range(40))]
    assert [mutate(number, "ptychopinn") for number in range(40)] == again[::-1]


class Unfinished:
    def __del__(self):
        1 / 0  # noqa: B018


def leaves_open(path, kept):
    kept.append(path.open("wb"))


@linux
@pytest.mark.parametrize(("way", "said"), [
    (lambda path, kept: {}["x"], "raises KeyError: 'x' (at outcomes.py:"),
    (leaves_open, "leaves open: "),
    (lambda path, kept: leaves_open(path, []), "warns ResourceWarning unclosed file"),
    (lambda path, kept: bool(Unfinished()), "raises where nobody can catch it: ZeroDivisionError"),
    (lambda path, kept: warnings.warn("w", stacklevel=1), "warns UserWarning w (test_corpus.py:"),
    (lambda path, kept: np.float64(1) / np.float64(0), "warns RuntimeWarning divide by zero"),
])  # fmt: skip
def test_what_no_file_may_do_is_seen(way, said, tmp_path):
    kept, failures = [], []
    with warnings.catch_warnings():
        attempt("some way", lambda: way(tmp_path / "input", kept), failures)
    for file in kept:
        file.close()
    assert len(failures) == 1
    assert failures[0].startswith(f"some way: {said}")


CHILD = """
    import json, os, signal, sys, time

    start, stop, step = map(int, sys.argv[3:6])
    for number in range(start, stop, step):
        open(os.path.join(sys.argv[1], "input"), "w").close()
        print(json.dumps({"make": number}), flush=True)
        if number == 2:
            os.abort()
        begin = {"begin": number, "kind": "some kind", "family": "ptychodus"}
        print(json.dumps(begin), flush=True)
        if number == 3:
            os.abort()
        if number == 5:
            os.kill(os.getpid(), signal.SIGPROF)
        if number in (7, 8) and not os.path.exists(f"seen{number}"):
            open(f"seen{number}", "w").close()
            os.kill(os.getpid(), signal.SIGTERM if number == 7 else signal.SIGSEGV)
        failures = ["x: raises KeyError: 'a' (at a.py:1:f)"] if number == 6 else []
        end = {"end": number, "results": {"x": "dataset"}, "failures": failures}
        print(json.dumps({**end, "seconds": 0.1, "peak": 5}), flush=True)
"""


@linux
def test_a_process_that_dies_is_replaced(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    child = tmp_path / "child.py"
    child.write_text(textwrap.dedent(CHILD), encoding="utf-8")
    tally = Run(tmp_path, inputs=10, workers=2, child=child).go()
    assert tally.inputs.total() == 9
    assert (tally.unmade, tally.disturbed) == (1, 1)
    assert tally.results["x", "dataset"] == 7
    causes = {int(failure.name): failure.cause for failure in tally.failures}
    assert causes == {3: "crash -6", 5: "hang", 6: "raises KeyError a.py:1", 8: "crash -11"}
    assert "and not when it ran again" in str(tally.failures)
    kept = {path.name for path in tmp_path.glob("worker*/*.h5")}
    assert kept == {"3.h5", "5.h5", "7.h5", "8.h5"}
    assert len((tmp_path / "failures.txt").read_text(encoding="utf-8").splitlines()) == 4
    assert "4 failures, 1 could not be made, 1 ran twice" in tally.table()


@linux
def test_a_process_that_does_not_start(tmp_path):
    child = tmp_path / "child.py"
    child.write_text("import nothing_of_this_name", encoding="utf-8")
    with pytest.raises(RuntimeError, match="nothing_of_this_name"):
        Run(tmp_path, inputs=1, child=child).go()
