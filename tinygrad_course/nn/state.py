"""Loading saved arrays into named tensors: everything is checked before anything is written.

Used by `Module.load_state_dict`. Read next: `printing.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ..backend import as_array, to_device
from ..errors import ArgumentError, ArgumentTypeError, DtypeError, ShapeError, nearest
from ..tensor import Tensor, values

SHOWN = 5
"""How many of many wrong names a message spells out."""


class Unmatched(NamedTuple):
    """Names that were not loaded.

    Attributes:
        missing: names of the model that the state lacks.
        unexpected: names of the state that the model lacks.
    """

    missing: tuple[str, ...]
    unexpected: tuple[str, ...]


def load(
    owner: str, tensors: Mapping[str, Tensor], state: Mapping[str, Any], *, strict: bool
) -> Unmatched:
    """Overwrite `tensors` with the arrays of `state`; see `Module.load_state_dict`."""
    title = f"{owner}.load_state_dict"
    if not isinstance(state, Mapping):
        raise ArgumentTypeError(
            f"{title}: expected a dict of arrays by name, as state_dict() returns it, but got "
            f"{type(state).__name__}"
        )
    missing = tuple(name for name in tensors if name not in state)
    unexpected = tuple(name for name in state if name not in tensors)
    if strict and (missing or unexpected):
        raise ArgumentError(f"{title}: {_names(missing, unexpected, tensors)}")
    arrays = {}
    for name in tensors:
        if name in state:
            value = state[name]
            array = as_array(values(value))
            # The state may hold this model's own arrays: writing one must not change another.
            arrays[name] = to_device(array, tensors[name].device).copy()
    _check_shapes(title, tensors, arrays)
    _check_dtypes(title, tensors, arrays)
    for name, array in arrays.items():
        tensors[name].assign(array)
    return Unmatched(missing, unexpected)


def _names(
    missing: tuple[str, ...], unexpected: tuple[str, ...], tensors: Mapping[str, Any]
) -> str:
    """What is wrong with the names, and what to do about it."""
    parts = []
    if missing:
        parts.append(f"the state lacks {_listed(missing)}")
    if unexpected:
        parts.append(f"the state has {_listed(unexpected)}, which the model lacks")
        candidates = missing or tuple(tensors)
        guess = nearest(unexpected[0], candidates)
        if guess.startswith("did you mean"):
            parts.append(f"for {unexpected[0]!r}: {guess.partition('?')[0]}?")
    return "; ".join(parts) + "; pass strict=False to load only the names that both have"


def _check_shapes(title: str, tensors: Mapping[str, Tensor], arrays: Mapping[str, Any]) -> None:
    wrong = [name for name, array in arrays.items() if array.shape != tensors[name].shape]
    if wrong:
        pairs = [
            f"{name!r} has shape {tensors[name].shape} in the model, but {arrays[name].shape} in "
            "the state"
            for name in wrong[:SHOWN]
        ]
        more = f"; and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
        raise ShapeError(
            f"{title}: {'; '.join(pairs)}{more}; build the model with the sizes it was saved with"
        )


def _check_dtypes(title: str, tensors: Mapping[str, Tensor], arrays: Mapping[str, Any]) -> None:
    for name, array in arrays.items():
        expected = tensors[name].dtype
        if array.dtype != expected:
            raise DtypeError(
                f"{title}: {name!r} is {expected} in the model, but {array.dtype} in the state; "
                f"convert one side: model.astype('{array.dtype}') or array.astype('{expected}')"
            )


def _listed(names: tuple[str, ...]) -> str:
    shown = ", ".join(repr(name) for name in names[:SHOWN])
    return shown if len(names) <= SHOWN else f"{shown} and {len(names) - SHOWN} more"
