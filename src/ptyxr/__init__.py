"""Ptychography data as xarray datasets with units.

Importing it registers the accessor ``.ptyxr``; the engines need no import.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from ptyxr import accessor as _accessor  # noqa: F401  (registers .ptyxr)

if TYPE_CHECKING:
    import pint

    from ptyxr import testing, tutorial
    from ptyxr.errors import PtyxrError
    from ptyxr.formats.detect import open_dataset
    from ptyxr.formats.ptychopinn import from_rawdata
    from ptyxr.points import match_positions
    from ptyxr.series import open_series
    from ptyxr.validation import validate_file
    from ptyxr.versions import show_versions

    ureg: pint.UnitRegistry[Any]

try:
    __version__ = version("ptyxr")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"

__all__ = [
    "PtyxrError",
    "__version__",
    "from_rawdata",
    "match_positions",
    "open_dataset",
    "open_series",
    "show_versions",
    "testing",
    "tutorial",
    "ureg",
    "validate_file",
]

_WHERE = {
    "PtyxrError": "ptyxr.errors",
    "open_dataset": "ptyxr.formats.detect",
    "open_series": "ptyxr.series",
    "from_rawdata": "ptyxr.formats.ptychopinn",
    "match_positions": "ptyxr.points",
    "show_versions": "ptyxr.versions",
    "testing": "ptyxr.testing",
    "tutorial": "ptyxr.tutorial",
    "validate_file": "ptyxr.validation",
    # What ``%load_ext ptyxr`` looks for, and nobody types.
    "load_ipython_extension": "ptyxr.notebook",
    "unload_ipython_extension": "ptyxr.notebook",
}


# xarray imports this module whenever it looks for an engine: what is not needed then is imported
# when it is asked for.
def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name == "ureg":
        import pint

        from ptyxr.contexts import offer_context
        from ptyxr.units import register_pint_accessor

        # It also makes scalar Quantities arrays, which xarray needs to take them as coordinates.
        register_pint_accessor()
        offer_context()
        return pint.application_registry
    if name in _WHERE:
        module = import_module(_WHERE[name])
        return module if _WHERE[name] == f"ptyxr.{name}" else getattr(module, name)
    raise AttributeError(f"module 'ptyxr' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
