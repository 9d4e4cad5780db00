"""Configuration of the documentation."""

import os
import sys
from importlib.metadata import version as installed_version
from pathlib import Path

import sphinx_autosummary_accessors

import ptyxr  # noqa: F401  (registers Dataset.ptyxr, which api.md documents)

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "ptyxr"
author = "the ptyxr developers"
copyright = "2026, the ptyxr developers"  # noqa: A001  (Sphinx's name)
release = installed_version("ptyxr")
version = ".".join(release.split(".")[:2])

extensions = [
    "doc_directives",  # in _ext
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",
    "sphinx_autosummary_accessors",
    "sphinx_copybutton",
    "sphinx_design",
]
exclude_patterns = ["_build", "_templates", "jupyter_execute", "**.ipynb_checkpoints"]
templates_path = ["_templates", sphinx_autosummary_accessors.templates_path]
default_role = "literal"

# Inventories of other projects need the network: only the published build asks for them, so that
# the documentation builds, warnings as errors, on a machine without one.
if os.environ.get("READTHEDOCS") == "True":
    extensions.append("sphinx.ext.intersphinx")
    intersphinx_mapping = {
        "python": ("https://docs.python.org/3", None),
        "numpy": ("https://numpy.org/doc/stable", None),
        "xarray": ("https://docs.xarray.dev/en/stable", None),
        "pint": ("https://pint.readthedocs.io/en/stable", None),
        "pint-xarray": ("https://pint-xarray.readthedocs.io/en/stable", None),
        "dask": ("https://docs.dask.org/en/stable", None),
    }

# Every name that is linked exists: of other projects, only the published build knows them.
nitpicky = True
nitpick_ignore_regex = [("py:.*", r"(dask|matplotlib|numpy|pint|xarray)\..*")]

# -- API reference
autosummary_generate = True
autodoc_typehints = "none"  # numpydoc's sections say it, with shapes and units
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

# -- Markdown and notebooks, executed at build
myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 120
nb_merge_streams = True
# Kernels draw into the page, whatever the environment has for tests and scripts.
os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"

# -- HTML
html_theme = "pydata_sphinx_theme"
html_title = "ptyxr"
html_static_path = ["_static"]
html_css_files = ["ptyxr.css"]
html_sidebars = {"index": [], "getting-started": []}  # which have no siblings to show
html_theme_options = {
    "show_prev_next": False,
    "navigation_with_keys": False,
    "header_links_before_dropdown": 6,
}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
