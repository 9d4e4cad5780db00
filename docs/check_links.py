"""Check the built documentation: links, anchors and pictures within it lead somewhere.

    python docs/check_links.py BUILT_HTML

The README's links into the repository are checked too, and that the page of the data model has a
row for every entry of it. Addresses of other sites are not asked for.
"""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

sys.path.insert(0, str(Path(__file__).parent / "_ext"))
from doc_tables import anchor

from ptyxr.model import SCHEMA

ROOT = Path(__file__).parents[1]
#: Where a page names another file.
LINKS = {"a": "href", "link": "href", "img": "src", "script": "src", "source": "src"}


class Page(HTMLParser):
    """What a page links to, and what can be linked to in it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.anchors.update(a for a in (found.get("id"), found.get("name")) if a)
        link = found.get(LINKS.get(tag, ""))
        # The theme's switches are links to nowhere.
        if link and link != "#":
            self.links.append(link)


def check(built: Path) -> list[str]:
    """Return what is wrong with the links of all pages under a folder, a line for each."""
    built = built.resolve()
    # What the theme keeps beside its scripts are templates.
    found = [path for path in built.rglob("*.html") if path.parts[len(built.parts)] != "_static"]
    pages = {path: Page(path) for path in sorted(found)}
    wrong = []
    for path, page in pages.items():
        # Sphinx has one name for each module: what has another in the API is linked to its page, by
        # an anchor that is not there.
        source = path.parts[len(built.parts)] == "_modules"
        for link in sorted(set(page.links)):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if target.is_dir():
                target /= "index.html"
            where = f"{path.relative_to(built)}: {link}"
            if not target.exists():
                wrong.append(f"{where}: there is no such file")
            elif (
                parts.fragment
                and target in pages
                and not source
                and unquote(parts.fragment) not in pages[target].anchors
            ):
                wrong.append(f"{where}: there is no such anchor")
    return wrong


def check_readme(readme: Path) -> list[str]:
    """Return the relative links of a page in Markdown that lead to no file."""
    links = re.findall(r"\]\(([^)\s]+)\)", readme.read_text(encoding="utf-8"))
    relative = sorted({urlsplit(one).path for one in links if not urlsplit(one).scheme})
    return [
        f"{readme.name}: {one}: there is no such file"
        for one in relative
        if one and not (readme.parent / one).exists()
    ]


def check_model(built: Path) -> list[str]:
    """Return the names of the data model that its page has no row for."""
    page = Page(built / "data-model.html")
    return [
        f"data-model.html: {name!r} has no row"
        for name in SCHEMA
        if anchor(name) not in page.anchors
    ]


def main() -> int:
    """Check, say what is wrong, and return the exit code."""
    built = Path(sys.argv[1])
    wrong = [*check(built), *check_model(built), *check_readme(ROOT / "README.md")]
    sys.stdout.writelines(f"{line}\n" for line in wrong)
    return bool(wrong)


if __name__ == "__main__":
    raise SystemExit(main())
