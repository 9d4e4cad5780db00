"""Simulated measurements and reconstructions, to learn and test with.

The scan is a small X-ray experiment that could have been measured: a gold resolution chart on a
thin membrane, moved along a Fermat spiral through the defocused beam of a Fresnel zone plate,
8 keV, photon-counting detector. `simulate_scan` has the attribute names of PtychoPINN's
``RawData``, so that it goes wherever a ``RawData`` goes, and `save_npz` writes it as PtychoPINN
does. `simulate_product` is a scan as a dataset in metres, on request with partial coherence, a beam
that drifts, a sample of several layers or a tilted one. `reconstruct` finds object and probe from
the patterns of such a dataset; it is a textbook's, for pages and tests.

Examples
--------
>>> from ptyxr.tutorial import simulate_scan
>>> scan = simulate_scan(positions=50, probe_size=32)
>>> scan
<SimulatedScan: 50 positions, patterns 32 x 32, object 59 x 62>
>>> scan.diff3d.shape, scan.diff3d.dtype
((50, 32, 32), dtype('float32'))
"""

from __future__ import annotations

from ptyxr.tutorial.product import simulate_product
from ptyxr.tutorial.reconstruction import reconstruct
from ptyxr.tutorial.scan import SIMULATED_OPTICS, SimulatedScan, save_npz, simulate_scan

__all__ = [
    "SIMULATED_OPTICS",
    "SimulatedScan",
    "reconstruct",
    "save_npz",
    "simulate_product",
    "simulate_scan",
]


def __dir__() -> list[str]:
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
