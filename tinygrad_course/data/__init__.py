"""Data sets, and the batches made of them: NumPy arrays in, NumPy arrays out.

    data = load("mnist-12k")
    loader = DataLoader(*data.train, 64, shuffle=True, seed=0, transforms=[RandomShift(2)])
    for x, y in loader.epoch(0): ...

Read `dataset.py`, then `loader.py`; `loading.py` finds data sets by name and by path.
"""

from .archive import load_npz
from .catalogue import info
from .checks import check_finite, check_labels
from .colour import Cutout, GaussianNoise, PCAColor, RandomBrightness
from .dataset import Dataset, Info, Split
from .files import FileStatus, cache_folder, data_folder
from .folder import load_folder
from .generated import moons, spirals, xor
from .geometry import RandomCrop, RandomFlip, RandomRotate, RandomZoom
from .idx import parse_idx, read_idx
from .inventory import fetch, names, status, verify
from .linear import linear
from .loader import DataLoader
from .loading import kind_of, load
from .mapped import load_mapped
from .scaling import MinMax, Standardize
from .splits import Fold, Parts, hold_out, k_fold
from .table import load_csv
from .transforms import RandomShift, Transform

__all__ = [
    "Cutout",
    "DataLoader",
    "Dataset",
    "FileStatus",
    "Fold",
    "GaussianNoise",
    "Info",
    "MinMax",
    "PCAColor",
    "Parts",
    "RandomBrightness",
    "RandomCrop",
    "RandomFlip",
    "RandomRotate",
    "RandomShift",
    "RandomZoom",
    "Split",
    "Standardize",
    "Transform",
    "cache_folder",
    "check_finite",
    "check_labels",
    "data_folder",
    "fetch",
    "hold_out",
    "info",
    "k_fold",
    "kind_of",
    "linear",
    "load",
    "load_csv",
    "load_folder",
    "load_mapped",
    "load_npz",
    "moons",
    "names",
    "parse_idx",
    "read_idx",
    "spirals",
    "status",
    "verify",
    "xor",
]
