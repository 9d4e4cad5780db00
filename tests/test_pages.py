"""Everything shown is run: pages do what they say, the README too."""

import gc
import re
import shlex
import shutil
import warnings
from contextlib import ExitStack, contextmanager
from pathlib import Path

import h5py
import numpy as np
import pytest
import s3fs
import xarray as xr
from moto.server import ThreadedMotoServer
from typer.testing import CliRunner

import pages
import ptyxr
from loopback import Server
from ptyxr import cli
from ptyxr.tutorial import save_npz, simulate_scan

Q = ptyxr.ureg.Quantity
TOKEN = "Bearer abc"


@pytest.fixture
def folder(product, npz, tmp_path, monkeypatch):
    """Work in a folder with a product and an NPZ of the same scan."""
    monkeypatch.chdir(tmp_path)
    shutil.copyfile(product, "product.h5")
    shutil.copyfile(npz, "scan.npz")
    return tmp_path


def split():
    """Take the patterns out of the product, into a file of their own, as Ptychodus keeps them."""
    with ptyxr.open_dataset("product.h5") as ds, h5py.File("diffraction.h5", "w") as made:
        made["indexes"] = ds.position_index.values
        made["patterns"] = np.ones(ds.diffraction.shape, np.int32)
        made["bad_pixels"] = np.zeros(ds.diffraction.shape[1:], bool)
        ds.drop_vars("diffraction").ptyxr.to_product("alone.h5")
    Path("alone.h5").replace("product.h5")


# What a page takes for granted, what stands for the addresses of its readers, and what comes of it.
# A page that is not here is run in the folder as it is.


@contextmanager
def readme(folder, monkeypatch):
    Path("product.h5").unlink()  # the first block writes it
    scan = simulate_scan()
    save_npz(scan, "Run1084.npz")
    names = {}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*position indexes are")
        yield names, {}
    assert names["crop"].sizes["object_x"] == 60
    np.testing.assert_allclose(names["point"].position_x.data.magnitude, 5.3e-6, atol=2e-7)
    assert {"product.h5", "back.npz"} <= {path.name for path in folder.iterdir()}
    for line in pages.commands("README.md"):
        asked = shlex.split(line, comments=True)[1:]
        if asked != ["--install-completion"]:  # which is of the shell and the home of who runs it
            done = CliRunner().invoke(cli.app, asked, prog_name="ptyxr")
            assert done.exit_code == 0, (line, done.output)
    assert Path("run1084.png").exists()


@contextmanager
def formats(folder, monkeypatch):
    Path("scans").mkdir()
    with ptyxr.open_dataset("product.h5") as ds:
        for angle in (0, 30):
            ds.ptyxr.to_product(f"scans/{angle}.h5", tomography_angle=f"{angle} deg")
    shutil.copyfile("scan.npz", "Run1084.npz")
    shutil.copyfile("scan.npz", "either.file")
    names = {"rawdata": simulate_scan()}
    yield names, {}
    assert names["scan"].sizes["tomography_angle"] == 2
    assert isinstance(names["tree"], xr.DataTree)


@contextmanager
def ecosystem(folder, monkeypatch):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "You are writing invalid netcdf features")
        # kerchunk's
        warnings.filterwarnings("ignore", "The following exception was caught and quashed")
        yield {}, {}


@contextmanager
def interoperability(folder, monkeypatch):
    split()
    names = {}
    yield names, {}
    assert names["ds"].diffraction.dtype == np.int32


@contextmanager
def large(folder, monkeypatch):
    names = {}
    yield names, {}
    assert names["bright"].sizes == {"position": names["ds"].sizes["position"]}
    made = {"less.h5", "later.h5", "small.h5", "fast.h5", "product_of_scan.h5"}
    assert made <= {path.name for path in folder.iterdir()}


@contextmanager
def remote(folder, monkeypatch):
    """Servers on loopback stand for the one on the web, the one that asks for a token, and S3."""
    split()
    served = folder / "served"
    served.mkdir()
    for name, copy in (("product.h5", "scan.h5"), ("scan.npz", "scan.npz"),
                       ("diffraction.h5", "patterns.h5")):  # fmt: skip
        shutil.copyfile(name, served / copy)
    (folder / "results").mkdir()
    shutil.copyfile("product.h5", "results/scan.h5")
    shutil.make_archive(str(served / "results"), "zip", folder, "results")

    Path("config").write_text("[profile beamline]\nregion = us-east-1\n", encoding="utf-8")
    Path("keys").write_text(
        "[beamline]\naws_access_key_id = a\naws_secret_access_key = b\n", encoding="utf-8"
    )
    with ExitStack() as until, warnings.catch_warnings():
        # fsspec never closes the file of a blockcache.
        warnings.filterwarnings("ignore", "unclosed file .*cache", ResourceWarning)
        until.callback(gc.collect)
        web, guarded = Server(served), Server(served)
        until.callback(web.stop)
        until.callback(guarded.stop)
        guarded.key = TOKEN
        bucket = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        bucket.start()
        until.callback(bucket.stop)
        host, port = bucket.get_host_and_port()
        for name, value in {
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_CONFIG_FILE": str(folder / "config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(folder / "keys"),
            "AWS_ACCESS_KEY_ID": "reader",
            "AWS_SECRET_ACCESS_KEY": "s3cr3t",
        }.items():
            monkeypatch.setenv(name, value)
        s3fs.S3FileSystem.clear_instance_cache()
        until.callback(s3fs.S3FileSystem.clear_instance_cache)
        fs = s3fs.S3FileSystem()
        fs.call_s3("create_bucket", Bucket="bucket")
        fs.pipe("bucket/scan.h5", Path("product.h5").read_bytes(), ACL="public-read")
        names = {"token": TOKEN.split()[1], "key": "reader", "secret": "s3cr3t"}
        instead = {
            "https://example.org": web.url,
            "https://beamline.example.org": guarded.url,
            "https://s3.example.org": f"http://{host}:{port}",
            "/scratch/cache": str(folder / "cache"),
        }
        yield names, instead
        assert web.requests
        assert guarded.requests
        assert any((folder / "cache").iterdir())
        assert fs.exists("bucket/new.h5")


AROUND = {
    "README.md": readme,
    "docs/ecosystem.md": ecosystem,
    "docs/formats.md": formats,
    "docs/interoperability.md": interoperability,
    "docs/large.md": large,
    "docs/remote.md": remote,
}
SLOW = {"docs/large.md"}


@contextmanager
def nothing(folder, monkeypatch):
    yield {}, {}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name
        for name in pages.pages()
        if pages.python(name)
    ],
)
def test_the_python_of_a_page_runs(name, folder, monkeypatch):
    """Whichever page it is: one that comes anew is run because it is there."""
    with AROUND.get(name, nothing)(folder, monkeypatch) as (names, instead):
        pages.run(name, names, instead)
        for value in names.values():
            if isinstance(value, xr.Dataset | xr.DataTree):
                value.close()


# Programs that a page shows are `python` or `{code-cell}`, so that somebody runs them.
NO_PROGRAM = {"", "bash", "toml"}
SHOWN_ONLY = {"code", "code-block", "doctest", "ipython", "parsed-literal", "sourcecode"}


@pytest.mark.parametrize("name", pages.pages())
def test_no_block_is_run_by_nobody(name):
    for block in pages.blocks(name):
        directive = re.match(r"\{([\w-]+)\}", block.kind)
        known = {"python", *NO_PROGRAM}
        run = directive[1] not in SHOWN_ONLY if directive else block.kind in known
        assert run, f"{name}, line {block.line}: nobody runs a block of {block.kind!r}"
        if block.kind in NO_PROGRAM:
            assert not re.search(r"^(>>> |from |import |ds\b)", block.text, re.MULTILINE), name


def test_blocks_are_found_wherever_they_stand(monkeypatch):
    page = """
````{dropdown} more
```python
a = 1
```
````

- ```python
  b = 2
  ```

> ```python
> c = 3
> ```
"""
    monkeypatch.setattr(pages, "read", lambda _: page)
    assert [block.line for block in pages.python("page.md")] == [4, 9, 13]
