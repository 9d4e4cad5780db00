"""Quantities are parsed in decimal, and a pixel is a pixel."""

from __future__ import annotations

import math
import subprocess
import sys
from decimal import Decimal

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import ptyxr
from ptyxr.errors import UnitError
from ptyxr.units import canonical, convert, convert_scalar, parse, pixel_size

Q = ptyxr.ureg.Quantity


@pytest.mark.parametrize(
    ("value", "unit", "number"),
    [
        ("50 nm", "meter", 5e-8),
        (Q(50, "nm"), "meter", 5e-8),
        ("8 keV", "electron_volt", 8000.0),
        ("8keV", "electron_volt", 8000.0),
        ("-2.5e-1 mm", "meter", -2.5e-4),
        ("30 degree", "degree", 30.0),
        ("1e9", "count", 1e9),
        (8000, "electron_volt", 8000.0),
        (np.float32(0.5), "second", 0.5),
        ("12 px", "pixel", 12.0),
    ],
)
def test_parse(value, unit, number):
    assert parse(value, unit, "it") == number


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        ("50", "meter", "unit is missing"),
        ("30", "degree", "unit is missing"),
        ("50 furlongs per", "meter", "no unit"),
        ("nm", "meter", "no number"),
        ("50 eV", "meter", "does not fit"),
        (Q(1, "px"), "meter", "CSS pixel"),
        ("1 css_pixel", "meter", "CSS pixel"),
        (None, "meter", "no number"),
        ([1, 2], "meter", "no number"),
    ],
)
def test_what_is_no_quantity(value, unit, said):
    with pytest.raises(UnitError, match=said) as caught:
        parse(value, unit, "the_name")
    assert "the_name" in str(caught.value)


@given(
    st.integers(1, 10**9),
    st.sampled_from([("nanometer", -9), ("micrometer", -6), ("angstrom", -10)]),
)
def test_decimals_stay_exact(digits, unit):
    name, power = unit
    assert convert_scalar(float(digits), name, "meter") == float(Decimal(digits).scaleb(power))
    assert parse(f"{digits} {name}", "meter", "it") == float(Decimal(digits).scaleb(power))


@given(st.lists(st.floats(-1e6, 1e6), max_size=20))
def test_arrays_convert_to_an_ulp(values):
    array = np.array(values)
    there = convert(array, "meter", "micrometer")
    np.testing.assert_array_max_ulp(convert(there, "micrometer", "meter"), array, maxulp=2)
    assert convert(array, "meter", "meter") is array


def test_spellings_are_ascii():
    for unit in ("um", "µm", "angstrom", "m**2/kg", "nm/px", "degC"):
        assert canonical(unit).isascii()
    assert canonical("px") == canonical("pixel") == "pixel"
    ptyxr.ureg.formatter.default_format = "~P"
    try:
        assert canonical(Q(1, "um")) == "micrometer"
    finally:
        ptyxr.ureg.formatter.default_format = ""


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ("50 nm", (5e-8, 5e-8)),
        (("50 nm", "40 nm"), (5e-8, 4e-8)),
        ("50 nm/pixel", (5e-8, 5e-8)),
        ("50 nm/px", (5e-8, 5e-8)),
        (Q(50, "nm/pixel"), (5e-8, 5e-8)),
        (Q([50, 40], "nm"), (5e-8, 4e-8)),
        (5e-8, (5e-8, 5e-8)),
    ],
)
def test_pixel_sizes(value, size):
    assert pixel_size(value, "object") == size


@pytest.mark.parametrize(
    "value", ["0 nm", "-1 nm", "50", "50 eV", "50 pixel", math.nan, ("1 nm",) * 3, Q(1, "px")]
)
def test_what_is_no_pixel_size(value):
    with pytest.raises(UnitError, match="object"):
        pixel_size(value, "object")


# Factors are those of the definitions


def test_contexts_of_others_do_not_reach_in():
    ds = xr.Dataset(coords={"x": ("x", [10.0, 20.0], {"units": "um"})}).ptyxr.quantify()
    for context, label in (("ptychography", Q(10, "pixel")), ("sp", Q(1, "eV"))):
        options = {"pixel_size": "1 um"} if context == "ptychography" else {}
        with (
            ptyxr.ureg.context(context, **options),
            pytest.raises(UnitError, match=r"'x'.*micrometer"),
        ):
            ds.sel(x=label, method="nearest")
        with pytest.raises(UnitError):
            ds.sel(x=label, method="nearest")
    with ptyxr.ureg.context("sp"), pytest.raises(UnitError):
        parse("1.55 angstrom", "electron_volt", "photon_energy")
    assert parse("8 keV", "electron_volt", "photon_energy") == 8000


def test_temperatures_do_not_convert_by_a_factor():
    celsius = xr.Dataset({"a": ("T", [0, 1, 2])}, {"T": ("T", [20.0, 21, 22], {"units": "degC"})})
    celsius = celsius.ptyxr.quantify()
    assert int(celsius.sel(T=Q(21, "degC")).a) == 1
    for refused in (
        lambda: celsius.sel(T=Q(295.15, "kelvin"), method="nearest"),
        lambda: convert_scalar(20, "degree_Celsius", "kelvin"),
    ):
        with pytest.raises(UnitError):
            refused()


def test_definitions_are_those_of_the_registry_there_is():
    code = """
import numpy as np, pint, xarray as xr, ptyxr
for factor in (3, 5):
    registry = pint.UnitRegistry()
    registry.define(f"wurst = {factor} meter")
    pint.set_application_registry(registry)
    ds = xr.Dataset(coords={"position_x": ("position", [15.0], {"units": "meter"})})
    ds = ds.ptyxr.quantify()
    assert ds.ptyxr.to("wurst").position_x.data.magnitude == [15 / factor]
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
