"""Units survive what people do to a dataset: the promise of docs/units.md, row by row."""

from __future__ import annotations

import re

import pytest

import unit_matrix as matrix
from unit_matrix import ATTRIBUTE, BROKEN, GOOD, HIDDEN, KEPT, LOST, OPERATIONS, WARNED

OPS = {op.name: op for group in OPERATIONS.values() for op in group}

#: Zarr refuses Quantities itself, by an error that differs between its versions.
BY_ZARR = "`to_zarr`"

# What xarray gives no hook for; docs/units.md says so, row by row.
NO_HOOK = {
    '`ds["position_x"] = ` a bare array': {LOST},
    "`map_blocks`": {BROKEN, HIDDEN},
    "`sortby` a position": {KEPT, WARNED},
    "`to_dataframe`": {matrix.NUMBERS, WARNED},
    BY_ZARR: {*GOOD, BROKEN},
}
# Where xarray forces a plain index.
FORCED = re.compile(
    r"broadcast|swap_dims|`pad`|stack|scalar|set_xindex|an axis shifted|coarsen|to_dict|dequantify"
    r"|to_netcdf|tomography_angle"
)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Give what became of the units in each operation, one outcome a state."""
    return matrix.measure(tmp_path_factory.mktemp("matrix"), "ptyxr", matrix.all_states())


@pytest.mark.parametrize("name", OPS)
def test_no_unit_is_lost(results, name):
    for state, outcome in zip(matrix.all_states(), results[name], strict=True):
        allowed = NO_HOOK.get(name, set(GOOD))
        assert outcome.kind in allowed, (state, outcome)
        if not name.startswith(matrix.DIRECT) and outcome.kind != WARNED:
            assert not outcome.warned, state
        if outcome.kind == ATTRIBUTE:
            assert FORCED.search(name), (state, outcome)
        if outcome.kind == HIDDEN:
            assert "chunk" in name or "blocks" in name, (state, outcome)


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bare")
    return matrix.dataset(matrix.write_files(folder), "ptyxr", "opened", "meter"), folder


@pytest.mark.parametrize("name", [name for name, op in OPS.items() if not op.own])
def test_coordinates_are_what_they_are_without_units(opened, name):
    """No coordinate goes, and none gets other numbers, because it carries a unit."""
    ds, folder = opened
    assert not matrix.unlike_bare(OPS[name], ds.copy(), folder)


def test_the_documentation_says_what_is_measured(results):
    text = matrix.DOCS.read_text(encoding="utf-8")
    said = dict(re.findall(r"^\| (.*?) \| (.*?) \| .*? \|$", text, re.MULTILINE))
    assert set(OPS) <= set(said)
    for name, op in OPS.items():
        shown = matrix.phrase(results[name], op)
        if name == BY_ZARR:
            assert re.search("refused|breaks", shown)
            continue
        assert said[name].split("; ")[0] == shown, "python tests/unit_matrix.py --write"
    passed = sum(
        name == BY_ZARR or matrix.passed(results[name], op)
        for name, op in OPS.items()
        if not op.own
    )
    assert f"{passed} of {sum(not op.own for op in OPS.values())}" in text
