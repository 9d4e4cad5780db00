"""What is given to users: an sdist and a wheel that hold what they should, and work."""

import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.slow


def run(*command, **how):
    done = subprocess.run(command, capture_output=True, text=True, check=False, **how)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Build the sdist, and the wheel from it, as `python -m build` does."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--outdir", str(folder), str(ROOT))
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return sdist, wheel


def test_the_wheel_has_the_package_and_nothing_else(built):
    with zipfile.ZipFile(built[1]) as wheel:
        sizes = {one.filename: one.file_size for one in wheel.infolist()}
        (info,) = {name.split("/")[0] for name in sizes} - {"ptyxr"}
        metadata = wheel.read(f"{info}/METADATA").decode()
    source = ROOT / "src"
    found = [path for path in (source / "ptyxr").rglob("*") if path.is_file()]
    files = {path.relative_to(source).as_posix() for path in found if path.suffix != ".pyc"}
    assert {name for name in sizes if name.startswith("ptyxr/")} == files
    assert "ptyxr/py.typed" in sizes
    assert {f"{info}/licenses/LICENSE", f"{info}/entry_points.txt"} <= set(sizes)
    assert max(sizes.values()) < 100_000
    assert sum(sizes.values()) < 1_500_000
    assert "License-Expression: BSD-3-Clause" in metadata
    assert "Provides-Extra: all" in metadata


def test_the_sdist_has_what_tests_it(built):
    with tarfile.open(built[0]) as sdist:
        sizes = {member.name.partition("/")[2]: member.size for member in sdist}
    needed = {"pyproject.toml", "README.md", "LICENSE", "CITATION.cff", "conftest.py", ".ci/run",
              "tests/test_distribution.py", "docs/index.md", "recipe/recipe.yaml"}  # fmt: skip
    assert needed <= set(sizes)
    assert sum(sizes.values()) < 10_000_000
    assert max(sizes.values()) < 1_000_000


def test_the_wheel_works_by_itself(built, tmp_path):
    """In an environment where the source is not, with the packages of this one."""
    venv.create(tmp_path / "venv", with_pip=True)
    programs = tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin")
    python = programs / "python"
    run(python, "-m", "pip", "install", "--no-deps", str(built[1]))
    where = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    # After the environment's own, so that ptyxr is the wheel's.
    packages = [p for p in sys.path if Path(p).name in ("site-packages", "dist-packages")]
    (Path(where) / "others.pth").write_text("\n".join(packages), encoding="utf-8")
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    python_runs = (python, "-W", "error::UserWarning", "-c")
    said = run(*python_runs, "import ptyxr; print(ptyxr.__file__)", cwd=tmp_path, env=env)
    assert Path(said.strip()).is_relative_to(Path(where).resolve())
    engines = run(*python_runs, "import xarray; print(*xarray.backends.list_engines())",
                  cwd=tmp_path, env=env).split()  # fmt: skip
    assert {"ptychodus", "ptychodus-npz", "ptychodus-diffraction", "ptychopinn"} <= set(engines)
    version = run(python, "-m", "ptyxr", "--version", cwd=tmp_path, env=env).split()[1]
    assert built[1].name.split("-")[1] == version
    assert "The picture is" in run(programs / "ptyxr", "demo", cwd=tmp_path, env=env)
