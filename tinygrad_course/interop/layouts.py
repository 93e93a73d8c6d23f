"""How PyTorch lays out the weights of each layer, and the way from there to ours.

Used by `torch_weights.py`. Ours: channels last, (KH, KW, C / groups, O), (in, out). PyTorch's:
channels first, (O, C / groups, KH, KW), (out, in).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from .. import nn
from ..backend import is_array
from ..errors import ArgumentError, ShapeError
from ..nn import Module
from ..nn.recurrent import Recurrent
from ..nn.recurrent_cell import Cell
from ..observer import Observer
from ..tensor import Parameter, Tensor

Array = np.ndarray[Any, Any]


NORMS = (nn.BatchNorm, nn.LayerNorm)
REORDERED = (nn.Dense, *NORMS)
"""The layers whose weights can follow another order of their inputs."""


class Layout(NamedTuple):
    """One tensor of a layer, as PyTorch has it.

    Attributes:
        theirs: its name there.
        ours: its shape here.
        shape: its shape there.
        dtype: of both.
        convert: an array of that shape to one of ours.
    """

    theirs: str
    ours: tuple[int, ...]
    shape: tuple[int, ...]
    dtype: Any
    convert: Callable[[Array], Array]


def layout_of(
    layer: Module, attribute: str, tensor: Tensor, theirs: str, image: tuple[int, ...] | None
) -> Layout:
    """The layout of one tensor of `layer`.

    Args:
        layer: who owns it.
        attribute: its name there: `weight`.
        tensor: itself.
        theirs: its whole name in PyTorch.
        image: (H, W, C) of what was flattened to be the layer's input, or None.
    """
    shape = ours = tensor.shape
    convert: Callable[[Array], Array] = _same
    if attribute == "weight" and isinstance(layer, nn.Dense):
        shape, convert = ours[::-1], _transposed
    elif attribute == "weight" and isinstance(layer, (nn.Conv2d, nn.Conv1d)):
        shape = (ours[-1], ours[-2], *ours[:-2])
        convert = _window_first
    elif attribute in ("weight_x", "weight_h") and isinstance(layer, Cell):
        shape, convert = ours[::-1], _transposed  # the gates stand in the same order
    elif attribute == "weight" and isinstance(layer, nn.ConvTranspose2d):
        KH, KW, C, O = ours
        groups = layer.groups
        shape = (C * groups, O // groups, KH, KW)
        convert = _ungrouped(groups)
    dense = attribute == "weight" and isinstance(layer, nn.Dense)
    if image is not None and (dense or isinstance(layer, NORMS)):
        if math.prod(image) != ours[0]:
            raise ShapeError(
                f"load_torch_state_dict: {layer!r} has {ours[0]} inputs, but flattened images of "
                f"shape {image} have {math.prod(image)} values"
            )
        convert = _dense_of_images(image) if dense else _features_of_images(image)
    return Layout(theirs, ours, shape, tensor.dtype, convert)


RECURRENT = {
    "weight_x": "weight_ih", "weight_h": "weight_hh", "bias_x": "bias_ih", "bias_h": "bias_hh",
}  # fmt: skip


def their_name(model: Module, path: str, attribute: str) -> str:
    """What PyTorch calls the tensor `attribute` of the layer at `path`.

    Without the `layers` of every Sequential on the way; a recurrent layer has there the weights of
    its cells itself, as `weight_ih_l0`, `weight_ih_l0_reverse`, `weight_ih_l1`.

    Example:
        >>> from tinygrad_course import nn
        >>> model = nn.Sequential(nn.Sequential(nn.Dense(2, 2)))
        >>> their_name(model, "layers.0.layers.0", "weight")
        '0.0.weight'
    """
    owners = dict(model.named_modules())
    parts: list[str] = []
    at, owner, suffix = "", model, ""
    for part in path.split(".") if path else ():
        at = f"{at}.{part}" if at else part
        if isinstance(owner, Recurrent):  # cells, then the number of one
            if part.isdigit():
                layer, backwards = divmod(int(part), 1 + owner.bidirectional)
                suffix = f"_l{layer}" + "_reverse" * backwards
        elif not (part == "layers" and isinstance(owner, nn.Sequential)):
            parts.append(part)
        owner = owners.get(at, owner)
    if isinstance(owner, Cell):
        attribute = RECURRENT.get(attribute, attribute) + suffix
    return ".".join([*parts, attribute])


def _same(a: Array) -> Array:
    return a


def _transposed(w: Array) -> Array:
    """(out, in) to (in, out)."""
    return w.T


def _window_first(w: Array) -> Array:
    """(O, C / groups, KH, KW) to (KH, KW, C / groups, O); (O, C / groups, K) likewise."""
    return w.transpose(*range(2, w.ndim), 1, 0)


def _ungrouped(groups: int) -> Callable[[Array], Array]:
    """A transposed convolution's (C, O / groups, KH, KW) to (KH, KW, C / groups, O)."""

    def convert(w: Array) -> Array:
        C, O, KH, KW = w.shape
        split = w.reshape(groups, C // groups, O, KH, KW).transpose(3, 4, 1, 0, 2)
        return split.reshape(KH, KW, C // groups, groups * O)

    return convert


def _features_of_images(image: tuple[int, ...]) -> Callable[[Array], Array]:
    """A last axis that runs through C, H, W to one that runs through H, W, C."""
    *pixels, C = image

    def convert(a: Array) -> Array:
        split = a.reshape(*a.shape[:-1], C, *pixels)
        return np.moveaxis(split, a.ndim - 1, -1).reshape(a.shape)

    return convert


def _dense_of_images(image: tuple[int, ...]) -> Callable[[Array], Array]:
    features = _features_of_images(image)
    return lambda w: features(w).T


class Flattenings(Observer):
    """Finds the layers whose input is flattened images: watches one forward pass.

    Images are (N, H, W, C), and sequences (N, T, C) where the model convolves sequences: PyTorch
    has their channels first. An embedding's (N, T, D) is the same in both.

    Attributes:
        found: the layers' names, each with the shape (without N) of what was flattened.
    """

    def __init__(self, model: Module) -> None:
        self.found: dict[str, tuple[int, ...]] = {}
        self._names = {id(module): name for name, module in model.named_modules()}
        self._ranks = {4}
        if any(isinstance(module, nn.Conv1d) for module in model.modules()):
            self._ranks.add(3)
        self._inside: list[tuple[str, Module]] = []
        # Arrays by their identity, and held, so that no other takes it over.
        self._rows: dict[int, tuple[Array, tuple[int, ...]]] = {}

    @contextmanager
    def layer(self, module: Module) -> Iterator[None]:
        self._inside.append((self._names.get(id(module), ""), module))
        try:
            yield
        finally:
            self._inside.pop()

    def after_forward(self, function: Any, inputs: Sequence[Any], ys: Sequence[Any]) -> None:
        arrays = [v.data if isinstance(v, Tensor) else v for v in inputs]
        x, y = arrays[0], ys[0]
        shape = next((self._rows[id(a)][1] for a in arrays if id(a) in self._rows), None)
        if shape is None:
            flat = is_array(x) and x.ndim in self._ranks and y.ndim == 2 and len(x) == len(y)
            if type(function).__name__ == "Reshape" and flat and x.size == y.size:
                self._rows[id(y)] = (y, tuple(x.shape[1:]))
            return
        name, layer = self._inside[-1] if self._inside else ("", None)
        if isinstance(layer, REORDERED):
            self.found.setdefault(name, shape)
            goes_on = isinstance(layer, NORMS) and y.size == x.size  # what a Dense makes is new
        else:
            goes_on = y.shape == x.shape and not any(isinstance(v, Parameter) for v in inputs)
            if not goes_on:
                raise ArgumentError(
                    f"load_torch_state_dict: images of shape {shape} are flattened, and their rows "
                    f"go through {function!r}, behind which their order is unknown; pass "
                    "flattened=, the (H, W, C) for each layer that reads such rows, and reorder "
                    "other weights by hand"
                )
        if goes_on:
            self._rows[id(y)] = (y, shape)
