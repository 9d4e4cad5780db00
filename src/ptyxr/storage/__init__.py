"""What formats stand on: lazy, safe access to HDF5 and NPZ files, and atomic writing."""
