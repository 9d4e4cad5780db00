"""What ``ds.ptyxr`` shows at a glance; in a browser, see test_browser.py."""

from __future__ import annotations

import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import ptyxr
from ptyxr.errors import PtyxrError
from ptyxr.reprs import as_html, as_text, facts

Q = ptyxr.ureg.Quantity


@pytest.fixture(scope="module")
def ds(product):
    with ptyxr.open_dataset(product) as opened:
        yield opened


class Unreadable(xr.backends.BackendArray):
    """An array that must not be read."""

    def __init__(self, shape, dtype):
        self.shape, self.dtype = shape, np.dtype(dtype)

    def __getitem__(self, key):
        raise AssertionError("showing a dataset read from it")


def unreadable(ds):
    """Return a dataset of which nothing can be read but the labels of its axes."""
    lazy = {
        name: (
            v.dims,
            xr.core.indexing.LazilyIndexedArray(Unreadable(v.shape, v.dtype)),
            dict(v.attrs),
        )
        for name, v in ds.variables.items()
        if name not in ds.xindexes
    }
    data = {name: lazy.pop(name) for name in ds.data_vars}
    return ds.assign(data).assign_coords(lazy)


class Table(HTMLParser):
    """The rows of the table, and the tags that are in it."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.rows, self.inside = set(), {}, None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.inside = tag
        if tag == "dt":
            self.name = ""
        elif tag == "dd":
            self.rows[self.name] = ""

    def handle_data(self, data):
        if self.inside == "dt":
            self.name += data
        elif self.inside == "dd":
            self.rows[self.name] += data


def test_a_product_at_a_glance(ds):
    assert facts(ds) == {
        "Name": "simulated",
        "Source": "product.h5 (Ptychodus)",
        "Photon energy": "8 keV",
        "Wavelength": "154.98 pm",
        "Field of view": "3 µm × 2.75 µm (x × y)",
        "Object centre": "x = 1.5 µm, y = 1.375 µm; +x is +column, +y is +row",
        "Object": "60 × 55 pixels",
        "Object pixel": "50 nm",
        "Scan": "40 positions over 831.9 nm × 698.6 nm (x × y)",
        "Probe": "32 × 32 pixels",
        "Probe pixel": "50 nm",
        "Patterns": "40 of 32 × 32 pixels, amplitude",
        "Detector distance": "1.5 m",
        "Pixel origin": "corner: pixel numbers count from the outer corner of the object's pixel "
        "(0, 0)",
    }


def test_html_and_text_say_the_same(ds):
    assert Table(ds.ptyxr._repr_html_()).rows == facts(ds)
    text = repr(ds.ptyxr)
    assert text.splitlines()[0] == "<ptyxr accessor of a Dataset>"
    for name, value in facts(ds).items():
        assert f"{name}:" in text
        assert value in text


def test_pixels_say_what_is_missing(npz):
    with ptyxr.open_dataset(npz) as raw:
        rows = facts(raw)
    assert rows["Field of view"] == "60 pixel × 55 pixel (x × y)"
    assert rows["Object pixel"] == "not known: ds.ptyxr.assign_pixel_size(object=…) tells it"
    assert rows["Source"] == "scan.npz (PtychoPINN)"
    assert "Photon energy" not in rows
    assert "pixel" in rows["Scan"]
    sized = raw.ptyxr.assign_pixel_size(object=("50 nm", "40 nm"), detector="75 um")
    assert facts(sized)["Object pixel"] == "50 nm × 40 nm"
    assert facts(sized)["Detector pixel"] == "75 µm"


def test_units_of_the_dataset_do_not_change_what_is_shown(ds):
    other = ds.ptyxr.to("nm").assign_coords(photon_energy=Q(8.0, "keV"))
    assert facts(other) == facts(ds)
    assert facts(ds.ptyxr.dequantify()) == facts(ds)
    assert facts(ds.chunk()) == facts(ds)


def test_nothing_is_read(ds):
    rows = facts(unreadable(ds))
    assert rows["Photon energy"] == rows["Detector distance"] == "not loaded"
    assert rows["Object"] == "60 × 55 pixels"
    assert rows["Patterns"] == "40 of 32 × 32 pixels, amplitude"
    assert rows["Scan"] == "40 positions"


def test_arrays_of_a_file_stay_lazy(product):
    with xr.open_dataset(product, engine="ptychodus") as opened:
        opened.ptyxr._repr_html_()
        opened.object.ptyxr._repr_html_()
        assert not any(v._in_memory for v in opened.data_vars.variables.values())


def test_a_file_that_is_gone_is_shown_all_the_same(product, tmp_path):
    path = Path(shutil.copy(product, tmp_path / "p.h5"))
    with ptyxr.open_dataset(path) as opened:
        whole = facts(opened)
    path.unlink()
    assert facts(opened) == whole
    with pytest.raises(PtyxrError, match="nominal_position_x"):
        opened.nominal_position_x.load()


def test_dask_computes_nothing(ds):
    dask = pytest.importorskip("dask")

    def refuse(*_args, **_kwargs):
        raise AssertionError("computed")

    plain = ds.chunk().ptyxr.dequantify()
    lazy = {n: v.chunk() for n, v in plain.coords.variables.items() if n not in plain.xindexes}
    plain = plain.assign_coords(lazy)
    with dask.config.set(scheduler=refuse):
        as_html(ds.chunk())
        assert facts(plain)["Photon energy"] == "not loaded"


def test_every_part_of_a_dataset_can_be_shown(ds):
    names = list(ds.variables)
    for name in names:
        assert Table(as_html(ds.drop_vars(name))).rows
        assert Table(as_html(ds[[name]])).rows
        assert as_text(ds[name]).startswith("<ptyxr accessor of the DataArray")
    for dim in ds.dims:
        assert as_html(ds.isel({dim: 0}))
        assert as_html(ds.isel({dim: slice(0, 0)}))
        assert as_html(ds.isel({dim: slice(None, None, -1)}))
    assert "nothing of the data model" in as_html(xr.Dataset())
    assert "nothing of the data model" in repr(xr.DataArray(1.0).ptyxr)


def test_one_label_is_no_axis(ds):
    rows = facts(ds.isel(object_x=5))
    assert rows["Object pixel"] == "50 nm"
    assert "Field of view" not in rows


def test_what_is_wrong_is_said_in_its_place(ds):
    wrong = ds.assign_coords(
        position_x=("position", np.ones(40)), photon_energy=Q(1.0, "m"), exposure_time="soon"
    )
    rows = facts(wrong)
    assert rows["Scan"].startswith("position_x: the coordinate has lost its unit")
    assert rows["Photon energy"] == "photon_energy: the unit of the coordinate does not fit"
    css = ds.assign_coords(position_x=("position", Q(np.ones(40), "px")))
    assert "CSS pixel" in facts(css)["Scan"]
    assert "photon_energy" in facts(ds.assign_coords(photon_energy="blue"))["Photon energy"]


def test_zero_is_unknown(ds):
    rows = facts(ds.assign_coords(photon_energy=Q(0.0, "eV"), detector_object_distance=Q(0.0, "m")))
    assert not {"Photon energy", "Wavelength", "Detector distance"} & set(rows)


def test_modes_layers_and_epochs_are_counted(ds):
    more = ds.isel(object_layer=[0, 0], incoherent_mode=[0, 0, 0], coherent_mode=[0, 0])
    more = more.assign(loss=("epoch", np.ones(7)))
    rows = facts(more)
    assert rows["Object"] == "60 × 55 pixels, 2 layers"
    assert rows["Probe"] == "32 × 32 pixels, 3 incoherent modes, 2 coherent modes"
    assert rows["Loss"] == "7 epochs"


def test_a_series_has_ranges(product, tmp_path):
    with ptyxr.open_dataset(product) as one:
        paths = [
            one.ptyxr.to_product(
                tmp_path / f"{energy}.h5", name=f"scan {energy}", photon_energy=f"{energy} keV"
            )
            for energy in (8, 9)
        ]
    with ptyxr.open_series(paths, dim="photon_energy") as series:
        rows = facts(series)
        array = facts(series.object)
    assert rows["Series"] == "2 products along photon_energy"
    assert rows["Photon energy"] == array["Photon energy"] == "8 keV to 9 keV"
    assert rows["Wavelength"] == "137.76 pm to 154.98 pm"
    assert rows["Object pixel"] == "50 nm"


def test_an_array_shows_what_it_has(ds):
    rows = facts(ds.object)
    assert rows["Field of view"] == "3 µm × 2.75 µm (x × y)"
    assert rows["Photon energy"] == "8 keV"
    assert "Patterns" not in rows
    assert facts(ds.object_x)["Object pixel"] == "50 nm"
    assert "'object'" in as_html(ds.object).replace("&#x27;", "'")


def test_what_comes_from_files_is_text(ds):
    evil = "<script>alert(1)</script>\x1b[31m"
    attrs = dict.fromkeys(("name", "source_format", "pixel_origin", "comments"), evil)
    bad = ds.assign_attrs(attrs)
    bad["diffraction"].attrs["quantity"] = evil
    bad.encoding["source"] = f"/data/{evil[:8]}.h5"
    page = Table(bad.ptyxr._repr_html_())
    assert page.tags == {"style", "div", "dl", "dt", "dd"}
    assert page.rows["Name"] == "<script>alert(1)</script>\\x1b[31m"
    assert "\x1b" not in repr(bad.ptyxr)
    assert Table(as_html(ds.object.rename("<b>"))).tags == page.tags
    assert len(facts(ds.assign_attrs(name="long " * 1000))["Name"]) == 80


def test_addresses_are_shown_without_secrets(ds):
    remote = ds.copy()
    remote.encoding["source"] = "https://me:secret@host/folder/a.h5?signature=abc"
    assert facts(remote)["Source"] == "a.h5 (Ptychodus)"


# --- xarray's own ---


def test_xarray_shows_the_units_of_coordinates(ds):
    with xr.set_options(display_max_rows=100):
        page, text = ds._repr_html_(), repr(ds)
    for name, unit in (
        ("object_x", "m"),
        ("position_x", "m"),
        ("photon_energy", "eV"),
        ("object_pixel_width", "m/pixel"),
        ("detector_x", "pixel"),
    ):
        assert re.search(rf"^  [* ] {name} .*\[{unit}\]", text, re.MULTILINE)
        row = page[page.index(f"{name}</span></div>") :]
        assert f"[{unit}]" in row[: row.index("</li>")]


def test_xarray_reads_nothing_to_show_it(product):
    with xr.open_dataset(product, engine="ptychodus") as opened:
        opened._repr_html_()
        repr(opened)
        assert not any(v._in_memory for v in opened.data_vars.variables.values())


# In a notebook that has loaded the extension


@pytest.fixture
def shell(tmp_path, monkeypatch):
    """Give an IPython shell that keeps nothing on the disk."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)  # of another Python, which IPython warns of
    made = InteractiveShell(config=Config(HistoryManager={"enabled": False}))
    yield made
    InteractiveShell.clear_instance()


def html_in(shell, obj):
    data, _ = shell.display_formatter.format(obj)
    return data["text/html"]


def test_the_extension_shows_lengths_and_energies_above_what_xarray_shows(shell, ds):
    plain = html_in(shell, ds)
    assert "Wavelength" not in plain
    assert shell.extension_manager.load_extension("ptyxr") is None
    shown = html_in(shell, ds)
    text = re.sub("<[^>]+>", " ", shown)
    known = facts(ds)
    for name in ("Photon energy", "Wavelength", "Field of view", "Object pixel", "Probe pixel"):
        assert re.search(rf"{name}\s+{re.escape(known[name])}", text)
    assert text.index("Wavelength") < text.index("xarray.Dataset")
    assert "Field of view" in html_in(shell, ds.object)
    assert shell.extension_manager.unload_extension("ptyxr") is None
    assert "Wavelength" not in html_in(shell, ds)


def test_the_extension_leaves_other_datasets_alone(shell, ds):
    others = [
        xr.Dataset({"a": ("x", [1, 2])}),
        xr.DataArray([1.0, 2.0], dims="x", name="a"),
        ds.ptyxr.wavelength,  # a single number
    ]
    # Their parts are numbered anew each time.
    numbers = r"[0-9a-f]{8}-[0-9a-f-]{27}"
    plain = [re.sub(numbers, "", html_in(shell, other)) for other in others]
    shell.extension_manager.load_extension("ptyxr")
    assert [re.sub(numbers, "", html_in(shell, other)) for other in others] == plain
    with xr.set_options(display_style="text"):
        assert html_in(shell, ds).startswith("<pre>")


def test_the_extension_reads_nothing_and_says_what_is_wrong(shell, ds):
    shell.extension_manager.load_extension("ptyxr")
    assert "50 nm" in html_in(shell, unreadable(ds))
    energy = xr.Variable((), 8000.0, {"units": "<b>"})
    above, _ = html_in(shell, ds.assign_coords(photon_energy=energy)).split("<svg", maxsplit=1)
    # Releases of pint differ in what they take for a unit.
    assert re.search("unit of the coordinate does not fit|no unit that pint knows", above)
    assert "<b>" not in above


def test_what_showed_datasets_before_does_so_again(shell, ds):
    formatter = shell.display_formatter.formatters["text/html"]
    formatter.for_type(xr.Dataset, lambda _: "before")
    shell.extension_manager.load_extension("ptyxr")
    shell.extension_manager.reload_extension("ptyxr")
    assert "Wavelength" in html_in(shell, ds)
    shell.extension_manager.unload_extension("ptyxr")
    assert html_in(shell, ds) == "before"
    shell.extension_manager.load_extension("ptyxr")
    formatter.for_type(xr.Dataset, lambda _: "since")
    shell.extension_manager.unload_extension("ptyxr")
    assert html_in(shell, ds) == "since"


class Bare(xr.Dataset):
    __slots__ = ()
    _repr_html_ = None


def test_what_has_no_html_or_odd_numbers_is_shown_without_a_word(shell, ds):
    shell.extension_manager.load_extension("ptyxr")
    assert set(shell.display_formatter.format(Bare())[0]) == {"text/plain"}
    energy = ptyxr.ureg.Quantity(8000 + 1j, "eV")
    assert "Field of view" in html_in(shell, ds.assign_coords(photon_energy=energy))
