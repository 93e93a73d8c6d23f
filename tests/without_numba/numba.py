"""Stands before Numba on the path and cannot be imported: `PYTHONPATH=tests/without_numba pytest`.

The whole suite then runs on the reference kernels, as on a machine where Numba does not install.
"""

raise ImportError("Numba is hidden by tests/without_numba, to test the engine without it")
