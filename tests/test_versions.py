"""What is installed is said, and every place that names a version names the same one."""

import io
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml

import ptyxr

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]


def lowest(requirements):
    """Return the lower bounds of requirements, by name without extras."""
    parts = (re.fullmatch(r"([\w-]+)(?:\[\w+\])?>=([\w.]+)", one) for one in requirements)
    return {part[1]: part[2] for part in parts}


NEEDED = lowest(PROJECT["dependencies"])
OPTIONAL = lowest(one for name in ("dask", "plot", "remote") for one in EXTRAS[name])


def shown(text):
    return dict(line.split(": ", 1) for line in text.splitlines() if line)


def test_versions_are_shown(capsys):
    ptyxr.show_versions()
    printed = capsys.readouterr().out
    text = io.StringIO()
    ptyxr.show_versions(file=text)
    assert text.getvalue() == printed
    said = shown(printed)
    assert next(iter(said)) == "ptyxr"
    assert said["ptyxr"] == ptyxr.__version__
    for name in (*NEEDED, *OPTIONAL):
        assert said[name] == version(name)
    assert {"ptychodus", "ptychopinn"} <= set(said["engines"].split(", "))
    assert re.match(r"\d+\.\d+", said["HDF5"])


def test_versions_without_packages_and_without_their_weight(tmp_path):
    """What is broken or missing is said; nothing that is not needed is imported."""
    (tmp_path / "h5py.py").write_text("raise ImportError('DLL load failed')", encoding="utf-8")
    code = (
        "import sys, xarray; before = set(sys.modules);"
        "from ptyxr.versions import show_versions; show_versions();"
        "new = set(sys.modules) - before;"
        "print('imported: ', *{'dask', 'matplotlib', 'fsspec', 'pint', 'scipy'} & new)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT / "src")])},
    )  # fmt: skip
    said = shown(done.stdout)
    assert said["HDF5"] == "h5py cannot be imported: ImportError: DLL load failed"
    assert said["gcsfs"] == "not installed"
    assert not said["imported"].strip()


def test_the_pages_name_the_lowest_versions():
    page = (ROOT / "docs/installing.md").read_text(encoding="utf-8")
    table = dict(re.findall(r"^\| ([\w, -]+) \| ([\d.]+) \|$", page, re.MULTILINE))
    rows = {name: bound for names, bound in table.items() for name in names.split(", ")}
    assert rows.pop("Python") == PROJECT["requires-python"].removeprefix(">=")
    known = NEEDED | OPTIONAL
    assert rows == {name: known[name] for name in rows}
    assert {"numpy", "xarray", "h5py", "pint", "dask", "matplotlib"} <= set(rows)


def test_the_conda_recipe_asks_for_what_the_project_asks_for():
    recipe, variants = (
        yaml.safe_load((ROOT / f"recipe/{name}.yaml").read_text(encoding="utf-8"))
        for name in ("recipe", "variants")
    )
    said = {part: dict(one.split(" >=") for one in recipe["requirements"][part] if " >=" in one)
            for part in ("host", "run", "run_constraints")}  # fmt: skip
    python = PROJECT["requires-python"].removeprefix(">=")
    assert variants["python_min"] == [python]
    assert said["run"].pop("python") == "${{ python_min }}"
    assert said["run"] == NEEDED
    conda = {"dask": "dask-core", "matplotlib": "matplotlib-base"}  # without what they bring along
    assert said["run_constraints"] == {conda.get(n, n): bound for n, bound in OPTIONAL.items()}
    building = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]
    assert said["host"] == lowest(building["requires"])
    assert recipe["build"]["python"]["entry_points"] == [
        f"{name} = {target}" for name, target in PROJECT["scripts"].items()
    ]
    assert recipe["about"]["license"] == PROJECT["license"]
    assert recipe["about"]["summary"] == PROJECT["description"]
    # Once the project has an address, the recipe has it too.
    address = PROJECT.get("urls", {}).get("Homepage", "https://ptyxr.example")
    assert recipe["about"]["homepage"] == address


def test_the_workflows_run_on_the_supported_versions():
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))["jobs"]
    tested = jobs["tests"]["strategy"]["matrix"]["python"]
    named = [one.rpartition(" :: ")[2] for one in PROJECT["classifiers"]]
    assert tested == [one for one in named if re.fullmatch(r"3\.\d+", one)]
    steps = [step.get("run", "") for job in jobs.values() for step in job["steps"]]
    words = {word for step in steps if ".ci/run" in step for word in step.split()}
    script = (ROOT / ".ci/run").read_text(encoding="utf-8")
    assert set(re.search(r'^steps="(.*)"$', script, re.MULTILINE)[1].split()) <= words


@pytest.mark.parametrize("name", ["bug", "file", "feature"])
def test_the_forms_for_issues(name):
    form = yaml.safe_load((ROOT / f".github/ISSUE_TEMPLATE/{name}.yml").read_text(encoding="utf-8"))
    assert {"name", "description", "body"} <= set(form)
    asked = {item["id"]: item for item in form["body"] if item["type"] != "markdown"}
    if name != "feature":
        assert asked["versions"]["validations"]["required"]
        assert "ptyxr versions" in asked["versions"]["attributes"]["description"]
