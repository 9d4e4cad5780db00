"""Whatever stops a write: the old file is as it was, or the new one is whole."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="processes are forked and killed")

#: Faults of each kind, and the formats they are put into.
FAULTS = {
    "kill": (50, ("product.h5",)),
    "interrupt": (6, ("product.h5", "dataset.npz")),
    "file size limit": (5, ("product.h5", "product.npz", "dataset.npz")),
    "full disk": (5, ("product.h5", "dataset.npz")),
    "dask exception": (3, ("product.h5", "product.npz", "dataset.npz")),
}
#: What the writer raises; an interrupt or a kill may come when all is done.
RAISED = {
    "kill": {"killed", "none"},
    "interrupt": {"KeyboardInterrupt", "none"},
    "file size limit": {"PtyxrError"},
    "full disk": {"PtyxrError"},
    "dask exception": {"BrokenBlockError"},
}


@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=[] if kind == "kill" else pytest.mark.slow) for kind in FAULTS],
)
def test_no_fault_loses_a_file(kind):
    faults, formats = FAULTS[kind]
    command = [sys.executable, str(Path(__file__).parent / "benchmarks" / "faults.py"), "--json"]
    command += [f"--faults={faults}", f"--kind={kind}", *(f"--format={name}" for name in formats)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stderr
    results = json.loads(ran.stdout)
    if kind == "full disk" and not results:
        pytest.skip("no small disk can be mounted here; the limit of the file size is tested")
    assert [one["format"] for one in results] == list(formats)
    for one in results:
        assert one["faults"] == faults
        assert one["outcomes"].get("lost", 0) == 0
        assert set(one["errors"]) <= RAISED[kind]
        # The fault has come in the middle of the write, and not each time after it.
        assert one["outcomes"]["old"] >= faults / 2
        assert one["debris"] == one["after_next"] == one["handles"] == 0
        assert one["killed_debris"] >= (faults / 2 if kind == "kill" else 0)
