"""What may stand in an NPZ file, and nobody means to have there: headers, pickles, metadata."""

from __future__ import annotations

__all__ = ["DTYPES", "HEADERS", "MEMBERS", "METADATA", "PICKLES", "SHAPES"]

#: Members that ptyxr has a use for.
MEMBERS = (
    "xcoords", "ycoords", "xcoords_start", "ycoords_start", "diff3d", "diffraction", "probeGuess",
    "objectGuess", "scan_index", "bad_pixels", "_metadata", "Y", "label", "object", "probe",
    "probe_position_x_m", "probe_position_y_m", "probe_position_indexes", "probe_photon_counts",
    "opr_weights", "object_layer_spacing_m", "loss_values", "costs", "loss_epochs", "name",
    "comments", "photon_energy_eV", "far_field", "object_center_x_m", "object_pixel_width_m",
    "probe_pixel_height_m", "polarization", "allow_pickle", "ptyxr_defaults", "units",
)  # fmt: skip

#: As numpy writes types in a header, and as others might.
DTYPES = (
    "'|O'", "'<f2'", "'<f8'", "'>f4'", "'<f16'", "'<c8'", "'<c32'", "'|b1'", "'<M8[s]'", "'<m8'",
    "'|V5'", "'|V0'", "'<U0'", "'<U5'", "'|S0'", "'|S3'", "'<i8'", "'>u8'", "'<x4'", "''", "None",
    "[('a', '<i4')]", "[('a', '<f8', (2, 2))]", "[('r', '<f4'), ('i', '<f4')]", "('<f8', (3,))",
    "[('a', '|O')]", "[]", "{}", "'f8,f8'", "'<f8' + 'x'", "1", "b'<f8'", "'|V999999999'",
    "'<U999999'", "'<c8" + " " * 40 + "'", "('<i4', {'names': ['a'], 'formats': ['<i2']})",
    "'a4'", "'<V8[s]'",
    "'<M8[25s]'", "'<M8[99999999999s]'", "'T'", "'=f8'", "'B'", "'float64'", "'l'",
)  # fmt: skip
#: And shapes.
SHAPES = (
    "()", "(0,)", "(5,)", "(-1,)", "(-5, -1)", "(5, 0)", "(5.0,)", "(True,)", "(1,) * 3", "5",
    "None", "(1000000000000,)", "(9223372036854775807,)", "(9223372036854775808, 2)",
    "(4294967296,) * 2",
    "(" + "1," * 33 + ")", "(" + "1," * 65 + ")", "[5]", "('5',)", "(5, (5,))",
    "(0, 9223372036854775807)", "(99999999999999999999999999,)", "(0, -1)", "(1e3,)",
)  # fmt: skip


#: Pickles that are damaged, execute, or ask for more than there is.
PICKLES = (
    b"cos\nsystem\n(S'true'\ntR.", b"\x80\x04\x95", b"", b".", b"(" * 20000 + b".", b"]" * 5000,
    b"\x80\x02r\xff\xff\xff\x7f.", b"U\xff" + b"x" * 255, b"X\xff\xff\xff\x7f",
    b"\x8e" + b"\xff" * 8,
    b"I" + b"9" * 5000 + b"\n.", b"\x8a\xff" + b"\x7f" * 255 + b".", b"\x82\x01.", b"N0N0.",
    b"Pabc\n.",
    b"\x80\x05\x95" + b"\xff" * 8,
    b"cnumpy\nndarray\n(I99999999999\ntR.",
    b"cnumpy\ndtype\n(S'O8'\ntRb.", b"]" + b"2" * 200 + b".",
    b"(lp0\n" + b"g0\na" * 2000 + b".",
)  # fmt: skip
#: Texts of metadata.
METADATA = (
    "", "{", "[]", "null", "1", '"x"', "NaN", '{"nphotons": NaN}',
    '{"product": {"product": 1}}',
    '{"pixel_origin": ["corner"]}', '{"pixel_origin": {}}', '{"pixel_origin": "pixel"}',
    '{"object_pixel_width_m": 1e999}', '{"object_pixel_width_m": -5e-8}',
    '{"object_center_x_m": "1"}',
    '{"object_center_x_m": 1e300, "object_pixel_width_m": 1e-300}', '{"far_field": 7}',
    '{"photon_energy_eV": ' + "9" * 5000 + "}", "[" * 100000, '{"a":' * 5000 + "1" + "}" * 5000,
    '{"name": "\\ud800", "comments": [], "polarization": 1}', '{"physics_parameters": []}',
    '{"physics_parameters": {"nphotons": true}}', '{"object_pixel_width_m": 5e-324}',
    "\0" * 9 + "x",
    '{"object_pixel_width_m": 5e-8, "object_pixel_height_m": 0, "pixel_origin": "world"}',
)  # fmt: skip
#: What stands in the place of an npy header.
HEADERS = (
    "", "{", "{'descr'", "x", "__import__('os')", "(" * 200, "[" * 9000, "{" * 95,
    "1" * 9000,
    "{'descr': '<f8', 'fortran_order': False, 'shape': (5L,), }", "\0", "'" * 3,
    "lambda: 1",
    "{**{}}", "f'{1}'", "-" * 9000 + "1", "{'descr': '<f8',\n'", "\ud800", "é",
    "\\" * 50, "{1: 2}",
    "{'descr': " + "(" * 500 + ")" * 500 + ", 'fortran_order': False, 'shape': ()}",
)  # fmt: skip
