"""The pages of the documentation do what they say: every block of Python is run."""

import re
import shutil
import warnings
from pathlib import Path

import pytest
import xarray as xr

DOCS = Path(__file__).parents[1] / "docs"


def run_page(name):
    """Run the blocks of Python of a page, in order, in one namespace."""
    page = DOCS / f"{name}.md"
    blocks = re.findall(r"^```python\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)
    assert blocks
    names = {}
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


@pytest.mark.slow
def test_large_data(folder):
    names = run_page("large")
    assert names["bright"].sizes == {"position": names["ds"].sizes["position"]}
    assert {"less.h5", "later.h5", "small.h5", "fast.h5", "product_of_scan.h5"} <= {
        file.name for file in folder.iterdir()
    }
