"""A notebook as it is seen: executed, exported to HTML, and opened in Chromium.

Where there is no Chromium the tests are skipped, except on Linux where ``CI`` is ``true``.
"""

from __future__ import annotations

import re
import shutil

import check_pages
import pytest

import ptyxr

pytestmark = pytest.mark.slow

CELLS = (
    "%matplotlib inline\nimport ptyxr\nds = ptyxr.open_dataset('product.h5')",
    "ds",
    "ds[['object', 'diffraction']]",
    "ds.ptyxr",
    "ds.object.ptyxr",
    "ds.ptyxr.plot.object(scale_bar=True);",
    "%load_ext ptyxr\nds",
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    driver = check_pages.chromium(tmp_path_factory.mktemp("browser"), 1000, 1600)
    if driver is None:
        message = "there is no Chromium with its driver"
        if check_pages.is_required():
            pytest.fail(message, pytrace=False)
        pytest.skip(message)
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def notebook(product, tmp_path_factory):
    """Give an executed notebook."""
    import nbformat
    from nbconvert.preprocessors import ExecutePreprocessor

    folder = tmp_path_factory.mktemp("notebook")
    shutil.copyfile(product, folder / "product.h5")
    cells = [nbformat.v4.new_code_cell(cell) for cell in CELLS]
    made = nbformat.v4.new_notebook(cells=cells)
    ExecutePreprocessor(timeout=120).preprocess(made, {"metadata": {"path": str(folder)}})
    return made


@pytest.fixture(params=["light", "dark"])
def page(request, notebook, browser, tmp_path):
    """Give the browser with the exported notebook in it."""
    from nbconvert import HTMLExporter

    html, _ = HTMLExporter(theme=request.param).from_notebook_node(notebook)
    path = tmp_path / f"{request.param}.html"
    path.write_text(html, encoding="utf-8")
    check_pages.failures(browser)  # of the page before
    browser.get(path.as_uri())
    return browser


def luminance(page, element, style):
    color = page.execute_script(
        "return getComputedStyle(arguments[0])[arguments[1]]", element, style
    )
    red, green, blue = (float(part) for part in re.findall(r"[\d.]+", color)[:3])
    return (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255


def test_a_notebook_as_it_is_seen(page, product):
    by = "css selector"

    # What ds.ptyxr shows, word for word, in colours that can be read.
    shown, of_array = page.find_elements(by, ".ptyxr-repr")
    names = [cell.text for cell in shown.find_elements(by, "dt")]
    values = [cell.text for cell in shown.find_elements(by, "dd")]
    with ptyxr.open_dataset(product) as ds:
        from ptyxr.reprs import facts

        assert dict(zip(names, values, strict=True)) == facts(ds)
    assert {"50 nm", "8 keV", "154.98 pm"} <= set(values)
    assert "'object'" in of_array.text
    background = luminance(page, page.find_element(by, "body"), "backgroundColor")
    for cell in shown.find_elements(by, "dt, dd, .ptyxr-head"):
        assert cell.is_displayed()
        assert abs(luminance(page, cell, "color") - background) > 0.5
    # A table: names in one column, each in a line, values beside them, nothing wider than the page.
    columns = shown.find_elements(by, "dt"), shown.find_elements(by, "dd")
    assert {len({cell.location["x"] for cell in column}) for column in columns} == {1}
    assert len({cell.rect["height"] for cell in columns[0][:-1]}) == 1
    for name, value in zip(*columns, strict=True):
        assert name.location["y"] == value.location["y"]
        assert name.rect["x"] + name.rect["width"] < value.rect["x"]
    assert shown.size["width"] <= 1000

    # What xarray shows of the dataset: units beside the coordinates, where dimensions leave room.
    whole, part, loaded = page.find_elements(by, ".xr-wrap")
    for dataset, room in ((whole, 0), (part, 150), (loaded, 150)):
        rows = {
            row.find_element(by, ".xr-var-name").text: row.find_element(by, ".xr-var-preview")
            for row in dataset.find_elements(by, ".xr-var-item")
            if row.is_displayed()
        }
        for name, text in (
            ("object_x", r"\[m\] "),
            ("position_y", r"\[m\] "),
            ("photon_energy", r"\[eV\] 8e\+03"),
            ("detector_x", r"\[pixel\] "),
        ):
            assert re.match(text, rows[name].text)
            assert rows[name].size["width"] > room

    # After %load_ext, lengths and energies stand above it, names and numbers of coordinates are
    # whole, and nothing is wider than the page.
    (above,) = page.find_elements(by, ".ptyxr-facts")
    assert above.location["y"] + above.size["height"] <= loaded.location["y"]
    for name in ("Photon energy", "Wavelength", "Field of view", "Object pixel"):
        (one,) = [
            fact for fact in above.find_elements(by, ".ptyxr-facts > span") if name in fact.text
        ]
        assert dict(zip(names, values, strict=True))[name] in one.text
        assert abs(luminance(page, one, "color") - background) > 0.5
    room = "return [arguments[0].scrollWidth, arguments[0].clientWidth]"
    cells = loaded.find_elements(by, ".xr-var-item > :is(.xr-var-name, .xr-var-preview)")
    for cell in filter(lambda cell: cell.is_displayed(), cells):
        wanted, given = page.execute_script(room, cell)
        assert wanted <= given, cell.text
    outputs = page.find_elements(by, ".jp-OutputArea-output.jp-RenderedHTML")
    wanted, given = page.execute_script(room, outputs[-1])
    assert wanted <= given

    # Its sections open.
    (section,) = [
        item
        for item in whole.find_elements(by, ".xr-section-item")
        if item.find_element(by, "label.xr-section-summary").text.startswith("Indexes")
    ]
    details = section.find_element(by, ".xr-section-details")
    assert not details.is_displayed()
    section.find_element(by, "label.xr-section-summary").click()
    assert details.is_displayed()
    assert "GridIndex" in details.text

    # The picture, and nothing that went wrong; scripts from elsewhere may be out of reach.
    (picture,) = page.find_elements(by, "img")
    assert picture.size["width"] > 300
    assert not check_pages.failures(page)


# The script that looks at the pages of the documentation

PAGE = """<!doctype html><title>page</title><body style="color: #000; background: #fff">{}</body>"""
CELL = '<div class="cell"><div class="cell_input">{}</div><div class="cell_output">{}</div></div>'
CUT = "<p class='xr-var-preview' style='overflow: hidden; width: {}'>[m] 1.5e-08</p>"
PICTURE = "<img src='data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA='>"


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (CELL.format("ds.ptyxr.plot();", PICTURE), None),
        (CELL.format("ds.ptyxr.plot();", "text"), r"nothing is shown of: .*plot\(\);"),
        (CELL.format("1/0", "<p class='traceback'>no</p>"), "an error is shown of: 1/0"),
        ("<img src='none.png'>", "no picture: .*none.png"),
        ("<div style='width: 1200px'>wide</div>", "the page is .* px wider than the window"),
        ("<script>throw new Error('lost')</script>", "lost"),
        ("<script src='gone.js'></script>", r"gone\.js"),
        ("<span class='xr-var-name'>object_x</span>", None),
        ("<b class='xr-var-name' style='color: #eee'>pale</b>", "cannot be read: pale"),
        ("<p class='ptyxr-facts'><span style='color: oklch(0.95 0 0)'>8 keV</span></p>", "8 keV"),
        (
            CUT.format("20em"),
            None,
        ),
        (CUT.format("1em"), r"the unit is cut off: \[m\]"),
    ],
)
def test_what_is_wrong_with_a_page_is_found(browser, tmp_path, body, problem):
    path = tmp_path / "page.html"
    path.write_text(PAGE.format(body), encoding="utf-8")
    found = check_pages.look(browser, path)
    if problem is None:
        assert found == []
    else:
        assert len(found) == 1
        assert re.search(problem, found[0])
