"""The pages of the documentation do what they say: every block of Python is run."""

import re
import shutil
import warnings
from pathlib import Path

import pytest
import xarray as xr

from ptyxr.tutorial import simulate_scan

DOCS = Path(__file__).parents[1] / "docs"


def run_page(name, **names):
    """Run the blocks of Python of a page, in order, in one namespace with some names in it."""
    page = DOCS / f"{name}.md"
    blocks = re.findall(r"^```python\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)
    assert blocks
    for block in blocks:
        exec(compile(block, str(page), "exec"), names)
    for value in names.values():
        if isinstance(value, xr.Dataset | xr.DataTree):
            value.close()
    return names


@pytest.fixture
def folder(product, tmp_path, monkeypatch):
    """Work in a folder with a product and an NPZ of one scan."""
    monkeypatch.chdir(tmp_path)
    shutil.copyfile(product, "product.h5")
    with xr.open_dataset("product.h5", engine="ptychodus") as ds, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what an NPZ has no place for
        ds.ptyxr.to_npz("scan.npz")
    return tmp_path


def test_the_first_page_and_formats(folder):
    """What they show of opening, on files of the names that they use."""
    for name, copy in (("product.h5", "either.file"), ("scan.npz", "Run1084.npz")):
        shutil.copyfile(name, copy)
    Path("scans").mkdir()
    for angle in (0, 30):
        with xr.open_dataset("product.h5", engine="ptychodus") as ds:
            ds.ptyxr.to_product(f"scans/{angle}.h5", tomography_angle=angle)
    first = run_page("index")
    names = run_page("formats", xr=first["xr"], ptyxr=first["ptyxr"], rawdata=simulate_scan())
    assert names["ds"].sizes == first["ds"].sizes
    assert names["scan"].sizes["tomography_angle"] == 2
    assert isinstance(names["tree"], xr.DataTree)


@pytest.mark.slow
def test_large_data(folder):
    names = run_page("large")
    assert names["bright"].sizes == {"position": names["ds"].sizes["position"]}
    assert {"less.h5", "later.h5", "small.h5", "fast.h5", "product_of_scan.h5"} <= {
        file.name for file in folder.iterdir()
    }
