"""What tests and doctests share: real files, and files made of simulated data."""

from __future__ import annotations

import ast
import doctest
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

# How long an example takes says more of the machine than of the code.
settings.register_profile("ptyxr", deadline=None)
settings.load_profile("ptyxr")

# From 0.26 on pint shows Quantity(array([0., 2.]), "meter"), before <Quantity([0. 2.], 'meter')>,
# and needs Python 3.12. Examples are written as the older one has it, and are run with both.
_ARRAY = re.compile(r"Quantity\(array\((.*?)(?:, dtype=\w+)?\), ", re.DOTALL)
_PINT = re.compile(r'\b(Quantity|Unit)\(((?:[^()"]*, )?)"([^"]*)"\)')
_compare = doctest.OutputChecker.check_output


def _compare_quantities(checker, want, got, flags):
    got = _ARRAY.sub(lambda found: f"Quantity({np.array(ast.literal_eval(found[1]))}, ", got)
    return _compare(checker, want, _PINT.sub(r"<\1(\2'\3')>", got), flags)


doctest.OutputChecker.check_output = _compare_quantities

SHARED = Path(__file__).parent.parent / "shared"
MAKER = SHARED / "tools" / "make_run1084.py"


def shared_file(name: str) -> Path:
    """Return a file of the collection beside the checkout; without it the test is skipped.

    Where the environment variable ``CI`` is ``true`` it fails: there nobody would notice a skip;
    unless ``PTYXR_WITHOUT_SHARED`` says that the collection is not to be had.
    """
    path = SHARED / name
    if not path.exists():
        message = f"{name} is not beside this checkout, in ../shared"
        expected = os.environ.get("CI", "").lower() == "true"
        if expected and not os.environ.get("PTYXR_WITHOUT_SHARED"):
            pytest.fail(message, pytrace=False)
        pytest.skip(message)
    return path


@pytest.fixture
def shared():
    """Give the function that finds a real file."""
    return shared_file


@pytest.fixture(scope="session")
def run1084(tmp_path_factory):
    """Give the function that makes a full-size Run1084 input, with the options of its maker."""
    folder = tmp_path_factory.mktemp("run1084")

    def make(*options: str) -> Path:
        maker = shared_file("tools/make_run1084.py")
        path = folder / f"run1084{''.join(options)}.npz"
        if not path.exists():
            subprocess.run([sys.executable, str(maker), str(path), *options], check=True)
        return path

    return make


@pytest.fixture(scope="session")
def npz(tmp_path_factory):
    """Give the path of a PtychoPINN dataset of a simulated scan."""
    from ptyxr.tutorial import save_npz, simulate_scan

    path = tmp_path_factory.mktemp("simulated") / "scan.npz"
    save_npz(simulate_scan(positions=40, probe_size=32), path)
    return path


@pytest.fixture(scope="session")
def product(npz):
    """Give the path of a product of the same scan."""
    import ptyxr

    raw = ptyxr.open_dataset(npz)
    sized = raw.ptyxr.assign_pixel_size(object="50 nm", probe="50 nm")
    return sized.ptyxr.to_product(
        npz.with_name("product.h5"),
        name="simulated",
        photon_energy="8 keV",
        detector_object_distance="1.5 m",
        position_index="sequential",
    )


def products() -> list[Path]:
    """Return the products that 16 releases of Ptychodus wrote, or a name that is skipped."""
    found = sorted((SHARED / "data" / "products").glob("*.h5"))
    return found or [SHARED / "data" / "products" / "missing.h5"]


def pytest_generate_tests(metafunc):
    """Run a test that takes `released` once for each of them."""
    if "released" in metafunc.fixturenames:
        paths = products()
        metafunc.parametrize("released", paths, ids=[p.stem for p in paths], indirect=True)


@pytest.fixture(autouse=True)
def _folder_of_examples(request):
    """Have examples of docstrings write into a folder of their own."""
    if isinstance(request.node, pytest.DoctestItem):
        request.getfixturevalue("monkeypatch").chdir(request.getfixturevalue("tmp_path"))


@pytest.fixture
def released(request):
    """Give the path of a product as a release of Ptychodus wrote it."""
    return shared_file(str(request.param.relative_to(SHARED)))
