"""A module's weights in a file: safetensors or npz, by the ending of its name.

A checkpoint (`../checkpoint.py`) holds a whole run; this is the weights alone, for other programs.
Read next: `torch_weights.py`, which makes PyTorch's weights fit.
"""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ArgumentError, CheckpointError
from ..files import replace_file
from ..nn import Module, Unmatched

ENDINGS = (".safetensors", ".npz")


def save_weights(path: str | Path, module: Module | Mapping[str, Any]) -> Path:
    """Write the parameters and buffers of `module`, under the names of its `state_dict()`.

    Args:
        path: a file that ends in .safetensors or .npz; it is replaced whole or not at all.
        module: a module, or a dict of arrays by name.

    Returns:
        The path.

    Raises:
        ArgumentError: another ending.
        FileError: it cannot be written; an older file is unchanged.

    Example:
        >>> import tinygrad_course as tg
        >>> layer = tg.nn.Dense(2, 3)
        >>> path = save_weights("dense.npz", layer)
        >>> sorted(read_weights(path))
        ['bias', 'weight']
    """
    ending = _ending("save_weights", path)
    state = module.state_dict() if isinstance(module, Module) else module
    # The library writes the memory of a transposed array as it lies, without its strides.
    arrays = {name: np.asarray(value, order="C") for name, value in state.items()}
    if ending == ".npz":
        buffer = BytesIO()
        named: dict[str, Any] = arrays
        np.savez(buffer, **named)
        return replace_file(path, buffer.getvalue())
    from safetensors.numpy import save

    return replace_file(path, save(arrays))


def read_weights(path: str | Path) -> dict[str, np.ndarray[Any, Any]]:
    """The arrays of a .safetensors or .npz file by their names, whoever wrote it.

    Raises:
        ArgumentError: another ending.
        CheckpointError: no such file, a damaged one, or one with objects that are no arrays.
    """
    ending = _ending("read_weights", path)
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"read_weights: {path} is expected to be a file, but there is none")
    try:
        if ending == ".npz":
            with np.load(BytesIO(path.read_bytes()), allow_pickle=False) as file:
                return {name: file[name] for name in file.files}
        from safetensors.numpy import load

        return load(path.read_bytes())
    except Exception as error:
        raise CheckpointError(
            f"read_weights: {path} is not a whole {ending} file of numbers that NumPy knows "
            f"({error}); get it again, or let the program that wrote it convert it"
        ) from error


def load_weights(path: str | Path, module: Module, *, strict: bool = True) -> Unmatched:
    """Overwrite the parameters and buffers of `module` with those of a file.

    Args:
        path: a file of `save_weights`.
        module: built as the one that was saved.
        strict: every name must have its counterpart; see `Module.load_state_dict`.

    Returns:
        The names that were not loaded.

    Raises:
        ArgumentError: another ending; names that one side lacks.
        CheckpointError: no such file, or a damaged one.
        ShapeError: another shape.
        DtypeError: another dtype.

    Example:
        >>> import tinygrad_course as tg
        >>> one, other = tg.nn.Dense(2, 3), tg.nn.Dense(2, 3)
        >>> load_weights(save_weights("dense.safetensors", one), other)
        Unmatched(missing=(), unexpected=())
        >>> bool((one.weight == other.weight).numpy().all())
        True
    """
    return module.load_state_dict(read_weights(path), strict=strict)


def _ending(function: str, path: str | Path) -> str:
    ending = Path(path).suffix
    if ending not in ENDINGS:
        raise ArgumentError(
            f"{function}: a file of weights ends in {' or '.join(ENDINGS)}, but it is {path}"
        )
    return ending
