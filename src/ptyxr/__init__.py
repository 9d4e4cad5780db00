"""Ptychography data as xarray datasets with units."""
