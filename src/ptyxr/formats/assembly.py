"""Putting together a dataset of the model from what a format found in a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from xarray import Coordinates, Dataset, Variable

from ptyxr.carried import data_of
from ptyxr.errors import InvalidDataError
from ptyxr.grids import Grid
from ptyxr.indexes import GridIndex
from ptyxr.model import AXES, SCHEMA
from ptyxr.storage.arrays import StoredArray, ViewArray, lazy
from ptyxr.storage.preferred import preferred_chunks
from ptyxr.units import PIXEL, register_pint_accessor
from ptyxr.variables import unit_variable

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

__all__ = ["DECODERS", "LEFT_OUT", "Assembly", "axes_text", "promoted"]

#: Key of a dataset's encoding for what the file has, and the model no place for.
LEFT_OUT = "left_out"

#: Arguments of ``xarray.open_dataset`` that are for netCDF; engines accept them, without effect.
DECODERS = (
    "mask_and_scale",
    "decode_times",
    "decode_timedelta",
    "use_cftime",
    "concat_characters",
    "decode_coords",
)

#: Kinds of dtype, as numpy calls them, that an entry of the model takes.
KINDS = {"complex": "c", "float": "fiu", "int": "iu", "bool": "b", "real": "fiub"}


#: Numbers in a file may be anything. What is not finite is judged, and not warned of by numpy.
any_numbers: Final = np.errstate(over="ignore", under="ignore", invalid="ignore", divide="ignore")
_LONGEST_AXIS: Final = 2**22  # pixels; its labels take 32 MB


class Assembly:
    """A dataset in the making.

    Parameters
    ----------
    file : str
        Name of the file, for errors.
    drop_variables : str or iterable of str, optional
        Names that are left out, before anything of them is read.
    quantify : bool
        Whether coordinates become Quantities or plain numbers with a ``units`` attribute.
    """

    def __init__(
        self, file: str, drop_variables: str | Iterable[str] | None = None, *, quantify: bool = True
    ) -> None:
        self.file = file
        dropped = [drop_variables] if isinstance(drop_variables, str) else drop_variables
        self.dropped = frozenset(dropped or ())
        self.quantify = quantify
        self.attrs: dict[str, Any] = {}
        self._variables: dict[str, Variable] = {}
        self._coordinates: dict[Hashable, Variable] = {}
        self._indexes: dict[Hashable, GridIndex] = {}
        #: What the file has, and the model no place for.
        self.left_out: list[str] = []

    def wants(self, name: str) -> bool:
        """Tell whether a name is to be in the dataset."""
        return name not in self.dropped

    def size(self, dim: str) -> int | None:
        """Return the length a dimension has so far, or None."""
        for variable in (*self._variables.values(), *self._coordinates.values()):
            if dim in variable.dims:
                return int(variable.sizes[dim])
        return None

    def check_kind(self, name: str, key: str, array: StoredArray) -> None:
        """Refuse an array whose dtype cannot be what the model says.

        Raises
        ------
        InvalidDataError
            Naming file, key, what was found and what was expected.
        """
        kind = SCHEMA[name].kind
        # Whole numbers may be stored as floating point; `array` looks at each of them.
        kinds = KINDS[kind] + ("f" if kind == "int" else "")
        # Of what is empty, writers do not care for the kind.
        empty = array.shape == (0,) and array.dtype.kind in "fiubSUO"
        if array.dtype.kind not in kinds and not empty:
            raise InvalidDataError(
                "the numbers are of the wrong kind",
                file=self.file,
                key=key,
                found=f"{array.dtype} {array.shape}",
                expected=f"{kind} numbers" if kind != "bool" else kind,
                remedy=f"Write it again as such; drop_variables={name!r} leaves it out",
            )

    def array(
        self,
        name: str,
        key: str,
        array: StoredArray,
        *,
        dims: tuple[str, ...] | None = None,
        attrs: dict[str, Any] | None = None,
        encoding: dict[str, Any] | None = None,
    ) -> None:
        """Add a data variable or a coordinate without unit, left in the file until used.

        Raises
        ------
        InvalidDataError
            If the dtype is of the wrong kind, the rank is, or a dimension has another length
            elsewhere.
        """
        entry = SCHEMA[name]
        dims = entry.dims if dims is None else dims
        if not self.wants(name):
            return
        self.check_kind(name, key, array)
        self.check_rank(key, array.shape, dims, len(dims), len(dims))
        self._check_lengths(key, dims, array.shape)
        described = {"long_name": entry.long_name, **(attrs or {})}
        kept = {"source": self.file, **(encoding or {})}
        preferred = preferred_chunks(dims, array.shape, array.dtype, kept.get("chunksizes"))
        if preferred is not None:
            kept["preferred_chunks"] = preferred
        data: Any = lazy(array)
        if entry.kind == "int" and (name in dims or array.dtype.kind != "i"):
            data = self._integers(key, array)
        made = Variable(dims, data, described, kept)
        (self._variables if entry.role == "variable" else self._coordinates)[name] = made

    def _integers(self, key: str, array: StoredArray) -> np.ndarray:
        """Return numbers as int64, which is what the model and pandas have."""
        values = array.read()
        if array.dtype.kind == "f":
            numbers = values.astype(np.float64)
            good = (np.abs(numbers) < 2.0**63) & (np.rint(numbers) == numbers)
        else:
            good = values <= np.iinfo(np.int64).max
        if not good.all():
            raise InvalidDataError(
                "these are no whole numbers of 64 bits with sign",
                file=self.file,
                key=key,
                found=f"{array.dtype} with {values[~good].flat[0]}",
                expected="int",
            )
        return values.astype(np.int64)

    def check_rank(
        self, key: str, shape: tuple[int, ...], dims: tuple[str, ...], lowest: int, highest: int
    ) -> None:
        """Refuse an array of fewer or more axes than it can have.

        Raises
        ------
        InvalidDataError
            Naming file, key, the shape found and the dimensions expected.
        """
        if not lowest <= len(shape) <= highest:
            raise InvalidDataError(
                "the rank is wrong",
                file=self.file,
                key=key,
                found=f"shape {shape}",
                expected=axes_text(dims),
                remedy="Write it again with these axes",
            )

    def _check_lengths(self, key: str, dims: tuple[str, ...], shape: tuple[int, ...]) -> None:
        for dim, length in zip(dims, shape, strict=True):
            known = self.size(dim)
            if known is not None and known != length:
                raise InvalidDataError(
                    "lengths disagree",
                    file=self.file,
                    key=key,
                    found=f"{length} along {dim}",
                    expected=f"{known}, as others have",
                    remedy="Write the file again with arrays of one length",
                )

    def coordinate(
        self,
        name: str,
        key: str,
        values: np.ndarray | StoredArray,
        *,
        unit: str | None = None,
        encoding: dict[str, Any] | None = None,
    ) -> None:
        """Add a coordinate with a unit: the model's, or another one.

        Raises
        ------
        InvalidDataError
            If it is not one-dimensional, or its dimension has another length elsewhere.
        """
        entry = SCHEMA[name]
        if not self.wants(name):
            return
        self.check_rank(key, values.shape, entry.dims, 1, 1)
        self._check_lengths(key, entry.dims, values.shape)
        self._coordinates[name] = unit_variable(
            entry.dims,
            values,
            unit or str(entry.unit),
            {"long_name": entry.long_name},
            quantified=self.quantify,
            encoding=encoding,
        )

    def plain_numbers(self, name: str) -> np.ndarray | None:
        """Return the numbers of a coordinate that was added, in its unit, or None."""
        if name not in self._coordinates:
            return None
        data: Any = data_of(self._coordinates[name])
        return np.asarray(data.magnitude if self.quantify else data)

    def keep(self, name: str, encoding: dict[str, Any]) -> None:
        """Keep something beside a coordinate that was added, unless it is there already."""
        variable = self._coordinates[name]
        variable.encoding = {**encoding, **variable.encoding}

    def scalar(self, name: str, value: float, **attrs: Any) -> None:
        """Add a scalar coordinate, in the unit of the model."""
        entry = SCHEMA[name]
        if not self.wants(name):
            return
        self._coordinates[name] = unit_variable(
            (),
            np.float64(value),
            str(entry.unit),
            {"long_name": entry.long_name, **attrs},
            quantified=self.quantify,
        )

    def axis(self, name: str, grid: Grid) -> None:
        """Add a pixel axis."""
        if not self.wants(name):
            return
        if grid.size > _LONGEST_AXIS:
            raise InvalidDataError(
                "no image is so large",
                file=self.file,
                key=name,
                found=f"{grid.size} pixels",
                expected=f"at most {_LONGEST_AXIS}",
            )
        if not np.isfinite(abs(float(grid.center)) + float(grid.pitch) * grid.size):
            raise InvalidDataError(
                "the axis is beyond all numbers",
                file=self.file,
                key=name,
                found=f"{grid.size} pixels of {grid.pitch:g} about {grid.center:g}",
            )
        self._indexes[name] = GridIndex.full(grid, name, quantified=self.quantify)
        described = Variable((), 0, {"long_name": SCHEMA[name].long_name})
        self._coordinates.update(self._indexes[name].create_variables({name: described}))

    def detector_axes(self) -> None:
        """Add the detector's axes, pixel numbers from 0, where there are patterns."""
        for name in AXES:
            size = self.size(name) if name.startswith("detector") else None
            if size is not None and name not in self._coordinates:
                self.axis(name, Grid((size - 1) / 2, 1.0, size, PIXEL))

    def dataset(
        self, close: Callable[[], None] | None = None, source: str | None = None
    ) -> Dataset:
        """Return the dataset.

        Parameters
        ----------
        close : callable, optional
            What is done when it is closed.
        source : str, optional
            The address it comes from, which xarray would keep with all that is secret in it.
        """
        order = list(SCHEMA)
        variables = {name: self._variables[name] for name in order if name in self._variables}
        coordinates: dict[Hashable, Variable] = {
            name: self._coordinates[name] for name in order if name in self._coordinates
        }
        indexes: dict[Hashable, Any] = dict(self._indexes)
        if "epoch" in coordinates:
            epoch = Coordinates({"epoch": coordinates.pop("epoch")})
            indexes.update(epoch.xindexes)
            coordinates.update(epoch.variables)
        if self.quantify and coordinates:
            register_pint_accessor()
        ds = Dataset(variables, Coordinates(coordinates, indexes), self.attrs)
        if self.left_out:
            ds.encoding[LEFT_OUT] = self.left_out
        if source is not None:
            ds.encoding["source"] = source
        if close is not None:
            ds.set_close(close)
        return ds


def axes_text(dims: tuple[str, ...]) -> str:
    """Return dimensions as a message shows them: ``(epoch,)``."""
    return f"({', '.join(dims)}{',' if len(dims) == 1 else ''})"


def promoted(array: StoredArray, rank: int) -> StoredArray:
    """Return an array of lower rank with axes of length 1 put before its own."""
    missing = rank - len(array.shape)
    if missing <= 0:
        return array
    return ViewArray(array, (None,) * missing + tuple(range(len(array.shape))))
