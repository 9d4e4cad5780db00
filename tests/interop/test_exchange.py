"""Each release's product opens in ptyxr as it was written, and goes to each other release."""

from __future__ import annotations

import warnings

import exchange
import h5py
import numpy as np
import pytest
import xarray as xr
from typer.testing import CliRunner

import ptyxr
import releases
from ptyxr.cli import app
from ptyxr.model import SCHEMA
from ptyxr.validation import validate_file


@pytest.fixture(scope="module", params=[".h5", pytest.param(".npz", marks=pytest.mark.slow)])
def products(tmp_path_factory, request):
    return exchange.write_all(tmp_path_factory.mktemp("exchange"), request.param)


def opened(path):
    return xr.open_dataset(path, engine=exchange.ENGINES[path.suffix])


def test_what_each_release_wrote_opens_as_it_was(products):
    for product in products:
        with opened(product.path) as ds:
            found = exchange.seen_by_ptyxr(ds)
            for name, coordinate in ds.coords.items():
                unit = SCHEMA[name].unit if coordinate.pint.units is not None else None
                assert SCHEMA[name].unit == unit, name
                if unit is not None and not name.startswith("detector_"):
                    assert coordinate.pint.units == ptyxr.ureg.Unit(unit), name
        assert not exchange.differences(found, product.truth, "ptyxr"), product
        # What a writer keeps as a default, such as no polarization, is not there.
        known = {n for n, value in product.truth.items() if value is not None}
        assert known <= set(found), product


@pytest.mark.parametrize("reader", releases.RELEASES)
def test_each_release_reads_what_each_other_wrote(products, reader):
    """Every value that the reader knows, of every writer, plain and rich, bit for bit."""
    answers = exchange.exchanged(products, reader, through=True)
    assert {pair: answer for pair, answer in answers.items() if answer} == {}
    assert len(answers) == 2 * len(releases.RELEASES)


def test_what_others_do_not_know_survives(products):
    """Fields that one release writes, and others have no name for, go through ptyxr and back."""
    for product in products:
        with opened(product.path) as ds:
            before = exchange.seen_by_ptyxr(ds)
        with opened(product.through) as ds:
            after = exchange.seen_by_ptyxr(ds)
        assert set(before) == set(after)
        assert not exchange.differences(after, before, "ptyxr")


def test_the_documentation_says_so():
    text = exchange.DOCS.read_text(encoding="utf-8")
    pairs = len(releases.RELEASES) ** 2
    said = f"Of {pairs} pairs, a rich product is read by {pairs}, with its OPR weights by {pairs}"
    assert text.count(said) == len(exchange.ENGINES)


def test_a_product_of_one_kind_is_written_as_the_other(tmp_path):
    truth = releases.write_product("1.7.0", tmp_path / "a.h5", rich=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the object lies beside the scan on purpose
        with opened(tmp_path / "a.h5") as ds:
            ds.ptyxr.to_product(tmp_path / "b.npz")
        with opened(tmp_path / "b.npz") as ds:
            ds.ptyxr.to_product(tmp_path / "c.h5")
    assert ptyxr.open_dataset(tmp_path / "b.npz").attrs["name"] == truth["name"]
    for path in ("b.npz", "c.h5"):
        found = releases.read_product("1.7.0", tmp_path / path)
        assert not exchange.differences(found, truth, "1.7.0")
    first, last = (opened(tmp_path / name).load() for name in ("a.h5", "c.h5"))
    ptyxr.testing.assert_identical(first, last)


def test_the_command_knows_products_in_npz(tmp_path):
    path = tmp_path / "a.npz"
    releases.write_product("1.7.0", path, rich=True)
    for arguments, said in (
        (["info", str(path)], "Ptychodus product (NPZ), Ptychodus 1.7"),
        (["convert", str(path), str(tmp_path / "b.h5")], "wrote"),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # the object lies beside the scan
            result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0, result.output
        assert said in result.output
    report = validate_file(path)
    assert report, report
    assert "format_id" not in str(report)
    with np.load(path) as members:
        kept = {name: members[name] for name in members.files if name != "probe_position_y_m"}
    np.savez(tmp_path / "c.npz", **kept)
    assert "probe_position_y_m" in str(validate_file(tmp_path / "c.npz"))


def test_npz_has_no_place_for_patterns(product, tmp_path):
    with pytest.warns(UserWarning, match=r"no place for .*diffraction.*to_npz"):
        opened(product).ptyxr.to_product(tmp_path / "p.npz")
    assert "diffraction" not in opened(tmp_path / "p.npz")
    assert xr.open_dataset(tmp_path / "p.npz").position_x.pint.units == ptyxr.ureg.meter
    with pytest.raises(ptyxr.errors.FormatError):
        xr.open_dataset(tmp_path / "p.npz", engine="ptychopinn")


@pytest.mark.slow
def test_weights_beyond_what_an_attribute_holds(tmp_path):
    """HDF5 ends attributes at 64 KiB; from the root, 1.3 and later read weights of any size."""
    points, modes = 10_000, 8
    rng = np.random.default_rng(0)
    scan = ptyxr.tutorial.simulate_scan(positions=9, probe_size=16)
    small = ptyxr.from_rawdata(scan, object_pixel_size="50 nm", probe_pixel_size="50 nm")
    many = small.drop_vars(["diffraction", "scan_index"], errors="ignore").isel(
        position=rng.integers(0, small.sizes["position"], points), coherent_mode=[0] * modes
    )
    weights = rng.normal(size=(points, modes))
    ds = many.assign(opr_weights=(("position", "coherent_mode"), weights))
    path = ds.ptyxr.to_product(
        tmp_path / "many.h5", photon_energy="8 keV", position_index="sequential"
    )
    for release in releases.RELEASES:
        read = releases.read_product(release, path)
        assert read["probe"].shape[0] == modes
        if tuple(map(int, release.split("."))) >= (1, 3):
            np.testing.assert_array_equal(read["opr_weights"], weights)
        else:
            assert read["opr_weights"] is None
    with xr.open_dataset(path, engine="ptychodus") as again:
        np.testing.assert_array_equal(again.opr_weights, weights)


def test_weights_of_other_modes_open_with_a_warning(tmp_path):
    path = tmp_path / "trimmed.h5"
    releases.write_product("1.7.0", path, rich=True)
    with h5py.File(path, "r+") as file:
        trimmed = file["probe"][:1]
        attrs = dict(file["probe"].attrs)
        del file["probe"]
        file["probe"] = trimmed
        file["probe"].attrs.update(attrs)
    with pytest.warns(UserWarning, match="opr_weights.*3 coherent"):
        ds = xr.open_dataset(path, engine="ptychodus")
    assert ds.opr_weights.shape[1] == 3
    ds.close()
