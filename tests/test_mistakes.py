"""Errors are for people: each says what is wrong, where, and what to do, as the page shows."""

from __future__ import annotations

import io
import lzma
import sys
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mistakes
import ptyxr
from mistakes import MISTAKES
from ptyxr.errors import FormatError, MissingFileError, PtyxrError
from ptyxr.spelling import hint
from ptyxr.storage.recognise import missing, recognise, unreadable

ALL = [
    pytest.param(
        mistake,
        id=f"{group}: {mistake.title}",
        marks=pytest.mark.skipif(
            mistake.make is mistakes.locked and sys.platform == "win32",
            reason="Windows locks files otherwise",
        ),
    )
    for group, members in MISTAKES.items()
    for mistake in members
]
IN_PYTHON = [one for one in ALL if one.values[0].code]
OURS = [one for one in IN_PYTHON if one.values[0].raises is PtyxrError]
TYPED = [one for one in ALL if one.values[0].line]


@pytest.mark.parametrize("mistake", IN_PYTHON)
def test_it_is_refused_in_words(mistake, tmp_path):
    error = mistakes.make(mistake, tmp_path)
    assert isinstance(error, mistake.raises), error
    for words in mistake.says:
        assert words in str(error)


@pytest.mark.parametrize("mistake", OURS)
def test_it_says_where_and_what_next(mistake, tmp_path):
    error = mistakes.make(mistake, tmp_path)
    if mistake.file is not None:
        assert error.file.endswith(mistake.file)
        assert error.file in str(error)
    if mistake.key is not None:
        assert error.key == mistake.key
        assert repr(error.key) in str(error)
    assert error.expected is not None or error.remedy is not None
    # A sentence of one line, that ends as a sentence where another one follows it.
    assert "\n" not in str(error)
    assert ".." not in str(error).replace("...", "")


@pytest.mark.parametrize("mistake", OURS)
def test_the_last_thing_that_is_read_is_ours(mistake, tmp_path):
    error = mistakes.make(mistake, tmp_path)
    last = traceback.format_exception(error)[-1]
    assert last.startswith(f"ptyxr.errors.{type(error).__name__}: ")
    if mistake.wraps:
        assert error.__cause__ is not None


@pytest.mark.parametrize("mistake", TYPED)
def test_the_command_line_says_the_same(mistake, tmp_path):
    from ptyxr._console import as_options

    (tmp_path / "typed").mkdir()
    done = mistakes.command(mistake, (tmp_path / "typed").resolve())
    assert "Traceback" not in done.said
    if mistake.raises is UserWarning:
        assert "ptyxr: warning: " in done.said
    else:
        assert done.code == 2
        assert len(done.said.strip().splitlines()) == 1 or "ptyxr: warning: " in done.said
    if not mistake.code:
        for words in mistake.says:
            assert words in done.said
        return
    (tmp_path / "run").mkdir()
    error = mistakes.make(mistake, (tmp_path / "run").resolve())
    in_python = mistakes.shown(str(error), (tmp_path / "run").resolve())
    wording = as_options if mistake.line.startswith("convert") else str
    if "assign_pixel_size(" in mistake.code and mistake.key:
        # An argument is called by its name, and so is an option.
        option = f"'--{mistake.key}-pixel-size': "
        in_python = in_python.replace(f"'{mistake.key}': ", option, 1)
    assert wording(in_python) in done.said


def test_the_documentation_says_what_is_said(tmp_path):
    text = mistakes.DOCS.read_text(encoding="utf-8")
    for group, members in MISTAKES.items():
        assert f"## {group}\n" in text
        for number, mistake in enumerate(members):
            if mistake.make is mistakes.locked and sys.platform == "win32":
                continue
            folder = tmp_path / f"{group} {number}".replace(" ", "_")
            folder.mkdir()
            said = mistakes.row(mistake, mistakes.message(mistake, folder.resolve()))
            assert said in text, "python tests/mistakes.py --write"
    rows = sum(line.startswith("| ") for line in text.partition(mistakes.BEGIN)[2].splitlines())
    assert rows == len(ALL) + len(MISTAKES), "python tests/mistakes.py --write"


def test_no_mistake_is_there_twice():
    titles = [mistake.title for mistake in mistakes.everything()]
    assert len(set(titles)) >= 45
    seen = [(m.code, m.title) for m in mistakes.everything()]
    assert len(set(seen)) == len(seen)


# What a file is


@pytest.mark.parametrize(
    ("start", "what"),
    [
        (b"BZh91AY&SY", "bzip2"),
        (b"\x28\xb5\x2f\xfd" + bytes(20), "zstd"),
        (lzma.compress(b"text"), "xz"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(20), "7-Zip"),
        (b"MM\0*" + bytes(20), "TIFF"),
        (b"CDF\x05" + bytes(20), "netCDF"),
        (b"/annex/objects/SHA256E-s1--abc.h5\n", "git-annex"),
        (b"<html><body>404</body></html>", "web page"),
        (b"\xef\xbb\xbf  <!doctype HTML><html>", "web page"),
        (b"<?xml version='1.0'?><a/>", "XML"),
        (b'{"scan": 1}', "JSON"),
        (b"[1, 2, 3]", "JSON"),
        (b"# by hand\n[Probe]\nModes = 3\n", "settings"),
        (b"[Probe]\n", "settings"),
        (b"x y\n1 2\n", "'x y'"),
        ("Ω 1\n".encode(), "'Ω 1'"),
        (b"\n\n", "empty text"),
        (bytes(512) + b"\x89HDF\r\n\x1a\n" + bytes(600), "behind a block"),
        (bytes(4096), "zeros"),
        (b"\x80\x04K\x01.", "pickle"),
        (b"\x80\xff\xfe\xfd\xfc\xfb", "bytes that tell nothing"),
        (b"\x01\x02\x03\x04", "bytes that tell nothing"),
        (b"", "empty file"),
    ],
)
def test_what_a_file_is(tmp_path, start, what):
    path = tmp_path / "file"
    path.write_bytes(start)
    stream = io.BytesIO(start)
    stream.seek(min(3, len(start)))
    for source in (start, path, str(path), stream):
        assert what in recognise(source).what
    assert stream.tell() == min(3, len(start))


@given(st.binary(max_size=600))
def test_any_bytes_are_something(content):
    kind = recognise(content)
    assert kind.what
    assert "\n" not in kind.what
    if kind.remedy:
        assert not kind.remedy.endswith(".")


@given(st.binary(max_size=200))
def test_any_bytes_that_are_no_file_are_refused_in_words(content):
    with pytest.raises(FormatError) as caught:
        ptyxr.open_dataset(content)
    assert "\n" not in str(caught.value)


def test_what_cannot_be_read_is_nothing(tmp_path):
    assert "nothing that can be read" in recognise(tmp_path / "not there").what


def test_what_h5py_says_is_kept_where_the_file_is_damaged():
    error = unreadable("HDF5", b"\x89HDF\r\n\x1a\n" + bytes(64), OSError("bad object header"))
    assert error.found == "bad object header"
    assert "damaged" in str(error)


@pytest.mark.parametrize(("wrong", "right"), [
    ("kev", "'keV'"), ("KeV", "'keV'"), ("mev", "'MeV'"), ("NM", "'nm'"), ("Micron", "'micron'"),
    ("nanometrs", "'nanometer'"), ("angstroms", "'angstrom'"), ("pixles", "'pixel'"),
    ("electronvolt", "'electron_volt'"), ("deg ree", "'degree'"),
])  # fmt: skip
def test_what_a_unit_may_have_meant(wrong, right):
    assert f"Did you mean {right}?" in hint(wrong)


@pytest.mark.parametrize("text", ["foo", "xy", "", "q"])
def test_no_guess_is_made_where_there_is_none(text):
    assert "Did you mean" not in hint(text)


@pytest.mark.parametrize("name", ["scna.h5", "SCAN.H5", "scan.hdf5", "scan1.h5"])
def test_names_that_are_alike_are_found(tmp_path, name):
    (tmp_path / "scan.h5").touch()
    (tmp_path / "notes.txt").touch()
    if (tmp_path / name).exists():
        pytest.skip("this file system knows no capitals")
    error = missing(tmp_path / name)
    assert isinstance(error, FileNotFoundError)
    assert isinstance(error, MissingFileError)
    assert "'scan.h5'" in error.remedy
    assert "notes" not in str(error)


def test_the_folder_that_is_missing_is_named(tmp_path):
    (tmp_path / "beamtime").mkdir()
    error = missing(tmp_path / "beamtime" / "day1" / "scan" / "a.h5")
    assert error.found == f"{str(tmp_path / 'beamtime')!r} and in it no 'day1'"


def test_a_number_with_a_unit_is_never_doubted(product, tmp_path):
    ds = ptyxr.open_dataset(product)
    for energy in ("8 eV", ptyxr.ureg.Quantity(8, "eV"), 8000, 0):
        ds.ptyxr.to_product(tmp_path / "a.h5", photon_energy=energy)
