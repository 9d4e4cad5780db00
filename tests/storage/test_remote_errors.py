"""What goes wrong with files on a network, in words, and without what is secret."""

import os
import pickle
import socket
import sys
import traceback

import fsspec
import h5py
import pytest
import xarray as xr

import ptyxr
from loopback import Server
from ptyxr.errors import (
    ChangedFileError,
    ExternalDataError,
    MissingDependencyError,
    MissingFileError,
    PtyxrError,
    RemoteError,
)
from ptyxr.storage.urls import hide_secrets, is_url, shown

SECRET = "s3cr3tPassword"
ENGINES = [("scan.h5", "ptychodus"), ("scan.npz", "ptychopinn")]
BOTH = pytest.mark.parametrize(("name", "engine"), ENGINES)


def unused_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


# --- the server says no ---------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [(404, MissingFileError, "no such file"), (410, MissingFileError, "no such file"),
     (403, RemoteError, "storage_options"), (401, RemoteError, "storage_options"),
     (500, RemoteError, "HTTP status 500"), (503, RemoteError, "HTTP status 503")],
)  # fmt: skip
def test_what_the_server_answers_is_told(server, name, engine, status, kind, words):
    server.status = status
    url = f"{server.url}/{name}"
    for do in (
        lambda: xr.open_dataset(url, engine=engine),
        lambda: ptyxr.open_dataset(url),
    ):
        with pytest.raises(kind, match=words) as caught:
            do()
        assert caught.value.file == url
    assert not ptyxr.validate_file(url)


@BOTH
def test_a_server_that_is_not_there(name, engine):
    with pytest.raises(RemoteError, match="cannot be reached"):
        xr.open_dataset(f"http://127.0.0.1:{unused_port()}/{name}", engine=engine)


@BOTH
def test_a_server_that_ends_is_told_of(server, name, engine):
    ds = xr.open_dataset(f"{server.url}/{name}", engine=engine)
    server.status, server.fails_after = 503, 0
    with pytest.raises(RemoteError, match="503"):
        ds.load()
    server.status = None
    ds.load()


# What is missing since the server failed must not be taken for a file without it.
@pytest.mark.parametrize("name", ["object.h5", "patterns.h5", "chunks.h5"])
def test_failing_while_it_is_opened_loses_nothing(gigabytes, name):
    server = Server(gigabytes)
    xr.open_dataset(f"{server.url}/{name}", engine="ptychodus")
    needed = len(server.requests)
    assert needed > 1
    for count in range(1, needed):
        server.requests.clear()
        server.status, server.fails_after = 502, count
        try:
            xr.open_dataset(f"{server.url}/{name}", engine="ptychodus").close()
        except RemoteError as error:
            assert "502" in str(error)  # noqa: PT017  (before HDF5 2, fewer requests are enough)
        else:
            assert 1 < len(server.requests) <= count
    server.stop()


def test_a_server_without_ranges(server):
    server.ranges = False
    with h5py.File(server.folder / "small.h5", "w") as file:
        file["x"] = 1
    with pytest.raises(ptyxr.PtyxrError, match=r"HDF5 \('x'\)"):
        ptyxr.open_dataset(f"{server.url}/small.h5")
    with pytest.raises(RemoteError, match="simplecache::") as caught:
        ptyxr.open_dataset(f"{server.url}/scan.h5")
    whole = caught.value.remedy.split("'")[1]
    assert ptyxr.open_dataset(whole).sizes["position"] == 40


def test_a_signed_address_is_not_asked_by_head(server):
    server.head = False
    ptyxr.open_dataset(f"{server.url}/scan.h5?signature=abc").load()
    assert {one.method for one in server.requests} == {"GET"}


def test_what_the_server_asks_for_is_given(server):
    server.key = f"Bearer {SECRET}"
    url = f"{server.url}/scan.h5"
    with pytest.raises(RemoteError, match="storage_options"):
        ptyxr.open_dataset(url)
    how = {"headers": {"Authorization": server.key}}
    ds = pickle.loads(pickle.dumps(ptyxr.open_dataset(url, storage_options=how)))
    ds.load()


# --- what is not there here -----------------------------------------------------------------------


def test_an_unknown_protocol():
    with pytest.raises(RemoteError, match="nothing-knows"):
        ptyxr.open_dataset("nothing-knows://host/scan.h5")


@pytest.mark.parametrize("lacking", ["fsspec", "s3fs"])
def test_a_package_that_is_not_installed(monkeypatch, lacking):
    for name in [one for one in sys.modules if one.split(".")[0] == lacking]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, lacking, None)
    if lacking == "s3fs":
        known = sys.modules["fsspec.registry"]._registry
        monkeypatch.delitem(known, "s3", raising=False)
    for engine in ("ptychodus", "ptychodus-npz", "ptychodus-diffraction", "ptychopinn"):
        with pytest.raises(MissingDependencyError, match="install") as caught:
            xr.open_dataset("s3://bucket/scan", engine=engine)
        assert ("s3fs" if lacking == "s3fs" else "ptyxr[remote]") in str(caught.value)


def test_storage_options_have_names(server):
    with pytest.raises(PtyxrError, match=r"storage_options.*a mapping"):
        ptyxr.open_dataset(f"{server.url}/scan.h5", storage_options="anon")


def test_storage_options_are_for_addresses(product, npz):
    for path, engine in ((product, "ptychodus"), (npz, "ptychopinn")):
        for do in (
            lambda path=path, engine=engine: xr.open_dataset(
                path, engine=engine, storage_options={"anon": True}
            ),
            lambda path=path: ptyxr.open_dataset(path, storage_options={"anon": True}),
        ):
            with pytest.raises(ptyxr.PtyxrError, match="addresses only"):
                do()
        assert ptyxr.open_dataset(path, storage_options={}).sizes["position"]
    assert not ptyxr.validate_file(product, storage_options={"anon": True})


# --- files that change ----------------------------------------------------------------------------


@BOTH
def test_a_file_that_was_replaced_is_told(server, name, engine):
    url = f"{server.url}/{name}"
    ds = xr.open_dataset(url, engine=engine)
    kept = pickle.dumps(ds)
    os.utime(server.folder / name, ns=(1, 1))
    with pytest.raises(ChangedFileError):
        ds.load()
    with pytest.raises(ChangedFileError):
        pickle.loads(kept).load()
    xr.open_dataset(url, engine=engine).load()


@BOTH
def test_a_server_that_does_not_compare(server, name, engine):
    server.heeds = False
    ds = xr.open_dataset(f"{server.url}/{name}", engine=engine)
    os.utime(server.folder / name, ns=(1, 1))
    with pytest.raises(ChangedFileError):
        ds.diffraction.load()


@BOTH
def test_a_server_that_gives_another_part(server, name, engine):
    ds = xr.open_dataset(f"{server.url}/{name}", engine=engine)
    server.astray = 512
    with pytest.raises(RemoteError, match="another part than it was asked for"):
        ds.diffraction.load()


@BOTH
def test_in_memory_too(server, name, engine):
    memory = fsspec.filesystem("memory")
    memory.pipe(f"/{name}", (server.folder / name).read_bytes())
    ds = xr.open_dataset(f"memory://{name}", engine=engine)
    memory.rm(f"/{name}")
    memory.pipe(f"/{name}", (server.folder / name).read_bytes())
    with pytest.raises(ChangedFileError):
        ds.load()
    memory.rm(f"/{name}")


# --- what is not followed, and not written --------------------------------------------------------


def test_links_out_of_a_remote_file_are_refused(server, product):
    with h5py.File(server.folder / "scan.h5", "a") as file:
        del file["probe"]
        file["probe"] = h5py.ExternalLink(str(product), "/probe")
    url = f"{server.url}/scan.h5"
    for allowed in (False, True):
        with pytest.raises(ExternalDataError):
            xr.open_dataset(url, engine="ptychodus", allow_external=allowed)


def test_nothing_is_written_to_an_address(product, npz, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ptyxr.PtyxrError, match="local file") as caught:
        ptyxr.open_dataset(product).ptyxr.to_product(f"s3://me:{SECRET}@bucket/new.h5")
    assert SECRET not in str(caught.value)
    with pytest.raises(ptyxr.PtyxrError, match="local file"):
        ptyxr.open_dataset(npz).ptyxr.to_npz("memory://new.npz")
    assert not list(tmp_path.iterdir())


# --- secrets --------------------------------------------------------------------------------------


def test_secrets_are_shown_nowhere(server):
    host = server.url.removeprefix("http://")
    how = {"headers": {"X-Key": SECRET, "Authorization": f"Bearer {SECRET}"}}
    url = f"http://{host}/scan.h5?X-Amz-Signature={SECRET}"
    for one in (url, f"{url}#{SECRET}"):
        for ds in (
            ptyxr.open_dataset(one, storage_options=how),
            xr.open_dataset(one, engine="ptychodus", storage_options=how, chunks={}),
            xr.open_datatree(one, engine="ptychodus", storage_options=how),
        ):
            told = [repr(ds), str(ds.encoding), ds._repr_html_()]
            told += [str(dict(v.encoding)) + repr(v) for v in ds.variables.values()]
            assert SECRET not in "".join(told)
            assert ds.encoding["source"] == f"http://{host}/scan.h5"


@pytest.mark.parametrize(
    "url",
    ["http://{0}/none.h5?sig={1}", "http://me:{1}@127.0.0.1:{2}/a.h5", "ftp://me:{1}@127.0.0.1:{2}/a",
     "simplecache::http://{0}/none?sig={1}", "zip://a::http://{0}/none?sig={1}",
     "foo://{1}@host/a", "http://{0}/forbidden?sig={1}", "memory://none?{1}"],
)  # fmt: skip
def test_secrets_are_in_no_message(server, url):
    host = server.url.removeprefix("http://")
    if "forbidden" in url:
        server.status = 403
    address = url.format(host, SECRET, unused_port())
    options = {"headers": {"X-Key": SECRET}} if address.startswith("http") else {}
    with pytest.raises(ptyxr.PtyxrError) as caught:
        ptyxr.open_dataset(address, storage_options=options)
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert SECRET not in str(ptyxr.validate_file(address, storage_options=options))


def test_an_address_is_told_from_a_path():
    for one in ("https://host/a.h5", "s3://b/k", "simplecache::s3://b/k", "git+ssh://host/a"):
        assert is_url(one)
    for one in (
        "C:\\data\\a.h5",
        "C:/a.h5",
        "C://a.h5",
        "/data/a.h5",
        "a::b.h5",
        "./s3:/b",
        b"s3://",
    ):
        assert not is_url(one)


def test_what_libraries_say_is_cleaned():
    said = f"Cannot open https://me:{SECRET}@host/a?sig={SECRET} with {SECRET}"
    assert shown(f"zip://a::https://u:{SECRET}@host/b?{SECRET}") == "zip://a::https://host/b"
    assert hide_secrets(said, {"key": [SECRET]}) == "Cannot open https://host/a with …"
