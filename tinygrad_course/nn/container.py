"""`Sequential`: layers one after the other. Read next: `summary.py`."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any

from ..errors import ArgumentTypeError, IndexingError
from .module import Module


class Sequential(Module):
    """The output of each layer is the input of the next.

    Args:
        *layers: modules, in order.

    Raises:
        ArgumentTypeError: something that is no module.

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> model = tg.nn.Sequential(tg.nn.Dense(2, 8), tg.nn.ReLU(), tg.nn.Dense(8, 2))
        >>> model(tg.tensor(np.ones((5, 2), "float32"))).shape
        (5, 2)
        >>> len(model), model[-1], len(model[:2])
        (3, Dense(8, 2), 2)
        >>> model
        Sequential()
          layers.0: Dense(2, 8)
          layers.1: ReLU()
          layers.2: Dense(8, 2)
    """

    def __init__(self, *layers: Module) -> None:
        self.layers: list[Module] = []
        for layer in layers:
            self.append(layer)

    def forward(self, x: Any) -> Any:
        """Through all layers; without any, x itself."""
        for layer in self.layers:
            x = layer(x)
        return x

    def append(self, layer: Module) -> Sequential:
        """Add a layer at the end; returns the container."""
        if not isinstance(layer, Module):
            remedy = ""
            if isinstance(layer, type):
                remedy = f"; write {layer.__name__}() with its arguments"
            elif isinstance(layer, (list, tuple)):
                remedy = "; write Sequential(*layers)"
            elif callable(layer):
                remedy = "; wrap a function in a Module with a forward"
            raise ArgumentTypeError(
                f"Sequential: a layer must be a Module, but got {layer!r}{remedy}"
            )
        self.layers.append(layer)
        return self

    def __getitem__(self, index: Any) -> Any:
        """A layer by its position; of a slice, a Sequential that shares those layers."""
        if isinstance(index, slice):
            part = Sequential(*self.layers[index])
            part.training = self.training
            return part
        try:
            return self.layers[operator.index(index)]
        except TypeError:
            raise ArgumentTypeError(
                f"Sequential: an index must be an integer or a slice, but it is {index!r}"
            ) from None
        except IndexError:
            raise IndexingError(
                f"Sequential: index {index} is outside its {len(self.layers)} layers"
            ) from None

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[Module]:
        return iter(self.layers)
