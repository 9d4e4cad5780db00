"""Files made to do harm: none executes anything, none has another file read, none takes the memory.

Each is given to plain numpy and h5py too, which must come to the harm it was made for: otherwise it
would prove nothing that ptyxr comes to none.
"""

from __future__ import annotations

import re
import sys
from functools import partial

import h5py
import numpy as np
import pytest
import xarray as xr

import ptyxr
from hostile import HARMS, HOSTILE, Place
from hostile.child import ask
from hostile.watching import Watch
from ptyxr.errors import ExternalDataError

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="inotify and forks are Linux's")

MEMORY = 200 * 2**20
LONG = 4_000
#: What a terminal takes for a command, or shows otherwise than it is; colours are ptyxr's own.
UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
    "|\x1b(?!\\[[0-9;]*m)"
)
WITH_HARM = [name for name, one in HOSTILE.items() if one.harm not in {"path", "error"}]
OUTSIDE = [name for name, one in HOSTILE.items() if one.harm == "outside"]
#: Whatever opens these engines, or none.
ENGINES = ["ptychodus", "ptychodus-diffraction"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Give the folder with all hostile files."""
    place = Place(tmp_path_factory.mktemp("hostile"))
    place.make()
    return place


@pytest.fixture(scope="module")
def careless(place):
    """Give what plain numpy and h5py come to."""
    endless = [name for name in WITH_HARM if HOSTILE[name].harm == "hang"]
    others = [name for name in WITH_HARM if name not in endless]
    ends = ask("careless", place.base, others)
    return ends | ask("careless", place.base, endless, patience=2)


@pytest.fixture(scope="module")
def answers(place):
    """Give what ptyxr does with each file."""
    return ask("by_ptyxr", place.base, HOSTILE)


def ended(answer):
    """Return the actions that came to an end."""
    return [told for told in answer["actions"] if "error" in told]


def texts(told):
    """Return all that an action had to say."""
    if told["error"]:
        return [told["text"]]
    result = told["result"]
    if isinstance(result, dict):
        return [result["text"]]
    return [text for _, text, _ in result] if isinstance(result, list) else []


@pytest.mark.slow
@pytest.mark.parametrize("name", WITH_HARM)
def test_does_harm_to_who_takes_it_at_its_word(careless, name):
    answer, actions = careless[name], ended(careless[name])
    harm = HOSTILE[name].harm
    if harm == "executes":
        assert any(told["executed"] for told in actions)
    elif harm == "outside":
        assert any(told["outside"] for told in actions)
    elif harm == "memory":
        # What cannot be had at all is told by numpy.
        assert any(
            told["memory"] > MEMORY or "MemoryError" in str(told["error"]) for told in actions
        )
    elif harm == "crash":
        assert answer["signal"] == "SIGSEGV"
    else:
        assert (harm, answer["signal"]) == ("hang", "SIGALRM")


@pytest.mark.parametrize("name", HOSTILE)
def test_nothing_is_executed_and_nothing_outside_is_read(answers, place, name):
    answer = answers[name]
    assert not answer["signal"], (answer["signal"], answer["actions"][-1])
    for told in ended(answer):
        assert not told["executed"], told
        assert not told["outside"], told
    assert not answer["executed"]
    assert not answer["outside"]


@pytest.mark.parametrize("name", HOSTILE)
def test_opens_or_says_why_not(answers, name):
    for told in ended(answers[name]):
        assert not told["error"] or told["own"], told
        result = told.get("result")
        if isinstance(result, dict) and "code" in result:
            assert result["code"] in (0, 2), told
        if isinstance(result, list):
            assert {category for category, *_ in result} <= {"UserWarning"}


@pytest.mark.parametrize("name", HOSTILE)
def test_takes_little_memory(answers, place, name):
    path = place.files / name
    size = path.stat().st_size if path.is_file() else 0
    for told in ended(answers[name]):
        assert told["memory"] < MEMORY + size, told


@pytest.mark.parametrize("name", HOSTILE)
def test_what_it_says_can_be_printed(answers, name):
    for told in ended(answers[name]):
        for text in texts(told):
            assert not (found := UNPRINTABLE.search(text)), (told["action"], found, text)
            assert " object at 0x" not in text, told
        # A report has a line for each finding; a sentence has an end.
        assert told.get("length", 0) < LONG, told["action"]
        if isinstance(told.get("result"), list):
            assert all(length < LONG for _, _, length in told["result"]), told["action"]


@pytest.mark.parametrize("name", HOSTILE)
def test_names_in_files_never_become_paths(answers, place, name):
    asked_for = {
        str(place.work / name)
        for name in ("converted.h5", "converted.npz", "plot.png", "written.h5", "written.npz",
                     "written-product.npz")
    }  # fmt: skip
    assert set(answers[name]["strays"]) <= asked_for


@pytest.mark.parametrize("name", OUTSIDE)
def test_what_leads_outside_is_refused_by_name(answers, name):
    told = {told["action"]: told for told in ended(answers[name])}
    for action in ("open", "object"):
        assert told[action]["error"] == "ExternalDataError"
        for said in (name, *HOSTILE[name].says):
            assert said in told[action]["text"]
        assert "allow_external=True" in told[action]["text"]
    refusal = told["ptyxr info"]["result"]
    assert refusal["code"] == 2
    report = told["ptyxr validate"]["result"]
    assert report["code"] == 2
    for said in HOSTILE[name].says:
        assert said in refusal["text"]
        # Files of patterns are opened, and not validated.
        assert said in report["text"] or "patterns" in name


def test_harms_are_all_there():
    assert {one.harm for one in HOSTILE.values()} == set(HARMS)


# Who trusts a file


def engine_of(name):
    return ENGINES["patterns" in name]


@pytest.mark.parametrize("name", [
    "link-probe.h5", "link-soft-group.h5", "link-raw_data-diffraction.h5", "link-relative.h5",
    "storage-positions.h5", "virtual.h5", "virtual-self-link.h5", "virtual-second.h5",
    "link-patterns-patterns.h5", "storage-patterns.h5", "virtual-patterns.h5",
])  # fmt: skip
def test_who_trusts_a_file_has_it_followed(place, name):
    path = place.files / name
    watch = Watch(place.outside)
    for opener in (partial(xr.open_dataset, engine=engine_of(name)), ptyxr.open_dataset):
        with opener(path, allow_external=True) as ds:
            ds.load()
        assert watch.opened()


@pytest.mark.parametrize("name", ["link-patterns-patterns.h5", "virtual-patterns.h5"])
def test_trust_is_for_both_files_that_are_paired(place, name):
    """Detectors write a file of links to their patterns: that is what one is to trust."""
    product, patterns = place.base / "sound.h5", place.files / name
    with pytest.raises(ExternalDataError):
        ptyxr.open_dataset(product, diffraction=patterns)
    with ptyxr.open_dataset(product, diffraction=patterns, allow_external=True) as ds:
        assert ds.diffraction.load().sum() == ds.diffraction.size


def test_trusted_data_are_those_of_the_other_file(place):
    with (
        h5py.File(place.outside / "outside.h5") as file,
        xr.open_dataset(
            place.files / "link-object.h5", engine="ptychodus", allow_external=True
        ) as ds,
    ):
        np.testing.assert_array_equal(ds.object, file["object"])


# The watch


def test_the_watch_sees_what_is_opened(place):
    """Otherwise it would be no wonder that nothing is seen."""
    watch = Watch(place.outside)
    with h5py.File(place.files / "link-probe.h5") as file:
        assert watch.opened() == []
        file.get("probe", getlink=True)
        assert watch.opened() == []
        file["probe"]
        assert watch.opened() == ["outside.h5"]
    with h5py.File(place.files / "storage-positions.h5") as file:
        array = file["probe_position_x_m"]
        assert watch.opened() == []
        array[()]
    assert watch.opened() == ["outside.txt"]


def test_inside_is_not_outside(place):
    """An array that is put together of others in its own file leads nowhere."""
    with xr.open_dataset(place.files / "virtual-self.h5", engine="ptychodus") as ds:
        assert ds.position_x.data.magnitude.tolist() == [0, 1, 2, 3, 4]
