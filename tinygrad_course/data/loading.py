"""`load`: a data set of the catalogue by its name, or the user's own by its path.

Next: `catalogue.py` for the names; `folder.py`, `archive.py`, `table.py`, `mapped.py` for paths.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .catalogue import load_named
from .dataset import Dataset


def load(
    name: str,
    *,
    dtype: npt.DTypeLike = np.float32,
    seed: int = 0,
    fetch: bool = True,
    progress: bool = True,
) -> Dataset:
    """A data set by its name."""
    return load_named(name, dtype=dtype, seed=seed, fetch=fetch, progress=progress)
