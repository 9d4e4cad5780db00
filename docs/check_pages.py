"""Look at the built documentation in Chromium, as a reader's browser shows it.

    python docs/check_pages.py BUILT_HTML [--screenshots FOLDER]

On every page, light and dark: no script fails, every picture is there, nothing is wider than the
window, every cell that draws is followed by its picture, and what datasets show can be read and
has its units. Without Chromium and its driver nothing is looked at, except on Linux where ``CI`` is
``true``. With a folder, a screenshot of each page is left in it.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

WIDTH, HEIGHT = 1400, 1000

#: What is wrong with a page, as a list of texts. A cell that draws says so by ``.ptyxr.plot`` and
#: shows a picture.
LOOK = r"""
const wrong = [];
for (const img of document.images)
  if (!img.complete || !img.naturalWidth) wrong.push("no picture: " + img.src.slice(-60));
const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
if (wide > 1) wrong.push("the page is " + wide + " px wider than the window");
for (const cell of document.querySelectorAll("div.cell")) {
  const code = cell.querySelector(".cell_input")?.innerText ?? "";
  if (/\.plot(\.\w+)?\(/.test(code) && !cell.querySelector(".cell_output img"))
    wrong.push("nothing is shown of: " + code.trim().split("\n").at(-1));
  if (cell.querySelector(".cell_output .traceback, .cell_output .stderr"))
    wrong.push("an error is shown of: " + code.trim().split("\n").at(-1));
}
// Colours are written in many ways; what is painted is the same for all.
const paint = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
const channels = (color) => {
  paint.clearRect(0, 0, 1, 1);
  paint.fillStyle = color;
  paint.fillRect(0, 0, 1, 1);
  return paint.getImageData(0, 0, 1, 1).data;
};
const luminance = ([r, g, b]) => (0.2126 * r + 0.7152 * g + 0.0722 * b) / 255;
const ground = (element) => {
  for (let one = element; one; one = one.parentElement) {
    const found = channels(getComputedStyle(one).backgroundColor);
    if (found[3] > 128) return luminance(found);
  }
  return 1;
};
for (const text of document.querySelectorAll(
    ".xr-var-name, .xr-var-preview, .ptyxr-repr dt, .ptyxr-repr dd, .ptyxr-facts > span")) {
  if (!text.checkVisibility() || !text.innerText.trim()) continue;
  const contrast = luminance(channels(getComputedStyle(text).color)) - ground(text);
  if (Math.abs(contrast) < 0.25) wrong.push("cannot be read: " + text.innerText);
}
for (const text of document.querySelectorAll(".xr-var-preview")) {
  // "[m] ..." may be cut after its unit, and not before.
  if (!text.checkVisibility() || !text.innerText.startsWith("[")) continue;
  const unit = document.createRange();
  const node = document.createTreeWalker(text, NodeFilter.SHOW_TEXT).nextNode();
  unit.setStart(node, 0);
  unit.setEnd(node, node.data.indexOf("]") + 1);
  if (unit.getBoundingClientRect().right > text.getBoundingClientRect().right)
    wrong.push("the unit is cut off: " + text.innerText);
}
return wrong;
"""


#: A script or a style of the page's own that is not there; of pictures `LOOK` tells.
OWN = re.compile(r"file:\S+\.(css|js)\b")


def program(*names: str) -> str | None:
    """Return where the first of some programs is."""
    return next(filter(None, map(shutil.which, names)), None)


def is_required() -> bool:
    """Return whether a machine without a browser is one that was set up wrongly."""
    return sys.platform == "linux" and os.environ.get("CI", "").lower() == "true"


def chromium(profile: Path, width: int = WIDTH, height: int = HEIGHT) -> Any:
    """Start Chromium without a screen, and return its driver, or None where there is none."""
    from selenium import webdriver

    browser = program("chromium", "chromium-browser", "google-chrome")
    driver = program("chromedriver")
    if browser is None or driver is None:
        return None
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for option in (
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--hide-scrollbars",
        f"--window-size={width},{height}",
        f"--user-data-dir={profile}",
    ):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options, webdriver.ChromeService(driver))


def failures(driver: Any) -> list[str]:
    """Return what scripts of the page complained of, and which files of it are not there.

    Those of elsewhere may be out of reach.
    """
    return [
        str(entry["message"])
        for entry in driver.get_log("browser")
        if entry["level"] == "SEVERE"
        and (entry["source"] != "network" or OWN.match(entry["message"]))
    ]


def look(driver: Any, page: Path, screenshot: Path | None = None) -> list[str]:
    """Return what is wrong with a page."""
    failures(driver)  # of the page before
    driver.get(page.as_uri())
    if screenshot is not None:
        height = driver.execute_script("return document.documentElement.scrollHeight")
        driver.set_window_size(WIDTH, min(height + 100, 12_000))
        driver.save_screenshot(str(screenshot))
        driver.set_window_size(WIDTH, HEIGHT)
    return [*driver.execute_script(LOOK), *failures(driver)]


def look_at_all(driver: Any, built: Path, screenshots: Path | None) -> Iterator[str]:
    """Give what is wrong with each page: all of them light, and dark those with output in them."""
    pages = [
        page
        for page in sorted(built.rglob("*.html"))
        if page.relative_to(built).parts[0] not in {"_static", "_modules"}
    ]
    executed = [page for page in pages if "cell_output" in page.read_text(encoding="utf-8")]
    for mode, some in (("light", pages), ("dark", executed)):
        # Before any script of a page: what pydata-sphinx-theme keeps from one page to the next.
        script = "".join(f"localStorage.setItem('{name}', '{mode}');" for name in ("mode", "theme"))
        before = driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": script})
        for page in some:
            name = "_".join(page.relative_to(built).with_suffix("").parts)
            picture = screenshots / f"{name}.{mode}.png" if screenshots is not None else None
            yield from (f"{name}, {mode}: {wrong}" for wrong in look(driver, page, picture))
            if driver.execute_script("return document.documentElement.dataset.theme") != mode:
                yield f"{name}, {mode}: the page has another theme"
        driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", before)


def main() -> int:
    """Look at every page, and return 1 where something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("built", type=Path)
    parser.add_argument("--screenshots", type=Path)
    args = parser.parse_args()
    if args.screenshots is not None:
        args.screenshots.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as profile:
        driver = chromium(Path(profile))
        if driver is None:
            sys.stdout.write("there is no Chromium with its driver: no page was looked at\n")
            return int(is_required())
        try:
            problems = list(look_at_all(driver, args.built.resolve(), args.screenshots))
        finally:
            driver.quit()
    sys.stdout.write(
        "".join(f"{problem}\n" for problem in [*problems, f"{len(problems)} problems"])
    )
    return int(bool(problems))


if __name__ == "__main__":
    raise SystemExit(main())
