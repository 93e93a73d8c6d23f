"""Weights from and for other programs: safetensors, npz, and PyTorch's state_dict.

Read `weight_files.py` first, then `torch_weights.py`.
"""

from .torch_weights import load_torch_state_dict
from .weight_files import load_weights, read_weights, save_weights

__all__ = ["load_torch_state_dict", "load_weights", "read_weights", "save_weights"]
