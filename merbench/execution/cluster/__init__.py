"""The engine of many machines: Dask."""
