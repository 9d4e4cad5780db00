"""The documentation is whole: what is public is in it, and its tables are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

import check_links
import doc_tables as tables
import xarray as xr

import ptyxr
from ptyxr import errors, formats, indexes
from ptyxr.formats.ptychodus_keys import KEYS
from ptyxr.formats.ptychopinn_decode import KNOWN, METADATA
from ptyxr.model import SCHEMA

DOCS = Path(__file__).parents[1] / "docs"


def public(thing):
    return {name for name in dir(thing) if not name.startswith("_")}


def test_the_model_is_in_its_tables():
    page = (DOCS / "data-model.md").read_text(encoding="utf-8")
    shown = re.findall(r"^```\{model-table\} (\w+)$", page, re.MULTILINE)
    assert sorted(shown) == sorted({*tables.ROLES, "series"})
    text = "".join(map(tables.model, tables.ROLES))
    for entry in SCHEMA.values():
        (row,) = (line for line in text.splitlines() if f"| `{entry.name}`{{#" in line)
        assert entry.long_name in row
        assert all(f"`{dim}`" in row for dim in entry.dims)
        assert entry.unit is None or f"| `{entry.unit}` |" in row
        assert tables.KINDS[entry.kind] in row


def test_every_engine_has_its_table():
    page = (DOCS / "formats.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^```\{key-table\} ([\w-]+)$", page, re.MULTILINE)) == {*tables.FORMATS}
    ours = {
        name
        for name, engine in xr.backends.list_engines().items()
        if type(engine).__module__.startswith(f"{formats.__name__}.")
    }
    assert ours <= {*tables.FORMATS}
    assert all(f"`{name}`" in page for name in ours)


def test_every_spelling_is_in_its_table():
    text = tables.keys("ptychodus")
    for key in KEYS:
        row = next(
            line
            for line in text.splitlines()
            if line.startswith(f"| {tables.linked(key.name)} |") and f"`{key.spellings[0]}`" in line
        )
        assert all(f"`{spelling}`" in row for spelling in key.spellings)
    text = tables.keys("ptychopinn")
    assert all(f"`{member}`" in text for member in KNOWN - {METADATA})


# The page api.md


def api(pattern):
    """Return the names that are listed in api.md with what stands before them."""
    return set(
        re.findall(
            rf"^   {pattern}(\w+)$", (DOCS / "api.md").read_text(encoding="utf-8"), re.MULTILINE
        )
    )


def test_the_face_is_in_the_api():
    text = (DOCS / "api.md").read_text(encoding="utf-8")
    for name in ptyxr.__all__:
        if name == "__version__":
            continue
        assert re.search(
            rf"^(   {name}|\.\. auto\w+:: ptyxr\.{name})$|`ptyxr\.{name}`", text, re.MULTILINE
        ) or hasattr(errors, name), name


def test_the_accessors_are_in_the_api(npz):
    with ptyxr.open_dataset(npz) as ds:
        assert api(r"Dataset\.ptyxr\.") == public(type(ds.ptyxr))
        assert api(r"DataArray\.ptyxr\.") == public(type(ds.object.ptyxr))
        plots = type(ds.ptyxr.plot)
        assert api(rf"{plots.__name__}\.") == public(plots)


def test_indexes_and_errors_are_in_the_api():
    assert api(r"indexes\.") == {*indexes.__all__}
    text = (DOCS / "api.md").read_text(encoding="utf-8")
    assert ".. automodule:: ptyxr.errors\n   :members:" in text
    kinds = {
        name
        for name, one in vars(errors).items()
        if isinstance(one, type) and issubclass(one, errors.PtyxrError)
    }
    assert kinds <= {*errors.__all__}


def test_every_command_is_on_its_page():
    import typer.main

    from ptyxr.cli import app

    page = (DOCS / "cli.md").read_text(encoding="utf-8")
    commands = typer.main.get_command(app).commands
    assert set(re.findall(r"^```\{command-help\} (\w+)$", page, re.MULTILINE)) == {*commands}


# What looks at the built pages


def test_links_that_lead_nowhere_are_found(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there/b.html").write_text(
        '<h1 id="top">B</h1><a name="old"></a>', encoding="utf-8"
    )
    (tmp_path / "p.png").touch()
    good = (
        '<a href="there/b.html#top"></a><a href="there/b.html#old"></a><img src="p.png">'
        '<a href="https://example.org/x#y"></a><a href="#"></a><a href="#here" id="here"></a>'
        '<a href="?q=1"></a>'
    )
    (tmp_path / "a.html").write_text(good, encoding="utf-8")
    assert check_links.check(tmp_path) == []
    bad = '<a href="there/c.html"></a><a href="there/b.html#end"></a><img src="q.png">'
    (tmp_path / "a.html").write_text(good + bad, encoding="utf-8")
    assert check_links.check(tmp_path) == [
        "a.html: q.png: there is no such file",
        "a.html: there/b.html#end: there is no such anchor",
        "a.html: there/c.html: there is no such file",
    ]


def test_the_readme_leads_to_files(tmp_path):
    assert check_links.check_readme(DOCS.parent / "README.md") == []
    readme = tmp_path / "README.md"
    readme.write_text(
        "[a](docs/none.md#x) [b](https://example.org) [c](README.md)", encoding="utf-8"
    )
    assert check_links.check_readme(readme) == ["README.md: docs/none.md: there is no such file"]


def test_a_row_that_is_missing_is_found(tmp_path):
    anchors = [tables.anchor(name) for name in SCHEMA]
    page = tmp_path / "data-model.html"
    page.write_text("".join(f'<code id="{one}"></code>' for one in anchors), encoding="utf-8")
    assert check_links.check_model(tmp_path) == []
    page.write_text("".join(f'<code id="{one}"></code>' for one in anchors[1:]), encoding="utf-8")
    assert check_links.check_model(tmp_path) == ["data-model.html: 'object' has no row"]
