"""Files on S3, as a server on loopback gives them."""

import pickle

import numpy as np
import pytest
import s3fs
import xarray as xr
from moto.server import ThreadedMotoServer

import ptyxr
from ptyxr.errors import ChangedFileError, MissingFileError, RemoteError
from ptyxr.testing import assert_identical

SECRET = "s3cr3tPassword"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def storage(product, npz):
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    how = {
        "key": "reader",
        "secret": SECRET,
        "client_kwargs": {"endpoint_url": f"http://{host}:{port}", "region_name": "us-east-1"},
    }
    fs = s3fs.S3FileSystem(**how)
    fs.call_s3("create_bucket", Bucket="scans")
    fs.pipe({"scans/scan.h5": product.read_bytes(), "scans/scan.npz": npz.read_bytes()})
    yield how
    server.stop()


@pytest.fixture
def counted(monkeypatch):
    """Give what s3fs asks the server for, from now on."""
    calls = []
    call = s3fs.S3FileSystem._call_s3

    async def count(self, method, *args, **kwargs):
        calls.append((method, kwargs.get("Range")))
        return await call(self, method, *args, **kwargs)

    monkeypatch.setattr(s3fs.S3FileSystem, "_call_s3", count)
    return calls


@pytest.mark.parametrize(("name", "engine"), [("scan.h5", "ptychodus"), ("scan.npz", "ptychopinn")])
def test_it_opens_as_its_file_does(storage, product, npz, counted, name, engine):
    url = f"s3://scans/{name}"
    ds = xr.open_dataset(url, engine=engine, storage_options=storage)
    assert counted[0] == ("head_object", None)
    assert {method for method, _ in counted[1:]} == {"get_object"}
    arrays = pickle.dumps(ds.drop_vars(list(ds.coords)))
    assert len(arrays) < 4000
    local = ptyxr.open_dataset(product if name == "scan.h5" else npz).load()
    assert_identical(ds.load(), local)
    np.testing.assert_array_equal(pickle.loads(arrays).diffraction, local.diffraction)
    assert_identical(ptyxr.open_dataset(url, storage_options=storage).load(), local)
    assert ptyxr.validate_file(url, storage_options=storage)
    assert SECRET not in repr(ds) + str(ds.encoding)


def test_a_cache_and_a_file_object_and_a_signed_address(storage, npz):
    local = ptyxr.open_dataset(npz).load()
    fs = s3fs.S3FileSystem(**storage)
    cached = ptyxr.open_dataset("simplecache::s3://scans/scan.npz", storage_options={"s3": storage})
    assert_identical(cached.load(), local)
    assert_identical(ptyxr.open_dataset(fs.open("scans/scan.npz")).load(), local)
    signed = ptyxr.open_dataset(fs.sign("scans/scan.npz"))
    assert "?" not in signed.encoding["source"]
    assert_identical(signed.load(), local)


def test_what_was_replaced_is_told(storage, product):
    fs = s3fs.S3FileSystem(**storage)
    fs.pipe("scans/new.h5", product.read_bytes())
    fs.ls("scans")  # whose answer is kept, and soon old
    url = "s3://scans/new.h5"
    ds = ptyxr.open_dataset(url, storage_options=storage)
    kept = pickle.dumps(ds)
    fs.pipe("scans/new.h5", product.read_bytes() + b"\0")
    with pytest.raises(ChangedFileError):
        ds.load()
    with pytest.raises(ChangedFileError):
        pickle.loads(kept).load()
    ptyxr.open_dataset(url, storage_options=storage).load()


def test_what_is_not_there_or_not_permitted(storage):
    for url in ("s3://scans/none.h5", "s3://no-such-bucket/none.h5"):
        with pytest.raises(MissingFileError, match=url):
            ptyxr.open_dataset(url, storage_options=storage)
    with pytest.raises(RemoteError, match="nonsense") as caught:
        ptyxr.open_dataset("s3://scans/scan.h5", storage_options={**storage, "nonsense": 1})
    assert SECRET not in str(caught.value)
