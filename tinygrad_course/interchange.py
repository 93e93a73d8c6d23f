"""How a tensor looks to the rest of Python: numbers, NumPy, DLPack, pickle, text.

The base class of `Tensor`; nothing here touches the graph but to refuse to leave it silently.
"""

from __future__ import annotations

import html
from typing import Any, NoReturn

import numpy as np

from .backend import Array, device_of, on_gpu, to_host
from .errors import ArgumentTypeError, DeviceError, GraphError, ShapeError
from .node import Leaf, Node


class Interchange:
    """What `Tensor` inherits; `data` and `node` are its attributes."""

    __slots__ = ()

    data: Array
    node: Node | None

    @property
    def shape(self) -> tuple[int, ...]:
        """The size along each axis."""
        shape: tuple[int, ...] = self.data.shape
        return shape

    @property
    def dtype(self) -> Any:
        """The NumPy dtype of the values."""
        return self.data.dtype

    @property
    def ndim(self) -> int:
        """How many axes there are."""
        ndim: int = self.data.ndim
        return ndim

    @property
    def size(self) -> int:
        """How many values there are."""
        size: int = self.data.size
        return size

    @property
    def device(self) -> str:
        """Where the values are: `"cpu"` or `"cuda:0"`."""
        return device_of(self.data)

    def item(self) -> Any:
        """The value of a one-element tensor, as a Python number."""
        if self.size != 1:
            raise ShapeError(
                f"item: only a tensor with one element is a number, but the shape is {self.shape}"
            )
        return self.data.item()

    def tolist(self) -> Any:
        """The values as nested lists of Python numbers."""
        return self.data.tolist()

    def numpy(self) -> np.ndarray[Any, Any]:
        """The values as a NumPy array that shares their memory; the graph is left behind.

        Raises:
            DeviceError: the values are on a GPU.
        """
        self._refuse_gpu("numpy")
        array: np.ndarray[Any, Any] = self.data
        return array

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        self._refuse_gpu("np.asarray")
        array: np.ndarray[Any, Any] = self._exported("np.asarray")
        if dtype is not None and array.dtype != dtype:
            return array.astype(dtype)
        return array.copy() if copy else array

    def __dlpack__(self, **options: Any) -> Any:
        return self._exported("DLPack").__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        return self.data.__dlpack_device__()

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        """Where the values lie on a GPU, for PyTorch, Numba and CuPy to share them.

        Raises:
            AttributeError: they are on the CPU; that is how other libraries ask.
        """
        if not on_gpu(self.data):
            raise AttributeError("__cuda_array_interface__: this tensor is on the CPU")
        array = self._exported("__cuda_array_interface__")
        interface: dict[str, Any] = array.__cuda_array_interface__
        return interface

    def _refuse_gpu(self, how: str) -> None:
        if on_gpu(self.data):
            raise DeviceError(
                f"{how}: the values are on {device_of(self.data)}, and data move only when they "
                "are told to: write t.cpu() first"
            )

    def _exported(self, how: str) -> Any:
        if self.node is not None:
            raise GraphError(
                f"{how}: this tensor requires a gradient, and the graph would silently end here; "
                "use t.detach() or t.numpy()"
            )
        return self.data

    def __array_function__(self, function: Any, *_: Any) -> NoReturn:
        raise ArgumentTypeError(
            f"np.{function.__name__} does not work on a Tensor, because it would leave the graph; "
            f"use tg.{function.__name__} if there is one, or t.numpy() for the values"
        )

    def __reduce__(self) -> Any:
        self._refuse_graph("pickle")
        grad = None if self.node is None or self.node.grad is None else self.node.grad.data
        return _rebuild, (type(self), self.data, self.node is not None, grad)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        self._refuse_graph("deepcopy")
        rebuild, (cls, data, requires_grad, grad) = self.__reduce__()
        grad = None if grad is None else grad.copy()
        twin = rebuild(cls, data.copy(), requires_grad, grad)
        memo[id(self)] = twin
        return twin

    def _refuse_graph(self, how: str) -> None:
        if self.node is not None and not isinstance(self.node, Leaf):
            raise GraphError(
                f"{how}: this tensor was computed by {self.node!r}, and a graph cannot be copied; "
                "use detach() first"
            )

    def __repr__(self) -> str:
        name = type(self).__name__
        host = to_host(self.data)
        values = np.array2string(host, separator=", ", prefix=f"{name}(", threshold=100)
        node = "" if self.node is None else f", node={self.node!r}"
        return (
            f"{name}({values}, shape={self.shape}, dtype={self.dtype}, device={self.device}{node})"
        )

    def _repr_html_(self) -> str:
        values = np.array2string(to_host(self.data), separator=", ", threshold=100)
        node = "constant" if self.node is None else repr(self.node)
        return (
            f"<div><b>{type(self).__name__}</b> shape {self.shape}, {self.dtype}, {self.device}, "
            f"{html.escape(node)}<pre>{html.escape(values)}</pre></div>"
        )

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else repr(self)

    def __len__(self) -> int:
        if not self.ndim:
            raise ArgumentTypeError("len: a tensor of shape () has no length")
        return self.shape[0]

    def __bool__(self) -> bool:
        return bool(self.item())

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        if self.dtype.kind not in "iu":
            raise ArgumentTypeError(f"a {self.dtype} tensor cannot be an index; use integers")
        return int(self.item())


def _rebuild(cls: Any, data: Array, requires_grad: bool, grad: Any) -> Any:
    """A leaf or a constant again, from a pickle or for a deep copy."""
    tensor = cls.__new__(cls)
    tensor.data = data
    tensor.node = Leaf() if requires_grad else None
    if grad is not None:
        tensor.grad = grad
    return tensor
