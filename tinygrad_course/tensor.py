"""A tensor is an array and a node: values, and where they came from.

First of the core's files. A tensor whose node is None is a constant; a leaf, made by the user
with `requires_grad=True`, has a node too, which owns its gradient. What a tensor does by ops, its
operators among it, is in `operators.py`. Read next: `node.py` and `function.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NoReturn

from .backend import Array, array_module, check_device, check_same_device, to_device
from .dtypes import array_from, assignable, literal
from .errors import ArgumentTypeError, DtypeError, GraphError, ShapeError
from .node import Leaf, Node, next_serial, written

if TYPE_CHECKING:
    from .operators import Operators as Base
else:  # `operators.py` adds what it has: an op needs the class below
    from .interchange import Interchange as Base

new = object.__new__


class Tensor(Base):
    """An array of numbers that remembers how it was computed.

    Args:
        data: an array, a scalar or nested lists; copied. Python floats become float32.
        dtype: the dtype to convert to.
        device: where to put it, as "cpu" or "cuda"; None leaves it where the data are.
        requires_grad: make it a leaf: `backward()` will leave dL/d(this) in `.grad`.

    Attributes:
        data: the values, always an array.
        node: the graph node that made it; None for a constant.

    Raises:
        ArgumentTypeError: data that are no real numbers, or integers that require a gradient.
        DeviceError: there is no such device.

    Example:
        >>> import tinygrad_course as tg
        >>> x = tg.Tensor([1.0, 2.0], requires_grad=True)
        >>> (x * x).sum().backward()
        >>> x.grad.tolist()
        [2.0, 4.0]
    """

    __slots__ = ("__weakref__", "data", "node")
    __array_priority__ = 1000

    data: Array
    node: Node | None

    def __init__(
        self, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
    ) -> None:
        if isinstance(data, Tensor):
            data = data.data
        given = array_from(data, dtype)
        moved = given if device is None else to_device(given, check_device(device))
        self.data = array_module(given).array(given, order="C") if moved is given else moved
        self.node = None
        if requires_grad:
            self.requires_grad = True

    # Gradients.

    @property
    def requires_grad(self) -> bool:
        """Whether a gradient can be asked for. Set it on a leaf or a constant only."""
        return self.node is not None

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if bool(value) == (self.node is not None):
            return
        if self.node is not None and not isinstance(self.node, Leaf):
            raise GraphError(
                f"requires_grad: this tensor was computed by {self.node!r}; only a leaf can be "
                "switched off. Use detach() for a constant with the same values"
            )
        if value and self.dtype.kind != "f":
            raise ArgumentTypeError(
                f"requires_grad: only floats have gradients, but the values are {self.dtype}; "
                "convert them with .astype('float32')"
            )
        self.node = Leaf() if value else None

    @property
    def grad(self) -> Tensor | None:
        """dL/d(this), after `backward()`: on leaves, and on tensors that called `retain_grad()`."""
        return None if self.node is None else self.node.grad

    @grad.setter
    def grad(self, value: Any) -> None:
        if self.node is None or not isinstance(self.node, Leaf):
            raise GraphError("grad: only a leaf with requires_grad=True owns a gradient")
        if value is not None:
            value = (
                value
                if isinstance(value, Tensor)
                else wrap(literal(value, self.dtype, self.data), None)
            )
            if value.shape != self.shape:
                raise ShapeError(
                    f"grad: must have the tensor's shape {self.shape}, but it has {value.shape}"
                )
            if value.dtype != self.dtype:
                raise DtypeError(
                    f"grad: must have the tensor's dtype {self.dtype}, but it has {value.dtype}; "
                    f"convert it with .astype('{self.dtype}')"
                )
            check_same_device("grad", (self.data, value.data), ("the tensor", "its gradient"))
        self.node.grad = value

    def zero_grad(self) -> None:
        """Forget the gradient: `.grad` becomes None."""
        if self.node is not None:
            self.node.grad = None

    def retain_grad(self) -> None:
        """Ask for `.grad` on a tensor that is no leaf."""
        if self.node is None:
            raise GraphError("retain_grad: this tensor is a constant; it has no gradient to keep")
        if not isinstance(self.node, Leaf):  # a leaf keeps it anyway
            self.node.retained = True

    def detach(self) -> Tensor:
        """The same values (the same memory) as a constant."""
        return wrap(self.data, None)

    def assign(self, value: Any) -> None:
        """Overwrite the values in place: how a leaf or a buffer is changed from outside.

        A graph that kept the old values will refuse to run backward.

        Raises:
            GraphError: the tensor was computed by an op.
            ShapeError: another shape.
            DtypeError: fractions for a tensor of integers.
            DeviceError: an array on another device.
            ArgumentError: a read-only view.
        """
        if self.node is not None and not isinstance(self.node, Leaf):
            raise GraphError(f"assign: this tensor was computed by {self.node!r}; assign to a leaf")
        if isinstance(value, Tensor):
            value = value.data
        array = assignable(value, self.data)
        check_same_device("assign", (self.data, array), ("the tensor", "the value"))
        self.data[...] = array
        mark_written([self])


class Parameter(Tensor):
    """A leaf that belongs to a model: found by `Module.parameters()`, written by an optimizer.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.Parameter([1.0]).requires_grad
        True
    """

    __slots__ = ()

    def __init__(
        self, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = True
    ) -> None:
        super().__init__(data, dtype=dtype, device=device, requires_grad=requires_grad)

    def _refuse_in_place(self, other: Any) -> NoReturn:
        raise ArgumentTypeError(
            "`parameter += ...` would make a new tensor and leave the model's parameter as it was; "
            "write parameter.assign(parameter.data + ...), or let an optimizer do it"
        )

    __iadd__ = __isub__ = __imul__ = __itruediv__ = __ipow__ = __imatmul__ = _refuse_in_place


def wrap(array: Array, node: Node | None) -> Tensor:
    """A tensor around an array that exists: no copy, no check."""
    tensor = new(Tensor)
    tensor.data = array
    tensor.node = node
    return tensor


def values(x: Any) -> Any:
    """The array of a tensor; anything else as it is. For what is read, not differentiated: labels.

    Example:
        >>> values(Tensor([1, 2])).tolist()
        [1, 2]
    """
    return x.data if isinstance(x, Tensor) else x


def tensor(
    data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A tensor of a copy of `data`; the same as `Tensor(...)`.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.tensor([[1, 2], [3, 4]], dtype="float32").shape
        (2, 2)
    """
    return Tensor(data, dtype=dtype, device=device, requires_grad=requires_grad)


def filled(like: Any, shape: tuple[int, ...], value: float, dtype: Any = None) -> Array:
    """An array of one value, on the device of `like` and, where none is given, of its dtype."""
    array = values(like)
    return array_module(array).full(shape, value, array.dtype if dtype is None else dtype)


def mark_written(tensors: Iterable[Tensor]) -> None:
    """Note that the values of these leaves were overwritten: what a graph kept of them is stale."""
    serial = next_serial()
    for t in tensors:
        if isinstance(t.node, Leaf):
            t.node.changed = written.newest = serial
