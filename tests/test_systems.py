"""ptyxr works where calls of Linux are not: what Windows lacks is taken away, and it goes on."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import ptyxr

# What CPython has on Linux and not on Windows. Packages that look for the system by its name are
# imported before, since they would have taken other ways there.
LACKING = """
import os, sys
import dask.array, distributed, h5py, numpy, pandas, pint, pint_xarray, scipy.spatial, xarray, zarr

for name in ("fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "syslog", "posix"):
    sys.modules[name] = None
for name in (
    "fork", "forkpty", "register_at_fork", "pread", "preadv", "pwrite", "pwritev", "readv",
    "writev", "sched_getaffinity", "sched_setaffinity", "chown", "fchown", "lchown", "fchmod",
    "fchdir", "getuid", "geteuid", "getgid", "getegid", "setuid", "getpgid", "getpgrp",
    "killpg", "setsid", "setxattr", "getxattr", "listxattr", "removexattr", "mkfifo", "mknod",
    "statvfs", "fstatvfs", "posix_fadvise", "posix_fallocate", "fdatasync", "sync",
    "sendfile", "lockf", "uname", "nice", "sysconf", "ttyname", "wait3", "wait4", "openpty",
    "copy_file_range", "memfd_create", "splice", "O_DIRECTORY", "O_NOFOLLOW", "O_CLOEXEC",
    "O_NONBLOCK", "O_SYNC", "O_DSYNC", "O_NOCTTY", "O_DIRECT", "O_NOATIME", "O_PATH",
    "O_TMPFILE", "WNOHANG", "F_LOCK",
):
    if hasattr(os, name):
        delattr(os, name)
os.supports_dir_fd = os.supports_fd = os.supports_follow_symlinks = set()

real_open = os.open
def windows_open(path, flags, *args, **kwargs):
    if os.path.isdir(path):
        raise PermissionError(13, "Permission denied", path)
    return real_open(path, flags, *args, **kwargs)
os.open = windows_open

import warnings
warnings.simplefilter("error")
"""


WORK = """
import importlib, pathlib, pkgutil
import numpy as np
import ptyxr

for module in pkgutil.walk_packages(ptyxr.__path__, "ptyxr."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)

source, folder = sys.argv[1], pathlib.Path(sys.argv[2])
told = {"photon_energy": "8 keV", "position_index": "sequential"}
for chunks in (None, {"position": 7}):
    raw = ptyxr.open_dataset(source, chunks=chunks)
    ds = raw.ptyxr.assign_pixel_size(object="50 nm", probe="50 nm").ptyxr.to("m")
    for name in ("a.h5", "a.h5"):  # the second replaces the first
        ds.ptyxr.to_product(folder / name, **told)
    ds.ptyxr.to_product(folder / f"{chunks is None}.h5", mode="x", **told)
    again = ptyxr.open_dataset(folder / "a.h5", chunks=chunks)
    np.testing.assert_array_equal(again.object, ds.object)
    for compressed in (True, False):
        again.ptyxr.to_npz(folder / "back.npz", compressed=compressed)
        back = ptyxr.open_dataset(folder / "back.npz", chunks=chunks)
        np.testing.assert_array_equal(back.diffraction, raw.diffraction)
        np.testing.assert_array_equal(back.position_x.data.m, raw.position_x.data.m)
    assert ptyxr.validate_file(folder / "a.h5", source)
assert not list(folder.glob(".*")), "debris"
ptyxr.show_versions()
"""


@pytest.mark.slow
def test_files_are_written_and_read(npz, tmp_path):
    command = [sys.executable, "-c", LACKING + WORK, str(npz), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("ptyxr: ")


@pytest.mark.slow
def test_a_console_that_cannot_write_a_letter_shows_something_else(product, tmp_path):
    """Windows writes into a pipe in the code page of the country."""
    path = tmp_path / "named.h5"
    with ptyxr.open_dataset(product) as ds:
        ds.ptyxr.to_product(path, comments="試料 Å ångström −")
    done = subprocess.run(
        [sys.executable, "-m", "ptyxr", "info", str(path)],
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "cp1252"},
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert "ångström".encode("cp1252") in done.stdout


def test_text_is_read_and_written_in_an_encoding_that_is_said():
    """Windows has one of its own. Of a path, ruff sees it only where the path is made."""
    root = Path(__file__).parents[1]
    for file in (path for part in ("src", "tests", "docs") for path in (root / part).rglob("*.py")):
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
                told = call.func.attr not in {"read_text", "write_text"} or any(
                    keyword.arg == "encoding" for keyword in call.keywords
                )
                assert told, f"{file.relative_to(root)}, line {call.lineno}"
