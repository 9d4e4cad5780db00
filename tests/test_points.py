"""Two scans are paired by the numbers of their patterns."""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import ptyxr
from ptyxr.errors import InvalidDataError, MissingDataError, PtyxrError

Q = ptyxr.ureg.Quantity

numbers = st.lists(st.integers(-5, 30), unique=True, max_size=20)


def scan(indexes, shift=0.0):
    indexes = np.array(indexes, dtype=np.int64)
    return xr.Dataset(
        {"a": ("position", indexes * 10)},
        {
            "position_x": ("position", Q(indexes * 1e-6 + shift, "m")),
            "position_index": ("position", indexes),
        },
    )


@given(numbers, numbers)
def test_pairs_have_one_number(first, second):
    common = [n for n in first if n in second]
    nothing = first and second and not common
    with pytest.warns(UserWarning, match="in common") if nothing else nullcontext():
        a, b = ptyxr.match_positions(scan(first), scan(second, shift=1e-7))
    assert a.position_index.values.tolist() == b.position_index.values.tolist() == common
    np.testing.assert_array_equal(a.a, b.a)
    moved = (b.position_x - a.position_x).data
    np.testing.assert_allclose(moved.to("m").magnitude, 1e-7, rtol=1e-6)


@pytest.mark.parametrize("which", ["a", "b"])
def test_numbers_that_do_not_tell(which):
    good, bad = scan([1, 2]), scan([0, 0, 3])
    pair = (bad, good) if which == "a" else (good, bad)
    with pytest.raises(PtyxrError, match=rf"dataset {which}.*position_index"):
        ptyxr.match_positions(*pair)
    pair = tuple(one.drop_vars("position_index") if one is bad else one for one in pair)
    with pytest.raises(MissingDataError, match=r"position_index"):
        ptyxr.match_positions(*pair)


@pytest.mark.parametrize("kind", [str, float, bool])
def test_numbers_are_integers(kind):
    odd = scan([1, 2])
    odd = odd.assign_coords(position_index=("position", odd.position_index.values.astype(kind)))
    with pytest.raises(InvalidDataError, match=r"position_index.*dataset b"):
        ptyxr.match_positions(scan([1, 2]), odd)


def test_numbers_of_any_width_and_dimension():
    large = 2**53 + np.arange(3)
    a = scan([0, 1, 2]).assign_coords(position_index=("position", large.astype("u8")))
    b = scan([0, 1, 2]).assign_coords(position_index=("position", large + 1))
    a, b = ptyxr.match_positions(a.rename(position="point"), b.isel(position=[1, 0, 2]))
    assert a.position_index.values.tolist() == b.position_index.values.tolist()
    assert a.sizes == {"point": 2}
