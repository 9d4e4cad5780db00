"""Each release's product opens in ptyxr as it was written, and goes to each other release."""

from __future__ import annotations

import exchange
import h5py
import numpy as np
import pytest
import xarray as xr

import ptyxr
import releases


@pytest.fixture(scope="module")
def products(tmp_path_factory):
    return exchange.write_all(tmp_path_factory.mktemp("exchange"))


def test_what_each_release_wrote_opens_as_it_was(products):
    for product in products:
        with xr.open_dataset(product.path, engine="ptychodus") as ds:
            found = exchange.seen_by_ptyxr(ds)
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
        with xr.open_dataset(product.path, engine="ptychodus") as ds:
            before = exchange.seen_by_ptyxr(ds)
        with xr.open_dataset(product.through, engine="ptychodus") as ds:
            after = exchange.seen_by_ptyxr(ds)
        assert set(before) == set(after)
        assert not exchange.differences(after, before, "ptyxr")


def test_the_documentation_says_so():
    text = exchange.DOCS.read_text(encoding="utf-8")
    pairs = len(releases.RELEASES) ** 2
    said = f"Of {pairs} pairs, a rich product is read by {pairs}, with its OPR weights by {pairs}"
    assert said in text


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
    path = ds.ptyxr.to_product(tmp_path / "many.h5", position_index="sequential")
    for release in releases.RELEASES:
        read = releases.read_product(release, path)
        assert read["probe"].shape[0] == modes
        if tuple(map(int, release.split("."))) >= (1, 3):
            np.testing.assert_array_equal(read["opr_weights"], weights)
        else:
            assert read["opr_weights"] is None
    with xr.open_dataset(path, engine="ptychodus") as again:
        np.testing.assert_array_equal(again.opr_weights, weights)


def test_weights_of_other_modes_open_with_a_warning(products, tmp_path):
    rich = next(p for p in products if p.writer == "1.7.0" and p.kind == "rich")
    path = tmp_path / "trimmed.h5"
    path.write_bytes(rich.path.read_bytes())
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
