"""Every published release of Ptychodus, to be asked what it makes of a file.

What ptyxr writes must open in each of them, and what each of them writes must open in ptyxr. The
wheels are fetched once, checked, and run each in a process of its own, on its own classes.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

#: sha256 of each release's wheel. A new release is a new line here, and nothing else.
SHA256 = {
    "1.0": "5de6535539076617aa8d545657194e5e26b369e44d2f3512bb95d0ab7d2f9d3f",
    "1.0.1": "63339bc5bad2ced4b09e19bbf8d605d78dbbdd997ab81cf9dffd9d5ffcab3ebd",
    "1.0.2": "e1eb02c1e6bcf1e9a7ef35ceab22365ef20ed1b4270d7fb0aa287f83aeb9ad27",
    "1.1.0": "55f71779a1e76912edba33f07aa002c32f3b0c1738f47df6da3376dc2b3d9d03",
    "1.1.1": "bd24c1d28a2cf63f2cfd88c48ba7826050f527fdb6eee344932787f699afa181",
    "1.1.2": "906d53d8411156ab72c7c83233f023d65a53df5a07645b1888a713bde024bc45",
    "1.2": "79ff9fec2266b667ae1aba1542cc904bba3d538ad9994ce0993d492dd71cef9c",
    "1.3": "dd41f2afa268439778485251f69c8a8077438d26ba94e431352cdfcf83eaa23f",
    "1.3.1": "59538489cc2c5994d282a76c78d0dc68ccbc705b8ff9a9f3485917cbfcfadc70",
    "1.3.2": "7ab6758c07d1b0c6df6b2c52ef426cf8705622b9012d958a1a4fc98c2f5b3939",
    "1.4.0": "37753a64605d23a6396578b034f2a4f0208d543433ae79cc9f41e6733bf9f9b3",
    "1.4.1": "58dfc2bfd34df7dad983ea22175992e85ece1567c65a5914e4da879fe81ee9e1",
    "1.4.2": "50fa1885a29fe45aba3c9356fd818148636c927e1656e7a657bfdfcf00800e42",
    "1.5.1": "a5e4f38e6b7c64776cca43a37ec6d90a400f86be180ae5fc84f4c4faa2c09e22",
    "1.6.0": "17c1b1029fad59108515e4277b080eb68ae55bcefeec2ef8f09ee614f9c37b77",
    "1.7.0": "190ff4f26693b9d9b10eff7abd60098fe22333ed0e3f547464842d846341ef35",
}

#: The releases, oldest first.
RELEASES = tuple(SHA256)

#: The releases which `export_training_npz` asks. Pixels are numbered from the corner in the first
#: two and from the centre of pixel (0, 0) after; bad pixels are inpainted in the last, 0 before.
EXPORTERS = ("1.4.0", "1.5.1", "1.6.0", "1.7.0")

CLIENT = Path(__file__).with_name("ptychodus_client.py")
TIMEOUT_S = 300


def wheel(version: str) -> Path:
    """Fetch the wheel of a release, or find it in the cache.

    Parameters
    ----------
    version : str
        One of `RELEASES`.

    Returns
    -------
    Path
        The wheel, its checksum verified. Where it cannot be had the test is skipped, or fails where
        the environment variable ``CI`` is ``true``: there nobody would notice the skip.
    """
    answer = _wheel(version)
    if isinstance(answer, Path):
        return answer
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(answer, pytrace=False)
    pytest.skip(answer)


def read_product(version: str, path: str | os.PathLike[str]) -> dict[str, Any]:
    """Have a release read an HDF5 product with its own reader.

    Parameters
    ----------
    version : str
        One of `RELEASES`.
    path : path-like
        The product.

    Returns
    -------
    dict of str to object
        What the release holds in memory, under names that do not depend on the release. What a
        release does not know has no key; what it knows and the file lacks is None or its default.
        1.0 and 1.0.1 number positions by row, whatever the file says.

    Raises
    ------
    RuntimeError
        The reader failed; the message ends with what it wrote to stderr.
    """
    return read_products(version, [path])[0]


def read_products(version: str, paths: Sequence[str | os.PathLike[str]]) -> list[dict[str, Any]]:
    """Have a release read several HDF5 products, in one process; see `read_product`."""
    return _ask("read", version, paths) if paths else []


def try_products(
    version: str, paths: Sequence[str | os.PathLike[str]]
) -> list[dict[str, Any] | str]:
    """Have a release read several HDF5 products; what it raises is text in their place."""
    return [answer.get("error", answer) for answer in _ask("try", version, paths)]


def write_product(
    version: str, path: str | os.PathLike[str], *, rich: bool, seed: int = 0
) -> dict[str, Any]:
    """Have a release write an HDF5 product with its own writer.

    Parameters
    ----------
    version : str
        One of `RELEASES`.
    path : path-like
        Where to write.
    rich : bool
        Whether to have everything in it that the release can write: three coherent and two
        incoherent probe modes with OPR weights, three object layers, losses, angles, an optic,
        numbers of patterns with gaps. In complex64; in complex128 otherwise.
    seed : int, default: 0
        Of the random values.

    Returns
    -------
    dict of str to object
        The values which the file holds, under the names of `read_product`. What the writer of the
        release leaves out (tomography angle before 1.5.1, losses in 1.1.0) has no key.
    """
    return _ask("write", version, [path], *(["--rich"] if rich else []), f"--seed={seed}")[0]


def export_training_npz(
    version: str, path: str | os.PathLike[str], *, refined: bool, seed: int = 0
) -> dict[str, Any]:
    """Have a release export training data for PtychoPINN, with its own exporter.

    Parameters
    ----------
    version : str
        One of `EXPORTERS`.
    path : path-like
        Where to write; ends with ``.npz``.
    refined : bool
        False for an object centred on the bounding box of the scan, as Ptychodus makes it; True for
        positions refined since, and a centre moved.
    seed : int, default: 0
        Of the random values.

    Returns
    -------
    dict of str to object
        The exported product in metres, under the names of `read_product`, and the ``diffraction``
        and ``bad_pixels`` that went in. Pixel (3, 5) is bad: 0 to 1.6, inpainted from 1.7.
    """
    return _ask("export", version, [path], *(["--refined"] if refined else []), f"--seed={seed}")[0]


def _cache() -> Path:
    """Return the directory wheels are kept in."""
    named = os.environ.get("PTYXR_WHEEL_CACHE")
    return Path(named) if named else Path.home() / ".cache" / "ptyxr-tests" / "wheels"


def _matches(path: Path, version: str) -> bool:
    """Whether a file is the wheel of a release, to the bit."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() == SHA256[version]
    except FileNotFoundError:
        return False


@functools.cache
def _wheel(version: str) -> Path | str:
    """Return the wheel, or a sentence that says why not; once for each process."""
    name = f"ptychodus-{version}-py3-none-any.whl"
    kept = _cache() / name
    if _matches(kept, version):
        return kept
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        # In the cache's own file system, so that the move is one step: whichever of several
        # workers comes last puts the same bytes there again.
        with tempfile.TemporaryDirectory(dir=kept.parent) as directory:
            _download(version, directory)
            fetched = Path(directory) / name
            if not _matches(fetched, version):
                # Not a matter of being offline: never skipped.
                pytest.fail(f"pip fetched another wheel of ptychodus {version} than the known one")
            fetched.replace(kept)
    except (OSError, subprocess.SubprocessError) as error:
        detail = str(getattr(error, "stderr", None) or "").strip()[-1000:]
        return f"no wheel of ptychodus {version}: {error}\n{detail}".strip()
    return kept


@functools.cache
def _unpacked(path: Path, version: str) -> Path:
    """Return a directory with the wheel's content.

    Ptychodus' plugins are a package without ``__init__.py``, which Python does not find in a zip
    file; and from a directory, compiled once, a release starts faster.
    """
    directory = path.parent / f"ptychodus-{version}-{SHA256[version][:16]}"
    if not directory.exists():
        with tempfile.TemporaryDirectory(dir=path.parent) as temporary:
            fresh = Path(temporary) / "content"
            with zipfile.ZipFile(path) as archive:
                archive.extractall(fresh)
            try:
                fresh.rename(directory)
            except OSError:  # another worker was faster
                if not directory.exists():
                    raise
    return directory


def _download(version: str, directory: str) -> None:
    """Have pip fetch the wheel alone: what a reader needs of the rest is in the extra `test`."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        f"ptychodus=={version}",
        f"--dest={directory}",
    ]
    options = ["--no-deps", "--only-binary=:all:", "--quiet", "--disable-pip-version-check"]
    subprocess.run(
        [*command, *options],
        check=True,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        stdin=subprocess.DEVNULL,
    )


def _ask(
    command: str, version: str, paths: Sequence[str | os.PathLike[str]], *options: str
) -> list[dict[str, Any]]:
    """Run the client on a release, and return its answers."""
    package = _unpacked(wheel(version), version)
    environment = {**os.environ, "PYTHONPATH": str(package), "PYTHONUTF8": "1"}
    with tempfile.TemporaryDirectory() as directory:
        answer = Path(directory) / "answer.npz"
        done = subprocess.run(
            # -P: the directory of the script, tests/, must not come before the wheel.
            [
                *(sys.executable, "-P", os.fspath(CLIENT), command, version, os.fspath(answer)),
                *(*options, "--", *(os.fspath(path) for path in paths)),
            ],
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=environment,
            timeout=TIMEOUT_S,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(
                f"ptychodus {version} could not {command}:\n{done.stderr.strip()[-4000:]}"
            )
        with np.load(answer, allow_pickle=False) as members:
            results: list[dict[str, Any]] = json.loads(members["json"].tobytes())
            for member in members.files:
                number, _, name = member.partition("/")
                if name:
                    results[int(number)][name] = members[member]
    return results
