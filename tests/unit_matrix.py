"""What becomes of units in all that a notebook does: the operations, and what is seen of each.

    python tests/unit_matrix.py            # prints the table
    python tests/unit_matrix.py --write    # and puts it into docs/units.md

Each operation is run on a dataset in every state it can be in, with ptyxr and with stock
pint-xarray on the same data; `tests/test_unit_matrix.py` holds what is promised of it.
"""

from __future__ import annotations

import argparse
import copy
import pickle
import re
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pint
import xarray as xr
from xarray.indexes import PandasMultiIndex

import ptyxr
from ptyxr.model import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Callable

DOCS = Path(__file__).parents[1] / "docs" / "units.md"
BEGIN, END = "<!-- matrix: begin -->", "<!-- matrix: end -->"

UNITS = {name for name, entry in SCHEMA.items() if entry.unit is not None}
STATES = ["opened", "chunks", "loaded", "mfdataset", "quantified"]
LIBRARIES = ["ptyxr", "pint-xarray"]

# What an operation comes to, best first.
KEPT = "Quantity"
NUMBERS = "numbers"  # it leaves xarray, and what it gives has no place for units
ATTRIBUTE = "attribute"  # ds.ptyxr.quantify() restores it
HIDDEN = "hidden"  # in a dask array, until computed; ds.ptyxr.quantify() restores it
REFUSED = "refused"
WARNED = "warned"  # of a unit stripped
LOST = "lost"
WRONG = "wrong"
BROKEN = "breaks"
GOOD = (KEPT, NUMBERS, ATTRIBUTE, HIDDEN, REFUSED)


def Q(values: Any, unit: Any) -> Any:
    return pint.get_application_registry().Quantity(values, unit)


# --- the datasets ---------------------------------------------------------------------------------


def write_files(folder: Path) -> list[Path]:
    """Write a simulated scan as a product, and its two halves."""
    scan = ptyxr.tutorial.simulate_scan(positions=12, probe_size=16)
    raw = ptyxr.from_rawdata(scan, object_pixel_size="50 nm", probe_pixel_size="50 nm")
    numbered = raw.assign_coords(position_index=("position", np.arange(12)))
    whole = numbered.assign_coords(tomography_angle=Q(30.0, "degree"))
    parts = {
        "whole": whole,
        "a": whole.isel(position=slice(7)),
        "b": whole.isel(position=slice(7, None)),
    }
    paths = []
    for name, part in parts.items():
        path = folder / f"{name}.h5"
        part.ptyxr.to_product(
            path,
            photon_energy="8 keV",
            detector_object_distance="2 m",
        )
        paths.append(path)
    return paths


def dataset(paths: list[Path], library: str, state: str, unit: str) -> xr.Dataset:
    """Return the dataset in one of the states, with units as the library has them."""
    stock = library == "pint-xarray"
    options: dict[str, Any] = {
        "engine": "ptychodus",
        "quantify": not stock and state != "quantified",
    }
    if state == "mfdataset":
        with xr.set_options(use_new_combine_kwarg_defaults=True):
            ds = xr.open_mfdataset(paths[1:], combine="nested", concat_dim="position", **options)
    else:
        ds = xr.open_dataset(paths[0], chunks={} if state == "chunks" else None, **options)
    if state == "loaded":
        ds = ds.load()
    if unit == "pixel":
        ds = ds.ptyxr.to("px")
    if not stock:
        return ds.ptyxr.quantify() if state == "quantified" else ds
    # xarray's own indexes on the axes, which pint-xarray wraps.
    axes = [name for name in ds.xindexes if name in ds.dims]
    plain = ds.drop_indexes(axes)
    for name in axes:
        plain = plain.set_xindex(name)
    return plain.pint.quantify()


# --- the operations -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Operation:
    """One thing that users do.

    Parameters
    ----------
    name : str
        As it is written, in the table.
    run : callable
        Takes the dataset, and a folder; returns what comes of it, or None where it leaves xarray.
    moved : bool
        Whether coordinates get other numbers, so that these are not compared.
    own : bool
        Whether it is of ptyxr, and stock pint-xarray has none.
    note : str
        What the table says to it.
    """

    name: str
    run: Callable[[xr.Dataset, Path], Any]
    moved: bool = False
    own: bool = False
    note: str = ""


def label(ds: xr.Dataset, at: Any, name: str = "object_x") -> Any:
    """Return labels of an axis as a Quantity."""
    data = ds[name].data
    return Q(np.asarray(data.magnitude)[at], data.units)


def same_dimension(ds: xr.Dataset, quantity: Any) -> Any:
    """Return a length in another unit; pixels have none."""
    return quantity.to("nm") if str(ds.object_x.data.units) == "meter" else quantity


def halves(ds: xr.Dataset, dim: str) -> list[xr.Dataset]:
    middle = ds.sizes[dim] // 2
    return [ds.isel({dim: slice(middle)}), ds.isel({dim: slice(middle, None)})]


def in_dataset(ds: xr.Dataset, name: str, value: Any) -> xr.Dataset:
    ds = ds.copy()
    ds[name] = value
    return ds


def points(ds: xr.Dataset) -> dict[str, xr.DataArray]:
    return {
        name: xr.DataArray(label(ds, slice(3), name), dims="point")
        for name in ("object_x", "object_y")
    }


def stored(ds: xr.Dataset, folder: Path, how: str, *, plain: bool) -> xr.Dataset:
    """Write with xarray, and open what it wrote."""
    ds = ds.ptyxr.dequantify() if plain else ds
    ds = ds.drop_encoding()
    path = Path(tempfile.mkdtemp(dir=folder)) / "stored"
    if how == "zarr":
        ds.to_zarr(path, mode="w")
        return xr.open_zarr(path)
    option = {"auto_complex": True} if how == "netcdf4" else {"invalid_netcdf": True}
    ds.to_netcdf(path, engine=how, **option)
    opened = {"auto_complex": True} if how == "netcdf4" else {}
    return xr.open_dataset(path, engine=how, **opened).load()


def beyond(*_: Any) -> None:
    """Stand for what has left xarray: a DataFrame, a picture, a text."""


def plot(ds: xr.Dataset, how: str) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    if how == "object":
        abs(ds.object.isel(object_layer=0)).plot()
    elif how == "line":
        abs(ds.object.isel(object_layer=0, object_y=3)).plot()
    else:
        ds.plot.scatter(x="position_x", y="position_y")
    plt.close("all")


def several(function: Callable[[xr.Dataset], Any]) -> Callable[[xr.Dataset, Path], Any]:
    return lambda ds, _folder: function(ds)


def operation(name: str, function: Callable[[xr.Dataset], Any], **options: Any) -> Operation:
    return Operation(name, several(function), **options)


PLAIN = (
    "`xr.concat`, and `xr.open_mfdataset` by it, make plain variables, of which pint warns; "
    "`ds.ptyxr.quantify()` first"
)
OPERATIONS: dict[str, list[Operation]] = {
    "Selecting": [
        operation("`isel` slice", lambda d: d.isel(object_x=slice(2, 8), position=slice(1, 5))),
        operation("`isel` list", lambda d: d.isel(object_x=[1, 5, 2], position=[3, 1])),
        operation(
            "`isel` bool", lambda d: d.isel(object_x=np.arange(d.sizes["object_x"]) % 2 == 0)
        ),
        operation("`isel` scalar", lambda d: d.isel(object_x=3, position=2)),
        operation("`sel` exact", lambda d: d.sel(object_x=label(d, 5))),
        operation("`sel` nearest", lambda d: d.sel(object_x=label(d, 5) * 1.001, method="nearest")),
        operation("`sel` slice", lambda d: d.sel(object_x=slice(label(d, 5), label(d, 9)))),
        operation("`sel` points", lambda d: d.sel(points(d))),
        operation(
            "`sel` in another unit",
            lambda d: d.sel(object_x=same_dimension(d, label(d, 5)), method="nearest"),
        ),
        operation(
            "`ptyxr.nearest`",
            lambda d: d.ptyxr.nearest(x=label(d, 9), y=label(d, 9, "object_y")),
            own=True,
        ),
        operation(
            "`ptyxr.within`",
            lambda d: d.ptyxr.within(x=label(d, 9), y=label(d, 9, "object_y"), radius=label(d, 9)),
            own=True,
        ),
        operation(
            "`ptyxr.index_positions`, then `sel`",
            lambda d: d.ptyxr.index_positions().sel(
                position_x=label(d, 9), position_y=label(d, 9, "object_y"), method="nearest"
            ),
            own=True,
        ),
    ],
    "Putting together": [
        operation(
            "`concat` along position", lambda d: xr.concat(halves(d, "position"), "position")
        ),
        operation(
            "`concat` along a new dimension, scalars differ",
            lambda d: xr.concat(
                [d, d.assign_coords(tomography_angle=Q(60.0, "degree"))], "tomogram"
            ),
            moved=True,
        ),
        operation(
            "`concat` along `tomography_angle`",
            lambda d: xr.concat(
                [d, d.assign_coords(tomography_angle=Q(60.0, "degree"))], "tomography_angle"
            ),
            moved=True,
        ),
        operation(
            "`concat` along object_y", lambda d: xr.concat(halves(d, "object_y"), "object_y")
        ),
        operation(
            "`concat`, then `chunk`",
            lambda d: xr.concat(halves(d, "position"), "position").chunk(),
            note="`xr.concat` makes plain variables, which dask then wraps",
        ),
        operation("`merge`", lambda d: xr.merge([d[["object"]], d[["probe"]]])),
        operation("arithmetic, aligned", lambda d: d[["object"]] + d[["object"]]),
        operation(
            "arithmetic, misaligned", lambda d: d.object - d.object.isel(object_x=slice(2, 6))
        ),
        *(
            operation(
                f"`align`, {join}",
                lambda d, join=join: xr.align(
                    d.isel(object_x=slice(0, 6)), d.isel(object_x=slice(3, None)), join=join
                )[0],
            )
            for join in ("inner", "outer", "left", "right")
        ),
        operation("`align`, exact", lambda d: xr.align(d, d.copy(), join="exact")[0]),
        operation("`align`, override", lambda d: xr.align(d, d.copy(), join="override")[0]),
        operation("`reindex_like`", lambda d: d.isel(object_x=slice(0, 6)).reindex_like(d)),
        operation(
            "`reindex`",
            lambda d: d.reindex(object_x=d.object_x[2:6]),
            note="xarray makes a bare index of the labels, which does not align with one of units; "
            "`reindex_like` takes the other's own",
        ),
        operation("`broadcast`", lambda d: xr.broadcast(d.object, d.probe)[0]),
        operation("`broadcast_like`", lambda d: d.object.broadcast_like(d.probe)),
        operation(
            "`DataTree`", lambda d: xr.DataTree.from_dict({"/": d, "/a": d})["a"].to_dataset()
        ),
    ],
    "Rearranging": [
        operation("`where`", lambda d: d.where(abs(d.object) > 0.5)),
        operation(
            "`where`, `drop=True`",
            lambda d: d.where((d.position_index > 3).compute(), drop=True),
        ),
        operation("`sortby` a position", lambda d: d.sortby("position_x"), note=PLAIN),
        operation("`sortby` an axis", lambda d: d.sortby("object_x", ascending=False)),
        operation("`rename` a coordinate", lambda d: d.rename(position_x="x")),
        operation("`rename` an axis", lambda d: d.rename(object_x="x")),
        operation("`rename` a data variable", lambda d: d.rename(object="o")),
        operation("`rename_dims`", lambda d: d.rename_dims(object_x="column")),
        operation("`rename_vars`", lambda d: d.rename_vars(object_x="x")),
        operation("`swap_dims` to a position", lambda d: d.swap_dims(position="position_x")),
        operation("`swap_dims` to a number", lambda d: d.swap_dims(position="position_index")),
        operation("`transpose`", lambda d: d.transpose()),
        operation("`roll`", lambda d: d.roll(object_x=3)),
        operation(
            "`roll`, `roll_coords=True`",
            lambda d: d.roll(object_x=3, position=2, roll_coords=True),
        ),
        operation("`shift`", lambda d: d.shift(object_x=2)),
        operation("`pad`", lambda d: d.pad(object_x=2), moved=True),
        operation("`pad` positions", lambda d: d.pad(position=2), moved=True),
        operation(
            "`stack`",
            lambda d: d.stack(pixel=("object_y", "object_x")),
            note="stacked labels are `quantify()`'s again after `unstack`",
        ),
        operation(
            "`stack`, `unstack`",
            lambda d: d.object.stack(pixel=("object_y", "object_x")).unstack("pixel"),
        ),
        operation("`expand_dims`", lambda d: d.expand_dims("t")),
        operation("`expand_dims` of a scalar", lambda d: d.expand_dims("photon_energy")),
        operation("`squeeze`", lambda d: d.isel(position=[0]).squeeze()),
        operation("`drop_vars`", lambda d: d.drop_vars(["object"])),
        operation("`drop_indexes`", lambda d: d.drop_indexes("object_x")),
        operation(
            "`drop_indexes`, `set_xindex`",
            lambda d: d.drop_indexes("object_x").set_xindex("object_x"),
        ),
        operation("`reset_index`", lambda d: d.reset_index("object_x")),
        operation("`reset_coords`", lambda d: d.reset_coords(["position_x", "photon_energy"])),
        operation(
            "`reset_coords`, `set_coords`",
            lambda d: d.reset_coords(["position_x", "photon_energy"]).set_coords(
                ["position_x", "photon_energy"]
            ),
        ),
        operation(
            "`assign_coords`, an axis shifted",
            lambda d: d.assign_coords(object_x=d.object_x + label(d, 3)),
            moved=True,
        ),
        operation(
            "`assign_coords`, positions shifted",
            lambda d: d.assign_coords(position_x=d.position_x + label(d, 3)),
            moved=True,
        ),
        operation(
            '`ds["position_x"] = …`',
            lambda d: in_dataset(d, "position_x", d.position_x - d.position_x.mean()),
            moved=True,
        ),
        operation(
            '`ds["position_x"] = ` a bare array',
            lambda d: in_dataset(d, "position_x", ("position", np.zeros(d.sizes["position"]))),
            moved=True,
            note="no hook: every function of ptyxr refuses the coordinate then",
        ),
    ],
    "Computing": [
        operation("`groupby`", lambda d: d.groupby(d.position_index.compute() % 3).mean()),
        operation(
            "`groupby`, `map`",
            lambda d: d.groupby(d.position_index.compute() % 3).map(
                lambda group: group.isel(position=[0])
            ),
        ),
        operation("`mean`", lambda d: d.mean("object_x")),
        operation("`sum`", lambda d: d.sum("position")),
        operation("`max`", lambda d: abs(d).max("position")),
        operation("`std`", lambda d: abs(d).std(["object_x", "object_y"])),
        operation("`argmax`", lambda d: abs(d.object).argmax("object_x")),
        operation("`idxmax`", lambda d: abs(d.object).compute().idxmax("object_x")),
        operation("`cumsum`", lambda d: d.cumsum("object_x")),
        operation("`diff`", lambda d: d.diff("object_x")),
        operation("`coarsen`", lambda d: d.coarsen(object_x=2, boundary="trim").mean(), moved=True),
        operation("`rolling`", lambda d: d.object.real.rolling(object_x=3).mean()),
        operation(
            "`interp`",
            lambda d: d.interp(object_x=d.object_x[2:5]),
            note="xarray compares Quantities with numbers; `ds.ptyxr.interp` takes lengths",
        ),
        operation(
            "`ptyxr.interp`",
            lambda d: d.ptyxr.interp(object_x=label(d, slice(2, 5)) * 1.01),
            own=True,
            moved=True,
        ),
        operation(
            "`ptyxr.interp_like`",
            lambda d: d.ptyxr.interp_like(d.isel(object_x=slice(2, 9, 2))),
            own=True,
            moved=True,
        ),
        operation("`differentiate`", lambda d: d.differentiate("object_x")),
        operation("`integrate`", lambda d: d.integrate("object_x")),
        operation("`apply_ufunc`", lambda d: xr.apply_ufunc(np.abs, d.object, dask="allowed")),
        operation(
            "`apply_ufunc` on a dataset",
            lambda d: xr.apply_ufunc(np.abs, d, dask="allowed", keep_attrs=True),
        ),
        operation("`map`", lambda d: d.map(abs)),
    ],
    "Copying, chunking, sending": [
        operation("`copy`", lambda d: d.copy()),
        operation("`deepcopy`", copy.deepcopy),
        operation("`pickle`", lambda d: pickle.loads(pickle.dumps(d))),
        operation("`chunk`", lambda d: d.chunk({"position": 5})),
        operation("`chunk`, `compute`", lambda d: d.chunk().compute()),
        operation("`chunk`, `persist`", lambda d: d.chunk().persist()),
        operation(
            "`map_blocks`",
            lambda d: xr.map_blocks(lambda block: block, d.chunk({"position": 5})),
            note="xarray asserts, without words, that coordinates are chunked; "
            "`ds.ptyxr.dequantify()` first",
        ),
        operation(
            "`ptyxr.dequantify`, `map_blocks`",
            lambda d: xr.map_blocks(
                lambda block: block, d.ptyxr.dequantify().chunk({"position": 5})
            ).compute(),
            own=True,
        ),
        operation("`to_dict`, `from_dict`", lambda d: xr.Dataset.from_dict(d.to_dict())),
        operation(
            "`to_dataframe`",
            lambda d: beyond(d[["position_x"]].reset_coords().to_dataframe()),
            note=PLAIN,
        ),
        operation(
            "`to_dataframe` of an array",
            lambda d: beyond(d.object.isel(object_layer=0).to_dataframe(name="o")),
        ),
        operation(
            "`to_pandas`",
            lambda d: beyond(d.object.isel(object_layer=0, object_y=0).to_pandas()),
        ),
    ],
    "pint-xarray's own": [
        operation(
            "`pint.to`, a position, text",
            lambda d: d.pint.to(position_x=str(d.position_x.data.units)),
        ),
        operation(
            "`pint.to`, a position, Unit",
            lambda d: d.pint.to({"position_x": d.position_x.data.units}),
        ),
        operation(
            "`pint.to`, an axis, text",
            lambda d: d.pint.to(object_x=str(d.object_x.data.units)),
            note="pint-xarray converts indexes of its own only; `ds.ptyxr.to` converts axes",
        ),
        operation(
            "`pint.to`, an axis, Unit",
            lambda d: d.pint.to({"object_x": d.object_x.data.units}),
            note="the same",
        ),
        operation("`pint.dequantify`", lambda d: d.pint.dequantify()),
        operation("`pint.quantify`", lambda d: d.pint.quantify()),
        operation(
            "`pint.dequantify`, `pint.quantify`", lambda d: d.pint.dequantify().pint.quantify()
        ),
        operation("`ptyxr.dequantify`", lambda d: d.ptyxr.dequantify(), own=True),
        operation(
            "`ptyxr.dequantify`, `ptyxr.quantify`",
            lambda d: d.ptyxr.dequantify().ptyxr.quantify(),
            own=True,
        ),
    ],
    "Storing and showing": [
        *(
            Operation(
                f"`{call}`",
                lambda d, folder, how=how: stored(d, folder, how, plain=False),
                note=note,
            )
            for call, how, note in (
                (
                    'to_netcdf(engine="h5netcdf")',
                    "h5netcdf",
                    "pint warns of units stripped; they are in the file",
                ),
                (
                    'to_netcdf(engine="netcdf4")',
                    "netcdf4",
                    "netCDF4 takes no Quantity; `ds.ptyxr.dequantify()` first",
                ),
                ("to_zarr", "zarr", "Zarr takes no Quantity; `ds.ptyxr.to_zarr()` does"),
            )
        ),
        *(
            Operation(
                f"`ptyxr.dequantify`, `{call}`",
                lambda d, folder, how=how: stored(d, folder, how, plain=True),
                own=True,
            )
            for call, how in (
                ('to_netcdf(engine="h5netcdf")', "h5netcdf"),
                ('to_netcdf(engine="netcdf4")', "netcdf4"),
                ("to_zarr", "zarr"),
            )
        ),
        operation("`plot` of an image", lambda d: plot(d, "object")),
        operation("`plot` of a line", lambda d: plot(d, "line")),
        operation("`plot.scatter` of positions", lambda d: plot(d, "positions")),
        operation("text repr", lambda d: beyond(repr(d))),
        operation("HTML repr", lambda d: beyond(d._repr_html_())),
    ],
}
DIRECT = ("`to_netcdf(", "`to_zarr`")


# --- what is seen ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """What became of the units: the kind, and of which coordinates or by which error."""

    kind: str
    what: tuple[str, ...] = ()
    warned: bool = False


#: An error of xarray or pint says why if it tells of units, Quantities or indexes.
WORDS = re.compile(r"[Qq]uantit|unit|index", re.IGNORECASE)


def is_quantity(data: Any) -> bool:
    return isinstance(data, pint.Quantity)


def _of(obj: xr.Dataset | xr.DataArray) -> dict[str, xr.Variable]:
    if isinstance(obj, xr.DataArray):
        return {name: coord.variable for name, coord in obj.coords.items()}
    return dict(obj.variables)


def seen(variable: xr.Variable) -> tuple[str, Any, Any]:
    """Return how a coordinate has its unit, the unit, and its numbers."""
    data = variable._data
    kind = KEPT
    if hasattr(data, "dask") and not is_quantity(data):
        data = data.compute()
        kind = HIDDEN
    elif not is_quantity(data):
        data = variable.data
    if is_quantity(data):
        magnitude = data.magnitude
        return kind, data.units, np.asarray(getattr(magnitude, "compute", lambda: magnitude)())
    units = variable.attrs.get("units")
    if units is None:
        return LOST, None, np.asarray(data)
    parsed = pint.get_application_registry().Unit(str(units))
    return ATTRIBUTE, parsed, np.asarray(data)


def examined(before: xr.Dataset, after: Any, *, moved: bool) -> dict[str, list[str]]:
    """Return the coordinates by how they have their units; `WRONG` where unit or numbers are."""
    found: dict[str, list[str]] = {}
    for name, variable in _of(after).items():
        if name not in UNITS or name not in before.variables:
            continue
        kind, unit, numbers = seen(variable)
        if kind != LOST:
            _, true_unit, true = seen(before.variables[name])
            if unit.dimensionality != true_unit.dimensionality:
                kind = WRONG
            elif not moved and numbers.size and np.isfinite(numbers).any():
                converted = Q(numbers, unit).to(true_unit).magnitude
                slack = 1e-9 * np.abs(true).max()
                inside = (converted >= true.min() - slack) & (converted <= true.max() + slack)
                kind = kind if (inside | ~np.isfinite(converted)).all() else WRONG
        found.setdefault(kind, []).append(str(name))
    return found


def outcome(op: Operation, ds: xr.Dataset, folder: Path, library: str) -> Outcome:
    """Run an operation, and tell what became of the units."""
    with (
        warnings.catch_warnings(record=True) as caught,
        xr.set_options(use_new_combine_kwarg_defaults=True),
    ):
        warnings.simplefilter("always")
        try:
            after = op.run(ds, folder)
        # Whatever it raises is what a user meets.
        except Exception as error:  # noqa: BLE001
            said = " ".join(map(str, (error, *getattr(error, "exceptions", ()))))
            in_words = isinstance(error, ptyxr.errors.PtyxrError) or WORDS.search(said)
            return Outcome(REFUSED if in_words else BROKEN, (type(error).__name__,))
    stripped = any("strip" in str(warning.message) for warning in caught)
    if after is None:
        return Outcome(WARNED if stripped else NUMBERS, warned=stripped)
    found = examined(ds, after, moved=op.moved)
    if library == "ptyxr" and not found.keys() <= {KEPT, WRONG, LOST}:
        # Labels of a stack are those of its own index, until it is unstacked.
        stacked = {n for n, i in after.xindexes.items() if isinstance(i, PandasMultiIndex)}
        again = examined(ds, after.ptyxr.quantify(), moved=op.moved)
        found[LOST] = [
            n for kind, ns in again.items() if kind != KEPT for n in ns if n not in stacked
        ]
        found = {kind: names for kind, names in found.items() if names}
    for kind in (WRONG, LOST, HIDDEN, ATTRIBUTE):
        if kind in found:
            return Outcome(kind, tuple(sorted(found[kind])), stripped)
    return Outcome(WARNED if stripped else KEPT, warned=stripped)


def bare(ds: xr.Dataset) -> xr.Dataset:
    """Return the dataset without units, on indexes of xarray's own."""
    plain = ds.ptyxr.dequantify()
    axes = [name for name in plain.xindexes if name in plain.dims]
    plain = plain.drop_indexes(axes)
    for name in axes:
        plain = plain.set_xindex(name)
    return plain.drop_attrs()


def unlike_bare(op: Operation, ds: xr.Dataset, folder: Path) -> list[str]:
    """Return the coordinates that an operation leaves out, or with other numbers than bare ones.

    Where the operation needs units, there is nothing to compare with.
    """
    with warnings.catch_warnings(), xr.set_options(use_new_combine_kwarg_defaults=True):
        warnings.simplefilter("ignore")
        try:
            expected = op.run(bare(ds), folder)
        except Exception:  # noqa: BLE001
            return []
        try:
            found = op.run(ds, folder)
        except Exception:  # noqa: BLE001
            return []
    if expected is None:
        return []
    there, wrong = _of(found), []
    for name, variable in _of(expected).items():
        if name not in UNITS or name not in ds.variables:
            continue
        if name not in there:
            wrong.append(f"{name} is gone")
            continue
        kind, unit, numbers = seen(there[name])
        own = seen(ds.variables[name])[1]
        values = Q(numbers, unit).to(own).magnitude if kind != LOST else numbers
        if not np.allclose(values, variable.values, rtol=1e-9, atol=0, equal_nan=True):
            wrong.append(str(name))
    return wrong


def measure(folder: Path, library: str, states: list[tuple[str, str]]) -> dict[str, list[Outcome]]:
    """Return what became of the units in each operation, one outcome a state."""
    paths = write_files(folder)
    results: dict[str, list[Outcome]] = {}
    for state, unit in states:
        ds = dataset(paths, library, state, unit)
        for op in (op for group in OPERATIONS.values() for op in group):
            if library == "ptyxr" or not op.own:
                results.setdefault(op.name, []).append(outcome(op, ds.copy(), folder, library))
    return results


# --- the table ------------------------------------------------------------------------------------


def all_states() -> list[tuple[str, str]]:
    return [(state, unit) for unit in ("meter", "pixel") for state in STATES]


def _names(names: tuple[str, ...]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:2])
    return shown + (f" and {len(names) - 2} more" if len(names) > 2 else "")


def phrase(results: list[Outcome], op: Operation) -> str:
    """Return what the table says of an operation: the worst of its states."""
    order = (WRONG, BROKEN, LOST, WARNED, REFUSED, HIDDEN, ATTRIBUTE, NUMBERS, KEPT)
    worst = min(results, key=lambda one: order.index(one.kind))
    text = {
        KEPT: "Quantity",
        NUMBERS: "numbers",
        WARNED: "warns of a unit stripped",
        REFUSED: f"refused: {worst.what[0]}" if worst.what else "",
        BROKEN: f"**breaks**: {worst.what[0]}" if worst.what else "",
    }.get(worst.kind)
    if text is None:
        what = {
            WRONG: "**wrong**",
            LOST: "**lost**",
            HIDDEN: "hidden by dask",
            ATTRIBUTE: "attribute",
        }[worst.kind]
        text = f"{what}: {_names(worst.what)}"
    count = sum(one.kind == worst.kind for one in results)
    return text if count == len(results) else f"{text} ({count} of {len(results)} states)"


def passed(results: list[Outcome], op: Operation) -> bool:
    """Tell whether a row holds in every state: kept, restorable, or refused in words."""
    direct = op.name.startswith(DIRECT)
    return all(one.kind in GOOD and (direct or not one.warned) for one in results)


def table(results: dict[str, dict[str, list[Outcome]]]) -> str:
    """Return the table in markdown."""
    lines = []
    ops = [op for group in OPERATIONS.values() for op in group]
    both = [op for op in ops if not op.own]
    lines.append(
        f"{len(ops)} operations, each in {len(all_states())} states: as opened, with "
        "`chunks={}`, loaded, through `xr.open_mfdataset`, and opened with `quantify=False` and "
        "then quantified; in metres and in pixels. A row holds if in every state each unit is "
        "kept, or is restored by `ds.ptyxr.quantify()`, or the operation is refused in words:"
    )
    lines += ["", "| | ptyxr | stock pint-xarray |", "|---|---|---|"]
    counts = [
        str(sum(passed(results[library][op.name], op) for op in both)) + f" of {len(both)}"
        for library in LIBRARIES
    ]
    lines.append(f"| operations that both have | {counts[0]} | {counts[1]} |")
    own = [op for op in ops if op.own]
    mine = sum(passed(results["ptyxr"][op.name], op) for op in own)
    lines.append(f"| ptyxr's own | {mine} of {len(own)} | — |")
    for title, group in OPERATIONS.items():
        lines += [
            "",
            f"### {title}",
            "",
            "| operation | ptyxr | stock pint-xarray |",
            "|---|---|---|",
        ]
        for op in group:
            ours = phrase(results["ptyxr"][op.name], op) + (f"; {op.note}" if op.note else "")
            theirs = "—" if op.own else phrase(results["pint-xarray"][op.name], op)
            lines.append(f"| {op.name} | {ours} | {theirs} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        text = table(
            {library: measure(Path(folder), library, all_states()) for library in LIBRARIES}
        )
    print(text)
    if arguments.write:
        head, rest = DOCS.read_text(encoding="utf-8").split(BEGIN)
        DOCS.write_text(f"{head}{BEGIN}\n{text}\n{END}{rest.split(END)[1]}", encoding="utf-8")


if __name__ == "__main__":
    main()
